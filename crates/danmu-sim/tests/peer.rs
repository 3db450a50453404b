//! Conversations with a peer, as scripts: what the client says, and all that comes of it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use danmu_proto::{PacketDecoder, Sender, message, packet};
use danmu_sim::Peer;
use danmu_sim::peer::{Config, Output};

const NOW_MS: i64 = 1_795_000_000_123;

/// A conversation under a clock of its own.
struct Script {
    peer: Peer,
    start: Instant,
    now: Instant,
}

impl Script {
    fn new() -> Self {
        Self::with_rooms(None)
    }

    fn with_rooms(rooms: Option<u64>) -> Self {
        let start = Instant::now();
        let config = Config {
            silence: Duration::from_secs(180),
            rooms,
            address: Ipv4Addr::new(192, 0, 2, 7).into(),
            session: 1,
            answers_login: true,
        };
        Self { peer: Peer::new(start, config), start, now: start }
    }

    /// A conversation after its login.
    fn logged_in() -> Self {
        Self::new().says("type@=loginreq/roomid@=9999/").gives(&["> loginres", "> pingreq", "wait until 180s"])
    }

    fn says(self, payload: &str) -> Self {
        let mut bytes = Vec::new();
        packet::encode(Sender::Client, payload.as_bytes(), &mut bytes);
        self.sends(&bytes)
    }

    fn sends(mut self, bytes: &[u8]) -> Self {
        self.peer.receive(self.now, NOW_MS, bytes);
        self
    }

    fn after(mut self, seconds: u64) -> Self {
        self.now += Duration::from_secs(seconds);
        self.peer.tick(self.now);
        self
    }

    /// All that the peer wants until it waits or closes. Payloads of the long `loginres` and of `pingreq` are shown by
    /// their type.
    #[track_caller]
    fn gives(mut self, expected: &[&str]) -> Self {
        let mut outputs = Vec::new();
        loop {
            match self.peer.poll() {
                Output::Send(bytes) => outputs.extend(payloads(&bytes).iter().map(|payload| {
                    let kind = message::kind(payload.as_bytes());
                    let long = matches!(&*kind, "loginres" | "pingreq");
                    format!("> {}", if long { &kind } else { payload.as_str() })
                })),
                Output::Join(room) => outputs.push(format!("join {room}")),
                Output::Wait(at) => {
                    outputs.push(format!("wait until {}s", (at - self.start).as_secs()));
                    break;
                }
                Output::Close => {
                    outputs.push("close".to_owned());
                    break;
                }
            }
        }
        assert_eq!(outputs, expected);
        self
    }
}

fn payloads(bytes: &[u8]) -> Vec<String> {
    let mut payloads = Vec::new();
    PacketDecoder::new(Sender::Server)
        .read(bytes, |payload| payloads.push(String::from_utf8(payload.to_vec()).unwrap()))
        .unwrap();
    payloads
}

#[test]
fn the_login_is_answered_with_loginres_and_pingreq_as_recorded() {
    let mut script = Script::new().says("type@=loginreq/roomid@=9999/");
    let Output::Send(bytes) = script.peer.poll() else { panic!("no answer") };
    assert_eq!(
        payloads(&bytes),
        [
            "type@=loginres/userid@=0/roomgroup@=0/pg@=0/sessionid@=1/username@=/nickname@=/live_stat@=0/\
             is_illegal@=0/ill_ct@=/ill_ts@=0/now@=0/ps@=0/es@=0/it@=0/its@=0/npv@=0/best_dlev@=0/cur_lev@=0/\
             nrc@=2654435769/ih@=0/sid@=70001/sahf@=0/sceneid@=0/newrg@=0/regts@=0/ip@=192.0.2.7/rn@=0/rct@=0/",
            "type@=pingreq/tick@=1795000000123/",
        ]
    );
}

#[test]
fn a_join_is_not_answered_and_the_room_begins() {
    Script::logged_in().says("type@=joingroup/rid@=9999/gid@=-9999/").gives(&["join 9999", "wait until 180s"]);
}

#[test]
fn login_and_join_may_come_at_once() {
    let mut both = Vec::new();
    packet::encode(Sender::Client, b"type@=loginreq/roomid@=9999/", &mut both);
    packet::encode(Sender::Client, b"type@=joingroup/rid@=9999/gid@=-9999/", &mut both);
    Script::new().sends(&both).gives(&["> loginres", "> pingreq", "join 9999", "wait until 180s"]);
}

#[test]
fn a_join_before_the_login_is_ignored() {
    Script::new()
        .says("type@=joingroup/rid@=9999/gid@=-9999/")
        .gives(&["wait until 180s"])
        .says("type@=loginreq/roomid@=9999/")
        .gives(&["> loginres", "> pingreq", "wait until 180s"]);
}

#[test]
fn heartbeats_of_both_kinds_are_answered_at_once() {
    Script::logged_in()
        .after(45)
        .says("type@=mrkl/")
        .gives(&["> type@=mrkl/", "wait until 225s"])
        .after(45)
        .says("type@=keeplive/tick@=1439802131/")
        .gives(&["> type@=keeplive/tick@=1439802131/uc@=0/rap@=0/hot@=0/ahot@=0/", "wait until 270s"]);
}

