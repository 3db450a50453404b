//! Data: what chaos makes of that which is said. Pure: a fault and some randomness go in, bytes come out.
//!
//! ```text
//! broken   a packet that no decoder may accept: the link ends with it, and what came before stands
//! odd      a payload as no server should write it: whole, valid as a packet, and to be kept exactly
//! stir     packets that come twice, or before those that were said before them
//! ```

use danmu_proto::stt::Writer;
use danmu_proto::{RoomId, Sender, packet};
use fastrand::Rng;

use crate::chaos::Fault;
use crate::write::list;

/// Where a packet has what, and how long an empty one says it is.
const SECOND_LENGTH: usize = 4;
const KIND: usize = 8;
const ENCRYPT: usize = 10;
const RESERVED: usize = 11;
const EMPTY: u32 = 9;

/// Bytes that are no UTF-8, one of each sort that decoders tell apart.
const NO_UTF8: &[&[u8]] = &[
    b"\x80",             // goes on with nothing
    b"\xff\xfe",         // never occur
    b"\xe5\xbc",         // two bytes of 弹's three
    b"\xf0\x9f\x98",     // three bytes of four
    b"\xc3",             // one byte of two
    b"\xc0\xaf",         // `/`, overlong
    b"\xe0\x80\xaf",     // and longer
    b"\xf0\x80\x80\xaf", // and longer
    b"\xc1\x80",         // `@`, overlong
    b"\xf4\x90\x80\x80", // beyond the last character
    b"\xb5\xaf\xc4\xbb", // 弹幕 in GBK
];

/// Surrogates, each in three bytes of its own: CESU-8, as Java's `writeUTF` has it. Some have lost their other half.
const SURROGATES: &[&[u8]] =
    &[b"\xed\xa0\xbd\xed\xb8\x80", b"\xed\xa0\xbd", b"\xed\xb8\x80", b"\xed\xb8\x80\xed\xa0\xbd"];

/// Types of messages that are in no document.
const UNHEARD_OF: &[&str] = &["event_2030", "弹幕", "chatmsg2", "CHATMSG", "x"];

/// About how long a long list is. The longest ever recorded, of a ranking, has 10.5 KB.
const LONG: usize = 10 * 1024;

/// A packet with this fault, if it is one of packets. Whoever hears it must end the link, and at once.
pub fn broken(fault: Fault, rng: &mut Rng) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    packet::encode(Sender::Server, b"type@=chatmsg/rid@=1/txt@=never to be heard/", &mut bytes);
    match fault {
        Fault::LengthsDiffer => {
            bytes[SECOND_LENGTH + rng.usize(..3)] ^= 1 << rng.u8(..8);
        }
        Fault::TooShort => set_lengths(&mut bytes, rng.u32(..EMPTY)),
        Fault::TooLong => {
            let lengths = [packet::MAX_LENGTH + 1, i32::MAX as u32, u32::MAX, rng.u32(packet::MAX_LENGTH + 1..)];
            set_lengths(&mut bytes, pick(rng, &lengths));
        }
        Fault::WrongType => {
            let kind: u16 = pick(rng, &[Sender::Client.kind(), 0, 691, u16::MAX]);
            bytes[KIND..KIND + 2].copy_from_slice(&kind.to_le_bytes());
        }
        Fault::Flags => bytes[pick(rng, &[ENCRYPT, RESERVED])] = rng.u8(1..),
        Fault::NoNul => *bytes.last_mut()? = rng.u8(1..),
        _ => return None,
    }
    Some(bytes)
}

fn set_lengths(packet: &mut [u8], length: u32) {
    for at in [0, SECOND_LENGTH] {
        packet[at..at + 4].copy_from_slice(&length.to_le_bytes());
    }
}

