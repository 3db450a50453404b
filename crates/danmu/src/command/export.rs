//! `danmu export`: a recording in another format.

use std::path::{Path, PathBuf};

use anyhow::bail;
use danmu_sinks::export::{ExportError, ExportOptions, to_file, to_output};
use danmu_sinks::sink::{SinkError, Zone};
use danmu_sinks::{FORMATS, Format, Recording};
use jiff::tz::TimeZone;

use crate::exit::Exit;
use crate::printer::{Closed, Printer};
use crate::select::Select;

/// Write a recording in another format
///
/// The file appears whole or not at all.
#[derive(clap::Args, Debug)]
pub(crate) struct Export {
    /// The recording
    recording: PathBuf,
    /// The file to write; - for the standard output
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// The format [default: by the extension of the file]
    #[arg(long, value_name = "NAME", value_parser = format)]
    format: Option<&'static Format>,
    /// Gaps too, where the format has a place for them
    #[arg(long)]
    events: bool,
    /// Without the pairs of the raw payload (jsonl)
    #[arg(long)]
    no_fields: bool,
    #[command(flatten)]
    select: Select,
}

fn format(name: &str) -> Result<&'static Format, String> {
    Format::by_name(name).ok_or_else(|| format!("{name:?} is no format; there are {}", names()))
}

fn names() -> String {
    FORMATS.iter().map(|format| format.name).collect::<Vec<_>>().join(", ")
}

impl Export {
    /// Exports.
    pub(crate) fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        let output = self.output.as_path();
        let Some(format) = self.format.or_else(|| Format::by_path(output)) else {
            bail!("{} does not say which format; use --format: {}", output.display(), names());
        };
        let recording = Recording::open(&self.recording)?;
        let mut options = ExportOptions::default();
        options.filter = self.select.filter();
        options.events = self.events;
        options.zone = Zone(TimeZone::system());
        options.options.jsonl.fields = !self.no_fields;
        if output == Path::new("-") {
            to_output(&recording, &options, format, Box::new(printer.raw())).map_err(|error| match error {
                // A reader that went away is no failure here either.
                ExportError::Sink(SinkError::Write(error)) => Closed::from(error).into(),
                error => anyhow::Error::new(error),
            })?;
        } else {
            let messages = to_file(&recording, &options, format, output)?;
            printer.note(format_args!("{messages} messages in {}", output.display()));
        }
        Ok(Exit::Done)
    }
}
