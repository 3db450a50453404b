//! ArtPlayer's JSON, for its plugin danmuku. Colours have all six digits, which its XML reader gets wrong.
//!
//! ```json
//! [
//! {"text":"主播好","time":1.25,"mode":0,"color":"#ffffff","border":false,"style":{}}
//! ]
//! ```

use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};

use super::list::List;
use crate::comment::{Flying, Screen};
use crate::entry::Entry;
use crate::sink::{Format, Sink, SinkError};

/// ArtPlayer's JSON.
pub const FORMAT: Format = Format {
    name: "artplayer",
    about: "JSON of ArtPlayer's danmuku",
    takes: &["start", "offset", "merge-repeats"],
    payload_of: |_, _| false,
    grows: false,
    counted: None,
    open: |out, opening| Ok(Box::new(ArtPlayer { list: List::begin(out, "[")?, screen: Screen::new(opening) })),
};

struct ArtPlayer<'a> {
    list: List<'a>,
    screen: Screen,
}

impl Sink for ArtPlayer<'_> {
    fn message(&mut self, entry: &Entry<'_>) -> Result<(), SinkError> {
        let Some(comment) = self.screen.shows(entry) else { return Ok(()) };
        comment.flying().map_or(Ok(()), |flying| self.list.item(&Danmuku(&flying)))
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.list.flush()
    }

    fn finish(self: Box<Self>) -> Result<(), SinkError> {
        self.list.end("]\n")
    }
}

struct Danmuku<'a>(&'a Flying<'a>);

impl Serialize for Danmuku<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut item = serializer.serialize_struct("danmuku", 6)?;
        item.serialize_field("text", &self.0.text)?;
        item.serialize_field("time", &(self.0.ms as f64 / 1000.0))?;
        item.serialize_field("mode", &u8::from(self.0.is_top))?;
        item.serialize_field("color", &format_args!("#{:06x}", self.0.rgb))?;
        item.serialize_field("border", &false)?;
        item.serialize_field("style", &serde_json::json!({}))?;
        item.end()
    }
}
