//! Made-up traffic, and a bare server that sends it as fast as it is read.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};

use danmu_proto::packet::{self, PacketDecoder, Sender as Side};
use danmu_proto::{RoomId, message};
use danmu_sim::Scenario;

/// Packets, back to back, that can be sent again and again with fresh ids.
#[derive(Clone)]
pub(crate) struct Tape {
    wire: Vec<u8>,
    /// Where the ids begin, digit by digit, of the messages that have one.
    ids: Vec<usize>,
    pub(crate) messages: usize,
    pub(crate) payload_bytes: usize,
}

impl Tape {
    /// What is said in a few dozen rooms: chat alone, or everything.
    pub(crate) fn new(messages: usize, everything: bool) -> Self {
        let mut rooms: Vec<_> = (1..=50).map(|room| Scenario::new(7, RoomId::new(room).unwrap())).collect();
        let mut tape = Self { wire: Vec::new(), ids: Vec::new(), messages, payload_bytes: 0 };
        let mut said = 0;
        while said < messages {
            let at_ms = 1_795_262_400_000 + said as i64 * 3;
            let payload = rooms[said % 50].next(at_ms);
            if everything || message::kind(payload.as_bytes()) == "chatmsg" {
                tape.push(payload.as_bytes());
                said += 1;
            }
        }
        tape
    }

    fn push(&mut self, payload: &[u8]) {
        packet::encode(Side::Server, payload, &mut self.wire);
        let start = self.wire.len() - 1 - payload.len();
        if let Some(id) = message::id(payload) {
            let at = payload.windows(id.len()).position(|at| at == id.as_bytes()).unwrap();
            self.ids.push(start + at);
        }
        self.payload_bytes += payload.len();
    }

    /// The packets, with ids that no other lap has.
    pub(crate) fn lap(&mut self, lap: u32) -> &[u8] {
        let digits = format!("{lap:08x}");
        for &at in &self.ids {
            self.wire[at..at + 8].copy_from_slice(digits.as_bytes());
        }
        &self.wire
    }

    /// The payloads, one after the other.
    pub(crate) fn payloads(&self, each: impl FnMut(&[u8])) {
        PacketDecoder::new(Side::Server).read(&self.wire, each).unwrap();
    }
}

/// Serves one client: lets it in, and after a word from [`Server::go`] sends it so many laps of the tape.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    joined: Receiver<()>,
    go: Sender<u32>,
    thread: JoinHandle<()>,
}

impl Server {
    pub(crate) fn start(mut tape: Tape) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let (go, gone) = mpsc::channel();
        let (join, joined) = mpsc::channel();
        let thread = thread::spawn(move || {
            let (mut client, _) = listener.accept().unwrap();
            let_in(&mut client);
            // Not everyone asks.
            let _ = join.send(());
            let mut lap = 0;
            // Ends with its `Server`. The client may be killed at any time.
            while let Ok(laps) = gone.recv() {
                for _ in 0..laps {
                    lap += 1;
                    if client.write_all(tape.lap(lap)).is_err() {
                        return;
                    }
                }
            }
        });
        Self { address, joined, go, thread }
    }

    pub(crate) fn url(&self) -> String {
        format!("tcp://{}", self.address)
    }

    /// Waits until the client has joined.
    pub(crate) fn wait(&self) {
        self.joined.recv().unwrap();
    }

    pub(crate) fn go(&self, laps: u32) {
        self.go.send(laps).unwrap();
    }

    pub(crate) fn end(self) {
        drop(self.go);
        self.thread.join().unwrap();
    }
}

/// Answers the login, and waits for the room to be joined.
pub(crate) fn let_in(client: &mut TcpStream) {
    let mut decoder = PacketDecoder::new(Side::Client);
    let mut buffer = [0; 4096];
    let mut joined = false;
    while !joined {
        let n = client.read(&mut buffer).unwrap();
        assert!(n > 0, "the client left before it joined");
        let mut answer = Vec::new();
        let each = |payload: &[u8]| match &*message::kind(payload) {
            "loginreq" => packet::encode(Side::Server, b"type@=loginres/userid@=1/", &mut answer),
            "joingroup" => joined = true,
            _ => {}
        };
        decoder.read(&buffer[..n], each).unwrap();
        client.write_all(&answer).unwrap();
    }
}
