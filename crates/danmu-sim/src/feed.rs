//! Feed: what the simulator has to say.
//!
//! Either each room makes up its own talk ([`Scenario`](crate::Scenario)), or every client is played the same [`Tape`]
//! from its start, or the rooms of a [`Replay`] say what was said in them before. A tape says exactly what is on it,
//! control too: a real capture holds `loginres`, `mrkl` and the like, and a client must cope. When a tape or a replay is
//! repeated, chat gets fresh ids, or a client that merges links would rightly take the second round for the first.

use std::borrow::Cow;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use danmu_proto::stt::{self, Value};
use danmu_proto::{PacketDecoder, PacketError, Sender, message, packet};
use thiserror::Error;

use crate::replay::Replay;

/// What there is to hear.
#[derive(Clone, Debug, Default)]
pub enum Feed {
    /// Every room talks, each in its own way.
    #[default]
    Scenario,
    /// Every client hears this, from the start, whatever room it joins.
    Tape(Tape),
    /// Rooms say what they said before, when they said it.
    Replay(Replay),
}

/// A fixed list of payloads. Clones share it.
#[derive(Clone, Debug)]
pub struct Tape {
    /// All packets, back to back, ready to be sent.
    packets: Bytes,
    marks: Arc<[Mark]>,
    messages: u64,
}

/// One packet on a tape.
#[derive(Clone, Copy, Debug)]
struct Mark {
    /// Where it ends.
    end: usize,
    /// Whether it is control, which is no message.
    control: bool,
    /// Where the 32 digits of its `cid` begin, if it has such.
    id: Option<usize>,
}

/// Packets that go out together.
#[derive(Clone, Debug)]
pub(crate) struct Burst {
    pub(crate) bytes: Bytes,
    /// How many of the packets are messages.
    pub(crate) messages: u64,
}

/// Why a file is no tape.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FeedError {
    /// It cannot be read.
    #[error("cannot read the feed {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Its name does not say what is in it.
    #[error("{} is no feed: a feed is a .stt file (a payload a line) or a .packets file", path.display())]
    UnknownFormat {
        /// The file.
        path: PathBuf,
    },
    /// There is nothing in it.
    #[error("the feed {} is empty", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// It is not made of packets.
    #[error("{}: no packet at byte {at}", path.display())]
    NoPacket {
        /// The file.
        path: PathBuf,
        /// Where the packet should be.
        at: u64,
        /// What is wrong with it.
        #[source]
        source: PacketError,
    },
    /// Its last packet is not whole.
    #[error("{}: the packet at byte {at} is cut off", path.display())]
    CutOff {
        /// The file.
        path: PathBuf,
        /// Where the packet begins.
        at: u64,
    },
}

impl Tape {
    /// A tape with these payloads.
    pub fn new(payloads: impl IntoIterator<Item: AsRef<[u8]>>) -> Self {
        let mut packets = Vec::new();
        let mut marks = Vec::new();
        for payload in payloads {
            let payload = payload.as_ref();
            packet::encode(Sender::Server, payload, &mut packets);
            let end = packets.len();
            let id = find_id(payload).map(|at| end - 1 - payload.len() + at);
            marks.push(Mark { end, control: message::is_control(&message::kind(payload)), id });
        }
        let messages = marks.iter().filter(|mark| !mark.control).count() as u64;
        Self { packets: packets.into(), marks: marks.into(), messages }
    }

    /// Reads a file, by its extension: `.stt` has a payload a line, `.packets` has packets back to back, of servers or
    /// of clients.
    pub fn open(path: &Path) -> Result<Self, FeedError> {
        let read = || fs::read(path).map_err(|source| FeedError::Read { path: path.to_owned(), source });
        let payloads = match path.extension().and_then(|extension| extension.to_str()) {
            Some("stt") => lines(&read()?),
            Some("packets") => packets(&read()?, path)?,
            _ => return Err(FeedError::UnknownFormat { path: path.to_owned() }),
        };
        if payloads.is_empty() {
            return Err(FeedError::Empty { path: path.to_owned() });
        }
        Ok(Self::new(payloads))
    }

    /// How many payloads are on it.
    pub fn len(&self) -> usize {
        self.marks.len()
    }

    /// Whether nothing is on it.
    pub fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    /// How many of the payloads are messages, and not control.
    pub const fn messages(&self) -> u64 {
        self.messages
    }

    /// How far `most` payloads from `from` on reach, if they may have about `bytes`. One is never too long.
    pub(crate) fn reach(&self, from: usize, most: usize, bytes: usize) -> usize {
        let marks = &self.marks[from..self.len().min(from.saturating_add(most))];
        let limit = self.start_of(from) + bytes;
        from + marks.partition_point(|mark| mark.end <= limit).max(marks.len().min(1))
    }

    /// Payloads `from` to `to`, as they stand in the first round; with fresh ids in any later one. The fresh ids depend
    /// on nothing but the old ones and the round, so that two links to a room hear the same.
    pub(crate) fn cut(&self, round: u64, from: usize, to: usize) -> Burst {
        let marks = &self.marks[from..to];
        let start = self.start_of(from);
        let end = marks.last().map_or(start, |mark| mark.end);
        let bytes = if round == 0 {
            self.packets.slice(start..end)
        } else {
            let mut bytes = self.packets[start..end].to_vec();
            for id in marks.iter().filter_map(|mark| mark.id) {
                freshen(&mut bytes[id - start..id - start + 16], round);
            }
            bytes.into()
        };
        Burst { bytes, messages: marks.iter().filter(|mark| !mark.control).count() as u64 }
    }

    /// Where packet `at` begins.
    fn start_of(&self, at: usize) -> usize {
        at.checked_sub(1).map_or(0, |before| self.marks[before].end)
    }
}

