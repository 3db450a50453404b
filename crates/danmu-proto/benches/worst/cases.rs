//! The worst that can stand in a packet, and all that is done with a payload.

use std::hint::black_box;
use std::iter;
use std::time::Instant;

use danmu_proto::fields::Index;
use danmu_proto::session::Config;
use danmu_proto::stt::Value;
use danmu_proto::{Batch, Fields, LinkId, Message, RoomId, Sender, Session, Summary, packet};

/// Makes a payload of about so many bytes.
pub(crate) type Case = fn(usize) -> Vec<u8>;

/// All of them, by name.
pub(crate) const CASES: &[(&str, Case)] = &[
    ("slashes", |size| b"/".repeat(size)),
    ("escapes", |size| text(&b"@A".repeat(size / 2))),
    ("ats", |size| text(&b"@".repeat(size))),
    ("one field", |size| text(&b"x".repeat(size))),
    ("no UTF-8", |size| text(&b"\xff@A".repeat(size / 3))),
    ("one key", |size| chat(&b"txt@=@A/".repeat(size / 8))),
    ("no keys", |size| chat(&b"@=/".repeat(size / 3))),
    ("ats in keys", |size| chat(&b"@@@@@@@@@@@=/".repeat(size / 13))),
    ("a million keys", |size| {
        chat(&(0..size / 8).flat_map(|nth| format!("{:05x}@=/", nth % (1 << 20)).into_bytes()).collect::<Vec<_>>())
    }),
    ("a list", |size| [b"type@=voice_trlt/list@=".as_slice(), &b"un@AA=x@AS@S".repeat(size / 12), b"/"].concat()),
    ("nested chat", |size| {
        [b"type@=comm_chatmsg/chatmsg@=txt@A=".as_slice(), &b"@AA".repeat(size / 3), b"@S/"].concat()
    }),
];

/// Packets of about so many bytes that are as many as can be, to be read at once; by name.
pub(crate) const PACKETS: &[(&str, Case)] = &[
    ("empty packets", |size| packets(b"", size)),
    ("errors", |size| packets(b"type@=error/code@=0/", size)),
    ("logins", |size| packets(b"type@=loginres/", size)),
];

/// What is done with them, and the most memory that it may need, as a multiple of them.
pub(crate) const RECEIVE: (Way, f64) = (|wire| hear(iter::once(wire)), 5.0);

fn packets(payload: &[u8], size: usize) -> Vec<u8> {
    let mut packet = Vec::new();
    packet::encode(Sender::Server, payload, &mut packet);
    packet.repeat(size / packet.len())
}

fn chat(pairs: &[u8]) -> Vec<u8> {
    [b"type@=chatmsg/", pairs].concat()
}

fn text(text: &[u8]) -> Vec<u8> {
    chat(&[b"txt@=", text, b"/"].concat())
}

/// What is done with a payload. Gives a number that needs all of it.
pub(crate) type Way = fn(&[u8]) -> usize;

/// All of them, by name, and the most memory that one may need at any moment beside the payload, as a multiple of it. Where
/// bytes are not UTF-8, each becomes three, in a string that doubles when it is full.
pub(crate) const WAYS: &[(&str, Way, f64)] = &[
    ("receive", receive, 2.5),
    ("pairs", |payload| sum(Fields::new(payload).pairs()), 4.0),
    ("index", |payload| sum(Index::default().read(payload).pairs()), 8.0),
    ("view", |payload| size_of_val(black_box(&Message::read(payload))), 4.0),
    ("owned", owned, 5.0),
    ("summary", |payload| Summary::read(payload, room()).text.map_or(0, |text| text.len()), 4.0),
    ("nested", nested, 4.0),
];

fn sum<'a>(pairs: impl Iterator<Item = (Value<'a>, Value<'a>)>) -> usize {
    pairs.map(|(key, value)| key.text().len() + value.text().len()).sum()
}

/// Read piece by piece from a socket, and shared.
fn receive(payload: &[u8]) -> usize {
    const READ: usize = 64 * 1024;
    let length = (payload.len() as u32 + 9).to_le_bytes();
    let header = [length, length, [0xb2, 2, 0, 0]].concat();
    let size = hear(iter::once(&*header).chain(payload.chunks(READ)).chain([&[0][..]]));
    assert!(size > payload.len());
    size
}

/// What a session does with what a socket gives. Gives the bytes that came of it.
fn hear<'a>(reads: impl Iterator<Item = &'a [u8]>) -> usize {
    let mut config = Config::new(room());
    config.max_length = u32::MAX;
    let now = Instant::now();
    let mut session = Session::new(now, config);
    let mut size = 0;
    for read in reads {
        let mut batch = Batch::new();
        session.receive(now, read, &mut batch);
        size += batch.freeze(room(), LinkId(1), 0).size_bytes();
    }
    size
}

/// As a message that owns its bytes.
fn owned(payload: &[u8]) -> usize {
    let mut batch = Batch::new();
    batch.push(payload, false);
    let records = batch.freeze(room(), LinkId(1), 0);
    records.messages().map(|record| size_of_val(black_box(&record.message()))).sum()
}

/// Each value as a list, each item of it as a map.
fn nested(payload: &[u8]) -> usize {
    let items = |value: Value<'_>| -> usize { value.nested().items().map(|item| item.nested().pairs().count()).sum() };
    Fields::new(payload).pairs().map(|(_, value)| items(value)).sum()
}

fn room() -> RoomId {
    RoomId::new(1234).expect("it is not 0")
}
