//! What users get wrong, and what goes wrong around them: one clear line, the documented exit code, nothing lost.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

mod support;

use std::fs;
use std::io::Read;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use support::{Ran, evening, eventually, plays, run, signal, start, talks, url, wait};

/// Runs it, and expects this exit code and one line of error with all these words in it.
#[track_caller]
fn fails(arguments: &[&str], code: i32, words: &[&str]) -> Ran {
    let ran = run(arguments);
    assert_eq!(ran.code, code, "{arguments:?}: {}", ran.err);
    let errors: Vec<_> = ran.err.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(errors.len(), 1, "{arguments:?}: {}", ran.err);
    for word in words {
        assert!(ran.err.contains(word), "{arguments:?} does not say {word:?}: {}", ran.err);
    }
    assert!(!ran.err.contains("backtrace"), "{}", ran.err);
    ran
}

/// A port that nobody listens on.
fn refused() -> String {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("tcp://{}", free.local_addr().unwrap())
}

#[test]
fn the_command_line_is_checked_with_a_hint() {
    fails(&["watch"], 2, &["ROOM"]);
    fails(&["watch", "9999", "--frobnicate"], 2, &["--frobnicate"]);
    fails(&["watch", "nosuch room!"], 2, &["nosuch room!"]);
    fails(&["watch", "0"], 2, &["\"0\""]);
    fails(&["watch", "9999", "--server", "danmuproxy.douyu.com"], 2, &["tcp://HOST:PORT"]);
    fails(&["watch", "9999", "--server", "tcp://127.0.0.1:99999"], 2, &["1 to 65535"]);
    fails(&["watch", "9999", "--for", "soon"], 2, &["write 90s"]);
    fails(&["watch", "9999", "--limit", "-1"], 2, &["-1"]);
    fails(&["watch", "9999", "--for", "9223372036854775807s"], 2, &["a hundred years"]);
    fails(&["simulate", "--rate", "-5"], 2, &["-5"]);
    fails(&["demo", "--rate", "nan"], 2, &["is no rate"]);
    fails(&["simulate", "--loop"], 2, &["--feed"]);
    fails(
        &["simulate", "--chaos", "stall,frobnicate"],
        2,
        &["\"frobnicate\" is no chaos mode", "half-open", "kick-all"],
    );
    fails(&["simulate", "--chaos", "stall=soon"], 2, &["stall=1..5"]);
    fails(&["simulate", "--legacy-tls"], 2, &["--wss"]);
    fails(&["search", "x.db", "--since", "yesterday-ish"], 2, &["is no time; write"]);
    fails(&["search", "x.db", "--match", "("], 2, &["is no regular expression: unclosed group"]);
    fails(&["search", "x.db", "--min-price", "free"], 2, &["is no price; write yuan"]);
    fails(&["export", "x.db", "-o", "x.jsonl", "--format", "docx"], 2, &["is no format", "jsonl"]);
    fails(&["frobnicate"], 2, &["frobnicate"]);
}

#[test]
fn a_refused_port_is_given_up_with_its_address() {
    let server = refused();
    let address = server.strip_prefix("tcp://").unwrap();
    for command in ["watch", "record"] {
        let folder = tempfile::tempdir().unwrap();
        let db = folder.path().join("x.db");
        let mut arguments = vec![command, "9999", "--server", &server, "--give-up", "1500ms"];
        if command == "record" {
            arguments.extend(["-o", db.to_str().unwrap()]);
        }
        fails(&arguments, 4, &["given up", address, "refused"]);
        if command == "record" {
            let stats = run(&["stats", db.to_str().unwrap()]).out;
            assert!(stats.contains("no messages") && stats.contains("listened 0.00 %"), "{stats}");
            assert!(stats.contains(": start\n") && stats.contains("0 received"), "{stats}");
        }
    }
}

#[test]
fn an_unknown_host_is_given_up_with_its_name() {
    fails(
        &["watch", "9999", "--server", "tcp://no-such-host.invalid:1", "--give-up", "1500ms"],
        4,
        &["given up", "cannot look up no-such-host.invalid"],
    );
}

#[test]
fn a_server_that_never_answers_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = format!("tcp://{}", silent.local_addr().unwrap());
    fails(&["watch", "9999", "--server", &server, "--give-up", "1s"], 4, &["given up"]);
}

#[test]
fn a_room_that_the_server_does_not_know_is_said_so() {
    let mut config = danmu_sim::Config::default();
    config.rooms = Some(3);
    let server = danmu_sim::Simulator::start(config).unwrap();
    fails(&["watch", "9999", "--server", &url(&server), "--give-up", "1s"], 3, &["knows no such room"]);
}

