//! From a danmu server to a recording and back, with the program as its users run it.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

mod support;

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use danmu_proto::message;
use serde_json::Value;
use support::{danmu, evening, eventually, plays, run, samples, signal, start, talks, url, wait};

fn path(folder: &tempfile::TempDir, name: &str) -> String {
    folder.path().join(name).to_str().unwrap().to_owned()
}

/// `received = stored + control + duplicates + dropped`, as the summary says it.
#[track_caller]
fn sums(err: &str) -> HashMap<String, u64> {
    let line = err.lines().find(|line| line.contains(" received = ")).unwrap_or_else(|| panic!("no sums in {err}"));
    let words: Vec<_> = line.split_whitespace().collect();
    let sums: HashMap<String, u64> =
        words.windows(2).filter_map(|two| Some((two[1].to_owned(), two[0].parse().ok()?))).collect();
    assert_eq!(sums["received"], sums["stored"] + sums["control"] + sums["duplicates"] + sums["dropped"], "{line}");
    sums
}

/// The payloads of a recording, as they came.
fn payloads(recording: &str) -> Vec<Vec<u8>> {
    let exported = danmu(&["export", recording, "--format", "stt", "-o", "-"]).output().unwrap();
    assert!(exported.status.success(), "{}", String::from_utf8_lossy(&exported.stderr));
    exported.stdout.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect()
}

#[track_caller]
fn is_sound(recording: &str) {
    let verified = run(&["verify", recording]);
    assert_eq!(verified.code, 0, "{}{}", verified.out, verified.err);
}

/// Records a tape until the last of its messages, and compares what is in the file.
#[track_caller]
fn keeps_all(tape: &[Vec<u8>]) {
    let messages: Vec<_> = tape.iter().filter(|payload| !message::is_control(&message::kind(payload))).collect();
    let folder = tempfile::tempdir().unwrap();
    let db = path(&folder, "x.db");
    let server = plays(tape);
    let limit = messages.len().to_string();
    let recorded = run(&["record", "9999", "--server", &url(&server), "-o", &db, "--limit", &limit]);
    assert_eq!(recorded.code, 0, "{}", recorded.err);
    let sums = sums(&recorded.err);
    assert_eq!((sums["stored"], sums["dropped"], sums["duplicates"]), (messages.len() as u64, 0, 0));

    assert_eq!(payloads(&db), messages.iter().copied().cloned().collect::<Vec<_>>());
    is_sound(&db);
    let jsonl = path(&folder, "x.jsonl");
    assert_eq!(run(&["export", &db, "-o", &jsonl]).code, 0);
    let lines = fs::read_to_string(&jsonl).unwrap();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), messages.len());
    for (line, payload) in lines.iter().zip(&messages) {
        assert_eq!(line["type"], *message::kind(payload));
        assert!(line["received_at"].is_string() && line["fields"].is_object());
    }
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "a clean stop leaves one file: {left:?}");
}

#[test]
fn a_recording_holds_every_message_once_and_exactly() {
    keeps_all(&evening(1000).into_iter().map(String::into_bytes).collect::<Vec<_>>());
}

#[test]
fn recorded_traffic_is_kept_exactly() {
    let Some(samples) = samples() else { return };
    let tape = fs::read(samples.join("real-messages.stt")).unwrap();
    let tape: Vec<_> = tape.split(|&byte| byte == b'\n').filter(|l| !l.is_empty()).map(<[u8]>::to_vec).collect();
    assert_eq!(tape.len(), 739);
    keeps_all(&tape);
}

#[test]
fn recording_into_a_recording_adds_to_it_and_no_chat_twice_that_is_heard_again() {
    let folder = tempfile::tempdir().unwrap();
    let db = path(&folder, "x.db");
    // Two of five are chat, which the second time has been heard before. What has no id may well be said twice.
    for (said, new, all, chats, duplicates) in [(100, 100, 100, 40, 0), (200, 160, 260, 80, 40)] {
        let server = plays(evening(said));
        let recorded = run(&["record", "9999", "--server", &url(&server), "-o", &db, "--limit", &new.to_string()]);
        assert_eq!(recorded.code, 0, "{}", recorded.err);
        assert_eq!(sums(&recorded.err)["duplicates"], duplicates);
        let payloads = payloads(&db);
        assert_eq!(payloads.len(), all);
        let ids: Vec<_> = payloads.iter().filter_map(|payload| message::id(payload)).collect();
        assert_eq!((ids.len(), ids.iter().collect::<HashSet<_>>().len()), (chats, chats));
    }
    is_sound(&db);
}

#[test]
fn a_recording_of_the_day_is_told_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let server = plays(evening(10));
    let daily = path(&folder, "{date}.db");
    let recorded = run(&["record", "9999", "--server", &url(&server), "-o", &daily, "--limit", "10"]);
    let file = fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
    assert!(recorded.err.contains(&format!("{}: ", file.display())), "{}", recorded.err);
}

