//! Ids: of the messages that were heard in the last two minutes.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::fingerprint::{Spread, table_bytes};

/// For how long a message is known by its id, at least.
pub const WINDOW: Duration = Duration::from_secs(120);

/// Ids in two generations. When the young one is two minutes old, or as large as it may be, it becomes the old one, and
/// the old one is forgotten: nobody notes, or looks up, when a single id was heard.
#[derive(Debug)]
pub(super) struct Ids {
    young: HashSet<u128, Spread>,
    old: HashSet<u128, Spread>,
    /// When the young generation began. `None` while both are empty.
    since: Option<Instant>,
    /// How many ids a generation holds.
    most: usize,
}

impl Ids {
    /// What one place in the tables takes: twice in use, and once more while a table that grows is still there.
    pub(super) const PLACE_BYTES: usize = 3 * (size_of::<u128>() + 1);

    pub(super) fn new(most: usize) -> Self {
        Self { young: HashSet::default(), old: HashSet::default(), since: None, most }
    }

    /// Whether this is heard for the first time; from now on it is known.
    pub(super) fn is_new(&mut self, id: u128, now: Instant) -> bool {
        if self.old.contains(&id) || !self.young.insert(id) {
            return false;
        }
        self.since.get_or_insert(now);
        if self.young.len() >= self.most {
            self.turn(now);
        }
        true
    }

    /// Forgets what is too long ago by `now`.
    pub(super) fn forget(&mut self, now: Instant) {
        while let Some(since) = self.since
            && now.saturating_duration_since(since) >= WINDOW
        {
            // A generation that nobody added to for so long is over as well.
            self.turn(since + WINDOW);
            if self.young.is_empty() && self.old.is_empty() {
                *self = Self::new(self.most);
            }
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.since.is_none()
    }

    /// The young become old, and the old are gone.
    fn turn(&mut self, since: Instant) {
        std::mem::swap(&mut self.young, &mut self.old);
        self.young.clear();
        // What was needed once may be far too much now.
        self.young.shrink_to(2 * self.old.len());
        self.since = Some(since);
    }

    pub(super) fn size_bytes(&self) -> usize {
        table_bytes::<u128>(self.young.capacity()) + table_bytes::<u128>(self.old.capacity())
    }
}
