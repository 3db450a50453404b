//! From the socket to committed rows: `danmu record`, against the sum of what cannot be left out.
//!
//! | part    | what it is                                                                                   |
//! |---------|----------------------------------------------------------------------------------------------|
//! | receive | the same bytes, read from a socket and thrown away                                           |
//! | insert  | the same columns, made before, through one prepared statement; commits and pragmas as in ours |
//! | zstd    | the same payloads in blocks of 256 KiB, compressed with level 1 and thrown away              |

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, params_from_iter};
use tempfile::TempDir;

use crate::measure::{Report, Target, median, micros_each, process_cpu, thread_cpu};
use crate::traffic::{Server, Tape};

/// How much is measured.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    /// Messages of a lap of the tape.
    tape: usize,
    laps: u32,
    rounds: usize,
}

impl Size {
    pub(crate) const FULL: Self = Self { tape: 50_000, laps: 6, rounds: 5 };
    pub(crate) const TINY: Self = Self { tape: 500, laps: 2, rounds: 1 };

    fn rows(self) -> usize {
        self.tape * self.laps as usize
    }
}

pub(crate) fn run(size: Size, report: &mut Report) {
    measure("chat alone", Tape::new(size.tape, false), size, report);
    measure("all that a room says", Tape::new(size.tape, true), size, report);
}

fn measure(what: &str, mut tape: Tape, size: Size, report: &mut Report) {
    let rows = size.rows();
    println!("ingest, {what}: {rows} messages of {} bytes a round", tape.payload_bytes / tape.messages);
    println!("{:>10} {:>10} {:>10} {:>10} {:>10}   µs CPU a row", "ours", "receive", "insert", "zstd", "ours / sum");
    let mut ratios = Vec::new();
    for _ in 0..size.rounds {
        let mut recording = Recording::start(&tape);
        let ours = recording.record(size.laps, rows);
        let columns = recording.columns(size.tape);
        recording.kill();
        let parts = [receive(&mut tape, size.laps), insert(&columns, rows), compress(&tape, size.laps)];
        let ratio = ours.as_secs_f64() / parts.iter().sum::<Duration>().as_secs_f64();
        print!("{:>10.2}", micros_each(ours, rows));
        for part in parts {
            print!(" {:>10.2}", micros_each(part, rows));
        }
        println!(" {ratio:>10.2}");
        ratios.push(ratio);
    }
    let (cpu, disk) = (format!("ingest: CPU of its parts, {what}"), format!("ingest: disk of payloads, {what}"));
    report.target(&cpu, Target::AtMost(1.6), median(ratios), "×");
    let mut recording = Recording::start(&tape);
    recording.record(size.laps, rows);
    let share = recording.stop() as f64 / (tape.payload_bytes * size.laps as usize) as f64;
    report.target(&disk, Target::AtMost(0.6), share, "×");
}

/// `danmu record`, and the server that it records from.
pub(crate) struct Recording {
    server: Server,
    program: Child,
    folder: TempDir,
    rows: usize,
}

impl Recording {
    /// Starts it, and waits until it listens.
    pub(crate) fn start(tape: &Tape) -> Self {
        let server = Server::start(tape.clone());
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let program = Command::new(env!("CARGO_BIN_EXE_danmu"))
            .args(["record", "9999", "--server", &server.url(), "-o"])
            .arg(folder.path().join("danmu.db"))
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let recording = Self { server, program, folder, rows: 0 };
        recording.wait("SELECT count(*) FROM link WHERE joined_us IS NOT NULL", 1);
        recording
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("danmu.db")
    }

    /// Records so many laps of `rows` messages in all. Gives the CPU time from the first byte to the last commit.
    pub(crate) fn record(&mut self, laps: u32, rows: usize) -> Duration {
        let begun = process_cpu(self.program.id());
        self.server.go(laps);
        self.rows += rows;
        self.wait("SELECT coalesce(max(id), 0) FROM message", self.rows);
        process_cpu(self.program.id()) - begun
    }

