//! Each mode of chaos, as a client meets it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use danmu_proto::request;
use danmu_sim::chaos::{Fate, MODES, OF_CONNECTIONS};
use danmu_sim::{Chaos, Fault, Simulator};

use support::{PATIENCE, Viewer, eventually, room, start};

/// A server with these modes, on TCP and on WebSocket.
fn with(chaos: &str) -> Simulator {
    start(|config| {
        config.ws = config.listen.clone();
        config.chaos = chaos.parse().unwrap();
        config.rate = 100.0;
    })
}

/// A viewer for each transport, in a room.
fn viewers(simulator: &Simulator) -> [Viewer; 2] {
    let [tcp, ws] = simulator.addresses() else { panic!("two addresses") };
    [Viewer::connect_to(*tcp).join(1), Viewer::connect_ws(*ws).join(1)]
}

fn injected(simulator: &Simulator, name: &str) -> u64 {
    simulator.sent().injected.get(name).copied().unwrap_or(0)
}

/// Whether a server stops reading what it is sent.
fn blocks(viewer: &Viewer) -> bool {
    let mut stream = viewer.stream.try_clone().unwrap();
    stream.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let garbage = vec![0xff; 1 << 20];
    for _ in 0..64 {
        match stream.write_all(&garbage) {
            Ok(()) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return true,
            Err(error) => panic!("{error}"),
        }
    }
    false
}

