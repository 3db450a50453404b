//! `danmu replay`: a recording of a replay is that recording again.

#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use danmu_proto::{Batch, LinkId, RoomId};
use danmu_sinks::{Filter, Recorder, RecorderOptions, Recording};

use support::{Ran, run, start, wait};

/// 2026-11-21 12:00:00 UTC.
const NOON: i64 = 1_795_262_400_000_000;

/// A recording of `rooms` rooms, whose messages came every `every_us`; in the middle, nobody listened for an hour.
fn recording(folder: &Path, rooms: u64, messages: u64, every_us: i64, keep_raw: bool) -> PathBuf {
    let path = folder.join("evening.db");
    let mut options = RecorderOptions::default();
    options.raw = keep_raw;
    let mut recorder = Recorder::open(&path, options, NOON).unwrap();
    let rooms: Vec<_> = (1..=rooms).map(|number| RoomId::new(number).unwrap()).collect();
    let mut now = NOON;
    for half in 0..2 {
        let link = |room: RoomId| LinkId(half * 1000 + room.get());
        for &room in &rooms {
            recorder.want(room, now);
            recorder.link_opened(link(room), room, "tcp://127.0.0.1:1", now);
        }
        for n in half * messages / 2..(half + 1) * messages / 2 {
            let room = rooms[n as usize % rooms.len()];
            let mut batch = Batch::new();
            // Odd ones too: no UTF-8, a line break, an unknown type, nothing at all, the same once more.
            let payload = match n % 7 {
                0 => b"type@=chatmsg/txt@=\xff\xfe/".to_vec(),
                1 => b"type@=nobody-knows/\n\r\n".to_vec(),
                2 => b"no pairs".to_vec(),
                3 => b"type@=uenter/nn@=again/".to_vec(),
                _ => format!("type@=chatmsg/rid@={room}/nn@=观众{n}/txt@=第{n}条 1@S2/cid@={n:032x}/").into_bytes(),
            };
            batch.push(&payload, false);
            now += every_us;
            recorder.records(&batch.freeze(room, link(room), now));
            if n % 1000 == 0 {
                recorder.commit(now).unwrap();
            }
        }
        for &room in &rooms {
            recorder.link_ended(link(room), now, now, "closed");
        }
        recorder.commit(now).unwrap();
        now += 3_600_000_000;
    }
    recorder.finish(now).unwrap();
    path
}

/// Room and payload of each message, room by room.
fn payloads(path: &Path) -> Vec<(RoomId, Vec<u8>)> {
    let recording = Recording::open(path).unwrap();
    let rows = recording.messages(&Filter::default()).unwrap().with_payloads();
    let mut rows: Vec<_> = rows.map(|row| row.unwrap()).map(|row| (row.room, row.payload.unwrap().to_vec())).collect();
    rows.sort_by_key(|row| row.0);
    rows
}

/// The replay in a process of its own, and its addresses.
fn replay(path: &Path, listen: &[&str], arguments: &[&str]) -> (Child, Vec<String>) {
    let mut addresses = Vec::new();
    let listen: Vec<&str> = listen.iter().flat_map(|option| [*option, "127.0.0.1:0"]).collect();
    let mut server = start(&[&["replay", path.to_str().unwrap()], &listen[..], arguments].concat());
    let out = server.stdout.as_mut().unwrap();
    let mut line = Vec::new();
    while addresses.len() < listen.len() / 2 {
        let mut byte = [0];
        assert_eq!(out.read(&mut byte).unwrap(), 1, "it ended early");
        if byte[0] == b'\n' {
            addresses.push(String::from_utf8(std::mem::take(&mut line)).unwrap());
        } else {
            line.push(byte[0]);
        }
    }
    (server, addresses)
}

/// Records the rooms of a replay until it is over.
fn record(server: Child, url: &str, rooms: &[&str], messages: usize, output: &Path) -> (Ran, Ran) {
    let limit = messages.to_string();
    let options = ["--server", url, "-o", output.to_str().unwrap(), "--limit", &limit, "--for", "50s"];
    let recorder = start(&[&["record"], rooms, &options].concat());
    (wait(recorder), wait(server))
}

