//! How dispatchers come, run and go.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::{
    cell::{Cell, RefCell},
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
    thread,
    time::{Duration, Instant},
};

use asyncore::{Channel, Dispatcher, Loop, Result, Token};
use common::*;

#[test]
fn run_returns_when_no_dispatcher_is_left() {
    let mut event_loop = Loop::new().unwrap();
    run(&mut event_loop);
    let log = Log::default();
    let (_, stream) = connect(&mut event_loop, Recorder::new(&log));
    drop(stream);
    run(&mut event_loop);
    assert_eq!(log.lines(), ["connect", "close"]);
}

#[test]
fn the_timeout_bounds_one_wait_and_not_the_run() {
    let mut event_loop = Loop::new().unwrap();
    let _connection = connect(&mut event_loop, Recorder::default());
    for _ in 0..5 {
        event_loop.run_once(Duration::from_millis(5)).unwrap();
    }
    let start = Instant::now();
    assert!(event_loop.run_once(Duration::from_millis(30)).unwrap(), "somebody is left");
    assert!(start.elapsed() >= Duration::from_millis(30));

    let handle = event_loop.handle();
    let stopper = thread::spawn(move || {
        thread::sleep(Duration::from_millis(200));
        handle.stop();
    });
    let start = Instant::now();
    event_loop.run(Duration::from_millis(10)).unwrap();
    assert!(start.elapsed() >= Duration::from_millis(150), "run ended with its timeout");
    stopper.join().unwrap();
}

#[test]
fn dispatchers_come_and_go_inside_callbacks() {
    /// Connects to itself, so to speak: every guest brings another client, until there are enough; then all go.
    struct Breeder {
        address: Rc<Cell<Option<SocketAddr>>>,
        family: Rc<RefCell<Vec<Token>>>,
        log: Log,
    }
    impl Dispatcher for Breeder {
        fn handle_accept(&mut self, ch: &mut Channel, stream: TcpStream, _: SocketAddr) -> Result {
            let guest = ch.dispatchers().adopt(stream, Recorder::new(&self.log))?;
            self.family.borrow_mut().push(guest);
            if self.family.borrow().len() < 20 {
                let address = self.address.get().ok_or("no address")?;
                let client = ch.dispatchers().connect(address, Recorder::new(&self.log));
                self.family.borrow_mut().push(client);
            } else {
                self.family.borrow().iter().for_each(|token| ch.dispatchers().close(*token));
                let own = ch.token();
                ch.dispatchers().close(own);
            }
            Ok(())
        }
        fn handle_close(&mut self, ch: &mut Channel) {
            self.log.add("breeder closed");
            let own = ch.token();
            ch.dispatchers().close(own); // once more, in vain
            ch.close();
        }
    }
    let mut event_loop = Loop::new().unwrap();
    let (log, own) = (Log::default(), Rc::new(Cell::new(None)));
    let breeder = Breeder { address: Rc::clone(&own), family: Rc::default(), log: log.clone() };
    let (_, address) = listen(&mut event_loop, breeder);
    own.set(Some(address));
    event_loop.connect(address, Recorder::new(&log));
    run(&mut event_loop);
    assert!(event_loop.is_empty());
    assert_eq!(log.count("breeder closed"), 1);
    assert_eq!(log.count("close"), 22, "11 clients and as many guests: {:?}", log.lines());
}

#[test]
fn a_callback_can_send_to_everybody_itself_included() {
    struct Member {
        room: Rc<RefCell<Vec<Token>>>,
        log: Log,
    }
    impl Dispatcher for Member {
        fn handle_connect(&mut self, ch: &mut Channel) -> Result {
            self.room.borrow_mut().push(ch.token());
            Ok(())
        }
        fn handle_read(&mut self, ch: &mut Channel) -> Result {
            let data = ch.recv(100)?;
            self.log.receive(&data);
            for member in self.room.borrow().iter() {
                ch.dispatchers().send(*member, &data);
            }
            Ok(())
        }
    }
    let mut event_loop = Loop::new().unwrap();
    let (room, said) = (Rc::new(RefCell::new(Vec::new())), Log::default());
    let (server_room, server_log) = (Rc::clone(&room), said.clone());
    let member = move || Member { room: Rc::clone(&server_room), log: server_log.clone() };
    let (_, address) = listen(&mut event_loop, Host(member));
    let logs: Vec<Log> = (0..3).map(|_| Log::default()).collect();
    let clients: Vec<Token> = logs.iter().map(|log| event_loop.connect(address, Recorder::new(log))).collect();
    run_until(&mut event_loop, || room.borrow().len() == 3);
    event_loop.dispatchers().send(clients[1], b"hello all");
    run_until(&mut event_loop, || logs.iter().all(|log| log.received() == b"hello all"));
    assert_eq!(said.received(), b"hello all");
}

