//! `danmu search`: who said it, and when.

use std::path::PathBuf;

use danmu_sinks::Recording;
use danmu_sinks::format::jsonl;
use jiff::tz::TimeZone;

use crate::exit::Exit;
use crate::printer::Printer;
use crate::render::{RawText, Render};
use crate::select::Select;

/// Find messages in a recording, newest first
#[derive(clap::Args, Debug)]
pub(crate) struct Search {
    /// The recording; it may be one that is being recorded into
    recording: PathBuf,
    /// Text that has all of these words in it
    #[arg(value_name = "WORD")]
    words: Vec<String>,
    /// Print at most this many
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
    /// Print JSON Lines
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    raw_text: RawText,
    #[command(flatten)]
    select: Select,
}

impl Search {
    /// Searches.
    pub(crate) fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        let recording = Recording::open(&self.recording)?;
        let mut filter = self.select.filter();
        filter.words = self.words;
        let rooms = recording.rooms()?.len() > 1;
        let render = Render { rooms, days: true, zone: TimeZone::system(), raw: self.raw_text.wanted()? };
        let mut found = recording.search(&filter)?;
        if self.json {
            found = found.with_payloads();
        }
        let mut shown = 0;
        for row in found.by_ref().take(self.limit) {
            let row = row?;
            shown += 1;
            if self.json {
                printer.json(|out| jsonl::write_message(out, &row.entry()))?;
            } else {
                render.print(printer, row.room.get(), row.received_us, &row.summary)?;
            }
        }
        if found.next().is_some() {
            printer.note(format_args!("there are more; --limit shows more than {shown}"));
        }
        if !recording.is_optimized()? {
            printer.note(format_args!("faster after: danmu optimize {}", self.recording.display()));
        }
        Ok(Exit::Done)
    }
}
