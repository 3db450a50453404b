//! Keeps Douyu chat rooms open.
//!
//! ```text
//! endpoints ─▶ dial ─▶ drive (a session on a connection) ─▶ outlet ─▶ hub ─▶ your stream
//!    ▲          TCP, WS, WSS      │ lost           merges the links     one queue a subscriber
//!    └──── back off, budget ◀─────┘                of a room
//! ```
//!
//! A [`Room`] is a stream of [`Event`]s on the tokio runtime that you have; [`Rooms`] keeps many on threads of its own.
//! [`DouyuClient`] is one room with callbacks and without tokio: see [`callback`].
//!
//! ```no_run
//! # async fn example() {
//! use danmu_client::{Config, Event, Room, RoomId};
//! use danmu_proto::Message;
//!
//! let mut room = Room::open(RoomId::new(9999).unwrap(), Config::default());
//! while let Some(event) = room.next().await {
//!     if let Event::Records(records) = event {
//!         for record in records.messages() {
//!             if let Message::Chat(chat) = record.message() {
//!                 println!("{}: {}", chat.name, chat.text);
//!             }
//!         }
//!     }
//! }
//! # }
//! ```

// Each of the two clients needs its own part of it.
#[cfg(any(feature = "async", feature = "callback"))]
#[cfg_attr(not(feature = "async"), allow(dead_code))]
mod backoff;
#[cfg(feature = "async")]
mod budget;
#[cfg(feature = "callback")]
pub mod callback;
#[cfg(feature = "async")]
pub mod clock;
#[cfg(feature = "async")]
pub mod config;
#[cfg(feature = "async")]
pub mod dial;
#[cfg(feature = "http")]
pub mod directory;
#[cfg(feature = "async")]
mod drive;
#[cfg(feature = "async")]
pub mod endpoint;
#[cfg(feature = "async")]
pub mod event;
#[cfg(feature = "async")]
mod listening;
#[cfg(feature = "async")]
mod outlet;
#[cfg(feature = "async")]
mod passage;
#[cfg(feature = "async")]
pub mod proxy;
#[cfg(feature = "async")]
pub mod queue;
#[cfg(feature = "async")]
mod ranking;
#[cfg(feature = "async")]
mod resolve;
#[cfg(feature = "async")]
pub mod room;
#[cfg(feature = "async")]
pub mod rooms;
#[cfg(feature = "async")]
pub mod speaks;
pub mod standby;
#[cfg(feature = "async")]
mod stop;
#[cfg(feature = "wss")]
pub mod tls;
#[cfg(feature = "async")]
mod url;
#[cfg(feature = "wss")]
pub mod websocket;

pub use danmu_proto::{LinkId, Record, Records, RoomId};

#[cfg(feature = "callback")]
pub use callback::{DataPacket, DouyuClient};
#[cfg(feature = "wss")]
pub use tls::Ca;
#[cfg(feature = "async")]
pub use {
    clock::Clock,
    config::{Config, Family},
    dial::{Dial, DialError, Net},
    endpoint::{Endpoint, Transport},
    event::{Event, Lost, Status},
    proxy::Proxy,
    queue::{Events, Overflow},
    room::Room,
    rooms::Rooms,
    speaks::Speaks,
};
