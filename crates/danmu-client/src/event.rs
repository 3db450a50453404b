//! Events: all that a subscriber hears of its rooms.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use danmu_proto::session::{Reason, ServerError};
use danmu_proto::{LinkId, PacketError, Records, RoomId};
use thiserror::Error;

pub use crate::clock::now_us;
use crate::dial::DialError;
use crate::endpoint::Endpoint;
use crate::speaks::Speaks;

/// Something that happened in a room. Times are in microseconds since the Unix epoch.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// Messages were heard, and control.
    Records(Records),
    /// A link joined its room: from here on it listens.
    Joined {
        /// The room.
        room: RoomId,
        /// The link, new with each connection.
        link: LinkId,
        /// The server it is connected to.
        server: Arc<Endpoint>,
        /// When.
        at_us: i64,
    },
    /// A link is over.
    Lost {
        /// The room.
        room: RoomId,
        /// The link, if there was a connection.
        link: Option<LinkId>,
        /// Whether it had joined.
        joined: bool,
        /// Why.
        reason: Lost,
        /// When the last byte came, which is how long the link listened: never the time of noticing.
        heard_us: i64,
        /// When it was noticed.
        at_us: i64,
    },
    /// Nobody listened to the room in this span. It is told as soon as that is sure: at once if the room has no other
    /// link, else when the others have said something or are over.
    Gap {
        /// The room.
        room: RoomId,
        /// When the last link had heard its last byte.
        from_us: i64,
        /// When a link listened again.
        to_us: i64,
        /// Why the last link was lost.
        reason: Lost,
    },
    /// Messages were received and thrown away, because a subscriber that must not lose anything did not keep up.
    Dropped {
        /// The room.
        room: RoomId,
        /// The link.
        link: LinkId,
        /// How many messages.
        messages: u64,
        /// How much control came with them, which nothing was lost by.
        control: u64,
        /// When the link stopped reading: what came from then on is among them.
        from_us: i64,
        /// When there was room again.
        to_us: i64,
    },
    /// Messages that a link heard, but another one before: they were passed on once. Told when the link says
    /// something more, but at most once a second, and at its end.
    Duplicates {
        /// The room.
        room: RoomId,
        /// The link that heard them again.
        link: LinkId,
        /// How many since this was told last.
        messages: u64,
    },
    /// What a link is doing.
    Status {
        /// The room.
        room: RoomId,
        /// What.
        status: Status,
    },
    /// This subscriber did not keep up: so many messages were taken out of its queue, oldest first.
    Lagged(u64),
}

impl Event {
    /// The room it is about; none for [`Event::Lagged`].
    pub const fn room(&self) -> Option<RoomId> {
        match self {
            Self::Records(records) => Some(records.room),
            Self::Joined { room, .. }
            | Self::Lost { room, .. }
            | Self::Gap { room, .. }
            | Self::Dropped { room, .. }
            | Self::Duplicates { room, .. }
            | Self::Status { room, .. } => Some(*room),
            Self::Lagged(_) => None,
        }
    }

    /// Bytes that it keeps in memory.
    pub(crate) fn size_bytes(&self) -> usize {
        match self {
            Self::Records(records) => records.size_bytes(),
            _ => size_of::<Self>(),
        }
    }
}

/// What a link is doing.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Status {
    /// Connecting to a server.
    Connecting(Arc<Endpoint>),
    /// Waiting before the next attempt.
    Waiting {
        /// For how long.
        pause: Duration,
        /// How many attempts in a row failed or died young.
        failures: u32,
    },
}

/// Why a link was lost, or did not come about.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum Lost {
    /// There was no connection.
    #[error(transparent)]
    Dial(#[from] Arc<DialError>),
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Io(Arc<io::Error>),
    /// The server did not answer the login but in another protocol.
    #[error("the server speaks {0} and not plain danmu: are the port and the scheme (tcp, ws or wss) right?")]
    Speaks(Speaks),
    /// The session ended.
    #[error(transparent)]
    Session(#[from] Reason),
}

impl Lost {
    /// A short name that does not change: for the ledger, metrics and programs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Dial(error) => error.name(),
            Self::Io(error) if error.kind() == io::ErrorKind::ConnectionReset => "reset",
            Self::Io(_) => "io",
            Self::Speaks(_) => "protocol",
            Self::Session(reason) => reason.name(),
        }
    }

    /// Whether we left by ourselves.
    pub(crate) const fn is_logout(&self) -> bool {
        matches!(self, Self::Session(Reason::LoggedOut))
    }

    /// Whether any server would say the same if asked again soon: the fault is not its own.
    pub(crate) const fn is_refusal(&self) -> bool {
        matches!(self, Self::Session(Reason::Server(ServerError::WrongRoom | ServerError::TooManyRooms)))
    }

    /// The cause under which the packet that ended the link is counted as dropped, if one did.
    pub const fn dropped(&self) -> Option<&'static str> {
        match self {
            Self::Session(Reason::Packet(PacketError::TooLong { .. })) => Some("oversized"),
            Self::Session(Reason::Packet(_)) => Some("malformed"),
            _ => None,
        }
    }
}
