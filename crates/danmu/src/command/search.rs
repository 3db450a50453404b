//! `danmu search`: who said it, and when.

use std::path::PathBuf;

use danmu_sinks::format::jsonl::Lines;
use danmu_sinks::recording::reader::Messages;
use danmu_sinks::{Filter, Recording, Row, Types};
use jiff::tz::TimeZone;
use serde_json::json;

use crate::exit::{Exit, Usage};
use crate::marks::Marks;
use crate::printer::{Closed, Printer};
use crate::render::{RawText, Render};
use crate::select::Select;

mod groups;

use groups::{Context, Groups};

/// Find messages in a recording, newest first
///
/// Words of any length are found, Chinese ones of one character too. The exit code is 0 also if nothing was found; scripts ask with --count.
#[derive(clap::Args, Debug)]
pub(crate) struct Search {
    /// The recording; it may be one that is being recorded into
    recording: PathBuf,
    /// Text that has all of these words in it
    #[arg(value_name = "WORD")]
    words: Vec<String>,
    /// Print at most this many [default: 100; with --json all]
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// The oldest first
    #[arg(long)]
    oldest_first: bool,
    #[command(flatten)]
    context: Context,
    /// Print how many there are, and nothing else
    #[arg(long, conflicts_with_all = ["limit", "oldest_first", "after", "before", "around"])]
    count: bool,
    /// Print JSON Lines; lines of context have "context":true
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    raw_text: RawText,
    #[command(flatten)]
    select: Select,
}

/// So many are shown to people.
const LIMIT: usize = 100;

/// Words are found in time that grows with their length and that of the text; longer ones are not words.
const LONGEST_WORD: usize = 1000;

impl Search {
    /// Searches.
    pub(crate) fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        let filter = self.filter()?;
        let recording = Recording::open(&self.recording)?;
        if self.count {
            let count = recording.count(&filter)?;
            let line = if self.json { json!({"v": 1, "count": count}).to_string() } else { count.to_string() };
            printer.line(&line)?;
            return Ok(Exit::Done);
        }
        let limit = self.limit.unwrap_or(if self.json { usize::MAX } else { LIMIT });
        let found = if self.oldest_first { recording.messages(&filter)? } else { recording.search(&filter)? };
        let mut found = found.in_pages_of(limit.saturating_add(1));
        if self.json {
            found = found.with_payloads();
        }
        let mut show = Show {
            render: Render {
                rooms: recording.rooms()?.len() > 1,
                days: true,
                zone: TimeZone::system(),
                raw: self.raw_text.wanted()?,
            },
            marks: Marks::of(&filter),
            json: self.json,
            context: self.context.is_wanted(),
        };
        let shown = if self.context.is_wanted() {
            let mut groups = Groups::new(&recording, self.context, self.json);
            for row in found.by_ref().take(limit) {
                if let Some(group) = groups.add(row?)? {
                    show.group(&group, printer)?;
                }
            }
            if let Some(group) = groups.finish() {
                show.group(&group, printer)?;
            }
            groups.hits()
        } else {
            show.all(found.by_ref().take(limit), printer)?
        };
        if shown == limit && found.next().transpose()?.is_some() {
            printer.note(format_args!("there are more; --limit shows more than {shown}"));
        } else if shown == 0 {
            printer.note("nothing found");
        }
        if !recording.is_optimized()? {
            printer.note(format_args!("faster after: danmu optimize {}", self.recording.display()));
        }
        Ok(Exit::Done)
    }

    fn filter(&self) -> Result<Filter, Usage> {
        if let Some(word) = self.words.iter().find(|word| word.len() > LONGEST_WORD) {
            return Err(Usage(format!(
                "a word of {} bytes is too long to look for; at most {LONGEST_WORD}",
                word.len()
            )));
        }
        let mut filter = self.select.filter();
        filter.words.clone_from(&self.words);
        // Elsewhere a price lets through what has none, such as chat. Who looks for it does not mean that.
        if filter.min_price_fen.is_some() && filter.types.is_all() {
            filter.types = Types::new(["gift", "superchat", "dfobc", "odfbc", "dfrbc", "rndfbc"]);
        }
        Ok(filter)
    }
}

/// How messages are shown.
struct Show {
    render: Render,
    marks: Marks,
    json: bool,
    context: bool,
}

impl Show {
    fn all(&mut self, found: std::iter::Take<&mut Messages<'_>>, printer: &mut Printer) -> anyhow::Result<usize> {
        let mut shown = 0;
        for row in found {
            self.row(&row?, true, printer)?;
            shown += 1;
        }
        Ok(shown)
    }

    fn group(&mut self, group: &groups::Group, printer: &mut Printer) -> Result<(), Closed> {
        if !group.is_first && !self.json {
            printer.line("--")?;
        }
        for (row, is_hit) in &group.rows {
            self.row(row, *is_hit, printer)?;
        }
        Ok(())
    }

    fn row(&self, row: &Row, is_hit: bool, printer: &mut Printer) -> Result<(), Closed> {
        if self.json {
            return printer.json(|out| {
                Lines::default().message(out, &row.entry());
                if !is_hit {
                    out.truncate(out.len().saturating_sub("}\n".len()));
                    out.extend_from_slice(b",\"context\":true}\n");
                }
                Ok(())
            });
        }
        let none = Marks::default();
        let marks = if is_hit { &self.marks } else { &none };
        let line = self.render.line_with(marks, row.room.get(), row.received_us, &row.summary);
        let line = match (self.context, is_hit) {
            (false, _) => line,
            (true, true) => format!("> {line}"),
            (true, false) => format!("  {line}"),
        };
        if self.render.raw { printer.line_as_it_is(&line) } else { printer.line(&line) }
    }
}
