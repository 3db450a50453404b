//! The recorder: adds messages to a recording while they come.
//!
//! What happens is gathered in memory and written by [`Recorder::commit`] in one transaction: the rows, raw blocks of
//! exactly those rows, the sums of the links they came over, and the ledger. So what is in the file always agrees with
//! itself, whatever moment a crash picks, and a commit that fails leaves everything here for the next try.
//!
//! ```text
//! want ─ link_opened ─ records … records ─ commit ─ records … ─ commit ─ link_ended ─ finish
//!                      └─ memory ───────┘    └─▶ file
//! ```
//!
//! There is no clock in here. Whoever drives it says what time it is, in microseconds since the Unix epoch. If that goes
//! back, timers go on, and `received_us` stays where it is until the clock is there again.

pub(super) mod begin;
mod error;
mod link;
mod renew;
mod write;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use danmu_proto::{LinkId, Records, RoomId};
use rusqlite::Connection;

use super::lock::Lock;
use super::raw::Builder;
use super::{OpenError, into_one_file, open_to_write, optimize};
use begin::begin;
pub use error::CommitError;
pub use link::{Cause, Sums};
use link::{Link, WantedSpan};
pub use renew::Left;
pub(super) use write::write_room_state;

/// How a recorder writes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RecorderOptions {
    /// The program that records, for the tables `run` and `meta`. Default this version.
    pub version: String,
    /// Whether raw payloads are kept. Default true: they make a decoder's fault repairable and `fields` complete.
    pub raw: bool,
    /// How long messages may wait for a commit: what a kill or a power cut may cost. Default 200 ms.
    pub commit_every: Duration,
    /// How many messages may wait for a commit. Default 10,000.
    pub commit_rows: u64,
    /// How much memory messages may take that wait for a commit, as long as commits succeed. Default 4 MiB.
    pub commit_bytes: usize,
    /// Up to how many rows [`Recorder::finish`] optimizes a recording itself. Default 1,000,000, which takes a few
    /// seconds; `danmu optimize` does it for larger ones.
    pub optimize_rows: u64,
    /// The most bytes that the database file may have: over that, it is as if the disk was full. Default none.
    pub max_bytes: Option<u64>,
}

impl Default for RecorderOptions {
    fn default() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            raw: true,
            commit_every: Duration::from_millis(200),
            commit_rows: 10_000,
            commit_bytes: 4 << 20,
            optimize_rows: 1_000_000,
            max_bytes: None,
        }
    }
}

/// What is safe in the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// Messages of this run.
    pub rows: u64,
    /// The last message of the file; 0 if it has none.
    pub last_id: i64,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finished {
    /// The recording.
    pub path: PathBuf,
    /// What is in the file.
    pub committed: Committed,
    /// The sums over all links of this run.
    pub sums: Sums,
    /// Messages among the dropped that nobody asked to be: they could not be written, or not in time.
    pub lost: u64,
    /// Messages in files that were removed or renamed meanwhile: see [`Recorder::renew`].
    pub elsewhere: u64,
    /// Whether the recording was optimized. If not, `danmu optimize` does it.
    pub optimized: bool,
    /// Whether all is in one file. If not, someone reads along, and it will be when they close it.
    pub one_file: bool,
}

/// What is known of a room at some time, beside its messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoomState {
    /// Whether the stream is on.
    pub live: Option<bool>,
    /// Title of the stream.
    pub title: Option<String>,
    /// Name of whose room it is.
    pub owner: Option<String>,
    /// Account number of whose room it is.
    pub owner_uid: Option<u64>,
    /// What the stream is about.
    pub category: Option<String>,
}

/// A gift as the catalogue has it. Messages often have only its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogGift {
    /// Which number space `id` is from.
    pub kind: danmu_proto::summary::GiftKind,
    /// Its number.
    pub id: u64,
    /// Its name.
    pub name: Option<String>,
    /// Its price in fen (1/100 yuan).
    pub price_fen: Option<u64>,
}

/// At most this long, `run.to_us` stays behind: how exactly a crash is dated that no message dates better.
const STAMP_EVERY_US: i64 = 5_000_000;

/// Pause before [`Recorder::tick`] tries a failed commit again.
const RETRY_AFTER_US: i64 = 1_000_000;