#[test]
fn exactly_as_many_as_asked_for_are_stored_and_the_rest_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let db = path(&folder, "x.db");
    let server = talks(2000.0);
    let recorded = run(&["record", "1", "2", "3", "--server", &url(&server), "-o", &db, "--limit", "777"]);
    assert_eq!(recorded.code, 0, "{}", recorded.err);
    assert_eq!(sums(&recorded.err)["stored"], 777);
    assert_eq!(payloads(&db).len(), 777);
    is_sound(&db);
}

#[test]
fn a_recorder_shows_no_more_than_it_stores_and_says_in_which_room() {
    let folder = tempfile::tempdir().unwrap();
    let (db, list) = (path(&folder, "x.db"), path(&folder, "rooms.txt"));
    fs::write(&list, "1\n2\n").unwrap();
    let server = talks(500.0);
    let arguments = ["record", "--rooms", &list, "--watch", "--limit", "20", "--server", &url(&server), "-o", &db];
    let recorded = run(&arguments);
    assert_eq!((recorded.code, sums(&recorded.err)["stored"]), (0, 20), "{}", recorded.err);
    assert!((1..=20).contains(&recorded.out.lines().count()), "{}", recorded.out);
    let rooms = recorded.out.lines().map(|line| line.split(' ').nth(1).unwrap());
    assert!(rooms.into_iter().all(|room| room == "1" || room == "2"), "{}", recorded.out);
}

#[test]
fn types_that_were_not_asked_for_are_counted_and_not_stored() {
    let folder = tempfile::tempdir().unwrap();
    let db = path(&folder, "x.db");
    let server = plays(evening(500));
    let arguments = ["record", "9999", "--type", "gift", "--limit", "100", "--server", &url(&server), "-o", &db];
    let recorded = run(&arguments);
    assert_eq!(recorded.code, 0, "{}", recorded.err);
    let sums = sums(&recorded.err);
    assert!(sums["stored"] == 100 && sums["dropped"] >= 300, "{sums:?}");
    assert!(payloads(&db).iter().all(|payload| payload.starts_with(b"type@=dgb/")));
}

#[test]
fn without_raw_payloads_the_columns_remain() {
    let folder = tempfile::tempdir().unwrap();
    let db = path(&folder, "x.db");
    let server = plays(evening(50));
    let recorded = run(&["record", "9999", "--no-raw", "--server", &url(&server), "-o", &db, "--limit", "50"]);
    assert_eq!(recorded.code, 0, "{}", recorded.err);
    let exported = run(&["export", &db, "--format", "jsonl", "-o", "-"]);
    let chat = exported.json().into_iter().find(|line| line["type"] == "chatmsg").unwrap();
    assert_eq!((&chat["text"], chat.get("fields")), (&Value::from("第3条 1/2 @all"), None));
    assert_eq!(run(&["export", &db, "--format", "stt", "-o", "-"]).code, 1, "there are no payloads to give");
}

#[test]
fn ctrl_c_and_sigterm_log_out_flush_and_sum_up() {
    for name in ["-INT", "-TERM"] {
        let folder = tempfile::tempdir().unwrap();
        let db = path(&folder, "x.db");
        let server = talks(50.0);
        let child = start(&["record", "7", "--server", &url(&server), "-o", &db]);
        eventually("messages are sent", || server.sent().messages() > 20);
        signal(&child, name);
        let asked = Instant::now();
        let recorded = wait(child);
        assert!(asked.elapsed() < Duration::from_secs(5));
        assert_eq!(recorded.code, 0, "{}", recorded.err);
        // What was sent before the goodbye arrived; the server counts what it gave to the socket.
        let sent = server.sent();
        assert_eq!(sums(&recorded.err)["stored"], sent.messages());
        assert!(!sent.rooms.values().next().unwrap().connections[0].open, "logged out");
        is_sound(&db);
    }
}

#[test]
fn a_clean_stop_is_no_gap_even_where_nobody_talks() {
    let folder = tempfile::tempdir().unwrap();
    let db = path(&folder, "x.db");
    let server = talks(0.0);
    let child = start(&["record", "7", "--server", &url(&server), "-o", &db]);
    eventually("the room is joined", || !server.sent().rooms.is_empty());
    std::thread::sleep(Duration::from_millis(1500));
    signal(&child, "-TERM");
    assert_eq!(wait(child).code, 0);
    let stats: Value = serde_json::from_str(&run(&["stats", &db, "--json"]).out).unwrap();
    let reasons: Vec<_> = stats["gaps"].as_array().unwrap().iter().map(|gap| &gap["reason"]).collect();
    assert_eq!(reasons, ["start"], "only the moment before the room was joined");
}

