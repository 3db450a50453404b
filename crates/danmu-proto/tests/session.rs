//! The session against a made-up server, under a clock of its own.

#![allow(clippy::unwrap_used)] // A panic is a failed test.

#[path = "session/any.rs"]
mod any;
#[path = "session/deadlines.rs"]
mod deadlines;
#[path = "session/script.rs"]
mod script;

use std::time::{Duration, Instant};

use danmu_proto::session::{Output, Reason, ServerError};
use danmu_proto::{Batch, Session};

use script::{BEAT, JOIN, LOGIN, Script, wire};

#[test]
fn the_normal_order() {
    Script::new()
        .gives(&[LOGIN])
        .server_says("type@=loginres/")
        .server_says("type@=pingreq/tick@=1/")
        .gives(&["< type@=loginres/", JOIN, "Joined", "< type@=pingreq/tick@=1/"])
        .server_says("type@=chatmsg/txt@=1/")
        .gives(&["< type@=chatmsg/txt@=1/"])
        .after(44)
        .gives(&[])
        .after(1)
        .gives(&[BEAT])
        .server_says("type@=mrkl/")
        .gives(&["< type@=mrkl/"])
        .after(45)
        .gives(&[BEAT])
        .call(Session::logout)
        .gives(&["> type@=logout/"])
        .server_closes()
        .gives(&["logged out"]);
}

#[test]
fn everything_in_one_read_is_taken_in_order() {
    let mut bytes = wire("type@=loginres/");
    bytes.extend(wire("type@=pingreq/"));
    bytes.extend(wire("type@=chatmsg/"));
    Script::new().gives(&[LOGIN]).server_sends(&bytes).gives(&[
        "< type@=loginres/",
        "< type@=pingreq/",
        "< type@=chatmsg/",
        JOIN,
        "Joined",
    ]);
}

#[test]
fn every_error_of_the_server_has_its_type() {
    fails(51, ServerError::Transfer, "the server ended the session (error 51: data transfer)");
    fails(52, ServerError::ShuttingDown, "the server is shutting down (error 52)");
    fails(59, ServerError::LoggedInElsewhere, "logged in elsewhere (error 59)");
    fails(204, ServerError::WrongRoom, "the server knows no such room (error 204)");
    fails(207, ServerError::BadFields(207), "the server refused the login's fields (error 207)");
    fails(252, ServerError::LeftRoom, "the server says that we left the room (error 252)");
    fails(267, ServerError::TooManyRooms, "too many rooms are open for this address (error 267)");
    fails(4202, ServerError::Refused(4202), "the server refused the login (error 4202)");
    fails(4207, ServerError::BadFields(4207), "the server refused the login's fields (error 4207)");
    fails(101_010_203, ServerError::Refused(101_010_203), "the server refused the login (error 101010203)");
    fails(7, ServerError::Other(7), "the server reports error 7");
}

#[test]
fn error_0_is_success_and_an_error_without_a_number_is_an_error() {
    Script::joined().server_says("type@=error/code@=0/").gives(&["< type@=error/code@=0/"]);
    Script::joined().server_says("type@=error/").gives(&["< type@=error/", "the server reports error 0"]);
}

#[test]
fn garbage_closes_at_once_and_what_came_before_stands() {
    let mut bytes = wire("type@=chatmsg/");
    bytes.extend(b"HTTP/1.1 400 Bad Request\r\n");
    Script::joined()
        .server_sends(&bytes)
        .gives(&["< type@=chatmsg/", "a packet length of 1347703880 is over the limit of 1048576"]);
    Script::new().clear().server_sends(&[0; 4]).gives(&["a packet length of 0 is too small: an empty packet has 9"]);
}

#[test]
fn the_servers_close_is_a_reason() {
    Script::joined().server_closes().gives(&["the server closed the connection"]);
    Script::new().clear().server_closes().gives(&["the server closed the connection"]);
}