#[test]
fn a_server_that_talks_nonsense_is_not_believed_and_not_hammered() {
    let nonsense = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = format!("tcp://{}", nonsense.local_addr().unwrap());
    let connections = std::thread::spawn(move || {
        nonsense.set_nonblocking(true).unwrap();
        let until = std::time::Instant::now() + std::time::Duration::from_secs(4);
        let mut count = 0;
        while std::time::Instant::now() < until {
            if let Ok((mut stream, _)) = nonsense.accept() {
                count += 1;
                let _ = std::io::Write::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n");
                let _ = stream.set_read_timeout(Some(std::time::Duration::from_millis(100)));
                let _ = stream.read(&mut [0; 100]);
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        count
    });
    fails(&["watch", "9999", "--server", &server, "--give-up", "3s"], 4, &["given up", "speaks HTTP"]);
    let count = connections.join().unwrap();
    assert!((1..=4).contains(&count), "{count} connections in 3 s");
}

#[test]
fn what_is_no_recording_is_turned_down_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let text = file("notes.txt", b"these are my notes, and no database of any kind");
    let empty = file("empty.db", b"");
    let missing = folder.path().join("missing.db").to_str().unwrap().to_owned();
    let a_folder = folder.path().to_str().unwrap().to_owned();
    for command in ["stats", "search", "verify", "optimize", "reindex"] {
        fails(&[command, &text], 1, &[&text, "no recording"]);
        fails(&[command, &missing], 1, &[&missing, "does not exist"]);
        fails(&[command, &a_folder], 1, &[&a_folder, "folder"]);
        fails(&[command, &empty], 1, &[&empty]);
    }
    fails(&["export", &text, "-o", "-", "--format", "jsonl"], 1, &["no recording"]);
    let evil = fails(&["stats", "no\u{1b}[2J.db"], 1, &["no\u{FFFD}[2J.db does not exist"]);
    assert!(!evil.err.contains('\u{1b}'), "{:?}", evil.err);
    fails(&["record", "9999", "-o", &text, "--server", &refused()], 1, &["no recording"]);
    assert_eq!(fs::read(&text).unwrap(), b"these are my notes, and no database of any kind");
}

#[test]
fn a_second_recorder_is_told_who_is_first() {
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("x.db");
    let db = db.to_str().unwrap();
    let server = talks(20.0);
    let first = start(&["record", "7", "--server", &url(&server), "-o", db]);
    eventually("messages are sent", || server.sent().messages() > 5);
    fails(&["record", "8", "--server", &url(&server), "-o", db], 1, &["in use", &first.id().to_string()]);
    // Readers are welcome meanwhile.
    assert_eq!(run(&["stats", db]).code, 0);
    signal(&first, "-TERM");
    assert_eq!(wait(first).code, 0);
}

#[test]
fn a_recording_that_is_removed_meanwhile_is_not_complete() {
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("x.db");
    let server = talks(50.0);
    let child = start(&["record", "7", "--server", &url(&server), "-o", db.to_str().unwrap()]);
    let stored = || danmu_sinks::Recording::open(&db).is_ok_and(|recording| recording.verify().unwrap().messages > 0);
    eventually("messages are stored", stored);
    fs::remove_file(&db).unwrap();
    signal(&child, "-INT");
    let ran = wait(child);
    assert_eq!(ran.code, 5, "{}", ran.err);
    assert!(ran.err.contains("x.db is gone"), "{}", ran.err);
}

#[test]
fn a_target_that_cannot_be_written_is_said_before_anything_is_captured() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("no/such/folder/x.db");
    fails(&["record", "9999", "-o", nowhere.to_str().unwrap(), "--server", &refused()], 1, &["no/such/folder"]);
    let locked = folder.path().join("locked");
    fs::create_dir(&locked).unwrap();
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o500)).unwrap();
    if fs::write(locked.join("probe"), "").is_ok() {
        println!("skipped: this user may write into read-only folders");
        return;
    }
    let db = locked.join("x.db");
    fails(&["record", "9999", "-o", db.to_str().unwrap(), "--server", &refused()], 1, &["locked/x.db"]);
}

#[test]
fn a_full_target_is_said_and_the_file_stays_whole() {
    let server = plays(evening(100));
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("x.db");
    let db = db.to_str().unwrap();
    run(&["record", "9999", "--server", &url(&server), "-o", db, "--limit", "100"]);
    if !Path::new("/dev/full").exists() {
        println!("skipped: no /dev/full");
        return;
    }
    fails(&["export", db, "-o", "/dev/full", "--format", "jsonl"], 1, &["No space left"]);
    fails(&["export", db, "-o", "/no/such/folder/x.jsonl"], 1, &["/no/such/folder"]);
    fails(&["export", db, "-o", db, "--format", "jsonl"], 1, &["the recording itself"]);
    fails(&["export", db, "-o", "x.unknown"], 2, &["--format", "jsonl"]);
    fails(&["backup", db, db], 1, &[db]);
    assert_eq!(run(&["verify", db]).code, 0);
}

#[test]
fn a_feed_that_is_none_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("x.packets");
    fs::write(&broken, b"not packets").unwrap();
    let broken = broken.to_str().unwrap();
    fails(&["simulate", "--tcp", "127.0.0.1:0", "--feed", broken], 1, &[broken]);
    fails(&["simulate", "--tcp", "127.0.0.1:0", "--feed", "/no/such.stt"], 1, &["/no/such.stt"]);
    fails(&["decode", broken], 1, &["byte 0"]);
    fails(&["decode", "/no/such.stt"], 1, &["/no/such.stt"]);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    fails(&["simulate", "--tcp", &address], 1, &[&address]);
    let nowhere = ["simulate", "--wss", "127.0.0.1:0", "--ca-out", "/no/such/folder/ca.pem"];
    fails(&nowhere, 1, &["cannot write /no/such/folder/ca.pem"]);
}
