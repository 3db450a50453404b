//! The callback client against the simulator, and against servers that do what the simulator never would.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod douyu;
mod flow;
mod peers;

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use danmu_client::callback::{Closed, Config, Event, RunError};
use danmu_client::{DouyuClient, RoomId};
use danmu_proto::{PacketDecoder, Sender, packet};
use danmu_sim::{Feed, Simulator, Tape};

/// Long enough for a machine that is busy with other things. Only a failing test waits this long.
const LONG: Duration = Duration::from_secs(30);

/// The tutorial's `asyncore.loop(timeout=10)`. Nothing here may have to wait for it.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Well below the time-out.
const AT_ONCE: Duration = Duration::from_secs(2);

fn room() -> RoomId {
    RoomId::new(4_494_106).unwrap()
}

fn simulate(set: impl FnOnce(&mut danmu_sim::Config)) -> Simulator {
    let mut config = danmu_sim::Config::default();
    set(&mut config);
    Simulator::start(config).unwrap()
}

/// A simulator that plays `payloads` to each client, as fast as it can.
fn player(payloads: impl IntoIterator<Item: AsRef<[u8]>>) -> Simulator {
    simulate(|config| {
        config.feed = Feed::Tape(Tape::new(payloads));
        config.rate = 1e6;
    })
}

fn chat(number: usize) -> String {
    format!("type@=chatmsg/rid@=4494106/nn@=观众{number}/txt@=第 {number} 句/")
}

/// What a callback heard.
#[derive(Debug, PartialEq)]
enum Heard {
    Connected,
    Packet(Vec<u8>),
    Closed { reason: String, again: bool },
}

impl Heard {
    fn of(event: Event<'_>) -> Self {
        match event {
            Event::Packet(dp) => Self::Packet(dp.payload().to_vec()),
            Event::Closed { reason, reconnect_in, .. } => {
                Self::Closed { reason: reason.to_string(), again: reconnect_in.is_some() }
            }
            _ => Self::Connected,
        }
    }

    fn closed(reason: &str, again: bool) -> Self {
        Self::Closed { reason: reason.to_owned(), again }
    }
}

/// A client that joins when it may, and tells what it hears.
fn for_room(address: SocketAddr, set: impl FnOnce(&mut Config)) -> (DouyuClient, mpsc::Receiver<Heard>) {
    let mut config = Config::default();
    set(&mut config);
    let (heard, hear) = mpsc::channel();
    let client = DouyuClient::connect_with(address.ip().to_string(), address.port(), config, move |client, event| {
        if let Event::Packet(dp) = event
            && dp.kind() == "loginres"
        {
            client.join_room_group();
        }
        let _ = heard.send(Heard::of(event));
    });
    client.login_room_id(room());
    (client, hear)
}

/// A client that runs on a thread of its own.
struct Running {
    client: DouyuClient,
    heard: mpsc::Receiver<Heard>,
    result: mpsc::Receiver<Result<(), RunError>>,
}

impl Running {
    fn start((client, heard): (DouyuClient, mpsc::Receiver<Heard>)) -> Self {
        let (done, result) = mpsc::channel();
        let runner = client.clone();
        thread::spawn(move || done.send(runner.run(TIMEOUT)));
        Self { client, heard, result }
    }

    /// In the room, or on the way there.
    fn in_room(address: SocketAddr, set: impl FnOnce(&mut Config)) -> Self {
        Self::start(for_room(address, set))
    }

    #[track_caller]
    fn next(&self) -> Heard {
        self.heard.recv_timeout(LONG).expect("nothing more is heard")
    }

    /// The next packet of this type.
    #[track_caller]
    fn packet(&self, kind: &str) -> Vec<u8> {
        loop {
            match self.next() {
                Heard::Packet(payload) if danmu_proto::message::kind(&payload) == kind => return payload,
                Heard::Closed { reason, .. } => panic!("closed: {reason}"),
                _ => {}
            }
        }
    }

    /// What `run` returns.
    #[track_caller]
    fn result(&self) -> Result<(), RunError> {
        self.result.recv_timeout(LONG).expect("it does not end")
    }

    /// Why `run` failed.
    #[track_caller]
    fn closed(&self) -> Closed {
        match self.result() {
            Err(RunError::Closed(reason)) => reason,
            other => panic!("{other:?}"),
        }
    }
}

/// A server that does with its one client what `script` says.
fn serve(script: impl FnOnce(Guest) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || script(Guest::new(listener.accept().unwrap().0)));
    address
}

/// The server's side of a connection.
struct Guest {
    stream: TcpStream,
    decoder: PacketDecoder,
    requests: VecDeque<String>,
}

impl Guest {
    fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(LONG)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, decoder: PacketDecoder::new(Sender::Client), requests: VecDeque::new() }
    }

    /// The next request; `None` if the client closed.
    fn request(&mut self) -> Option<String> {
        while self.requests.is_empty() {
            let mut bytes = [0; 1024];
            let length = match self.stream.read(&mut bytes) {
                Err(error) if error.kind() == ErrorKind::ConnectionReset => 0,
                length => length.unwrap(),
            };
            if length == 0 {
                return None;
            }
            let requests = &mut self.requests;
            let each = |payload: &[u8]| requests.push_back(String::from_utf8(payload.to_vec()).unwrap());
            self.decoder.read(&bytes[..length], each).unwrap();
        }
        self.requests.pop_front()
    }

    /// All requests until the client closes.
    fn requests(mut self) -> Vec<String> {
        std::iter::from_fn(|| self.request()).collect()
    }

    fn say(&mut self, payload: impl AsRef<[u8]>) {
        self.stream.write_all(&packets([payload])).unwrap();
    }
}

/// What a server sends for these payloads.
fn packets(payloads: impl IntoIterator<Item: AsRef<[u8]>>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for payload in payloads {
        packet::encode(Sender::Server, payload.as_ref(), &mut bytes);
    }
    bytes
}

/// Waits for what becomes true in a moment.
#[track_caller]
fn eventually(what: impl Fn() -> bool) {
    let end = Instant::now() + LONG;
    while !what() {
        assert!(Instant::now() < end, "it does not happen");
        thread::sleep(Duration::from_millis(10));
    }
}
