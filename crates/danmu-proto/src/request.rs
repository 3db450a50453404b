//! Requests: all that a reader ever says to the server.
//!
//! Each gives the payload; [`packet::encode`](crate::packet::encode) makes it a packet. Guests need no name, token or
//! device id: servers answer a `loginreq` with nothing but the room, whatever else is or is not in it.

use crate::record::RoomId;
use crate::stt::Writer;

/// The group that hears all of a room. Others hear a share of it.
pub const ALL_GROUPS: i64 = -9999;

/// Logs in as a guest. The server answers `loginres` and `pingreq`.
pub fn login(room: RoomId) -> String {
    Writer::new().pair("type", "loginreq").pair("roomid", room).finish()
}

/// Joins a group of a room. The server does not answer but begins to talk.
pub fn join(room: RoomId, group: i64) -> String {
    Writer::new().pair("type", "joingroup").pair("rid", room).pair("gid", group).finish()
}

/// A heartbeat, due every 45 s. The server answers with the same.
pub fn heartbeat() -> String {
    Writer::new().pair("type", "mrkl").finish()
}

/// Says good-bye; the server closes.
pub fn logout() -> String {
    Writer::new().pair("type", "logout").finish()
}
