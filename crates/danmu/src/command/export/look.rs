//! How an export looks: what each format leaves a choice of.

use danmu_sinks::format::ass::{Density, Resolution};
use danmu_sinks::format::xml::Dialect;
use danmu_sinks::sink::Options;

use crate::duration;

/// Options that mean something to some formats. Those that are not given are the format's own defaults.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "How it looks, in the formats that have it")]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(super) struct Look {
    /// Without the pairs of the raw payload (jsonl)
    #[arg(long)]
    no_fields: bool,
    /// Text as it is, also where a spreadsheet would run it (csv)
    #[arg(long)]
    csv_raw: bool,
    /// Begin with a byte order mark, for Excel and other programs on Windows (csv, txt, srt, ass)
    #[arg(long)]
    bom: bool,
    /// Whose habits to follow: bilibili or recorder (xml) [default: bilibili]
    #[arg(long, value_name = "NAME", value_parser = dialect)]
    dialect: Option<Dialect>,
    /// Gifts and super chats with their message as JSON (xml)
    #[arg(long)]
    xml_raw: bool,
    /// Font (ass) [default: Microsoft YaHei]
    #[arg(long, value_name = "NAME")]
    font: Option<String>,
    /// Height of a line (ass) [default: 38]
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(4..=1000))]
    font_size: Option<u32>,
    /// 0 for invisible to 1 (ass) [default: 0.7]
    #[arg(long, value_name = "SHARE", value_parser = share)]
    opacity: Option<f64>,
    /// How much of the height chat may take, from the top (ass) [default: 1]
    #[arg(long, value_name = "SHARE", value_parser = share)]
    area: Option<f64>,
    /// 0 to show all, -1 to leave out what would cover others, N for at most so many at once (ass) [default: 0]
    #[arg(long, value_name = "N", value_parser = density, allow_hyphen_values = true)]
    density: Option<Density>,
    /// How long chat takes to cross the screen (ass) [default: 12s]
    #[arg(long, value_name = "DURATION", value_parser = crossing)]
    scroll_time: Option<u32>,
    /// Width and height that positions are given in (ass) [default: 1920x1080]
    #[arg(long, value_name = "WxH")]
    resolution: Option<Resolution>,
    /// Names before what people say (ass)
    #[arg(long)]
    names: bool,
    /// The most lines at once (srt, vtt) [default: 6]
    #[arg(long, value_name = "LINES", value_parser = clap::value_parser!(u16).range(1..=100))]
    window: Option<u16>,
    /// How long a line stands (srt, vtt) [default: 8s]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    hold: Option<std::time::Duration>,
}

impl Look {
    /// The options by their names, and whether each was given.
    pub(super) fn given(&self) -> impl Iterator<Item = (&'static str, bool)> {
        [
            ("no-fields", self.no_fields),
            ("csv-raw", self.csv_raw),
            ("bom", self.bom),
            ("dialect", self.dialect.is_some()),
            ("xml-raw", self.xml_raw),
            ("font", self.font.is_some()),
            ("font-size", self.font_size.is_some()),
            ("opacity", self.opacity.is_some()),
            ("area", self.area.is_some()),
            ("density", self.density.is_some()),
            ("scroll-time", self.scroll_time.is_some()),
            ("resolution", self.resolution.is_some()),
            ("names", self.names),
            ("window", self.window.is_some()),
            ("hold", self.hold.is_some()),
        ]
        .into_iter()
    }

    /// As the formats take them.
    pub(super) fn options(&self) -> Options {
        let mut options = Options::default();
        options.bom = self.bom;
        options.jsonl.fields = !self.no_fields;
        options.csv.raw = self.csv_raw;
        options.xml.raw = self.xml_raw;
        set(&mut options.xml.dialect, self.dialect);
        let ass = &mut options.ass;
        ass.names = self.names;
        set(&mut ass.font, self.font.clone());
        set(&mut ass.font_size, self.font_size);
        set(&mut ass.opacity, self.opacity);
        set(&mut ass.area, self.area);
        set(&mut ass.density, self.density);
        set(&mut ass.scroll_ms, self.scroll_time);
        set(&mut ass.resolution, self.resolution);
        set(&mut options.window.lines, self.window.map(usize::from));
        set(&mut options.window.hold_ms, self.hold.map(|hold| i64::try_from(hold.as_millis()).unwrap_or(i64::MAX)));
        options
    }
}

fn set<T>(option: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *option = given;
    }
}

fn dialect(name: &str) -> Result<Dialect, String> {
    match name {
        "bilibili" => Ok(Dialect::Bilibili),
        "recorder" => Ok(Dialect::Recorder),
        name => Err(format!("{name:?} is no dialect; there are bilibili, recorder")),
    }
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| format!("{text:?} is no share; write 0 to 1, such as 0.7"))
}

fn density(text: &str) -> Result<Density, String> {
    match text.parse() {
        Ok(-1) => Ok(Density::NoOverlap),
        Ok(0) => Ok(Density::All),
        Ok(most @ 1..) => Ok(Density::AtMost(most as u32)),
        _ => Err(format!("{text:?} is no density; write 0, -1 or how many at once")),
    }
}

fn crossing(text: &str) -> Result<u32, String> {
    let ms = u32::try_from(duration::parse(text)?.as_millis()).ok().filter(|ms| (100..=600_000).contains(ms));
    ms.ok_or_else(|| format!("{text:?} is no time to cross the screen in; write 100ms to 10m"))
}
