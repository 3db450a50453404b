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
use std::io::Write;

use danmu_proto::fields::{Fields, Index, Indexed};
use danmu_proto::summary::{Flags, Gift, Medal, Role, colour_rgb};
use danmu_proto::{Summary, stt};
use jiff::Timestamp;
use jiff::tz::Offset;

use super::json::{Object, is_plain, push_contents, push_text};
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
    open: |out, opening| Ok(Box::new(JsonLines::new(out, opening.options.jsonl.fields))),
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
    lines: Lines,
    /// A line while it is made: JSON is put together from a few bytes at a time.
    line: Vec<u8>,
}

impl<'a> JsonLines<'a> {
    fn new(out: Output<'a>, fields: bool) -> Self {
        Self { out, fields, lines: Lines::default(), line: Vec::new() }
    }
}

impl Sink for JsonLines<'_> {
    fn message(&mut self, entry: &Entry<'_>) -> Result<(), SinkError> {
        self.line.clear();
        let payload = entry.payload.filter(|_| self.fields);
        self.lines.message(&mut self.line, &Entry { payload, ..*entry });
        Ok(self.out.write_all(&self.line)?)
    }

    fn event(&mut self, event: &Event) -> Result<(), SinkError> {
        self.line.clear();
        push_event(&mut self.line, event);
        Ok(self.out.write_all(&self.line)?)
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(self.out.flush()?)
    }

    fn finish(mut self: Box<Self>) -> Result<(), SinkError> {
        self.flush()
    }
}

/// Makes lines of messages. Keeps a little memory from one to the next.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    index: Index,
}

/// The longest payload that is indexed, lest a single one costs its memory for ever.
const LONGEST: usize = 64 * 1024;

impl Lines {
    /// Appends a message as one line, line break included.
    pub fn message(&mut self, line: &mut Vec<u8>, entry: &Entry<'_>) {
        let mut object = Object::begin(line);
        message(&mut object, entry);
        if let Some(payload) = entry.payload {
            self.fields(object.key("fields"), payload);
        }
        object.end();
        line.push(b'\n');
    }

    /// Appends the pairs of a payload, as [`Grouped`] writes them.
    fn fields(&mut self, line: &mut Vec<u8>, payload: &[u8]) {
        if payload.len() > LONGEST {
            return Grouped::of(Fields::new(payload)).push(line);
        }
        let fields = self.index.read(payload);
        if may_repeat(fields) {
            return Grouped::of(fields.fields()).push(line);
        }
        // Almost always: straight from the payload into the line, and most of it as plain in JSON as it was there.
        let all_plain = is_plain(payload);
        let mut before = b'{';
        for (key, value) in fields.pairs() {
            line.extend_from_slice(&[before, b'"']);
            before = b',';
            push_value(line, key, all_plain);
            line.extend_from_slice(b"\":\"");
            push_value(line, value, all_plain);
            line.push(b'"');
        }
        line.extend_from_slice(if before == b'{' { b"{}" } else { b"}" });
    }
}

/// Appends an event as one line, line break included.
pub fn push_event(line: &mut Vec<u8>, event: &Event) {
    let mut object = Object::begin(line);
    object.number("v", Some(VERSION));
    match event {
        Event::Gap(gap) => {
            object.text("event", Some("gap"));
            object.number("room", Some(gap.room.get()));
            time(&mut object, "from", Time::micros(gap.from_us));
            time(&mut object, "to", Time::micros(gap.to_us));
            object.text("reason", Some(&gap.reason));
        }
        Event::Joined { room, at_us, server } => {
            object.text("event", Some("joined"));
            object.number("room", Some(room.get()));
            time(&mut object, "at", Time::micros(*at_us));
            object.text("server", Some(server));
        }
        Event::Lost { room, at_us, reason } => {
            object.text("event", Some("lost"));
            object.number("room", Some(room.get()));
            time(&mut object, "at", Time::micros(*at_us));
            object.text("reason", Some(reason));
        }
        Event::Status { room, at_us, status } => {
            object.text("event", Some("status"));
            object.number("room", Some(room.get()));
            time(&mut object, "at", Time::micros(*at_us));
            object.text("status", Some(status));
        }
        Event::Lagged { lost } => {
            object.text("event", Some("lagged"));
            object.number("lost", Some(*lost));
        }
    }
    object.end();
    line.push(b'\n');
}

