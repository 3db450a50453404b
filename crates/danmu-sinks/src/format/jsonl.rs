//! JSON Lines: one object a message, the same for `watch --json`, `decode`, `export` and programs that read along.
//!
//! ```json
//! {"v":1,"seq":42,"room":9999,"type":"chatmsg","received_at":"2026-11-21T12:00:00.123456Z","sent_at":"2026-11-21T11:59:59.584Z",
//!  "id":"a589…","user":{"id":1,"name":"…","level":24,"role":"admin","noble":3,"medal":{"name":"…","level":13,"room":9999}},
//!  "text":"…","colour":"#1e87f0","client":"android",
//!  "gift":{"kind":"gift","id":20004,"name":"火箭","count":1,"hits":3,"price_fen":50000},
//!  "superchat":{"price_fen":3000,"seconds":60},"foreign":true,"suspect":true,"lossy":true,
//!  "fields":{"type":"chatmsg","rid":"9999","txt":"…"}}
//! {"v":1,"event":"gap","room":9999,"from":"…","to":"…","reason":"…"}
//! ```
//!
//! Keys keep this order, and those that do not apply are left out. `fields` has every pair of the payload in wire order,
//! unescaped once, as text; a key that repeats has an array of its values, at the place of the first.

use std::borrow::Cow;
use std::io::{self, Write};

use danmu_proto::fields::Fields;
use danmu_proto::summary::{Flags, Gift, Medal, colour_rgb};
use danmu_proto::{Summary, stt};
use jiff::Timestamp;
use jiff::tz::Offset;
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::entry::{Entry, Event};
use crate::sink::{Format, Output, Sink, SinkError};

/// One JSON object a line.
pub const FORMAT: Format = Format {
    name: "jsonl",
    about: "JSON Lines, one object a message",
    takes: &["events", "no-fields"],
    payload_of: |_, options| options.jsonl.fields,
    grows: true,
    counted: None,
    open: |out, opening| Ok(Box::new(JsonLines { out, fields: opening.options.jsonl.fields, line: Vec::new() })),
};

/// What may be chosen.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Whether lines have `fields`. Default true.
    pub fields: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { fields: true }
    }
}

struct JsonLines<'a> {
    out: Output<'a>,
    fields: bool,
    /// A line while it is made: JSON is written a few bytes at a time.
    line: Vec<u8>,
}

impl Sink for JsonLines<'_> {
    fn message(&mut self, entry: &Entry<'_>) -> Result<(), SinkError> {
        self.line.clear();
        let payload = entry.payload.filter(|_| self.fields);
        push_message(&mut self.line, &Entry { payload, ..*entry })?;
        Ok(self.out.write_all(&self.line)?)
    }

    fn event(&mut self, event: &Event) -> Result<(), SinkError> {
        Ok(write_event(&mut self.out, event)?)
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(self.out.flush()?)
    }

    fn finish(mut self: Box<Self>) -> Result<(), SinkError> {
        self.flush()
    }
}

/// Writes a message as one line, line break included.
pub fn write_message(out: &mut impl Write, entry: &Entry<'_>) -> io::Result<()> {
    let mut line = Vec::with_capacity(1024);
    push_message(&mut line, entry)?;
    out.write_all(&line)
}

fn push_message(line: &mut Vec<u8>, entry: &Entry<'_>) -> io::Result<()> {
    serde_json::to_writer(&mut *line, &Message(entry))?;
    if let Some(payload) = entry.payload {
        // Once more open: there is always something in it.
        line.pop();
        line.extend_from_slice(b",\"fields\":");
        push_fields(line, Fields::new(payload))?;
        line.push(b'}');
    }
    line.push(b'\n');
    Ok(())
}

/// Writes an event as one line, line break included.
pub fn write_event(out: &mut impl Write, event: &Event) -> io::Result<()> {
    serde_json::to_writer(&mut *out, &Happening(event))?;
    out.write_all(b"\n")
}

/// What `fields` of a message holds, if its payload was kept.
pub(super) fn fields(entry: &Entry<'_>) -> Option<serde_json::Value> {
    serde_json::to_value(Grouped::of(Fields::new(entry.payload?))).ok()
}