#[test]
fn a_list_of_rooms_is_read_again_at_sighup() {
    let folder = tempfile::tempdir().unwrap();
    let (db, list) = (path(&folder, "x.db"), path(&folder, "rooms.txt"));
    fs::write(&list, "1 # the first\n2\n").unwrap();
    let server = talks(20.0);
    let child = start(&["record", "--rooms", &list, "--server", &url(&server), "-o", &db]);
    let open = |room: u64| {
        let sent = server.sent();
        let of_room = sent.rooms.iter().find(|(id, _)| id.get() == room);
        of_room.is_some_and(|(_, sums)| sums.messages > 0 && sums.connections.iter().any(|connection| connection.open))
    };
    eventually("rooms 1 and 2 talk", || open(1) && open(2));
    fs::write(&list, "2\n3\n").unwrap();
    signal(&child, "-HUP");
    eventually("room 3 talks and room 1 was left", || open(2) && open(3) && !open(1));
    fs::write(&list, "2\nno room!\n").unwrap();
    signal(&child, "-HUP");
    std::thread::sleep(Duration::from_millis(500));
    assert!(open(2) && open(3), "a list that cannot be read changes nothing");
    signal(&child, "-TERM");
    let recorded = wait(child);
    assert_eq!(recorded.code, 0, "{}", recorded.err);
    assert!(recorded.err.contains("rooms.txt, line 2: "), "{}", recorded.err);
    is_sound(&db);
}

#[test]
fn a_terminal_that_closes_ends_a_recorder_that_has_no_list_to_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let db = path(&folder, "x.db");
    let server = talks(50.0);
    let mut child = start(&["record", "7", "--server", &url(&server), "-o", &db]);
    eventually("messages are sent", || server.sent().messages() > 5);
    signal(&child, "-HUP");
    eventually("it ends", || child.try_wait().unwrap().is_some());
    is_sound(&db);
}

#[test]
fn watch_prints_lines_for_people() {
    let server = plays([
        "type@=chatmsg/rid@=9999/uid@=1/nn@=小明/txt@=主播好 1@S2/cid@=a1/dms@=4/bnn@=小丑/bl@=12/",
        "type@=dgb/rid@=9999/gfid@=20004/gfn@=火箭/uid@=2/nn@=土豪/gfcnt@=1/hits@=6/",
        "type@=synexp/rid@=9999/o_exp@=1/",
        "type@=uenter/rid@=9999/uid@=3/nn@=\u{1b}[2J坏人\n/",
    ]);
    let watched = run(&["watch", "9999", "--server", &url(&server), "--limit", "3"]);
    assert_eq!(watched.code, 0, "{}", watched.err);
    let lines: Vec<_> = watched.out.lines().map(|line| &line["00:00:00 ".len()..]).collect();
    assert_eq!(lines, ["[小丑 12] 小明: 主播好 1/2", "◆ 土豪: 火箭 ×1 (6 in a row)", "→ \u{FFFD}[2J坏人 "]);
    assert!(!watched.out.contains('\u{1b}'), "no colour in a pipe");
    assert!(watched.err.contains("joined on tcp://"), "{}", watched.err);
}

#[test]
fn watch_has_colour_where_it_is_asked_for() {
    let server = plays(["type@=chatmsg/rid@=9999/uid@=1/nn@=小明/txt@=hi/cid@=a1/dms@=4/col@=1/"]);
    let arguments = ["watch", "9999", "--server", &url(&server), "--limit", "1", "--color", "always", "-q"];
    let watched = run(&arguments);
    assert!(watched.out.contains("\u{1b}[38;5;196mhi"), "{:?}", watched.out);
}

#[test]
fn the_log_has_no_colour_in_a_file() {
    let server = plays(evening(1));
    let watched = run(&["watch", "9999", "-v", "--server", &url(&server), "--limit", "1"]);
    assert!(watched.err.contains("DEBUG") && !watched.err.contains('\u{1b}'), "{:?}", watched.err);
}

#[test]
fn watch_gives_json_lines_of_exactly_what_was_asked_for() {
    let server = plays(evening(500));
    let arguments = ["watch", "9999", "--json", "--type", "chat", "--limit", "150", "-q", "--server", &url(&server)];
    let watched = run(&arguments);
    assert_eq!((watched.code, watched.err.as_str()), (0, ""));
    let lines = watched.json();
    assert_eq!(lines.len(), 150);
    for (i, line) in lines.iter().enumerate() {
        assert_eq!((&line["v"], &line["seq"], &line["type"]), (&1.into(), &(i as u64 + 1).into(), &"chatmsg".into()));
    }
    assert_eq!(lines[0]["fields"]["txt"], "第3条 1/2 @all");
}

