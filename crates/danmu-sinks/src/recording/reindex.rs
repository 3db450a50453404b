//! Reindexing: the columns of every message anew from its raw payload. A fault in a decoder thus never costs data: mend
//! the decoder, reindex.

use std::path::Path;

use rusqlite::{Connection, params};
use thiserror::Error;

use danmu_proto::summary::Flags;
use danmu_proto::{RoomId, Summary};

use super::raw::{Block, RawError, Stored};
use super::row;
use super::{OpenError, into_one_file, open_to_write};

/// Why a recording was not reindexed. It is as it was: all of it is one transaction.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReindexError {
    /// It was not opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// SQLite could not.
    #[error("the recording cannot be rewritten (is the disk full?)")]
    Sqlite(#[from] rusqlite::Error),
}

/// What reindexing did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reindexed {
    /// Messages whose columns were made anew.
    pub rebuilt: u64,
    /// Messages that kept their columns because there is no raw payload of them.
    pub kept: u64,
    /// Raw blocks that are damaged. Their messages kept their columns.
    pub damaged: Vec<i64>,
}

/// Reindexes a recording that nobody records into. Ids, rooms, links and times stay.
pub fn reindex(path: impl AsRef<Path>) -> Result<Reindexed, ReindexError> {
    let (mut conn, _lock) = open_to_write(path.as_ref(), false, env!("CARGO_PKG_VERSION"))?;
    let tx = conn.transaction()?;
    let reindexed = run(&tx)?;
    tx.commit()?;
    into_one_file(conn);
    Ok(reindexed)
}

fn run(conn: &Connection) -> rusqlite::Result<Reindexed> {
    let mut reindexed = Reindexed::default();
    let mut blocks = conn.prepare("SELECT first_id, count, crc, body FROM raw_block ORDER BY first_id")?;
    let mut blocks = blocks.query([])?;
    while let Some(block) = blocks.next()? {
        let stored = Stored::read(block)?;
        let opened: Result<Block, RawError> = Block::open(&stored);
        match opened {
            Ok(block) => reindexed.rebuilt += rebuild(conn, &block)?,
            Err(_) => reindexed.damaged.push(stored.first_id),
        }
    }
    let messages: i64 = conn.query_row("SELECT count(*) FROM message", [], |row| row.get(0))?;
    reindexed.kept = messages.cast_unsigned().saturating_sub(reindexed.rebuilt);
    Ok(reindexed)
}

/// Writes the columns of the messages of a block; gives how many there were.
fn rebuild(conn: &Connection, block: &Block) -> rusqlite::Result<u64> {
    let mut find = conn.prepare_cached("SELECT room, flags FROM message WHERE id = ?1")?;
    let mut update = conn.prepare_cached(UPDATE)?;
    let mut rebuilt = 0;
    for (id, payload) in block.payloads() {
        let mut found = find.query(params![id])?;
        let Some(row) = found.next()? else { continue };
        let Some(room) = row.get::<_, i64>(0)?.try_into().ok().and_then(RoomId::new) else { continue };
        // Where it came from is not in the payload.
        let imported = Flags(row.get::<_, i64>(1)? as u8).has(Flags::IMPORTED);
        let mut summary = Summary::read(payload, room);
        summary.flags = summary.flags.with(Flags::IMPORTED, imported);
        row::bind_made(&mut update, &summary)?;
        update.raw_bind_parameter(row::MADE + 1, id)?;
        rebuilt += update.raw_execute()? as u64;
    }
    Ok(rebuilt)
}

const UPDATE: &str = "UPDATE message SET \
     (sent_ms, type, cid, uid, name, text, level, role, medal, medal_level, medal_room, colour, noble, client, \
      gift_kind, gift_id, gift_name, count, hits, price_fen, duration_s, receiver, flags) = \
     (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23) \
     WHERE id = ?24";