/// What `fields` of a message holds, if its payload was kept.
pub(super) fn fields(entry: &Entry<'_>) -> Option<serde_json::Value> {
    let mut json = Vec::new();
    Grouped::of(Fields::new(entry.payload?)).push(&mut json);
    serde_json::from_slice(&json).ok()
}

/// The version of this schema: it changes when a key changes its meaning, not when one is added.
const VERSION: u8 = 1;

/// A message but for its `fields`.
fn message(object: &mut Object<'_>, entry: &Entry<'_>) {
    let summary = entry.summary;
    object.number("v", Some(VERSION));
    object.signed("seq", entry.seq);
    object.number("room", entry.room.map(danmu_proto::RoomId::get));
    object.text("type", Some(&summary.kind));
    time(object, "received_at", entry.received_us.and_then(Time::micros));
    time(object, "sent_at", summary.sent_ms.and_then(Time::millis));
    object.text("id", summary.id.as_ref());
    user(object, summary);
    object.text("text", summary.text.as_ref());
    if let Some(colour) = summary.colour {
        // Into memory, which never fails.
        let _ = write!(object.key("colour"), "\"#{:06x}\"", colour_rgb(colour));
    }
    if let Some(client) = summary.client {
        match client.name() {
            Some(name) => object.text("client", Some(name)),
            None => object.text("client", Some(client.to_string())),
        }
    }
    if let Some(Gift { kind, id, name, count, hits }) = &summary.gift {
        let mut gift = Object::begin(object.key("gift"));
        gift.text("kind", Some(kind.name()));
        gift.number("id", Some(*id));
        gift.text("name", name.as_ref());
        gift.number("count", Some(*count));
        gift.number("hits", *hits);
        // Where the message says one.
        gift.number("price_fen", summary.price_fen);
        gift.end();
    }
    if summary.is_superchat() {
        let mut superchat = Object::begin(object.key("superchat"));
        superchat.number("price_fen", summary.price_fen);
        superchat.number("seconds", summary.duration_s);
        superchat.end();
    }
    for (key, flag) in [("foreign", Flags::FOREIGN), ("suspect", Flags::SUSPECT), ("lossy", Flags::LOSSY)] {
        object.mark(key, summary.flags.has(flag));
    }
}

/// Who did it, if anything is known of that.
fn user(object: &mut Object<'_>, summary: &Summary<'_>) {
    let Summary { user, name, level, role, noble, medal, .. } = summary;
    if user.is_none() && name.is_none() && level.is_none() && role.is_none() && noble.is_none() && medal.is_none() {
        return;
    }
    let mut object = Object::begin(object.key("user"));
    object.number("id", *user);
    object.text("name", name.as_ref());
    object.number("level", *level);
    object.text("role", role.map(Role::name));
    object.number("noble", *noble);
    if let Some(Medal { name, level, room }) = medal {
        let mut medal = Object::begin(object.key("medal"));
        medal.text("name", Some(name));
        medal.number("level", *level);
        medal.number("room", *room);
        medal.end();
    }
    object.end();
}

