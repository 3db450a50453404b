//! Packets: how Douyu cuts a byte stream into payloads.
//!
//! | bytes | 4      | 4      | 2    | 1       | 1        | n       | 1   |
//! |-------|--------|--------|------|---------|----------|---------|-----|
//! | field | length | length | kind | encrypt | reserved | payload | `0` |
//!
//! Integers are little-endian. `length` counts all after its own first copy: n + 9. `kind` says who speaks: 689 a
//! client, 690 a server. The last two header bytes have never been seen other than 0.
//!
//! Source: Douyu's third-party protocol document v1.6.2, with one correction that all recorded traffic confirms: the
//! document says that the length counts itself, and it does not. The same bytes travel over TCP and, in binary
//! messages, over WebSocket; neither keeps a packet in one piece.

use thiserror::Error;

/// The largest `length` that a decoder accepts by default: 1 MiB.
///
/// The longest payload ever recorded has 10.5 KB (a ranking list), so this only stops nonsense.
pub const MAX_LENGTH: u32 = 1 << 20;

/// Bytes before the payload.
const HEADER: usize = 12;
/// What `length` counts beside the payload: the second length, kind, flags and the zero byte.
const OVERHEAD: usize = 9;
/// A tail buffer larger than this is given back once its packet is done.
const KEEP: usize = 16 * 1024;

/// Who wrote a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sender {
    /// A viewer's program: kind 689.
    Client,
    /// Douyu: kind 690.
    Server,
}

impl Sender {
    /// The number that stands in the header.
    pub const fn kind(self) -> u16 {
        match self {
            Self::Client => 689,
            Self::Server => 690,
        }
    }
}

/// Why a byte stream can no longer be cut into packets. The link is over; what it gave before stands.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PacketError {
    /// A length that no packet can have: less than the rest of an empty one.
    #[error("a packet length of {length} is too small: an empty packet has 9")]
    TooShort {
        /// The length found.
        length: u32,
    },
    /// A length over the decoder's limit. Nothing was allocated for it.
    #[error("a packet length of {length} is over the limit of {limit}")]
    TooLong {
        /// The length found.
        length: u32,
        /// What the decoder accepts at most.
        limit: u32,
    },
    /// The two copies of the length differ.
    #[error("the two packet lengths differ: {first} and {second}")]
    LengthsDiffer {
        /// The first copy.
        first: u32,
        /// The second copy.
        second: u32,
    },
    /// The kind is not the one that this side sends.
    #[error("a packet of kind {found} where {expected} was due")]
    WrongKind {
        /// The kind found.
        found: u16,
        /// The kind of the sender that this decoder listens to.
        expected: u16,
    },
    /// The encryption or the reserved byte is set. No one has ever shown such a packet.
    #[error("a packet with flags {encrypt} and {reserved}, which are unknown")]
    Flags {
        /// The encryption byte.
        encrypt: u8,
        /// The reserved byte.
        reserved: u8,
    },
    /// The packet does not end in a zero byte.
    #[error("a packet that ends in {found:#04x} and not in a zero byte")]
    NoTerminator {
        /// The byte found at its place.
        found: u8,
    },
}

/// Cuts a stream of bytes into payloads, whatever pieces it arrives in.
///
/// Whole payloads are handed on where they lie; only a partial packet at the end is copied. There is no search for the
/// next packet after a fault: a stream that is wrong once cannot be trusted again.
///
/// ```
/// use danmu_proto::packet::{self, PacketDecoder, Sender};
///
/// let mut wire = Vec::new();
/// packet::encode(Sender::Server, b"type@=mrkl/", &mut wire);
/// let mut decoder = PacketDecoder::new(Sender::Server);
/// let mut payloads = Vec::new();
/// decoder.read(&wire[..7], |payload| payloads.push(payload.to_vec()))?;
/// decoder.read(&wire[7..], |payload| payloads.push(payload.to_vec()))?;
/// assert_eq!(payloads, [b"type@=mrkl/"]);
/// # Ok::<(), packet::PacketError>(())
/// ```
#[derive(Clone, Debug)]
pub struct PacketDecoder {
    /// Whose packets these are; `None` for a file that may hold both sides of a conversation.
    from: Option<Sender>,
    limit: u32,
    /// Bytes of the whole packets so far.
    position: u64,
    /// The beginning of a packet whose end has not come yet; empty between packets.
    tail: Vec<u8>,
    /// Set by the first fault, and returned ever after.
    failed: Option<PacketError>,
}

