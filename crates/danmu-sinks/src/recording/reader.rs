//! Reading a recording: messages, search and the ledger. Nothing is ever written, and a recorder may go on meanwhile.

use std::io;
use std::path::{Path, PathBuf};
use std::vec;

use danmu_proto::RoomId;
use rusqlite::{Connection, OptionalExtension, params_from_iter};
use thiserror::Error;

use super::ledger::{self, Coverage, Gap, Listened, Wanted};
use super::raw::{Block, RawError, Stored};
use super::row::{self, Row};
use super::{OpenError, open_to_read, optimize};
use crate::filter::{self, Filter};

/// Why reading stopped.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReadError {
    /// SQLite could not read.
    #[error("the recording cannot be read")]
    Sqlite(#[from] rusqlite::Error),
    /// Raw payloads are damaged. Messages without payloads can still be read.
    #[error("the recording is damaged; its columns can still be read without raw payloads")]
    Raw(#[from] RawError),
    /// A message is not as it was written.
    #[error("message {id} is damaged: it has no room")]
    Message {
        /// Its id.
        id: i64,
    },
    /// The system could not read.
    #[error("the recording cannot be read")]
    Io(#[from] io::Error),
}

/// A recording, open to be read.
#[derive(Debug)]
pub struct Recording {
    pub(super) conn: Connection,
    path: PathBuf,
}

impl Recording {
    /// Opens a recording, also one that is recorded into.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let path = path.as_ref();
        let conn = open_to_read(path)?;
        filter::teach(&conn).map_err(|source| OpenError::of(path, source))?;
        Ok(Self { conn, path: path.to_owned() })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Messages in the order in which they were heard, as far as there are any by now. Memory does not grow with them.
    pub fn messages(&self, filter: &Filter) -> Result<Messages<'_>, ReadError> {
        Messages::new(self, filter, Order::OldestFirst)
    }

    /// The same, newest first: for who looks for something.
    pub fn search(&self, filter: &Filter) -> Result<Messages<'_>, ReadError> {
        Messages::new(self, filter, Order::NewestFirst)
    }

    /// The same of messages with these ids only, first to one past the last. The filter's time is not looked at.
    pub(crate) fn messages_between(&self, filter: &Filter, first: i64, end: i64) -> Messages<'_> {
        Messages::between(self, filter, Order::OldestFirst, (first, end))
    }

    /// How many messages the filter lets through.
    pub fn count(&self, filter: &Filter) -> Result<u64, ReadError> {
        let (condition, (from, to)) = (filter.condition(), self.ids(filter)?);
        let sql = format!("SELECT count(*) FROM message WHERE id >= ? AND id < ?{}", condition.sql);
        let range = [from.into(), to.into()];
        let count: i64 =
            self.conn.query_row(&sql, params_from_iter(range.iter().chain(&condition.values)), |row| row.get(0))?;
        Ok(count.cast_unsigned())
    }

    /// Messages around another: so many of those that the filter lets through before it, and so many after it, in the
    /// order in which they were heard. The filter's time does not count.
    pub fn around(
        &self,
        seq: i64,
        filter: &Filter,
        (before, after): (usize, usize),
        with_payloads: bool,
    ) -> Result<Vec<Row>, ReadError> {
        let side = |order, ids, rows: usize| {
            let mut messages = Messages::between(self, filter, order, ids).in_pages_of(rows);
            messages.with_payloads = with_payloads;
            messages.take(rows).collect::<Result<Vec<_>, _>>()
        };
        let mut around = side(Order::NewestFirst, (i64::MIN, seq), before)?;
        around.reverse();
        around.extend(side(Order::OldestFirst, (seq.saturating_add(1), i64::MAX), after)?);
        Ok(around)
    }

    /// Whether it has its indexes. Without them, what asks for one room reads all.
    pub fn is_optimized(&self) -> Result<bool, ReadError> {
        Ok(optimize::has_indexes(&self.conn)?)
    }

    /// All rooms that have messages or were wanted, by number.
    pub fn rooms(&self) -> Result<Vec<RoomId>, ReadError> {
        let sql = "SELECT room FROM link UNION SELECT room FROM wanted ORDER BY room";
        let rooms =
            self.conn.prepare(sql)?.query_map([], |row| row.get::<_, i64>(0))?.collect::<Result<Vec<_>, _>>()?;
        Ok(rooms.into_iter().filter_map(room).collect())
    }

    /// When nobody listened, by room and then by time.
    pub fn gaps(&self) -> Result<Vec<Gap>, ReadError> {
        let (wanted, listened) = self.ledger()?;
        Ok(ledger::gaps(&wanted, &listened))
    }

    /// How much of the wanted time was listened to, by room.
    pub fn coverage(&self) -> Result<Vec<Coverage>, ReadError> {
        let (wanted, listened) = self.ledger()?;
        Ok(ledger::coverage(&wanted, &listened))
    }

    /// When nobody listened to any of these rooms, or to any room at all if none are given, between the first and the
    /// last time that somebody did: from, to, in microseconds since the Unix epoch.
    pub fn deaf(&self, rooms: &[RoomId]) -> Result<Vec<ledger::Span>, ReadError> {
        let (_, listened) = self.ledger()?;
        Ok(ledger::deaf(&listened, |room| rooms.is_empty() || rooms.contains(&room)))
    }

    /// The first message that the filter lets through and that has no raw payload, by its id. Reads none of the others.
    pub fn first_without_payload(&self, filter: &Filter) -> Result<Option<i64>, ReadError> {
        let (mut from, to) = self.ids(filter)?;
        let condition = filter.condition();
        let sql = format!("SELECT id FROM message WHERE id >= ? AND id < ?{} ORDER BY id LIMIT 1", condition.sql);
        let mut message = self.conn.prepare(&sql)?;
        let mut within = |from: i64, to: i64| {
            let range = [from.into(), to.into()];
            message.query_row(params_from_iter(range.iter().chain(&condition.values)), |row| row.get(0)).optional()
        };
        let mut blocks = self.conn.prepare("SELECT first_id, first_id + count FROM raw_block ORDER BY first_id")?;
        let mut blocks = blocks.query([])?;
        while let Some(block) = blocks.next()? {
            let (first_id, end_id) = (block.get(0)?, block.get(1)?);
            if first_id > from
                && let Some(id) = within(from, to.min(first_id))?
            {
                return Ok(Some(id));
            }
            from = from.max(end_id);
        }
        Ok(within(from, to)?)
    }

    /// What the ledger is derived from. What is open yet reaches to the last stamp of its run, as in the view `gap`.
    pub fn ledger(&self) -> Result<(Vec<Wanted>, Vec<Listened>), ReadError> {
        let wanted = self
            .conn
            .prepare(
                "SELECT w.room, w.from_us, coalesce(w.to_us, r.to_us) FROM wanted w JOIN run r ON r.id = w.run
                 ORDER BY w.rowid",
            )?
            .query_map([], |row| Ok(room(row.get(0)?).map(|room| (room, row.get(1), row.get(2)))))?
            .filter_map(Result::transpose)
            .map(|row| {
                let (room, from_us, to_us) = row?;
                Ok(Wanted { room, from_us: from_us?, to_us: to_us? })
            })
            .collect::<rusqlite::Result<_>>()?;
        let listened = self
            .conn
            .prepare(
                "SELECT l.id, l.room, l.joined_us,
                        CASE WHEN l.ended_us IS NULL THEN max(l.heard_us, r.to_us) ELSE l.heard_us END, l.reason
                 FROM link l JOIN run r ON r.id = l.run WHERE l.joined_us IS NOT NULL AND l.heard_us IS NOT NULL
                 ORDER BY l.id",
            )?
            .query_map([], |row| {
                let (link, from_us, to_us, reason) = (row.get(0)?, row.get(2)?, row.get(3)?, row.get(4)?);
                Ok(room(row.get(1)?).map(|room| Listened { link, room, from_us, to_us, reason }))
            })?
            .filter_map(Result::transpose)
            .collect::<rusqlite::Result<_>>()?;
        Ok((wanted, listened))
    }

    /// The ids of the messages that were received in the filter's time, first to one past the last.
    pub(crate) fn ids(&self, filter: &Filter) -> Result<(i64, i64), ReadError> {
        // Each asked on its own, or SQLite looks at every row.
        let ends = "SELECT coalesce((SELECT min(id) FROM message), 1), coalesce((SELECT max(id) FROM message), 0) + 1";
        let (first, end) = self.conn.query_row(ends, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let since = filter.since_us.map_or(Ok(first), |since_us| self.first_since(since_us, first, end))?;
        let until = filter.until_us.map_or(Ok(end), |until_us| self.first_since(until_us, first, end))?;
        Ok((since, until))
    }

    /// The first id from `low` to `high` whose message was received at `at_us` or later; `high` if none was. Times rise
    /// with ids, so halving finds it.
    fn first_since(&self, at_us: i64, mut low: i64, mut high: i64) -> Result<i64, ReadError> {
        let mut next =
            self.conn.prepare_cached("SELECT id, received_us FROM message WHERE id >= ?1 ORDER BY id LIMIT 1")?;
        while low < high {
            let middle = low + high.saturating_sub(low) / 2;
            let found: Option<(i64, i64)> =
                next.query_row([middle], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
            match found {
                Some((id, received_us)) if id < high && received_us < at_us => low = id + 1,
                _ => high = middle,
            }
        }
        Ok(low)
    }
}

fn room(number: i64) -> Option<RoomId> {
    u64::try_from(number).ok().and_then(RoomId::new)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    OldestFirst,
    NewestFirst,
}

/// Messages of a recording, one after the other. Read a page at a time, so that no long look at the file keeps a
/// recorder from tidying its log.
#[derive(Debug)]
pub struct Messages<'r> {
    recording: &'r Recording,
    sql: String,
    values: Vec<rusqlite::types::Value>,
    order: Order,
    /// What is still to be read: from, to before.
    ids: (i64, i64),
    page: vec::IntoIter<Row>,
    page_rows: usize,
    with_payloads: bool,
    block: Option<Block>,
    failed: bool,
}

