//! What the crates above hand around: rooms, links, and what was heard on them.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use thiserror::Error;

use crate::message::Message;
use crate::summary::Summary;

/// A room by its real number, never by a vanity one. At least 1, at most 2⁶³ − 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoomId(NonZeroU64);

impl RoomId {
    /// The room with this number, if it is one.
    pub const fn new(number: u64) -> Option<Self> {
        match NonZeroU64::new(number) {
            Some(number) if number.get() <= i64::MAX as u64 => Some(Self(number)),
            _ => None,
        }
    }

    /// Its number.
    pub const fn get(self) -> u64 {
        self.0.get()
    }

    /// Its number as signed 64 bits, which it always fits in.
    pub const fn as_i64(self) -> i64 {
        self.0.get() as i64
    }
}

impl fmt::Display for RoomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for RoomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RoomId({})", self.0)
    }
}

/// Not a room number.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{0:?} is no room number: a number of 1 or more is")]
pub struct NoRoomId(pub String);

impl FromStr for RoomId {
    type Err = NoRoomId;

    fn from_str(text: &str) -> Result<Self, NoRoomId> {
        // No sign: `+1` is not how anyone writes a room.
        let number = text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten();
        number.and_then(Self::new).ok_or_else(|| NoRoomId(text.to_owned()))
    }
}

/// A connection to a server, unique while the program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u64);

impl fmt::Display for LinkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Payloads while they are gathered: one byte vector, and where each payload lies in it.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    spans: Vec<Span>,
}

/// Where a payload lies in its batch.
#[derive(Clone, Copy, Debug)]
struct Span {
    start: u32,
    end: u32,
    control: bool,
}

impl Batch {
    /// An empty batch.
    pub const fn new() -> Self {
        Self { bytes: Vec::new(), spans: Vec::new() }
    }

    /// Makes room for so many bytes of payloads, lest a large read is copied again and again while it grows.
    pub fn reserve(&mut self, bytes: usize) {
        self.bytes.reserve(bytes);
    }

    /// Adds a payload. `control` marks what is the session's business and no message.
    pub fn push(&mut self, payload: &[u8], control: bool) {
        let start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(payload);
        self.spans.push(Span { start, end: self.bytes.len() as u32, control });
    }

    /// Whether nothing was gathered.
    pub const fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The payloads gathered so far, control too.
    pub fn payloads(&self) -> impl Iterator<Item = &[u8]> {
        self.spans.iter().map(|span| &self.bytes[span.start as usize..span.end as usize])
    }

    /// Takes out the messages that `keep` turns down; it is asked for each, in order. Control stays. Gives how many are
    /// out, whose bytes are gone too.
    pub fn retain(&mut self, mut keep: impl FnMut(&[u8]) -> bool) -> usize {
        let before = self.spans.len();
        let mut end = 0;
        let bytes = &mut self.bytes;
        self.spans.retain_mut(|span| {
            let at = span.start as usize..span.end as usize;
            let kept = span.control || keep(&bytes[at.clone()]);
            if kept {
                // Spans lie one after the other: what moves, moves to the front.
                let start = end;
                end += at.len();
                if start < at.start {
                    bytes.copy_within(at, start);
                    (span.start, span.end) = (start as u32, end as u32);
                }
            }
            kept
        });
        bytes.truncate(end);
        before - self.spans.len()
    }

    /// Says where and when all this was heard, and makes it cheap to share.
    ///
    /// `received_us` is in microseconds since the Unix epoch.
    pub fn freeze(mut self, room: RoomId, link: LinkId, received_us: i64) -> Records {
        // Queues count what is in a batch, so there must not be much more memory behind it.
        if self.bytes.capacity() - self.bytes.len() > self.bytes.len() / 8 {
            self.bytes.shrink_to_fit();
        }
        if self.spans.capacity() > 4.max(2 * self.spans.len()) {
            self.spans.shrink_to_fit();
        }
        Records { room, link, received_us, bytes: self.bytes.into(), spans: Arc::new(self.spans) }
    }
}

/// What one read of one link gave. Clones share the bytes.
#[derive(Clone, Debug)]
pub struct Records {
    /// The room that the link joined.
    pub room: RoomId,
    /// The link that heard it.
    pub link: LinkId,
    /// When it was heard, in microseconds since the Unix epoch.
    pub received_us: i64,
    bytes: Bytes,
    spans: Arc<Vec<Span>>,
}

impl Records {
    /// The messages in order, without control.
    pub fn messages(&self) -> impl Iterator<Item = Record> + '_ {
        self.spans.iter().filter(|span| !span.control).map(|span| self.record(span))
    }

    /// Control in order: what the server said to the session.
    pub fn control(&self) -> impl Iterator<Item = Record> + '_ {
        self.spans.iter().filter(|span| span.control).map(|span| self.record(span))
    }

    /// How many messages there are, without control.
    pub fn message_count(&self) -> usize {
        self.len() - self.control_count()
    }

    /// How much control there is.
    pub fn control_count(&self) -> usize {
        self.spans.iter().filter(|span| span.control).count()
    }

    /// How many payloads there are, control too.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Bytes that this keeps in memory, for queues that are bounded in bytes.
    pub fn size_bytes(&self) -> usize {
        size_of::<Self>() + self.bytes.len() + self.spans.capacity() * size_of::<Span>()
    }

    /// The same without the messages that `keep` turns down; it is asked for each, in order. Control stays.
    #[must_use]
    pub fn filter(mut self, mut keep: impl FnMut(&[u8]) -> bool) -> Self {
        let spans = self.spans.iter().copied();
        let kept: Vec<Span> =
            spans.filter(|span| span.control || keep(&self.bytes[span.start as usize..span.end as usize])).collect();
        if kept.len() < self.spans.len() {
            self.spans = Arc::new(kept);
        }
        self
    }

    fn record(&self, span: &Span) -> Record {
        Record {
            room: self.room,
            link: self.link,
            received_us: self.received_us,
            payload: self.bytes.slice(span.start as usize..span.end as usize),
        }
    }
}

/// One message with where and when it was heard.
#[derive(Clone, Debug)]
pub struct Record {
    /// The room that was joined to hear it.
    pub room: RoomId,
    /// The link that heard it.
    pub link: LinkId,
    /// When it was heard, in microseconds since the Unix epoch.
    pub received_us: i64,
    /// The payload, exactly as it came.
    pub payload: Bytes,
}

impl Record {
    /// The message in it. Borrows from the record.
    pub fn message(&self) -> Message<'_> {
        Message::read(&self.payload)
    }

    /// What it says, in the words that all types share. Borrows from the record.
    pub fn summary(&self) -> Summary<'_> {
        Summary::read(&self.payload, self.room)
    }
}