/// The version of this schema: it changes when a key changes its meaning, not when one is added.
const VERSION: u8 = 1;

/// A map under way: adds what is there, leaves out what is not.
struct Map<S: Serializer>(S::SerializeMap);

impl<S: Serializer> Map<S> {
    fn begin(serializer: S) -> Result<Self, S::Error> {
        serializer.serialize_map(None).map(Self)
    }

    fn add(&mut self, key: &str, value: impl Serialize) -> Result<(), S::Error> {
        self.0.serialize_entry(key, &value)
    }

    fn add_some(&mut self, key: &str, value: Option<impl Serialize>) -> Result<(), S::Error> {
        value.map_or(Ok(()), |value| self.add(key, value))
    }

    fn end(self) -> Result<S::Ok, S::Error> {
        self.0.end()
    }
}

/// A message but for its `fields`.
struct Message<'a>(&'a Entry<'a>);

impl Serialize for Message<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let entry = self.0;
        let summary = entry.summary;
        let mut map = Map::begin(serializer)?;
        map.add("v", VERSION)?;
        map.add_some("seq", entry.seq)?;
        map.add_some("room", entry.room.map(danmu_proto::RoomId::get))?;
        map.add("type", &summary.kind)?;
        map.add_some("received_at", entry.received_us.and_then(Time::micros))?;
        map.add_some("sent_at", summary.sent_ms.and_then(Time::millis))?;
        map.add_some("id", summary.id.as_ref())?;
        map.add_some("user", Some(User(summary)).filter(User::is_known))?;
        map.add_some("text", summary.text.as_ref())?;
        map.add_some("colour", summary.colour.map(Colour))?;
        map.add_some("client", summary.client.map(Shown))?;
        map.add_some("gift", summary.gift.as_ref().map(|gift| GiftOf(gift, summary.price_fen)))?;
        map.add_some("superchat", summary.is_superchat().then_some(SuperChat(summary)))?;
        for (key, flag) in [("foreign", Flags::FOREIGN), ("suspect", Flags::SUSPECT), ("lossy", Flags::LOSSY)] {
            map.add_some(key, summary.flags.has(flag).then_some(true))?;
        }
        map.end()
    }
}

struct User<'a>(&'a Summary<'a>);

impl User<'_> {
    const fn is_known(&self) -> bool {
        let Summary { user, name, level, role, noble, medal, .. } = self.0;
        user.is_some() || name.is_some() || level.is_some() || role.is_some() || noble.is_some() || medal.is_some()
    }
}

impl Serialize for User<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Summary { user, name, level, role, noble, medal, .. } = self.0;
        let mut map = Map::begin(serializer)?;
        map.add_some("id", *user)?;
        map.add_some("name", name.as_ref())?;
        map.add_some("level", *level)?;
        map.add_some("role", role.map(danmu_proto::summary::Role::name))?;
        map.add_some("noble", *noble)?;
        map.add_some("medal", medal.as_ref().map(MedalOf))?;
        map.end()
    }
}

struct MedalOf<'a>(&'a Medal<'a>);

impl Serialize for MedalOf<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Medal { name, level, room } = self.0;
        let mut map = Map::begin(serializer)?;
        map.add("name", name)?;
        map.add_some("level", *level)?;
        map.add_some("room", *room)?;
        map.end()
    }
}

/// A gift, and its price where the message says one.
struct GiftOf<'a>(&'a Gift<'a>, Option<u64>);

impl Serialize for GiftOf<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Gift { kind, id, name, count, hits } = self.0;
        let mut map = Map::begin(serializer)?;
        map.add("kind", kind.name())?;
        map.add("id", id)?;
        map.add_some("name", name.as_ref())?;
        map.add("count", count)?;
        map.add_some("hits", *hits)?;
        map.add_some("price_fen", self.1)?;
        map.end()
    }
}

struct SuperChat<'a>(&'a Summary<'a>);

impl Serialize for SuperChat<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = Map::begin(serializer)?;
        map.add_some("price_fen", self.0.price_fen)?;
        map.add_some("seconds", self.0.duration_s)?;
        map.end()
    }
}

