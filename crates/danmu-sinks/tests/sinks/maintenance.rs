//! Optimizing, reindexing, verifying and copying.

use std::fs;

use danmu_sinks::recording::verify::Check;
use danmu_sinks::recording::{optimize::optimize, reindex::reindex};
use danmu_sinks::{Filter, Recording};
use rusqlite::Connection;

use crate::support::*;

/// Not optimized yet: two messages a commit.
fn recorded(path: &std::path::Path, commits: i64) {
    recorded_in_commits_of(1, path, commits);
}

/// The same with so many times two messages a commit.
fn recorded_in_commits_of(pairs: usize, path: &std::path::Path, commits: i64) {
    let mut recorder = listening(path, NOON);
    for n in 0..commits {
        let at = NOON + n * 1000;
        let two = [chat(n as u64, "小明", &format!("第 {n} 条弹幕")), gift(1, 20004, 1)];
        recorder.records(&heard(LINK, room(9999), at, &vec![two; pairs].concat()));
        recorder.commit(at).unwrap();
    }
    drop(recorder);
}

#[test]
fn optimizing_merges_blocks_and_changes_no_message() {
    let (_folder, path) = folder();
    recorded_in_commits_of(10, &path, 300);
    let before = all(&Recording::open(&path).unwrap());
    let raw_bytes = || ask::<i64>(&path, "SELECT sum(length(body)) FROM raw_block");
    let raw_before = raw_bytes();
    let first = optimize(&path).unwrap();
    assert_eq!((first.blocks_before, first.damaged), (300, 0));
    assert!(first.blocks_after < 10, "{first:?}");
    assert!(raw_bytes() < raw_before / 2, "{raw_before} {}", raw_bytes());
    assert_eq!(fs::metadata(&path).unwrap().len(), first.bytes_after);
    assert_eq!(all(&Recording::open(&path).unwrap()), before);
    is_sound(&path);
    let second = optimize(&path).unwrap();
    assert_eq!((second.blocks_before, second.blocks_after), (first.blocks_after, first.blocks_after));
    assert_eq!(all(&Recording::open(&path).unwrap()), before);
}

#[test]
fn room_that_is_free_in_a_file_goes_back_to_the_disk() {
    let (_folder, path) = folder();
    recorded(&path, 500);
    tamper(&path, "DELETE FROM message WHERE id > 500; DELETE FROM raw_block WHERE first_id > 500");
    let optimized = optimize(&path).unwrap();
    assert!(optimized.bytes_after < optimized.bytes_before * 3 / 4, "{optimized:?}");
    assert_eq!(all(&Recording::open(&path).unwrap()).len(), 500);
}

#[test]
fn merging_leaves_holes_and_damaged_blocks_as_they_are() {
    let (_folder, path) = folder();
    recorded(&path, 20);
    // A hole at 9, a block that does not open at 21.
    tamper(&path, "DELETE FROM raw_block WHERE first_id = 9; UPDATE raw_block SET crc = 0 WHERE first_id = 21");
    let optimized = optimize(&path).unwrap();
    assert_eq!((optimized.blocks_before, optimized.blocks_after, optimized.damaged), (19, 4, 1));
    let conn = Connection::open(&path).unwrap();
    let mut blocks = conn.prepare("SELECT first_id, count FROM raw_block").unwrap();
    let blocks: Vec<(i64, i64)> =
        blocks.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect();
    assert_eq!(blocks, [(1, 8), (11, 10), (21, 2), (23, 18)]);
}

