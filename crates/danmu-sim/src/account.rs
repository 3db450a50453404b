//! Account: what was said in each room and what of it was sent to whom, message by message. Whoever recorded meanwhile can
//! be held to it.
//!
//! In a file it is JSON Lines: a line for each time that a room said something, and one for each time that a connection
//! was sent some of it to the last byte. Messages are named by a digest of their payload.
//!
//! ```json
//! {"account":1,"seed":0}
//! {"at_us":1763712000120000,"messages":["0f8c…","d41d…"],"said":9999}
//! {"at_us":1763712000123456,"connection":3,"messages":["0f8c…"],"sent":9999}
//! ```

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use danmu_proto::RoomId;
use serde_json::{Value, json};
use thiserror::Error;

/// The version of the format.
const VERSION: u64 = 1;

/// What names a message: 128 bits of FNV-1a over its payload, which no two different messages of a run share but by
/// intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub u128);

impl Digest {
    /// Of this payload.
    pub fn of(payload: &[u8]) -> Self {
        const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
        const PRIME: u128 = 0x0100_0000_0000_0000_0000_013b;
        Self(payload.iter().fold(BASIS, |hash, &byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME)))
    }
}

/// What a server said and sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// By room, and by message.
    pub rooms: BTreeMap<RoomId, BTreeMap<Digest, Entry>>,
}

/// What became of the messages with one payload in one room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// When it was said, each time; in microseconds since the Unix epoch.
    pub said: Vec<i64>,
    /// To which connection it was sent and when, in microseconds since the Unix epoch.
    pub sent: Vec<(u64, i64)>,
}

/// Why a file is no account.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AccountError {
    /// It cannot be read.
    #[error("the account cannot be read")]
    Read(#[from] io::Error),
    /// A line of it is not what it should be. The last may be cut off if the simulator did not end well.
    #[error("line {line} is none of an account of what was sent; was the simulator stopped with Ctrl-C or SIGTERM?")]
    Line {
        /// Its number, from 1.
        line: usize,
    },
    /// Another program's, or of another version.
    #[error("this is no account of what was sent, as danmu simulate --account writes it")]
    Foreign,
}

impl Account {
    /// Adds what a room says.
    pub fn said(&mut self, room: RoomId, at_us: i64, message: Digest) {
        self.entry(room, message).said.push(at_us);
    }

    /// Adds what a connection was sent, to its last byte.
    pub fn sent(&mut self, room: RoomId, connection: u64, at_us: i64, message: Digest) {
        self.entry(room, message).sent.push((connection, at_us));
    }

    fn entry(&mut self, room: RoomId, message: Digest) -> &mut Entry {
        self.rooms.entry(room).or_default().entry(message).or_default()
    }

    /// Reads a file that a simulator wrote.
    pub fn open(path: &Path) -> Result<Self, AccountError> {
        let mut account = Self::default();
        for (number, line) in (1..).zip(BufReader::new(File::open(path)?).lines()) {
            let line: Option<Value> = serde_json::from_str(&line?).ok();
            if number == 1 {
                let version = line.as_ref().and_then(|line| line["account"].as_u64());
                version.filter(|&version| version == VERSION).ok_or(AccountError::Foreign)?;
            } else {
                line.and_then(|line| account.add(&line)).ok_or(AccountError::Line { line: number })?;
            }
        }
        if account == Self::default() && std::fs::metadata(path)?.len() == 0 {
            return Err(AccountError::Foreign);
        }
        Ok(account)
    }

    /// Adds what a line says, if it says something.
    fn add(&mut self, line: &Value) -> Option<()> {
        let room = |key: &str| line[key].as_u64().and_then(RoomId::new);
        let at_us = line["at_us"].as_i64()?;
        let messages = line["messages"].as_array()?.iter();
        let mut messages = messages.map(|digest| u128::from_str_radix(digest.as_str()?, 16).ok().map(Digest));
        if let Some(room) = room("said") {
            messages.try_for_each(|message| message.map(|message| self.said(room, at_us, message)))
        } else {
            let (room, connection) = (room("sent")?, line["connection"].as_u64()?);
            messages.try_for_each(|message| message.map(|message| self.sent(room, connection, at_us, message)))
        }
    }
}

/// Writes an account while things happen. Trouble with the file shows at the [end](Self::finish).
#[derive(Debug)]
pub(crate) struct Writer(Mutex<io::Result<BufWriter<File>>>);

impl Writer {
    pub(crate) fn create(path: &Path, seed: u64) -> io::Result<Self> {
        let mut file = BufWriter::new(File::create(path)?);
        writeln!(file, "{}", json!({"account": VERSION, "seed": seed}))?;
        Ok(Self(Mutex::new(Ok(file))))
    }

    pub(crate) fn said(&self, room: RoomId, at_us: i64, messages: &[Digest]) {
        self.line(&json!({"said": room.get(), "at_us": at_us, "messages": hex(messages)}));
    }

    pub(crate) fn sent(&self, room: RoomId, connection: u64, at_us: i64, messages: &[Digest]) {
        self.line(&json!({"sent": room.get(), "connection": connection, "at_us": at_us, "messages": hex(messages)}));
    }

    fn line(&self, line: &Value) {
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(out) = &mut *file
            && let Err(error) = writeln!(out, "{line}")
        {
            *file = Err(error);
        }
    }

    /// Makes sure that all is in the file.
    pub(crate) fn finish(&self) -> io::Result<()> {
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *file {
            Ok(out) => out.flush(),
            Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
        }
    }
}

fn hex(messages: &[Digest]) -> Vec<String> {
    messages.iter().map(|digest| format!("{:032x}", digest.0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back_and_what_is_no_account_is_turned_down() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sent.jsonl");
        let room = RoomId::new(7).unwrap();
        let [one, two] = ["type@=chatmsg/txt@=1/", "type@=chatmsg/txt@=2/"].map(|text| Digest::of(text.as_bytes()));
        let writer = Writer::create(&path, 3).unwrap();
        writer.said(room, 900, &[one, two]);
        writer.sent(room, 4, 1_000, &[two]);
        writer.sent(room, 5, 2_000, &[one, two]);
        writer.finish().unwrap();
        let mut account = Account::default();
        account.said(room, 900, one);
        account.said(room, 900, two);
        account.sent(room, 4, 1_000, two);
        account.sent(room, 5, 2_000, one);
        account.sent(room, 5, 2_000, two);
        assert_eq!(Account::open(&path).unwrap(), account);

        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, &text[..text.len() - 10]).unwrap();
        assert!(matches!(Account::open(&path), Err(AccountError::Line { line: 4 })));
        for text in ["", "{}\n", "SQLite format 3\0", "{\"account\":2}\n"] {
            std::fs::write(&path, text).unwrap();
            assert!(matches!(Account::open(&path), Err(AccountError::Foreign)), "{text}");
        }
        assert!(matches!(Account::open(&folder.path().join("none")), Err(AccountError::Read(_))));
    }

    #[test]
    fn a_digest_is_fnv_1a_of_128_bits() {
        assert_eq!(Digest::of(b"").0, 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d);
        assert_eq!(Digest::of(b"a").0, 0xd228_cb69_6f1a_8caf_7891_2b70_4e4a_8964);
    }
}
