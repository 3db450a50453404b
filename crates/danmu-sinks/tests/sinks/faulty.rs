//! Every single call of the disk fails once: nothing breaks, nothing is lost that was said to be safe, and what waited
//! is there in the end.

use std::env;
use std::path::Path;
use std::process::Command;

use danmu_sinks::{Recorder, RecorderOptions, Recording};

use crate::disk::{Disk, EIO, ENOSPC, EROFS};
use crate::support::*;

/// Commits of a run.
const COMMITS: i64 = 6;
/// Messages in each.
const EACH: i64 = 40;

/// A run with a fault somewhere in it, then others until all is told. What they promise holds at every step.
fn records_in_spite_of(disk: &Disk, path: &Path, error: i32) {
    let what = || format!("error {error} on {}", path.display());
    let mut recorder = loop {
        match Recorder::open(path, RecorderOptions::default(), NOON) {
            Ok(recorder) => break recorder,
            Err(error) => {
                assert!(disk.has_failed(), "{error}, {}", what());
                disk.heal();
            }
        }
    };
    recorder.want(room(9999), NOON);
    recorder.link_opened(LINK, room(9999), "tcp://a:1", NOON);
    for n in 0..COMMITS {
        let at = NOON + n * SECOND;
        let texts: Vec<_> = (0..EACH).map(|k| chat(k as u64, "小明", &format!("{n} {k} {:0200}", 0))).collect();
        recorder.records(&heard(LINK, room(9999), at, &texts));
        let before = recorder.committed();
        if let Err(error) = recorder.commit(at) {
            assert!(disk.has_failed(), "{error}, {}", what());
            assert_eq!(recorder.committed(), before, "{}", what());
            assert!(recorder.pending_rows() >= EACH as u64);
            // Who reads along sees what was committed, and nothing of what was not.
            let seen = Recording::open(path).map(|recording| all(&recording).len() as i64);
            assert!(seen.as_ref().is_ok_and(|&seen| seen == before.last_id), "{seen:?}, {}", what());
        }
    }
    // A fault that waits for more calls than there are is over: the last try is to succeed.
    let committed = match recorder.commit(NOON + COMMITS * SECOND) {
        Ok(committed) => committed,
        Err(error) => {
            assert!(disk.has_failed(), "{error}, {}", what());
            disk.heal();
            recorder.commit(NOON + COMMITS * SECOND).unwrap()
        }
    };
    assert_eq!(committed.last_id, COMMITS * EACH, "{}", what());
    let finished = recorder.finish(NOON + COMMITS * SECOND);
    disk.heal();
    match finished {
        Ok(finished) => assert!(finished.sums.add_up() && finished.lost == 0, "{}", what()),
        // What was committed is safe; the next run ends this one.
        Err(_) => drop(Recorder::open(path, RecorderOptions::default(), NOON + COMMITS * SECOND).unwrap()),
    }
    let rows = all(&Recording::open(path).unwrap());
    assert!(rows.iter().map(|row| row.seq).eq(1..=COMMITS * EACH), "{} rows, {}", rows.len(), what());
    assert!(rows.iter().all(|row| row.payload.is_some()), "{}", what());
    is_sound(path);
}

/// Set to try every place and not one of a few: minutes.
const ALL: &str = "DANMU_EVERY_WRITE";

/// For calls that change the disk, one after the other: it fails, and with some errors those after it too. Until a run
/// passes without. This test runs itself as the process that stands on such a disk.
#[test]
fn whichever_call_of_the_disk_fails_nothing_is_lost_and_nothing_breaks() {
    let name = "faulty::whichever_call_of_the_disk_fails_nothing_is_lost_and_nothing_breaks";
    let Some(disk) = Disk::of_this_process() else {
        let Some(disk) = Disk::new() else { return };
        let mut child = Command::new(env::current_exe().unwrap());
        disk.under(child.args([name, "--exact", "--nocapture"]));
        let ran = child.output().unwrap();
        let said = String::from_utf8_lossy(&ran.stdout);
        assert!(ran.status.success(), "{said}{}", String::from_utf8_lossy(&ran.stderr));
        print!("{said}");
        return;
    };
    let stride = if env::var_os(ALL).is_some() { 1 } else { 7 };
    for (n, (error, count)) in [(ENOSPC, 1), (EIO, 1), (EROFS, 3), (ENOSPC, 25)].into_iter().enumerate() {
        let mut first = n as u64;
        loop {
            let path = disk.file(&format!("{error}-{count}-{first}.db"));
            disk.fail(error, first, Some(count));
            records_in_spite_of(&disk, &path, error);
            if !disk.has_failed() {
                break;
            }
            std::fs::remove_file(path).unwrap();
            first += stride;
        }
        assert!(first > 100, "only {first} calls");
        println!("error {error}, {count} at a time: {first} places, one in {stride}");
    }
}
