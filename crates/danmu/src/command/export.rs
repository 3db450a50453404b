//! `danmu export`: a recording in another format.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use danmu_sinks::export::split::Split;
use danmu_sinks::export::{ExportError, ExportOptions, Exported, Start, Watch, to_file, to_output};
use danmu_sinks::sink::{SinkError, Zone};
use danmu_sinks::{FORMATS, Format, Recording};
use jiff::SignedDuration;
use jiff::tz::TimeZone;

use crate::duration;
use crate::exit::{Exit, Usage};
use crate::printer::{Closed, Printer};
use crate::select::{Select, time};
use crate::signal::Stop;

mod look;

use look::Look;

/// Write a recording in another format
///
/// The file appears whole or not at all. docs/formats.md says which program reads which format, and what to look out for.
#[derive(clap::Args, Debug)]
#[command(after_help = formats())]
pub(crate) struct Export {
    /// The recording
    recording: PathBuf,
    /// The file to write; - for the standard output
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// The format [default: by the end of the file's name]
    #[arg(long, value_name = "NAME", value_parser = format)]
    format: Option<&'static Format>,
    /// Gaps too: times in which nobody listened
    #[arg(long)]
    events: bool,
    /// What is 0:00: a time, first (the first message) or live (when the stream began) [default: first]
    #[arg(long, value_name = "TIME", value_parser = start, allow_hyphen_values = true)]
    start: Option<Start>,
    /// Show all so many seconds later, or earlier with a minus
    #[arg(long, value_name = "SECONDS", value_parser = offset, allow_hyphen_values = true)]
    offset: Option<SignedDuration>,
    /// Several files, NAME.001.EXT and on: one for each such time, after each gap (gap), or from each start of the stream (live)
    #[arg(long, value_name = "DURATION", value_parser = split)]
    split: Option<Split>,
    /// The same text, or the same gift from the same giver, within this time is one, with how many there were (10s if none is
    /// given)
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, num_args = 0..=1, require_equals = true,
          default_missing_value = "10s")]
    merge_repeats: Option<Duration>,
    /// Pseudonyms for people: the same in all of this export, others in the next
    #[arg(long)]
    anonymize: bool,
    #[command(flatten)]
    look: Look,
    #[command(flatten)]
    select: Select,
}

/// The formats, for the help.
fn formats() -> String {
    let width = FORMATS.iter().map(|format| format.name.len()).max().unwrap_or(0);
    let lines = FORMATS.iter().map(|format| format!("\n  {:width$}  {}", format.name, format.about));
    format!("Formats:{}", lines.collect::<String>())
}

fn format(name: &str) -> Result<&'static Format, String> {
    Format::by_name(name).ok_or_else(|| format!("{name:?} is no format; there are {}", names(FORMATS)))
}

fn names<'a>(formats: impl IntoIterator<Item = &'a Format>) -> String {
    formats.into_iter().map(|format| format.name).collect::<Vec<_>>().join(", ")
}

/// Reads what is 0:00; for clap.
pub(super) fn start(text: &str) -> Result<Start, String> {
    match text {
        "first" => Ok(Start::First),
        "live" => Ok(Start::Live),
        text => time(text).map(|at| Start::At(at.as_microsecond())).map_err(|error| format!("{error}, first or live")),
    }
}

/// Reads seconds, or a duration with its unit, either with a sign.
fn offset(text: &str) -> Result<SignedDuration, String> {
    let unsigned = text.trim_start_matches(['+', '-']);
    let seconds = |text: &str| text.parse().ok().and_then(|seconds| SignedDuration::try_from_secs_f64(seconds).ok());
    let offset: Option<SignedDuration> = seconds(unsigned).or_else(|| unsigned.parse().ok());
    offset
        .filter(|offset| text.len() <= unsigned.len() + 1 && *offset <= SignedDuration::from_hours(24 * 366))
        .map(|offset| if text.starts_with('-') { -offset } else { offset })
        .ok_or_else(|| format!("{text:?} is no offset; write seconds, such as 3.5 or -90"))
}

pub(crate) fn split(text: &str) -> Result<Split, String> {
    match text {
        "gap" => Ok(Split::Gap),
        "live" => Ok(Split::Live),
        text => {
            let every = duration::parse(text).map_err(|error| format!("{error}, gap or live"))?;
            if every < Duration::from_secs(1) {
                return Err(format!("{text:?} would be a file for every few messages; write 1s or more"));
            }
            Ok(Split::Every(i64::try_from(every.as_micros()).unwrap_or(i64::MAX)))
        }
    }
}

