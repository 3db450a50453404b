//! 弹弹play's JSON, which its players and those with its interface read; danmaku2ass knows it by `count`, the first key.
//!
//! ```json
//! {"count":2,"comments":[
//! {"cid":1,"p":"1.25,1,16777215,12","m":"主播好"},
//! {"cid":2,"p":"3.00,5,16761095,13","m":"★ ¥30 小红: 生日快乐"}
//! ]}
//! ```
//!
//! `p` is the time in seconds, 1 for flying or 5 for the top, the colour, and the account number.

use serde_json::json;

use super::list::List;
use crate::comment::{self, Screen};
use crate::entry::Entry;
use crate::sink::{Format, Sink, SinkError};

/// 弹弹play's JSON.
pub const FORMAT: Format = Format {
    name: "dandanplay",
    about: "JSON of 弹弹play and players with its interface",
    takes: &["start", "offset", "merge-repeats"],
    payload_of: |_, _| false,
    grows: false,
    counted: Some(comment::is_flying),
    open: |out, opening| {
        let count = opening.count.unwrap_or(0);
        let list = List::begin(out, &format!("{{\"count\":{count},\"comments\":["))?;
        Ok(Box::new(Dandanplay { list, screen: Screen::new(opening), written: 0 }))
    },
};

struct Dandanplay<'a> {
    list: List<'a>,
    screen: Screen,
    written: i64,
}

impl Sink for Dandanplay<'_> {
    fn message(&mut self, entry: &Entry<'_>) -> Result<(), SinkError> {
        let Some(comment) = self.screen.shows(entry) else { return Ok(()) };
        let Some(flying) = comment.flying() else { return Ok(()) };
        self.written += 1;
        let mode = if flying.is_top { 5 } else { 1 };
        let user = comment.user.unwrap_or(0);
        let p = format!("{}.{:02},{mode},{},{user}", flying.ms / 1000, flying.ms % 1000 / 10, flying.rgb);
        self.list.item(&json!({ "cid": entry.seq.unwrap_or(self.written), "p": p, "m": flying.text }))
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.list.flush()
    }

    fn finish(self: Box<Self>) -> Result<(), SinkError> {
        self.list.end("]}\n")
    }
}
