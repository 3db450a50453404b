//! A viewer for the tests: it says what it is told to, over any transport, and hears packets.

#![allow(clippy::unwrap_used, dead_code, reason = "a test fails by panicking, and not every test needs all of this")]

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use danmu_proto::{PacketDecoder, RoomId, Sender, message, packet, request};
use danmu_sim::{Config, Simulator};
use tokio_tungstenite::tungstenite::{self, Message, WebSocket};

/// How long a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) fn room(number: u64) -> RoomId {
    RoomId::new(number).unwrap()
}

pub(crate) fn start(set: impl FnOnce(&mut Config)) -> Simulator {
    let mut config = Config::default();
    set(&mut config);
    Simulator::start(config).unwrap()
}

/// What a WebSocket runs on: a socket, or TLS.
pub(crate) trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// A client.
pub(crate) struct Viewer {
    /// The socket under all else.
    pub(crate) stream: TcpStream,
    /// In place of the bare socket.
    pub(crate) socket: Option<WebSocket<Box<dyn Stream>>>,
    /// How many packets were in each WebSocket message.
    pub(crate) shares: Vec<usize>,
    /// How the connection ended.
    pub(crate) ended: Option<ErrorKind>,
    decoder: PacketDecoder,
    /// Payloads that were read and not yet asked for.
    pub(crate) heard: Vec<String>,
}

impl Viewer {
    pub(crate) fn connect(simulator: &Simulator) -> Self {
        Self::connect_to(simulator.addresses()[0])
    }

    pub(crate) fn connect_to(address: SocketAddr) -> Self {
        Self::new(TcpStream::connect(address).unwrap())
    }

    pub(crate) fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        Self {
            stream,
            socket: None,
            shares: Vec::new(),
            ended: None,
            decoder: PacketDecoder::new(Sender::Server),
            heard: Vec::new(),
        }
    }

    /// The same over WebSocket.
    pub(crate) fn connect_ws(address: SocketAddr) -> Self {
        let mut viewer = Self::connect_to(address);
        let stream = viewer.stream.try_clone().unwrap();
        viewer.upgrade("ws://localhost/", Box::new(stream));
        viewer
    }

    /// Talks WebSocket from now on, over `stream`, which ends in the socket.
    pub(crate) fn upgrade(&mut self, url: &str, stream: Box<dyn Stream>) {
        // A handshake cannot be interrupted by a timeout.
        self.stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let (socket, answer) = tungstenite::client(url, stream).unwrap();
        assert!(
            answer
                .headers()
                .keys()
                .all(|name| { !["sec-websocket-protocol", "sec-websocket-extensions"].contains(&name.as_str()) })
        );
        self.stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        self.socket = Some(socket);
    }

    /// Logged in and in the room.
    pub(crate) fn joined(simulator: &Simulator, number: u64) -> Self {
        Self::connect(simulator).join(number)
    }

    pub(crate) fn join(mut self, number: u64) -> Self {
        self.say(&request::login(room(number)));
        self.say(&request::join(room(number), request::ALL_GROUPS));
        let kinds = self.hear(2).iter().map(|payload| kind(payload)).collect::<Vec<_>>();
        assert_eq!(kinds, ["loginres", "pingreq"]);
        // The join has no answer, but what is asked after it has.
        self.say("type@=keeplive/tick@=20261122/");
        let answer = "type@=keeplive/tick@=20261122/uc@=0/rap@=0/hot@=0/ahot@=0/";
        let end = Instant::now() + PATIENCE;
        while !self.heard.iter().any(|payload| payload == answer) {
            assert!(self.read() && Instant::now() < end, "no answer among {:?}", self.heard);
        }
        self.heard.retain(|payload| payload != answer);
        self
    }

    pub(crate) fn say(&mut self, payload: &str) {
        let mut bytes = Vec::new();
        packet::encode(Sender::Client, payload.as_bytes(), &mut bytes);
        self.send(&bytes);
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        match &mut self.socket {
            None => self.stream.write_all(bytes).unwrap(),
            Some(socket) => socket.send(Message::binary(bytes.to_vec())).unwrap(),
        }
    }

    /// Reads what is there. Whether the server is still there too.
    pub(crate) fn read(&mut self) -> bool {
        let bytes = match self.read_bytes() {
            Ok(bytes) => bytes,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return true,
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof) => {
                self.ended = Some(error.kind());
                return false;
            }
            Err(error) => panic!("{error}"),
        };
        let before = self.heard.len();
        let heard = &mut self.heard;
        self.decoder.read(&bytes, |payload| heard.push(String::from_utf8(payload.to_vec()).unwrap())).unwrap();
        self.shares.push(self.heard.len() - before);
        true
    }

    /// Reads once. At the end, an error.
    fn read_bytes(&mut self) -> io::Result<Vec<u8>> {
        let Some(socket) = &mut self.socket else {
            let mut bytes = vec![0; 1 << 16];
            let length = self.stream.read(&mut bytes)?;
            bytes.truncate(length);
            return if length == 0 { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(bytes) };
        };
        match socket.read() {
            Ok(Message::Binary(bytes)) => Ok(bytes.to_vec()),
            Ok(_) => Ok(Vec::new()),
            Err(tungstenite::Error::Io(error)) => Err(error),
            Err(error) => Err(io::Error::new(ErrorKind::UnexpectedEof, error)),
        }
    }

    /// Whether what was read last ended within a packet.
    pub(crate) fn is_mid_packet(&self) -> bool {
        self.decoder.is_mid_packet()
    }

    /// The next `count` payloads.
    #[track_caller]
    pub(crate) fn hear(&mut self, count: usize) -> Vec<String> {
        let end = Instant::now() + PATIENCE;
        while self.heard.len() < count {
            assert!(self.read(), "the server closed after {:?}", self.heard);
            assert!(Instant::now() < end, "{} of {count} came", self.heard.len());
        }
        self.heard.drain(..count).collect()
    }

    /// All that comes in this time.
    pub(crate) fn hear_for(&mut self, time: Duration) -> Vec<String> {
        let end = Instant::now() + time;
        while Instant::now() < end && self.read() {}
        std::mem::take(&mut self.heard)
    }

    /// All that comes until the server closes.
    #[track_caller]
    pub(crate) fn hear_out(&mut self) -> Vec<String> {
        let end = Instant::now() + PATIENCE;
        while self.read() {
            assert!(Instant::now() < end, "the server does not close");
        }
        std::mem::take(&mut self.heard)
    }
}

pub(crate) fn kind(payload: &str) -> String {
    message::kind(payload.as_bytes()).into_owned()
}

/// Waits for what becomes true in a moment.
#[track_caller]
pub(crate) fn eventually(what: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !what() {
        assert!(Instant::now() < end, "it did not happen");
        thread::sleep(Duration::from_millis(5));
    }
}
