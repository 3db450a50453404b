//! The JSON of chat-downloader, for tools that were made for it: a list of items, indented, keys sorted.
//!
//! ```json
//! [
//!     {
//!         "author": { "id": "12", "name": "小明" },
//!         "message": "主播好",
//!         "message_type": "text_message",
//!         "time_in_seconds": 1.25,
//!         "time_text": "0:01",
//!         "timestamp": 1795262401250000
//!     }
//! ]
//! ```

use serde::Serialize;
use serde_json::ser::PrettyFormatter;
use serde_json::{Map, Serializer, Value, json};

use super::list::List;
use crate::comment::{self, Comment, Screen, What, yuan};
use crate::entry::Entry;
use crate::sink::{Format, Sink, SinkError};

/// chat-downloader's JSON.
pub const FORMAT: Format = Format {
    name: "chat-downloader",
    about: "JSON of chat-downloader",
    takes: &["start", "offset"],
    payload_of: comment::needs_payload,
    grows: false,
    counted: None,
    open: |out, opening| {
        Ok(Box::new(ChatDownloader { list: List::begin(out, "[")?, screen: Screen::new(opening), item: Vec::new() }))
    },
};

struct ChatDownloader<'a> {
    list: List<'a>,
    screen: Screen,
    item: Vec<u8>,
}

impl Sink for ChatDownloader<'_> {
    fn message(&mut self, entry: &Entry<'_>) -> Result<(), SinkError> {
        let Some(comment) = self.screen.shows(entry) else { return Ok(()) };
        let mut pretty = Serializer::with_formatter(Vec::new(), PrettyFormatter::with_indent(b"    "));
        item(&comment, entry).serialize(&mut pretty).map_err(std::io::Error::from)?;
        // An item is one step further in than it knows.
        self.item.clear();
        for line in pretty.into_inner().split_inclusive(|&byte| byte == b'\n') {
            self.item.extend_from_slice(b"    ");
            self.item.extend_from_slice(line);
        }
        self.list.raw_item(&self.item)
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.list.flush()
    }

    fn finish(self: Box<Self>) -> Result<(), SinkError> {
        self.list.end("]\n")
    }
}

fn item(comment: &Comment<'_>, entry: &Entry<'_>) -> Map<String, Value> {
    let summary = entry.summary;
    let mut item = Map::new();
    let mut add = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            item.insert(key.to_owned(), value);
        }
    };
    let (kind, money_fen, message) = match &comment.what {
        What::Chat { text, .. } => ("text_message", None, Value::from(*text)),
        What::SuperChat { text, price_fen, .. } => ("paid_message", Some(*price_fen), Value::from(*text)),
        What::Gift { price_fen, .. } => ("gift", *price_fen, Value::from(comment.words().1)),
        What::Guard { price_fen, .. } => ("membership_item", *price_fen, Value::from(comment.words().1)),
    };
    let seconds = comment.ms / 1000;
    let text = match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, minutes, seconds) => format!("{minutes}:{seconds:02}"),
        (hours, minutes, seconds) => format!("{hours}:{minutes:02}:{seconds:02}"),
    };
    add("author", Some(author(comment, entry)));
    add("colour", summary.colour.map(|code| format!("#{:06x}", danmu_proto::summary::colour_rgb(code)).into()));
    add("message", Some(message));
    add("message_id", summary.id.as_deref().map(Value::from));
    add("message_type", Some(kind.into()));
    add("money", money_fen.filter(|&fen| fen > 0).map(money));
    add("time_in_seconds", Some((comment.ms as f64 / 1000.0).into()));
    add("time_text", Some(text.into()));
    add("timestamp", entry.received_us.map(Value::from));
    item
}

fn author(comment: &Comment<'_>, entry: &Entry<'_>) -> Value {
    let mut author = Map::new();
    if let Some(user) = comment.user {
        author.insert("id".to_owned(), user.to_string().into());
    }
    author.insert("name".to_owned(), comment.name.into());
    if let Some(medal) = &entry.summary.medal {
        let title = medal.level.map_or_else(|| medal.name.to_string(), |level| format!("{} {level}", medal.name));
        author.insert("badges".to_owned(), json!([{ "name": medal.name, "title": title }]));
    }
    if let Some(role) = entry.summary.role {
        author.insert("is_moderator".to_owned(), (role != danmu_proto::summary::Role::Streamer).into());
    }
    author.into()
}

fn money(fen: u64) -> Value {
    let amount = fen as f64 / 100.0;
    json!({ "amount": amount, "currency": "CNY", "currency_symbol": "¥", "text": format!("¥{}", yuan(fen)) })
}
