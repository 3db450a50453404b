//! How many rooms fit: the limit on open files is raised as far as it goes, and what does not fit is said.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::process::Command;

use support::Ran;

/// Watches for a moment with a limit on open files that the shell sets.
fn watch(limit: &str, rooms: &[&str]) -> Ran {
    let shell = format!("ulimit {limit} && exec \"$0\" watch \"$@\" --for 100ms --server tcp://127.0.0.1:1");
    let ran = Command::new("sh").args(["-c", &shell, env!("CARGO_BIN_EXE_danmu")]).args(rooms).output().unwrap();
    Ran::of(ran)
}

#[test]
fn rooms_that_do_not_fit_are_told_of_with_what_to_do() {
    let rooms: Vec<String> = (1..=30).map(|room| room.to_string()).collect();
    let rooms: Vec<&str> = rooms.iter().map(String::as_str).collect();
    let told = watch("-n 80", &rooms).err;
    assert!(
        told.contains("30 rooms are more than fit: the system allows 80 open files, enough for 16 rooms"),
        "{told}"
    );
    let links = [&rooms[..9], &["--links", "2"]].concat();
    assert!(watch("-n 80", &links).err.contains("enough for 8 rooms"));
    let raised = watch("-Sn 80", &rooms).err;
    assert!(!raised.contains("more than fit"), "the soft limit is raised: {raised}");
}

#[test]
fn who_has_many_rooms_is_told_how_many_fit() {
    let rooms: Vec<String> = (1..=100).map(|room| room.to_string()).collect();
    let rooms: Vec<&str> = rooms.iter().map(String::as_str).collect();
    let told = watch("-n 200", &rooms).err;
    assert!(told.contains("100 rooms; 136 would fit, for the system allows 200 open files"), "{told}");
    assert!(!watch("-n 200", &rooms[..3]).err.contains("would fit"));
}