/// The payload of a message that is odd in this way, if it is a way of payloads: chat, mostly, with an id of its own.
pub fn odd(fault: Fault, room: RoomId, rng: &mut Rng) -> Option<Vec<u8>> {
    let payload = match fault {
        Fault::BadUtf8 => with_bytes(room, pick(rng, NO_UTF8), rng),
        Fault::Cesu8 => with_bytes(room, pick(rng, SURROGATES), rng),
        Fault::UnknownKeys => unknown_keys(room, rng).into_bytes(),
        Fault::RepeatedKeys => {
            let chat = chat(room, "the first counts", rng).finish();
            let other = Writer::new().pair("rid", -1).pair("txt", "and not this").pair("uid", "").pair("type", "mrkl");
            format!("{chat}{}{}", other.finish(), if rng.bool() { &chat } else { "" }).into_bytes()
        }
        Fault::LongList => {
            let entry = |rank| {
                let entry = Writer::new().pair("rk", rank).pair("nickname", "榜上有名/@").pair("gold", 100_000 - rank);
                entry.pair("avatar", "https://example.com/upload/avatar_v3/0_big.jpg").finish()
            };
            let entries = LONG / entry(0).len();
            let ranks = list((0..entries).map(entry));
            chat(room, "", rng).pair("list_all", &ranks).pair("list", "").finish().into_bytes()
        }
        Fault::Nested => nested(room, rng).into_bytes(),
        Fault::Huge => huge(room, rng),
        _ => return None,
    };
    Some(payload)
}

/// Chat with a fresh id.
fn chat(room: RoomId, text: &str, rng: &mut Rng) -> Writer {
    Writer::new()
        .pair("type", "chatmsg")
        .pair("rid", room)
        .pair("uid", rng.u32(1..))
        .pair("nn", "怪人")
        .pair("txt", text)
        .pair("cid", format!("{:032x}", rng.u128(..)))
        .pair("dms", 4)
}

/// Chat with these bytes in the name, the text, or in a key.
fn with_bytes(room: RoomId, bytes: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut payload = chat(room, "之前", rng).finish().into_bytes();
    let marks: [&[u8]; 4] = ["怪人".as_bytes(), "之前".as_bytes(), b"dms", b"@="];
    let mark = pick(rng, &marks);
    let at = payload.windows(mark.len()).rposition(|part| part == mark).unwrap_or_default() + mark.len();
    payload.splice(at..at, bytes.iter().copied());
    payload
}

fn unknown_keys(room: RoomId, rng: &mut Rng) -> String {
    let mut writer = if rng.bool() {
        chat(room, "", rng)
    } else {
        Writer::new().pair("type", pick(rng, UNHEARD_OF)).pair("rid", room).pair("n", rng.u64(..))
    };
    for number in 0..rng.u32(1..300) {
        writer = match rng.u32(..6) {
            0 => writer.pair("", number),
            1 => writer.pair("键", "值"),
            2 => writer.pair("a/b@c", "1/2@3"),
            3 => writer.pair("@S@A", ""),
            _ => writer.pair(format!("key{number}"), rng.u64(..)),
        };
    }
    writer.finish()
}

/// Structures in structures, escapes of escapes, and nothing but separators.
fn nested(room: RoomId, rng: &mut Rng) -> String {
    let chat = chat(room, "", rng);
    match rng.u32(..4) {
        // Each level makes the escapes below longer by one.
        0 => {
            let deepest = String::from("叶/子@");
            let deep = (0..rng.u32(2..150)).fold(deepest, |inner, _| Writer::new().pair("k", inner).finish());
            chat.pair("deep", deep).finish()
        }
        1 => chat.pair("list", (0..rng.u32(2..150)).fold(String::new(), |inner, _| list([inner]))).finish(),
        2 => chat.pair("escapes", "@".repeat(rng.usize(1..50_000))).finish(),
        _ => chat.finish() + &pick(rng, &["/", "@", "@=", "@A@S", "k@=/"]).repeat(rng.usize(1..20_000)),
    }
}

/// Chat that makes a packet as long as may be, or somewhat shorter.
fn huge(room: RoomId, rng: &mut Rng) -> Vec<u8> {
    let most = (packet::MAX_LENGTH - EMPTY) as usize;
    let length = if rng.bool() { most } else { rng.usize(most / 2..most) };
    let mut payload = chat(room, "", rng).finish().into_bytes();
    payload.extend_from_slice(b"txt@=");
    let fill = pick(rng, &["x", "@S", "弹", "😀"]).as_bytes();
    while payload.len() + fill.len() < length {
        payload.extend_from_slice(fill);
    }
    payload.resize(length - 1, b'.');
    payload.push(b'/');
    payload
}

/// Changes the order of what is said at once, or says some of it twice. The first stays where it is in a `reorder` of
/// one, and nothing is lost.
pub fn stir<T: Clone>(fault: Fault, items: &mut Vec<T>, rng: &mut Rng) {
    match fault {
        Fault::Reorder => {
            for at in 1..items.len() {
                if rng.u8(..3) == 0 {
                    items.swap(at, rng.usize(at.saturating_sub(8)..at));
                }
            }
        }
        Fault::Duplicate => {
            for at in (0..items.len()).rev() {
                if rng.u8(..6) == 0 {
                    items.insert(rng.usize(at..items.len()) + 1, items[at].clone());
                }
            }
        }
        _ => {}
    }
}

