//! Raw blocks: the payloads of consecutive messages, exactly as they came, compressed together.
//!
//! ```text
//! body     zstd( length u32le, payload, length u32le, payload, … ), or the same by column where there are many
//! crc      CRC-32 of the body as it is stored
//! ```
//!
//! Every commit writes the blocks of its own rows, so that rows and payloads live or die together. A block ends once it
//! holds a MiB. Optimizing packs them to at most 3.25 MiB, so reading one never takes much memory.

mod columns;

use std::io;

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, params};
use thiserror::Error;

use columns::Packer;

/// A block that has reached this many bytes of lengths and payloads is closed.
pub(super) const FULL_BYTES: usize = 1 << 20;

/// The most that a block may hold when it is read: far more than any that was written. What says it has more is damaged.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// While recording: fast, and within a tenth of what higher levels reach on blocks of this size.
const LEVEL: i32 = 1;

/// Up to this many bytes, [`Builder::packing`] puts into one block: three that were full, which are a little more than
/// that. Names and words come back after thousands of messages, so larger blocks compress better.
pub(super) const PACKED_BYTES: usize = 3 * FULL_BYTES + FULL_BYTES / 4;

/// While packing: another tenth, for about the time that recording took. `benches/README.md` has the figures.
const PACKED_LEVEL: i32 = 9;

/// Fewer payloads are not packed by column, which would take more than it gives.
const FEW: i64 = 64;

/// Why a raw block cannot be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RawError {
    /// Its bytes are not those that were written.
    #[error("raw block {first_id} is damaged: its checksum is wrong")]
    Checksum {
        /// First message of the block.
        first_id: i64,
    },
    /// It does not decompress.
    #[error("raw block {first_id} is damaged: it does not decompress")]
    Compression {
        /// First message of the block.
        first_id: i64,
        /// What zstd said.
        #[source]
        source: io::Error,
    },
    /// The payloads inside do not fill it.
    #[error("raw block {first_id} is damaged: it does not hold {count} payloads")]
    Shape {
        /// First message of the block.
        first_id: i64,
        /// How many it says it holds.
        count: i64,
    },
}

/// A block as it is in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) first_id: i64,
    pub(super) count: i64,
    pub(super) crc: i64,
    pub(super) body: Vec<u8>,
}

impl Stored {
    /// Takes a block out of a row of `first_id`, `count`, `crc`, `body`.
    pub(super) fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { first_id: row.get(0)?, count: row.get(1)?, crc: row.get(2)?, body: row.get(3)? })
    }

    /// The last block that begins at or before `id`.
    pub(super) fn find(conn: &Connection, id: i64) -> rusqlite::Result<Option<Self>> {
        conn.prepare_cached(
            "SELECT first_id, count, crc, body FROM raw_block WHERE first_id <= ?1 ORDER BY first_id DESC LIMIT 1",
        )?
        .query_row([id], Self::read)
        .optional()
    }

    pub(super) fn insert(&self, conn: &Connection) -> rusqlite::Result<()> {
        conn.prepare_cached("INSERT INTO raw_block (first_id, count, crc, body) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![self.first_id, self.count, self.crc, self.body])?;
        Ok(())
    }
}

/// Gathers payloads into blocks.
pub(super) struct Builder {
    compressor: zstd::bulk::Compressor<'static>,
    full_bytes: usize,
    plain: Vec<u8>,
    packer: Packer,
    packed: Vec<u8>,
    first_id: i64,
    count: i64,
}

impl Builder {
    /// For who records: little at a time, and quickly.
    pub(super) fn new() -> io::Result<Self> {
        Self::with(LEVEL, FULL_BYTES)
    }

    /// For who has time, and wants the file to be small.
    pub(super) fn packing() -> io::Result<Self> {
        Self::with(PACKED_LEVEL, PACKED_BYTES)
    }

    fn with(level: i32, full_bytes: usize) -> io::Result<Self> {
        let compressor = zstd::bulk::Compressor::new(level)?;
        let (plain, packer, packed) = Default::default();
        Ok(Self { compressor, full_bytes, plain, packer, packed, first_id: 0, count: 0 })
    }

    /// Adds the payload of message `id`, which follows on the one before. Gives the block once it is full.
    pub(super) fn push(&mut self, id: i64, payload: &[u8]) -> io::Result<Option<Stored>> {
        if self.count == 0 {
            self.first_id = id;
        }
        columns::put(&mut self.plain, payload);
        self.count += 1;
        if self.plain.len() < self.full_bytes { Ok(None) } else { self.finish() }
    }

    /// Gives what was gathered, if anything was, and begins anew.
    pub(super) fn finish(&mut self) -> io::Result<Option<Stored>> {
        if self.count == 0 {
            return Ok(None);
        }
        let body = if self.count < FEW {
            self.compressor.compress(&self.plain)?
        } else {
            self.packer.pack(&self.plain, &mut self.packed);
            self.compressor.compress(&self.packed)?
        };
        let crc = i64::from(crc32fast::hash(&body));
        let stored = Stored { first_id: self.first_id, count: self.count, crc, body };
        self.clear();
        Ok(Some(stored))
    }

