//! Searching, counting and highlights over many rows, as ratios to what SQLite needs for the bare scan in the same run.
//!
//! ```sh
//! cargo bench -p danmu-sinks --bench queries                 # 200,000 rows
//! cargo bench -p danmu-sinks --bench queries -- 10000000     # needs 1.2 GB of disk for a few minutes
//! ```

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a bench")]

#[path = "../../../benches/report.rs"]
#[allow(dead_code, reason = "not all benches have targets")]
mod report;

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use danmu_sinks::recording::highlights::HighlightOptions;
use danmu_sinks::{Filter, Recorder, RecorderOptions, Recording};
use rusqlite::{Connection, params};

/// 2026-11-21 12:00:00 UTC.
const NOON: i64 = 1_795_262_400_000_000;

/// The word that is looked for, which is in one line of chat of ten thousand.
const WORD: &str = "名场面";

/// What counting reads of a row.
const COLUMNS: &str = "id, room, received_us, sent_ms, type, uid, name, text, level, medal, medal_room, gift_kind, \
     gift_id, gift_name, count, price_fen, duration_s, flags";

fn main() {
    // `cargo bench` also passes `--bench`.
    let rows: u64 =
        std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(report::size(200_000, 1000));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("danmu.db");
    fill(&path, rows as i64);
    let recording = Recording::open(&path).unwrap();
    let sqlite = Connection::open(&path).unwrap();
    let words = Filter { words: vec![WORD.to_owned()], ..Filter::default() };
    let pattern = Filter { pattern: Some("名.面$".parse().unwrap()), ..Filter::default() };

    let like = || {
        let sql = "SELECT count(*) FROM message WHERE text LIKE ?1";
        sqlite.query_row(sql, [format!("%{WORD}%")], |row| row.get::<_, i64>(0)).unwrap() as u64
    };
    let read = || {
        let mut statement = sqlite.prepare(&format!("SELECT {COLUMNS} FROM message")).unwrap();
        let columns = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        let mut read = 0;
        while let Some(row) = rows.next().unwrap() {
            (0..columns).for_each(|column| _ = black_box(row.get_ref(column).unwrap()));
            read += 1;
        }
        read
    };
    let search = |filter: &Filter| recording.search(filter).unwrap().map(Result::unwrap).count() as u64;
    let stats = || recording.stats(&Filter::default()).unwrap().total.messages;
    let highlights = || recording.highlights(&HighlightOptions::default()).unwrap().len() as u64;

    println!("{rows} rows, {} MiB", fs::metadata(&path).unwrap().len() >> 20);
    let mut times = [const { Vec::new() }; 6];
    for _ in 0..3 {
        // One after the other, so that what slows the machine down slows all of them.
        for (time, run) in times.iter_mut().zip([
            &like as &dyn Fn() -> u64,
            &|| search(&words),
            &|| search(&pattern),
            &read,
            &stats,
            &highlights,
        ]) {
            let begin = clock();
            black_box(run());
            time.push(clock().saturating_sub(begin));
        }
    }
    let [like, words, pattern, read, stats, highlights] = times.map(median);
    row("bare LIKE", like, like, rows);
    row("search for a word", words, like, rows);
    row("search for a pattern", pattern, like, rows);
    row("bare reading", read, read, rows);
    row("statistics", stats, read, rows);
    row("highlights", highlights, read, rows);
    for (what, run) in [
        ("statistics", &(|| _ = black_box(recording.stats(&Filter::default()).unwrap())) as &dyn Fn()),
        ("highlights", &|| _ = black_box(recording.highlights(&HighlightOptions::default()).unwrap())),
    ] {
        match peak_mib(run) {
            Some(mib) => println!("{what:<22} {mib} MiB at most, the program and SQLite's cache among it"),
            None => println!("skipped: the memory of {what}, which this system does not tell"),
        }
    }
}

/// Time that this thread was on a processor, where the system tells; else that on the wall.
fn clock() -> Duration {
    static BEGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
    let scheduled = fs::read_to_string("/proc/thread-self/schedstat").ok();
    let busy = scheduled.and_then(|times| times.split(' ').next()?.parse().ok());
    busy.map_or_else(|| BEGIN.elapsed(), Duration::from_nanos)
}

fn row(what: &str, time: Duration, bare: Duration, rows: u64) {
    let each = time.as_nanos() as f64 / rows as f64;
    println!(
        "{what:<22} {:>8.2} s {each:>7.0} ns a row {:>6.2}×",
        time.as_secs_f64(),
        time.as_secs_f64() / bare.as_secs_f64()
    );
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// The most memory that the process had while it ran this.
fn peak_mib(run: &dyn Fn()) -> Option<u64> {
    fs::write("/proc/self/clear_refs", "5").ok()?;
    run();
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(peak.trim().trim_end_matches(" kB").parse::<u64>().ok()? >> 10)
}

/// An evening of five rooms: entries, chat and gifts by a twentieth as many people, with a moment every ten minutes.
fn fill(path: &Path, rows: i64) {
    drop(Recorder::open(path, RecorderOptions::default(), NOON).unwrap());
    let mut conn = Connection::open(path).unwrap();
    conn.pragma_update(None, "synchronous", "off").unwrap();
    let tx = conn.transaction().unwrap();
    let mut insert = tx
        .prepare(
            "INSERT INTO message (id, room, link, received_us, sent_ms, type, cid, uid, name, text, level, medal,
                                  medal_level, medal_room, gift_kind, gift_id, count, hits, flags)
             VALUES (?1, ?2, 1, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 7, ?12, ?13, ?14, ?15, 1, 0)",
        )
        .unwrap();
    let words = ["主播", "今天", "这把", "打野", "晚上吃什么", "666", "哈哈哈哈", "[emot:dy101]", "可以的", "为什么"];
    let people = (rows / 20).max(10);
    let mut dice = 0x9E37_79B9_7F4A_7C15_u64;
    let mut below = |n: i64| {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        (dice % n as u64) as i64
    };
    let mut at_us = NOON;
    for id in 1..=rows {
        let is_moment = (at_us / 1_000_000) % 600 < 30;
        at_us += below(if is_moment { 4000 } else { 16_000 });
        let user = below(people);
        let name = format!("用户{user}");
        let medal = (user % 3 == 0).then(|| format!("牌{}", user % 200));
        let (kind, text) = match below(20) {
            0..11 => ("uenter", None),
            11..18 if below(10_000) == 0 => ("chatmsg", Some(format!("这是{WORD}"))),
            11..18 => {
                let more = 1 + below(4);
                let text: String = (0..more).map(|_| words[below(10) as usize]).collect();
                ("chatmsg", Some(format!("{text}{}", below(1000))))
            }
            _ => ("dgb", None),
        };
        let is_gift = kind == "dgb";
        let cid = text.as_ref().map(|_| i128::from(id).to_be_bytes());
        let gift = is_gift.then(|| 20_000 + below(30));
        insert
            .execute(params![
                id,
                1 + user % 5,
                at_us,
                at_us / 1000,
                kind,
                cid,
                user,
                name,
                text,
                user % 100,
                medal,
                medal.as_ref().map(|_| user % 5),
                is_gift.then_some("gift"),
                gift,
                gift.map(|gift| 1 + gift % 7)
            ])
            .unwrap();
    }
    drop(insert);
    tx.commit().unwrap();
    conn.pragma_update_and_check(None, "journal_mode", "delete", |_| Ok(())).unwrap();
}
