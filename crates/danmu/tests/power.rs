//! Power cuts: a real recorder runs on a disk that writes down every change and every sync (`disk.c`). Out of that, for
//! any moment, comes what a power cut then would have left: all that was synced, and of the rest some sectors, in no
//! order. In each such wreck is everything that the recorder had said to be safe.
//!
//! ```sh
//! DANMU_EVERY_CUT=1 cargo test -p danmu --test power -- --nocapture    # at every change, three times: minutes
//! ```

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

#[path = "../../danmu-sinks/tests/disk/disk.rs"]
mod disk;
mod support;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use danmu_sinks::{Filter, Recorder, RecorderOptions, Recording};
use disk::{Disk, Log};
use serde_json::Value;
use support::numbered::{Progress, plays, record, tape};
use support::{eventually, signal};

/// Lets a recorder begin a file, write into it for a while, and end well.
fn recorded(disk: &Disk) -> (PathBuf, Log) {
    let folder = tempfile::tempdir().unwrap();
    let db = disk.file("x.db");
    let (mut server, url) = plays(&tape(folder.path(), 10_000), 300.0);
    let mut command = record(&["7"], &url, &db);
    disk.under(&mut command);
    let mut child = command.env("DISK_LOG", disk.log()).spawn().unwrap();
    let (progress, reader) = Progress::of(child.stdout.take().unwrap());
    eventually("several commits are told", || progress.of_event("committed").len() > 12);
    signal(&child, "-TERM");
    eventually("it ends", || child.try_wait().unwrap().is_some());
    assert!(child.wait().unwrap().success());
    reader.join().unwrap();
    server.kill().unwrap();
    server.wait().unwrap();
    (db, Log::read(&disk.log()))
}

/// Up to which message all is safe, by the last whole line of this kind.
fn safe(said: &str) -> i64 {
    let whole = said.rfind('\n').map_or("", |end| &said[..end]);
    let mut lines = whole.lines().rev().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.find(|line| line["event"] == "committed").map_or(0, |line| line["seq"].as_i64().unwrap())
}

/// Who the messages of a recording are from, in their order: each has a number of its own.
fn people(db: &Path) -> Result<Vec<Option<u64>>, String> {
    let recording = Recording::open(db).map_err(|error| error.to_string())?;
    let rows = recording.messages(&Filter::default()).map_err(|error| error.to_string())?;
    rows.map(|row| row.map(|row| row.summary.user).map_err(|error| error.to_string())).collect()
}

/// What is wrong with what a power cut before the step `cut` leaves; `chance` says which unsynced sector made it.
fn survives(log: &Log, cut: usize, all: &[Option<u64>], chance: impl FnMut() -> bool) -> Result<(), String> {
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    for (path, bytes) in log.cut(cut, chance) {
        fs::write(folder.path().join(Path::new(&path).file_name().unwrap()), bytes).unwrap();
    }
    let db = folder.path().join("x.db");
    let safe = safe(&log.said(cut));
    let empty = !db.exists() || fs::metadata(&db).unwrap().len() == 0;
    if empty && safe == 0 {
        return Ok(());
    }
    // First as a reader finds it, then as the next recorder takes it up.
    let read = people(&db);
    let begun = Recorder::open(&db, RecorderOptions::default(), i64::MAX / 4).map_err(|error| error.to_string())?;
    drop(begun);
    let people = people(&db)?;
    if people.len() < safe as usize || !all.starts_with(&people) {
        return Err(format!("{safe} said to be safe, {} are there", people.len()));
    }
    if read.as_ref().is_ok_and(|read| *read != people) || (read.is_err() && safe > 0) {
        return Err(format!("a reader finds {read:?}"));
    }
    let findings = Recording::open(&db).unwrap().verify().map_err(|error| error.to_string())?.findings;
    if findings.is_empty() { Ok(()) } else { Err(format!("{findings:?}")) }
}

/// How often what is left is not what it should be, over many cuts.
fn failures(log: &Log, all: &[Option<u64>], cuts: &[usize], rng: &mut fastrand::Rng) -> Vec<String> {
    let mut failures = Vec::new();
    for &cut in cuts {
        // Nothing unsynced made it, some of it, nearly all of it.
        let odds = [0.0, 0.5, 0.95][rng.usize(..3)];
        let seed = rng.u64(..);
        let mut chances = fastrand::Rng::with_seed(seed);
        if let Err(problem) = survives(log, cut, all, || chances.f64() < odds) {
            failures.push(format!("cut {cut} of {}, odds {odds}, seed {seed}: {problem}", log.len()));
        }
    }
    failures
}

#[test]
fn a_power_cut_at_any_moment_leaves_all_that_was_said_to_be_safe() {
    let Some(disk) = Disk::new() else { return };
    let seed = env::var("SEED").ok().map_or_else(|| fastrand::u64(..), |seed| seed.parse().unwrap());
    println!("SEED={seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let (db, log) = recorded(&disk);
    let all = people(&db).unwrap();
    assert!(all.len() > 100 && log.syncs() > 20 && safe(&log.said(log.len())) == all.len() as i64);

    let cuts: Vec<usize> = if env::var_os("DANMU_EVERY_CUT").is_some() {
        (0..=log.len()).flat_map(|cut| [cut; 3]).collect()
    } else {
        (0..60).map(|_| rng.usize(..=log.len())).collect()
    };
    let failed = failures(&log, &all, &cuts, &mut rng);
    assert!(failed.is_empty(), "{} of {} cuts: {failed:#?}", failed.len(), cuts.len());
    println!(
        "{} cuts over {} changes, {} of them syncs: all that was safe is there",
        cuts.len(),
        log.len(),
        log.syncs()
    );

    // And it is the syncs that do it: without, as with SQLite's synchronous=OFF, the same cuts cost messages.
    let without = log.without_syncs();
    let cuts: Vec<usize> = (0..40).map(|_| rng.usize(without.len() / 4..=without.len())).collect();
    let failed = failures(&without, &all, &cuts, &mut rng);
    println!("without syncs, {} of {} cuts break something", failed.len(), cuts.len());
    assert!(failed.len() > 10, "this test could not fail");
}
