//! `danmu export` as a user calls it: what goes together, what does not, and that nothing half-written is left.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use support::{Ran, danmu, evening, plays, run, signal, start, url, wait};
use tempfile::TempDir;

/// A recording of an evening of so many messages.
fn recording(messages: usize) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("danmu.db");
    let server = plays(evening(messages));
    run(&["record", "9999", "--server", &url(&server), "-o", db.to_str().unwrap(), "--limit", &messages.to_string()]);
    (folder, db)
}

/// Exports into a file with this name beside the recording.
#[track_caller]
fn export(db: &Path, name: &str, arguments: &[&str]) -> Ran {
    let out = db.with_file_name(name);
    run(&[&["export", db.to_str().unwrap(), "-o", out.to_str().unwrap()], arguments].concat())
}

/// Expects this exit code, one line of error with all these words in it, and that nothing new is in the folder.
#[track_caller]
fn fails(db: &Path, name: &str, arguments: &[&str], code: i32, words: &[&str]) {
    let before = files(db);
    let ran = export(db, name, arguments);
    assert_eq!(ran.code, code, "{arguments:?}: {}", ran.err);
    let errors: Vec<_> = ran.err.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(errors.len(), 1, "{}", ran.err);
    for word in words {
        assert!(ran.err.contains(word), "{arguments:?} does not say {word:?}: {}", ran.err);
    }
    assert_eq!(files(db), before, "{arguments:?}");
}

