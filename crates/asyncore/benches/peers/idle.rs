//! What a dispatcher costs that only waits.

use std::{
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    time::Duration,
};

use asyncore::{Channel, Dispatcher, Loop, Result};

pub(crate) const COUNT: usize = 1_000;

/// Says hello once, so that it has used its queue and the read buffer before it falls idle.
struct Idler;

impl Dispatcher for Idler {
    fn handle_connect(&mut self, ch: &mut Channel) -> Result {
        ch.send(&[7; 1_000]);
        Ok(())
    }
}

/// The memory that `COUNT` open, idle dispatchers take, divided by `COUNT`. The peers are bare sockets in a vector that is
/// there before.
pub(crate) fn bytes_each() -> usize {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    let mut peers: Vec<TcpStream> = Vec::with_capacity(COUNT);
    let mut event_loop = Loop::new().unwrap();
    // One to begin with: the shared buffer is not counted.
    let mut add = |event_loop: &mut Loop| {
        event_loop.connect(address, Idler);
        event_loop.run_once(Duration::ZERO).unwrap();
        peers.push(listener.accept().unwrap().0);
        event_loop.run_once(Duration::ZERO).unwrap();
    };
    add(&mut event_loop);
    let before = own_bytes();
    for _ in 1..COUNT {
        add(&mut event_loop);
    }
    while event_loop.run_once(Duration::from_millis(10)).unwrap() && own_bytes() == 0 {}
    assert_eq!(event_loop.len(), COUNT);
    (own_bytes() - before) / (COUNT - 1)
}

/// The memory of this process that is no file's.
fn own_bytes() -> usize {
    let rollup = fs::read_to_string("/proc/self/smaps_rollup").unwrap();
    let line = rollup.lines().find(|line| line.starts_with("Anonymous:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}
