//! Servers that speak WebSocket, plain or over TLS, on loopback; and those that speak something else.

#![cfg(feature = "wss")]
#![expect(clippy::unwrap_used, reason = "what goes wrong here fails the test")]

mod handshakes;
mod messages;
mod tls;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use danmu_client::{Config, Event, Lost, Room, RoomId};
use danmu_proto::{PacketDecoder, Sender, packet};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{self, Message, WebSocket};

const PATIENCE: Duration = Duration::from_secs(30);

/// Serves every connection by `handle`, on threads. Gives the port. What fails there ends the connection.
fn serve(handle: impl Fn(TcpStream) -> Result<(), Failed> + Clone + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for io in listener.incoming() {
            let (io, handle) = (io.unwrap(), handle.clone());
            thread::spawn(move || handle(io));
        }
    });
    port
}

type Failed = Box<dyn std::error::Error + Send + Sync>;

fn config(url: &str) -> Config {
    let mut config = Config::default();
    config.endpoints = vec![url.parse().unwrap()];
    config
}

fn open(config: Config) -> Room {
    Room::open(RoomId::new(9999).unwrap(), config)
}

async fn next(room: &mut Room) -> Event {
    timeout(PATIENCE, room.next()).await.expect("an event in time").expect("rooms do not end")
}

/// Why the first link of a room with this configuration is lost.
async fn lost(config: Config) -> Lost {
    let mut room = open(config);
    loop {
        if let Event::Lost { reason, .. } = next(&mut room).await {
            return reason;
        }
    }
}

/// The next `n` messages.
async fn messages(room: &mut Room, n: usize) -> Vec<String> {
    let mut messages = Vec::new();
    while messages.len() < n {
        match next(room).await {
            Event::Records(records) => {
                messages.extend(records.messages().map(|record| String::from_utf8(record.payload.to_vec()).unwrap()));
            }
            Event::Lost { reason, .. } => panic!("lost: {reason}"),
            _ => {}
        }
    }
    messages
}

fn chat(n: usize) -> String {
    format!("type@=chatmsg/rid@=9999/nn@=小明/txt@=第{n}条/")
}

fn wire(payload: &str) -> Vec<u8> {
    let mut wire = Vec::new();
    packet::encode(Sender::Server, payload.as_bytes(), &mut wire);
    wire
}

/// The requests in the next message. Exactly one is to be in each.
fn request(io: &mut WebSocket<impl Read + Write>) -> Result<String, Failed> {
    loop {
        if let Message::Binary(bytes) = io.read()? {
            let mut requests = Vec::new();
            PacketDecoder::new(Sender::Client)
                .read(&bytes, |payload| requests.push(danmu_proto::message::kind(payload).into_owned()))?;
            assert_eq!(requests.len(), 1, "one packet a message");
            return Ok(requests.remove(0));
        }
    }
}

/// Accepts a viewer, up to its join.
fn welcome<S: Read + Write>(io: S) -> Result<WebSocket<S>, Failed> {
    let mut io = tungstenite::accept(io).map_err(|error| error.to_string())?;
    assert_eq!(request(&mut io)?, "loginreq");
    // Several packets in one message, as the real ones do.
    io.send(Message::binary([wire("type@=loginres/"), wire("type@=pingreq/tick@=1/")].concat()))?;
    assert_eq!(request(&mut io)?, "joingroup");
    Ok(io)
}