impl PacketDecoder {
    /// A decoder of what `from` writes, with the default limit of [`MAX_LENGTH`].
    pub const fn new(from: Sender) -> Self {
        Self::with_limit(from, MAX_LENGTH)
    }

    /// A decoder that accepts packets with a `length` of up to `limit`.
    pub const fn with_limit(from: Sender, limit: u32) -> Self {
        Self { from: Some(from), limit, position: 0, tail: Vec::new(), failed: None }
    }

    /// A decoder of packets of either side, for files that hold a conversation.
    pub const fn any() -> Self {
        Self { from: None, limit: MAX_LENGTH, position: 0, tail: Vec::new(), failed: None }
    }

    /// Hands every whole payload in `bytes` to `each`, in place, and keeps the partial tail for the next call.
    /// Any split of the same bytes gives the same payloads, and the same error at the same place.
    ///
    /// # Errors
    /// The frame is lost and cannot be found again: drop the decoder and the connection. Payloads handed on before
    /// stand. Every later call gives the same error.
    pub fn read(&mut self, bytes: &[u8], mut each: impl FnMut(&[u8])) -> Result<(), PacketError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let done = self.cut(bytes, &mut each);
        if let Err(error) = &done {
            self.failed = Some(error.clone());
            self.tail = Vec::new();
        }
        done
    }

    /// Whether a packet has begun whose end has not come yet.
    pub const fn is_mid_packet(&self) -> bool {
        !self.tail.is_empty()
    }

    /// How many bytes the whole packets so far had: where the next one begins, or where the fault is.
    pub const fn position(&self) -> u64 {
        self.position
    }

    fn cut(&mut self, mut bytes: &[u8], each: &mut impl FnMut(&[u8])) -> Result<(), PacketError> {
        if !self.tail.is_empty() {
            bytes = self.finish_tail(bytes)?;
            let Some(payload) = self.whole(&self.tail)? else { return Ok(()) };
            each(payload);
            self.position += (payload.len() + HEADER + 1) as u64;
            if self.tail.capacity() > KEEP {
                self.tail = Vec::new();
            } else {
                self.tail.clear();
            }
        }
        while let Some(payload) = self.whole(bytes)? {
            each(payload);
            let size = payload.len() + HEADER + 1;
            self.position += size as u64;
            bytes = &bytes[size..];
        }
        self.tail.extend_from_slice(bytes);
        Ok(())
    }

    /// Moves bytes to the tail until it is one whole packet or `bytes` is used up. Gives what is left of `bytes`.
    fn finish_tail<'b>(&mut self, bytes: &'b [u8]) -> Result<&'b [u8], PacketError> {
        // The header first: only a checked length may decide how much to take.
        let rest = self.fill_tail(HEADER, bytes);
        Ok(match self.check_header(&self.tail)? {
            Some(size) => self.fill_tail(size, rest),
            None => rest,
        })
    }

    fn fill_tail<'b>(&mut self, size: usize, bytes: &'b [u8]) -> &'b [u8] {
        let missing = size.saturating_sub(self.tail.len()).min(bytes.len());
        let (taken, rest) = bytes.split_at(missing);
        if self.tail.capacity() - self.tail.len() < taken.len() {
            // Twice as much as before, but never more than the packet needs.
            let twice = self.tail.len().min(size - self.tail.len());
            self.tail.reserve_exact(twice.max(taken.len()));
        }
        self.tail.extend_from_slice(taken);
        rest
    }

    /// The payload of the packet at the start of `bytes`, or `None` if there is only a part of it.
    fn whole<'b>(&self, bytes: &'b [u8]) -> Result<Option<&'b [u8]>, PacketError> {
        let Some(size) = self.check_header(bytes)? else { return Ok(None) };
        let Some(packet) = bytes.get(..size) else { return Ok(None) };
        match packet[size - 1] {
            0 => Ok(Some(&packet[HEADER..size - 1])),
            found => Err(PacketError::NoTerminator { found }),
        }
    }

    /// Checks as much of a header as is there, in the order of its bytes, so that the verdict does not depend on the
    /// split. Gives the size of the whole packet once the header is complete.
    fn check_header(&self, bytes: &[u8]) -> Result<Option<usize>, PacketError> {
        let u32_at = |at: usize| bytes.get(at..at + 4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        let Some(length) = u32_at(0) else { return Ok(None) };
        if length < OVERHEAD as u32 {
            return Err(PacketError::TooShort { length });
        }
        if length > self.limit {
            return Err(PacketError::TooLong { length, limit: self.limit });
        }
        let Some(second) = u32_at(4) else { return Ok(None) };
        if second != length {
            return Err(PacketError::LengthsDiffer { first: length, second });
        }
        let Some(header) = bytes.get(8..HEADER) else { return Ok(None) };
        let found = u16::from_le_bytes([header[0], header[1]]);
        if let Some(error) = self.wrong_kind(found) {
            return Err(error);
        }
        if (header[2], header[3]) != (0, 0) {
            return Err(PacketError::Flags { encrypt: header[2], reserved: header[3] });
        }
        Ok(Some(length as usize + 4))
    }

    fn wrong_kind(&self, found: u16) -> Option<PacketError> {
        let expected = match self.from {
            Some(from) => from.kind(),
            None if found == Sender::Client.kind() => return None,
            None => Sender::Server.kind(),
        };
        (found != expected).then_some(PacketError::WrongKind { found, expected })
    }
}