#[test]
fn reindexing_mends_columns_from_raw_payloads() {
    let (_folder, path) = folder();
    recorded(&path, 50);
    let before = all(&Recording::open(&path).unwrap());
    tamper(
        &path,
        "UPDATE message SET text = 'wrong', uid = NULL, type = '', flags = 15; DELETE FROM raw_block WHERE first_id > 90",
    );
    let reindexed = reindex(&path).unwrap();
    assert_eq!((reindexed.rebuilt, reindexed.kept), (90, 10));
    assert_eq!(reindexed.damaged, [] as [i64; 0]);
    let after = all(&Recording::open(&path).unwrap());
    for (before, after) in before.iter().zip(&after).take(90) {
        // Where a message came from is not in its payload, so that mark stays.
        let mut expected = before.clone();
        expected.summary.flags = before.summary.flags.with(danmu_proto::summary::Flags::IMPORTED, true);
        assert_eq!(&expected, after);
    }
    assert!(after[90..].iter().all(|row| row.summary.text.as_deref() == Some("wrong") && row.payload.is_none()));
    assert!(!path.with_file_name("danmu.db.lock").exists());
}

#[test]
fn verifying_finds_what_is_wrong() {
    let (folder, path) = folder();
    recorded(&path, 10);
    optimize(&path).unwrap();
    is_sound(&path);
    for (n, (sql, check, detail)) in [
        ("UPDATE raw_block SET body = zeroblob(9)", Check::Raw, "raw block 1 is damaged: its checksum is wrong"),
        ("UPDATE raw_block SET count = 7", Check::Raw, "raw block 1 is damaged: it does not hold 7 payloads"),
        ("UPDATE raw_block SET first_id = 5", Check::Raw, "raw block 5 has 20 payloads for 16 messages"),
        (
            "INSERT INTO raw_block SELECT 5, count, crc, body FROM raw_block",
            Check::Raw,
            "raw block 5 begins inside the one before",
        ),
        (
            "UPDATE message SET received_us = 1 WHERE id = 5",
            Check::Order,
            "message 5 was received before the one in front of it",
        ),
        ("UPDATE message SET room = 0 WHERE id = 5", Check::Order, "message 5 has no room"),
        (
            "UPDATE link SET received = 99",
            Check::Sums,
            "link 1 received 99, which is not 0 control + 20 stored + 0 duplicates + 0 dropped",
        ),
        ("DELETE FROM message WHERE id = 20", Check::Sums, "link 1 stored 20 messages, and 19 are there"),
        ("UPDATE message SET link = 9", Check::Sums, "20 messages belong to link 9, which is not there"),
        ("INSERT INTO dropped VALUES (1, 'limit', 3)", Check::Sums, "link 1 dropped 0 messages and has causes for 3"),
        ("UPDATE link SET heard_us = joined_us - 1", Check::Ledger, "link 1 heard its last before it joined"),
        ("UPDATE link SET ended_us = heard_us - 1", Check::Ledger, "link 1 ended before it heard its last"),
        ("UPDATE link SET run = 9", Check::Ledger, "link 1 belongs to no run"),
        ("UPDATE wanted SET run = 9", Check::Ledger, "a wanted time of room 9999 belongs to no run"),
        ("UPDATE wanted SET to_us = from_us - 1", Check::Ledger, "a wanted time of room 9999 ends before it begins"),
        ("UPDATE run SET to_us = from_us - 1", Check::Ledger, "run 1 ends before it begins"),
        ("UPDATE run SET reason = 'stop'", Check::Ledger, "link 1 goes on although its run is over"),
        (
            "UPDATE run SET reason = 'stop'",
            Check::Ledger,
            "a wanted time of room 9999 goes on although its run is over",
        ),
        ("INSERT INTO run VALUES (2, 0, 0, '', NULL)", Check::Ledger, "run 1 goes on although another has begun"),
        ("UPDATE link SET ended_us = heard_us", Check::Ledger, "link 1 ended, and does not say why"),
        ("UPDATE link SET heard_us = NULL", Check::Ledger, "link 1 joined, and never heard a thing"),
        ("UPDATE link SET room = 0", Check::Ledger, "link 1 has no room"),
        ("UPDATE wanted SET room = -1", Check::Ledger, "a wanted time has no room"),
        (
            "UPDATE message SET room = 5 WHERE id = 7",
            Check::Ledger,
            "message 7 of room 5 came over link 1 to room 9999",
        ),
        ("UPDATE link SET received = 17, control = -3", Check::Sums, "link 1 has a sum below zero"),
        (
            "INSERT INTO dropped VALUES (9, 'limit', 3)",
            Check::Sums,
            "3 messages were dropped by link 9, which is not there",
        ),
        (
            "DROP VIEW gap; CREATE VIEW gap (room, from_us, to_us, reason) AS SELECT 9999, 1, 2, 'never'",
            Check::Ledger,
            "the view gap and the ledger disagree on room 9999 from 1 to 2 (never)",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let copy = folder.path().join(format!("{n}.db"));
        fs::copy(&path, &copy).unwrap();
        tamper(&copy, sql);
        let findings = Recording::open(&copy).unwrap().verify().unwrap().findings;
        assert!(
            findings.iter().any(|finding| finding.check == check && finding.detail == detail),
            "{sql}: {findings:?}"
        );
    }
}

#[test]
fn verifying_finds_a_page_that_was_overwritten() {
    let (_folder, path) = folder();
    recorded_in_commits_of(500, &path, 10);
    optimize(&path).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 100].fill(0xa5);
    fs::write(&path, bytes).unwrap();
    let verified = Recording::open(&path).unwrap().verify().unwrap();
    assert!(!verified.is_sound());
}