/// What is beside a recording.
fn files(db: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(db.parent().unwrap())
        .unwrap()
        .map(|file| file.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn options_that_mean_nothing_to_a_format_are_turned_down_with_those_that_they_are_for() {
    let (_folder, db) = recording(20);
    fails(&db, "x.csv", &["--font", "Arial"], 2, &["--font means nothing to csv; it is for ass"]);
    fails(&db, "x.xml", &["--csv-raw"], 2, &["--csv-raw means nothing to xml; it is for csv"]);
    fails(&db, "x.jsonl", &["--offset", "3"], 2, &["--offset", "jsonl", "xml, ass, srt"]);
    fails(&db, "x.stt", &["--merge-repeats"], 2, &["--merge-repeats", "stt"]);
    fails(&db, "x.csv", &["--events"], 2, &["--events", "jsonl, ass, txt"]);
    fails(&db, "x.json", &[], 2, &["does not say which format", "dandanplay", "artplayer"]);
    fails(&db, "x", &[], 2, &["does not say which format"]);
    let ran = run(&["export", db.to_str().unwrap(), "-o", "-", "--format", "xml", "--split", "1h"]);
    assert!(ran.code == 2 && ran.err.contains("--split writes several files"), "{}", ran.err);
}

#[test]
fn what_cannot_be_read_is_said_with_what_to_write() {
    let (_folder, db) = recording(20);
    for (option, value, words) in [
        ("--start", "soonish", "first or live"),
        ("--offset", "soon", "write seconds"),
        ("--split", "often", "gap or live"),
        ("--merge-repeats=x", "", "write 90s"),
        ("--since", "yesterday-ish", "is no time; write"),
        ("--match", "[", "is no regular expression: unclosed character class"),
        ("--min-price", "free", "write yuan"),
        ("--gifts", "some", "paid"),
        ("--format", "docx", "there are jsonl, csv, parquet, xml"),
        ("--density", "-2", "write 0, -1 or how many"),
        ("--opacity", "1.1", "write 0 to 1"),
        ("--resolution", "huge", "write 1920x1080"),
        ("--font-size", "0", "4..=1000"),
        ("--scroll-time", "1h", "100ms to 10m"),
        ("--dialect", "klingon", "bilibili, recorder"),
        ("--window", "0", "1..=100"),
        ("--hold", "0s", "write 90s"),
    ] {
        let arguments = if value.is_empty() { vec![option] } else { vec![option, value] };
        fails(&db, "x.ass", &arguments, 2, &[words]);
    }
    fails(&db, "x.ass", &["--start", "live"], 1, &["does not say when the stream began; give the time"]);
}

#[test]
fn what_is_no_sound_recording_is_said_and_leaves_no_file() {
    let (_folder, db) = recording(500);
    let with = |name: &str, change: &dyn Fn(&Path)| {
        let copy = db.with_file_name(name);
        fs::copy(&db, &copy).unwrap();
        change(&copy);
        copy
    };
    let sql = |sql: &'static str| move |db: &Path| rusqlite::Connection::open(db).unwrap().execute_batch(sql).unwrap();
    fails(&with("empty.db", &|db| fs::write(db, "").unwrap()), "x.xml", &[], 1, &["empty.db is empty"]);
    fails(&with("text.db", &|db| fs::write(db, "no database").unwrap()), "x.xml", &[], 1, &["is no recording"]);
    fails(&with("foreign.db", &sql("DROP TABLE message")), "x.xml", &[], 1, &["of another program"]);
    fails(
        &with("newer.db", &sql("UPDATE meta SET value = 99 WHERE key = 'schema'")),
        "x.xml",
        &[],
        1,
        &["newer danmu"],
    );
    fails(&db.with_file_name("missing.db"), "x.xml", &[], 1, &["does not exist"]);
    let flipped = with("flipped.db", &sql("UPDATE raw_block SET crc = crc + 1"));
    fails(&flipped, "x.jsonl", &[], 1, &["raw block 1 is damaged", "can still be read without raw payloads"]);
    // And so they can.
    assert_eq!(export(&flipped, "flipped.csv", &[]).code, 0);
    assert_eq!(export(&flipped, "flipped.jsonl", &["--no-fields"]).code, 0);
    let torn = with("torn.db", &|db| {
        let bytes = fs::read(db).unwrap();
        fs::write(db, &bytes[..bytes.len() / 2]).unwrap();
    });
    fails(&torn, "x.xml", &[], 1, &[]);
    let locked = rusqlite::Connection::open(&db).unwrap();
    locked.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE").unwrap();
    fails(&db, "x.xml", &[], 1, &["in use by another process"]);
}

#[test]
fn a_target_that_takes_nothing_is_said() {
    let (folder, db) = recording(500);
    let db_name = db.to_str().unwrap();
    if Path::new("/dev/full").exists() {
        for format in ["jsonl", "csv", "parquet", "xml", "ass", "srt", "dandanplay"] {
            let ran = run(&["export", db_name, "-o", "/dev/full", "--format", format]);
            assert!(ran.code == 1 && ran.err.contains("the output cannot be written"), "{format}: {}", ran.err);
            let full = fs::File::options().write(true).open("/dev/full").unwrap();
            let child = danmu(&["export", db_name, "-o", "-", "--format", format]).stdout(full).output().unwrap();
            let err = String::from_utf8_lossy(&child.stderr);
            assert!(child.status.code() == Some(1) && err.contains("cannot write to the standard output"), "{err}");
        }
    } else {
        println!("skipped: no /dev/full");
    }
    fails(&db, "no/such/folder/x.xml", &[], 1, &["x.xml cannot be written"]);
    fs::create_dir(folder.path().join("folder.xml")).unwrap();
    fails(&db, "folder.xml", &[], 1, &["folder.xml cannot be written"]);
}

#[test]
fn every_format_goes_to_a_file_and_to_the_standard_output_alike() {
    let (_folder, db) = recording(200);
    for format in danmu_sinks::FORMATS {
        let name = format!("x.{}", format.name);
        let ran = export(&db, &name, &[]);
        assert!(ran.code == 0 && ran.err.contains(", made of 200 messages"), "{}: {}", format.name, ran.err);
        let streamed = danmu(&["export", db.to_str().unwrap(), "-o", "-", "--format", format.name]).output().unwrap();
        assert!(streamed.status.success() && streamed.stderr.is_empty(), "{}", format.name);
        assert!(streamed.stdout == fs::read(db.with_file_name(&name)).unwrap(), "{}", format.name);
    }
    // Those that share an extension are told apart before it.
    assert_eq!(export(&db, "x.dplayer.json", &[]).code, 0);
    assert!(fs::read_to_string(db.with_file_name("x.dplayer.json")).unwrap().starts_with("{\"code\":0,"));
}

#[test]
fn a_split_export_names_its_files_by_number() {
    let (_folder, db) = recording(200);
    let ran = export(&db, "x.artplayer.json", &["--split", "1h"]);
    assert!(ran.code == 0 && ran.err.contains("x.001.artplayer.json"), "{}", ran.err);
    assert_eq!(files(&db), ["danmu.db", "x.001.artplayer.json"]);
}

#[test]
fn choosing_messages_goes_before_all_else() {
    let (_folder, db) = recording(200);
    let csv = |arguments: &[&str]| {
        export(&db, "x.csv", arguments);
        fs::read_to_string(db.with_file_name("x.csv")).unwrap().lines().count() - 1
    };
    assert_eq!(csv(&["--type", "chat"]), 80);
    assert_eq!(csv(&["--match", "^第(3|4)条"]), 2);
    assert_eq!(csv(&["--user", "观众3", "--user", "4"]), 2);
    assert_eq!(csv(&["--gifts", "none"]), 160);
    assert_eq!(csv(&["--gifts", "paid"]), 160, "nobody knows what a rocket costs here");
    assert_eq!(csv(&["--until", "2000-01-01"]), 0);
    assert_eq!(csv(&["--room", "1"]), 0);
}

#[test]
fn a_reader_that_goes_away_is_no_failure_and_an_export_that_is_stopped_leaves_nothing() {
    let (_folder, db) = recording(4000);
    for format in danmu_sinks::FORMATS {
        let format = format.name;
        let command =
            format!("'{}' export '{}' -o - --format {format} | head -c 9", env!("CARGO_BIN_EXE_danmu"), db.display());
        let piped = Command::new("bash").args(["-o", "pipefail", "-c", &command]).output().unwrap();
        assert!(piped.status.success(), "{format}: {}", String::from_utf8_lossy(&piped.stderr));
        assert!(piped.stderr.is_empty(), "{format}: {}", String::from_utf8_lossy(&piped.stderr));
    }

    // A pipe that nobody reads holds it up, so that the signal finds it at work.
    let mut child = danmu(&["export", db.to_str().unwrap(), "-o", "-", "--format", "jsonl"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0];
    std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut first).unwrap();
    signal(&child, "-INT");
    std::thread::sleep(std::time::Duration::from_millis(200));
    let ran = wait(child);
    assert!(ran.code == 5 && ran.err.contains("the output is not complete"), "{} {}", ran.code, ran.err);

    let out = db.with_file_name("x.jsonl");
    let child = start(&["export", db.to_str().unwrap(), "-o", out.to_str().unwrap()]);
    signal(&child, "-KILL");
    wait_killed(child);
    assert!(!out.exists(), "nothing half-written appears, even when it is killed");
}

fn wait_killed(mut child: std::process::Child) {
    child.wait().unwrap();
}
