//! Scanning: one pass over the messages of a recording, with the columns that counting needs, and no copy of any.

use danmu_proto::RoomId;
use danmu_proto::summary::Flags;
use rusqlite::params_from_iter;
use rusqlite::types::ValueRef;

use super::reader::{ReadError, Recording};
use crate::filter::Filter;

/// So many messages are read at a time, so that no long look at the file keeps a recorder from tidying its log.
const PAGE: usize = 1 << 16;

/// What may be asked of a message, by the place of its column.
const COLUMNS: &str = "id, room, received_us, sent_ms, type, uid, name, text, level, medal, medal_room, gift_kind, \
     gift_id, gift_name, count, price_fen, duration_s, flags";

/// A message as far as it is counted. What most types have not is read only when it is asked for. Who edits a recording may
/// put anything anywhere: what does not fit is absent.
pub(super) struct Scanned<'r> {
    row: &'r rusqlite::Row<'r>,
    pub(super) id: i64,
    pub(super) room: RoomId,
    pub(super) at_us: i64,
    pub(super) kind: &'r [u8],
    pub(super) user: Option<i64>,
    pub(super) name: Option<&'r [u8]>,
    pub(super) flags: Flags,
}

impl<'r> Scanned<'r> {
    /// `None` if its room is no room, which nothing of ours writes.
    fn read(row: &'r rusqlite::Row<'r>) -> Option<Self> {
        let room = number(row, 1).and_then(|room| RoomId::new(room.try_into().ok()?))?;
        Some(Self {
            row,
            id: number(row, 0).unwrap_or(0),
            room,
            at_us: number(row, 2).unwrap_or(0),
            kind: text(row, 4).unwrap_or_default(),
            user: number(row, 5),
            name: text(row, 6),
            flags: Flags(number(row, 17).unwrap_or(0) as u8),
        })
    }

    pub(super) fn sent_ms(&self) -> Option<i64> {
        number(self.row, 3)
    }

    pub(super) fn text(&self) -> Option<&'r [u8]> {
        text(self.row, 7)
    }

    pub(super) fn level(&self) -> Option<i64> {
        number(self.row, 8)
    }

    pub(super) fn medal(&self) -> Option<&'r [u8]> {
        text(self.row, 9)
    }

    pub(super) fn medal_room(&self) -> Option<i64> {
        number(self.row, 10)
    }

    pub(super) fn gift_kind(&self) -> Option<&'r [u8]> {
        text(self.row, 11)
    }

    pub(super) fn gift_id(&self) -> Option<i64> {
        number(self.row, 12)
    }

    pub(super) fn gift_name(&self) -> Option<&'r [u8]> {
        text(self.row, 13)
    }

    pub(super) fn count(&self) -> Option<i64> {
        number(self.row, 14)
    }

    pub(super) fn price_fen(&self) -> Option<i64> {
        number(self.row, 15)
    }

    pub(super) fn duration_s(&self) -> Option<i64> {
        number(self.row, 16)
    }
}

fn number(row: &rusqlite::Row<'_>, column: usize) -> Option<i64> {
    match row.get_ref(column) {
        Ok(ValueRef::Integer(number)) => Some(number),
        _ => None,
    }
}

fn text<'r>(row: &'r rusqlite::Row<'_>, column: usize) -> Option<&'r [u8]> {
    match row.get_ref(column) {
        Ok(ValueRef::Text(text)) => Some(text),
        _ => None,
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
                if let Some(message) = Scanned::read(row) {
                    each(&message);
                }
            }
            if read < PAGE {
                return Ok(());
            }
        }
    }
}
