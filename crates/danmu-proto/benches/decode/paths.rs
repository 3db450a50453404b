//! What is compared: the ways from a stretch of wire to its meaning, and what they are measured against.
//!
//! Each gives back a number that needs all its work, so that none of it can be left out.

use std::collections::HashMap;
use std::hint::black_box;

use danmu_proto::fields::Index;
use danmu_proto::packet::{PacketDecoder, Sender};
use danmu_proto::{Batch, Fields, LinkId, Message, RoomId, Summary, scan};

/// What a way does with a stretch of wire.
pub(crate) type Way = fn(&[u8]) -> usize;

/// All of them, by name.
pub(crate) const WAYS: &[(&str, Way)] = &[
    ("limit", limit),
    ("framing", framing),
    ("index", index),
    ("index-visited", indexed),
    ("pairs", pairs),
    ("view", view),
    ("owned", owned),
    ("summary", summary),
    ("view-portable", view_without_simd),
    ("naive", naive),
];

/// How many times as fast as another way one has to be, and should be.
pub(crate) const TARGETS: &[(&str, &str, f64, f64)] = &[
    ("framing", "limit", 5.0, 8.0),
    ("index", "limit", 0.40, 0.50),
    ("view", "limit", 0.20, 0.25),
    ("owned", "limit", 0.16, 0.18),
    ("view", "naive", 30.0, 40.0),
    ("owned", "naive", 25.0, 30.0),
    ("view-portable", "limit", 0.10, 0.10),
];

fn each_payload(wire: &[u8], each: impl FnMut(&[u8])) {
    PacketDecoder::new(Sender::Server).read(wire, each).unwrap();
}

/// The least that any reader has to do: cut the wire into payloads, find every `/` and `@=` of each, which are only
/// counted, and see whether it is UTF-8.
fn limit(wire: &[u8]) -> usize {
    let (mut sum, mut rest) = (0, wire);
    while let Some(payload) = next_payload(&mut rest) {
        sum += scan::count(payload) + usize::from(simdutf8::basic::from_utf8(payload).is_ok());
    }
    sum
}

/// The next payload, with all checks of a header, and nothing for partial packets.
#[inline]
fn next_payload<'w>(wire: &mut &'w [u8]) -> Option<&'w [u8]> {
    let header: &[u8; 12] = wire.first_chunk()?;
    let [length, second] =
        [0, 4].map(|at| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]));
    let fits = (9..=1 << 20).contains(&length) && length == second && header[8..] == [0xb2, 2, 0, 0];
    let packet = wire.get(..length as usize + 4).filter(|packet| fits && packet.ends_with(&[0]))?;
    *wire = &wire[packet.len()..];
    Some(&packet[12..packet.len() - 1])
}

/// Packets, cut by the decoder that the session uses.
fn framing(wire: &[u8]) -> usize {
    let mut sum = 0;
    each_payload(wire, |payload| sum += payload.len());
    sum
}

/// All fields of each payload indexed.
fn index(wire: &[u8]) -> usize {
    let mut index = Index::default();
    let mut sum = 0;
    each_payload(wire, |payload| sum += black_box(index.read(payload)).len());
    sum
}

/// All fields of each payload indexed, and visited one after the other.
fn indexed(wire: &[u8]) -> usize {
    let mut index = Index::default();
    let mut sum = 0;
    each_payload(wire, |payload| {
        for (key, value) in index.read(payload).pairs() {
            sum += key.raw().len() + value.raw().len();
        }
    });
    sum
}

/// The same without an index: pair by pair.
fn pairs(wire: &[u8]) -> usize {
    let mut sum = 0;
    each_payload(wire, |payload| {
        for (key, value) in Fields::new(payload).pairs() {
            sum += key.raw().len() + value.raw().len();
        }
    });
    sum
}

/// Chat as a struct that borrows its text.
fn view(wire: &[u8]) -> usize {
    let mut sum = 0;
    each_payload(wire, |payload| {
        if let Message::Chat(chat) = &Message::read(payload) {
            sum += chat.name.len() + chat.text.len() + chat.user.unwrap_or(0) as usize;
            black_box(chat);
        }
    });
    sum
}

/// The same on a processor without wide registers.
fn view_without_simd(wire: &[u8]) -> usize {
    let before = scan::level();
    scan::limit_to(scan::Level::Portable);
    let sum = view(wire);
    scan::limit_to(before);
    sum
}

/// What a recording keeps of a message: who, what, when.
fn summary(wire: &[u8]) -> usize {
    let room = RoomId::new(1234).unwrap();
    let mut sum = 0;
    each_payload(wire, |payload| {
        let summary = Summary::read(payload, room);
        sum += summary.text.as_ref().map_or(0, |text| text.len()) + summary.user.unwrap_or(0) as usize;
        black_box(&summary);
    });
    sum
}

/// Messages that own their bytes, as they go to other threads: gathered read by read, shared, and read as chat there.
fn owned(wire: &[u8]) -> usize {
    const READ: usize = 64 * 1024;
    let mut decoder = PacketDecoder::new(Sender::Server);
    let mut sum = 0;
    for read in wire.chunks(READ) {
        let mut batch = Batch::new();
        batch.reserve(read.len());
        decoder.read(read, |payload| batch.push(payload, false)).unwrap();
        for record in batch.freeze(RoomId::new(1234).unwrap(), LinkId(1), 0).messages() {
            if let Message::Chat(chat) = &record.message() {
                sum += chat.name.len() + chat.text.len() + chat.user.unwrap_or(0) as usize;
                black_box(chat);
            }
        }
    }
    sum
}

/// What most programs do.
fn naive(wire: &[u8]) -> usize {
    let (mut sum, mut rest) = (0, wire);
    while let Some(payload) = next_payload(&mut rest) {
        let text = String::from_utf8_lossy(payload);
        let mut map = HashMap::new();
        for segment in text.split('/') {
            if let Some((key, value)) = segment.split_once("@=") {
                let unescape = |part: &str| part.replace("@S", "/").replace("@A", "@");
                map.insert(unescape(key), unescape(value));
            }
        }
        sum += map["nn"].len() + map["txt"].len() + map["uid"].parse::<usize>().unwrap();
        black_box(&map);
    }
    sum
}
