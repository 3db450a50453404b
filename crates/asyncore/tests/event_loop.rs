//! What the loop promises to well-behaved dispatchers.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::{
    cell::{Cell, RefCell},
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use asyncore::{Channel, Dispatcher, Dispatchers, Loop, Result, Token};
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
fn run_returns_when_stopped_and_can_be_run_again() {
    let mut event_loop = Loop::new().unwrap();
    let log = Log::default();
    let (_, mut stream) = connect(&mut event_loop, Recorder::new(&log));
    let handle = event_loop.handle();
    let stopper = thread::spawn(move || {
        thread::sleep(Duration::from_millis(50));
        handle.stop();
    });
    run(&mut event_loop);
    stopper.join().unwrap();
    assert_eq!(event_loop.len(), 1);

    event_loop.handle().stop();
    run(&mut event_loop); // stopped before it began

    stream.write_all(b"more").unwrap();
    drop(stream);
    run(&mut event_loop);
    assert_eq!(log.received(), b"more");
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

/// Becomes writable behind the loop's back.
struct Flagged {
    flag: Arc<AtomicBool>,
}

impl Dispatcher for Flagged {
    fn writable(&self, _: &Channel) -> bool {
        self.flag.load(Ordering::Relaxed)
    }

    fn handle_write(&mut self, ch: &mut Channel) -> Result {
        ch.try_send(b"at last")?;
        ch.close();
        Ok(())
    }
}

#[test]
fn a_change_behind_the_loops_back_is_noticed_after_the_timeout_and_at_once_with_wake() {
    for wake in [false, true] {
        let mut event_loop = Loop::new().unwrap();
        let flag = Arc::new(AtomicBool::new(false));
        let (token, mut stream) = connect(&mut event_loop, Flagged { flag: flag.clone() });
        let (handle, setting) = (event_loop.handle(), flag.clone());
        let setter = thread::spawn(move || {
            thread::sleep(Duration::from_millis(50));
            setting.store(true, Ordering::Relaxed);
            if wake {
                handle.wake(token);
            }
        });
        let start = Instant::now();
        event_loop.run(Duration::from_millis(if wake { 20_000 } else { 100 })).unwrap();
        assert!(start.elapsed() < Duration::from_secs(10));
        setter.join().unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        assert_eq!(text, "at last");
    }
}

#[test]
fn another_threads_data_is_sent_at_once_and_in_order() {
    let mut event_loop = Loop::new().unwrap();
    let (token, mut stream) = connect(&mut event_loop, Recorder::default());
    let handle = event_loop.handle();
    let sender = thread::spawn(move || {
        thread::sleep(Duration::from_millis(100)); // the loop is in its long wait by now
        let start = Instant::now();
        handle.send(token, "one ");
        handle.send(token, b"two ".to_vec());
        handle.send(token, "three");
        let mut data = [0; 13];
        stream.read_exact(&mut data).unwrap();
        assert_eq!(&data, b"one two three");
        let took = start.elapsed();
        handle.close(token);
        took
    });
    event_loop.run(Duration::from_secs(20)).unwrap();
    assert!(sender.join().unwrap() < Duration::from_secs(5));
}

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
fn a_handle_for_what_is_gone_does_nothing() {
    let mut event_loop = Loop::new().unwrap();
    let (token, stream) = connect(&mut event_loop, Recorder::default());
    let handle = event_loop.handle();
    drop(stream);
    run(&mut event_loop);
    let log = Log::default();
    let (_, _stream) = connect(&mut event_loop, Recorder::new(&log)); // takes the place of the first
    handle.send(token, "who?");
    handle.wake(token);
    handle.close(token);
    for _ in 0..5 {
        event_loop.run_once(Duration::from_millis(5)).unwrap();
    }
    assert_eq!(log.lines(), ["connect"]);
    drop(event_loop);
    handle.send(token, "nobody is there");
    handle.stop();
}

#[test]
fn other_threads_can_post_work_even_to_an_empty_loop() {
    let mut event_loop = Loop::new().unwrap();
    let (listener, address) = peer();
    let (sender, receiver) = mpsc::channel::<()>();
    event_loop.handle().post(move |dispatchers: &mut Dispatchers| {
        dispatchers.connect(address, Recorder::default());
        sender.send(()).unwrap();
    });
    let accepter = thread::spawn(move || drop(listener.accept()));
    run(&mut event_loop);
    receiver.recv().unwrap();
    accepter.join().unwrap();
}

#[test]
fn a_slow_name_server_does_not_hold_up_the_loop() {
    let (_listener, address) = peer();
    let mut event_loop = Loop::with_resolver(move |_, _| {
        thread::sleep(Duration::from_millis(600));
        Ok(vec![address])
    })
    .unwrap();
    let (named, ticks) = (Log::default(), Rc::new(RefCell::new(Vec::new())));
    // More than there are resolver threads: all of them answer in the end.
    for _ in 0..10 {
        event_loop.connect(("slow.example", 80), Recorder::new(&named));
    }
    let (_, _stream) =
        connect(&mut event_loop, Ticker { every: Duration::from_millis(10), ticks: Rc::clone(&ticks), next: None });
    run_until(&mut event_loop, || named.count("connect") > 0);
    let count = ticks.borrow().len();
    assert!(count >= 10, "only {count} ticks while a name was looked up");
    run_until(&mut event_loop, || named.count("connect") == 10);
}

struct Ticker {
    every: Duration,
    ticks: Rc<RefCell<Vec<Instant>>>,
    next: Option<Instant>,
}

impl Dispatcher for Ticker {
    fn handle_connect(&mut self, _: &mut Channel) -> Result {
        self.next = Some(Instant::now() + self.every);
        Ok(())
    }

    fn deadline(&self) -> Option<Instant> {
        self.next
    }

    fn handle_timeout(&mut self, _: &mut Channel) -> Result {
        let now = Instant::now();
        assert!(self.next.is_some_and(|at| at <= now), "too early");
        self.ticks.borrow_mut().push(now);
        self.next = Some(now + self.every);
        Ok(())
    }
}

#[test]
fn deadlines_fire_in_time_with_no_timeout_set() {
    let mut event_loop = Loop::new().unwrap();
    let ticks = Rc::new(RefCell::new(Vec::new()));
    let ticker = Ticker { every: Duration::from_millis(20), ticks: Rc::clone(&ticks), next: None };
    let (_, _stream) = connect(&mut event_loop, ticker);
    let start = Instant::now();
    while ticks.borrow().len() < 10 {
        event_loop.run_once(None).unwrap();
    }
    assert!(start.elapsed() >= Duration::from_millis(200));
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_deadline_that_stays_in_the_past_fires_once_and_one_that_moves_fires_again() {
    struct Stubborn {
        at: Rc<Cell<Option<Instant>>>,
        fired: Rc<Cell<usize>>,
    }
    impl Dispatcher for Stubborn {
        fn deadline(&self) -> Option<Instant> {
            self.at.get()
        }
        fn handle_timeout(&mut self, _: &mut Channel) -> Result {
            self.fired.set(self.fired.get() + 1);
            Ok(())
        }
    }
    let mut event_loop = Loop::new().unwrap();
    let (at, fired) = (Rc::new(Cell::new(Some(Instant::now()))), Rc::new(Cell::new(0)));
    let (token, _stream) = connect(&mut event_loop, Stubborn { at: Rc::clone(&at), fired: Rc::clone(&fired) });
    let mut turns = |turns: usize| {
        event_loop.dispatchers().wake(token);
        for _ in 0..turns {
            event_loop.run_once(Duration::from_millis(5)).unwrap();
        }
    };
    turns(10);
    assert_eq!(fired.get(), 1);
    at.set(Some(Instant::now() + Duration::from_millis(20)));
    turns(20);
    assert_eq!(fired.get(), 2);
    // Put off again and again, it does not come.
    for _ in 0..10 {
        at.set(Some(Instant::now() + Duration::from_secs(60)));
        turns(1);
    }
    assert_eq!(fired.get(), 2);
    // And an earlier one is not forgotten over the later.
    at.set(Some(Instant::now()));
    turns(3);
    assert_eq!(fired.get(), 3);
    at.set(None);
    turns(3);
    assert_eq!(fired.get(), 3);
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
