//! `danmu stats`: what a recording holds, and what it missed.

use std::io::Write as _;
use std::path::PathBuf;

use danmu_sinks::Recording;
use danmu_sinks::recording::stats::{MOST_OPTIONS, StatsOptions, indistinct};
use jiff::tz::TimeZone;

use crate::exit::{Exit, Usage};
use crate::gift_table;
use crate::printer::Printer;
use crate::select::Select;

mod by;
mod in_json;
mod overview;

/// Count what a recording holds, and what it missed
///
/// Suspects, which are chat that may be automated, are counted and marked, never left out. Who is heard of for the first time is new; who was there before, or comes back after six hours, returns. Gifts count once, however often they are told of.
#[derive(clap::Args, Debug)]
pub(crate) struct Stats {
    /// The recording; it may be one that is being recorded into
    recording: PathBuf,
    /// One table of these instead of the overview
    #[arg(long, value_name = "WHAT", value_enum)]
    by: Option<By>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Count votes for these words, as viewers cast them by typing 1, 111 or 扣1; one a person, the last counts
    #[arg(long, value_name = "WORDS", value_delimiter = ',', conflicts_with = "by")]
    vote: Vec<String>,
    /// Names and prices of gifts, as a JSON file: a catalogue, Douyu's prop config or gift list, or names by number
    #[arg(long, value_name = "FILE")]
    gift_table: Option<PathBuf>,
    /// How many people and things each list shows
    #[arg(long, value_name = "N")]
    top: Option<usize>,
    #[command(flatten)]
    select: Select,
}

/// What a table is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum By {
    /// Hours with messages, by the clock on the wall
    Hour,
    /// Rooms
    Room,
    /// Types of messages, by their names on the wire
    Type,
    /// People, by messages
    User,
}

impl Stats {
    /// Counts.
    pub(crate) fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        if self.vote.len() > MOST_OPTIONS {
            return Err(Usage(format!("at most {MOST_OPTIONS} words can be voted for")).into());
        }
        if let Some(word) = indistinct(&self.vote) {
            return Err(
                Usage(format!("{word:?} cannot be voted for: it is no word, or the same as one before it")).into()
            );
        }
        let mut options = StatsOptions::default();
        options.filter = self.select.filter();
        options.votes.clone_from(&self.vote);
        options.zone = TimeZone::system();
        options.top = self.top.unwrap_or(if self.by == Some(By::User) { 50 } else { 10 });
        if let Some(path) = &self.gift_table {
            options.gifts = gift_table::read(path)?;
        }
        let counted = Recording::open(&self.recording)?.stats_with(&options)?;
        match (self.json, self.by) {
            (true, None) => printer.json(|out| writeln!(out, "{}", in_json::all(&counted, &options.zone)))?,
            (true, Some(by)) => printer.json(|out| {
                in_json::by(&counted, by, &options.zone).iter().try_for_each(|line| writeln!(out, "{line}"))
            })?,
            (false, None) => overview::print(&counted, options.top, printer)?,
            (false, Some(by)) => by::print(&counted, by, &options.zone, printer)?,
        }
        for link in counted.off() {
            printer.warn(format_args!("the sums of link {} do not add up: see danmu verify", link.id));
        }
        Ok(Exit::Done)
    }
}
