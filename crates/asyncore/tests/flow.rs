//! Bytes: none is lost, none comes late, and nobody has to wait for a busy neighbour.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::{
    cell::Cell,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    rc::Rc,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use asyncore::{Channel, Dispatcher, Loop, Result};
use common::*;

#[test]
fn what_is_sent_before_the_connection_is_there_is_sent_first() {
    let mut event_loop = Loop::new().unwrap();
    let (listener, address) = peer();
    let token = event_loop.connect(address, Recorder::saying(&Log::default(), "second"));
    event_loop.dispatchers().send(token, b"first, ");
    event_loop.run_once(Duration::ZERO).unwrap();
    let mut stream = listener.accept().unwrap().0;
    let reader = thread::spawn(move || {
        let mut data = [0; 13];
        stream.read_exact(&mut data).unwrap();
        data
    });
    run_until(&mut event_loop, || reader.is_finished());
    assert_eq!(&reader.join().unwrap(), b"first, second");
}

#[test]
fn a_busy_dispatcher_starves_nobody() {
    /// Receives one byte at a time, so that there is always more to read.
    struct Slow;
    impl Dispatcher for Slow {
        fn handle_read(&mut self, ch: &mut Channel) -> Result {
            ch.recv(1)?;
            Ok(())
        }
    }
    let mut event_loop = Loop::new().unwrap();
    let (_, mut flood) = connect(&mut event_loop, Slow);
    let stop = Arc::new(AtomicBool::new(false));
    let stopping = Arc::clone(&stop);
    let flooder =
        thread::spawn(move || while !stopping.load(Ordering::Relaxed) && flood.write_all(&[7; 10_000]).is_ok() {});
    let (_, address) = listen(&mut event_loop, Host(|| Echo));
    let log = Log::default();
    let client = event_loop.connect(address, Recorder::new(&log));
    run_until(&mut event_loop, || log.has("connect"));
    for trip in 1..=20 {
        event_loop.dispatchers().send(client, b"ping");
        let mut turns = 0;
        while log.received_len() < trip * 4 {
            event_loop.run_once(Duration::from_millis(100)).unwrap();
            turns += 1;
            assert!(turns < 1000, "a round trip takes a few turns, however busy the others are");
        }
    }
    stop.store(true, Ordering::Relaxed);
    drop(event_loop);
    flooder.join().unwrap();
}

#[test]
fn reading_stops_while_not_readable_and_resumes_without_loss() {
    struct Paused {
        open: Rc<Cell<bool>>,
        log: Log,
    }
    impl Dispatcher for Paused {
        fn readable(&self, _: &Channel) -> bool {
            self.open.get()
        }
        fn handle_read(&mut self, ch: &mut Channel) -> Result {
            assert!(self.open.get());
            self.log.receive(&ch.recv(usize::MAX)?);
            Ok(())
        }
        fn handle_close(&mut self, _: &mut Channel) {
            self.log.add("close");
        }
    }
    let mut event_loop = Loop::new().unwrap();
    let (open, log) = (Rc::new(Cell::new(true)), Log::default());
    let (token, mut stream) = connect(&mut event_loop, Paused { open: Rc::clone(&open), log: log.clone() });
    let sent = Arc::new(Mutex::new(0_usize));
    let counting = Arc::clone(&sent);
    let total = 40_000_000;
    let writer = thread::spawn(move || {
        for start in (0..total).step_by(10_000) {
            let part: Vec<u8> = (start..start + 10_000).map(|i| (i % 251) as u8).collect();
            stream.write_all(&part).unwrap();
            *counting.lock().unwrap() += part.len();
        }
    });
    for pause in 1..=4 {
        run_until(&mut event_loop, || log.received_len() > pause * 1_000_000);
        open.set(false);
        let before = log.received_len();
        for _ in 0..20 {
            event_loop.run_once(Duration::from_millis(5)).unwrap();
        }
        assert_eq!(log.received_len(), before, "it reads though it does not want to");
        assert!(*sent.lock().unwrap() < total, "the writer is not held back");
        open.set(true);
        event_loop.dispatchers().wake(token);
    }
    run(&mut event_loop);
    writer.join().unwrap();
    assert_eq!(log.received_len(), total);
    assert!(log.received().iter().enumerate().all(|(i, byte)| *byte == (i % 251) as u8));
}

/// Data, pauses and ends in every order: whatever comes between an event and the read that answers it is found.
#[test]
fn no_edge_is_lost() {
    let mut event_loop = Loop::new().unwrap();
    let log = Log::default();
    let received = log.clone();
    let (_, address) = listen(&mut event_loop, Host(move || Recorder::new(&received)));
    let writers: Vec<_> = (0..4_u64)
        .map(|seed| {
            thread::spawn(move || {
                let mut random = seed * 2 + 1;
                let mut sent = 0;
                for _ in 0..250 {
                    let mut stream = TcpStream::connect(address).unwrap();
                    for _ in 0..3 {
                        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                        let len = [1, 100, 65_535, 65_536, 65_537][(random >> 33) as usize % 5];
                        stream.write_all(&vec![7; len]).unwrap();
                        sent += len;
                        thread::sleep(Duration::from_micros(random >> 56));
                    }
                }
                sent
            })
        })
        .collect();
    run_until(&mut event_loop, || log.count("close") == 1000);
    let sent: usize = writers.into_iter().map(|writer| writer.join().unwrap()).sum();
    assert_eq!(log.received_len(), sent);
    assert_eq!(log.lines().len(), 2000, "each connects and closes, and nothing else");
}

#[test]
fn a_listener_that_is_not_readable_lets_people_wait() {
    struct Door {
        open: Rc<Cell<bool>>,
        log: Log,
    }
    impl Dispatcher for Door {
        fn readable(&self, _: &Channel) -> bool {
            self.open.get()
        }
        fn handle_accept(&mut self, _: &mut Channel, _: TcpStream, _: SocketAddr) -> Result {
            self.log.add("guest");
            Ok(())
        }
    }
    let mut event_loop = Loop::new().unwrap();
    let (open, log) = (Rc::new(Cell::new(false)), Log::default());
    let (door, address) = listen(&mut event_loop, Door { open: Rc::clone(&open), log: log.clone() });
    let _guests: Vec<TcpStream> = (0..30).map(|_| TcpStream::connect(address).unwrap()).collect();
    for _ in 0..10 {
        event_loop.run_once(Duration::from_millis(5)).unwrap();
    }
    assert_eq!(log.count("guest"), 0);
    open.set(true);
    event_loop.dispatchers().wake(door);
    run_until(&mut event_loop, || log.count("guest") == 30);
}

#[test]
fn small_sends_leave_together() {
    struct Chatty;
    impl Dispatcher for Chatty {
        fn handle_connect(&mut self, ch: &mut Channel) -> Result {
            (0..100).for_each(|_| ch.send(b"0123456789"));
            Ok(())
        }
    }
    let mut event_loop = Loop::new().unwrap();
    let (_, mut stream) = connect(&mut event_loop, Chatty);
    for _ in 0..3 {
        event_loop.run_once(Duration::from_millis(5)).unwrap();
    }
    let mut data = [0; 2000];
    assert_eq!(stream.read(&mut data).unwrap(), 1000);
}