#[test]
fn recording_a_replay_gives_the_same_messages_over_tcp_and_over_websocket() {
    let folder = tempfile::tempdir().unwrap();
    let path = recording(folder.path(), 1, 3000, 1000, true);
    for (option, scheme) in [("--tcp", "tcp://"), ("--ws", "ws://")] {
        let (server, addresses) = replay(&path, &[option], &["--speed", "4"]);
        assert!(addresses[0].starts_with(scheme));
        let copy = folder.path().join(format!("copy{option}.db"));
        let (recorded, served) = record(server, &addresses[0], &["1"], 3000, &copy);
        assert_eq!((recorded.code, served.code), (0, 0), "{}{}", recorded.err, served.err);
        assert_eq!(payloads(&copy), payloads(&path));
        assert!(served.err.contains("the end: 3000 messages said, 3000 sent on 1 connections"), "{}", served.err);
    }
}

#[test]
fn as_fast_as_can_be_nothing_is_lost_in_any_of_several_rooms() {
    let folder = tempfile::tempdir().unwrap();
    let path = recording(folder.path(), 3, 60_000, 10_000, true);
    let (server, addresses) = replay(&path, &["--tcp"], &["--speed", "1000000", "--wait", "50s"]);
    let copy = folder.path().join("copy.db");
    let (recorded, served) = record(server, &addresses[0], &["1", "2", "3"], 60_000, &copy);
    assert_eq!((recorded.code, served.code), (0, 0), "{}{}", recorded.err, served.err);
    assert!(payloads(&copy) == payloads(&path));
}

#[test]
fn an_hour_without_a_listener_is_skipped_or_kept_as_one_likes() {
    let folder = tempfile::tempdir().unwrap();
    let path = recording(folder.path(), 1, 20, 1000, true);
    let begin = Instant::now();
    let (server, addresses) = replay(&path, &["--tcp"], &[]);
    record(server, &addresses[0], &["1"], 20, &folder.path().join("copy.db"));
    assert!(begin.elapsed() < Duration::from_secs(45));

    let (server, addresses) = replay(&path, &["--tcp"], &["--gaps", "keep", "--speed", "1800"]);
    let begin = Instant::now();
    record(server, &addresses[0], &["1"], 20, &folder.path().join("kept.db"));
    assert!(begin.elapsed() > Duration::from_millis(1900), "{:?}", begin.elapsed());
}

#[test]
fn a_part_of_a_recording_is_replayed_and_the_rest_does_not_exist() {
    let folder = tempfile::tempdir().unwrap();
    let path = recording(folder.path(), 2, 2000, 1000, true);
    let (server, addresses) = replay(&path, &["--tcp"], &["--room", "2", "--until", "2026-11-21T12:30:00Z"]);
    let copy = folder.path().join("copy.db");
    record(server, &addresses[0], &["2"], 500, &copy);
    let expected: Vec<_> = payloads(&path).into_iter().filter(|row| row.0.get() == 2).take(500).collect();
    assert_eq!(payloads(&copy), expected);
}

#[test]
fn what_cannot_be_replayed_is_refused_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = recording(folder.path(), 1, 10, 1000, false);
    let path = path.to_str().unwrap();
    let refused = |arguments: &[&str], why: &str| {
        let ran = run(&[&["replay", path, "--tcp", "127.0.0.1:0"], arguments].concat());
        assert_ne!(ran.code, 0);
        assert!(ran.err.contains(why), "{}", ran.err);
        assert_eq!(ran.out, "");
        if ran.code == 1 {
            assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
        }
    };
    refused(&[], "message 1 of");
    refused(&[], "it was recorded with --no-raw");
    refused(&["--room", "7"], "room 7 is not in");
    refused(&["--since", "2030-01-01"], "no messages to replay");
    refused(&["--speed", "0"], "\"0\" is no speed");
    refused(&["--gaps", "hide"], "skip, keep");
}
