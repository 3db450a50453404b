//! `danmu verify --sent`: a recorder that keeps two links to a server on which everything goes wrong, held to what that
//! server sent.

#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::fs;
use std::path::Path;

use support::{Ran, line, run, signal, simulate, wait};

/// Records for a while what a server with this seed sends, and ends both.
fn records(folder: &Path, seed: &str, chaos: &str, long: &str) -> (String, String) {
    let [db, account] = ["x.db", "sent.jsonl"].map(|name| folder.join(name).to_str().unwrap().to_owned());
    let any = "127.0.0.1:0";
    let arguments =
        ["--tcp", any, "--ws", any, "--chaos", chaos, "--seed", seed, "--rate", "30", "--account", &account];
    let (mut server, tcp) = simulate(&arguments);
    let ws = line(&mut server);
    let servers = ["--server", &tcp, "--server", &ws];
    let arguments = ["record", "1", "2", "--links", "2", "-o", &db, "--for", long, "--give-up", "never"];
    let recorded = run(&[&arguments[..], &servers].concat());
    assert_eq!(recorded.code, 0, "SEED={seed} {}", recorded.err);
    signal(&server, "-TERM");
    let served = wait(server);
    assert!(served.err.contains(&format!("SEED={seed} ")), "{}", served.err);
    (db, account)
}

fn verify(db: &str, account: &str) -> Ran {
    run(&["verify", db, "--sent", account])
}

#[test]
fn with_two_links_all_that_a_failing_server_sent_is_stored_once_or_accounted_for() {
    std::thread::scope(|scope| {
        for seed in ["1", "2", "3"] {
            scope.spawn(move || {
                let folder = tempfile::tempdir().unwrap();
                let (db, account) = records(folder.path(), seed, "all", "15s");
                let verdict = verify(&db, &account);
                assert_eq!(verdict.code, 0, "SEED={seed} {}{}", verdict.out, verdict.err);
                assert!(
                    verdict.out.contains(" 0 missing; 0 stored that were not sent, 0 stored twice"),
                    "{}",
                    verdict.out
                );
            });
        }
    });
}

#[test]
fn a_recording_that_does_not_agree_with_what_was_sent_is_found_out() {
    let folder = tempfile::tempdir().unwrap();
    let (db, account) = records(folder.path(), "4", "split", "6s");
    let fine = verify(&db, &account);
    assert_eq!(fine.code, 0, "SEED=4 {}{}", fine.out, fine.err);

    // One message is sent that nobody stored, in the midst of others.
    let told = fs::read_to_string(&account).unwrap();
    let sent: Vec<&str> = told.lines().filter(|line| line.ends_with(r#""sent":1}"#)).collect();
    let middle = sent[sent.len() / 2];
    let digest = middle.split('"').find(|part| part.len() == 32).unwrap();
    let other = middle.replace(digest, &"0".repeat(32));
    fs::write(&account, format!("{told}{other}\n")).unwrap();
    let lacks = verify(&db, &account);
    assert_eq!(lacks.code, 1);
    assert!(lacks.out.contains(" 1 missing; 0 stored that were not sent"), "{}", lacks.out);
    assert!(lacks.out.contains("sent: room 1: a message said at"), "{}", lacks.out);
    assert!(lacks.err.contains("does not agree with what was sent"), "{}", lacks.err);

    // One is stored that nobody sent: all that is told of it is told of another.
    fs::write(&account, told.replace(digest, &"0".repeat(32))).unwrap();
    let more = verify(&db, &account);
    assert_eq!(more.code, 1);
    assert!(more.out.contains("1 missing; 1 stored that were not sent"), "{}", more.out);

    // Without payloads, nothing can be told.
    fs::write(&account, told).unwrap();
    let conn = rusqlite::Connection::open(&db).unwrap();
    conn.execute("DELETE FROM raw_block", []).unwrap();
    drop(conn);
    let blind = verify(&db, &account);
    assert_eq!(blind.code, 1);
    assert!(blind.out.contains("stored without a payload"), "{}", blind.out);
}

#[test]
fn what_is_no_account_is_turned_down_before_the_recording_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sent.jsonl");
    let path = path.to_str().unwrap();
    let missing = verify("none.db", path);
    assert_eq!(missing.code, 1);
    assert!(missing.err.contains(path) && missing.err.contains("No such file"), "{}", missing.err);
    for (text, says) in [("", "no account"), ("{\"v\":1}\n", "no account"), ("{\"account\":1}\nhalf a li", "line 2")] {
        fs::write(path, text).unwrap();
        let turned_down = verify("none.db", path);
        assert_eq!(turned_down.code, 1);
        assert!(turned_down.err.contains(says), "{}", turned_down.err);
    }
}
