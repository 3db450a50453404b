//! Sinks: where messages go; and the table of the formats, which are sinks that write a file.
//!
//! To add a format, add a file in `format/` and a line in [`FORMATS`]: the command line, its help and the tests read
//! that table.

use std::io::{self, Write};
use std::path::Path;

use danmu_proto::{RoomId, Summary};
use jiff::tz::TimeZone;
use thiserror::Error;

use crate::entry::{Entry, Event};
#[cfg(feature = "parquet")]
use crate::format::parquet;
use crate::format::{
    artplayer, ass, chat_downloader, csv, dandanplay, dplayer, jsonl, packets, srt, stt, txt, vtt, window, xml,
};
use crate::recording::writer::RoomState;

/// Takes messages one after the other and makes a file, a stream or a database of them. Runs on any thread, may block.
pub trait Sink: Send {
    /// Takes a message. It may wait in a buffer until [`Sink::flush`] or [`Sink::finish`].
    fn message(&mut self, entry: &Entry<'_>) -> Result<(), SinkError>;

    /// Takes an event between two messages. Formats that have no place for it leave it out.
    fn event(&mut self, _event: &Event) -> Result<(), SinkError> {
        Ok(())
    }

    /// Hands on what waits in a buffer, for who reads along.
    fn flush(&mut self) -> Result<(), SinkError>;

    /// Writes what must come last, such as a footer, and closes.
    fn finish(self: Box<Self>) -> Result<(), SinkError>;
}

/// Why a sink did not take a message.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SinkError {
    /// Writing failed.
    #[error("the output cannot be written")]
    Write(#[from] io::Error),
    /// The format is made of payloads, and this message has none.
    #[error("{} has no raw payload, which this format is made of (was it recorded with --no-raw?)", message(*.seq))]
    NoPayload {
        /// Row of the message, if it has one.
        seq: Option<i64>,
    },
    /// A line a payload, and this payload has several.
    #[error("{} has a line break, which this format cannot hold; .packets can", message(*.seq))]
    LineBreak {
        /// Row of the message, if it has one.
        seq: Option<i64>,
    },
}

fn message(seq: Option<i64>) -> String {
    seq.map_or_else(|| "a message".to_owned(), |seq| format!("message {seq}"))
}

/// Where a sink writes to: a file, standard output, a buffer.
pub type Output<'a> = Box<dyn Write + Send + 'a>;

/// What a format is told when a file begins.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Opening {
    /// The moment that is 0:00 in formats that count from the start of a video, in microseconds since the Unix epoch. What
    /// came before is left out there. Default: when the first message was received.
    pub zero_us: Option<i64>,
    /// The room, if it is one.
    pub room: Option<RoomId>,
    /// What is known of that room.
    pub state: RoomState,
    /// The zone of times that are written for people.
    pub zone: Zone,
    /// How many messages will come that the format has a place for, if that is known: see [`Format::counted`].
    pub count: Option<u64>,
    /// What may be chosen.
    pub options: Options,
}

/// A time zone. Default UTC.
#[derive(Clone, Debug)]
pub struct Zone(pub TimeZone);

impl Default for Zone {
    fn default() -> Self {
        Self(TimeZone::UTC)
    }
}

/// What may be chosen, for each format that leaves a choice. Defaults are those that its readers expect.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Options {
    /// For JSON Lines.
    pub jsonl: jsonl::Options,
    /// For CSV.
    pub csv: csv::Options,
    /// For Bilibili's XML.
    pub xml: xml::Options,
    /// For ASS.
    pub ass: ass::Options,
    /// For SRT and WebVTT.
    pub window: window::Options,
    /// Whether text files begin with a byte order mark, without which some programs on Windows take them for another
    /// encoding. Default false.
    pub bom: bool,
}

/// A file that has begun.
pub type Opened<'a> = Result<Box<dyn Sink + 'a>, SinkError>;

/// A file format.
#[derive(Debug)]
#[non_exhaustive]
pub struct Format {
    /// Its name for `--format`, which is also its file extension; that of several that share `.json` stands before it.
    pub name: &'static str,
    /// What it is, in a few words.
    pub about: &'static str,
    /// Which options mean something to it, by their names on the command line.
    pub takes: &'static [&'static str],
    /// The messages whose raw payload it needs to be whole.
    pub payload_of: fn(&Summary<'_>, &Options) -> bool,
    /// Whether every line is whole once it is written, so that the file can be read, or mended, while it grows.
    pub grows: bool,
    /// Of which messages it has to know the number beforehand, if it does.
    pub counted: Option<fn(&Entry<'_>, &Opening) -> bool>,
    /// Begins a file. Give it a buffered output.
    pub open: for<'a> fn(Output<'a>, &Opening) -> Opened<'a>,
}

/// All formats.
pub static FORMATS: &[Format] = &[
    jsonl::FORMAT,
    csv::FORMAT,
    #[cfg(feature = "parquet")]
    parquet::FORMAT,
    xml::FORMAT,
    ass::FORMAT,
    srt::FORMAT,
    vtt::FORMAT,
    txt::FORMAT,
    dandanplay::FORMAT,
    dplayer::FORMAT,
    artplayer::FORMAT,
    chat_downloader::FORMAT,
    stt::FORMAT,
    packets::FORMAT,
];

impl Format {
    /// The format with this name.
    pub fn by_name(name: &str) -> Option<&'static Self> {
        FORMATS.iter().find(|format| format.name.eq_ignore_ascii_case(name))
    }

    /// The format that the extension of a path says: `chat.xml`, and `chat.dplayer.json` where several share one.
    pub fn by_path(path: &Path) -> Option<&'static Self> {
        let extension = |path: &Path| Self::by_name(path.extension()?.to_str()?);
        extension(path)
            .or_else(|| extension(path.file_stem().filter(|_| path.extension() == Some("json".as_ref()))?.as_ref()))
    }
}
