//! What is due when: the login, heartbeats, silence, packets that do not end, and pauses.

use std::time::Duration;

use danmu_proto::Session;

use crate::script::{BEAT, JOIN, LOGIN, SILENT, Script, wire};

#[test]
fn a_late_answer_to_the_login_is_as_good_as_an_early_one() {
    Script::new().after(14).server_says("type@=loginres/").gives(&[LOGIN, "< type@=loginres/", JOIN, "Joined"]);
}

#[test]
fn a_login_that_is_not_answered_ends_the_session() {
    Script::new().gives(&[LOGIN]).after(15).gives(&["the server did not answer the login within 15s"]);
    // Whatever else the server says.
    Script::new()
        .gives(&[LOGIN])
        .after(14)
        .server_says("type@=chatmsg/")
        .after(1)
        .gives(&["< type@=chatmsg/", "the server did not answer the login within 15s"]);
}

#[test]
fn heartbeats_count_from_the_login_and_none_goes_out_before() {
    Script::new().after(10).server_says("type@=loginres/").clear().after(44).gives(&[]).after(1).gives(&[BEAT]);
}

#[test]
fn a_heartbeat_inside_a_half_read_packet_harms_nothing() {
    let packet = wire("type@=chatmsg/txt@=弹幕/");
    for cut in 1..packet.len() {
        Script::joined()
            .after(44)
            .server_sends(&packet[..cut])
            .after(1)
            .gives(&[BEAT])
            .server_sends(&packet[cut..])
            .gives(&["< type@=chatmsg/txt@=弹幕/"]);
    }
}

#[test]
fn silence_ends_the_session_and_any_byte_breaks_it() {
    Script::joined().after(99).gives(&[BEAT, BEAT]).after(1).gives(&[SILENT]);
    Script::joined()
        .after(99)
        .server_says("type@=mrkl/")
        .clear()
        .after(99)
        .gives(&[BEAT, BEAT])
        .after(1)
        .gives(&[SILENT]);
}

#[test]
fn a_packet_that_does_not_end_ends_the_session_however_it_trickles() {
    let packet = wire(&"x".repeat(100));
    let mut script = Script::joined();
    for byte in &packet[..30] {
        script = script.server_sends(&[*byte]).after(1);
    }
    script.gives(&["a packet was not finished within 30s"]);
    // Each packet has its own 30 s.
    let mut script = Script::joined();
    for byte in packet.iter().chain(&packet).take(170) {
        script = script.server_sends(&[*byte]).after_ms(250);
    }
    script.gives(&[&format!("< {}", "x".repeat(100))]);
}

#[test]
fn the_next_packet_begins_when_its_first_byte_comes() {
    // The end of one packet and the beginning of the next in one read.
    let two = [wire("a@=1/"), wire("b@=2/")].concat();
    Script::joined()
        .server_sends(&two[..5])
        .after(20)
        .server_sends(&two[5..20])
        .after(29)
        .gives(&["< a@=1/", BEAT])
        .server_sends(&two[20..])
        .gives(&["< b@=2/"]);
}

#[test]
fn a_heartbeat_can_be_paused_by_hand_and_then_silence_is_no_fault() {
    Script::joined()
        .call(|session, _| session.pause_heartbeat())
        .after(10_000)
        .gives(&[])
        .server_says("type@=chatmsg/")
        .gives(&["< type@=chatmsg/"])
        .call(Session::resume_heartbeat)
        .after(0)
        .gives(&[BEAT])
        .after(99)
        .gives(&[BEAT, BEAT])
        .after(1)
        .gives(&[SILENT]);
    // Resumed before it is due: it comes when it would have come.
    Script::joined()
        .after(10)
        .call(|session, _| session.pause_heartbeat())
        .after(10)
        .call(Session::resume_heartbeat)
        .after(24)
        .gives(&[])
        .after(1)
        .gives(&[BEAT]);
}

#[test]
fn resuming_a_heartbeat_that_runs_changes_nothing() {
    Script::joined().after(99).clear().call(Session::resume_heartbeat).after(1).gives(&[SILENT]);
}

#[test]
fn while_reading_is_paused_deadlines_stand_still_and_heartbeats_do_not() {
    Script::joined()
        .after(60)
        .clear()
        .call(Session::pause_reading)
        .after(1000)
        .gives(&[BEAT; 22])
        .call(Session::resume_reading)
        .after(39)
        .clear()
        .after(1)
        .gives(&[SILENT]);
    // The login's deadline.
    Script::new()
        .gives(&[LOGIN])
        .after(10)
        .call(Session::pause_reading)
        .after(1000)
        .gives(&[])
        .call(Session::resume_reading)
        .after(4)
        .gives(&[])
        .after(1)
        .gives(&["the server did not answer the login within 15s"]);
    // A packet's deadline.
    Script::joined()
        .server_sends(&wire("a@=1/")[..5])
        .after(20)
        .call(Session::pause_reading)
        .after(1000)
        .clear()
        .call(Session::resume_reading)
        .after(9)
        .gives(&[])
        .after(1)
        .gives(&["a packet was not finished within 30s"]);
}

#[test]
fn ticks_early_and_often_harm_nothing() {
    let mut script = Script::joined();
    for _ in 0..450 {
        script = script.call(Session::tick).call(Session::tick).after_ms(100);
    }
    script.gives(&[BEAT]);
}

#[test]
fn times_without_end_never_come() {
    let patient = || {
        Script::with(|config| {
            (config.heartbeat, config.login, config.silence) = (Duration::MAX, Duration::MAX, Duration::MAX);
            (config.packet, config.logout) = (Duration::MAX, Duration::MAX);
        })
        .clear()
    };
    patient().after(10_000).gives(&[]);
    let joined = || {
        patient()
            .call(Session::pause_reading)
            .after(1)
            .call(Session::resume_reading)
            .server_says("type@=loginres/")
            .clear()
    };
    joined().server_sends(&wire("a@=1/")[..5]).after(10_000).gives(&[]);
    joined()
        .call(Session::logout)
        .gives(&["> type@=logout/"])
        .after(10_000)
        .gives(&[])
        .server_closes()
        .gives(&["logged out"]);
}

#[test]
fn nothing_is_due_for_a_paused_session_however_long_it_lasts() {
    let script = Script::joined().call(|session, _| session.pause_heartbeat()).call(Session::pause_reading);
    // `after` fails if a deadline is not in the future after a tick: that would be a loop without end.
    script.after(100_000).gives(&[]);
}