#[test]
fn verifying_goes_on_where_damage_stops_a_check() {
    let (_folder, path) = folder();
    recorded_in_commits_of(500, &path, 10);
    let root = "SELECT rootpage FROM sqlite_schema WHERE name = 'message'";
    let root: u32 = Connection::open(&path).unwrap().query_row(root, [], |row| row.get(0)).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes[(root as usize - 1) * 4096..root as usize * 4096].fill(0xa5);
    fs::write(&path, bytes).unwrap();
    let findings = Recording::open(&path).unwrap().verify().unwrap().findings;
    assert!(findings.iter().any(|finding| finding.check == Check::Database), "{findings:?}");
    let stopped = "order: cannot be checked: database disk image is malformed";
    assert_eq!(findings.iter().filter(|finding| finding.to_string() == stopped).count(), 1, "{findings:?}");
}

#[test]
fn a_damaged_block_stops_who_asks_for_payloads_and_nobody_else() {
    let (_folder, path) = folder();
    recorded(&path, 10);
    tamper(&path, "UPDATE raw_block SET body = zeroblob(9) WHERE first_id = 11");
    let recording = Recording::open(&path).unwrap();
    let rows: Vec<_> = recording.messages(&Filter::default()).unwrap().with_payloads().collect();
    assert_eq!(rows.len(), 11, "ten messages, then the error, then nothing");
    assert!(rows[10].is_err());
    assert_eq!(recording.messages(&Filter::default()).unwrap().flatten().count(), 20);
    assert_eq!(reindex(&path).unwrap().damaged, [11]);
}

#[test]
fn a_recording_in_use_is_copied_as_it_is_at_one_moment() {
    let (folder, path) = folder();
    let mut recorder = listening(&path, NOON);
    recorder.records(&heard(LINK, room(9999), NOON, &[chat(1, "a", "1"), chat(2, "b", "2")]));
    recorder.commit(NOON).unwrap();
    recorder.records(&heard(LINK, room(9999), NOON, &[chat(1, "a", "not committed")]));
    let copy = folder.path().join("copy.db");
    Recording::open(&path).unwrap().backup(&copy).unwrap();
    recorder.finish(NOON).unwrap();
    assert_eq!(texts(&all(&Recording::open(&copy).unwrap())), ["1", "2"]);
    assert_eq!(ask::<String>(&copy, "PRAGMA journal_mode"), "delete");
    is_sound(&copy);

    let error = Recording::open(&path).unwrap().backup(&copy).unwrap_err();
    assert_eq!(error.to_string(), format!("{} exists already, and a backup overwrites nothing", copy.display()));
    let error = Recording::open(&path).unwrap().backup(folder.path().join("no/copy.db")).unwrap_err();
    assert!(error.to_string().ends_with("cannot be created"), "{error}");
    let mut files: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    files.sort();
    assert_eq!(files, ["copy.db", "danmu.db"]);
}
