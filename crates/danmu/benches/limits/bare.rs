//! The least that a client can do: one thread, one loop over mio, one buffer. It logs in, joins, beats, reads and decodes;
//! it keeps no promise beside.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use danmu_proto::packet::{self, PacketDecoder, Sender};
use danmu_proto::{RoomId, message, request};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::client::Tally;

/// How fast links are opened, here as in what this is compared with.
pub(crate) const CONNECTS_PER_SECOND: u32 = 2000;

/// How often each link says that it is there.
const HEARTBEAT: Duration = Duration::from_secs(45);

struct Link {
    stream: TcpStream,
    room: RoomId,
    decoder: PacketDecoder,
    beats_at: Instant,
}

pub(crate) fn run(rooms: usize, urls: &[String], tally: &Tally) {
    let servers: Vec<SocketAddr> =
        urls.iter().map(|url| url.strip_prefix("tcp://").unwrap().parse().unwrap()).collect();
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(1024);
    let mut links = Vec::with_capacity(rooms);
    let mut buffer = vec![0; 64 * 1024];
    let spacing = Duration::from_secs(1) / CONNECTS_PER_SECOND;
    let mut dial_at = Instant::now();
    // Links beat one after the other, in the order in which they were opened: whose turn it is.
    let mut next_beat = 0;
    loop {
        let now = Instant::now();
        while links.len() < rooms && dial_at <= now {
            let room = RoomId::new(links.len() as u64 + 1).unwrap();
            let mut stream = TcpStream::connect(servers[links.len() % servers.len()]).unwrap();
            let interest = Interest::READABLE | Interest::WRITABLE;
            poll.registry().register(&mut stream, Token(links.len()), interest).unwrap();
            links.push(Link { stream, room, decoder: PacketDecoder::new(Sender::Server), beats_at: now + HEARTBEAT });
            dial_at += spacing;
        }
        while let Some(link) = links.get_mut(next_beat)
            && link.beats_at <= now
        {
            send(&mut link.stream, &request::heartbeat());
            link.beats_at = now + HEARTBEAT;
            next_beat = (next_beat + 1) % rooms;
        }
        let beat_at = links.get(next_beat).map(|link| link.beats_at);
        let wake_at = [beat_at, (links.len() < rooms).then_some(dial_at)].into_iter().flatten().min();
        poll.poll(&mut events, wake_at.map(|at| at.saturating_duration_since(now))).unwrap();
        for event in &events {
            let link = &mut links[event.token().0];
            if event.is_writable() && !event.is_readable() {
                let _ = link.stream.set_nodelay(true);
                send(&mut link.stream, &request::login(link.room));
                poll.registry().reregister(&mut link.stream, event.token(), Interest::READABLE).unwrap();
            }
            if event.is_readable() {
                link.read(&mut buffer, tally);
            }
        }
    }
}

impl Link {
    fn read(&mut self, buffer: &mut [u8], tally: &Tally) {
        loop {
            let n = match self.stream.read(buffer) {
                Ok(0) => panic!("the server closed the connection"),
                Ok(n) => n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => panic!("{error}"),
            };
            let mut logged_in = false;
            self.decoder
                .read(&buffer[..n], |payload| {
                    let kind = message::kind(payload);
                    logged_in |= kind == "loginres";
                    if !message::is_control(&kind) {
                        tally.hear([payload].into_iter());
                    }
                })
                .unwrap();
            if logged_in {
                send(&mut self.stream, &request::join(self.room, request::ALL_GROUPS));
                tally.joined();
            }
            // A read that did not fill the buffer has emptied the socket.
            if n < buffer.len() {
                return;
            }
        }
    }
}

/// Small requests always fit into the system's buffer.
fn send(stream: &mut TcpStream, payload: &str) {
    let mut bytes = Vec::new();
    packet::encode(Sender::Client, payload.as_bytes(), &mut bytes);
    stream.write_all(&bytes).unwrap();
}