impl Export {
    /// Exports.
    pub(crate) fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        let format = self.checked_format()?;
        let recording = Recording::open(&self.recording)?;
        let stop = Stop::on_signals().context("signals cannot be listened for")?;
        let bar = printer.bar("messages");
        let mut options = self.options();
        options.watch = Watch::new({
            let bar = bar.clone();
            move |progress| {
                bar.tell(progress.done, progress.total);
                if stop.asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            }
        });
        let to_stdout = self.output == Path::new("-");
        let done = if to_stdout {
            to_output(&recording, &options, format, Box::new(printer.raw())).map(|_| Exported::default())
        } else {
            to_file(&recording, &options, format, &self.output)
        };
        bar.clear();
        match done {
            Ok(exported) => self.tell(printer, &exported),
            Err(ExportError::Interrupted) if to_stdout => {
                printer.warn("interrupted: the output is not complete");
                return Ok(Exit::Incomplete);
            }
            Err(ExportError::Interrupted) => anyhow::bail!("interrupted: nothing was written"),
            // A reader that went away is no failure here either.
            Err(ExportError::Sink(SinkError::Write(error))) if to_stdout => return Err(Closed::from(error).into()),
            Err(error) => return Err(error.into()),
        }
        Ok(Exit::Done)
    }

    /// The format that is meant, if all that was asked for means something to it.
    fn checked_format(&self) -> Result<&'static Format, Usage> {
        let output = self.output.display();
        let Some(format) = self.format.or_else(|| Format::by_path(&self.output)) else {
            return Err(Usage(format!("{output} does not say which format; use --format: {}", names(FORMATS))));
        };
        if self.split.is_some() && self.output == Path::new("-") {
            return Err(Usage("--split writes several files; name one to number with --output".to_owned()));
        }
        let common = [
            ("events", self.events),
            ("start", self.start.is_some()),
            ("offset", self.offset.is_some()),
            ("merge-repeats", self.merge_repeats.is_some()),
        ];
        for (option, is_given) in common.into_iter().chain(self.look.given()) {
            if is_given && !format.takes.contains(&option) {
                let takers = names(FORMATS.iter().filter(|format| format.takes.contains(&option)));
                return Err(Usage(format!("--{option} means nothing to {}; it is for {takers}", format.name)));
            }
        }
        Ok(format)
    }

    fn options(&self) -> ExportOptions {
        let mut options = ExportOptions::default();
        options.filter = self.select.filter();
        options.events = self.events;
        options.start = self.start.unwrap_or_default();
        options.offset_us = self.offset.map_or(0, |offset| i64::try_from(offset.as_micros()).unwrap_or(0));
        options.merge_repeats_us = self.merge_repeats.map(|time| i64::try_from(time.as_micros()).unwrap_or(i64::MAX));
        options.split = self.split;
        options.anonymize = self.anonymize;
        options.zone = Zone(TimeZone::system());
        options.options = self.look.options();
        options
    }

    /// Says what there is now. A format may have no place for some of the messages that it was made of.
    fn tell(&self, printer: &mut Printer, exported: &Exported) {
        let files = match &*exported.files {
            [] => return,
            // As it was called.
            [_] if self.split.is_none() => self.output.display().to_string(),
            [file] => file.display().to_string(),
            [first, .., last] => {
                format!("{} to {}, {} files", first.display(), last.display(), exported.files.len())
            }
        };
        printer.note(format_args!("{files}, made of {} messages", exported.messages));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_formats_take_are_options_and_each_option_is_for_some_format() {
        let command = <Export as clap::Args>::augment_args(clap::Command::new("export"));
        let taken: Vec<_> = FORMATS.iter().flat_map(|format| format.takes).collect();
        for option in &taken {
            assert!(command.get_arguments().any(|argument| argument.get_long() == Some(option)), "--{option}");
        }
        let words = ["export", "x.db", "-o", "x.xml"];
        let matches = command.try_get_matches_from(words).unwrap();
        let export = <Export as clap::FromArgMatches>::from_arg_matches(&matches).unwrap();
        for (option, is_given) in export.look.given() {
            assert!(!is_given && taken.contains(&&option), "--{option}");
        }
    }

    #[test]
    fn offsets_are_seconds_or_durations_with_a_sign() {
        let ms = |text| offset(text).map(|offset| offset.as_millis());
        for (text, expected) in [("3.5", 3500), ("-90", -90_000), ("+2", 2000), ("-1m30s", -90_000), ("250ms", 250)] {
            assert_eq!(ms(text), Ok(expected), "{text}");
        }
        for text in ["", "--3", "soon", "nan", "inf", "1e300", "9999999h"] {
            assert!(ms(text).is_err_and(|error| error.contains("is no offset; write seconds")), "{text}");
        }
    }

    #[test]
    fn a_start_is_a_time_or_a_word() {
        assert_eq!([start("first"), start("live")], [Ok(Start::First), Ok(Start::Live)]);
        let noon: jiff::Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        assert_eq!(start("2026-11-21T12:00:00Z"), Ok(Start::At(noon.as_microsecond())));
        assert!(start("late").is_err_and(|error| error.contains("first or live")));
        assert_eq!([split("gap"), split("90s")], [Ok(Split::Gap), Ok(Split::Every(90_000_000))]);
        assert!(split("often").is_err_and(|error| error.contains("gap or live")));
        assert!(split("1ms").is_err_and(|error| error.contains("write 1s or more")));
    }
}