#[test]
fn a_subscription_is_answered() {
    Script::logged_in().says("type@=sub/mt@=online_vip_list/").gives(&["> type@=subres/res@=0/", "wait until 180s"]);
}

#[test]
fn a_logout_closes() {
    Script::logged_in().says("type@=logout/").gives(&["close"]).says("type@=mrkl/").gives(&["close"]);
}

#[test]
fn odd_requests_that_real_clients_send_are_understood() {
    for login in [
        "type@=loginreq/room_id@=9999/",
        "type@=loginreq/roomid@=9999",
        "roomid@=9999/type@=loginreq/",
        "type@=loginreq/",
        "type@=loginreq/roomid@=9999/dfl@=sn@AA=105@ASss@AA=1/username@=visitor1234567890/uid@=0/ver@=20220825/\
         aver@=218101901/ct@=0/.",
    ] {
        Script::new()
            .says(login)
            .gives(&["> loginres", "> pingreq", "wait until 180s"])
            .says("type@=joingroup/rid@=9999/gid@=-9999")
            .gives(&["join 9999", "wait until 180s"]);
    }
}

#[test]
fn what_is_not_known_is_ignored() {
    for request in ["type@=h5ckreq/rid@=9999/", "btype@=logout/", "no pairs at all", ""] {
        Script::logged_in().says(request).gives(&["wait until 180s"]);
    }
}

#[test]
fn of_several_joins_the_last_counts() {
    Script::logged_in()
        .says("type@=joingroup/rid@=1/gid@=-9999/")
        .gives(&["join 1", "wait until 180s"])
        .says("type@=joingroup/rid@=2/gid@=0/")
        .gives(&["join 2", "wait until 180s"]);
}

#[test]
fn a_room_that_does_not_exist_is_refused() {
    for room in ["3", "0", "-1", "lpl", "", "99999999999999999999"] {
        Script::with_rooms(Some(2))
            .says("type@=loginreq/roomid@=1/")
            .gives(&["> loginres", "> pingreq", "wait until 180s"])
            .says(&format!("type@=joingroup/rid@={room}/gid@=-9999/"))
            .gives(&["> type@=error/code@=204/", "close"]);
    }
}

#[test]
fn silence_ends_in_error_51() {
    Script::logged_in()
        .after(179)
        .gives(&["wait until 180s"])
        .after(1)
        .gives(&["> type@=error/code@=51/", "close"])
        .after(1)
        .gives(&["close"]);
}

#[test]
fn a_limit_beyond_all_time_is_no_limit() {
    let config = Config {
        silence: Duration::MAX,
        rooms: None,
        address: Ipv4Addr::LOCALHOST.into(),
        session: 1,
        answers_login: true,
    };
    let now = Instant::now();
    let mut peer = Peer::new(now, config);
    peer.tick(now + Duration::from_secs(86_400));
    assert!(matches!(peer.poll(), Output::Wait(at) if at > now + Duration::from_secs(86_400)));
}

#[test]
fn half_a_packet_is_silence_too() {
    Script::logged_in()
        .after(100)
        .sends(&[20, 0, 0, 0])
        .gives(&["wait until 180s"])
        .after(80)
        .gives(&["> type@=error/code@=51/", "close"]);
}

#[test]
fn what_is_no_packet_ends_in_error_51() {
    let mut of_a_server = Vec::new();
    packet::encode(Sender::Server, b"type@=mrkl/", &mut of_a_server);
    let mut without_a_zero = Vec::new();
    packet::encode(Sender::Client, b"type@=mrkl/", &mut without_a_zero);
    *without_a_zero.last_mut().unwrap() = b'/';
    for bytes in [&of_a_server, &without_a_zero, &b"GET / HTTP/1.1\r\n".to_vec(), &vec![0xff; 64], &vec![0; 64]] {
        Script::logged_in().sends(bytes).gives(&["> type@=error/code@=51/", "close"]);
    }
}

#[test]
fn what_came_before_a_fault_is_answered() {
    let mut bytes = Vec::new();
    packet::encode(Sender::Client, b"type@=mrkl/", &mut bytes);
    bytes.extend_from_slice(b"\xff\xff\xff\xff");
    Script::logged_in().sends(&bytes).gives(&["> type@=mrkl/", "> type@=error/code@=51/", "close"]);
}

#[test]
fn bytes_may_come_one_by_one() {
    let mut bytes = Vec::new();
    packet::encode(Sender::Client, b"type@=loginreq/roomid@=9999/", &mut bytes);
    packet::encode(Sender::Client, b"type@=joingroup/rid@=9999/gid@=-9999/", &mut bytes);
    let script = bytes.iter().fold(Script::new(), |script, byte| script.sends(&[*byte]));
    script.gives(&["> loginres", "> pingreq", "join 9999", "wait until 180s"]);
}
