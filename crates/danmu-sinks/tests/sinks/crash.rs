//! Crashes: what was committed is there, and the time without a recorder is a gap.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use danmu_sinks::{Recorder, RecorderOptions, Recording};

use crate::support::*;

/// What a crash at this moment would leave.
fn as_crashed(path: &Path, name: &str) -> std::path::PathBuf {
    let copy = path.with_file_name(name);
    for suffix in ["", "-wal"] {
        let from = format!("{}{suffix}", path.display());
        fs::copy(from, format!("{}{suffix}", copy.display())).unwrap();
    }
    copy
}

#[test]
fn a_clock_that_was_put_back_between_two_runs_hides_no_gap() {
    let (_folder, path) = folder();
    let mut recorder = listening(&path, NOON);
    recorder.records(&heard(LINK, room(9999), NOON + 3600 * SECOND, &[chat(1, "a", "committed")]));
    recorder.commit(NOON + 3600 * SECOND).unwrap();
    drop(recorder);
    // It is half an hour later, and the clock shows half an hour less.
    let mut recorder = Recorder::open(&path, RecorderOptions::default(), NOON + 1800 * SECOND).unwrap();
    let begun_us = recorder.begun_us();
    assert_eq!(begun_us, NOON + 3600 * SECOND);
    recorder.want(room(9999), begun_us);
    recorder.link_opened(LINK, room(9999), "tcp://a:1", begun_us + 5 * SECOND);
    recorder.link_ended(LINK, begun_us + 9 * SECOND, begun_us + 9 * SECOND, "closed");
    recorder.unwant(room(9999), begun_us + 9 * SECOND);
    recorder.finish(begun_us + 9 * SECOND).unwrap();
    let gaps = Recording::open(&path).unwrap().gaps().unwrap();
    let spans: Vec<_> = gaps.iter().map(|gap| (gap.from_us - begun_us, gap.to_us - begun_us, &*gap.reason)).collect();
    assert_eq!(spans, [(0, 5 * SECOND, "crash")]);
    is_sound(&path);
}

#[test]
fn a_crash_is_a_gap_from_the_last_byte_to_the_next_start() {
    let (_folder, path) = folder();
    let mut recorder = listening(&path, NOON);
    recorder.records(&heard(LINK, room(9999), NOON + 7 * SECOND, &[chat(1, "a", "committed")]));
    recorder.commit(NOON + 8 * SECOND).unwrap();
    recorder.records(&heard(LINK, room(9999), NOON + 9 * SECOND, &[chat(1, "a", "not committed")]));
    let crashed = as_crashed(&path, "crashed.db");

    // Before anyone takes it up again, it is presumed to have listened up to the last stamp.
    let recording = Recording::open(&crashed).unwrap();
    assert_eq!(recording.gaps().unwrap(), []);
    drop(recording);

    let again = Recorder::open(&crashed, RecorderOptions::default(), NOON + 100 * SECOND).unwrap();
    assert_eq!((again.committed().last_id, again.run()), (1, 2));
    again.finish(NOON + 200 * SECOND).unwrap();
    let recording = Recording::open(&crashed).unwrap();
    assert_eq!(texts(&all(&recording)), ["committed"]);
    let gaps = recording.gaps().unwrap();
    assert_eq!(gaps.len(), 1);
    assert_eq!((gaps[0].from_us, gaps[0].to_us, &*gaps[0].reason), (NOON + 7 * SECOND, NOON + 100 * SECOND, "crash"));
    let run: String = ask(&crashed, "SELECT concat_ws('|', from_us, to_us, reason) FROM run WHERE id = 1");
    assert_eq!(run, format!("{NOON}|{}|crash", NOON + 8 * SECOND));
    let link: String = ask(&crashed, "SELECT concat_ws('|', heard_us, ended_us, reason, received, stored) FROM link");
    assert_eq!(link, format!("{}|{}|crash|1|1", NOON + 7 * SECOND, NOON + 8 * SECOND));
    is_sound(&crashed);
}

#[test]
fn what_came_after_the_last_commit_is_lost_and_nothing_else() {
    let (_folder, path) = folder();
    let mut recorder = listening(&path, NOON);
    for n in 0..30 {
        recorder.records(&heard(LINK, room(9999), NOON + n, &[chat(1, "a", &n.to_string()), "type@=mrkl/".into()]));
        if n % 3 == 2 {
            recorder.commit(NOON + n).unwrap();
        }
        let crashed = as_crashed(&path, "crashed.db");
        let recording = Recording::open(&crashed).unwrap();
        assert_eq!(all(&recording).len() as i64, (n + 1) / 3 * 3);
        drop(recording);
        is_sound(&crashed);
    }
}

/// Set for the child that is killed.
const CHILD: &str = "DANMU_SINKS_RECORD_INTO";

/// Records for ever, and says what is committed.
fn record_for_ever(path: &Path) -> ! {
    let mut recorder = listening(path, NOON);
    // On a line of its own, whatever the test harness has begun to say.
    println!("\ncommitted {}", recorder.committed().last_id);
    for n in 1.. {
        let payloads: Vec<String> = (0..n % 50).map(|k| chat(k, "小明", &format!("{n} {k}"))).collect();
        recorder.records(&heard(LINK, room(9999), NOON + n as i64, &payloads));
        println!("committed {}", recorder.commit(NOON + n as i64).unwrap().last_id);
    }
    unreachable!()
}

/// This test runs itself as the process that is killed, at a random moment, ten times over the same file.
#[test]
fn a_kill_loses_nothing_that_was_said_to_be_committed() {
    if let Some(path) = env::var_os(CHILD) {
        record_for_ever(Path::new(&path));
    }
    let (_folder, path) = folder();
    let mut before = 0;
    for round in 0..10u64 {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["crash::a_kill_loses_nothing_that_was_said_to_be_committed", "--exact", "--nocapture"])
            .env(CHILD, &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        // The moment is counted from the first commit, whenever the machine gets there.
        let begun = lines.by_ref().find(|line| line.starts_with("committed "));
        assert_eq!(begun, Some(format!("committed {before}")));
        std::thread::sleep(Duration::from_micros(997 * (1 + round * round)));
        child.kill().unwrap();
        child.wait().unwrap();
        let said = lines.filter_map(|line| line.strip_prefix("committed ").and_then(|id| id.parse().ok())).last();
        let said: i64 = said.unwrap_or(before);

        let recording = Recording::open(&path).unwrap();
        let rows = all(&recording);
        let there = rows.last().map_or(0, |row| row.seq);
        // At most the commit that was under way is there on top.
        assert!((said..said + 50).contains(&there), "{said} said, {there} there");
        assert!(rows.iter().map(|row| row.seq).eq(1..=there));
        assert!(rows.iter().all(|row| row.payload.is_some()));
        before = there;
    }
    assert!(before > 0);
    let last = Recorder::open(&path, RecorderOptions::default(), NOON + 3600 * SECOND).unwrap();
    last.finish(NOON + 3600 * SECOND).unwrap();
    let reasons: i64 = ask(&path, "SELECT count(*) FROM run WHERE reason = 'crash'");
    assert_eq!(reasons, 10);
    let gaps = Recording::open(&path).unwrap().gaps().unwrap();
    let crash = gaps.last().unwrap();
    assert_eq!((crash.to_us, &*crash.reason), (NOON + 3600 * SECOND, "crash"));
    is_sound(&path);
}
