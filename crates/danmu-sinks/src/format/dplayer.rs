//! DPlayer's JSON, as its danmaku interface answers: `[seconds, 0 flying or 1 top, colour, author, text]`.
//!
//! ```json
//! {"code":0,"data":[
//! [1.25,0,16777215,"小明","主播好"]
//! ]}
//! ```
//!
//! DPlayer puts texts into its page as HTML, so they are escaped here.

use serde_json::json;

use super::clean::one_line;
use super::list::List;
use crate::comment::Screen;
use crate::entry::Entry;
use crate::sink::{Format, Sink, SinkError};

/// DPlayer's JSON.
pub const FORMAT: Format = Format {
    name: "dplayer",
    about: "JSON of DPlayer",
    takes: &["start", "offset", "merge-repeats"],
    payload_of: |_, _| false,
    grows: false,
    counted: None,
    open: |out, opening| {
        Ok(Box::new(DPlayer { list: List::begin(out, "{\"code\":0,\"data\":[")?, screen: Screen::new(opening) }))
    },
};

struct DPlayer<'a> {
    list: List<'a>,
    screen: Screen,
}

impl Sink for DPlayer<'_> {
    fn message(&mut self, entry: &Entry<'_>) -> Result<(), SinkError> {
        let Some(comment) = self.screen.shows(entry) else { return Ok(()) };
        let Some(flying) = comment.flying() else { return Ok(()) };
        let seconds = flying.ms as f64 / 1000.0;
        let (author, text) = (html(&one_line(comment.name)), html(&flying.text));
        self.list.item(&json!([seconds, u8::from(flying.is_top), flying.rgb, author, text]))
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.list.flush()
    }

    fn finish(self: Box<Self>) -> Result<(), SinkError> {
        self.list.end("]}\n")
    }
}

/// Text that means nothing but itself in a page.
fn html(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            '/' => html.push_str("&#x2F;"),
            c => html.push(c),
        }
    }
    html
}
