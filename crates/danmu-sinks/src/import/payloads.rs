//! Payloads as they are: a line each (`.stt`), or in packets back to back (`.packets`).
//!
//! Neither says when anything was heard. Payloads keep their order; control is left out, since a recording has none.

use std::io::{self, BufRead, Read};

use danmu_proto::message::{is_control, kind};
use danmu_proto::{PacketDecoder, packet::PacketError};
use thiserror::Error;

use super::{Body, Dialect, End, ImportError, Item, Take, Told, When, at_line};

/// A payload a line.
pub(super) const STT: Dialect =
    Dialect { name: "stt", about: "payloads, one a line: danmu's .stt, and dumps of many programs", read: read_lines };

/// Packets.
pub(super) const PACKETS: Dialect =
    Dialect { name: "packets", about: "packets back to back, as they come over the wire", read: read_packets };

/// A line longer than this is no payload: no packet could carry it.
const LONGEST_LINE: u64 = 1 << 20;

/// Why payloads cannot be read on. Those before stand.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PayloadError {
    /// Reading failed.
    #[error("it cannot be read")]
    Read(#[from] io::Error),
    /// There is no packet where one should begin.
    #[error("no packet at byte {at}")]
    NoPacket {
        /// Where.
        at: u64,
        /// What is wrong with it.
        #[source]
        source: PacketError,
    },
    /// The last packet is not whole.
    #[error("the packet at byte {at} is cut off")]
    CutOff {
        /// Where it begins.
        at: u64,
    },
    /// A line that is too long to be a payload.
    #[error("line {number} is longer than {} MiB, which no payload is; are these packets?", longest >> 20)]
    TooLong {
        /// Its number.
        number: u64,
        /// The most bytes that it might have.
        longest: u64,
    },
}

/// Whether a file that begins like this holds packets: the same length twice. No text does, since a length has a zero byte.
pub fn are_packets(head: &[u8]) -> bool {
    head.len() >= 8 && head[..4] == head[4..8] && head[..4].contains(&0)
}

/// Hands every payload of a file of packets, of either side, to `each`. What `each` gives ends the reading.
pub fn packets<E: From<PayloadError>>(
    input: &mut (impl BufRead + ?Sized),
    mut each: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let mut decoder = PacketDecoder::any();
    loop {
        let bytes = input.fill_buf().map_err(PayloadError::Read)?;
        if bytes.is_empty() {
            break;
        }
        let mut done = Ok(());
        let cut = decoder.read(bytes, |payload| {
            if done.is_ok() {
                done = each(payload);
            }
        });
        done?;
        cut.map_err(|source| PayloadError::NoPacket { at: decoder.position(), source })?;
        let read = bytes.len();
        input.consume(read);
    }
    if decoder.is_mid_packet() {
        return Err(PayloadError::CutOff { at: decoder.position() }.into());
    }
    Ok(())
}

/// Hands every line that is not empty to `each`, with its number. What `each` gives ends the reading.
pub fn lines<E: From<PayloadError>>(
    input: &mut (impl BufRead + ?Sized),
    each: impl FnMut(u64, &[u8]) -> Result<(), E>,
) -> Result<(), E> {
    lines_up_to(LONGEST_LINE, input, each)
}

/// The same with another limit on the bytes of a line.
pub(super) fn lines_up_to<E: From<PayloadError>>(
    longest: u64,
    input: &mut (impl BufRead + ?Sized),
    mut each: impl FnMut(u64, &[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        // One byte more than the longest, so that a longer one shows.
        let mut limited = Read::take(&mut *input, longest + 1);
        if limited.read_until(b'\n', &mut line).map_err(PayloadError::Read)? == 0 {
            break;
        }
        if line.last() == Some(&b'\n') {
            line.pop();
        } else if line.len() as u64 > longest {
            return Err(PayloadError::TooLong { number, longest }.into());
        }
        if !line.is_empty() {
            each(number, &line)?;
        }
    }
    Ok(())
}

/// A payload as an item; none for control.
fn item(payload: &[u8]) -> Option<Item> {
    let heard = !is_control(&kind(payload));
    heard.then(|| {
        Item::Message(Told {
            seq: None,
            room: None,
            received: When::Unknown,
            body: Body::Payload(payload.to_vec()),
            lossy: false,
        })
    })
}

fn read_lines(input: &mut dyn BufRead, take: &mut Take<'_>) -> Result<End, ImportError> {
    let done = lines(input, |_, line| item(line).map_or(Ok(()), &mut *take).map_err(Stop::Take));
    ended(done)
}

fn read_packets(input: &mut dyn BufRead, take: &mut Take<'_>) -> Result<End, ImportError> {
    let done = packets(input, |payload| item(payload).map_or(Ok(()), &mut *take).map_err(Stop::Take));
    ended(done)
}

/// Why reading stopped.
enum Stop {
    Payload(PayloadError),
    Take(ImportError),
}

impl From<PayloadError> for Stop {
    fn from(error: PayloadError) -> Self {
        Self::Payload(error)
    }
}

fn ended(done: Result<(), Stop>) -> Result<End, ImportError> {
    match done {
        Ok(()) => Ok(End::Whole),
        Err(Stop::Take(error)) => Err(error),
        Err(Stop::Payload(PayloadError::Read(error))) => Err(ImportError::Read(error)),
        Err(Stop::Payload(cut @ PayloadError::CutOff { .. })) => Ok(End::CutOff(cut.to_string())),
        Err(Stop::Payload(PayloadError::TooLong { number, .. })) => {
            Err(at_line(number, "longer than 1 MiB, which no payload is; are these packets?"))
        }
        Err(Stop::Payload(PayloadError::NoPacket { at, source })) => {
            Err(ImportError::Malformed { place: format!("byte {at}"), problem: format!("no packet: {source}") })
        }
    }
}
