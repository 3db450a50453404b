//! Optimizing: what is left out while recording because it would slow it down.
//!
//! - Raw blocks, at least one a commit, become blocks of some MiB, which compress far better.
//! - An index finds the messages of a room, and words in them.
//! - Room that this freed in the file goes back to the disk, where it is worth copying the file for.

use std::path::Path;

use rusqlite::{Connection, params};
use thiserror::Error;

use super::raw::{Block, Builder, PACKED_BYTES, RawError, Stored};
use super::{OpenError, into_one_file, open_to_write};

/// Why a recording was not optimized. It is as it was, or partly optimized; nothing is lost.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OptimizeError {
    /// It was not opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// SQLite could not.
    #[error("the recording cannot be rewritten (is the disk full?)")]
    Sqlite(#[from] rusqlite::Error),
    /// There was no memory to compress in.
    #[error("payloads cannot be compressed")]
    Compress(#[from] std::io::Error),
}

/// What optimizing changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Optimized {
    /// Raw blocks before.
    pub blocks_before: u64,
    /// Raw blocks after.
    pub blocks_after: u64,
    /// Bytes of the file before.
    pub bytes_before: u64,
    /// Bytes of the file after.
    pub bytes_after: u64,
    /// Raw blocks that are damaged and were left as they are; `danmu verify` names them.
    pub damaged: u64,
}

/// By room, and in it by id, together with the text: a word is looked for in the pages of the index, where a room's
/// lines lie together, and not in those of the table, where each may lie on a page of its own.
const INDEX: &str = "CREATE INDEX IF NOT EXISTS message_room_text ON message (room, id, text)";

/// What earlier versions had in its place.
const OLD_INDEX: &str = "DROP INDEX IF EXISTS message_room";

/// The file is copied if it gets smaller by more than one page in this many.
const WORTH_COPYING: i64 = 5;

/// Optimizes a recording that nobody records into.
pub fn optimize(path: impl AsRef<Path>) -> Result<Optimized, OptimizeError> {
    let (mut conn, _lock) = open_to_write(path.as_ref(), false, env!("CARGO_PKG_VERSION"))?;
    let optimized = run(&mut conn)?;
    into_one_file(conn);
    Ok(optimized)
}

pub(super) fn run(conn: &mut Connection) -> Result<Optimized, OptimizeError> {
    let count = |conn: &Connection| conn.query_row("SELECT count(*) FROM raw_block", [], |row| row.get::<_, i64>(0));
    let mut optimized =
        Optimized { blocks_before: count(conn)?.cast_unsigned(), bytes_before: bytes(conn)?, ..Optimized::default() };
    optimized.damaged = merge_blocks(conn)?;
    // After the merge, so that it lies where the small blocks were.
    conn.execute_batch(OLD_INDEX)?;
    conn.execute_batch(INDEX)?;
    let pages = |pragma| conn.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    if pages("freelist_count")? > pages("page_count")? / WORTH_COPYING {
        // Needs as much room again for a moment. Without it the file is larger, and nothing else.
        let _ = conn.execute_batch("VACUUM");
    }
    optimized.blocks_after = count(conn)?.cast_unsigned();
    optimized.bytes_after = bytes(conn)?;
    Ok(optimized)
}

/// Whether [`run`] was here since anything was recorded.
pub(super) fn has_indexes(conn: &Connection) -> rusqlite::Result<bool> {
    conn.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'index' AND name = 'message_room_text'")?.exists([])
}

pub(super) fn drop_indexes(conn: &Connection) -> rusqlite::Result<()> {
    conn.execute_batch(OLD_INDEX)?;
    conn.execute_batch("DROP INDEX IF EXISTS message_room_text")
}

fn bytes(conn: &Connection) -> rusqlite::Result<u64> {
    conn.query_row("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size", [], |row| {
        row.get::<_, i64>(0).map(i64::cast_unsigned)
    })
}

/// Merges neighbours as long as they fit into one block. Gives how many blocks are damaged.
fn merge_blocks(conn: &mut Connection) -> Result<u64, OptimizeError> {
    let mut builder = Builder::packing()?;
    let mut damaged = 0;
    let mut next_id = i64::MIN;
    loop {
        // A transaction for each merged block: little to write again after a crash, and readers see all of it or none.
        let tx = conn.transaction()?;
        let Run { blocks, next } = neighbours(&tx, next_id, &mut damaged)?;
        if blocks.len() > 1 {
            for block in &blocks {
                tx.prepare_cached("DELETE FROM raw_block WHERE first_id = ?1")?.execute(params![block.first_id()])?;
            }
            for (id, payload) in blocks.iter().flat_map(Block::payloads) {
                if let Some(full) = builder.push(id, payload)? {
                    full.insert(&tx)?;
                }
            }
            if let Some(rest) = builder.finish()? {
                rest.insert(&tx)?;
            }
        }
        tx.commit()?;
        match next {
            Some(id) => next_id = id,
            None => return Ok(damaged),
        }
    }
}

/// Blocks that fit into one, and where to go on.
struct Run {
    blocks: Vec<Block>,
    next: Option<i64>,
}

/// The blocks from `from` on that follow each other without a hole and fit into one.
fn neighbours(conn: &Connection, from: i64, damaged: &mut u64) -> Result<Run, OptimizeError> {
    let mut select =
        conn.prepare_cached("SELECT first_id, count, crc, body FROM raw_block WHERE first_id >= ?1 ORDER BY first_id")?;
    let mut rows = select.query([from])?;
    let mut blocks: Vec<Block> = Vec::new();
    let mut bytes = 0;
    while let Some(row) = rows.next()? {
        let stored = Stored::read(row)?;
        let opened: Result<Block, RawError> = Block::open(&stored);
        let block = match opened {
            Ok(block) => block,
            Err(_) if blocks.is_empty() => {
                *damaged += 1;
                return Ok(Run { blocks, next: stored.first_id.checked_add(1) });
            }
            Err(_) => return Ok(Run { blocks, next: Some(stored.first_id) }),
        };
        bytes += block.size_bytes();
        let follows = blocks.last().is_none_or(|last| last.end_id() == stored.first_id);
        if !blocks.is_empty() && (!follows || bytes > PACKED_BYTES) {
            return Ok(Run { blocks, next: Some(stored.first_id) });
        }
        blocks.push(block);
    }
    Ok(Run { blocks, next: None })
}
