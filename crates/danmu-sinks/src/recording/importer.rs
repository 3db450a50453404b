//! The importer: puts what files tell into a recording, all of a file or nothing of it.
//!
//! ```text
//! take ─ take … take ─ finish
//! └─ staged ────────┘   └─ in the order of time ─▶ recording, in one transaction
//! ```
//!
//! What is taken waits in a temporary table, on the disk and not in memory: only the end of a file says when its first
//! message was, and not all files are in order.
//!
//! Each file becomes a run of its own, with a link for each room. If the file tells of gaps, the ledger does too; if it
//! does not, nobody can say when somebody listened, and no time counts as wanted.

mod dates;
mod spans;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use danmu_proto::summary::{Flags, GiftKind, own_room};
use danmu_proto::{Fields, RoomId, Summary};
use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use super::ledger::Gap;
use super::lock::Lock;
use super::raw::Builder;
use super::writer::{CatalogGift, RoomState, begin, write_room_state};
use super::{leaves_one_file, open_to_write, optimize, row};
use crate::import::{Body, ImportError, Item, Told, When};
use dates::SentTimes;
use spans::Spans;

/// How to import.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ImportOptions {
    /// The program that imports, for the tables `run` and `meta`. Default this version.
    pub version: String,
    /// The room of messages whose file does not say which. Default: the one that a message itself names.
    pub room: Option<RoomId>,
    /// When the file begins, in microseconds since the Unix epoch; counts more than what the file says. Default: what the
    /// file says.
    pub start_us: Option<i64>,
    /// Up to how many rows the recording is optimized too. Default 1,000,000.
    pub optimize_rows: u64,
}

impl Default for ImportOptions {
    fn default() -> Self {
        Self { version: env!("CARGO_PKG_VERSION").to_owned(), room: None, start_us: None, optimize_rows: 1_000_000 }
    }
}

/// What was imported of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Imported {
    /// Messages.
    pub messages: u64,
    /// When the first of them was received, in microseconds since the Unix epoch.
    pub from_us: i64,
    /// When the last was.
    pub to_us: i64,
    /// Messages of which the file does not say when they were heard.
    pub undated: u64,
    /// Gaps.
    pub gaps: u64,
    /// What has no place in a recording, by its name in the file.
    pub unknown: BTreeMap<String, u64>,
}

/// Imports a file into a recording. Dropping it before [`Importer::finish`] leaves the recording as it was.
pub struct Importer {
    // Closed before the lock is let go.
    conn: Connection,
    _lock: Lock,
    path: PathBuf,
    /// Whether the recording was made for this, and has nothing in it yet.
    fresh: bool,
    options: ImportOptions,
    source: String,
    told: Heap,
}

/// What was told, beside the messages in the table.
#[derive(Default)]
struct Heap {
    messages: u64,
    undated: u64,
    sent: SentTimes,
    begins_us: Option<i64>,
    gaps: Vec<Gap>,
    rooms: Vec<(Option<RoomId>, RoomState)>,
    gifts: BTreeMap<(GiftKind, u64), CatalogGift>,
    unknown: BTreeMap<String, u64>,
}

/// Stands for the time of messages in front of the first that has one.
const UNDATED: i64 = i64::MIN;

/// The columns of messages as they will be, then what decides where they go.
const STAGED: &str = "CREATE TEMP TABLE staged (
    sent_ms, type, cid, uid, name, text, level, role, medal, medal_level, medal_room, colour, noble, client, gift_kind,
    gift_id, gift_name, count, hits, price_fen, duration_s, receiver, flags, at_us INTEGER, seq INTEGER, room INTEGER,
    payload BLOB, is_after INTEGER)";

const STAGE: &str = "INSERT INTO staged VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, \
     ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28)";

/// One staged message into the recording.
const MOVE: &str = "INSERT INTO message
    SELECT ?1, room, ?2, at_us, sent_ms, type, cid, uid, name, text, level, role, medal, medal_level, medal_room, colour,
           noble, client, gift_kind, gift_id, gift_name, count, hits, price_fen, duration_s, receiver, flags
    FROM staged WHERE rowid = ?3";

