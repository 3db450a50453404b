//! What the network can do to a dispatcher: an error at the right callback, and the loop goes on.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::{
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener},
    thread,
    time::{Duration, Instant},
};

use asyncore::{Channel, Dispatcher, Loop, Result};
use common::*;

/// Bytes whose order shows.
fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i % 251) as u8).collect()
}

/// An address at which nobody listens.
fn nobody() -> SocketAddr {
    peer().1
}

#[test]
fn a_refused_connection_is_an_error_and_then_a_close() {
    let mut event_loop = Loop::new().unwrap();
    let log = Log::default();
    event_loop.connect(nobody(), Recorder::saying(&log, "never sent"));
    run(&mut event_loop);
    assert_eq!(log.lines(), ["connect: connection refused", "close"]);
    still_serves(&mut event_loop);
}

#[test]
fn a_reset_is_an_error_and_then_a_close() {
    let mut event_loop = Loop::new().unwrap();
    let log = Log::default();
    let (_, stream) = connect(&mut event_loop, Recorder::new(&log));
    run_until(&mut event_loop, || log.has("connect"));
    reset(stream);
    run(&mut event_loop);
    assert_eq!(log.lines(), ["connect", "recv: connection reset", "close"]);
    still_serves(&mut event_loop);
}

#[test]
fn a_name_that_nobody_knows_is_an_error_and_then_a_close() {
    let mut event_loop = Loop::new().unwrap();
    let log = Log::default();
    event_loop.connect(("nobody.invalid", 80), Recorder::new(&log));
    run(&mut event_loop);
    let lines = log.lines();
    assert!(lines[0].starts_with("resolve nobody.invalid: "), "{lines:?}");
    assert_eq!(lines[1..], ["close"]);
    still_serves(&mut event_loop);
}

#[test]
fn a_resolver_that_fails_or_finds_nothing_or_panics_is_an_error() {
    let mut event_loop = Loop::with_resolver(|host, _| match host {
        "empty" => Ok(Vec::new()),
        "broken" => Err(io::ErrorKind::ConnectionAborted.into()),
        _ => panic!("this panic is part of the test"),
    })
    .unwrap();
    for (host, reason) in [("empty", "entity not found"), ("broken", "connection aborted"), ("mad", "other error")] {
        let log = Log::default();
        event_loop.connect((host, 80), Recorder::new(&log));
        run(&mut event_loop);
        assert_eq!(log.lines(), [format!("resolve {host}: {reason}"), "close".to_owned()]);
    }
    let log = Log::default();
    event_loop.connect(Vec::new(), Recorder::new(&log));
    run(&mut event_loop);
    assert_eq!(log.lines(), ["resolve an empty list: entity not found", "close"]);
}

#[test]
fn a_name_that_is_not_found_in_time_is_an_error() {
    let mut event_loop = Loop::with_resolver(|_, _| {
        thread::sleep(Duration::from_secs(2));
        Ok(Vec::new())
    })
    .unwrap();
    let (log, start) = (Log::default(), Instant::now());
    event_loop.dispatchers().connect_timeout(("slow", 80), Duration::from_millis(50), Recorder::new(&log));
    run(&mut event_loop);
    assert_eq!(log.lines(), ["resolve slow: timed out", "close"]);
    assert!(start.elapsed() < Duration::from_secs(1));
}

#[test]
fn every_address_of_a_name_is_tried() {
    let (_listener, good) = peer();
    let addresses = vec![nobody(), nobody(), good, nobody()];
    let mut event_loop = Loop::with_resolver(move |_, _| Ok(addresses.clone())).unwrap();
    let log = Log::default();
    event_loop.connect(("several", 80), Recorder::new(&log));
    run_until(&mut event_loop, || !log.lines().is_empty());
    assert_eq!(log.lines(), ["connect"]);
}

/// A listener whose backlog is full: the system drops what knocks, so a connection is neither made nor refused.
#[cfg(target_os = "linux")]
fn silent() -> (socket2::Socket, SocketAddr, Vec<socket2::Socket>) {
    let socket = || socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let listener = socket();
    listener.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let knocking = (0..4)
        .map(|_| {
            let knocks = socket();
            knocks.set_nonblocking(true).unwrap();
            let _ = knocks.connect(&address);
            knocks
        })
        .collect();
    (listener, address.as_socket().unwrap(), knocking)
}

#[cfg(target_os = "linux")]
#[test]
fn an_address_that_never_answers_does_not_use_up_the_time_of_the_others() {
    let (_silent, dead, _knocking) = silent();
    let (_listener, good) = peer();
    let mut event_loop = Loop::new().unwrap();

    let (log, start) = (Log::default(), Instant::now());
    event_loop.dispatchers().connect_timeout(dead, Duration::from_millis(100), Recorder::new(&log));
    run(&mut event_loop);
    assert_eq!(log.lines(), ["connect: timed out", "close"]);
    assert!(start.elapsed() >= Duration::from_millis(100));

    let log = Log::default();
    event_loop.dispatchers().connect_timeout(vec![dead, good], Duration::from_secs(1), Recorder::new(&log));
    run_until(&mut event_loop, || !log.lines().is_empty());
    assert_eq!(log.lines(), ["connect"]);
}