#[test]
fn connecting_anew_from_handle_close_works() {
    struct Persistent {
        address: SocketAddr,
        left: usize,
        log: Log,
    }
    impl Dispatcher for Persistent {
        fn handle_close(&mut self, ch: &mut Channel) {
            self.log.add("close");
            if let Some(left) = self.left.checked_sub(1) {
                ch.dispatchers().connect(self.address, Self { address: self.address, left, log: self.log.clone() });
            }
        }
    }
    let mut event_loop = Loop::new().unwrap();
    let (listener, address) = peer();
    let closer = thread::spawn(move || (0..5).for_each(|_| drop(listener.accept().unwrap())));
    let log = Log::default();
    event_loop.connect(address, Persistent { address, left: 4, log: log.clone() });
    run(&mut event_loop);
    closer.join().unwrap();
    assert_eq!(log.count("close"), 5);
}

#[test]
fn handle_close_comes_once_and_last_however_it_ends() {
    /// Does everything it can in the callback that closes it.
    struct Last {
        log: Log,
        fail: bool,
    }
    impl Dispatcher for Last {
        fn handle_read(&mut self, ch: &mut Channel) -> Result {
            self.log.add("read");
            let own = ch.token();
            let handle = ch.dispatchers().handle();
            handle.wake(own);
            handle.send(own, "late");
            ch.dispatchers().wake(own);
            ch.send(b"dropped");
            ch.close();
            ch.shutdown();
            ch.close_when_sent();
            ch.dispatchers().close(own);
            handle.close(own);
            if self.fail { Err("and it fails")? } else { Ok(()) }
        }
        fn handle_write(&mut self, _: &mut Channel) -> Result {
            self.log.add("write");
            Ok(())
        }
        fn deadline(&self) -> Option<Instant> {
            self.log.has("read").then(Instant::now)
        }
        fn handle_timeout(&mut self, _: &mut Channel) -> Result {
            self.log.add("timeout");
            Ok(())
        }
        fn handle_wake(&mut self, _: &mut Channel) -> Result {
            self.log.add("wake");
            Ok(())
        }
        fn handle_error(&mut self, ch: &mut Channel, _: asyncore::Error) {
            self.log.add("error");
            ch.close();
        }
        fn handle_close(&mut self, ch: &mut Channel) {
            self.log.add("close");
            ch.send(b"in vain");
            assert!(ch.recv(10).unwrap().is_empty());
            assert_eq!(ch.flush().unwrap(), 0);
            ch.close();
        }
    }
    for fail in [false, true] {
        let mut event_loop = Loop::new().unwrap();
        let log = Log::default();
        let (_, mut stream) = connect(&mut event_loop, Last { log: log.clone(), fail });
        stream.write_all(b"go").unwrap();
        run(&mut event_loop);
        for _ in 0..5 {
            event_loop.run_once(Duration::from_millis(1)).unwrap();
        }
        assert_eq!(log.lines(), if fail { vec!["read", "error", "close"] } else { vec!["read", "close"] });
    }
}

#[test]
fn close_all_closes_everybody_once() {
    let mut event_loop = Loop::new().unwrap();
    let log = Log::default();
    let (_, address) = listen(&mut event_loop, Recorder::new(&log));
    let (_, _stream) = connect(&mut event_loop, Recorder::new(&log));
    event_loop.connect(address, Recorder::new(&log));
    event_loop.close_all();
    assert!(event_loop.is_empty());
    run(&mut event_loop);
    assert_eq!(log.count("close"), 3);
}

#[test]
fn a_panic_passes_through_run_and_the_others_live_on() {
    struct Bomb;
    impl Dispatcher for Bomb {
        fn handle_read(&mut self, _: &mut Channel) -> Result {
            panic!("this panic is part of the test");
        }
    }
    let mut event_loop = Loop::new().unwrap();
    let log = Log::default();
    let (_, mut bomb) = connect(&mut event_loop, Bomb);
    let (_, mut other) = connect(&mut event_loop, Recorder::new(&log));
    bomb.write_all(b"!").unwrap();
    other.write_all(b"alive").unwrap();
    drop(other);
    assert!(catch_unwind(AssertUnwindSafe(|| event_loop.run(None))).is_err());
    run(&mut event_loop);
    assert_eq!(log.received(), b"alive");
    assert_eq!(log.count("close"), 1);
    assert_eq!(bomb.read(&mut [0; 1]).unwrap_or(0), 0, "its connection is closed");
}