    /// What the first rows have in their columns.
    fn columns(&self, rows: usize) -> Vec<Vec<Value>> {
        let conn = Connection::open(self.path()).unwrap();
        let mut select = conn.prepare("SELECT * FROM message ORDER BY id LIMIT ?1").unwrap();
        let width = select.column_count();
        select
            .query_map([rows as i64], |row| (0..width).map(|at| row.get(at)).collect())
            .unwrap()
            .map(Result::unwrap)
            .collect()
    }

    /// Ends it well. Gives the size of the file that it leaves.
    pub(crate) fn stop(mut self) -> u64 {
        Command::new("kill").args(["-TERM", &self.program.id().to_string()]).status().unwrap();
        self.program.wait().unwrap();
        let bytes = fs::metadata(self.path()).unwrap().len();
        self.server.end();
        bytes
    }

    fn kill(mut self) {
        self.program.kill().unwrap();
        self.program.wait().unwrap();
        self.server.end();
    }

    /// Waits until the answer to `sql` is so large.
    fn wait(&self, sql: &str, least: usize) {
        let until = Instant::now() + Duration::from_secs(600);
        loop {
            let answer = Connection::open_with_flags(self.path(), OpenFlags::SQLITE_OPEN_READ_ONLY)
                .and_then(|conn| conn.query_row(sql, [], |row| row.get::<_, i64>(0)));
            if answer.as_ref().is_ok_and(|answer| *answer >= least as i64) {
                return;
            }
            assert!(Instant::now() < until, "{sql}: {answer:?} and never {least}");
            thread::sleep(Duration::from_millis(100));
        }
    }
}

/// Reads what [`Recording`] reads.
fn receive(tape: &mut Tape, laps: u32) -> Duration {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let mut from = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let mut to = listener.accept().unwrap().0;
    thread::scope(|scope| {
        scope.spawn(move || (1..=laps).for_each(|lap| to.write_all(tape.lap(lap)).unwrap()));
        let mut buffer = vec![0; 64 * 1024];
        let begun = thread_cpu();
        while from.read(&mut buffer).unwrap() > 0 {}
        thread_cpu() - begun
    })
}

/// Inserts what [`Recording`] inserts.
fn insert(columns: &[Vec<Value>], rows: usize) -> Duration {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut conn = table(&folder.path().join("bare.db"));
    let places = vec!["?"; columns[0].len()].join(", ");
    let begun = thread_cpu();
    let mut ids = 1..=rows as i64;
    for _ in 0..rows.div_ceil(COMMIT) {
        let transaction = conn.transaction().unwrap();
        let mut insert = transaction.prepare_cached(&format!("INSERT INTO message VALUES ({places})")).unwrap();
        for id in ids.by_ref().take(COMMIT) {
            let row = &columns[id as usize % columns.len()];
            let id = Value::Integer(id);
            insert.execute(params_from_iter([&id].into_iter().chain(&row[1..]))).unwrap();
        }
        drop(insert);
        transaction.commit().unwrap();
    }
    thread_cpu() - begun
}

/// Rows of a commit, as in ours under load.
const COMMIT: usize = 10_000;

fn table(path: &Path) -> Connection {
    let conn = Connection::open(path).unwrap();
    let pragmas = "PRAGMA journal_mode = wal; PRAGMA synchronous = full; PRAGMA cache_size = -8192;";
    conn.execute_batch(pragmas).unwrap();
    let schema = include_str!("../../../danmu-sinks/src/recording/schema.sql");
    conn.execute_batch(schema).unwrap();
    conn
}

/// Compresses what [`Recording`] compresses.
fn compress(tape: &Tape, laps: u32) -> Duration {
    let mut blocks = vec![Vec::new()];
    tape.payloads(|payload| {
        blocks.last_mut().unwrap().extend_from_slice(payload);
        if blocks.last().unwrap().len() >= 256 * 1024 {
            blocks.push(Vec::new());
        }
    });
    let mut compressor = zstd::bulk::Compressor::new(1).unwrap();
    let begun = thread_cpu();
    for block in (0..laps).flat_map(|_| &blocks) {
        std::hint::black_box(compressor.compress(block).unwrap());
    }
    thread_cpu() - begun
}
