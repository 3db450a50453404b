//! `danmu simulate`: where it listens, and what it lets go wrong.

#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use danmu_sim::chaos::MODES;

use support::run;

#[test]
fn the_list_of_what_can_go_wrong_has_a_line_for_each_mode() {
    let ran = run(&["simulate", "--chaos", "list"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let lines: Vec<&str> = ran.out.lines().collect();
    assert_eq!(lines.len(), MODES.len() + 1);
    for (line, mode) in lines.iter().zip(MODES) {
        assert!(line.starts_with(mode.name) && line.ends_with(mode.about), "{line}");
    }
    assert!(lines.contains(&"stall=1..5           after TIME, send nothing more; the connection stays"), "{}", ran.out);
    assert!(lines[MODES.len()].starts_with("all "));
}

#[test]
fn it_listens_where_it_is_told_to_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    let any = "127.0.0.1:0";
    let arguments = ["simulate", "--ws", any, "--wss", any, "--legacy-tls", "--for", "200ms", "--ca-out"];
    let ran = run(&[&arguments[..], &[ca.to_str().unwrap()]].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
    let schemes: Vec<&str> = ran.out.lines().map(|line| line.split_once("://127.0.0.1:").unwrap().0).collect();
    assert_eq!(schemes, ["ws", "wss"]);
    assert!(std::fs::read_to_string(&ca).unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
}

#[test]
fn what_went_wrong_is_counted_at_the_end() {
    let ran =
        run(&["simulate", "--tcp", "127.0.0.1:0", "--chaos", "refuse=0.1", "--chaos", "trickle", "--for", "500ms"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("chaos refuse: ") && !ran.out.contains("trickle"), "{}", ran.out);
    assert!(ran.err.contains("0 connections accepted, at most 0 of them within a second"), "{}", ran.err);
}
