//! Deadlines come in time, whatever else goes on.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    thread,
    time::{Duration, Instant},
};

use asyncore::{Channel, Dispatcher, Loop, Result};
use common::*;

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
