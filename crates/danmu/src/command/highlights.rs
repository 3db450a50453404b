//! `danmu highlights`: which moments to clip.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::bail;
use danmu_sinks::export::Start;
use danmu_sinks::recording::highlights::{Highlight, HighlightOptions};
use danmu_sinks::{Filter, Recording};
use jiff::Timestamp;

use crate::command::export::start;
use crate::duration;
use crate::exit::Exit;
use crate::printer::{Closed, Printer};
use crate::select::{Select, show};
use crate::table::{Side, Table, count, fit};
use crate::text::safe;

mod files;

use files::Clip;

/// Find the moments that people talked about
///
/// A highlight is where much more is said than in the minutes around it. Repeats count less: a flood by one person and pasted text are no highlight.
#[derive(clap::Args, Debug)]
pub(crate) struct Highlights {
    /// The recording; it may be one that is being recorded into
    recording: PathBuf,
    /// How to print them
    #[arg(long = "as", value_name = "FORMAT", value_enum, default_value_t)]
    format: Format,
    /// Print JSON Lines, as --as json
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// At most so many, the best
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
    /// Only those with this score or a higher one: 2.5 is worth a look, 5 is hard to miss
    #[arg(long, value_name = "SCORE", value_parser = score, default_value = "2.5")]
    min_score: f32,
    #[command(flatten)]
    cut: Cut,
    #[command(flatten)]
    select: Select,
}

/// How highlights lie in a video.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "In the video")]
struct Cut {
    /// What is 0:00: a time, first (the room's first message) or live (when its stream began) [default: first]
    #[arg(long, value_name = "TIME", value_parser = start, allow_hyphen_values = true)]
    start: Option<Start>,
    /// Clips begin so long before people talk about it
    #[arg(long, value_name = "DURATION", value_parser = lead, default_value = "15s")]
    lead: Duration,
    /// The video, as the cut list names it
    #[arg(long, value_name = "FILE", value_parser = video, default_value = "video.mp4")]
    video: String,
}

/// How highlights are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// A table, with what was said
    #[default]
    Table,
    /// JSON Lines
    Json,
    /// CSV, for spreadsheets
    Csv,
    /// A cut list: ffmpeg -f concat -safe 0 -i LIST -c copy best.mp4
    Ffmpeg,
    /// Chapters in WebVTT, for web players
    Vtt,
    /// Chapters in OGM's way, for mkvmerge and MP4Box
    Ogm,
}

/// A duration that may also be none.
fn lead(text: &str) -> Result<Duration, String> {
    if text == "0" || text == "0s" { Ok(Duration::ZERO) } else { duration::parse(text) }
}

/// Reads a score.
fn score(text: &str) -> Result<f32, String> {
    let score = text.parse().ok().filter(|score: &f32| score.is_finite() && *score >= 0.0);
    score.ok_or_else(|| format!("{text:?} is no score; write a number such as 2.5"))
}

/// Reads the name of a video. In a cut list it is one line.
fn video(text: &str) -> Result<String, String> {
    if text.is_empty() || text.contains(char::is_control) {
        return Err("a cut list cannot name such a file; rename it".to_owned());
    }
    Ok(text.to_owned())
}

