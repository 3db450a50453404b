//! The simulator over WebSocket.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use danmu_proto::{Sender, packet, request};
use danmu_sim::{Config, Feed, Simulator, Tape};
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};

use support::{Viewer, eventually, kind, room, start};

fn over_ws(set: impl FnOnce(&mut Config)) -> (Simulator, SocketAddr) {
    let simulator = start(|config| {
        config.ws = std::mem::take(&mut config.listen);
        set(config);
    });
    let address = simulator.addresses()[0];
    (simulator, address)
}

#[test]
fn each_transport_has_its_url() {
    let simulator = start(|config| config.ws = vec!["[::1]:0".parse().unwrap()]);
    let [tcp, ws] = simulator.addresses() else { panic!("two addresses") };
    assert_eq!(simulator.urls(), [format!("tcp://{tcp}"), format!("ws://[::1]:{}", ws.port())]);
    assert_eq!(Viewer::connect_ws(*ws).join(7).hear(3).len(), 3);
}

#[test]
fn a_burst_is_one_message_however_many_packets_it_has() {
    let payloads: Vec<String> = (0..50).map(|n| format!("type@=chatmsg/rid@=1/txt@={n}/")).collect();
    let (_simulator, address) = over_ws(|config| {
        config.feed = Feed::Tape(Tape::new(&payloads));
        config.rate = 200.0;
    });
    let mut viewer = Viewer::connect_ws(address);
    viewer.say(&request::login(room(1)));
    let greeting = viewer.hear(2);
    assert_eq!((kind(&greeting[0]), kind(&greeting[1])), ("loginres".to_owned(), "pingreq".to_owned()));
    assert_eq!(viewer.shares.iter().filter(|&&share| share > 0).collect::<Vec<_>>(), [&2]);
    viewer.say(&request::join(room(1), request::ALL_GROUPS));
    assert_eq!(viewer.hear(50), payloads);
    let messages = viewer.shares.iter().filter(|&&share| share > 0).count();
    assert!(messages < 10, "{:?}", viewer.shares);
}

#[test]
fn requests_may_be_split_and_share_messages() {
    let (_simulator, address) = over_ws(|config| config.rate = 0.0);
    let mut viewer = Viewer::connect_ws(address);
    let mut bytes = Vec::new();
    for payload in ["type@=loginreq/roomid@=1/", "type@=joingroup/rid@=1/gid@=-9999/", "type@=mrkl/"] {
        packet::encode(Sender::Client, payload.as_bytes(), &mut bytes);
    }
    for byte in &bytes {
        viewer.send(&[*byte]);
    }
    let kinds = |heard: Vec<String>| heard.iter().map(|payload| kind(payload)).collect::<Vec<_>>();
    assert_eq!(kinds(viewer.hear(3)), ["loginres", "pingreq", "mrkl"]);
    viewer.send(&bytes);
    assert_eq!(kinds(viewer.hear(3)), ["loginres", "pingreq", "mrkl"]);
}

#[test]
fn pings_are_answered_amid_a_feed() {
    let (_simulator, address) = over_ws(|config| config.rate = 500.0);
    let mut viewer = Viewer::connect_ws(address).join(1);
    let socket = viewer.socket.as_mut().unwrap();
    socket.send(Message::Ping(Bytes::from_static(b"are you there?"))).unwrap();
    loop {
        match socket.read() {
            Ok(Message::Pong(echo)) => break assert_eq!(&echo[..], b"are you there?"),
            Ok(_) => {}
            Err(Error::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn both_sides_say_goodbye() {
    let (simulator, address) = over_ws(|config| config.rate = 50.0);
    let mut viewer = Viewer::connect_ws(address).join(1);
    viewer.socket.as_mut().unwrap().close(None).unwrap();
    viewer.hear_out();
    eventually(|| !simulator.sent().rooms[&room(1)].connections[0].open);

    let mut viewer = Viewer::connect_ws(address).join(2);
    let stopped = std::thread::spawn(|| simulator.shutdown());
    let socket = viewer.socket.as_mut().unwrap();
    let mut last = None;
    let end = loop {
        match socket.read() {
            Ok(Message::Binary(bytes)) => last = Some(bytes),
            Ok(Message::Close(_)) => break Ok(()),
            Ok(_) => {}
            Err(Error::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => break Err(error),
        }
    };
    end.unwrap();
    assert!(last.unwrap().ends_with(b"type@=error/code@=52/\0"));
    drop(viewer);
    stopped.join().unwrap();
}

#[test]
fn what_is_counted_over_websocket_is_what_arrives() {
    let (simulator, address) = over_ws(|config| config.rate = 1000.0);
    let mut viewer = Viewer::connect_ws(address).join(1);
    let mut heard = viewer.hear_for(Duration::from_millis(300)).len();
    viewer.say("type@=logout/");
    heard += viewer.hear_out().len();
    let counted = || simulator.sent().rooms[&room(1)].connections[0].clone();
    eventually(|| !counted().open);
    assert_eq!(counted().messages, heard as u64);
    assert!(heard > 100);
}

#[test]
fn what_is_no_websocket_is_turned_away_and_harms_nobody() {
    let (_simulator, address) = over_ws(|config| config.rate = 50.0);
    for bytes in [&b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"[..], &[0xff; 200], b"\x25\0\0\0\x25\0\0\0\xb1\x02\0\0"]
    {
        let mut viewer = Viewer::connect_to(address);
        viewer.stream.write_all(bytes).unwrap();
        viewer.stream.shutdown(std::net::Shutdown::Write).unwrap();
        viewer.stream.set_read_timeout(Some(support::PATIENCE)).unwrap();
        let mut answer = Vec::new();
        let _ = viewer.stream.read_to_end(&mut answer);
        assert!(!answer.starts_with(b"HTTP/1.1 101"));
    }
    assert_eq!(Viewer::connect_ws(address).join(1).hear(5).len(), 5);
}
