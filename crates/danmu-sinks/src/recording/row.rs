//! Rows: how a message lies in the columns of a recording, and how it comes back.
//!
//! A [`Row`] holds the same [`Summary`] that a live message has, so whatever shows or writes messages is written once.
//! Most columns are the field of the summary of the same name. The others:
//!
//! | column   | holds                                                                                  |
//! |----------|----------------------------------------------------------------------------------------|
//! | `cid`    | the id: 16 bytes if it is 32 lower-case hexadecimal digits, as nearly all are; else text |
//! | `type`   | type on the wire; empty if the payload has none                                         |
//! | `uid`    | account number                                                                          |
//! | `role`, `gift_kind` | its name                                                                     |
//! | `client`, `colour`  | its wire code                                                                |
//!
//! Numbers are unsigned on the wire and signed in SQLite: those from 2⁶³ on, which nothing real has, are stored as their
//! two's complement, and come back as they were.

use std::borrow::Cow;

use bytes::Bytes;
use danmu_proto::summary::{Client, Flags, Gift, GiftKind, Medal, Role};
use danmu_proto::{RoomId, Summary};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Statement, ToSql};

use crate::entry::Entry;

/// A message of a recording.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its id: ids rise in the order in which messages were heard.
    pub seq: i64,
    /// The room that was joined to hear it.
    pub room: RoomId,
    /// Id of the link that heard it, in the table `link`.
    pub link: i64,
    /// When it was heard, in microseconds since the Unix epoch. Never less than that of the row before.
    pub received_us: i64,
    /// What it says.
    pub summary: Summary<'static>,
    /// The payload as it came, if it was kept and asked for.
    pub payload: Option<Bytes>,
}

impl Row {
    /// The row as sinks take it.
    pub fn entry(&self) -> Entry<'_> {
        Entry {
            seq: Some(self.seq),
            room: Some(self.room),
            received_us: Some(self.received_us),
            summary: &self.summary,
            payload: self.payload.as_deref(),
        }
    }

    /// Bytes of text in it, roughly.
    pub(super) fn size_bytes(&self) -> usize {
        let text = |text: &Option<Cow<'_, str>>| text.as_ref().map_or(0, |text| text.len());
        let summary = &self.summary;
        size_of::<Self>() + text(&summary.text) + text(&summary.name) + text(&summary.id) + text(&summary.receiver)
    }
}

/// The columns that a message's summary fills, in the order of [`bind`] and [`read`].
pub(super) const COLUMNS: &str = "id, room, link, received_us, sent_ms, type, cid, uid, name, text, level, role, \
     medal, medal_level, medal_room, colour, noble, client, gift_kind, gift_id, gift_name, count, hits, \
     price_fen, duration_s, receiver, flags";

/// How many of the columns are made from the payload: all but the first four.
pub(super) const MADE: usize = 23;

/// Puts a message into a statement whose last parameters are the first four columns.
pub(super) fn bind(
    statement: &mut Statement<'_>,
    (id, room, link, received_us): (i64, RoomId, i64, i64),
    summary: &Summary<'_>,
) -> rusqlite::Result<()> {
    bind_made(statement, summary)?;
    statement.raw_bind_parameter(MADE + 1, id)?;
    statement.raw_bind_parameter(MADE + 2, room.as_i64())?;
    statement.raw_bind_parameter(MADE + 3, link)?;
    statement.raw_bind_parameter(MADE + 4, received_us)
}

/// Puts what is made from the payload into a statement, as its first parameters. All others become NULL.
pub(super) fn bind_made(statement: &mut Statement<'_>, summary: &Summary<'_>) -> rusqlite::Result<()> {
    let medal = summary.medal.as_ref();
    let gift = summary.gift.as_ref();
    let mut made = Parameters::new(statement);
    made.put(summary.sent_ms)?;
    made.put(Some(&*summary.kind))?;
    made.put(summary.id.as_deref().map(Cid::of))?;
    made.put(summary.user.map(u64::cast_signed))?;
    made.put(summary.name.as_deref())?;
    made.put(summary.text.as_deref())?;
    made.put(summary.level)?;
    made.put(summary.role.map(Role::name))?;
    made.put(medal.map(|medal| &*medal.name))?;
    made.put(medal.and_then(|medal| medal.level))?;
    made.put(medal.and_then(|medal| medal.room).map(u64::cast_signed))?;
    made.put(summary.colour)?;
    made.put(summary.noble)?;
    made.put(summary.client.map(|client| client.0))?;
    made.put(gift.map(|gift| gift.kind.name()))?;
    made.put(gift.map(|gift| gift.id.cast_signed()))?;
    made.put(gift.and_then(|gift| gift.name.as_deref()))?;
    made.put(gift.map(|gift| gift.count))?;
    made.put(gift.and_then(|gift| gift.hits))?;
    made.put(summary.price_fen.map(u64::cast_signed))?;
    made.put(summary.duration_s.map(u64::cast_signed))?;
    made.put(summary.receiver.as_deref())?;
    made.put(Some(summary.flags.0))
}

/// The parameters of a statement, one after the other.
struct Parameters<'s, 'c> {
    statement: &'s mut Statement<'c>,
    next: usize,
}