/// Writes a recording. One a file: others are turned down while it lives. Dropping it is like a crash, and harmless;
/// [`Recorder::finish`] ends it well.
pub struct Recorder {
    // Closed before the lock is let go.
    conn: Connection,
    /// Held as long as there is a file.
    lock: Option<Lock>,
    /// The old file was left and there is no new one yet.
    adrift: bool,
    /// Messages that this run left in other files.
    elsewhere: u64,
    path: PathBuf,
    options: RecorderOptions,
    commit_every_us: i64,
    run: i64,
    /// When it began.
    begun_us: i64,
    /// How it ended, once it does.
    reason: Option<&'static str>,
    /// What the clock said last.
    clock_us: i64,
    /// When the last message of the file was received: none comes before it.
    received_us: i64,
    committed: Committed,

    // What the next commit writes.
    pending: Vec<Pending>,
    pending_rows: u64,
    pending_bytes: usize,
    links: HashMap<LinkId, Link>,
    /// Over, but not yet written as such; by their rows.
    ended_links: BTreeMap<i64, Link>,
    wanted: HashMap<RoomId, WantedSpan>,
    ended_wanted: Vec<WantedSpan>,
    room_states: Vec<(RoomId, i64, RoomState)>,
    gifts: Vec<CatalogGift>,

    /// Since when something waits for a commit.
    changed_us: Option<i64>,
    /// When the run was last stamped.
    stamped_us: i64,
    failing: Option<Failing>,
    next_link: i64,
    next_wanted: i64,
    raw: Builder,
}

/// Messages that wait for a commit.
struct Pending {
    /// Their link's row.
    link: i64,
    records: Records,
}

/// Commits fail.
#[derive(Clone, Copy)]
struct Failing {
    since_us: i64,
    /// When the last one did.
    last_us: i64,
}

impl Recorder {
    /// Begins a run in the recording at `path`, which is made if it is not there.
    ///
    /// If the last run of the file was not finished, it ends here: its links with the last byte they heard, and its
    /// wanted time only now, so that the time in between is a gap with the reason `crash`.
    ///
    /// Runs follow each other, also if the clock was put back in between: this one [begins](Self::begun_us) no earlier than
    /// the last one ended, and times that it is told should go on from there.
    pub fn open(path: impl AsRef<Path>, options: RecorderOptions, now_us: i64) -> Result<Self, OpenError> {
        let path = path.as_ref();
        let (mut conn, lock) = open_to_write(path, true, &options.version)?;
        let raw = Builder::new().map_err(|source| OpenError::Access { path: path.to_owned(), source })?;
        let begun = begin(&mut conn, &options.version, now_us).map_err(|source| OpenError::of(path, source))?;
        let commit_every_us = options.commit_every.as_micros().try_into().unwrap_or(i64::MAX);
        let recorder = Self {
            conn,
            lock: Some(lock),
            adrift: false,
            elsewhere: 0,
            path: path.to_owned(),
            options,
            commit_every_us,
            run: begun.run,
            begun_us: begun.from_us,
            reason: None,
            clock_us: begun.from_us,
            received_us: begun.received_us,
            committed: Committed { rows: 0, last_id: begun.last_id },
            pending: Vec::new(),
            pending_rows: 0,
            pending_bytes: 0,
            links: HashMap::new(),
            ended_links: BTreeMap::new(),
            wanted: HashMap::new(),
            ended_wanted: Vec::new(),
            room_states: Vec::new(),
            gifts: Vec::new(),
            changed_us: None,
            stamped_us: begun.from_us,
            failing: None,
            next_link: begun.last_link + 1,
            next_wanted: begun.last_wanted + 1,
            raw,
        };
        limit(&recorder.conn, recorder.options.max_bytes).map_err(|source| OpenError::of(path, source))?;
        Ok(recorder)
    }

    /// The ids of messages that were received since `since_us`, by room. They are in the file already, so a link that
    /// hears them again has nothing new to say.
    ///
    /// At most the last [`MOST_RECENT`] messages are looked at, which bounds what it takes.
    pub fn recent_ids(&self, since_us: i64) -> Result<HashMap<RoomId, Vec<String>>, OpenError> {
        recent(&self.conn, since_us).map_err(|source| OpenError::of(&self.path, source))
    }