/// What a command gives a reader that leaves after a line, and how the command ends.
#[track_caller]
fn one_line_is_enough(arguments: &str) {
    let command = format!("{} {arguments} | head -n 1 | wc -l; exit ${{PIPESTATUS[0]}}", env!("CARGO_BIN_EXE_danmu"));
    let ran = std::process::Command::new("bash").args(["-c", &command]).output().unwrap();
    assert_eq!((String::from_utf8_lossy(&ran.stdout).trim(), ran.status.code()), ("1", Some(0)), "{ran:?}");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    let db = path(&folder, "x.db");
    let server = plays(evening(3000));
    run(&["record", "9999", "--server", &url(&server), "-o", &db, "--limit", "3000"]);
    one_line_is_enough(&format!("export {db} -o - --format jsonl"));
    one_line_is_enough(&format!("search {db} --limit 3000"));
    let talk = talks(500.0);
    one_line_is_enough(&format!("watch 1 --json -q --server {}", url(&talk)));
}

#[test]
fn the_demo_records_and_says_what_to_try_next() {
    let folder = tempfile::tempdir().unwrap();
    let db = path(&folder, "demo.db");
    let shown = run(&["demo", "--for", "3s", "--rate", "20", "-o", &db]);
    assert_eq!(shown.code, 0, "{}", shown.err);
    assert!(shown.out.lines().count() > 20, "{}", shown.out);
    assert!(sums(&shown.err)["stored"] > 50);
    is_sound(&db);
    let tips = shown.err.split_once("Try next:").unwrap().1;
    let tips: Vec<Vec<&str>> = tips.lines().map(|tip| tip.split_whitespace().collect()).collect();
    let tips: Vec<_> = tips.iter().filter(|tip| tip.first() == Some(&"danmu")).collect();
    assert!(tips.len() >= 3);
    for tip in tips {
        let ran = danmu(&tip[1..]).current_dir(folder.path()).output().unwrap();
        assert!(ran.status.success(), "{tip:?}: {}", String::from_utf8_lossy(&ran.stderr));
    }
}

#[test]
fn a_server_that_goes_and_comes_back_leaves_a_gap_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let db = path(&folder, "x.db");
    let server = talks(50.0);
    let address = server.addresses()[0];
    let child = start(&["record", "7", "--server", &url(&server), "-o", &db]);
    eventually("messages are sent", || server.sent().messages() > 20);
    let first = server.shutdown().messages();
    let mut config = danmu_sim::Config::default();
    config.listen = vec![address];
    config.rate = 50.0;
    config.seed = 1;
    let server = danmu_sim::Simulator::start(config).unwrap();
    eventually("the link is back", || server.sent().messages() > 20);
    signal(&child, "-INT");
    let recorded = wait(child);
    assert_eq!(recorded.code, 0);
    assert!(recorded.err.contains("nobody listened for"), "{}", recorded.err);
    assert_eq!(payloads(&db).len() as u64, first + server.sent().messages());
    let stats = run(&["stats", &db, "--json"]);
    let stats: Value = serde_json::from_str(&stats.out).unwrap();
    // One before the first join, one for the time without a server.
    let gaps = stats["gaps"].as_array().unwrap();
    assert!(gaps.iter().any(|gap| gap["reason"] == "server"), "{gaps:?}");
    is_sound(&db);
}

#[test]
fn what_was_recorded_is_found_counted_and_copied() {
    let folder = tempfile::tempdir().unwrap();
    let db = path(&folder, "x.db");
    let server = plays(evening(300));
    run(&["record", "9999", "--server", &url(&server), "-o", &db, "--limit", "300"]);

    let found = run(&["search", &db, "第63条"]);
    assert_eq!((found.code, found.out.lines().count()), (0, 1), "{}", found.out);
    assert!(found.out.contains("观众63: 第63条 1/2 @all"), "{}", found.out);
    let found = run(&["search", &db, "条", "--json", "--limit", "3"]).json();
    assert_eq!(found.iter().map(|line| line["seq"].as_u64().unwrap()).collect::<Vec<_>>(), [300, 299, 295]);
    assert_eq!(run(&["search", &db, "nobody said this"]).out, "");

    let stats: Value = serde_json::from_str(&run(&["stats", &db, "--json"]).out).unwrap();
    assert_eq!(stats["messages"], 300);

    let copy = path(&folder, "copy.db");
    assert_eq!(run(&["backup", &db, &copy]).code, 0);
    for command in ["optimize", "reindex", "verify"] {
        let done = run(&[command, &copy]);
        assert_eq!(done.code, 0, "{command}: {}", done.err);
    }
    assert_eq!(payloads(&copy), payloads(&db));
    assert!(Path::new(&copy).exists());
}