impl<'s, 'c> Parameters<'s, 'c> {
    /// All are NULL at first: most columns of most messages stay so, and cost nothing then.
    fn new(statement: &'s mut Statement<'c>) -> Self {
        statement.clear_bindings();
        Self { statement, next: 1 }
    }

    fn put(&mut self, value: Option<impl ToSql>) -> rusqlite::Result<()> {
        let at = self.next;
        self.next += 1;
        value.map_or(Ok(()), |value| self.statement.raw_bind_parameter(at, value))
    }
}

/// A message id on its way into its column.
enum Cid<'a> {
    Binary([u8; 16]),
    Text(&'a str),
}

impl<'a> Cid<'a> {
    fn of(id: &'a str) -> Self {
        let mut binary = [0; 16];
        let digits = id.as_bytes();
        if digits.len() != 2 * binary.len() {
            return Self::Text(id);
        }
        for (byte, pair) in binary.iter_mut().zip(digits.chunks_exact(2)) {
            let (Some(high), Some(low)) = (hex(pair[0]), hex(pair[1])) else { return Self::Text(id) };
            *byte = high << 4 | low;
        }
        Self::Binary(binary)
    }
}

impl ToSql for Cid<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Binary(bytes) => ValueRef::Blob(bytes),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
        }))
    }
}

/// A lower-case hexadecimal digit. Upper case stays text, so that it comes back as it was.
const fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

/// Takes a message out of a row of [`COLUMNS`]. `None` if its room is no room, which nothing of ours writes.
///
/// Who edits a recording may put anything anywhere: what does not fit its column reads as absent.
pub(super) fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Option<Row>> {
    let mut columns = Columns { row, next: 0 };
    let seq = columns.signed()?.unwrap_or(0);
    let room = columns.unsigned()?.and_then(RoomId::new);
    let link = columns.signed()?.unwrap_or(0);
    let received_us = columns.signed()?.unwrap_or(0);
    let sent_ms = columns.signed()?;
    let kind = columns.text()?.unwrap_or_default();
    let id = columns.id()?;
    let user = columns.unsigned()?;
    let name = columns.text()?;
    let text = columns.text()?;
    let level = columns.small()?;
    let role = columns.text()?.and_then(|role| Role::by_name(&role));
    let (medal, medal_level, medal_room) = (columns.text()?, columns.small()?, columns.unsigned()?);
    let colour = columns.small()?;
    let noble = columns.small()?;
    let client = columns.small()?.map(Client);
    let gift_kind = columns.text()?.and_then(|kind| GiftKind::by_name(&kind));
    let (gift_id, gift_name, count, hits) = (columns.unsigned()?, columns.text()?, columns.small()?, columns.small()?);
    let price_fen = columns.unsigned()?;
    let duration_s = columns.unsigned()?;
    let receiver = columns.text()?;
    let flags = Flags(columns.signed()?.unwrap_or(0) as u8);
    let medal = medal.map(|name| Medal { name, level: medal_level, room: medal_room });
    let gift =
        gift_kind.map(|kind| Gift { kind, id: gift_id.unwrap_or(0), name: gift_name, count: count.unwrap_or(1), hits });
    Ok(room.map(|room| {
        let summary = Summary {
            kind,
            sent_ms,
            id,
            user,
            name,
            text,
            level,
            role,
            noble,
            medal,
            colour,
            client,
            gift,
            price_fen,
            duration_s,
            receiver,
            flags,
        };
        Row { seq, room, link, received_us, summary, payload: None }
    }))
}

/// The columns of a row, one after the other.
struct Columns<'r, 's> {
    row: &'r rusqlite::Row<'s>,
    next: usize,
}

impl Columns<'_, '_> {
    fn value(&mut self) -> rusqlite::Result<ValueRef<'_>> {
        self.next += 1;
        self.row.get_ref(self.next - 1)
    }

    fn signed(&mut self) -> rusqlite::Result<Option<i64>> {
        Ok(match self.value()? {
            ValueRef::Integer(number) => Some(number),
            _ => None,
        })
    }

    fn unsigned(&mut self) -> rusqlite::Result<Option<u64>> {
        Ok(self.signed()?.map(i64::cast_unsigned))
    }

    fn small(&mut self) -> rusqlite::Result<Option<u32>> {
        Ok(self.signed()?.and_then(|number| number.try_into().ok()))
    }

    fn text(&mut self) -> rusqlite::Result<Option<Cow<'static, str>>> {
        Ok(match self.value()? {
            ValueRef::Text(text) => Some(owned(text)),
            _ => None,
        })
    }

    fn id(&mut self) -> rusqlite::Result<Option<Cow<'static, str>>> {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        Ok(match self.value()? {
            ValueRef::Blob(bytes) => {
                let digits =
                    bytes.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
                Some(digits.map(char::from).collect::<String>().into())
            }
            ValueRef::Text(text) => Some(owned(text)),
            _ => None,
        })
    }
}

/// Text as SQLite gives it, which others may have made other than UTF-8.
fn owned(text: &[u8]) -> Cow<'static, str> {
    // The check alone is much faster than the search for what to replace.
    std::str::from_utf8(text).map_or_else(|_| String::from_utf8_lossy(text).into_owned(), str::to_owned).into()
}