    /// From now on the room is to be listened to: time in which it is not is a gap.
    pub fn want(&mut self, room: RoomId, now_us: i64) {
        if !self.wanted.contains_key(&room) {
            self.wanted.insert(room, WantedSpan::new(self.next_wanted, room, now_us));
            self.next_wanted += 1;
            self.changed(now_us);
        }
    }

    /// The room is no longer to be listened to.
    pub fn unwant(&mut self, room: RoomId, now_us: i64) {
        if let Some(mut span) = self.wanted.remove(&room) {
            span.end(now_us);
            self.ended_wanted.push(span);
            self.changed(now_us);
        }
    }

    /// A link joined a room, and listens from `joined_us` on.
    ///
    /// What was heard of it before, such as the answer to its login, may have come in already.
    pub fn link_opened(&mut self, link: LinkId, room: RoomId, server: &str, joined_us: i64) {
        self.link(link, room).join(server, joined_us);
        self.changed(joined_us);
    }

    /// What a link heard: messages to be stored, and control to be counted.
    pub fn records(&mut self, records: &Records) {
        let control = records.control_count() as u64;
        let messages = records.len() as u64 - control;
        let link = self.link(records.link, records.room);
        link.heard(records.received_us);
        link.sums.received += control + messages;
        link.sums.control += control;
        link.sums.stored += messages;
        let row = link.row;
        if messages > 0 {
            self.pending_rows += messages;
            self.pending_bytes += records.size_bytes();
            self.pending.push(Pending { link: row, records: records.clone() });
        }
        self.changed(records.received_us);
    }

    /// Messages of a link were received and not stored, and why.
    ///
    /// For [`Cause::Storage`] see [`Recorder::lost`], which also makes a gap of it.
    pub fn dropped(&mut self, link: LinkId, room: RoomId, cause: Cause, messages: u64) {
        self.link(link, room).drop_received(cause, messages);
        self.changed(self.clock_us);
    }

    /// Messages of a link were received and turned out to be stored already, by way of another link.
    pub fn duplicates(&mut self, link: LinkId, room: RoomId, messages: u64) {
        let link = self.link(link, room);
        link.sums.received += messages;
        link.sums.duplicates += messages;
        link.dirty = true;
        self.changed(self.clock_us);
    }

    /// Messages and control of a link were received and thrown away before they came here, because the recorder did
    /// not keep up: from `from_us` to `to_us` the link was as good as deaf, and the ledger says so.
    pub fn lost(&mut self, link: LinkId, room: RoomId, messages: u64, control: u64, from_us: i64, to_us: i64) {
        self.break_link(link, from_us);
        let link = self.link(link, room);
        link.drop_received(Cause::Storage, messages);
        link.sums.received += control;
        link.sums.control += control;
        link.rejoin(to_us);
        self.changed(to_us);
    }

    /// A link is over. `heard_us` is when its last byte came, `reason` a short name that becomes that of the gap.
    /// Without effect for a link that never said anything.
    pub fn link_ended(&mut self, link: LinkId, heard_us: i64, ended_us: i64, reason: &str) {
        if let Some(state) = self.links.get_mut(&link) {
            state.heard(heard_us);
            self.end_link(link, ended_us, reason);
        }
    }

    /// What was learnt of a room.
    pub fn room_state(&mut self, room: RoomId, state: RoomState, now_us: i64) {
        self.room_states.push((room, now_us, state));
        self.changed(now_us);
    }

    /// A gift of the catalogue; replaces what was known of it.
    pub fn gift(&mut self, gift: CatalogGift) {
        self.gifts.push(gift);
        self.changed(self.clock_us);
    }

    /// Throws away the messages that wait for a commit, counts them as dropped for want of storage, and makes a gap
    /// from the first of them to the next commit that succeeds: for all links of the room, since what the others heard of
    /// the same was left out as known. Gives how many they were.
    ///
    /// For when commits have failed for so long that memory is needed more.
    pub fn drop_pending(&mut self, now_us: i64) -> u64 {
        self.changed(now_us);
        let mut rooms = HashSet::new();
        for Pending { link: row, records } in std::mem::take(&mut self.pending) {
            if rooms.insert(records.room) {
                self.deafen(records.room, records.received_us);
            }
            let live = self.links.get_mut(&records.link).filter(|link| link.row == row);
            if let Some(link) = live.or_else(|| self.ended_links.get_mut(&row)) {
                link.unstore(records.message_count() as u64);
            }
        }
        self.pending_bytes = 0;
        std::mem::take(&mut self.pending_rows)
    }

