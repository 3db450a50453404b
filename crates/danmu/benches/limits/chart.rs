//! The picture of growth: four small panels, log-log, of the points that [`growth::note`](crate::growth::note) put down.
//!
//! ```sh
//! cargo bench -p danmu --bench limits -- growth rows rooms   # measure
//! cargo bench -p danmu --bench limits -- chart               # draw docs/images/growth.svg
//! ```

use std::fmt::Write;
use std::fs;
use std::path::Path;

use crate::growth;
use crate::report::is_full;

/// What a panel shows. `y` is always a time, in units of so many seconds.
struct Panel {
    name: &'static str,
    title: &'static str,
    about: &'static str,
    is_bytes: bool,
    unit_s: f64,
}

const PANELS: [Panel; 4] = [
    Panel {
        name: "message",
        title: "Size of a message",
        about: "CPU time for one, by its bytes",
        is_bytes: true,
        unit_s: 1e-9,
    },
    Panel {
        name: "links",
        title: "Links to a room",
        about: "CPU time for each message that the room says, by links",
        is_bytes: false,
        unit_s: 1e-9,
    },
    Panel {
        name: "rows",
        title: "Rows of a recording",
        about: "CPU time to write them all, by rows",
        is_bytes: false,
        unit_s: 1.0,
    },
    Panel {
        name: "rooms",
        title: "Rooms in one process",
        about: "CPU time a second, at one message a second in each",
        is_bytes: false,
        unit_s: 1e-3,
    },
];

