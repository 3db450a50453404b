//! How long an export takes, and how much memory, against the floor of reading the same rows and decompressing the same
//! blocks.
//!
//! ```sh
//! cargo bench -p danmu-sinks --bench export                               # 200 000 messages
//! DANMU_BENCH_MESSAGES=1000000 cargo bench -p danmu-sinks --bench export -- jsonl xml   # only these
//! ```
//!
//! All ways take turns, ratios are of one round, and time is that on a processor: times of different runs cannot be compared
//! on a machine that others use too. The recording is made up, and the same on every run: chat of 34 fields and about 500 bytes a message, with
//! gifts and entries in between.

#![allow(clippy::print_stdout, clippy::unwrap_used)] // A bench prints, and a broken corpus is its own fault.

#[path = "../../../benches/report.rs"]
#[allow(dead_code, reason = "not all benches have targets")]
mod report;

use std::env;
use std::fs;
use std::hint::black_box;
use std::io;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use danmu_proto::{Batch, LinkId, RoomId, stt::Writer};
use danmu_sinks::export::{ExportOptions, to_output};
use danmu_sinks::{FORMATS, Filter, Recorder, RecorderOptions, Recording};
use rusqlite::types::ValueRef;

use report::{median, size};

/// How often all take their turn; once where nothing is measured.
const ROUNDS: usize = 5;

/// What is compared. It gives back something that needs all its work.
type Way<'a> = (&'a str, Box<dyn Fn() -> u64 + 'a>);

/// How many messages, if others than the usual.
const MESSAGES: &str = "DANMU_BENCH_MESSAGES";
/// Set for the child that records, so that its memory is not counted.
const RECORD_INTO: &str = "DANMU_BENCH_RECORD_INTO";