    /// Commits if a commit or the stamp of the run is due. Call it when [`Recorder::wait`] has passed, and when
    /// messages came.
    pub fn tick(&mut self, now_us: i64) -> Result<Option<Committed>, CommitError> {
        if self.wait(now_us).is_zero() { self.commit(now_us).map(Some) } else { Ok(None) }
    }

    /// How long until [`Recorder::tick`] has something to do.
    pub fn wait(&self, now_us: i64) -> Duration {
        // A clock that went back since makes it due: better early than never.
        let left = |since_us: i64, span_us: i64| match now_us.checked_sub(since_us) {
            Some(passed) if passed >= 0 => span_us.saturating_sub(passed).max(0),
            _ => 0,
        };
        let left_us = match (self.failing, self.changed_us) {
            (Some(failing), _) => left(failing.last_us, RETRY_AFTER_US),
            (None, Some(_)) if self.is_full() => 0,
            (None, Some(since_us)) => left(since_us, self.commit_every_us).min(left(self.stamped_us, STAMP_EVERY_US)),
            (None, None) => left(self.stamped_us, STAMP_EVERY_US),
        };
        Duration::from_micros(left_us.cast_unsigned())
    }

    /// Writes everything that waits, in one transaction. What it returns is safe: also after a power cut.
    pub fn commit(&mut self, now_us: i64) -> Result<Committed, CommitError> {
        self.clock_us = now_us;
        match self.write(now_us) {
            Ok(()) => {
                self.failing = None;
                Ok(self.committed)
            }
            Err(error) => {
                let since_us = self.failing.map_or(now_us, |failing| failing.since_us);
                self.failing = Some(Failing { since_us, last_us: now_us });
                Err(error)
            }
        }
    }

    /// Ends links, wanted time and the run; commits; optimizes what is not too large for it; and leaves one file.
    ///
    /// # Errors
    /// The last commit failed. What was committed before is safe, and the next run closes what this one left open.
    pub fn finish(mut self, now_us: i64) -> Result<Finished, CommitError> {
        let links: Vec<LinkId> = self.links.keys().copied().collect();
        for link in links {
            self.end_link(link, now_us, STOP);
        }
        let rooms: Vec<RoomId> = self.wanted.keys().copied().collect();
        for room in rooms {
            self.unwant(room, now_us);
        }
        self.reason = Some(STOP);
        self.commit(now_us)?;
        let sqlite = |source| CommitError::of(&self.path, source);
        let sums = Sums::of_run(&self.conn, self.run).map_err(sqlite)?;
        let lost = Cause::lost_of_run(&self.conn, self.run).map_err(sqlite)?;
        // From here on everything is safe; what fails now costs speed or room and no message.
        let small = self.committed.last_id.cast_unsigned() <= self.options.optimize_rows;
        let optimized = small && optimize::run(&mut self.conn).is_ok();
        let one_file = into_one_file(self.conn);
        let (committed, elsewhere) = (self.committed, self.elsewhere);
        Ok(Finished { path: self.path, committed, sums, lost, elsewhere, optimized, one_file })
    }

    /// What is safe in the file.
    pub const fn committed(&self) -> Committed {
        self.committed
    }

    /// Messages that wait for a commit.
    pub const fn pending_rows(&self) -> u64 {
        self.pending_rows
    }

    /// Whether as many messages wait for a commit as may wait, or as much.
    pub const fn is_full(&self) -> bool {
        self.pending_rows >= self.options.commit_rows || self.pending_bytes >= self.options.commit_bytes
    }

    /// Memory that messages which wait for a commit take.
    pub const fn pending_bytes(&self) -> usize {
        self.pending_bytes
    }

    /// Since when commits fail; `None` while they succeed.
    pub fn failing_since_us(&self) -> Option<i64> {
        self.failing.map(|failing| failing.since_us)
    }

