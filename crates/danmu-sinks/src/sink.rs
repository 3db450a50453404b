//! Sinks: where messages go; and the table of the formats, which are sinks that write a file.
//!
//! To add a format, add a file in `format/` and a line in [`FORMATS`]: the command line, its help and the tests read
//! that table.

use std::io::{self, Write};
use std::path::Path;

use thiserror::Error;

use crate::entry::{Entry, Event};
use crate::format::{jsonl, packets, stt};

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

/// A file format.
#[derive(Debug)]
#[non_exhaustive]
pub struct Format {
    /// Its name for `--format`, which is also its file extension.
    pub name: &'static str,
    /// What it is, in a few words.
    pub about: &'static str,
    /// Begins a file. Give it a buffered output.
    pub open: for<'a> fn(Output<'a>) -> Box<dyn Sink + 'a>,
}

/// All formats.
pub static FORMATS: &[Format] = &[jsonl::FORMAT, stt::FORMAT, packets::FORMAT];

impl Format {
    /// The format with this name.
    pub fn by_name(name: &str) -> Option<&'static Self> {
        FORMATS.iter().find(|format| format.name.eq_ignore_ascii_case(name))
    }

    /// The format that the extension of a path says.
    pub fn by_path(path: &Path) -> Option<&'static Self> {
        Self::by_name(path.extension()?.to_str()?)
    }
}
