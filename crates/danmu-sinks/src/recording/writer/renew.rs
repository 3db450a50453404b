//! Going on in a new file, where the old one was removed or renamed while it was recorded into.

use std::collections::{BTreeMap, HashMap};

use rusqlite::Connection;

use super::begin::begin;
use super::link::{Cause, Sums};
use super::{CommitError, Committed, OpenError, Recorder, limit, open_to_write};

/// What stays behind in a file that is left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Left {
    /// The sums over all links of the run there.
    pub sums: Sums,
    /// Messages among the dropped that nobody asked to be.
    pub lost: u64,
}

impl Recorder {
    /// Leaves a file that was removed or renamed, and begins a run in the one at its path, which is made if there is none.
    /// What waits goes there, with the links and the wanted time since commits fail. Gives what stays behind, once: nothing
    /// if this was tried before.
    ///
    /// A file that was renamed holds all that was committed; its run looks as if it had ended in a crash.
    ///
    /// # Errors
    /// There is no file at the path and none can be made. Commits fail until this succeeds.
    pub fn renew(&mut self, now_us: i64) -> Result<Left, OpenError> {
        let left = if self.adrift { Left::default() } else { self.leave().map_err(|error| self.of_sqlite(error))? };
        let (mut conn, lock) = open_to_write(&self.path, true, &self.options.version)?;
        let begun = begin(&mut conn, &self.options.version, now_us).map_err(|error| self.of_sqlite(error))?;
        limit(&conn, self.options.max_bytes).map_err(|error| self.of_sqlite(error))?;
        (self.conn, self.lock, self.adrift) = (conn, Some(lock), false);
        self.run = begun.run;
        self.committed = Committed { rows: 0, last_id: begun.last_id };
        self.received_us = begun.received_us;
        (self.next_link, self.next_wanted) = (begun.last_link + 1, begun.last_wanted + 1);
        self.renumber(self.failing_since_us().unwrap_or(now_us));
        Ok(left)
    }

    fn of_sqlite(&self, error: rusqlite::Error) -> OpenError {
        OpenError::of(&self.path, error)
    }

    /// Puts what the log holds into the file, wherever that is now, and closes it. What its links have there, they need
    /// not bring along.
    fn leave(&mut self) -> rusqlite::Result<Left> {
        let left = Left { sums: Sums::of_run(&self.conn, self.run)?, lost: Cause::lost_of_run(&self.conn, self.run)? };
        for link in self.links.values_mut().chain(self.ended_links.values_mut()) {
            link.leave(&self.conn)?;
        }
        let _ = self.conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        let old = std::mem::replace(&mut self.conn, Connection::open_in_memory()?);
        drop(old);
        (self.lock, self.adrift) = (None, true);
        self.elsewhere += self.committed.rows;
        Ok(left)
    }

    /// Gives what goes on the numbers that are free in another file.
    fn renumber(&mut self, since_us: i64) {
        let mut rows = HashMap::new();
        let ended = std::mem::take(&mut self.ended_links).into_values();
        let mut ended: Vec<_> = ended.collect();
        for link in ended.iter_mut().chain(self.links.values_mut()) {
            rows.insert(link.row, self.next_link);
            link.go_on_as(self.next_link, since_us);
            self.next_link += 1;
        }
        self.ended_links = ended.into_iter().map(|link| (link.row, link)).collect::<BTreeMap<_, _>>();
        for pending in &mut self.pending {
            pending.link = rows[&pending.link];
        }
        for span in self.wanted.values_mut().chain(&mut self.ended_wanted) {
            span.go_on_as(self.next_wanted, since_us);
            self.next_wanted += 1;
        }
    }

    /// Whether there is no file to write into.
    pub(super) fn is_gone(&self) -> bool {
        // On Unix a removed file can still be written into, and all of it would be gone in the end.
        self.adrift || !self.path.exists()
    }

    pub(super) fn gone(&self) -> CommitError {
        CommitError::Gone { path: self.path.clone() }
    }
}
