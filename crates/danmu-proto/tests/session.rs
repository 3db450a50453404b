//! The session against a made-up server, under a clock of its own.

#![allow(clippy::unwrap_used)] // A panic is a failed test.

use std::time::{Duration, Instant};

use danmu_proto::packet::{self, PacketDecoder, Sender};
use danmu_proto::session::{Config, Output, Reason, ServerError};
use danmu_proto::{Batch, RoomId, Session};
use proptest::collection::vec;
use proptest::prelude::*;

const LOGIN: &str = "> type@=loginreq/roomid@=9999/";
const JOIN: &str = "> type@=joingroup/rid@=9999/gid@=-9999/";
const BEAT: &str = "> type@=mrkl/";
const SILENT: &str = "the server was silent for 100s";

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
fn requests_of_ones_own_are_sent_in_order() {
    Script::joined()
        .call(|session, _| session.send("type@=sub/mt@=online_vip_list/"))
        .call(|session, _| session.send("type@=x/"))
        .gives(&["> type@=sub/mt@=online_vip_list/", "> type@=x/"]);
}

#[test]
fn nothing_is_due_for_a_paused_session_however_long_it_lasts() {
    let script = Script::joined().call(|session, _| session.pause_heartbeat()).call(Session::pause_reading);
    // `after` fails if a deadline is not in the future after a tick: that would be a loop without end.
    script.after(100_000).gives(&[]);
}

proptest! {
    #[test]
    fn no_script_breaks_a_session(acts in vec(act(), 0..60)) {
        let mut script = Script::new();
        for act in acts {
            script = act.on(script);
        }
        script.check();
    }
}

/// Something that may happen to a session.
#[derive(Clone, Debug)]
enum Act {
    Say(&'static str),
    Begin(usize),
    Bytes(Vec<u8>),
    After(u64),
    Jump(u64),
    Tick,
    Join,
    Send,
    Logout,
    End,
    PauseHeartbeat,
    ResumeHeartbeat,
    PauseReading,
    ResumeReading,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => Just(Act::Say("type@=loginres/")),
        4 => Just(Act::Say("type@=chatmsg/txt@=1/")),
        2 => Just(Act::Say("type@=mrkl/")),
        1 => Just(Act::Say("type@=error/code@=51/")),
        4 => (0..40_usize).prop_map(Act::Begin),
        1 => vec(any::<u8>(), 0..20).prop_map(Act::Bytes),
        4 => (0..200_000_u64).prop_map(Act::After),
        4 => (0..200_000_u64).prop_map(Act::Jump),
        2 => Just(Act::Tick),
        1 => Just(Act::Join),
        1 => Just(Act::Send),
        1 => Just(Act::Logout),
        1 => Just(Act::End),
        2 => Just(Act::PauseHeartbeat),
        2 => Just(Act::ResumeHeartbeat),
        2 => Just(Act::PauseReading),
        2 => Just(Act::ResumeReading),
    ]
}

impl Act {
    fn on(self, script: Script) -> Script {
        match self {
            Self::Say(payload) => script.server_says(payload),
            Self::Begin(cut) => {
                let packet = wire("type@=uenter/nn@=小明/");
                script.server_sends(&packet[..cut.min(packet.len())])
            }
            Self::Bytes(bytes) => script.server_sends(&bytes),
            Self::After(ms) => script.after_ms(ms),
            // The owner was busy: time passes, and nobody ticks.
            Self::Jump(ms) => script.later(Duration::from_millis(ms)),
            Self::Tick => script.call(Session::tick),
            Self::Join => script.call(|session, _| session.join()),
            Self::Send => script.call(|session, _| session.send("type@=x/")),
            Self::Logout => script.call(Session::logout),
            Self::End => script.server_closes(),
            Self::PauseHeartbeat => script.call(|session, _| session.pause_heartbeat()),
            Self::ResumeHeartbeat => script.call(Session::resume_heartbeat),
            Self::PauseReading => script.call(Session::pause_reading),
            Self::ResumeReading => script.call(Session::resume_reading),
        }
    }
}

/// A session, its server and its clock. Each step lets the session say what it has to say; [`Script::gives`] compares.
///
/// `> payload` was sent, `< payload` received; the rest is in the session's own words. At every step it is checked that
/// what is sent is whole packets of a client, that the end is final, and that no deadline lies in the past after a tick.
struct Script {
    session: Session,
    now: Instant,
    said: Vec<String>,
    ended: Option<Reason>,
    joined: usize,
}

