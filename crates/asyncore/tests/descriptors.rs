//! More connections than file descriptors. The test runs itself again in a shell that lowers the limit.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::{
    cell::RefCell,
    env,
    net::{SocketAddr, TcpStream},
    process::Command,
    rc::Rc,
    time::{Duration, Instant},
};

use asyncore::{Channel, Dispatcher, Error, Loop, Result};
use common::*;

const CHILD: &str = "ASYNCORE_TEST_FEW_DESCRIPTORS";

/// Runs the test `name` of this file with a limit of 40 descriptors. False in the child itself, which is to go on.
fn runs_in_child(name: &str) -> bool {
    if env::var_os(CHILD).is_some() {
        return false;
    }
    let output = Command::new("sh")
        .args(["-c", "ulimit -n 40 && exec \"$0\" --exact \"$1\" --nocapture"])
        .arg(env::current_exe().unwrap())
        .arg(name)
        .env(CHILD, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    true
}

/// Keeps whoever comes, and counts its errors with their times.
struct Crowded {
    guests: Rc<RefCell<Vec<TcpStream>>>,
    errors: Rc<RefCell<Vec<Instant>>>,
}

impl Dispatcher for Crowded {
    fn handle_accept(&mut self, _: &mut Channel, stream: TcpStream, _: SocketAddr) -> Result {
        self.guests.borrow_mut().push(stream);
        Ok(())
    }

    fn handle_error(&mut self, _: &mut Channel, error: Error) {
        assert!(matches!(error, Error::Accept(_)), "{error}");
        self.errors.borrow_mut().push(Instant::now());
    }
}

#[test]
fn a_listener_without_descriptors_rests_and_then_accepts_those_who_waited() {
    if runs_in_child("a_listener_without_descriptors_rests_and_then_accepts_those_who_waited") {
        return;
    }
    let mut event_loop = Loop::new().unwrap();
    let (guests, errors) = (Rc::<RefCell<Vec<_>>>::default(), Rc::<RefCell<Vec<_>>>::default());
    let (_, address) = listen(&mut event_loop, Crowded { guests: guests.clone(), errors: errors.clone() });
    // Each takes a descriptor here; the listener needs another for each, and has too few.
    let clients: Vec<TcpStream> = std::iter::from_fn(|| TcpStream::connect(address).ok()).take(25).collect();

    let (start, busy) = (Instant::now(), thread_time());
    run_until(&mut event_loop, || errors.borrow().len() >= 4);
    assert!(start.elapsed() >= Duration::from_millis(300), "it does not rest");
    if let (Some(before), Some(now)) = (busy, thread_time()) {
        let busy = now.saturating_sub(before);
        assert!(busy < Duration::from_millis(100), "it spins: {busy:?} in {:?}", start.elapsed());
    }
    let served = guests.borrow().len();
    assert!(served < clients.len(), "the limit was never reached");

    let (mut served, mut seen) = (0, Vec::new());
    run_until(&mut event_loop, || {
        seen.append(&mut guests.borrow_mut()); // makes room, by dropping them
        served += seen.drain(..).count();
        served == clients.len()
    });
    drop(clients);
    still_serves(&mut event_loop);
    is_idle(&mut event_loop);
}

#[test]
fn connecting_without_descriptors_is_an_error_and_the_loop_goes_on() {
    if runs_in_child("connecting_without_descriptors_is_an_error_and_the_loop_goes_on") {
        return;
    }
    let mut event_loop = Loop::new().unwrap();
    let (_listener, address) = peer();
    let logs: Vec<Log> = (0..60).map(|_| Log::default()).collect();
    let tokens: Vec<_> = logs.iter().map(|log| event_loop.connect(address, Recorder::new(log))).collect();
    run_until(&mut event_loop, || logs.iter().all(|log| !log.lines().is_empty()));
    let lucky = logs.iter().filter(|log| log.lines() == ["connect"]).count();
    let unlucky = logs.iter().filter(|log| log.lines().len() == 2 && log.lines()[0].starts_with("connect: ")).count();
    assert!(lucky > 10 && unlucky > 10 && lucky + unlucky == 60, "{lucky} + {unlucky}");

    for token in tokens {
        event_loop.dispatchers().close(token);
    }
    run_until(&mut event_loop, || logs.iter().all(|log| log.count("close") == 1));
    still_serves(&mut event_loop);
}

/// Keeps whoever comes, and leaves the rest to the defaults.
struct Plain(Rc<RefCell<Vec<TcpStream>>>);
impl Dispatcher for Plain {
    fn handle_accept(&mut self, _: &mut Channel, stream: TcpStream, _: SocketAddr) -> Result {
        self.0.borrow_mut().push(stream);
        Ok(())
    }
}

/// The default of `handle_error` would close after any other error.
#[test]
fn a_listener_with_default_callbacks_survives_want_of_descriptors() {
    if runs_in_child("a_listener_with_default_callbacks_survives_want_of_descriptors") {
        return;
    }
    let mut event_loop = Loop::new().unwrap();
    let guests = Rc::default();
    let (_, address) = listen(&mut event_loop, Plain(Rc::clone(&guests)));
    let clients: Vec<TcpStream> = std::iter::from_fn(|| TcpStream::connect(address).ok()).take(25).collect();
    for _ in 0..10 {
        event_loop.run_once(Duration::from_millis(20)).unwrap();
    }
    assert_eq!(event_loop.len(), 1);
    guests.borrow_mut().clear();
    drop(clients);
    run_until(&mut event_loop, || !guests.borrow().is_empty());
}