#[test]
fn a_peer_that_closes_its_half_still_gets_the_whole_answer() {
    let mut event_loop = Loop::new().unwrap();
    let (_, address) = listen(&mut event_loop, Host(|| Echo));
    let question = pattern(8 * 1024 * 1024);
    let handle = event_loop.handle();
    let client = thread::spawn(move || {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        let mut writer = stream.try_clone().unwrap();
        let expected = question.clone();
        let writing = thread::spawn(move || {
            writer.write_all(&question).unwrap();
            writer.shutdown(Shutdown::Write).unwrap();
        });
        // Late, so that most of the answer has to wait in the queue when the end of the question is read.
        writing.join().unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        handle.stop();
        assert!(answer == expected, "{} of {} bytes came back", answer.len(), expected.len());
    });
    run(&mut event_loop);
    client.join().unwrap();
    assert_eq!(event_loop.len(), 1, "only the listener is left");
}

#[test]
fn a_peer_that_closes_its_half_ends_a_channel_with_nothing_to_say() {
    let mut event_loop = Loop::new().unwrap();
    let log = Log::default();
    let (_, mut stream) = connect(&mut event_loop, Recorder::new(&log));
    stream.write_all(b"last words").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    run(&mut event_loop);
    assert_eq!(log.received(), b"last words");
    assert_eq!(log.lines(), ["connect", "close"]);
}

#[test]
fn the_peers_end_ends_those_too_who_always_want_to_write() {
    /// With nothing behind it.
    struct Always {
        shutdown: bool,
    }
    impl Dispatcher for Always {
        fn handle_connect(&mut self, ch: &mut Channel) -> Result {
            if self.shutdown {
                ch.shutdown();
            }
            Ok(())
        }
        fn writable(&self, _: &Channel) -> bool {
            true
        }
    }
    let mut event_loop = Loop::new().unwrap();
    let _peers = [true, false].map(|shutdown| {
        let (_, stream) = connect(&mut event_loop, Always { shutdown });
        stream.shutdown(Shutdown::Write).unwrap();
        stream
    });
    run(&mut event_loop);
}

#[test]
fn a_peer_that_closes_in_mid_write_is_an_error_and_then_a_close() {
    let mut event_loop = Loop::new().unwrap();
    let log = Log::default();
    let (_, mut stream) = connect(&mut event_loop, Recorder::saying(&log, pattern(64 * 1024 * 1024)));
    run_until(&mut event_loop, || log.has("connect"));
    stream.read_exact(&mut [0; 1000]).unwrap();
    drop(stream); // with unread data: a reset
    run(&mut event_loop);
    let lines = log.lines();
    let error = ["send: connection reset", "send: broken pipe", "recv: connection reset"];
    assert!(lines.len() == 3 && error.contains(&lines[1].as_str()) && lines[2] == "close", "{lines:?}");
    still_serves(&mut event_loop);
}

#[test]
fn a_write_larger_than_the_socket_buffer_arrives_whole_and_in_order() {
    let mut event_loop = Loop::new().unwrap();
    let sent = pattern(32 * 1024 * 1024);
    let (listener, address) = peer();
    let reader = thread::spawn(move || read_all(&listener));
    event_loop.connect(address, Big { parts: sent.chunks(1_000_003).map(<[u8]>::to_vec).collect() });
    run(&mut event_loop);
    assert!(reader.join().unwrap() == sent);
}

fn read_all(listener: &TcpListener) -> Vec<u8> {
    let mut received = Vec::new();
    listener.accept().unwrap().0.read_to_end(&mut received).unwrap();
    received
}

/// Queues everything at once, then says good-bye.
struct Big {
    parts: Vec<Vec<u8>>,
}

impl Dispatcher for Big {
    fn handle_connect(&mut self, ch: &mut Channel) -> Result {
        for part in &self.parts {
            ch.send(part);
        }
        assert!(ch.unsent() > 30_000_000);
        ch.shutdown();
        ch.send(b"too late");
        Ok(())
    }
}

#[test]
fn what_is_queued_is_sent_before_a_polite_close_and_dropped_by_a_hard_one() {
    struct Leaver {
        politely: bool,
    }
    impl Dispatcher for Leaver {
        fn handle_connect(&mut self, ch: &mut Channel) -> Result {
            ch.send(&vec![7; 1_000_000]);
            if self.politely {
                ch.close_when_sent();
            } else {
                ch.close();
            }
            Ok(())
        }
    }
    for (politely, arrives) in [(true, 1_000_000), (false, 0)] {
        let mut event_loop = Loop::new().unwrap();
        let (listener, address) = peer();
        let reader = thread::spawn(move || read_all(&listener));
        event_loop.connect(address, Leaver { politely });
        run(&mut event_loop);
        assert_eq!(reader.join().unwrap().len(), arrives);
    }
}

#[test]
fn a_failing_callback_closes_its_own_channel_and_no_other() {
    struct Picky(Log);
    impl Dispatcher for Picky {
        fn handle_read(&mut self, ch: &mut Channel) -> Result {
            let data = ch.recv(100)?;
            Err(format!("I do not like {}", String::from_utf8_lossy(&data)))?
        }
        fn handle_error(&mut self, ch: &mut Channel, error: asyncore::Error) {
            self.0.add(describe(&error));
            ch.close();
        }
        fn handle_close(&mut self, _: &mut Channel) {
            self.0.add("close");
        }
    }
    let mut event_loop = Loop::new().unwrap();
    let (bad, good) = (Log::default(), Log::default());
    let (_, mut bad_peer) = connect(&mut event_loop, Picky(bad.clone()));
    let (_, mut good_peer) = connect(&mut event_loop, Recorder::new(&good));
    bad_peer.write_all(b"spam").unwrap();
    run_until(&mut event_loop, || bad.has("close"));
    assert_eq!(bad.lines(), ["callback: I do not like spam", "close"]);
    good_peer.write_all(b"ham").unwrap();
    run_until(&mut event_loop, || good.received() == b"ham");
    assert_eq!(good.lines(), ["connect"]);
}