impl Importer {
    /// Opens a recording to import into, which is made if it is not there. `source` names the file, for the table `link`.
    pub fn open(path: impl AsRef<Path>, source: &str, options: ImportOptions) -> Result<Self, ImportError> {
        let path = path.as_ref();
        let fresh = fs::metadata(path).map_or(true, |found| found.len() == 0);
        let (conn, lock) = open_to_write(path, true, &options.version)?;
        conn.execute_batch("PRAGMA temp_store = file")?;
        conn.execute_batch(STAGED)?;
        Ok(Self {
            conn,
            _lock: lock,
            path: path.to_owned(),
            fresh,
            options,
            source: source.to_owned(),
            told: Heap::default(),
        })
    }

    /// Takes what a file tells next.
    pub fn take(&mut self, item: Item) -> Result<(), ImportError> {
        match item {
            Item::Message(told) => self.stage(told)?,
            Item::Gap(gap) => self.told.gaps.push(gap),
            Item::Begins(at_us) => _ = self.told.begins_us.get_or_insert(at_us),
            Item::Room { room, state } => self.told.rooms.push((room, state)),
            Item::Gift(gift) => _ = self.told.gifts.entry((gift.kind, gift.id)).or_insert(gift),
            Item::Unknown(name) => *self.told.unknown.entry(name).or_default() += 1,
        }
        Ok(())
    }

    fn stage(&mut self, told: Told) -> Result<(), ImportError> {
        let (payload, summary) = match told.body {
            Body::Payload(payload) => (Some(payload), None),
            Body::Summary(summary) => (None, Some(summary)),
        };
        let fields = payload.as_deref().map(Fields::new);
        let named = told.room.or(self.options.room);
        let room = named.or_else(|| own_room(fields?)).ok_or(ImportError::NoRoom)?;
        let mut summary = match (summary, fields) {
            (Some(summary), _) => *summary,
            (None, Some(fields)) => Summary::of(fields, room),
            (None, None) => return Ok(()),
        };
        summary.flags = summary.flags.with(Flags::IMPORTED, true).with(Flags::LOSSY, told.lossy);
        let (at_us, is_after) = match told.received {
            When::At(at_us) => (at_us, false),
            When::After(us) => match self.begins_us() {
                Some(begins_us) => (begins_us.saturating_add(us), false),
                // A later message may say it.
                None => (us, true),
            },
            When::Unknown => {
                self.told.undated += 1;
                (self.told.sent.next(summary.sent_ms).unwrap_or(UNDATED), false)
            }
        };
        self.told.messages += 1;
        let mut stage = self.conn.prepare_cached(STAGE)?;
        row::bind_made(&mut stage, &summary)?;
        stage.raw_bind_parameter(row::MADE + 1, at_us)?;
        stage.raw_bind_parameter(row::MADE + 2, told.seq)?;
        stage.raw_bind_parameter(row::MADE + 3, room.as_i64())?;
        stage.raw_bind_parameter(row::MADE + 4, &payload)?;
        stage.raw_bind_parameter(row::MADE + 5, is_after)?;
        stage.raw_execute()?;
        Ok(())
    }

    fn begins_us(&self) -> Option<i64> {
        self.options.start_us.or(self.told.begins_us)
    }

    /// Puts everything into the recording.
    pub fn finish(mut self) -> Result<Imported, ImportError> {
        let imported = self.write()?;
        self.fresh = false;
        // Everything is safe by now; what fails from here on costs speed or room and no message.
        let rows = self.conn.query_row("SELECT count(*) FROM message", [], |row| row.get::<_, i64>(0));
        if rows.is_ok_and(|rows| rows.cast_unsigned() <= self.options.optimize_rows) {
            let _ = optimize::run(&mut self.conn);
        }
        Ok(imported)
    }

    fn write(&mut self) -> Result<Imported, ImportError> {
        if self.told.messages == 0 {
            return Err(ImportError::Nothing);
        }
        let begins_us = self.begins_us();
        let dated = self.conn.execute("UPDATE staged SET at_us = at_us + ?1 WHERE is_after", [begins_us])?;
        if dated > 0 && begins_us.is_none() {
            return Err(ImportError::NoTime);
        }
        // Not behind those that were sent later: they keep their place in the file.
        let sent_us = self.told.sent.first_us();
        let first_us = [self.options.start_us, sent_us].into_iter().flatten().min().or(self.told.begins_us);
        let dated = self.conn.execute("UPDATE staged SET at_us = ?1 WHERE at_us = ?2", (first_us, UNDATED))?;
        if dated > 0 && first_us.is_none() {
            return Err(ImportError::NoTime);
        }
        let tx = Transaction::new_unchecked(&self.conn, TransactionBehavior::Immediate)?;
        let imported = self.write_in(&tx)?;
        tx.commit()?;
        Ok(imported)
    }