#[test]
fn a_logout_is_sent_and_what_the_server_still_says_is_received() {
    Script::joined()
        .call(Session::logout)
        .gives(&["> type@=logout/"])
        .server_says("type@=chatmsg/")
        .gives(&["< type@=chatmsg/"])
        .server_closes()
        .gives(&["logged out"]);
}

#[test]
fn however_the_server_takes_a_logout_it_is_one() {
    let leaving = || Script::joined().call(Session::logout).clear();
    leaving().after_ms(999).gives(&[]).after_ms(1).gives(&["logged out"]);
    leaving().server_says("type@=error/code@=51/").gives(&["< type@=error/code@=51/", "logged out"]);
    leaving().server_sends(&[0; 12]).gives(&["logged out"]);
    leaving().call(Session::logout).after(1).gives(&["logged out"]);
    // Before the login was answered, and while nothing is read.
    Script::new().call(Session::logout).gives(&[LOGIN, "> type@=logout/"]).after(1).gives(&["logged out"]);
    leaving().call(Session::pause_reading).after(1).gives(&["logged out"]);
    // An answer to the login that comes too late joins nothing.
    Script::new().call(Session::logout).clear().server_says("type@=loginres/").gives(&["< type@=loginres/"]);
}

#[test]
fn after_the_end_everything_is_ignored() {
    let mut session = Script::joined().server_closes().gives(&["the server closed the connection"]).session;
    let (now, mut batch) = (Instant::now() + Duration::from_secs(10_000), Batch::new());
    session.receive(now, &wire("type@=chatmsg/"), &mut batch);
    session.receive(now, &[0; 12], &mut batch);
    session.tick(now);
    session.join();
    session.send("type@=x/");
    session.logout(now);
    session.end();
    session.pause_reading(now);
    session.resume_reading(now);
    assert!(batch.is_empty());
    for _ in 0..3 {
        assert_eq!(session.poll(), Output::Closed(Reason::Closed));
    }
}

#[test]
fn joining_can_be_left_to_the_owner() {
    let manual = || {
        Script::with(|config| {
            config.auto_join = false;
            config.group = 3;
        })
    };
    let join = "> type@=joingroup/rid@=9999/gid@=3/";
    manual()
        .call(|session, _| session.join()) // too early
        .gives(&[LOGIN])
        .server_says("type@=loginres/")
        .gives(&["< type@=loginres/"])
        .call(|session, _| session.join())
        .gives(&[join, "Joined"])
        .call(|session, _| session.join()) // once is enough
        .server_says("type@=loginres/")
        .gives(&["< type@=loginres/"]);
    // Heartbeats do not depend on it.
    manual().server_says("type@=loginres/").clear().after(45).gives(&[BEAT]);
}

#[test]
fn a_session_knows_whether_it_has_joined() {
    let joined = |script: Script| script.session.is_joined();
    assert!(!joined(Script::new()));
    assert!(joined(Script::joined()));
    assert!(joined(Script::joined().call(Session::logout)), "leaving, but still in it");
    assert!(!joined(Script::new().call(Session::logout)), "it never was in it");
    assert!(!joined(Script::joined().server_closes()));
}

#[test]
fn requests_of_ones_own_are_sent_in_order() {
    Script::joined()
        .call(|session, _| session.send("type@=sub/mt@=online_vip_list/"))
        .call(|session, _| session.send("type@=x/"))
        .gives(&["> type@=sub/mt@=online_vip_list/", "> type@=x/"]);
}

/// The server's error `code` ends a session in any state, as `error`, and reads as `text`.
#[track_caller]
fn fails(code: u32, error: ServerError, text: &str) {
    let says = format!("type@=error/code@={code}/");
    assert_eq!(ServerError::new(code), Some(error));
    for script in [Script::new().clear(), Script::joined()] {
        let script = script.server_says(&says).gives(&[&format!("< {says}"), text]);
        assert_eq!(script.ended, Some(Reason::Server(error)));
    }
}