impl Burst {
    /// These payloads as one burst.
    pub(crate) fn of(payloads: impl IntoIterator<Item: AsRef<[u8]>>) -> Self {
        let (mut bytes, mut messages) = (Vec::new(), 0);
        for payload in payloads {
            let payload = payload.as_ref();
            packet::encode(Sender::Server, payload, &mut bytes);
            messages += u64::from(!message::is_control(&message::kind(payload)));
        }
        Self { bytes: bytes.into(), messages }
    }

    /// Bytes that are no packet, and the end of whoever decodes them.
    pub(crate) fn broken(bytes: Vec<u8>) -> Self {
        Self { bytes: bytes.into(), messages: 0 }
    }

    /// The payloads that are whole in the first `length` bytes, control too.
    pub(crate) fn payloads_within(&self, length: usize, each: impl FnMut(&[u8])) {
        // What is broken on purpose ends it.
        let _ = PacketDecoder::with_limit(Sender::Server, u32::MAX).read(&self.bytes[..length], each);
    }

    /// How many whole messages are in the first `length` bytes.
    pub(crate) fn messages_within(&self, length: usize) -> u64 {
        if length >= self.bytes.len() {
            return self.messages;
        }
        let mut messages = 0;
        self.payloads_within(length, |payload| {
            messages += u64::from(!message::is_control(&message::kind(payload)));
        });
        messages
    }
}

/// Empty lines are none.
fn lines(bytes: &[u8]) -> Vec<Vec<u8>> {
    bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect()
}

fn packets(bytes: &[u8], path: &Path) -> Result<Vec<Vec<u8>>, FeedError> {
    let mut payloads = Vec::new();
    let mut decoder = PacketDecoder::any();
    let read = decoder.read(bytes, |payload| payloads.push(payload.to_vec()));
    let path = path.to_owned();
    let at = decoder.position();
    match read {
        Err(source) => Err(FeedError::NoPacket { path, at, source }),
        Ok(()) if decoder.is_mid_packet() => Err(FeedError::CutOff { path, at }),
        Ok(()) => Ok(payloads),
    }
}

/// Where the 32 hexadecimal digits of a payload's `cid` begin.
fn find_id(payload: &[u8]) -> Option<usize> {
    let (_, id) = stt::pairs(Value::new(payload)).find(|(key, _)| key.raw() == b"cid")?;
    let id = id.raw();
    let is_id = id.len() == 32 && id.iter().all(u8::is_ascii_hexdigit);
    is_id.then(|| id.as_ptr().addr() - payload.as_ptr().addr())
}

/// A payload as it is said in a later round, with a fresh id if it has one. The first round is number 0.
pub(crate) fn fresh(payload: &[u8], round: u64) -> Cow<'_, [u8]> {
    match find_id(payload).filter(|_| round > 0) {
        Some(id) => {
            let mut payload = payload.to_vec();
            freshen(&mut payload[id..id + 16], round);
            payload.into()
        }
        None => payload.into(),
    }
}

/// Changes the half of an id that names the process it comes from.
fn freshen(process: &mut [u8], round: u64) {
    let old = std::str::from_utf8(process).ok().and_then(|digits| u64::from_str_radix(digits, 16).ok());
    let fresh = old.unwrap_or(0) ^ round.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    process.copy_from_slice(format!("{fresh:016x}").as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHAT: &str = "type@=chatmsg/cid@=0123456789abcdef0100000000000000/txt@=hi/";

    fn payloads(burst: &Burst) -> Vec<String> {
        let mut payloads = Vec::new();
        PacketDecoder::new(Sender::Server)
            .read(&burst.bytes, |payload| payloads.push(String::from_utf8(payload.to_vec()).unwrap()))
            .unwrap();
        payloads
    }

    #[test]
    fn the_first_round_is_exact_and_later_ones_differ_in_the_id_alone() {
        let tape = Tape::new(["type@=mrkl/", CHAT, "type@=cthn/cid@=1282/"]);
        assert_eq!((tape.len(), tape.messages()), (3, 2));
        assert_eq!(payloads(&tape.cut(0, 1, 3)), [CHAT, "type@=cthn/cid@=1282/"]);
        let second = payloads(&tape.cut(1, 1, 3));
        assert_ne!(second[0], CHAT);
        assert_eq!(second[0].replace(&second[0][19..35], "0123456789abcdef"), CHAT);
        assert_eq!(second[1], "type@=cthn/cid@=1282/");
        assert_ne!(payloads(&tape.cut(2, 1, 2))[0], second[0]);
        assert_eq!(payloads(&tape.cut(1, 1, 2))[0], second[0], "two links hear the same");
    }

    #[test]
    fn what_goes_out_at_once_is_bounded_in_bytes_too() {
        let long = "x".repeat(1000);
        let tape = Tape::new([&long, &long, &long]);
        let reach = |from, most, bytes| tape.reach(from, most, bytes);
        assert_eq!([reach(0, 3, 10_000), reach(0, 2, 10_000), reach(0, 3, 2500), reach(1, 9, 10)], [3, 2, 2, 2]);
        assert_eq!([reach(0, 0, 10_000), reach(3, 9, 10_000)], [0, 3]);
    }

    #[test]
    fn a_burst_that_was_cut_short_counts_its_whole_messages() {
        let burst = Tape::new(["type@=mrkl/", CHAT, CHAT]).cut(0, 0, 3);
        let counts = [0, 24, 24 + CHAT.len() + 12, 24 + CHAT.len() + 13, burst.bytes.len()];
        assert_eq!(counts.map(|length| burst.messages_within(length)), [0, 0, 0, 1, 2]);
    }
}
