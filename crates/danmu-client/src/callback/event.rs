//! What a callback hears.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use danmu_proto::session::Reason;
use danmu_proto::{Fields, Message};
use thiserror::Error;

/// Something that happened to a [`DouyuClient`](crate::DouyuClient).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The connection is open; the login follows. The tutorial's `handle_connect`.
    Connected,
    /// A packet came.
    Packet(DataPacket<'a>),
    /// The connection is over, or did not come about. The tutorial's `handle_close`.
    #[non_exhaustive]
    Closed {
        /// Why.
        reason: &'a Closed,
        /// After which pause the next connection is tried; `None` if this was the last.
        reconnect_in: Option<Duration>,
    },
}

/// Why a connection is over, or did not come about.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum Closed {
    /// There was no connection, or it broke.
    #[error(transparent)]
    Connection(Arc<asyncore::Error>),
    /// The conversation ended: by logout, by the server, or because it went wrong.
    #[error(transparent)]
    Session(#[from] Reason),
}

/// A packet that the server sent, lent to the callback. Control is among them, `loginres` and the answers to heartbeats.
#[derive(Clone, Copy, Debug)]
pub struct DataPacket<'a> {
    pub(super) payload: &'a [u8],
    pub(super) received: SystemTime,
}

impl<'a> DataPacket<'a> {
    /// The payload, exactly as it came.
    pub const fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// The payload as text, with U+FFFD for what is not UTF-8: the tutorial's `dp.content`.
    pub fn content(&self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.payload)
    }

    /// Its fields by their wire names: the tutorial's `decode_to_dict`.
    pub fn fields(&self) -> Fields<'a> {
        Fields::new(self.payload)
    }

    /// Its type, such as `chatmsg`. Empty if it has none.
    pub fn kind(&self) -> Cow<'a, str> {
        danmu_proto::message::kind(self.payload)
    }

    /// The message in it, as what it is.
    pub fn message(&self) -> Message<'a> {
        Message::read(self.payload)
    }

    /// When it came from the server, which may be a while before the callback has time for it.
    pub const fn received(&self) -> SystemTime {
        self.received
    }
}
