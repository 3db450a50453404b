//! Nothing ever spins: who has nothing to do takes no time.

#![cfg(target_os = "linux")] // they read /proc
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::{io::Write, thread, time::Duration};

use asyncore::{Channel, Dispatcher, Loop, Result};
use common::*;

/// How long to watch.
const WATCH: Duration = Duration::from_millis(400);

/// Runs the loop for a while and says how much processor time that took.
fn time_of(event_loop: &mut Loop) -> Duration {
    // What a new connection brings is not idleness.
    for _ in 0..10 {
        event_loop.run_once(Duration::from_millis(5)).unwrap();
    }
    let handle = event_loop.handle();
    let stopper = thread::spawn(move || {
        thread::sleep(WATCH);
        handle.stop();
    });
    let before = thread_time().unwrap();
    event_loop.run(Duration::from_millis(100)).unwrap();
    stopper.join().unwrap();
    thread_time().unwrap().saturating_sub(before)
}

#[track_caller]
fn is_idle(event_loop: &mut Loop) {
    let time = time_of(event_loop);
    assert!(time < WATCH / 20, "{time:?} of processor time in {WATCH:?}");
}

#[test]
fn idle_connections_and_listeners_take_no_time() {
    let mut event_loop = Loop::new().unwrap();
    listen(&mut event_loop, Recorder::default());
    let _peers: Vec<_> = (0..20).map(|_| connect(&mut event_loop, Recorder::default())).collect();
    is_idle(&mut event_loop);
}

#[test]
fn always_writable_with_nothing_to_send_does_not_spin() {
    struct Always;
    impl Dispatcher for Always {
        fn writable(&self, _: &Channel) -> bool {
            true
        }
    }
    let mut event_loop = Loop::new().unwrap();
    let _peer = connect(&mut event_loop, Always);
    is_idle(&mut event_loop);
}

#[test]
fn not_reading_what_is_there_does_not_spin() {
    struct Lazy;
    impl Dispatcher for Lazy {
        fn handle_read(&mut self, _: &mut Channel) -> Result {
            Ok(())
        }
    }
    struct Never;
    impl Dispatcher for Never {
        fn readable(&self, _: &Channel) -> bool {
            false
        }
    }
    let mut event_loop = Loop::new().unwrap();
    let (_, mut first) = connect(&mut event_loop, Lazy);
    let (_, mut second) = connect(&mut event_loop, Never);
    first.write_all(&[7; 1000]).unwrap();
    second.write_all(&[7; 1000]).unwrap();
    is_idle(&mut event_loop);
}

#[test]
fn a_peer_that_has_closed_or_reset_does_not_make_those_spin_who_do_not_read() {
    struct Never;
    impl Dispatcher for Never {
        fn readable(&self, _: &Channel) -> bool {
            false
        }
    }
    let mut event_loop = Loop::new().unwrap();
    drop(connect(&mut event_loop, Never));
    let (_, stream) = connect(&mut event_loop, Never);
    reset(stream);
    is_idle(&mut event_loop);
    assert_eq!(event_loop.len(), 2);
}

#[test]
fn a_full_socket_does_not_spin() {
    let mut event_loop = Loop::new().unwrap();
    let (_, _stream) = connect(&mut event_loop, Recorder::saying(&Log::default(), vec![7; 20_000_000]));
    is_idle(&mut event_loop);
}

#[test]
fn a_zero_timeout_does_not_make_run_spin() {
    let mut event_loop = Loop::new().unwrap();
    let (_, _stream) = connect(&mut event_loop, Recorder::default());
    let handle = event_loop.handle();
    let stopper = thread::spawn(move || {
        thread::sleep(WATCH);
        handle.stop();
    });
    let before = thread_time().unwrap();
    event_loop.run(Duration::ZERO).unwrap();
    stopper.join().unwrap();
    let time = thread_time().unwrap().saturating_sub(before);
    assert!(time < WATCH / 4, "{time:?} of processor time in {WATCH:?}");
}
