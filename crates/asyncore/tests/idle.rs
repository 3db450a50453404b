//! Nothing ever spins: who has nothing to do takes no time.

#![cfg(target_os = "linux")] // they read /proc
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::{
    io::Write,
    time::{Duration, Instant},
};

use asyncore::{Channel, Dispatcher, Loop, Result};
use common::*;

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
fn a_deadline_left_in_the_past_does_not_spin() {
    struct Late(Instant);
    impl Dispatcher for Late {
        fn deadline(&self) -> Option<Instant> {
            Some(self.0)
        }
    }
    let mut event_loop = Loop::new().unwrap();
    let _peer = connect(&mut event_loop, Late(Instant::now()));
    is_idle(&mut event_loop);
}

#[test]
fn a_zero_timeout_does_not_make_run_spin() {
    let mut event_loop = Loop::new().unwrap();
    let (_, _stream) = connect(&mut event_loop, Recorder::default());
    let time = busy_time(&mut event_loop, Duration::ZERO).unwrap();
    assert!(time < WATCH / 4, "{time:?} of processor time in {WATCH:?}");
}
