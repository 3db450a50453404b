//! Columns: a message as a row of a table, for formats that are tables.
//!
//! To add a column, add a line to [`COLUMNS`].

use std::borrow::Cow;

use danmu_proto::RoomId;
use danmu_proto::summary::{Flags, Gift, Medal, Role, colour_rgb};

use crate::entry::Entry;

/// One column.
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) of: for<'a> fn(&Entry<'a>) -> Value<'a>,
}

/// What the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Whole numbers.
    Number,
    /// Text.
    Text,
    /// Microseconds since the Unix epoch.
    Micros,
    /// Milliseconds since the Unix epoch.
    Millis,
    /// Yes or no; never absent.
    Flag,
}

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value<'a> {
    Absent,
    /// A number or a time. Those from 2⁶³ on, which nothing real has, are absent.
    Number(i64),
    Text(Cow<'a, str>),
    Flag(bool),
}

/// All columns, in order.
pub(super) const COLUMNS: &[Column] = &[
    column("seq", Kind::Number, |entry| number(entry.seq)),
    column("room", Kind::Number, |entry| number(entry.room.map(RoomId::get))),
    column("received_at", Kind::Micros, |entry| number(entry.received_us)),
    column("sent_at", Kind::Millis, |entry| number(entry.summary.sent_ms)),
    column("type", Kind::Text, |entry| text(Some(&entry.summary.kind))),
    column("id", Kind::Text, |entry| text(entry.summary.id.as_ref())),
    column("uid", Kind::Number, |entry| number(entry.summary.user)),
    column("name", Kind::Text, |entry| text(entry.summary.name.as_ref())),
    column("text", Kind::Text, |entry| text(entry.summary.text.as_ref())),
    column("level", Kind::Number, |entry| number(entry.summary.level)),
    column("role", Kind::Text, |entry| named(entry.summary.role.map(Role::name))),
    column("noble", Kind::Number, |entry| number(entry.summary.noble)),
    column("medal", Kind::Text, |entry| text(medal(entry).map(|medal| &medal.name))),
    column("medal_level", Kind::Number, |entry| number(medal(entry).and_then(|medal| medal.level))),
    column("medal_room", Kind::Number, |entry| number(medal(entry).and_then(|medal| medal.room))),
    column("colour", Kind::Text, |entry| made(entry.summary.colour.map(|code| format!("#{:06x}", colour_rgb(code))))),
    column("client", Kind::Text, |entry| made(entry.summary.client.map(|client| client.to_string()))),
    column("gift_kind", Kind::Text, |entry| named(gift(entry).map(|gift| gift.kind.name()))),
    column("gift_id", Kind::Number, |entry| number(gift(entry).map(|gift| gift.id))),
    column("gift_name", Kind::Text, |entry| text(gift(entry).and_then(|gift| gift.name.as_ref()))),
    column("count", Kind::Number, |entry| number(gift(entry).map(|gift| gift.count))),
    column("hits", Kind::Number, |entry| number(gift(entry).and_then(|gift| gift.hits))),
    column("price_fen", Kind::Number, |entry| number(entry.summary.price_fen)),
    column("duration_s", Kind::Number, |entry| number(entry.summary.duration_s)),
    column("receiver", Kind::Text, |entry| text(entry.summary.receiver.as_ref())),
    column("foreign", Kind::Flag, |entry| Value::Flag(entry.summary.flags.has(Flags::FOREIGN))),
    column("suspect", Kind::Flag, |entry| Value::Flag(entry.summary.flags.has(Flags::SUSPECT))),
    column("lossy", Kind::Flag, |entry| Value::Flag(entry.summary.flags.has(Flags::LOSSY))),
    column("imported", Kind::Flag, |entry| Value::Flag(entry.summary.flags.has(Flags::IMPORTED))),
];

const fn column(name: &'static str, kind: Kind, of: for<'a> fn(&Entry<'a>) -> Value<'a>) -> Column {
    Column { name, kind, of }
}

fn number<'a>(number: Option<impl TryInto<i64>>) -> Value<'a> {
    number.and_then(|number| number.try_into().ok()).map_or(Value::Absent, Value::Number)
}

fn text<'a>(text: Option<&'a Cow<'_, str>>) -> Value<'a> {
    text.map_or(Value::Absent, |text| Value::Text(Cow::Borrowed(text)))
}

fn named<'a>(name: Option<&'static str>) -> Value<'a> {
    name.map_or(Value::Absent, |name| Value::Text(Cow::Borrowed(name)))
}

fn made<'a>(text: Option<String>) -> Value<'a> {
    text.map_or(Value::Absent, |text| Value::Text(Cow::Owned(text)))
}

fn medal<'a>(entry: &Entry<'a>) -> Option<&'a Medal<'a>> {
    entry.summary.medal.as_ref()
}

fn gift<'a>(entry: &Entry<'a>) -> Option<&'a Gift<'a>> {
    entry.summary.gift.as_ref()
}