fn main() {
    let messages = env::var(MESSAGES).ok().and_then(|n| n.parse().ok()).unwrap_or(size(200_000, 1000));
    if let Some(path) = env::var_os(RECORD_INTO) {
        return record(Path::new(&path), messages);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bench.db");
    let made = Command::new(env::current_exe().unwrap())
        .env(RECORD_INTO, &path)
        .env(MESSAGES, messages.to_string())
        .status()
        .unwrap();
    assert!(made.success());
    let rounds = size(ROUNDS, 1);
    let bytes = fs::metadata(&path).unwrap().len();
    println!("{messages} messages, {} MiB, {rounds} rounds\n", bytes >> 20);

    let named: Vec<_> = env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let ways: Vec<Way<'_>> = [
        ("floor: rows", Box::new(|| bare_rows(&path)) as Box<dyn Fn() -> u64 + '_>),
        ("floor: rows and blocks", Box::new(|| bare_rows(&path) + bare_blocks(&path))),
        ("our rows", Box::new(|| our_rows(&path, false))),
        ("our rows and payloads", Box::new(|| our_rows(&path, true))),
    ]
    .into_iter()
    .chain(FORMATS.iter().map(|format| {
        let path = &path;
        let export = move || {
            let recording = Recording::open(path).unwrap();
            let out = Box::new(io::BufWriter::new(io::sink()));
            to_output(&recording, &ExportOptions::default(), format, out).unwrap()
        };
        (format.name, Box::new(export) as Box<dyn Fn() -> u64 + '_>)
    }))
    .filter(|(name, _)| named.is_empty() || name.starts_with("floor") || named.iter().any(|named| named == name))
    .collect();
    let mut peaks_kib = vec![0; ways.len()];
    let rounds: Vec<Vec<f64>> = (0..rounds)
        .map(|_| {
            let timed = ways.iter().zip(&mut peaks_kib).map(|((_, way), peak_kib)| {
                forget_peak();
                let begun = Instant::now();
                let worked = worked_seconds();
                black_box(way());
                let seconds =
                    worked_seconds().zip(worked).map_or(begun.elapsed().as_secs_f64(), |(to, from)| to - from);
                *peak_kib = peak_memory_kib().max(*peak_kib);
                seconds
            });
            timed.collect()
        })
        .collect();
    println!("{:24} {:>10} {:>12} {:>14} {:>10}", "", "µs/message", "of rows", "of rows+blocks", "peak MiB");
    for (n, (name, _)) in ways.iter().enumerate() {
        let median_of = |ratio: &dyn Fn(&Vec<f64>) -> f64| median(rounds.iter().map(ratio));
        println!(
            "{name:24} {:10.2} {:11.2}× {:13.2}× {:10.1}",
            median_of(&|round| round[n]) * 1e6 / f64::from(messages),
            median_of(&|round| round[n] / round[0]),
            median_of(&|round| round[n] / round[1]),
            f64::from(peaks_kib[n]) / 1024.0,
        );
    }
}

/// All columns of all rows, as SQLite gives them.
fn bare_rows(path: &Path) -> u64 {
    let conn = rusqlite::Connection::open(path).unwrap();
    let mut statement = conn.prepare("SELECT * FROM message ORDER BY id").unwrap();
    let columns = statement.column_count();
    let mut rows = statement.query([]).unwrap();
    let mut bytes = 0;
    while let Some(row) = rows.next().unwrap() {
        for column in 0..columns {
            bytes += match row.get_ref(column).unwrap() {
                ValueRef::Text(text) | ValueRef::Blob(text) => text.len() as u64,
                ValueRef::Integer(number) => number.cast_unsigned() & 1,
                _ => 0,
            };
        }
    }
    bytes
}

/// All raw blocks, decompressed.
fn bare_blocks(path: &Path) -> u64 {
    let conn = rusqlite::Connection::open(path).unwrap();
    let mut statement = conn.prepare("SELECT body FROM raw_block ORDER BY first_id").unwrap();
    let mut rows = statement.query([]).unwrap();
    let mut bytes = 0;
    while let Some(row) = rows.next().unwrap() {
        let body = row.get_ref(0).unwrap().as_blob().unwrap();
        bytes += zstd::bulk::decompress(body, 64 << 20).unwrap().len() as u64;
    }
    bytes
}

fn our_rows(path: &Path, payloads: bool) -> u64 {
    let recording = Recording::open(path).unwrap();
    let mut messages = recording.messages(&Filter::default()).unwrap();
    if payloads {
        messages = messages.with_payloads();
    }
    messages.map(|row| row.unwrap().payload.map_or(1, |payload| payload.len() as u64)).sum()
}

/// How long this process had a processor, where the system tells: on a machine that others use too, time on the clock
/// says more of them than of us.
fn worked_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/schedstat").ok()?;
    stat.split_whitespace().next()?.parse::<f64>().ok().map(|ns| ns / 1e9)
}

/// The most memory that this process held since [`forget_peak`], where the system tells.
fn peak_memory_kib() -> u32 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

fn forget_peak() {
    let _ = fs::write("/proc/self/clear_refs", "5");
}

fn record(path: &Path, messages: u32) {
    const START_US: i64 = 1_795_262_400_000_000;
    let room = RoomId::new(9999).unwrap();
    let mut recorder = Recorder::open(path, RecorderOptions::default(), START_US).unwrap();
    recorder.link_opened(LinkId(1), room, "tcp://127.0.0.1:8601", START_US);
    for n in (0..messages).step_by(100) {
        let at_us = START_US + i64::from(n) * 5000;
        let mut batch = Batch::new();
        for n in n..(n + 100).min(messages) {
            batch.push(payload(n).as_bytes(), false);
        }
        recorder.records(&batch.freeze(room, LinkId(1), at_us));
        if n % 10_000 == 0 {
            recorder.commit(at_us).unwrap();
        }
    }
    recorder.finish(START_US + i64::from(messages) * 5000).unwrap();
}

const WORDS: [&str; 12] =
    ["主播好", "666", "这波操作", "来了来了", "a/b@c", "哈哈哈哈", "冲", "<b>gg</b>", "👍", "没声音", "\"?\"", "稳住"];

/// Fifteen of twenty messages are chat, one is a gift and four are entries.
fn payload(n: u32) -> String {
    let hash = n.wrapping_mul(2_654_435_761);
    let user = hash % 50_000;
    let medal = ["小丑", "", "拿铁", "月饼"][hash as usize >> 8 & 3];
    let common = Writer::new().pair("rid", 9999).pair("uid", user).pair("nn", format_args!("观众{user}"));
    match n % 20 {
        0 => {
            let gift = common.pair("type", "dgb").pair("gfid", 20004).pair("gfn", "火箭").pair("gfcnt", 1);
            gift.pair("hits", n % 7).pair("level", user % 60).pair("ic", "avatar_v3/202601/a1b2c3d4e5").finish()
        }
        1..5 => common.pair("type", "uenter").pair("level", user % 60).pair("ic", "avatar_v3/202601/a1b2c3").finish(),
        _ => {
            let text: Vec<_> = (0..=hash % 4).map(|k| WORDS[(hash >> (4 * k) & 15) as usize % 12]).collect();
            let chat = common.pair("type", "chatmsg").pair("txt", text.join(" ")).pair("cid", format_args!("{n:032x}"));
            let chat =
                chat.pair("level", user % 60).pair("cst", 1_795_262_400_000_u64 + u64::from(n) * 5).pair("dms", 5);
            let chat = chat.pair("bnn", medal).pair("bl", hash % 30).pair("brid", 9999).pair("col", hash % 9);
            let chat =
                chat.pair("ic", "avatar_v3/202601/a1b2c3d4e5f6a7b8c9d0").pair("nl", 0).pair("nc", 0).pair("ct", 1);
            let chat = chat.pair("gt", 0).pair("hc", "").pair("el", "eid@A=1500000113@Setp@A=1@Ssc@A=1@Sef@A=0@S@S");
            let chat = chat.pair("lk", "").pair("fl", hash % 30).pair("hb", "").pair("dlv", 0).pair("dc", 0);
            let chat = chat.pair("rg", 1).pair("pg", 1).pair("ifs", 1).pair("sahf", 0).pair("urlev", 3);
            chat.pair("ail", "").pair("hl", 0).pair("diaf", 0).pair("pdg", 30).pair("pdk", 89).pair("ext", "").finish()
        }
    }
}