/// Appends the packet that carries `payload` to `out`.
///
/// # Panics
/// If the payload is so long that its length does not fit in 32 bits.
pub fn encode(from: Sender, payload: &[u8], out: &mut Vec<u8>) {
    let length = u32::try_from(payload.len() + OVERHEAD).expect("a payload of less than 4 GiB").to_le_bytes();
    out.reserve(HEADER + payload.len() + 1);
    out.extend_from_slice(&length);
    out.extend_from_slice(&length);
    out.extend_from_slice(&from.kind().to_le_bytes());
    out.extend_from_slice(&[0, 0]);
    out.extend_from_slice(payload);
    out.push(0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_allocates_nothing_before_its_bytes_are_there() {
        let mut decoder = PacketDecoder::with_limit(Sender::Server, u32::MAX);
        let mut header = vec![0xf0, 0xff, 0xff, 0x7f, 0xf0, 0xff, 0xff, 0x7f, 0xb2, 2, 0, 0];
        decoder.read(&header, |_| {}).unwrap();
        assert!(decoder.tail.capacity() < 100, "a length within the limit is a promise, not a fact");

        header.splice(..4, [0xff; 4]);
        let mut decoder = PacketDecoder::new(Sender::Server);
        decoder.read(&header, |_| {}).unwrap_err();
        assert_eq!(decoder.tail.capacity(), 0);
    }

    #[test]
    fn a_large_tail_gives_its_memory_back_and_a_small_one_is_used_again() {
        let mut decoder = PacketDecoder::new(Sender::Server);
        let mut in_two = |size: usize| {
            let mut wire = Vec::new();
            encode(Sender::Server, &vec![b'x'; size], &mut wire);
            decoder.read(&wire[..size], |_| {}).unwrap();
            decoder.read(&wire[size..], |_| {}).unwrap();
            decoder.tail.capacity()
        };
        assert_eq!(in_two(500_000), 0);
        let small = in_two(500);
        assert!((500..=KEEP).contains(&small), "{small}");
        assert_eq!(in_two(500), small);
    }
}
