//! Importing: archives that others or we made become a recording, and gain all that recordings have.
//!
//! ```text
//! file ─▶ a dialect (one a file in `import/`) ─▶ Item ─▶ Importer ─▶ recording
//! ```
//!
//! Whatever a dialect tells is turned into the payload that Douyu would have sent, as far as it is known: from there on
//! one path serves heard and imported messages. Imported ones carry the flag
//! [`IMPORTED`](danmu_proto::summary::Flags::IMPORTED).
//!
//! To add a dialect, add a file in `import/` and a line in [`DIALECTS`]: the command line, its help and the tests read that
//! table.

use std::io::{self, BufRead};

use danmu_proto::{RoomId, Summary};
use thiserror::Error;

use crate::recording::OpenError;
use crate::recording::ledger::Gap;
use crate::recording::writer::{CatalogGift, RoomState};

mod aiodouyu;
mod json;
mod jsonl;
pub mod payloads;
mod xml;

pub use crate::recording::importer::{ImportOptions, Imported, Importer};

/// Something that a file tells.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Item {
    /// A message.
    Message(Told),
    /// Nobody listened.
    Gap(Gap),
    /// When the file begins, in microseconds since the Unix epoch. The first time that is told counts.
    Begins(i64),
    /// What was on in a room when the file begins.
    Room {
        /// The room, if the file says so.
        room: Option<RoomId>,
        /// What was on.
        state: RoomState,
    },
    /// A gift that messages name by its number.
    Gift(CatalogGift),
    /// Something that has no place in a recording, by its name in the file. Counted and told.
    Unknown(String),
}

/// A message as a file tells it.
#[derive(Clone, Debug)]
pub struct Told {
    /// Its number in the recording that it comes from, if it does. Kept if it is higher than all before it.
    pub seq: Option<i64>,
    /// The room, if the file says so.
    pub room: Option<RoomId>,
    /// When it was heard.
    pub received: When,
    /// What it says.
    pub body: Body,
    /// Whether bytes of it were lost before it came here.
    pub lossy: bool,
}

/// When an imported message was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Then, in microseconds since the Unix epoch.
    At(i64),
    /// So many microseconds after the file begins.
    After(i64),
    /// The file does not say. Such messages keep their place in it, and are dated by when they, or those before them, were
    /// sent.
    Unknown,
}

/// What an imported message says.
#[derive(Clone, Debug)]
pub enum Body {
    /// As Douyu would have sent it.
    Payload(Vec<u8>),
    /// As columns only, because its payload was not kept.
    Summary(Box<Summary<'static>>),
}

/// How a file ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Well.
    Whole,
    /// In the middle of something, as a crash leaves a file: what was whole before stands.
    CutOff(String),
}

/// A kind of file that can be imported.
#[derive(Debug)]
#[non_exhaustive]
pub struct Dialect {
    /// Its name for `--format`.
    pub name: &'static str,
    /// What writes it, in a few words.
    pub about: &'static str,
    /// Reads all of it.
    pub read: fn(&mut dyn BufRead, &mut Take<'_>) -> Result<End, ImportError>,
}

/// Takes what a dialect reads.
pub type Take<'a> = dyn FnMut(Item) -> Result<(), ImportError> + 'a;

/// All dialects.
pub static DIALECTS: &[Dialect] = &[xml::DIALECT, jsonl::DIALECT, aiodouyu::DIALECT, payloads::STT, payloads::PACKETS];

/// So much of the beginning of a file is looked at to tell its dialect.
const HEAD: usize = 4096;

impl Dialect {
    /// The dialect with this name.
    pub fn by_name(name: &str) -> Option<&'static Self> {
        DIALECTS.iter().find(|dialect| dialect.name.eq_ignore_ascii_case(name))
    }

    /// The dialect of a file by how it begins. Everything that is nothing else may be payloads, if it has a pair.
    pub fn by_beginning(input: &mut dyn BufRead) -> io::Result<Option<&'static Self>> {
        let bytes = input.fill_buf()?;
        let head = &bytes[..bytes.len().min(HEAD)];
        let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
        Ok(match text.first() {
            _ if payloads::are_packets(head) => Some(&payloads::PACKETS),
            Some(b'<') => Some(&xml::DIALECT),
            Some(b'{') if aiodouyu::is_its(text) => Some(&aiodouyu::DIALECT),
            Some(b'{') => Some(&jsonl::DIALECT),
            _ if text.windows(2).any(|two| two == b"@=") => Some(&payloads::STT),
            _ => None,
        })
    }
}

/// Why nothing was imported. The recording is as it was.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The recording was not opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The file cannot be read.
    #[error("it cannot be read")]
    Read(#[source] io::Error),
    /// It does not say what it should.
    #[error("{place}: {problem}")]
    Malformed {
        /// Where: a line or a byte.
        place: String,
        /// What is wrong there, and what to do about it.
        problem: String,
    },
    /// It holds no message.
    #[error("it holds no message")]
    Nothing,
    /// Nothing says which room it is of.
    #[error("it does not say which room it is of: say so with --room")]
    NoRoom,
    /// Nothing says when it was.
    #[error("it does not say when it was: say when it begins with --start")]
    NoTime,
    /// It tells of a time that no calendar has.
    #[error("it tells of {at_us} µs from 1970, which is no time")]
    Never {
        /// The time, in microseconds since the Unix epoch.
        at_us: i64,
    },
    /// Messages of a recording stand in the order of their time.
    #[error(
        "it begins at {}, before the end of the recording at {}: import older files first, or into a recording of \
         their own", utc(*.begins_us), utc(*.ends_us)
    )]
    Older {
        /// When the first message was received, in microseconds since the Unix epoch.
        begins_us: i64,
        /// When the last one of the recording was.
        ends_us: i64,
    },
    /// The recording cannot be written.
    #[error("the recording cannot be written (is the disk full?)")]
    Sqlite(#[from] rusqlite::Error),
    /// There was no memory to compress in.
    #[error("payloads cannot be compressed")]
    Compress(#[source] io::Error),
}

fn utc(us: i64) -> String {
    jiff::Timestamp::from_microsecond(us).map_or_else(|_| format!("{us} µs"), |at| format!("{at:.3}"))
}

/// A line of text in a file, for errors.
fn at_line(number: u64, problem: impl Into<String>) -> ImportError {
    ImportError::Malformed { place: format!("line {number}"), problem: problem.into() }
}
