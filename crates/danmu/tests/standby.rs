//! Standby links between real processes: two servers that say the same, one recorder over both.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

mod support;

use std::collections::HashSet;
use std::fs;

use danmu_proto::message;
use rusqlite::{Connection, OpenFlags};
use support::{danmu, evening, eventually, line, run, signal, simulate, start, wait};

/// Messages a second. Slow enough for a loaded machine to keep both links within the few seconds in which the same gift
/// over another link is known to be the same.
const RATE: usize = 200;
const SECONDS: usize = 8;

/// All rows of a query, each as text.
fn rows(recording: &str, sql: &str) -> Vec<String> {
    let connection = Connection::open(recording).unwrap();
    let mut statement = connection.prepare(sql).unwrap();
    let columns = statement.column_count();
    let row = |row: &rusqlite::Row<'_>| {
        let values = (0..columns).map(|at| Ok(format!("{:?}", row.get_ref(at)?)));
        Ok(values.collect::<rusqlite::Result<Vec<_>>>()?.join(" "))
    };
    statement.query_map([], row).unwrap().map(Result::unwrap).collect()
}

fn query(recording: &str, sql: &str) -> rusqlite::Result<i64> {
    Connection::open_with_flags(recording, OpenFlags::SQLITE_OPEN_READ_ONLY)?.query_row(sql, [], |row| row.get(0))
}

#[track_caller]
fn number(recording: &str, sql: &str) -> i64 {
    query(recording, sql).unwrap()
}

/// The payloads of a recording, as they came.
fn payloads(recording: &str) -> Vec<String> {
    let exported = danmu(&["export", recording, "--format", "stt", "-o", "-"]).output().unwrap();
    assert!(exported.status.success(), "{}", String::from_utf8_lossy(&exported.stderr));
    String::from_utf8(exported.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// Plays an evening on two servers to one recorder, and lets `fault` happen to the first server. Gives the recorder's
/// file, in its folder, and what was played.
fn recorded(fault: impl FnOnce(&std::process::Child)) -> (tempfile::TempDir, String, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (feed, db) = (path("feed.stt"), path("x.db"));
    let evening = evening(RATE * SECONDS);
    fs::write(&feed, evening.join("\n") + "\n").unwrap();
    let server = || simulate(&["--tcp", "127.0.0.1:0", "--feed", &feed, "--rate", &RATE.to_string()]);
    let ((first, first_url), (second, second_url)) = (server(), server());
    let played: Vec<_> =
        evening.into_iter().filter(|payload| !message::is_control(&message::kind(payload.as_bytes()))).collect();
    let recorder = start(&[
        "record",
        "9999",
        "--links",
        "2",
        "--server",
        &first_url,
        "--server",
        &second_url,
        "-o",
        &db,
        "--limit",
        &played.len().to_string(),
        "--for",
        "50s",
    ]);
    let both = "SELECT count(*) FROM link WHERE stored + duplicates > 100";
    eventually("both are heard", || query(&db, both).is_ok_and(|links| links == 2));
    fault(&first);
    let ran = wait(recorder);
    assert_eq!(ran.code, 0, "{}", ran.err);
    for mut server in [first, second] {
        // It may be dead, or stopped.
        let _ = server.kill();
        server.wait().unwrap();
    }
    let verified = run(&["verify", &db]);
    assert_eq!(verified.code, 0, "{}{}", verified.out, verified.err);
    (folder, db, played)
}

#[test]
fn a_server_that_is_killed_costs_nothing_while_another_is_listened_to() {
    let (_folder, db, played) = recorded(|first| signal(first, "-KILL"));
    assert_eq!(payloads(&db), played, "each once, in order");
    assert_eq!(rows(&db, "SELECT * FROM gap WHERE reason <> 'start'"), [""; 0]);
    let sums = "SELECT sum(received - stored - control - duplicates - dropped) FROM link";
    assert_eq!(number(&db, sums), 0);
    assert_eq!(number(&db, "SELECT count(DISTINCT server) FROM link WHERE joined_us IS NOT NULL"), 2);
    let both = "SELECT count(*) FROM link WHERE reason <> 'refused' AND stored + duplicates > 0";
    assert_eq!(number(&db, both), 2, "{:?}", rows(&db, "SELECT * FROM link"));
    assert!(number(&db, "SELECT sum(duplicates) FROM link") > 100, "{:?}", rows(&db, "SELECT * FROM link"));
}

#[test]
fn a_server_that_stands_still_costs_nothing_while_another_is_listened_to() {
    // To its client it looks half-open: the connection stands, and nothing comes.
    let (_folder, db, played) = recorded(|first| signal(first, "-STOP"));
    assert_eq!(payloads(&db), played, "each once, in order");
    assert_eq!(rows(&db, "SELECT * FROM gap WHERE reason <> 'start'"), [""; 0]);
}

#[test]
fn what_two_links_hear_is_shown_once_and_accounted_for() {
    let (mut server, first_url) = simulate(&["--tcp", "127.0.0.1:0", "--tcp", "127.0.0.1:0", "--rate", "100"]);
    let second_url = line(&mut server);
    let servers = ["--server", &first_url, "--server", &second_url, "--links", "2"];
    let ran = run(&[&["watch", "7", "--json", "--for", "4s"][..], &servers].concat());
    signal(&server, "-TERM");
    wait(server);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let ids: Vec<_> = ran.json().iter().filter_map(|line| line["id"].as_str().map(str::to_owned)).collect();
    assert!(ids.len() > 20 && ids.iter().collect::<HashSet<_>>().len() == ids.len());
    // received = shown + left out + too fast to show + control + duplicates + dropped
    let sums = ran.err.lines().find(|line| line.contains(" received = ")).unwrap_or_else(|| panic!("{}", ran.err));
    let (sums, _) = sums.split_once(';').unwrap();
    let numbers: Vec<u64> = sums.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    assert_eq!((numbers.len(), numbers[0]), (7, numbers[1..].iter().sum()), "{sums}");
    assert!(numbers[5] > 100, "most came twice: {sums}");
}

#[test]
fn a_refused_login_is_over_when_it_is_and_not_when_the_recorder_stops() {
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("x.db");
    let db = db.to_str().unwrap();
    let (server, url) = simulate(&["--tcp", "127.0.0.1:0", "--chaos", "error-51", "--seed", "1"]);
    let recorder = start(&["record", "7", "--server", &url, "-o", db, "--for", "6s", "--give-up", "never"]);
    assert_eq!(wait(recorder).code, 0);
    signal(&server, "-TERM");
    wait(server);
    let open = "SELECT count(*) FROM link WHERE reason = 'stop' AND joined_us IS NULL";
    assert_eq!(number(db, open), 0, "{:?}", rows(db, "SELECT * FROM link"));
    assert!(
        number(db, "SELECT count(*) FROM link WHERE reason = 'server'") > 0,
        "{:?}",
        rows(db, "SELECT * FROM link")
    );
}
