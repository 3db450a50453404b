//! Links and wanted spans: what the recorder counts and keeps of them in memory, and how it lies in the file.
//!
//! A row is written whole each time, under a number chosen when the link began: writing it twice is writing it once.

use danmu_proto::RoomId;
use rusqlite::{Connection, OptionalExtension, params};

/// Why messages were received and not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// No packet, and the end of its link.
    Malformed,
    /// A packet over the size limit, and the end of its link.
    Oversized,
    /// A queue was full.
    Overflow,
    /// The recording could not be written.
    Storage,
    /// They were asked not to be: over `--limit`, or left out by `--type`.
    Limit,
}

impl Cause {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Malformed, Self::Oversized, Self::Overflow, Self::Storage, Self::Limit];

    /// Its name in the table `dropped`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Oversized => "oversized",
            Self::Overflow => "overflow",
            Self::Storage => "storage",
            Self::Limit => "limit",
        }
    }

    /// The cause with this name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.name() == name)
    }

    /// How many messages of a run were dropped for want of memory or storage.
    pub(super) fn lost_of_run(conn: &Connection, run: i64) -> rusqlite::Result<u64> {
        let of =
            "SELECT coalesce(sum(count), 0) FROM dropped JOIN link ON id = link WHERE run = ?1 AND cause IN (?2, ?3)";
        conn.query_row(of, params![run, Self::Overflow.name(), Self::Storage.name()], |row| row.get::<_, i64>(0))
            .map(i64::cast_unsigned)
    }
}

/// What became of all that links received.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Payloads that were received.
    pub received: u64,
    /// Control among them: the session's business.
    pub control: u64,
    /// Messages that are in the recording.
    pub stored: u64,
    /// Messages that another link had heard already.
    pub duplicates: u64,
    /// Messages that were dropped; by cause in the table `dropped`.
    pub dropped: u64,
}

impl Sums {
    /// Whether nothing is unaccounted for. Always so, or there is a fault in the program.
    pub const fn add_up(&self) -> bool {
        let parts = [self.control, self.stored, self.duplicates, self.dropped];
        // Wide, so that no number in a damaged file overflows it.
        self.received as u128 == parts[0] as u128 + parts[1] as u128 + parts[2] as u128 + parts[3] as u128
    }

    /// The sums of both.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            received: self.received.saturating_add(other.received),
            control: self.control.saturating_add(other.control),
            stored: self.stored.saturating_add(other.stored),
            duplicates: self.duplicates.saturating_add(other.duplicates),
            dropped: self.dropped.saturating_add(other.dropped),
        }
    }

    /// What is in these and not in `other`.
    fn less(self, other: Self) -> Self {
        Self {
            received: self.received.saturating_sub(other.received),
            control: self.control.saturating_sub(other.control),
            stored: self.stored.saturating_sub(other.stored),
            duplicates: self.duplicates.saturating_sub(other.duplicates),
            dropped: self.dropped.saturating_sub(other.dropped),
        }
    }

    pub(super) fn of_run(conn: &Connection, run: i64) -> rusqlite::Result<Self> {
        conn.query_row(
            "SELECT coalesce(sum(received), 0), coalesce(sum(control), 0), coalesce(sum(stored), 0),
                    coalesce(sum(duplicates), 0), coalesce(sum(dropped), 0) FROM link WHERE run = ?1",
            [run],
            |row| Self::read(row, 0),
        )
    }

    /// Takes sums out of five columns in the order of the fields.
    pub(crate) fn read(row: &rusqlite::Row<'_>, first: usize) -> rusqlite::Result<Self> {
        let column = |at| row.get::<_, i64>(first + at).map(i64::cast_unsigned);
        Ok(Self {
            received: column(0)?,
            control: column(1)?,
            stored: column(2)?,
            duplicates: column(3)?,
            dropped: column(4)?,
        })
    }
}

/// A link, or the part of one between two times of lost storage.
#[derive(Clone, Debug)]
pub(super) struct Link {
    /// Its number in the file.
    pub(super) row: i64,
    pub(super) room: RoomId,
    server: String,
    joined_us: Option<i64>,
    /// Joins with the next commit that succeeds.
    joins_with_commit: bool,
    heard_us: Option<i64>,
    ended: Option<(i64, String)>,
    pub(super) sums: Sums,
    dropped: [u64; Cause::ALL.len()],
    /// Whether the file says something else.
    pub(super) dirty: bool,
}

impl Link {
    pub(super) fn new(row: i64, room: RoomId) -> Self {
        Self {
            row,
            room,
            server: String::new(),
            joined_us: None,
            joins_with_commit: false,
            heard_us: None,
            ended: None,
            sums: Sums::default(),
            dropped: [0; Cause::ALL.len()],
            dirty: true,
        }
    }

    /// The same connection in a new row, which does not listen yet.
    pub(super) fn successor(&self, row: i64) -> Self {
        Self { server: self.server.clone(), joins_with_commit: true, ..Self::new(row, self.room) }
    }

    pub(super) fn join(&mut self, server: &str, joined_us: i64) {
        if self.joined_us.is_some() {
            return;
        }
        server.clone_into(&mut self.server);
        self.joined_us = Some(joined_us);
        self.joins_with_commit = false;
        // Of two times, the later: what came before the join was no listening.
        self.heard(joined_us);
    }

    /// Listens again from `at_us` on, if it had stopped.
    pub(super) fn rejoin(&mut self, at_us: i64) {
        if std::mem::take(&mut self.joins_with_commit) {
            self.joined_us = Some(at_us);
            self.heard(at_us);
        }
    }

