//! Packets: every worked example, every fault, every split.

#![allow(clippy::unwrap_used)] // A panic is a failed test.

use danmu_proto::packet::{self, MAX_LENGTH, PacketDecoder, PacketError, Sender};
use proptest::collection::vec;
use proptest::prelude::*;

#[test]
fn the_worked_examples_of_the_protocol_hold_both_ways() {
    use Sender::Client;
    is(
        Client,
        "type@=loginreq/roomid@=9999/",
        "25 00 00 00 25 00 00 00 b1 02 00 00 74 79 70 65 40 3d 6c 6f 67 69 6e 72
         65 71 2f 72 6f 6f 6d 69 64 40 3d 39 39 39 39 2f 00",
    );
    is(
        Client,
        "type@=joingroup/rid@=9999/gid@=-9999/",
        "2e 00 00 00 2e 00 00 00 b1 02 00 00 74 79 70 65 40 3d 6a 6f 69 6e 67 72 6f 75 70 2f
         72 69 64 40 3d 39 39 39 39 2f 67 69 64 40 3d 2d 39 39 39 39 2f 00",
    );
    is(Client, "type@=mrkl/", "14 00 00 00 14 00 00 00 b1 02 00 00 74 79 70 65 40 3d 6d 72 6b 6c 2f 00");
    is(Client, "type@=logout/", "16 00 00 00 16 00 00 00 b1 02 00 00 74 79 70 65 40 3d 6c 6f 67 6f 75 74 2f 00");
    // The length counts bytes, not characters.
    is(Client, "txt@=弹幕/", "15 00 00 00 15 00 00 00 b1 02 00 00 74 78 74 40 3d e5 bc b9 e5 b9 95 2f 00");
    is(Sender::Server, "type@=mrkl/", "14 00 00 00 14 00 00 00 b2 02 00 00 74 79 70 65 40 3d 6d 72 6b 6c 2f 00");
    // The smallest packet there is.
    is(Sender::Server, "", "09 00 00 00 09 00 00 00 b2 02 00 00 00");
}

#[test]
fn every_header_fault_is_fatal_at_every_split_and_for_either_sender() {
    for from in [Sender::Client, Sender::Server] {
        let expected = from.kind();
        let found = 689 + 690 - expected;
        fails(from, |p| p[0..4].fill(0), &PacketError::TooShort { length: 0 });
        fails(from, |p| p[0] = 8, &PacketError::TooShort { length: 8 });
        fails(from, |p| p[2] = 16, &PacketError::TooLong { length: (1 << 20) + 24, limit: MAX_LENGTH });
        fails(from, |p| p[3] = 0x80, &PacketError::TooLong { length: (1 << 31) + 24, limit: MAX_LENGTH });
        fails(from, |p| p[0..4].fill(255), &PacketError::TooLong { length: u32::MAX, limit: MAX_LENGTH });
        fails(from, |p| p[4] = 23, &PacketError::LengthsDiffer { first: 24, second: 23 });
        fails(from, |p| p[4..8].fill(0), &PacketError::LengthsDiffer { first: 24, second: 0 });
        fails(from, |p| p[8..10].copy_from_slice(&found.to_le_bytes()), &PacketError::WrongKind { found, expected });
        fails(from, |p| p[8..10].fill(0), &PacketError::WrongKind { found: 0, expected });
        fails(from, |p| p[10] = 1, &PacketError::Flags { encrypt: 1, reserved: 0 });
        fails(from, |p| p[11] = 7, &PacketError::Flags { encrypt: 0, reserved: 7 });
        fails(from, |p| p[27] = b'/', &PacketError::NoTerminator { found: b'/' });
        // Of two faults, the one that comes first on the wire.
        fails(from, |p| (p[4], p[10]) = (1, 1), &PacketError::LengthsDiffer { first: 24, second: 1 });
    }
}

#[test]
fn a_fault_is_found_as_soon_as_its_field_is_there() {
    finds(&[8, 0, 0, 0], Some(&PacketError::TooShort { length: 8 }));
    finds(&[0, 0, 32, 0], Some(&PacketError::TooLong { length: 2 << 20, limit: MAX_LENGTH }));
    finds(&[8, 0, 0], None);
    finds(&[9, 0, 0, 0, 8, 0, 0], None);
    finds(&[9, 0, 0, 0, 8, 0, 0, 0], Some(&PacketError::LengthsDiffer { first: 9, second: 8 }));
    finds(&[9, 0, 0, 0, 9, 0, 0, 0, 0xb1, 2, 0, 0], Some(&PacketError::WrongKind { found: 689, expected: 690 }));
}

#[test]
fn the_limit_itself_is_allowed_and_one_more_is_not() {
    let payload = vec![b'x'; 100];
    let mut wire = Vec::new();
    packet::encode(Sender::Server, &payload, &mut wire);
    let mut fits = PacketDecoder::with_limit(Sender::Server, 109);
    assert_eq!(read(&mut fits, &wire), (vec![payload], Ok(())));
    let mut tight = PacketDecoder::with_limit(Sender::Server, 108);
    assert_eq!(read(&mut tight, &wire), (vec![], Err(PacketError::TooLong { length: 109, limit: 108 })));
}

#[test]
fn what_came_before_a_fault_stands_and_nothing_comes_after_it() {
    let good = encoded(["a@=1/", "", "b@=2/"]);
    let mut bad = good.clone();
    bad.extend([1, 0, 0, 0]);
    bad.extend(&good);
    let error = PacketError::TooShort { length: 1 };
    for at in 0..bad.len() {
        let mut decoder = PacketDecoder::new(Sender::Server);
        let (mut payloads, _) = read(&mut decoder, &bad[..at]);
        let (more, end) = read(&mut decoder, &bad[at..]);
        payloads.extend(more);
        assert_eq!(payloads, [&b"a@=1/"[..], b"", b"b@=2/"], "split at {at}");
        assert_eq!(end, Err(error.clone()), "split at {at}");
        assert_eq!(read(&mut decoder, &good), (vec![], Err(error.clone())), "the same for ever");
        assert!(!decoder.is_mid_packet());
    }
}