/// Anything that shows itself, as a string.
struct Shown<T>(T);

impl<T: std::fmt::Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

struct Colour(u32);

impl Serialize for Colour {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("#{:06x}", colour_rgb(self.0)))
    }
}

/// A time as RFC 3339 with as many digits as it was measured with. A time that no calendar has is left out.
struct Time {
    at: Timestamp,
    digits: usize,
}

impl Time {
    fn micros(us: i64) -> Option<Self> {
        Timestamp::from_microsecond(us).ok().map(|at| Self { at, digits: 6 })
    }

    fn millis(ms: i64) -> Option<Self> {
        Timestamp::from_millisecond(ms).ok().map(|at| Self { at, digits: 3 })
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let time = Offset::UTC.to_datetime(self.at);
        if !(0..=9999).contains(&time.year()) {
            return serializer.collect_str(&format_args!("{:.*}", self.digits, self.at));
        }
        // The same, digit by digit: two times a message are a good part of its cost.
        let mut text = *b"0000-00-00T00:00:00.000000Z";
        let parts = [
            (0, 4, time.year().unsigned_abs().into()),
            (5, 2, time.month().unsigned_abs().into()),
            (8, 2, time.day().unsigned_abs().into()),
            (11, 2, time.hour().unsigned_abs().into()),
            (14, 2, time.minute().unsigned_abs().into()),
            (17, 2, time.second().unsigned_abs().into()),
            (20, 6, time.subsec_nanosecond().unsigned_abs() / 1000),
        ];
        for (at, width, mut number) in parts {
            for digit in text[at..at + width].iter_mut().rev() {
                *digit = b'0' + (number % 10) as u8;
                number /= 10;
            }
        }
        let end = 20 + self.digits;
        text[end] = b'Z';
        serializer.collect_str(&std::str::from_utf8(&text[..=end]).unwrap_or_default())
    }
}

/// Appends the pairs of a payload, as [`Grouped`] writes them.
fn push_fields(line: &mut Vec<u8>, fields: Fields<'_>) -> io::Result<()> {
    if may_repeat(fields) {
        return Ok(serde_json::to_writer(line, &Grouped::of(fields))?);
    }
    // Almost always: straight from the payload into the line.
    let mut before = b'{';
    for (key, value) in fields.pairs() {
        line.push(before);
        before = b',';
        push_text(line, key)?;
        line.push(b':');
        push_text(line, value)?;
    }
    if before == b'{' {
        line.push(before);
    }
    line.push(b'}');
    Ok(())
}

/// Appends text of a payload that is UTF-8. Most of it is as plain in JSON as it was there.
fn push_text(line: &mut Vec<u8>, value: stt::Value<'_>) -> io::Result<()> {
    let raw = value.raw();
    // Looks at all of it: without a way out, the compiler looks at many bytes at once.
    let is_plain = raw.iter().fold(true, |plain, byte| plain & !matches!(byte, ..0x20 | b'"' | b'\\' | b'@'));
    if !is_plain {
        return Ok(serde_json::to_writer(line, &value.text())?);
    }
    line.push(b'"');
    line.extend_from_slice(raw);
    line.push(b'"');
    Ok(())
}

/// Whether a key may stand here twice. `false` is certain; `true` is right for all payloads that have one and for one in
/// thirty that have none.
fn may_repeat(fields: Fields<'_>) -> bool {
    const BITS: u32 = 14;
    let mut seen = [0_u64; 1 << (BITS - 6)];
    // What is not spelt plainly may be another spelling of the same.
    fields.is_lossy()
        || fields.pairs().any(|(key, _)| {
            let (mut hash, mut is_plain) = (0_u64, true);
            for &byte in key.raw() {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(BITS);
                is_plain &= byte != b'@';
            }
            let place = hash as usize % (1 << BITS);
            let (word, bit) = (&mut seen[place / 64], 1 << (place % 64));
            let was_seen = *word & bit != 0;
            *word |= bit;
            was_seen || !is_plain
        })
}