    /// Forgets what was gathered.
    pub(super) fn clear(&mut self) {
        self.count = 0;
        self.plain.clear();
        // One message of 1 MiB must not cost that memory for ever.
        self.plain.shrink_to(2 * self.full_bytes);
        self.packed.shrink_to(2 * self.full_bytes);
    }
}

/// A block opened: its payloads.
#[derive(Clone, Debug)]
pub(super) struct Block {
    first_id: i64,
    plain: Bytes,
    spans: Vec<(u32, u32)>,
}

impl Block {
    /// Checks and decompresses a block.
    pub(super) fn open(stored: &Stored) -> Result<Self, RawError> {
        let Stored { first_id, count, crc, ref body } = *stored;
        if i64::from(crc32fast::hash(body)) != crc {
            return Err(RawError::Checksum { first_id });
        }
        let plain =
            zstd::bulk::decompress(body, MOST_BYTES).map_err(|source| RawError::Compression { first_id, source })?;
        let plain = if columns::is_packed(&plain) { columns::unpack(&plain, MOST_BYTES) } else { Some(plain) };
        let plain = plain.ok_or(RawError::Shape { first_id, count })?;
        let spans = spans(&plain)
            .filter(|spans| spans.len() as i64 == count && first_id.checked_add(count).is_some())
            .ok_or(RawError::Shape { first_id, count })?;
        Ok(Self { first_id, plain: plain.into(), spans })
    }

    pub(super) const fn first_id(&self) -> i64 {
        self.first_id
    }

    /// The first message that this block does not hold any more.
    pub(super) fn end_id(&self) -> i64 {
        self.first_id + self.spans.len() as i64
    }

    /// Whether message `id` is in it.
    pub(super) fn has(&self, id: i64) -> bool {
        (self.first_id..self.end_id()).contains(&id)
    }

    /// The payload of message `id`, if it is in it. Shares the memory of the block.
    pub(super) fn payload(&self, id: i64) -> Option<Bytes> {
        let at = usize::try_from(id.checked_sub(self.first_id)?).ok()?;
        self.spans.get(at).map(|&(start, end)| self.plain.slice(start as usize..end as usize))
    }

    /// All payloads with their messages.
    pub(super) fn payloads(&self) -> impl Iterator<Item = (i64, &[u8])> {
        (self.first_id..).zip(self.spans.iter().map(|&(start, end)| &self.plain[start as usize..end as usize]))
    }

    /// Bytes of lengths and payloads.
    pub(super) fn size_bytes(&self) -> usize {
        self.plain.len()
    }
}

/// Where the payloads lie, if lengths and payloads fill `plain` exactly.
fn spans(plain: &[u8]) -> Option<Vec<(u32, u32)>> {
    let mut spans = Vec::new();
    let mut at = 0;
    while at < plain.len() {
        let length = u32::from_le_bytes(plain.get(at..at + 4)?.try_into().ok()?) as usize;
        let start = at + 4;
        at = start.checked_add(length).filter(|&end| end <= plain.len())?;
        spans.push((start as u32, at as u32));
    }
    Some(spans)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAYLOADS: i64 = 2 * FEW;

    fn payload(id: i64) -> Vec<u8> {
        format!("type@=chatmsg/uid@={id}/txt@=主播好/").into_bytes()
    }

    #[track_caller]
    fn holds_all(stored: &Stored) {
        let block = Block::open(stored).unwrap();
        let payloads: Vec<_> = block.payloads().map(|(id, payload)| (id, payload.to_vec())).collect();
        assert_eq!(payloads, (7..7 + PAYLOADS).map(|id| (id, payload(id))).collect::<Vec<_>>());
    }

    #[test]
    fn blocks_of_earlier_versions_are_read() {
        let mut plain = Vec::new();
        (7..7 + PAYLOADS).for_each(|id| columns::put(&mut plain, &payload(id)));
        let body = zstd::bulk::compress(&plain, LEVEL).unwrap();
        let crc = crc32fast::hash(&body).into();
        holds_all(&Stored { first_id: 7, count: PAYLOADS, crc, body });
    }

    #[test]
    fn many_payloads_are_packed_and_few_are_not() {
        let mut builder = Builder::new().unwrap();
        let mut build = |count| {
            for id in 7..7 + count {
                assert_eq!(builder.push(id, &payload(id)).unwrap(), None);
            }
            builder.finish().unwrap().unwrap()
        };
        let is_packed =
            |stored: &Stored| columns::is_packed(&zstd::bulk::decompress(&stored.body, MOST_BYTES).unwrap());
        let many = build(PAYLOADS);
        assert!(is_packed(&many) && !is_packed(&build(FEW - 1)));
        holds_all(&many);
    }
}
