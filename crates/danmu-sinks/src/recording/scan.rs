//! Scanning: one pass over the messages of a recording, with the columns that counting needs, and no copy of any.

use danmu_proto::RoomId;
use danmu_proto::summary::Flags;
use rusqlite::params_from_iter;
use rusqlite::types::ValueRef;

use super::reader::{ReadError, Recording};
use crate::filter::Filter;

/// So many messages are read at a time, so that no long look at the file keeps a recorder from tidying its log.
const PAGE: usize = 1 << 16;

/// What is read of a message, in the order of [`Scanned::read`].
const COLUMNS: &str = "id, room, received_us, sent_ms, type, uid, name, text, level, medal, medal_room, gift_kind, \
     gift_id, gift_name, count, price_fen, duration_s, flags";

/// A message as far as it is counted. Who edits a recording may put anything anywhere: what does not fit is absent.
pub(super) struct Scanned<'r> {
    pub(super) id: i64,
    pub(super) room: RoomId,
    pub(super) at_us: i64,
    pub(super) sent_ms: Option<i64>,
    pub(super) kind: &'r [u8],
    pub(super) user: Option<i64>,
    pub(super) name: Option<&'r [u8]>,
    pub(super) text: Option<&'r [u8]>,
    pub(super) level: Option<i64>,
    pub(super) medal: Option<&'r [u8]>,
    pub(super) medal_room: Option<i64>,
    pub(super) gift_kind: Option<&'r [u8]>,
    pub(super) gift_id: Option<i64>,
    pub(super) gift_name: Option<&'r [u8]>,
    pub(super) count: Option<i64>,
    pub(super) price_fen: Option<i64>,
    pub(super) duration_s: Option<i64>,
    pub(super) flags: Flags,
}

impl<'r> Scanned<'r> {
    /// `None` if its room is no room, which nothing of ours writes.
    fn read(row: &'r rusqlite::Row<'_>) -> rusqlite::Result<Option<Self>> {
        let number = |column| {
            Ok::<_, rusqlite::Error>(match row.get_ref(column)? {
                ValueRef::Integer(number) => Some(number),
                _ => None,
            })
        };
        let text = |column| {
            Ok::<_, rusqlite::Error>(match row.get_ref(column)? {
                ValueRef::Text(text) => Some(text),
                _ => None,
            })
        };
        let Some(room) = number(1)?.and_then(|room| RoomId::new(room.try_into().ok()?)) else { return Ok(None) };
        Ok(Some(Self {
            id: number(0)?.unwrap_or(0),
            room,
            at_us: number(2)?.unwrap_or(0),
            sent_ms: number(3)?,
            kind: text(4)?.unwrap_or_default(),
            user: number(5)?,
            name: text(6)?,
            text: text(7)?,
            level: number(8)?,
            medal: text(9)?,
            medal_room: number(10)?,
            gift_kind: text(11)?,
            gift_id: number(12)?,
            gift_name: text(13)?,
            count: number(14)?,
            price_fen: number(15)?,
            duration_s: number(16)?,
            flags: Flags(number(17)?.unwrap_or(0) as u8),
        }))
    }
}

impl Recording {
    /// Hands on each message with such an id that the filter lets through, in order. Looked at here and not by SQLite,
    /// which would sort them to group them.
    pub(super) fn scan(
        &self,
        filter: &Filter,
        (mut from, to): (i64, i64),
        mut each: impl FnMut(&Scanned<'_>),
    ) -> Result<(), ReadError> {
        let condition = filter.condition();
        let sql =
            format!("SELECT {COLUMNS} FROM message WHERE id >= ? AND id < ?{} ORDER BY id LIMIT {PAGE}", condition.sql);
        let mut statement = self.conn.prepare(&sql)?;
        loop {
            let range = [from.into(), to.into()];
            let mut rows = statement.query(params_from_iter(range.iter().chain(&condition.values)))?;
            let mut read = 0;
            while let Some(row) = rows.next()? {
                read += 1;
                from = row.get::<_, i64>(0)?.saturating_add(1);
                if let Some(message) = Scanned::read(row)? {
                    each(&message);
                }
            }
            if read < PAGE {
                return Ok(());
            }
        }
    }
}
