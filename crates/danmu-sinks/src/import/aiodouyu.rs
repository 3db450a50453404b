//! What the Python library `aiodouyu` records (`--record`): JSON Lines with a time and the fields of a message.
//!
//! ```json
//! {"format": "aiodouyu-record", "version": 1, "room_id": 9999, "recorded_at": 1785000000.0, "aiodouyu": "0.4.11"}
//! {"ts": 1785000001.23, "msg": {"type": "chatmsg", "rid": "9999", "txt": "…"}}
//! ```
//!
//! The first line may be missing. Its own events (`aiodouyu.connected` and the like) and control are no messages. Source: the
//! package's module `replay`, version 0.4.11.

use std::io::BufRead;

use danmu_proto::RoomId;
use danmu_proto::message::{is_control, kind};
use serde::Deserialize;

use super::json::{self, Payload};
use super::{Body, Dialect, End, ImportError, Item, Take, Told, When, at_line};

pub(super) const DIALECT: Dialect =
    Dialect { name: "aiodouyu", about: "JSON Lines of the Python library aiodouyu", read };

/// Whether JSON Lines that begin like this are its.
pub(super) fn is_its(head: &[u8]) -> bool {
    let line = head.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let has = |word: &[u8]| line.windows(word.len()).any(|part| part == word);
    has(b"\"aiodouyu-record\"") || (has(b"\"ts\"") && has(b"\"msg\""))
}

#[derive(Deserialize)]
struct Line {
    format: Option<String>,
    version: Option<u64>,
    room_id: Option<u64>,
    /// In seconds since the Unix epoch.
    ts: Option<f64>,
    msg: Option<Payload>,
}

/// The version that this module was written for.
const VERSION: u64 = 1;

fn read(input: &mut dyn BufRead, take: &mut Take<'_>) -> Result<End, ImportError> {
    let mut room = None;
    json::lines(input, |number, line: Line| {
        if line.format.is_some() {
            if line.version.is_some_and(|version| version > VERSION) {
                return Err(at_line(number, format!("a newer aiodouyu wrote this; version {VERSION} is known here")));
            }
            room = line.room_id.and_then(RoomId::new);
            return Ok(());
        }
        let Some(Payload(payload)) = line.msg else {
            return Err(at_line(number, "no message: there is no \"msg\""));
        };
        let kind = kind(&payload);
        if is_control(&kind) || kind.starts_with("aiodouyu.") {
            return Ok(());
        }
        take(Item::Message(Told {
            seq: None,
            room,
            received: line.ts.map_or(When::Unknown, |seconds| When::At((seconds * 1e6).round() as i64)),
            body: Body::Payload(payload),
            lossy: false,
        }))
    })
}