    /// The recording.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// When this run began, in microseconds since the Unix epoch: later than was said where the last one ended later.
    pub const fn begun_us(&self) -> i64 {
        self.begun_us
    }

    /// The number of this run in the recording.
    pub const fn run(&self) -> i64 {
        self.run
    }

    /// Sets or lifts the limit of [`RecorderOptions::max_bytes`]. What the file has already, it keeps.
    pub fn set_max_bytes(&mut self, max_bytes: Option<u64>) -> Result<(), CommitError> {
        limit(&self.conn, max_bytes).map_err(|source| CommitError::of(&self.path, source))
    }

    /// Something waits for a commit.
    fn changed(&mut self, now_us: i64) {
        self.clock_us = now_us;
        self.changed_us.get_or_insert(now_us);
    }

    /// The link's state, which begins with the first that is heard of it.
    fn link(&mut self, id: LinkId, room: RoomId) -> &mut Link {
        self.links.entry(id).or_insert_with(|| {
            let row = self.next_link;
            self.next_link += 1;
            Link::new(row, room)
        })
    }

    fn end_link(&mut self, link: LinkId, ended_us: i64, reason: &str) {
        if let Some(mut link) = self.links.remove(&link) {
            link.end(ended_us, reason);
            self.ended_links.insert(link.row, link);
            self.changed(ended_us);
        }
    }

    /// What was heard in a room from `from_us` on does not count: listening ends there, which gives its links new rows.
    fn deafen(&mut self, room: RoomId, from_us: i64) {
        let links: Vec<LinkId> = self.links.iter().filter(|(_, link)| link.room == room).map(|(&id, _)| id).collect();
        for link in links {
            self.break_link(link, from_us);
        }
        for link in self.ended_links.values_mut().filter(|link| link.room == room) {
            link.deaf_since(from_us);
        }
    }

    /// Ends the listening of a link whose connection goes on, and begins it anew: a second row, which is joined once
    /// [`Link::rejoin`] or the next commit says so.
    fn break_link(&mut self, link: LinkId, from_us: i64) {
        let Some(link) = self.links.get_mut(&link).filter(|link| link.is_listening()) else { return };
        let next = link.successor(self.next_link);
        self.next_link += 1;
        let mut broken = std::mem::replace(link, next);
        // What was lost was heard: the last byte that counts is the first that was lost.
        broken.heard(from_us);
        broken.deaf_since(from_us);
        broken.end(self.clock_us, Cause::Storage.name());
        self.ended_links.insert(broken.row, broken);
    }
}

/// So many of the last messages are looked at for [`Recorder::recent_ids`]: those of thousands of rooms.
pub const MOST_RECENT: u32 = 500_000;

/// The reason of links and runs that end because the recorder is told to.
const STOP: &str = "stop";

/// Limits the database file, in whole pages.
fn limit(conn: &Connection, max_bytes: Option<u64>) -> rusqlite::Result<()> {
    let page_bytes: u32 = conn.query_row("PRAGMA page_size", [], |row| row.get(0))?;
    let most = u32::MAX - 1;
    let pages = max_bytes.map_or(most, |bytes| (bytes / u64::from(page_bytes)).clamp(1, most.into()) as u32);
    conn.pragma_update(None, "max_page_count", pages)
}

/// The ids of messages that were received since `since_us`, newest first, by room.
fn recent(conn: &Connection, since_us: i64) -> rusqlite::Result<HashMap<RoomId, Vec<String>>> {
    let mut recent: HashMap<_, Vec<_>> = HashMap::new();
    let mut rows = conn.prepare(
        "SELECT received_us, room, CASE typeof(cid) WHEN 'blob' THEN lower(hex(cid)) ELSE cid END
         FROM message ORDER BY id DESC LIMIT ?1",
    )?;
    let mut rows = rows.query([MOST_RECENT])?;
    while let Some(row) = rows.next()?
        && row.get::<_, i64>(0)? >= since_us
    {
        let room = row.get::<_, i64>(1)?.try_into().ok().and_then(RoomId::new);
        if let (Some(room), Some(id)) = (room, row.get::<_, Option<String>>(2)?) {
            recent.entry(room).or_default().push(id);
        }
    }
    Ok(recent)
}