    pub(super) fn is_listening(&self) -> bool {
        self.joined_us.is_some()
    }

    pub(super) fn heard(&mut self, at_us: i64) {
        self.heard_us = self.heard_us.max(Some(at_us));
        self.dirty = true;
    }

    /// What it heard from `from_us` on does not count as listening.
    pub(super) fn deaf_since(&mut self, from_us: i64) {
        self.heard_us = self.heard_us.min(Some(from_us)).max(self.joined_us);
        self.dirty = true;
    }

    pub(super) fn end(&mut self, at_us: i64, reason: &str) {
        self.ended = Some((self.heard_us.map_or(at_us, |heard_us| heard_us.max(at_us)), reason.to_owned()));
        self.joins_with_commit = false;
        self.dirty = true;
    }

    pub(super) fn drop_received(&mut self, cause: Cause, messages: u64) {
        self.sums.received += messages;
        self.sums.dropped += messages;
        self.dropped[cause as usize] += messages;
        self.dirty = true;
    }

    /// Messages that were to be stored are dropped.
    pub(super) fn unstore(&mut self, messages: u64) {
        self.sums.received -= messages;
        self.sums.stored -= messages;
        self.drop_received(Cause::Storage, messages);
    }

    /// Takes off what the file has of it, which stays there.
    pub(super) fn leave(&mut self, conn: &Connection) -> rusqlite::Result<()> {
        let of = "SELECT received, control, stored, duplicates, dropped FROM link WHERE id = ?1";
        let there = conn.query_row(of, [self.row], |row| Sums::read(row, 0)).optional()?.unwrap_or_default();
        self.sums = self.sums.less(there);
        for cause in Cause::ALL {
            let of = "SELECT count FROM dropped WHERE link = ?1 AND cause = ?2";
            let there = conn.query_row(of, params![self.row, cause.name()], |row| row.get::<_, i64>(0)).optional()?;
            self.dropped[cause as usize] -= there.unwrap_or(0).cast_unsigned().min(self.dropped[cause as usize]);
        }
        Ok(())
    }

    /// The same link under another number, as one that listens since `since_us` at the earliest.
    pub(super) fn go_on_as(&mut self, row: i64, since_us: i64) {
        self.row = row;
        self.joined_us = self.joined_us.map(|joined_us| joined_us.max(since_us));
        self.heard_us = self.heard_us.max(self.joined_us);
        if let Some((at_us, _)) = &mut self.ended {
            *at_us = self.heard_us.map_or(*at_us, |heard_us| heard_us.max(*at_us));
        }
        self.dirty = true;
    }

    /// Writes the row as it is once a commit at `now_us` succeeds.
    pub(super) fn write(&self, conn: &Connection, run: i64, now_us: i64) -> rusqlite::Result<()> {
        let joined_us = self.joined_us.or(self.joins_with_commit.then_some(now_us));
        conn.prepare_cached(
            "INSERT OR REPLACE INTO link (id, run, room, server, joined_us, heard_us, ended_us, reason,
                                          received, control, stored, duplicates, dropped)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?
        .execute(params![
            self.row,
            run,
            self.room.as_i64(),
            self.server,
            joined_us,
            self.heard_us.max(joined_us),
            self.ended.as_ref().map(|(at_us, _)| at_us),
            self.ended.as_ref().map(|(_, reason)| reason),
            self.sums.received.cast_signed(),
            self.sums.control.cast_signed(),
            self.sums.stored.cast_signed(),
            self.sums.duplicates.cast_signed(),
            self.sums.dropped.cast_signed(),
        ])?;
        for cause in Cause::ALL {
            let count = self.dropped[cause as usize];
            if count > 0 {
                conn.prepare_cached("INSERT OR REPLACE INTO dropped (link, cause, count) VALUES (?1, ?2, ?3)")?
                    .execute(params![self.row, cause.name(), count.cast_signed()])?;
            }
        }
        Ok(())
    }

    /// The commit at `now_us` succeeded.
    pub(super) fn written(&mut self, now_us: i64) {
        self.rejoin(now_us);
        self.dirty = false;
    }
}

/// A time in which a room is to be listened to.
#[derive(Clone, Debug)]
pub(super) struct WantedSpan {
    row: i64,
    room: RoomId,
    from_us: i64,
    to_us: Option<i64>,
    /// Whether the file has it as it is.
    pub(super) written: bool,
}

impl WantedSpan {
    pub(super) fn new(row: i64, room: RoomId, from_us: i64) -> Self {
        Self { row, room, from_us, to_us: None, written: false }
    }

    pub(super) fn end(&mut self, to_us: i64) {
        self.to_us = Some(to_us.max(self.from_us));
    }

    /// The same span under another number, from `since_us` on at the earliest.
    pub(super) fn go_on_as(&mut self, row: i64, since_us: i64) {
        self.row = row;
        self.from_us = self.from_us.max(since_us);
        self.to_us = self.to_us.map(|to_us| to_us.max(self.from_us));
        self.written = false;
    }

    pub(super) fn write(&self, conn: &Connection, run: i64) -> rusqlite::Result<()> {
        conn.prepare_cached(
            "INSERT OR REPLACE INTO wanted (rowid, run, room, from_us, to_us) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![self.row, run, self.room.as_i64(), self.from_us, self.to_us])?;
        Ok(())
    }
}
