//! Other threads reach into the loop, and are served at once.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::{
    io::{Read, Write},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use asyncore::{Channel, Dispatcher, Dispatchers, Loop, Result};
use common::*;

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
fn work_that_panics_takes_nothing_else_with_it() {
    let mut event_loop = Loop::new().unwrap();
    let handle = event_loop.handle();
    let (done, order) = mpsc::channel();
    handle.post(|_| panic!("this one is meant to fail"));
    handle.post(move |_| done.send("the next one").unwrap());
    catch_unwind(AssertUnwindSafe(|| event_loop.run(None))).unwrap_err();
    run(&mut event_loop);
    assert_eq!(order.try_recv(), Ok("the next one"));
}
