//! Traffic in which every message says its number, and what a recording holds of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use super::{danmu, start};

/// A tape of `messages` of a type that has no ids: that two are the same message, nobody can think.
pub fn tape(folder: &Path, messages: u64) -> PathBuf {
    let mut lines = String::new();
    for n in 0..messages {
        writeln!(lines, "type@=uenter/rid@=7/uid@={n}/nn@=观众{n}/level@={}/", n % 60).unwrap();
    }
    let path = folder.join("numbered.stt");
    std::fs::write(&path, lines).unwrap();
    path
}

/// A server in a process of its own that plays the tape to every client, until it is killed.
pub fn plays(tape: &Path, rate: f64) -> (Child, String) {
    let tape = tape.to_str().unwrap();
    let mut server =
        start(&["simulate", "--tcp", "127.0.0.1:0", "--feed", tape, "--rate", &rate.to_string(), "--for", "30m"]);
    let mut url = String::new();
    BufReader::with_capacity(1, server.stdout.as_mut().unwrap()).read_line(&mut url).unwrap();
    (server, url.trim().to_owned())
}

/// Ends a server that this test started.
pub struct Served(pub Child);

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What `danmu record --progress` says, as it says it.
#[derive(Clone, Default)]
pub struct Progress(Arc<Mutex<Vec<Value>>>);

impl Progress {
    /// Reads along until the end. Whole lines only: a kill may leave half of one.
    pub fn of(stdout: impl Read + Send + 'static) -> (Self, thread::JoinHandle<()>) {
        let progress = Self::default();
        let lines = Arc::clone(&progress.0);
        let reader = thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if let Ok(line) = serde_json::from_str(&line) {
                    lines.lock().unwrap().push(line);
                }
            }
        });
        (progress, reader)
    }

    pub fn lines(&self) -> Vec<Value> {
        self.0.lock().unwrap().clone()
    }

    /// All lines about one thing.
    pub fn of_event(&self, event: &str) -> Vec<Value> {
        self.lines().into_iter().filter(|line| line["event"] == event).collect()
    }

    /// Up to which message all is safe, as far as it was said.
    pub fn safe(&self) -> i64 {
        self.of_event("committed").last().map_or(0, |line| line["seq"].as_i64().unwrap())
    }
}

/// A recorder of these rooms that says what is safe.
pub fn record(rooms: &[&str], url: &str, db: &Path) -> std::process::Command {
    let mut command = danmu(&["record", "--progress", "--server", url, "-o", db.to_str().unwrap()]);
    command.args(rooms).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// What each link stored after message `after`, by link. Panics unless its numbers are in order and without a hole.
#[track_caller]
pub fn stored(db: &Path, after: i64) -> BTreeMap<i64, Stored> {
    let conn = Connection::open_with_flags(db, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut rows = conn.prepare("SELECT id, link, room, uid, received_us FROM message WHERE id > ?1").unwrap();
    let mut rows = rows.query([after]).unwrap();
    let mut links: BTreeMap<i64, Stored> = BTreeMap::new();
    while let Some(row) = rows.next().unwrap() {
        let column = |column| row.get::<_, i64>(column).unwrap();
        let (id, link, number) = (column(0), column(1), column(3));
        let stored = links.entry(link).or_insert(Stored { room: column(2), first: number, next: number, last_us: 0 });
        assert_eq!(number, stored.next, "message {id} of link {link} in {}", db.display());
        stored.next += 1;
        stored.last_us = column(4);
    }
    links
}

/// What a link stored.
#[derive(Clone, Copy, Debug)]
pub struct Stored {
    pub room: i64,
    pub first: i64,
    /// One more than the last.
    pub next: i64,
    /// When the last was received.
    pub last_us: i64,
}
