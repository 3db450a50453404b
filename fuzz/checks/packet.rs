//! Any split of any bytes gives the same payloads and the same error as the whole, and what was decoded encodes to the
//! bytes that it came from. The first byte says how large the pieces are.

use danmu_proto::packet::{self, PacketDecoder, PacketError, Sender};

pub(crate) fn check(data: &[u8]) {
    let Some((size, wire)) = data.split_first() else { return };
    let whole = read(&[wire]);
    assert_eq!(read(&wire.chunks(usize::from(*size) + 1).collect::<Vec<_>>()), whole);

    let (payloads, _) = whole;
    let mut encoded = Vec::new();
    for payload in &payloads {
        packet::encode(Sender::Server, payload, &mut encoded);
    }
    assert!(wire.starts_with(&encoded));

    let mut one = Vec::new();
    packet::encode(Sender::Server, wire, &mut one);
    assert_eq!(read(&[&one]), (vec![wire.to_vec()], Ok(())));
}

fn read(pieces: &[&[u8]]) -> (Vec<Vec<u8>>, Result<(), PacketError>) {
    let mut decoder = PacketDecoder::new(Sender::Server);
    let mut payloads = Vec::new();
    for piece in pieces {
        if let Err(error) = decoder.read(piece, |payload| payloads.push(payload.to_vec())) {
            return (payloads, Err(error));
        }
    }
    (payloads, Ok(()))
}