#[test]
fn bytes_may_come_one_at_a_time() {
    let wire = encoded(["type@=mrkl/", "", "txt@=弹幕/"]);
    let mut decoder = PacketDecoder::new(Sender::Server);
    let mut payloads = Vec::new();
    for (at, byte) in wire.iter().enumerate() {
        decoder.read(&[*byte], |payload| payloads.push((at, payload.to_vec()))).unwrap();
    }
    assert_eq!(
        payloads,
        [(23, b"type@=mrkl/".to_vec()), (36, Vec::new()), (wire.len() - 1, "txt@=弹幕/".as_bytes().to_vec())]
    );
}

#[test]
fn a_decoder_knows_whether_a_packet_has_begun() {
    let wire = encoded(["a@=1/", "b@=2/"]);
    let mut decoder = PacketDecoder::new(Sender::Server);
    assert!(!decoder.is_mid_packet());
    for (at, byte) in wire.iter().enumerate() {
        decoder.read(&[*byte], |_| {}).unwrap();
        assert_eq!(decoder.is_mid_packet(), (at + 1) % 18 != 0, "after byte {at}");
    }
}

proptest! {
    #[test]
    fn any_split_gives_the_same_payloads(payloads in vec(vec(any::<u8>(), 0..60), 0..8), cuts in vec(0..400_usize, 0..20)) {
        let wire = encoded(&payloads);
        prop_assert_eq!(cut_up(&wire, &cuts), (payloads, Ok(()), false));
    }

    #[test]
    fn any_split_of_any_bytes_gives_the_same_payloads_and_the_same_error(wire in nearly_packets(), cuts in vec(0..400_usize, 0..20)) {
        prop_assert_eq!(cut_up(&wire, &cuts), cut_up(&wire, &[]));
    }
}

/// Packets with a few bytes changed, so that most of it gets past the first header.
fn nearly_packets() -> impl Strategy<Value = Vec<u8>> {
    let payloads = vec(vec(any::<u8>(), 0..40), 0..6);
    let changes = vec((any::<prop::sample::Index>(), any::<u8>()), 0..3);
    (payloads, changes, vec(any::<u8>(), 0..16)).prop_map(|(payloads, changes, more)| {
        let mut wire = encoded(&payloads);
        wire.extend(more);
        for (at, byte) in changes {
            if !wire.is_empty() {
                let at = at.index(wire.len());
                wire[at] = byte;
            }
        }
        wire
    })
}

/// `text` is written as `hex`, and read from it.
#[track_caller]
fn is(from: Sender, text: &str, hex: &str) {
    let bytes: Vec<u8> = hex.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect();
    let mut wire = Vec::new();
    packet::encode(from, text.as_bytes(), &mut wire);
    assert_eq!(wire, bytes);
    assert_eq!(read(&mut PacketDecoder::new(from), &bytes), (vec![text.as_bytes().to_vec()], Ok(())));
}

/// A good packet, then one with a payload of 15 bytes that `spoil` spoils: the first is read, and then comes `error`,
/// wherever the bytes are split.
#[track_caller]
fn fails(from: Sender, spoil: impl Fn(&mut [u8]), error: &PacketError) {
    let mut wire = Vec::new();
    packet::encode(from, b"good", &mut wire);
    let good = wire.len();
    packet::encode(from, b"fifteen bytes!!", &mut wire);
    spoil(&mut wire[good..]);
    for at in 0..=wire.len() {
        let mut decoder = PacketDecoder::new(from);
        let (mut payloads, first) = read(&mut decoder, &wire[..at]);
        let (more, second) = read(&mut decoder, &wire[at..]);
        payloads.extend(more);
        assert_eq!(payloads, [b"good"], "split at {at}");
        assert_eq!(first.and(second), Err(error.clone()), "split at {at}");
    }
}

/// These first bytes alone are an error already, or not yet.
#[track_caller]
fn finds(bytes: &[u8], error: Option<&PacketError>) {
    assert_eq!(read(&mut PacketDecoder::new(Sender::Server), bytes).1.err().as_ref(), error);
}

fn encoded<P: AsRef<[u8]>>(payloads: impl IntoIterator<Item = P>) -> Vec<u8> {
    let mut wire = Vec::new();
    for payload in payloads {
        packet::encode(Sender::Server, payload.as_ref(), &mut wire);
    }
    wire
}

fn read(decoder: &mut PacketDecoder, bytes: &[u8]) -> (Vec<Vec<u8>>, Result<(), PacketError>) {
    let mut payloads = Vec::new();
    let end = decoder.read(bytes, |payload| payloads.push(payload.to_vec()));
    (payloads, end)
}

/// The payloads, the first error, and whether a packet has begun, of `wire` cut at `cuts`.
fn cut_up(wire: &[u8], cuts: &[usize]) -> (Vec<Vec<u8>>, Result<(), PacketError>, bool) {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (wire.len() + 1)).collect();
    cuts.extend([0, wire.len()]);
    cuts.sort_unstable();
    let mut decoder = PacketDecoder::new(Sender::Server);
    let mut payloads = Vec::new();
    for piece in cuts.windows(2) {
        let (more, end) = read(&mut decoder, &wire[piece[0]..piece[1]]);
        payloads.extend(more);
        if end.is_err() {
            return (payloads, end, decoder.is_mid_packet());
        }
    }
    (payloads, Ok(()), decoder.is_mid_packet())
}
