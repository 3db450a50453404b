//! Every way in which a server can go wrong, between two real processes, over TCP and WebSocket: the recorder neither
//! hangs nor hammers nor panics, says what is wrong, and what it recorded is sound.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

mod support;

use std::thread;

use support::{Ran, run, signal, simulate, wait};

/// Chaos, and what the recorder says about it, if anything within the few seconds that it has. Where the system may say
/// one thing or another, `|` stands between.
const MODES: &[(&str, &str)] = &[
    ("refuse=2..3", "refused"),
    ("slow-accept=1..2", ""),
    ("accept-and-close", "close|broke"),
    ("reset=1..2", "broke|close"),
    ("stall=1..2", ""),
    ("half-open=1..2", ""),
    ("trickle", ""),
    ("not-reading", ""),
    ("no-login-answer", "no server answered"),
    ("error-51", "error 51"),
    ("error-52", "error 52"),
    ("error-204", "error 204"),
    ("kick-all=2..3", "the server"),
    ("split,unknown-keys,repeated-keys", ""),
    ("coalesce,bad-utf8,cesu-8,long-list,nested=0.5..1", ""),
    ("duplicate,reorder,huge=0.5..1", ""),
    ("lengths-differ=1..2", "lengths differ"),
    ("too-short=1..2", "too small"),
    ("too-long=1..2", "over the limit"),
    ("wrong-type=1..2", "a packet of kind"),
    ("flags=1..2", "flags"),
    ("no-nul=1..2", "zero byte"),
    ("all", ""),
];

/// Connections that the server accepted, as it says at its end.
fn accepted(server: &Ran) -> u64 {
    let line = server.err.lines().rfind(|line| line.contains("connections accepted"));
    line.unwrap_or_else(|| panic!("{}", server.err)).split_whitespace().next().unwrap().parse().unwrap()
}

fn holds(transport: &str, chaos: &str, says: &str) {
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("x.db");
    let db = db.to_str().unwrap();
    let (server, url) =
        simulate(&[&format!("--{transport}"), "127.0.0.1:0", "--chaos", chaos, "--seed", "1", "--rate", "50"]);
    let recorded = run(&["record", "7", "--server", &url, "-o", db, "--for", "8s", "--give-up", "6s"]);
    signal(&server, "-TERM");
    let accepted = accepted(&wait(server));
    let what = format!("{chaos} over {transport} (SEED=1), {accepted} connections: {}", recorded.err);
    assert!([0, 3, 4].contains(&recorded.code), "{what}");
    assert!(says.split('|').any(|says| recorded.err.contains(says)), "not a word of {says:?}: {what}");
    // Pauses of 0.5 to 2, 1 to 4, 2 to 8 s: at most five in eight seconds, whatever goes wrong.
    assert!(accepted <= 6, "{what}");
    let verified = run(&["verify", db]);
    assert_eq!(verified.code, 0, "{}{}{what}", verified.out, verified.err);
}

fn all_hold(transport: &'static str) {
    // Each takes eight seconds of waiting; together they take little more.
    let running: Vec<_> =
        MODES.iter().map(|&(chaos, says)| thread::spawn(move || holds(transport, chaos, says))).collect();
    let failed = running.into_iter().map(thread::JoinHandle::join).filter(Result::is_err).count();
    assert_eq!(failed, 0, "modes failed; see above");
}

#[test]
fn every_chaos_over_tcp_is_borne() {
    all_hold("tcp");
}

#[test]
fn every_chaos_over_websocket_is_borne() {
    all_hold("ws");
}
