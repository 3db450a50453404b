//! The language of Douyu (斗鱼) live chat: bytes to messages, and the session that speaks them.
//!
//! No socket, clock, thread, randomness or log is in here: bytes and the time go in; payloads, bytes to send and the
//! next deadline come out. On the wire:
//!
//! ```text
//! packet    length, length, kind, flags │ payload │ 0          module packet
//! payload   type@=chatmsg/nn@=…/txt@=666/                      modules stt and fields
//! message   Chat { name: "…", text: "666", … }                 modules message and summary
//!
//! client    loginreq   joingroup   mrkl … mrkl   logout        modules request and session
//! server    loginres   chatmsg dgb uenter … mrkl chatmsg …
//! ```
//!
//! From bytes to chat:
//!
//! ```
//! use danmu_proto::{Message, PacketDecoder, Sender, packet};
//!
//! let mut wire = Vec::new();
//! packet::encode(Sender::Server, "type@=chatmsg/nn@=小明/txt@=1@S2/".as_bytes(), &mut wire);
//!
//! let mut decoder = PacketDecoder::new(Sender::Server);
//! decoder.read(&wire, |payload| {
//!     let Message::Chat(chat) = Message::read(payload) else { unreachable!() };
//!     assert_eq!((&*chat.name, &*chat.text), ("小明", "1/2"));
//! })?;
//! # Ok::<(), danmu_proto::PacketError>(())
//! ```
//!
//! How to hold a conversation is in [`session`]. Facts come from Douyu's third-party protocol document v1.6.2 and from
//! recorded traffic; `docs/protocol.md` says which from where.

pub mod fields;
mod keys;
pub mod message;
pub mod packet;
pub mod record;
pub mod request;
pub mod scan;
pub mod session;
pub mod stt;
pub mod summary;

pub use fields::Fields;
pub use message::Message;
pub use packet::{PacketDecoder, PacketError, Sender};
pub use record::{Batch, LinkId, Record, Records, RoomId};
pub use session::Session;
pub use summary::Summary;