    fn write_in(&self, tx: &Transaction<'_>) -> Result<Imported, ImportError> {
        let (from_us, to_us): (i64, i64) =
            tx.query_row("SELECT min(at_us), max(at_us) FROM staged", [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let begins_us = self.begins_us().map_or(from_us, |begins_us| begins_us.min(from_us));
        let calendar = jiff::Timestamp::MIN.as_microsecond()..=jiff::Timestamp::MAX.as_microsecond();
        if let Some(&at_us) = [begins_us, to_us].iter().find(|at_us| !calendar.contains(at_us)) {
            return Err(ImportError::Never { at_us });
        }
        let begun = begin::begin_in(tx, &self.options.version, begins_us)?;
        if from_us < begun.received_us {
            return Err(ImportError::Older { begins_us: from_us, ends_us: begun.received_us });
        }
        let mut spans = Spans::of(tx, &self.told.gaps, begun.last_link)?;
        move_messages(tx, begun.last_id, &mut spans)?;
        spans.write(tx, begun.run, to_us, &self.source)?;
        for (room, state) in &self.told.rooms {
            let room = room.or(self.options.room).or_else(|| spans.only_room());
            if let Some(room) = room {
                write_room_state(tx, room.as_i64(), begins_us, state)?;
            }
        }
        for CatalogGift { kind, id, name, price_fen } in self.told.gifts.values() {
            // What a recording knows of its own gifts counts more.
            tx.prepare_cached("INSERT OR IGNORE INTO gift (kind, id, name, price_fen) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![kind.name(), id.cast_signed(), name, price_fen.map(u64::cast_signed)])?;
        }
        tx.execute("UPDATE run SET to_us = ?2, reason = 'import' WHERE id = ?1", (begun.run, to_us))?;
        Ok(Imported {
            messages: self.told.messages,
            from_us,
            to_us,
            undated: self.told.undated,
            gaps: self.told.gaps.len() as u64,
            unknown: self.told.unknown.clone(),
        })
    }
}

/// Moves what is staged, oldest first; what was heard in the same moment stays in the order of the file.
fn move_messages(tx: &Transaction<'_>, last_id: i64, spans: &mut Spans) -> Result<(), ImportError> {
    let mut raw = Builder::new().map_err(ImportError::Compress)?;
    let mut put = tx.prepare(MOVE)?;
    let mut staged = tx.prepare("SELECT rowid, at_us, seq, room, payload FROM staged ORDER BY at_us, rowid")?;
    let mut staged = staged.query([])?;
    let mut id = last_id;
    while let Some(row) = staged.next()? {
        let (at_us, seq): (i64, Option<i64>) = (row.get(1)?, row.get(2)?);
        let next = seq.filter(|&seq| seq > id && seq < i64::MAX / 2).unwrap_or(id + 1);
        let payload = row.get_ref(4)?.as_blob_or_null().unwrap_or_default();
        // A block holds the payloads of ids that follow each other.
        if (next != id + 1 || payload.is_none())
            && let Some(block) = raw.finish().map_err(ImportError::Compress)?
        {
            block.insert(tx)?;
        }
        id = next;
        put.execute((id, spans.link(row.get(3)?, at_us), row.get::<_, i64>(0)?))?;
        if let Some(payload) = payload
            && let Some(block) = raw.push(id, payload).map_err(ImportError::Compress)?
        {
            block.insert(tx)?;
        }
    }
    if let Some(block) = raw.finish().map_err(ImportError::Compress)? {
        block.insert(tx)?;
    }
    Ok(())
}

/// One file is left. A recording that was made for an import that failed goes away with it.
impl Drop for Importer {
    fn drop(&mut self) {
        leaves_one_file(&self.conn);
        if self.fresh {
            let _ = fs::remove_file(&self.path);
        }
    }
}