const STYLE: &str = "
    text { font: 13px system-ui, 'DejaVu Sans', sans-serif; fill: #57606a; stroke: #ffffff; stroke-width: 4; paint-order: stroke }
    .back { fill: #ffffff } .title { font-size: 17px; font-weight: 600; fill: #1f2328 }
    .grid { stroke: #d8dee4; stroke-width: 1 } .linear { stroke: #8c959f; stroke-width: 1.5; stroke-dasharray: 5 5 }
    .s0 { --c: #0969da } .s1 { --c: #bc4c00 } .s2 { --c: #1a7f37 }
    .line { stroke: var(--c); stroke-width: 2; fill: none } .dot { fill: var(--c) }
    @media (prefers-color-scheme: dark) {
      text { fill: #9198a1; stroke: #0d1117 } .back { fill: #0d1117 } .title { fill: #f0f6fc }
      .grid { stroke: #2a313c } .linear { stroke: #6e7681 }
      .s0 { --c: #58a6ff } .s1 { --c: #f0883e } .s2 { --c: #3fb950 }
    }
";

const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 800.0;
/// Of the plot within a panel, in pixels: left, top, right, bottom.
const PLOT: [f64; 4] = [76.0, 66.0, 466.0, 336.0];

/// What is drawn as one line, of one point at least.
struct Series {
    name: String,
    points: Vec<(f64, f64)>,
}

impl Series {
    fn last(&self) -> f64 {
        self.points[self.points.len() - 1].1
    }
}

/// Draws what was noted since the last picture, and the other panels as they were. Where nothing is measured, draws
/// something for nobody.
pub(crate) fn run() {
    if !is_full() {
        let points = PANELS.iter().map(|panel| format!("{0}\ta\t1\t3\n{0}\tb\t1000\t7\n", panel.name));
        let svg = draw(&points.collect::<Vec<_>>().concat());
        assert!(svg.ends_with("</svg>\n") && !svg.contains("NaN"));
        return;
    }
    let images = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/images");
    let read = |path: &Path| fs::read_to_string(path).unwrap_or_default();
    let (known, new) = (read(&images.join("growth.tsv")), read(&growth::file()));
    let is_in = |noted: &str, panel: &str| noted.lines().any(|line| line.split('\t').next() == Some(panel));
    // A panel is drawn anew as a whole: points of different runs do not belong on one line.
    let kept = known.lines().filter(|line| !is_in(&new, line.split('\t').next().unwrap_or_default()));
    let mut lines: Vec<&str> = kept.chain(new.lines()).collect();
    lines.sort_unstable();
    let noted = lines.join("\n") + "\n";
    for panel in &PANELS {
        assert!(is_in(&noted, panel.name), "there are no points of {:?}: measure first", panel.name);
    }
    fs::write(images.join("growth.tsv"), &noted).unwrap();
    fs::write(images.join("growth.svg"), draw(&noted)).unwrap();
    println!("chart: docs/images/growth.svg, of {}", growth::file().display());
}

/// The picture of points in lines like those of [`growth::file`].
fn draw(noted: &str) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">\n  \
         <title>How cost grows with the size of messages, links, rows and rooms</title>\n  <style>{STYLE}  </style>\n  \
         <rect class=\"back\" width=\"100%\" height=\"100%\"/>\n"
    );
    for (at, panel) in PANELS.iter().enumerate() {
        let (left, top) = ((at % 2) as f64 * WIDTH / 2.0, (at / 2) as f64 * (HEIGHT - 40.0) / 2.0);
        writeln!(svg, "  <g transform=\"translate({left} {top})\">").unwrap();
        draw_panel(&mut svg, panel, &series(noted, panel));
        svg.push_str("  </g>\n");
    }
    let y = HEIGHT - 18.0;
    write!(
        svg,
        "  <g class=\"s0\"><circle class=\"dot\" cx=\"80\" cy=\"{dot}\" r=\"4\"/></g><text x=\"92\" y=\"{y}\">measured</text>\n  \
         <line class=\"linear\" x1=\"180\" y1=\"{dot}\" x2=\"220\" y2=\"{dot}\"/>\
         <text x=\"230\" y=\"{y}\">linear: twice as much costs twice as much (both axes are logarithmic)</text>\n</svg>\n",
        dot = y - 4.5,
    )
    .unwrap();
    svg
}

/// The lines of a panel, their points in order.
fn series(noted: &str, panel: &Panel) -> Vec<Series> {
    let mut all: Vec<Series> = Vec::new();
    for line in noted.lines() {
        let cells: Vec<&str> = line.split('\t').collect();
        let [name, series, x, y] = cells[..] else { panic!("{line:?} is no point") };
        if name != panel.name {
            continue;
        }
        let point: (f64, f64) = (x.parse().unwrap(), y.parse::<f64>().unwrap() * panel.unit_s);
        match all.iter_mut().find(|known| known.name == series) {
            Some(known) => known.points.push(point),
            None => all.push(Series { name: series.to_owned(), points: vec![point] }),
        }
    }
    for series in &mut all {
        series.points.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    // The dearest first.
    all.sort_by(|a, b| b.last().total_cmp(&a.last()));
    all
}

fn draw_panel(svg: &mut String, panel: &Panel, all: &[Series]) {
    let [left, top, right, bottom] = PLOT;
    let points = || all.iter().flat_map(|series| &series.points);
    let x = Axis::over(points().map(|point| point.0), 1.0, left, right);
    let y = Axis::over(points().map(|point| point.1), 1.4, bottom, top);
    writeln!(svg, "    <text class=\"title\" x=\"{left}\" y=\"30\">{}</text>", panel.title).unwrap();
    writeln!(svg, "    <text x=\"{left}\" y=\"50\">{}</text>", panel.about).unwrap();
    for tick in x.ticks(panel.is_bytes) {
        let (at, label) = (x.at(tick), if panel.is_bytes { bytes(tick) } else { count(tick) });
        writeln!(svg, "    <line class=\"grid\" x1=\"{at:.1}\" y1=\"{top}\" x2=\"{at:.1}\" y2=\"{bottom}\"/>").unwrap();
        writeln!(svg, "    <text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{label}</text>", bottom + 20.0).unwrap();
    }
    for tick in y.ticks(false) {
        let (at, label) = (y.at(tick), time(tick));
        writeln!(svg, "    <line class=\"grid\" x1=\"{left}\" y1=\"{at:.1}\" x2=\"{right}\" y2=\"{at:.1}\"/>").unwrap();
        writeln!(svg, "    <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>", left - 8.0, at + 4.5)
            .unwrap();
    }
    if let Some(&(x0, y0)) = all.first().and_then(|series| series.points.first()) {
        // Up to where it leaves the plot.
        let to = x.to.min(x0 * y.to / y0);
        let [x1, y1, x2, y2] = [x.at(x0), y.at(y0), x.at(to), y.at(y0 * to / x0)];
        writeln!(svg, "    <line class=\"linear\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>")
            .unwrap();
    }
    for (nth, series) in all.iter().enumerate() {
        let at: Vec<(f64, f64)> = series.points.iter().map(|point| (x.at(point.0), y.at(point.1))).collect();
        let path: Vec<String> = at.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        writeln!(svg, "    <g class=\"s{nth}\">\n      <polyline class=\"line\" points=\"{}\"/>", path.join(" "))
            .unwrap();
        for (x, y) in &at {
            writeln!(svg, "      <circle class=\"dot\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\"/>").unwrap();
        }
        if all.len() > 1 {
            // Above the straight line nothing is drawn.
            let (x, y) = (left + 16.0, top + 18.0 + 20.0 * nth as f64);
            writeln!(svg, "      <circle class=\"dot\" cx=\"{x}\" cy=\"{}\" r=\"4\"/>", y - 4.5).unwrap();
            writeln!(svg, "      <text x=\"{}\" y=\"{y}\">{}</text>", x + 12.0, series.name).unwrap();
        }
        svg.push_str("    </g>\n");
    }
}

/// A logarithmic axis.
struct Axis {
    from: f64,
    to: f64,
    /// Where its ends are drawn.
    begin: f64,
    end: f64,
}

impl Axis {
    /// Over all values, and so many times as far at both ends.
    fn over(values: impl Iterator<Item = f64>, further: f64, begin: f64, end: f64) -> Self {
        let ends = (f64::INFINITY, 0.0_f64);
        let (least, most) = values.fold(ends, |(least, most), value| (least.min(value), most.max(value)));
        Self { from: least / further, to: most * further, begin, end }
    }

    fn at(&self, value: f64) -> f64 {
        self.begin + (self.end - self.begin) * (value / self.from).ln() / (self.to / self.from).ln()
    }

    /// Round numbers along it, no more than there is room for.
    fn ticks(&self, is_bytes: bool) -> Vec<f64> {
        let within = |tick: &f64| (self.from * 0.999..=self.to * 1.001).contains(tick);
        if is_bytes {
            return (0..16).map(|power| 4_f64.powi(power)).filter(within).step_by(2).collect();
        }
        let of = |digits: &[f64]| -> Vec<f64> {
            let all = (-10..10).flat_map(|power| digits.iter().map(move |digit| digit * 10_f64.powi(power)));
            all.filter(within).collect()
        };
        let all = &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0][..];
        let finer = [all, &[1.0, 2.0, 3.0, 5.0], &[1.0, 2.0, 5.0], &[1.0]].map(of);
        finer.into_iter().find(|ticks| ticks.len() <= MOST_TICKS).unwrap_or_default()
    }
}

/// So many labels have room along an axis.
const MOST_TICKS: usize = 7;

fn bytes(value: f64) -> String {
    match value {
        1_048_576.0.. => format!("{} MiB", value / 1_048_576.0),
        1024.0.. => format!("{} KiB", value / 1024.0),
        _ => format!("{value} B"),
    }
}

fn count(value: f64) -> String {
    match value {
        1e6.. => format!("{} million", value / 1e6),
        1e3.. => format!("{},000", value / 1e3),
        _ => format!("{value}"),
    }
}

fn time(seconds: f64) -> String {
    let (times, unit) = match seconds {
        0.999.. => (1.0, "s"),
        0.000_999.. => (1e3, "ms"),
        0.000_000_999.. => (1e6, "µs"),
        _ => (1e9, "ns"),
    };
    format!("{:.0} {unit}", seconds * times)
}