impl Highlights {
    /// Finds them.
    pub(crate) fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        let recording = Recording::open(&self.recording)?;
        let mut options = HighlightOptions::default();
        options.filter = self.select.filter();
        options.threshold = self.min_score;
        options.most = self.limit;
        let highlights = recording.highlights(&options)?;
        let format = if self.json { Format::Json } else { self.format };
        let is_of_one_video = matches!(format, Format::Ffmpeg | Format::Vtt | Format::Ogm);
        if is_of_one_video && highlights.windows(2).any(|pair| pair[0].room != pair[1].room) {
            bail!("{} has several rooms, and a video shows one; choose it with --room", self.recording.display());
        }
        let clips = self.clips(&highlights, &recording, &options.filter)?;
        match format {
            Format::Table => print(&highlights, printer)?,
            Format::Json => printer.json(|out| files::json(out, &clips))?,
            Format::Csv => files::csv(&mut printer.raw(), &clips).map_err(Closed::from)?,
            Format::Ffmpeg => files::ffmpeg(&mut printer.raw(), &self.cut.video, &clips).map_err(Closed::from)?,
            Format::Vtt => files::vtt(&mut printer.raw(), &clips).map_err(Closed::from)?,
            Format::Ogm => files::ogm(&mut printer.raw(), &clips).map_err(Closed::from)?,
        }
        if highlights.is_empty() {
            printer.note("no highlights");
        } else if is_of_one_video && clips.is_empty() {
            printer.warn("all highlights are before the video begins; see --start");
        }
        Ok(Exit::Done)
    }

    /// Where highlights lie in the video of their room, as far as they are in it.
    fn clips<'h>(
        &self,
        highlights: &'h [Highlight],
        recording: &Recording,
        filter: &Filter,
    ) -> anyhow::Result<Vec<Clip<'h>>> {
        let lead_us = i64::try_from(self.cut.lead.as_micros()).unwrap_or(i64::MAX);
        let mut clips = Vec::new();
        for of_room in highlights.chunk_by(|one, next| one.room == next.room) {
            let filter = Filter { rooms: vec![of_room[0].room], ..filter.clone() };
            let first = recording.messages(&filter)?.in_pages_of(1).next().transpose()?;
            let first_us = first.map_or(0, |row| row.received_us);
            let start_us = self.cut.start.unwrap_or_default().at_us(recording, &filter, first_us)?;
            let in_video = |us: i64| Duration::from_micros(us.saturating_sub(start_us).max(0).cast_unsigned());
            clips.extend(of_room.iter().map(|highlight| Clip {
                highlight,
                from: in_video(highlight.from_us.saturating_sub(lead_us)),
                to: in_video(highlight.to_us),
            }));
        }
        clips.retain(|clip| !clip.to.is_zero());
        Ok(clips)
    }
}

fn print(highlights: &[Highlight], printer: &mut Printer) -> Result<(), Closed> {
    let [first, ..] = highlights else { return Ok(()) };
    let is_one_room = highlights.iter().all(|highlight| highlight.room == first.room);
    let day_of = |highlight: &Highlight| show(highlight.from_us).split_once(' ').map(|(day, _)| day.to_owned());
    // A day that is the same for all stands once.
    let day = day_of(first).filter(|_| highlights.iter().all(|highlight| day_of(highlight) == day_of(first)));
    let room = if is_one_room { format!("room {}", first.room) } else { String::new() };
    let of: Vec<&str> =
        [day.as_deref(), Some(room.as_str())].into_iter().flatten().filter(|of| !of.is_empty()).collect();
    if !of.is_empty() {
        printer.line(&of.join(", "))?;
    }
    let time = |us: i64| {
        let time = show(us);
        if day.is_some() { time.split_once(' ').map_or(time.clone(), |(_, time)| time.to_owned()) } else { time }
    };
    let mut table = Table::new(&[
        ("room", Side::Left),
        ("from", Side::Left),
        ("for", Side::Right),
        ("score", Side::Right),
        ("usual", Side::Right),
        ("lines", Side::Right),
        ("people", Side::Right),
        ("what", Side::Left),
    ]);
    for highlight in highlights {
        table.row([
            if is_one_room { String::new() } else { highlight.room.to_string() },
            time(highlight.from_us),
            duration::show(Duration::from_micros(highlight.to_us.abs_diff(highlight.from_us))),
            format!("{:.1}", highlight.score),
            times(highlight),
            count(highlight.lines),
            count(highlight.people),
            highlight.phrases.join(" "),
        ]);
    }
    table.print(printer)?;
    for highlight in highlights.iter().filter(|highlight| !highlight.samples.is_empty()) {
        printer.line("")?;
        printer.line(&format!("  {}", time(highlight.from_us)))?;
        for sample in &highlight.samples {
            printer.line(&format!(
                "    {}: {}",
                fit(&safe(sample.name.as_deref().unwrap_or("?")), 20),
                fit(&safe(&sample.text), 52)
            ))?;
        }
    }
    Ok(())
}

/// How many times the usual it was, where something is usual.
fn times(highlight: &Highlight) -> String {
    if highlight.usual < 0.01 { String::new() } else { format!("×{:.1}", highlight.rate / highlight.usual) }
}

/// A time for programs.
fn rfc3339(us: i64) -> String {
    format!("{:.6}", Timestamp::from_microsecond(us).unwrap_or_default())
}