#[test]
fn refuse_has_connections_refused_for_ever() {
    let simulator = with("refuse=0.1");
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_millis(500) {
        for address in simulator.addresses() {
            assert_eq!(TcpStream::connect(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
        }
    }
    assert!(injected(&simulator, "refuse") > 4);
    assert_eq!(simulator.sent().accepted, 0);
}

#[test]
fn a_port_that_was_closed_opens_again() {
    let chaos: Chaos = "all".parse().unwrap();
    let refused = |seed, number| chaos.fate(seed, 0, number).time(Fault::Refuse).is_some();
    let spared = |seed, number| chaos.fate(seed, 0, number).faults().is_empty();
    let seed = (0..100_000).find(|&seed| spared(seed, 0) && refused(seed, 1) && spared(seed, 2)).unwrap();
    let simulator = start(|config| {
        config.chaos = chaos;
        config.seed = seed;
    });
    let mut first = Viewer::joined(&simulator, 1);
    eventually(|| injected(&simulator, "refuse") == 1);
    let refusal = TcpStream::connect(simulator.addresses()[0]).unwrap_err();
    assert_eq!(refusal.kind(), ErrorKind::ConnectionRefused);
    let end = Instant::now() + PATIENCE;
    let second = loop {
        if let Ok(stream) = TcpStream::connect(simulator.addresses()[0]) {
            break stream;
        }
        assert!(Instant::now() < end, "it stays closed");
        thread::sleep(Duration::from_millis(10));
    };
    second.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    assert_eq!(Viewer::new(second).join(1).hear(5).len(), 5);
    assert_eq!(first.hear(5).len(), 5, "who was in stays in");
}

#[test]
fn slow_accept_makes_a_client_wait() {
    let simulator = with("slow-accept=0.7");
    let begin = Instant::now();
    viewers(&simulator);
    assert!(begin.elapsed() >= Duration::from_millis(1400), "{:?}", begin.elapsed());
    assert_eq!(injected(&simulator, "slow-accept"), 2);
}

#[test]
fn accept_and_close_says_nothing() {
    let simulator = with("accept-and-close");
    for &address in simulator.addresses() {
        assert!(Viewer::connect_to(address).hear_out().is_empty());
    }
    assert_eq!((simulator.sent().accepted, injected(&simulator, "accept-and-close")), (2, 2));
}

#[test]
fn reset_comes_in_the_middle_of_a_packet() {
    let simulator = with("reset=1");
    let [mut tcp, mut ws] = viewers(&simulator);
    assert!(!tcp.hear_out().is_empty());
    assert_eq!((tcp.ended, tcp.is_mid_packet()), (Some(ErrorKind::ConnectionReset), true));
    // Half a WebSocket message is never handed on.
    assert!(!ws.hear_out().is_empty());
    assert_eq!((ws.ended, ws.is_mid_packet()), (Some(ErrorKind::ConnectionReset), false));
    assert_eq!(injected(&simulator, "reset"), 2);
}

#[test]
fn stall_sends_nothing_more_and_goes_on_reading() {
    let simulator = with("stall=1");
    for mut viewer in viewers(&simulator) {
        assert!(!viewer.hear(5).is_empty());
        thread::sleep(Duration::from_secs(1));
        viewer.hear_for(Duration::from_millis(100));
        viewer.say("type@=mrkl/");
        assert!(viewer.hear_for(Duration::from_millis(500)).is_empty());
        assert!(!blocks(&viewer));
        assert_eq!(viewer.ended, None);
    }
    eventually(|| simulator.sent().rooms[&room(1)].connections.iter().all(|one| !one.open));
    assert_eq!(injected(&simulator, "stall"), 2);
}

#[test]
fn half_open_neither_sends_nor_reads_nor_closes() {
    let simulator = with("half-open=1");
    for mut viewer in viewers(&simulator) {
        thread::sleep(Duration::from_secs(1));
        viewer.hear_for(Duration::from_millis(100));
        assert!(viewer.hear_for(Duration::from_millis(500)).is_empty());
        assert!(blocks(&viewer));
        assert_eq!(viewer.ended, None);
    }
    assert_eq!(injected(&simulator, "half-open"), 2);
}

#[test]
fn trickle_gives_a_byte_a_second_to_handshakes_too() {
    let simulator = with("trickle=0");
    let bytes_of = |address, greeting: &[u8]| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        stream.write_all(greeting).unwrap();
        let begin = Instant::now();
        let mut heard = Vec::new();
        while begin.elapsed() < Duration::from_millis(2800) {
            let _ = stream.read_to_end(&mut heard);
        }
        heard
    };
    let mut login = Vec::new();
    danmu_proto::packet::encode(danmu_proto::Sender::Client, b"type@=loginreq/roomid@=1/", &mut login);
    let upgrade = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let [tcp, ws] = simulator.addresses() else { panic!("two addresses") };
    thread::scope(|scope| {
        let ws = scope.spawn(|| bytes_of(ws, upgrade));
        let tcp = bytes_of(tcp, &login);
        assert!((2..=3).contains(&tcp.len()), "{tcp:?}");
        let ws = ws.join().unwrap();
        assert!((2..=3).contains(&ws.len()) && b"HTTP".starts_with(&ws), "{ws:?}");
    });
    assert_eq!(injected(&simulator, "trickle"), 2);
}

#[test]
fn not_reading_goes_on_sending() {
    let simulator = with("not-reading=1");
    for mut viewer in viewers(&simulator) {
        thread::sleep(Duration::from_secs(1));
        viewer.hear_for(Duration::from_millis(100));
        assert!(blocks(&viewer));
        assert!(viewer.hear(20).iter().all(|payload| support::kind(payload) != "mrkl"));
    }
    assert_eq!(injected(&simulator, "not-reading"), 2);
}

#[test]
fn no_login_answer_still_answers_heartbeats() {
    let simulator = with("no-login-answer");
    let [tcp, ws] = simulator.addresses() else { panic!("two addresses") };
    for mut viewer in [Viewer::connect_to(*tcp), Viewer::connect_ws(*ws)] {
        viewer.say(&request::login(room(1)));
        viewer.say(&request::join(room(1), request::ALL_GROUPS));
        assert!(viewer.hear_for(Duration::from_millis(300)).is_empty());
        viewer.say("type@=mrkl/");
        assert_eq!(viewer.hear(1), ["type@=mrkl/"]);
    }
    assert_eq!(injected(&simulator, "no-login-answer"), 2);
}

#[test]
fn errors_are_said_and_the_connection_closes() {
    for code in [51, 52, 204] {
        let simulator = with(&format!("error-{code}=1"));
        for mut viewer in viewers(&simulator) {
            let heard = viewer.hear_out();
            assert_eq!(heard.last().unwrap(), &format!("type@=error/code@={code}/"));
            assert!(heard.len() > 2, "{heard:?}");
            assert_eq!(viewer.ended, Some(ErrorKind::UnexpectedEof));
        }
        assert_eq!(injected(&simulator, &format!("error-{code}")), 2);
    }
}

#[test]
fn kick_all_drops_everyone_at_once_and_lets_them_back_in() {
    let simulator = with("kick-all=1.5");
    let mut all: Vec<Viewer> = viewers(&simulator).into();
    thread::sleep(Duration::from_millis(500));
    all.extend(viewers(&simulator));
    for viewer in &mut all {
        viewer.hear_out();
    }
    assert_eq!(injected(&simulator, "kick-all"), 1, "the later ones are dropped before their time");
    assert_eq!(viewers(&simulator)[0].hear(5).len(), 5);
}

#[test]
fn modes_work_together() {
    let simulator = with("slow-accept=0.5,no-login-answer,error-52=1");
    let begin = Instant::now();
    let mut viewer = Viewer::connect(&simulator);
    viewer.say(&request::login(room(1)));
    assert_eq!(viewer.hear_out(), ["type@=error/code@=52/"]);
    assert!(begin.elapsed() >= Duration::from_millis(900));
    let counted: Vec<_> = simulator.sent().injected.into_iter().collect();
    assert_eq!(counted, [("error-52", 1), ("no-login-answer", 1), ("slow-accept", 1)]);
}

#[test]
fn with_all_each_connection_suffers_what_its_fate_says() {
    const CLIENTS: u64 = 24;
    let chaos: Chaos = "all".parse().unwrap();
    let fates = |seed| (0..=CLIENTS).map(|number| chaos.fate(seed, 0, number)).collect::<Vec<_>>();
    // These two befall others too.
    let simple = |&seed: &u64| {
        fates(seed).iter().all(|fate| [Fault::Refuse, Fault::KickAll].iter().all(|&one| fate.time(one).is_none()))
    };
    let seed = (0..100_000).find(simple).unwrap();
    let mut expected = BTreeMap::new();
    for &(fault, _) in fates(seed)[..CLIENTS as usize].iter().flat_map(Fate::faults) {
        *expected.entry(fault.name()).or_insert(0) += 1;
    }
    assert!(expected.len() > MODES.len() / 2, "SEED={seed} {expected:?}");
    let of_connections = |counts: &BTreeMap<&'static str, u64>| {
        let names: Vec<_> = MODES[..OF_CONNECTIONS].iter().map(|mode| mode.name).collect();
        let counts = counts.iter().filter(|(name, _)| names.contains(name));
        counts.map(|(&name, &count)| (name, count)).collect::<BTreeMap<_, _>>()
    };

    let simulator = start(|config| {
        config.chaos = chaos;
        config.seed = seed;
        config.rate = 20.0;
    });
    let mut viewers: Vec<Viewer> = (0..CLIENTS).map(|_| Viewer::connect(&simulator)).collect();
    for viewer in &mut viewers {
        // Some are closed already.
        for request in [request::login(room(1)), request::join(room(1), request::ALL_GROUPS)] {
            let mut bytes = Vec::new();
            danmu_proto::packet::encode(danmu_proto::Sender::Client, request.as_bytes(), &mut bytes);
            let _ = viewer.stream.write_all(&bytes);
        }
    }
    eventually(|| of_connections(&simulator.sent().injected) == of_connections(&expected));
    let sent = simulator.sent();
    // Some connections are over before anything can be wrong with their data.
    assert!(
        sent.injected.iter().all(|(name, count)| expected.get(name) >= Some(count)),
        "SEED={seed} {:?}",
        sent.injected
    );
    assert_eq!(sent.accepted, CLIENTS);
    assert!(sent.peak_accepts(Duration::from_secs(60)) == CLIENTS as usize);
}
