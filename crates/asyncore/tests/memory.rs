//! What a dispatcher costs that only waits. Alone in its file, because it measures the memory of its process.

#![cfg(target_os = "linux")] // it reads /proc
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    time::{Duration, Instant},
};

use asyncore::{Channel, Dispatcher, Loop, Result};

#[test]
fn a_thousand_idle_dispatchers_take_at_most_a_kibibyte_each() {
    /// Has used its queue and the read buffer before it falls idle.
    struct Idler;
    impl Dispatcher for Idler {
        fn handle_connect(&mut self, ch: &mut Channel) -> Result {
            ch.send(&[7; 1000]);
            Ok(())
        }
        fn deadline(&self) -> Option<Instant> {
            Some(Instant::now() + Duration::from_secs(60))
        }
    }
    // Their peers are in another process, or rather nowhere: connections that wait in a listener's backlog.
    const COUNT: usize = 1000;
    let backlog = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    backlog.bind(&"127.0.0.1:0".parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
    backlog.listen(COUNT as i32 + 10).unwrap();
    let address = backlog.local_addr().unwrap().as_socket().unwrap();
    let limit = fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap().trim().parse::<usize>().unwrap();
    if limit < COUNT {
        return println!("skipped: net.core.somaxconn is {limit}");
    }

    let mut event_loop = Loop::new().unwrap();
    let mut add = |count: usize| {
        let target = event_loop.len() + count;
        for _ in 0..count {
            event_loop.connect(address, Idler);
        }
        for _ in 0..20 {
            event_loop.run_once(Duration::from_millis(1)).unwrap();
        }
        assert_eq!(event_loop.len(), target, "a connection failed: are there descriptors enough?");
    };
    add(1); // the shared buffer is not counted
    let before = own_bytes();
    add(COUNT);
    let each = own_bytes().saturating_sub(before) / COUNT;
    println!("{each} bytes each");
    assert!(each <= 1024, "{each} bytes each");
    assert!(each > 0, "memory is not measured");
}

/// The memory of this process that is no file's.
fn own_bytes() -> usize {
    let rollup = fs::read_to_string("/proc/self/smaps_rollup").unwrap();
    let line = rollup.lines().find(|line| line.starts_with("Anonymous:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}