/// A page ends with this many rows,
const PAGE_ROWS: usize = 512;
/// or with this much text.
const PAGE_BYTES: usize = 1 << 20;

impl<'r> Messages<'r> {
    fn new(recording: &'r Recording, filter: &Filter, order: Order) -> Result<Self, ReadError> {
        Ok(Self::between(recording, filter, order, recording.ids(filter)?))
    }

    fn between(recording: &'r Recording, filter: &Filter, order: Order, ids: (i64, i64)) -> Self {
        let condition = filter.condition();
        let direction = if order == Order::OldestFirst { "" } else { " DESC" };
        let sql = format!(
            "SELECT {} FROM message WHERE id >= ? AND id < ?{} ORDER BY id{direction}",
            row::COLUMNS,
            condition.sql
        );
        Self {
            recording,
            sql,
            values: condition.values,
            order,
            ids,
            page: Vec::new().into_iter(),
            page_rows: PAGE_ROWS,
            with_payloads: false,
            block: None,
            failed: false,
        }
    }

    /// With the raw payloads of those messages that have them.
    #[must_use]
    pub const fn with_payloads(mut self) -> Self {
        self.with_payloads = true;
        self
    }

    /// Reads no more than so many messages at a time. For who wants only some: without it, more are looked for than are
    /// taken.
    #[must_use]
    pub fn in_pages_of(mut self, rows: usize) -> Self {
        self.page_rows = rows.clamp(1, PAGE_ROWS);
        self
    }

