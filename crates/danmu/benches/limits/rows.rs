//! What rows cost when there are many, and how they are found again: a recorder by itself, and then its file.
//!
//! A thousand rooms talk, a few messages at a time, so that the rows of each lie scattered over the whole file.

use std::time::Duration;

use danmu_proto::{Batch, LinkId, Records, RoomId};
use danmu_sinks::recording::optimize::optimize;
use danmu_sinks::{Filter, Recorder, RecorderOptions, Recording};
use rusqlite::{Connection, OpenFlags};

use crate::growth;
use crate::measure::{Report, Target, median, micros_each, thread_cpu};
use crate::traffic::Tape;

/// How much is measured.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    /// Rows of each step that is timed.
    step: usize,
    steps: usize,
}

impl Size {
    pub(crate) const FULL: Self = Self { step: 1_000_000, steps: 10 };
    pub(crate) const TINY: Self = Self { step: 10_000, steps: 2 };
}

const ROOMS: usize = 1000;
/// Messages that come together.
const TOGETHER: usize = 5;

pub(crate) fn run(size: Size, report: &mut Report) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = folder.path().join("danmu.db");
    let mut options = RecorderOptions::default();
    options.optimize_rows = 0;
    let mut recorder = Recorder::open(&path, options, 0).unwrap();
    let heard = heard();
    println!("rows: {} messages in {ROOMS} rooms", size.step * size.steps);
    let mut now_us = 0;
    let steps: Vec<f64> = (1..=size.steps)
        .map(|step| {
            let begun = thread_cpu();
            for records in heard.iter().cycle().take(size.step / TOGETHER) {
                now_us += 10;
                let mut records = records.clone();
                records.received_us = now_us;
                recorder.records(&records);
                recorder.tick(now_us).unwrap();
            }
            recorder.commit(now_us).unwrap();
            let cost = micros_each(thread_cpu() - begun, size.step);
            println!("{:>12} rows: {cost:.2} µs CPU each for the last {}", step * size.step, size.step);
            cost
        })
        .collect();
    recorder.finish(now_us).unwrap();
    for rows in 1..=steps.len() {
        let seconds = steps[..rows].iter().sum::<f64>() * size.step as f64 / 1e6;
        growth::note("rows", "", (rows * size.step) as f64, seconds);
    }
    let slower = steps[steps.len() - 1] / steps[0];
    report.target("rows: CPU a row of the last, of that of the first", Target::AtMost(1.1), slower, "×");
    let begun = thread_cpu();
    optimize(&path).unwrap();
    println!("optimized in {:.1} s CPU", (thread_cpu() - begun).as_secs_f64());
    search(&path, report);
}

/// A lap of messages in all rooms.
fn heard() -> Vec<Records> {
    let tape = Tape::new(ROOMS * 100, false);
    let mut batches = vec![(Batch::new(), 0)];
    tape.payloads(|payload| {
        let (batch, messages) = batches.last_mut().unwrap();
        batch.push(payload, false);
        *messages += 1;
        if *messages == TOGETHER {
            batches.push((Batch::new(), 0));
        }
    });
    let batches = batches.into_iter().filter(|(_, messages)| *messages > 0).enumerate();
    let freeze = |(at, (batch, _)): (usize, (Batch, usize))| {
        // A prime stride, so that neighbours in the file are no neighbours by number.
        let room = (at * 7919 % ROOMS) as u64 + 1;
        batch.freeze(RoomId::new(room).unwrap(), LinkId(room), 0)
    };
    batches.map(freeze).collect()
}

fn search(path: &std::path::Path, report: &mut Report) {
    let recording = Recording::open(path).unwrap();
    let nobody_says = |rooms| Filter { rooms, words: vec!["犀牛".to_owned()], ..Filter::default() };
    let room = nobody_says(vec![RoomId::new(500).unwrap()]);
    let millis = median((0..15).map(|_| of(|| drop(recording.search(&room).unwrap().next())).as_secs_f64() * 1e3));
    report.target("rows: a word that nobody says, in one room", Target::AtMost(10.0), millis, "ms");
    let bare = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let all = nobody_says(Vec::new());
    let ratios = (0..3).map(|_| {
        let ours = of(|| drop(recording.search(&all).unwrap().next()));
        // Not by the index, which a scan that gives rows in their order cannot use.
        let sql = "SELECT count(*) FROM message NOT INDEXED WHERE text LIKE '%犀牛%'";
        let bare = of(|| assert_eq!(bare.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap(), 0));
        println!("two characters in all rows: {ours:.2?} CPU, bare LIKE {bare:.2?}");
        ours.as_secs_f64() / bare.as_secs_f64()
    });
    report.target("rows: a word of two characters, in all, of a bare LIKE", Target::AtMost(1.3), median(ratios), "×");
}

/// CPU time of this thread for `work`.
fn of(work: impl FnOnce()) -> Duration {
    let begun = thread_cpu();
    work();
    thread_cpu() - begun
}
