//! What a sink is handed: messages, live or stored, and what happened between them.

use danmu_proto::{Record, RoomId, Summary};

use crate::recording::ledger::Gap;

/// A message on its way into a sink. Live messages and stored ones look the same here, so each format is written once.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Its row in the recording, if it has one.
    pub seq: Option<i64>,
    /// The room that was joined to hear it, if that is known.
    pub room: Option<RoomId>,
    /// When it was heard, in microseconds since the Unix epoch, if that is known.
    pub received_us: Option<i64>,
    /// What it says.
    pub summary: &'a Summary<'a>,
    /// The payload as it came, if it was kept.
    pub payload: Option<&'a [u8]>,
}

impl<'a> Entry<'a> {
    /// A message that was just heard. `summary` is that of `record.message()`.
    pub fn live(record: &'a Record, summary: &'a Summary<'a>) -> Self {
        Self {
            seq: None,
            room: Some(record.room),
            received_us: Some(record.received_us),
            summary,
            payload: Some(&record.payload),
        }
    }
}

/// Something that is no message. Times are in microseconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Nobody listened.
    Gap(Gap),
    /// A link joined a room.
    Joined {
        /// The room.
        room: RoomId,
        /// When.
        at_us: i64,
        /// The server it is connected to.
        server: String,
    },
    /// A link is over.
    Lost {
        /// The room.
        room: RoomId,
        /// When it was noticed.
        at_us: i64,
        /// Short name of why.
        reason: String,
    },
    /// What a link is doing.
    Status {
        /// The room.
        room: RoomId,
        /// When.
        at_us: i64,
        /// What, in words.
        status: String,
    },
    /// The reader was too slow, and so many messages were left out for it.
    Lagged {
        /// How many.
        lost: u64,
    },
}