/// The pairs of a payload with the values of each key together, in the order of first appearance.
struct Grouped<'a> {
    pairs: Vec<(Cow<'a, str>, stt::Value<'a>)>,
    /// Places in `pairs`, sorted so that those of one key stand together in order.
    by_key: Vec<u32>,
    repeats: bool,
}

impl<'a> Grouped<'a> {
    fn of(fields: Fields<'a>) -> Self {
        let pairs: Vec<_> = fields.pairs().map(|(key, value)| (key.text(), value)).collect();
        // Sorting finds repeats in n log n whatever the keys are; a hash table would cost more for the usual thirty.
        let mut by_key: Vec<u32> = (0..pairs.len() as u32).collect();
        by_key.sort_unstable_by_key(|&at| (&*pairs[at as usize].0, at));
        let repeats = by_key.windows(2).any(|two| pairs[two[0] as usize].0 == pairs[two[1] as usize].0);
        Self { pairs, by_key, repeats }
    }

    /// For each place, the places of all values of its key; none where the key has stood before.
    fn groups(&self) -> Vec<&[u32]> {
        let mut groups: Vec<&[u32]> = vec![&[]; self.pairs.len()];
        for group in self.by_key.chunk_by(|&a, &b| self.pairs[a as usize].0 == self.pairs[b as usize].0) {
            groups[group[0] as usize] = group;
        }
        groups
    }
}

impl Serialize for Grouped<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if !self.repeats {
            for (key, value) in &self.pairs {
                map.serialize_entry(key, &value.text())?;
            }
            return map.end();
        }
        for ((key, value), group) in self.pairs.iter().zip(self.groups()) {
            match group {
                [] => {}
                [_] => map.serialize_entry(key, &value.text())?,
                places => map.serialize_entry(key, &Values(&self.pairs, places))?,
            }
        }
        map.end()
    }
}

/// The values of a key that repeats.
struct Values<'a>(&'a [(Cow<'a, str>, stt::Value<'a>)], &'a [u32]);

impl Serialize for Values<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.1.iter().map(|&at| self.0[at as usize].1.text()))
    }
}

struct Happening<'a>(&'a Event);

impl Serialize for Happening<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = Map::begin(serializer)?;
        map.add("v", VERSION)?;
        match self.0 {
            Event::Gap(gap) => {
                map.add("event", "gap")?;
                map.add("room", gap.room.get())?;
                map.add_some("from", Time::micros(gap.from_us))?;
                map.add_some("to", Time::micros(gap.to_us))?;
                map.add("reason", &gap.reason)?;
            }
            Event::Joined { room, at_us, server } => {
                map.add("event", "joined")?;
                map.add("room", room.get())?;
                map.add_some("at", Time::micros(*at_us))?;
                map.add("server", server)?;
            }
            Event::Lost { room, at_us, reason } => {
                map.add("event", "lost")?;
                map.add("room", room.get())?;
                map.add_some("at", Time::micros(*at_us))?;
                map.add("reason", reason)?;
            }
            Event::Status { room, at_us, status } => {
                map.add("event", "status")?;
                map.add("room", room.get())?;
                map.add_some("at", Time::micros(*at_us))?;
                map.add("status", status)?;
            }
            Event::Lagged { lost } => {
                map.add("event", "lagged")?;
                map.add("lost", lost)?;
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_time_is_as_its_calendar_writes_it(us in any::<i64>(), ms in any::<i64>()) {
            let near = us % 4_000_000_000_000_000;
            for time in [Time::micros(us), Time::micros(near), Time::millis(ms / 1_000_000)].into_iter().flatten() {
                let written = serde_json::to_string(&time).unwrap();
                prop_assert_eq!(written, format!("\"{:.*}\"", time.digits, time.at));
            }
        }

        #[test]
        fn pairs_are_the_same_whether_they_were_looked_at_for_repeats_or_not(payload in "([a-c@SA\"]{0,3}@=[a/@\"\\\\\n\u{7f}主]{0,3}/){0,6}") {
            let fields = Fields::new(payload.as_bytes());
            let mut written = Vec::new();
            push_fields(&mut written, fields).unwrap();
            prop_assert_eq!(String::from_utf8(written).unwrap(), serde_json::to_string(&Grouped::of(fields)).unwrap());
        }
    }
}