/// One of these, all as likely.
fn pick<T: Copy>(rng: &mut Rng, from: &[T]) -> T {
    from[rng.usize(..from.len())]
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use danmu_proto::summary::Flags;
    use danmu_proto::{Fields, Message, PacketDecoder, PacketError, message};

    use super::*;
    use crate::chaos::{MODES, OF_CONNECTIONS};

    fn room() -> RoomId {
        RoomId::new(9999).unwrap()
    }

    /// Many of what `make` makes for each fault that it has something for.
    fn many(make: impl Fn(Fault, &mut Rng) -> Option<Vec<u8>>) -> Vec<(Fault, Vec<Vec<u8>>)> {
        let of = |fault| {
            let mut rng = Rng::with_seed(fault as u64);
            let made: Vec<_> = (0..60).map_while(|_| make(fault, &mut rng)).collect();
            (!made.is_empty()).then_some((fault, made))
        };
        MODES[OF_CONNECTIONS..].iter().filter_map(|mode| of(mode.fault)).collect()
    }

    #[test]
    fn every_broken_packet_is_refused_for_what_is_wrong_with_it() {
        let all = many(broken);
        assert_eq!(all.len(), 6);
        for (fault, packets) in all {
            for bytes in packets {
                let mut decoder = PacketDecoder::new(Sender::Server);
                let error = decoder.read(&bytes, |_| panic!("{fault:?} gave a payload")).unwrap_err();
                let right = match fault {
                    Fault::LengthsDiffer => matches!(error, PacketError::LengthsDiffer { .. }),
                    Fault::TooShort => matches!(error, PacketError::TooShort { .. }),
                    Fault::TooLong => matches!(error, PacketError::TooLong { .. }),
                    Fault::WrongType => matches!(error, PacketError::WrongKind { .. }),
                    Fault::Flags => matches!(error, PacketError::Flags { .. }),
                    _ => matches!(error, PacketError::NoTerminator { .. }),
                };
                assert!(right, "{fault:?}: {error}");
            }
        }
    }

    #[test]
    fn every_odd_payload_travels_as_a_packet_and_is_a_message_with_an_id_of_its_own() {
        let all = many(|fault, rng| odd(fault, room(), rng));
        assert_eq!(all.len(), 7);
        let mut seen = HashSet::new();
        for (fault, payloads) in all {
            let mut lossy = 0;
            for payload in payloads {
                let mut wire = Vec::new();
                packet::encode(Sender::Server, &payload, &mut wire);
                let mut heard = Vec::new();
                PacketDecoder::new(Sender::Server).read(&wire, |payload| heard.push(payload.to_vec())).unwrap();
                assert_eq!(heard, [&payload[..]]);
                assert!(!message::is_control(&message::kind(&payload)), "{fault:?}");
                let fields = Fields::new(&payload);
                assert!(fault == Fault::BadUtf8 || fault == Fault::Cesu8 || &*fields.text("rid") == "9999");
                lossy += u32::from(Message::read(&payload).summary(room()).flags.has(Flags::LOSSY));
                assert!(seen.insert(payload), "{fault:?}");
            }
            assert_eq!(lossy, if matches!(fault, Fault::BadUtf8 | Fault::Cesu8) { 60 } else { 0 }, "{fault:?}");
        }
        let longest = seen.iter().map(Vec::len).max().unwrap();
        assert_eq!(longest as u32 + EMPTY, packet::MAX_LENGTH, "some are as long as may be");
    }

    #[test]
    fn stirring_loses_nothing_and_does_what_it_is_called() {
        let mut rng = Rng::with_seed(1);
        for length in [0, 1, 2, 100] {
            let calm: Vec<u32> = (0..length).collect();
            for (fault, moved, more) in [(Fault::Reorder, true, false), (Fault::Duplicate, false, true)] {
                let mut stirred = calm.clone();
                stir(fault, &mut stirred, &mut rng);
                assert_eq!(stirred.len() > calm.len(), more && length == 100);
                let mut first = stirred.clone();
                let mut met = HashSet::new();
                first.retain(|&item| met.insert(item));
                assert_eq!(first != calm, moved && length == 100, "{fault:?}");
                first.sort_unstable();
                assert_eq!(first, calm);
            }
        }
    }
}