fn time(object: &mut Object<'_>, key: &str, time: Option<Time>) {
    if let Some(time) = time {
        time.push(object.key(key));
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

    fn push(&self, line: &mut Vec<u8>) {
        let time = Offset::UTC.to_datetime(self.at);
        if !(0..=9999).contains(&time.year()) {
            // Into memory, which never fails.
            let _ = write!(line, "\"{:.*}\"", self.digits, self.at);
            return;
        }
        // The same, digit by digit: two times a message are a good part of its cost.
        let mut text = *b"\"0000-00-00T00:00:00.000000Z\"";
        let parts = [
            (1, 4, time.year().unsigned_abs().into()),
            (6, 2, time.month().unsigned_abs().into()),
            (9, 2, time.day().unsigned_abs().into()),
            (12, 2, time.hour().unsigned_abs().into()),
            (15, 2, time.minute().unsigned_abs().into()),
            (18, 2, time.second().unsigned_abs().into()),
            (21, 6, time.subsec_nanosecond().unsigned_abs() / 1000),
        ];
        for (at, width, mut number) in parts {
            for digit in text[at..at + width].iter_mut().rev() {
                *digit = b'0' + (number % 10) as u8;
                number /= 10;
            }
        }
        let end = 21 + self.digits;
        text[end..end + 2].copy_from_slice(b"Z\"");
        line.extend_from_slice(&text[..end + 2]);
    }
}

/// Appends what stands between the quotes of a string. `is_plain` says that of the payload it is from.
fn push_value(line: &mut Vec<u8>, value: stt::Value<'_>, is_plain: bool) {
    let raw = value.raw();
    if is_plain && !raw.contains(&b'@') {
        line.extend_from_slice(raw);
    } else {
        push_contents(line, &value.text());
    }
}

/// Whether a key may stand here twice. `false` is certain; `true` is right for all payloads that have one and for one in
/// thirty that have none.
fn may_repeat(fields: Indexed<'_, '_>) -> bool {
    const BITS: u32 = 14;
    let mut seen = [0_u64; 1 << (BITS - 6)];
    // What is not spelt plainly may be another spelling of the same.
    fields.fields().is_lossy()
        || fields.pairs().any(|(key, _)| {
            let (mut name, mut is_plain) = (0_u64, true);
            for &byte in key.raw() {
                name = name.rotate_left(8) ^ u64::from(byte);
                is_plain &= byte != b'@';
            }
            let place = (name.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - BITS)) as usize;
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
}

impl<'a> Grouped<'a> {
    fn of(fields: Fields<'a>) -> Self {
        let pairs: Vec<_> = fields.pairs().map(|(key, value)| (key.text(), value)).collect();
        // Sorting finds repeats in n log n whatever the keys are; a hash table would cost more for the usual thirty.
        let mut by_key: Vec<u32> = (0..pairs.len() as u32).collect();
        by_key.sort_unstable_by_key(|&at| (&*pairs[at as usize].0, at));
        Self { pairs, by_key }
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

impl Grouped<'_> {
    fn push(&self, line: &mut Vec<u8>) {
        let mut before = b'{';
        let mut key = |line: &mut Vec<u8>, key: &str| {
            line.push(std::mem::replace(&mut before, b','));
            push_text(line, key);
            line.push(b':');
        };
        for ((name, value), group) in self.pairs.iter().zip(self.groups()) {
            match group {
                [] => {}
                [_] => {
                    key(line, name);
                    push_text(line, &value.text());
                }
                places => {
                    key(line, name);
                    let mut before = b'[';
                    for &at in places {
                        line.push(std::mem::replace(&mut before, b','));
                        push_text(line, &self.pairs[at as usize].1.text());
                    }
                    line.push(b']');
                }
            }
        }
        line.extend_from_slice(if self.pairs.is_empty() { b"{}" } else { b"}" });
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
                let mut written = Vec::new();
                time.push(&mut written);
                prop_assert_eq!(String::from_utf8(written).unwrap(), format!("\"{:.*}\"", time.digits, time.at));
            }
        }

        #[test]
        fn pairs_are_the_same_whether_they_were_looked_at_for_repeats_or_not(payload in "([a-c@SA\"]{0,3}@=[a/@\"\\\\\n\u{7f}主]{0,3}/){0,6}") {
            let (mut written, mut grouped) = (Vec::new(), Vec::new());
            Lines::default().fields(&mut written, payload.as_bytes());
            Grouped::of(Fields::new(payload.as_bytes())).push(&mut grouped);
            prop_assert_eq!(String::from_utf8(written).unwrap(), String::from_utf8(grouped).unwrap());
        }
    }
}