impl Script {
    /// Room 9999, as it is by default.
    #[track_caller]
    fn new() -> Self {
        Self::with(|_| {})
    }

    #[track_caller]
    fn with(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::new(RoomId::new(9999).unwrap());
        change(&mut config);
        let now = Instant::now();
        Self { session: Session::new(now, config), now, said: Vec::new(), ended: None, joined: 0 }.listen()
    }

    /// A session that is in its room.
    #[track_caller]
    fn joined() -> Self {
        Self::new().server_says("type@=loginres/").clear()
    }

    #[track_caller]
    fn server_says(self, payload: &str) -> Self {
        self.server_sends(&wire(payload))
    }

    #[track_caller]
    fn server_sends(mut self, bytes: &[u8]) -> Self {
        let mut batch = Batch::new();
        self.session.receive(self.now, bytes, &mut batch);
        assert!(self.ended.is_none() || batch.is_empty(), "received after the end");
        self.said.extend(batch.payloads().map(|payload| format!("< {}", String::from_utf8_lossy(payload))));
        self.listen()
    }

    #[track_caller]
    fn server_closes(self) -> Self {
        self.call(|session, _| session.end())
    }

    #[track_caller]
    fn call(mut self, act: impl FnOnce(&mut Session, Instant)) -> Self {
        act(&mut self.session, self.now);
        self.listen()
    }

    #[track_caller]
    fn after(self, seconds: u64) -> Self {
        self.after_ms(seconds * 1000)
    }

    /// Lets time pass as an owner does who ticks when a deadline comes.
    #[track_caller]
    fn after_ms(mut self, ms: u64) -> Self {
        let until = self.now + Duration::from_millis(ms);
        while let Output::Wait(at) = self.session.poll() {
            if at > until {
                break;
            }
            self.now = self.now.max(at);
            self.session.tick(self.now);
            self = self.listen();
            if let Output::Wait(next) = self.session.poll() {
                assert!(next > self.now, "a deadline of {:?} ago after a tick", self.now - next);
            }
        }
        self.now = until;
        self
    }

    /// Lets time pass without a tick.
    fn later(mut self, by: Duration) -> Self {
        self.now += by;
        self
    }

    /// What was said since the last comparison.
    #[track_caller]
    fn gives(mut self, expected: &[&str]) -> Self {
        assert_eq!(std::mem::take(&mut self.said), expected);
        self
    }

    fn clear(mut self) -> Self {
        self.said.clear();
        self
    }

    /// What holds after any script.
    #[track_caller]
    fn check(mut self) {
        assert!(self.joined <= 1, "joined {} times", self.joined);
        self.session.tick(self.now);
        self = self.listen();
        if let Output::Wait(at) = self.session.poll() {
            assert!(at > self.now, "a deadline of {:?} ago after a tick", self.now - at);
        }
        // Unless someone paused it, every session without a server ends.
        self.call(|session, now| {
            session.resume_heartbeat(now);
            session.resume_reading(now);
        })
        .after(101)
        .call(|session, _| assert!(matches!(session.poll(), Output::Closed(_)), "{session:?} goes on for ever"));
    }

    /// Polls until there is nothing more to say.
    #[track_caller]
    fn listen(mut self) -> Self {
        loop {
            let output = self.session.poll();
            assert!(self.ended.is_none() || matches!(output, Output::Closed(_)), "{output:?} after the end");
            match output {
                Output::Send(bytes) => {
                    let mut decoder = PacketDecoder::new(Sender::Client);
                    decoder
                        .read(&bytes, |payload| self.said.push(format!("> {}", String::from_utf8_lossy(payload))))
                        .unwrap();
                    assert!(!decoder.is_mid_packet(), "sent a part of a packet");
                }
                Output::Joined => {
                    self.joined += 1;
                    self.said.push("Joined".to_owned());
                }
                Output::Wait(_) => return self,
                Output::Closed(reason) => {
                    match &self.ended {
                        None => self.said.push(reason.to_string()),
                        Some(before) => assert_eq!(&reason, before, "another end"),
                    }
                    self.ended = Some(reason);
                    return self;
                }
            }
        }
    }
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

fn wire(payload: &str) -> Vec<u8> {
    let mut wire = Vec::new();
    packet::encode(Sender::Server, payload.as_bytes(), &mut wire);
    wire
}
