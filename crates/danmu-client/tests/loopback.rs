//! Many rooms over real sockets, on threads of their own.

#![expect(clippy::unwrap_used, reason = "what goes wrong here fails the test")]

use std::collections::{HashMap, HashSet};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use danmu_client::queue::NoEvent;
use danmu_client::{Config, Endpoint, Event, Events, Overflow, RoomId, Rooms};
use danmu_proto::{Fields, PacketDecoder, Sender, packet};

/// A server that says each room's messages `0`, `1`, … to it, in pieces of so many bytes, and then listens on.
struct Server {
    endpoint: Endpoint,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(messages: usize, piece: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = Endpoint::tcp("127.0.0.1", listener.local_addr().unwrap().port());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let server = Self { endpoint, seen: Arc::clone(&seen) };
        thread::spawn(move || {
            for io in listener.incoming() {
                let (io, seen) = (io.unwrap(), Arc::clone(&seen));
                // An error here is the viewer's leaving.
                thread::spawn(move || serve(io, &seen, messages, piece));
            }
        });
        server
    }

    fn config(&self) -> Config {
        let mut config = Config::default();
        config.endpoints = vec![self.endpoint.clone()];
        config.connects_per_second = 1000;
        config
    }

    fn saw(&self, what: &str) -> bool {
        self.seen.lock().unwrap().iter().any(|seen| seen == what)
    }
}

fn serve(mut io: TcpStream, seen: &Mutex<Vec<String>>, messages: usize, piece: usize) -> std::io::Result<()> {
    io.set_nodelay(true)?;
    let mut decoder = PacketDecoder::new(Sender::Client);
    let mut room = String::new();
    let mut bytes = [0; 1024];
    loop {
        let n = io.read(&mut bytes)?;
        if n == 0 {
            return Ok(());
        }
        let mut requests = Vec::new();
        decoder.read(&bytes[..n], |payload| requests.push(payload.to_vec())).map_err(std::io::Error::other)?;
        for request in requests {
            let fields = Fields::new(&request);
            let mut answer = Vec::new();
            let mut say = |payload: &str| packet::encode(Sender::Server, payload.as_bytes(), &mut answer);
            match &*fields.kind() {
                "loginreq" => say("type@=loginres/"),
                "joingroup" => {
                    room = fields.text("rid").into_owned();
                    (0..messages).for_each(|n| say(&payload(&room, n)));
                }
                "mrkl" => say("type@=mrkl/"),
                kind => {
                    seen.lock().unwrap().push(format!("{room} {kind}"));
                    io.shutdown(Shutdown::Both)?;
                }
            }
            for piece in answer.chunks(piece) {
                io.write_all(piece)?;
            }
        }
    }
}

fn payload(room: &str, n: usize) -> String {
    format!("type@=chatmsg/rid@={room}/txt@={n}/")
}

fn room(number: u64) -> RoomId {
    RoomId::new(number).unwrap()
}

const PATIENCE: Duration = Duration::from_secs(30);

/// What each room said, until `rooms` rooms have said `messages` each.
fn hear(events: &mut Events, rooms: usize, messages: usize) -> HashMap<u64, Vec<String>> {
    let mut heard: HashMap<u64, Vec<String>> = HashMap::new();
    let until = Instant::now() + PATIENCE;
    while heard.len() < rooms || heard.values().any(|heard| heard.len() < messages) {
        assert!(Instant::now() < until, "only {} rooms were heard", heard.len());
        if let Ok(Event::Records(records)) = events.wait(PATIENCE) {
            let texts = records.messages().map(|record| String::from_utf8(record.payload.to_vec()).unwrap());
            heard.entry(records.room.get()).or_default().extend(texts);
        }
    }
    heard
}

#[test]
fn many_rooms_on_two_threads_are_each_heard_in_order_by_every_subscriber() {
    let server = Server::start(50, usize::MAX);
    let mut rooms = Rooms::start(server.config(), 2).unwrap();
    let mut both = [Overflow::Wait, Overflow::DropOldest].map(|overflow| rooms.subscribe(overflow));
    for number in 1..=100 {
        assert!(rooms.add(room(number)));
    }
    assert!(!rooms.add(room(1)), "it is open already");
    for events in &mut both {
        for (number, heard) in hear(events, 100, 50) {
            let expected: Vec<_> = (0..50).map(|n| payload(&number.to_string(), n)).collect();
            assert_eq!(heard, expected);
        }
    }
    rooms.close(PATIENCE);
    let logouts: HashSet<_> = server.seen.lock().unwrap().iter().cloned().collect();
    assert_eq!(logouts, (1..=100).map(|number| format!("{number} logout")).collect());
    for events in &mut both {
        while events.wait(PATIENCE).map_err(|end| assert_eq!(end, NoEvent::Ended)).is_ok() {}
    }
}

#[test]
fn rooms_come_and_go_while_others_run() {
    let server = Server::start(1, usize::MAX);
    let mut rooms = Rooms::start(server.config(), 1).unwrap();
    let mut events = rooms.subscribe(Overflow::Wait);
    rooms.add(room(1));
    hear(&mut events, 1, 1);
    rooms.add(room(2));
    assert_eq!(hear(&mut events, 1, 1).into_keys().collect::<Vec<_>>(), [2]);
    assert!(rooms.remove(room(1)));
    assert!(!rooms.remove(room(1)), "it is closed already");
    assert_eq!(rooms.rooms().collect::<Vec<_>>(), [room(2)]);
    let until = Instant::now() + PATIENCE;
    while !server.saw("1 logout") {
        assert!(Instant::now() < until, "no logout");
        thread::sleep(Duration::from_millis(5));
    }
    assert!(!server.saw("2 logout"));
    rooms.add(room(1));
    hear(&mut events, 1, 1);
}

#[test]
fn a_subscriber_that_leaves_while_it_is_full_does_not_hold_up_the_others() {
    let server = Server::start(2000, usize::MAX);
    let mut config = server.config();
    config.queue_bytes = 1000;
    config.blocked = PATIENCE * 10;
    let mut rooms = Rooms::start(config, 1).unwrap();
    let full = rooms.subscribe(Overflow::Wait);
    let mut events = rooms.subscribe(Overflow::Wait);
    rooms.add(room(1));
    thread::sleep(Duration::from_millis(200));
    drop(full);
    assert_eq!(hear(&mut events, 1, 2000)[&1].len(), 2000);
}

#[test]
fn packets_that_come_byte_by_byte_arrive_whole() {
    let server = Server::start(20, 1);
    let mut rooms = Rooms::start(server.config(), 1).unwrap();
    let mut events = rooms.subscribe(Overflow::Wait);
    rooms.add(room(1));
    let expected: Vec<_> = (0..20).map(|n| payload("1", n)).collect();
    assert_eq!(hear(&mut events, 1, 20)[&1], expected);
}