    /// Reads the next page. An empty one is the last.
    fn turn(&mut self) -> Result<(), ReadError> {
        let (from, to) = self.ids;
        let mut page = Vec::new();
        let mut statement = self.recording.conn.prepare_cached(&self.sql)?;
        let range = [from.into(), to.into()];
        let mut rows = statement.query(params_from_iter(range.iter().chain(&self.values)))?;
        let mut bytes = 0;
        while page.len() < self.page_rows && bytes < PAGE_BYTES {
            let Some(row) = rows.next()? else {
                self.ids = (0, 0);
                break;
            };
            let id = row.get(0)?;
            let row = row::read(row)?.ok_or(ReadError::Message { id })?;
            bytes += row.size_bytes();
            self.ids = if self.order == Order::OldestFirst { (id + 1, to) } else { (from, id) };
            page.push(row);
        }
        self.page = page.into_iter();
        Ok(())
    }

    /// Gives a row that came from here its payload, if there is one.
    pub(crate) fn complete(&mut self, row: &mut Row) -> Result<(), ReadError> {
        if !self.block.as_ref().is_some_and(|block| block.has(row.seq)) {
            let stored = Stored::find(&self.recording.conn, row.seq)?;
            let covers = |stored: &Stored| row.seq.saturating_sub(stored.first_id) < stored.count;
            self.block = stored.filter(covers).as_ref().map(Block::open).transpose()?;
        }
        row.payload = self.block.as_ref().and_then(|block| block.payload(row.seq));
        Ok(())
    }

    fn read(&mut self) -> Result<Option<Row>, ReadError> {
        if self.page.len() == 0 && self.ids.0 < self.ids.1 {
            self.turn()?;
        }
        let Some(mut row) = self.page.next() else { return Ok(None) };
        if self.with_payloads {
            self.complete(&mut row)?;
        }
        Ok(Some(row))
    }
}

/// Ends after the first error.
impl Iterator for Messages<'_> {
    type Item = Result<Row, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let row = self.read().transpose();
        self.failed = matches!(row, Some(Err(_)));
        row
    }
}
