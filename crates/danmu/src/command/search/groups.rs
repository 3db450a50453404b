//! Hits with what was said around them, as `grep -C` has it: hits whose surroundings meet are one group.

use std::collections::BTreeMap;

use danmu_sinks::recording::reader::ReadError;
use danmu_sinks::{Filter, Recording, Row, Types};

/// How much of the chat around a hit.
#[derive(clap::Args, Clone, Copy, Debug, Default)]
pub(super) struct Context {
    /// So many lines of the room after each, too
    #[arg(short = 'A', long = "after-context", value_name = "N")]
    after: Option<usize>,
    /// So many lines of the room before each, too
    #[arg(short = 'B', long = "before-context", value_name = "N")]
    before: Option<usize>,
    /// So many lines of the room before and after each, too
    #[arg(short = 'C', long = "context", value_name = "N")]
    around: Option<usize>,
}

/// More context than this is an export.
const MOST: usize = 1000;

impl Context {
    pub(super) fn is_wanted(self) -> bool {
        self.before() > 0 || self.after() > 0
    }

    fn before(self) -> usize {
        self.before.or(self.around).unwrap_or(0).min(MOST)
    }

    fn after(self) -> usize {
        self.after.or(self.around).unwrap_or(0).min(MOST)
    }
}

/// Messages of a room in the order in which they were heard, and whether each is a hit.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) rows: Vec<(Row, bool)>,
    pub(super) is_first: bool,
}

/// Puts hits into groups while they come, in either order of time.
#[derive(Debug)]
pub(super) struct Groups<'r> {
    recording: &'r Recording,
    context: Context,
    with_payloads: bool,
    /// By id, and whether each is a hit.
    open: BTreeMap<i64, (Row, bool)>,
    done: usize,
    hits: usize,
}

impl<'r> Groups<'r> {
    pub(super) const fn new(recording: &'r Recording, context: Context, with_payloads: bool) -> Self {
        Self { recording, context, with_payloads, open: BTreeMap::new(), done: 0, hits: 0 }
    }

    /// How many hits there were.
    pub(super) const fn hits(&self) -> usize {
        self.hits
    }

    /// Adds a hit. Gives the group before it, if it begins a new one.
    pub(super) fn add(&mut self, hit: Row) -> Result<Option<Group>, ReadError> {
        self.hits += 1;
        // What people see of a room. Entries and rankings would bury it.
        let types = Types::new(["chat", "superchat", "gift"]);
        let filter = Filter { rooms: vec![hit.room], types, ..Filter::default() };
        let lines = (self.context.before(), self.context.after());
        let around = self.recording.around(hit.seq, &filter, lines, self.with_payloads)?;
        let first = around.first().map_or(hit.seq, |row| row.seq.min(hit.seq));
        let last = around.last().map_or(hit.seq, |row| row.seq.max(hit.seq));
        let meets = self
            .open
            .first_key_value()
            .zip(self.open.last_key_value())
            .is_some_and(|(from, to)| from.1.0.room == hit.room && first <= *to.0 && last >= *from.0);
        let done = if meets { None } else { self.finish() };
        for row in around {
            self.open.entry(row.seq).or_insert((row, false));
        }
        self.open.insert(hit.seq, (hit, true));
        Ok(done)
    }

    /// The last group.
    pub(super) fn finish(&mut self) -> Option<Group> {
        if self.open.is_empty() {
            return None;
        }
        self.done += 1;
        let rows = std::mem::take(&mut self.open).into_values().collect();
        Some(Group { rows, is_first: self.done == 1 })
    }
}
