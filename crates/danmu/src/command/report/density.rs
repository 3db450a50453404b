//! The density of talk over time, with highlights and gaps.

use super::axis::{self, Axis};
use super::label;
use super::pulse::{Pulse, Span};
use super::style::Style;
use super::svg::{Anchor, Svg, Type};

/// What is drawn.
#[derive(Clone, Debug, Default)]
pub(super) struct Density {
    pub(super) pulse: Pulse,
    /// When nobody listened, in order.
    pub(super) deaf: Vec<Span>,
    /// Highlights in order.
    pub(super) marks: Vec<Mark>,
}

/// A highlight.
#[derive(Clone, Debug)]
pub(super) struct Mark {
    pub(super) span: Span,
    /// What was said in it, in few words.
    pub(super) says: String,
}

const PLOT_HEIGHT: f64 = 210.0;
/// Above the plot: the legend,
const LEGEND: f64 = 30.0;
/// what is said in highlights, and their numbers.
const MARKS: f64 = 48.0;
const SIZE: f64 = 11.5;

/// Draws it; nothing, if nothing was said.
pub(super) fn draw(density: &Density, style: &Style<'_>, width: f64) -> Option<Svg> {
    let Style { palette, lang, .. } = *style;
    let Density { pulse, deaf, marks } = density;
    let sessions = pulse.sessions();
    if sessions.is_empty() {
        return None;
    }
    // With as many points as can be told apart.
    let bin_us = pulse.bin_us(&sessions, width / 4.0);
    let rates: Vec<_> = sessions.iter().map(|session| pulse.rates(*session, bin_us, deaf)).collect();
    let most = rates.iter().flatten().filter_map(|(_, rate)| *rate).fold(0.0, f64::max);
    let steps = label::steps(most, 4);
    let top = steps.last().copied().unwrap_or(1.0);
    let names: Vec<String> = steps.iter().map(|step| label::brief(*step, lang)).collect();
    let left = names.iter().map(|name| label::width(name, SIZE)).fold(0.0, f64::max) + 10.0;
    let above = if marks.is_empty() { LEGEND } else { LEGEND + MARKS };
    let base = above + PLOT_HEIGHT;
    let mut svg = Svg::new(&style.id("density"), width, base + axis::HEIGHT);
    let time = Axis::new(&sessions, left, width - 6.0);
    let y = |rate: f64| base - rate / top * PLOT_HEIGHT;

    for (step, name) in steps.iter().zip(&names) {
        svg.line((left, y(*step)), (width, y(*step)), palette.faint, None);
        svg.text((left - 8.0, y(*step) + 4.0), name, Type::new(SIZE, palette.muted).anchor(Anchor::End));
    }
    let hatch = svg.hatch(palette.gap);
    for span in deaf.iter().filter(|span| sessions.iter().any(|session| span.0 < session.1 && span.1 > session.0)) {
        let (from, to) = (time.x(span.0), time.x(span.1));
        svg.veil((from, above, (to - from).max(2.0), PLOT_HEIGHT), &hatch, 0.8);
    }
    for (from, to, _) in time.breaks() {
        // Paper, torn: nothing of what follows is between the sessions.
        svg.rect((from, above - 2.0, to - from, PLOT_HEIGHT + 4.0), 0.0, palette.card);
        let middle = f64::midpoint(from, to);
        svg.line((middle, above), (middle, base), palette.gap, Some("2 4"));
    }
    for Mark { span, .. } in marks {
        let (from, to) = (time.x(span.0), time.x(span.1));
        svg.veil((from, above, (to - from).max(3.0), PLOT_HEIGHT), palette.gold, 0.28);
    }
    let area = svg.fade(palette.accent, 0.42, 0.03);
    for session in &rates {
        for stretch in session.split(|(_, rate)| rate.is_none()) {
            let points: Vec<_> = stretch.iter().map(|(at, rate)| (time.x(*at), y(rate.unwrap_or(0.0)))).collect();
            svg.curve(&points, palette.accent, Some((base, &area)));
        }
    }
    time.draw(&mut svg, base, style.zone, lang, palette);
    numbers(&mut svg, above, marks, &time, style);
    legend(&mut svg, density, style, width);
    Some(svg)
}

/// The numbers of highlights on a line above the plot, and above each what was said. Where they are close together, they
/// move apart, and words for which there is no room are left out.
fn numbers(svg: &mut Svg, base: f64, marks: &[Mark], time: &Axis, style: &Style<'_>) {
    const RADIUS: f64 = 8.5;
    let palette = style.palette;
    let apart = 2.0 * RADIUS + 2.0;
    let tops: Vec<f64> = marks.iter().map(|mark| time.x(mark.span.0.midpoint(mark.span.1))).collect();
    let mut places = tops.clone();
    let limit = svg.width - RADIUS - 1.0;
    for at in 1..places.len() {
        places[at] = places[at].max(places[at - 1] + apart);
    }
    for at in (0..places.len()).rev() {
        let next = places.get(at + 1).map_or(limit, |next| next - apart);
        places[at] = places[at].min(next);
    }
    let y = base - RADIUS - 8.0;
    let mut said_to = f64::MIN;
    for (at, ((place, top), mark)) in places.iter().zip(tops).zip(marks).enumerate() {
        svg.line((*place, y + RADIUS), (top, base), palette.gold, None);
        svg.circle((*place, y), RADIUS, palette.gold);
        let number = Type::new(11.0, palette.on_color).anchor(Anchor::Middle).bold();
        svg.text((*place, y + 3.9), &(at + 1).to_string(), number);
        let says = style.fit(&mark.says, SIZE, 96.0, "");
        let half = label::width(&says, SIZE) / 2.0;
        let middle = place.min(svg.width - half);
        if !says.is_empty() && middle - half > said_to + 6.0 {
            svg.text((middle, y - RADIUS - 5.0), &says, Type::new(SIZE, palette.ink).anchor(Anchor::Middle));
            said_to = middle + half;
        }
    }
}

/// What the colours mean, in one line above all.
fn legend(svg: &mut Svg, density: &Density, style: &Style<'_>, width: f64) {
    let Style { palette, lang, .. } = *style;
    let hatch = svg.hatch(palette.gap);
    let mut entries = vec![(lang.say("lines a minute", "弹幕／分钟"), palette.accent)];
    if !density.marks.is_empty() {
        entries.push((lang.say("highlight", "高能时刻"), palette.gold));
    }
    if !density.deaf.is_empty() {
        entries.push((lang.say("not recorded", "未录到"), &hatch));
    }
    let mut x = 0.0;
    for (name, color) in entries {
        let wide = 18.0 + label::width(name, SIZE) + 16.0;
        if x + wide > width + 16.0 {
            break;
        }
        svg.rect((x, 3.0, 12.0, 10.0), 2.0, color);
        svg.text((x + 18.0, 12.5), name, Type::new(SIZE, palette.muted));
        x += wide;
    }
}
