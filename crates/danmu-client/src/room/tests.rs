//! Thousands of rooms against one server, in simulated time and without a network.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use danmu_proto::{Sender, packet};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::watch;
use tokio::time::timeout;

use super::*;
use crate::clock::Clock;

const S: fn(u64) -> Duration = Duration::from_secs;

/// A server that answers logins and heartbeats, until it is told to do something else.
struct Server {
    orders: watch::Sender<Order>,
    /// When it was dialled.
    dials: Mutex<Vec<Instant>>,
}

#[derive(Clone, Copy, PartialEq)]
enum Order {
    Serve,
    Close,
    Stall,
}

impl Server {
    fn start() -> Arc<Self> {
        Arc::new(Self { orders: watch::Sender::new(Order::Serve), dials: Mutex::default() })
    }

    fn dials(&self) -> Vec<Instant> {
        self.dials.lock().unwrap().clone()
    }
}

impl Dial for Arc<Server> {
    type Io = DuplexStream;

    async fn dial(&self, endpoint: &Endpoint) -> Result<DuplexStream, DialError> {
        self.dials.lock().unwrap().push(Instant::now());
        if endpoint.host == "dead" {
            return Err(DialError::TimedOut { endpoint: endpoint.clone(), after: S(0) });
        }
        let (near, mut far) = duplex(1024);
        let mut orders = self.orders.subscribe();
        tokio::spawn(async move {
            let order = tokio::select! {
                biased;
                order = orders.wait_for(|&order| order != Order::Serve) => *order.unwrap(),
                () = serve(&mut far) => return,
            };
            if order == Order::Stall {
                std::future::pending::<()>().await;
            }
        });
        Ok(near)
    }
}

async fn serve(io: &mut DuplexStream) {
    let mut answer = Vec::new();
    packet::encode(Sender::Server, b"type@=loginres/", &mut answer);
    // It answers everything with `loginres`, which is as good as an answer to a heartbeat.
    while io.read(&mut [0; 1024]).await.is_ok_and(|n| n > 0) && io.write_all(&answer).await.is_ok() {}
}

/// Rooms that share what [`Rooms`](crate::Rooms) share, and the events of all.
fn open(server: &Arc<Server>, count: u64, config: Config) -> (Events, Vec<Stop>) {
    let shared = Arc::new(Shared::new(Arc::clone(server), config, None));
    let hub = Arc::new(Hub::default());
    let events = hub.subscribe(Overflow::DropOldest, 1 << 30);
    let stops = (1..=count).map(|room| keep(room, &shared, &hub)).collect();
    (events, stops)
}

fn keep<D: Dial>(room: u64, shared: &Arc<Shared<D>>, hub: &Arc<Hub>) -> Stop {
    keep_open(RoomId::new(room).unwrap(), shared, Arc::clone(hub), [""; 0], &Handle::current())
}

async fn until_joined(events: &mut Events, count: usize) {
    let mut joined = 0;
    while joined < count {
        let event = events.next().await.expect("rooms do not end");
        joined += usize::from(matches!(event, Event::Joined { .. }));
    }
}

#[tokio::test(start_paused = true)]
async fn two_thousand_rooms_dropped_at_once_are_back_within_the_budgets_time_and_never_over_it() {
    let server = Server::start();
    let (mut events, _stops) = open(&server, 2000, Config::default());
    timeout(S(41), until_joined(&mut events, 2000)).await.expect("2000 rooms at 50 a second take 40 s");
    sleep(S(61)).await;

    server.orders.send_replace(Order::Close);
    sleep(Duration::from_millis(10)).await;
    assert_eq!(server.orders.receiver_count(), 0, "all are dropped");
    server.orders.send_replace(Order::Serve);
    // The shortest pause comes before the first.
    timeout(S(43), until_joined(&mut events, 2000)).await.expect("so they do the second time");

    let dials = server.dials();
    assert_eq!(dials.len(), 4000, "each took one connection");
    for pair in dials.windows(51) {
        assert!(pair[50] - pair[0] >= S(1), "51 connections in {:?}", pair[50] - pair[0]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_hundred_rooms_stalled_at_once_are_all_found_within_their_deadline() {
    let server = Server::start();
    let clock = Clock::starting_at(0);
    let config = Config { clock: clock.clone(), ..Config::default() };
    let (mut events, _stops) = open(&server, 100, config);
    until_joined(&mut events, 100).await;
    sleep(S(10)).await;
    let stalled_us = clock.now_us();
    server.orders.send_replace(Order::Stall);
    let mut lost = HashMap::new();
    while lost.len() < 100 {
        if let Some(Event::Lost { room, reason, at_us, .. }) = events.next().await
            && reason.name() == "silence"
        {
            lost.entry(room).or_insert(at_us - stalled_us);
        }
    }
    assert!(lost.values().all(|&us| us < 101_000_000), "{lost:?}");
}

/// The hosts that a room connects to, up to the first that it joins.
async fn hosts(events: &mut Events, room: u64) -> Vec<String> {
    let mut hosts = Vec::new();
    loop {
        match events.next().await.unwrap() {
            event if event.room() != RoomId::new(room) => {}
            Event::Status { status: Status::Connecting(server), .. } => hosts.push(server.host.clone()),
            Event::Joined { .. } => return hosts,
            _ => {}
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_one_room_learns_of_the_servers_the_next_one_knows() {
    let server = Server::start();
    let endpoints = ["dead", "alive", "other"].map(|host| Endpoint::tcp(host, 1)).to_vec();
    let config = Config { endpoints, ..Config::default() };
    let shared = Arc::new(Shared::new(Arc::clone(&server), config, None));
    let hub = Arc::new(Hub::default());
    let mut events = hub.subscribe(Overflow::Wait, 1 << 20);
    let mut stops = Vec::new();
    for (room, expected) in [(1, &["dead", "alive"][..]), (2, &["alive"])] {
        stops.push(keep(room, &shared, &hub));
        assert_eq!(hosts(&mut events, room).await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn patience_may_be_without_end() {
    let server = Server::start();
    let mut config = Config::default();
    (config.connect, config.blocked, config.silence, config.packet) =
        (Duration::MAX, Duration::MAX, Duration::MAX, Duration::MAX);
    let (mut events, _stops) = open(&server, 1, config);
    timeout(S(2), until_joined(&mut events, 1)).await.expect("no panic on the way");
}

/// A server whose side of each connection is the test's.
#[derive(Clone)]
struct Hand(tokio::sync::mpsc::UnboundedSender<DuplexStream>);

impl Dial for Hand {
    type Io = DuplexStream;

    async fn dial(&self, _: &Endpoint) -> Result<DuplexStream, DialError> {
        let (near, mut far) = duplex(1 << 20);
        let mut answer = Vec::new();
        packet::encode(Sender::Server, b"type@=loginres/", &mut answer);
        far.write_all(&answer).await.unwrap();
        self.0.send(far).unwrap();
        Ok(near)
    }
}

fn chat(n: usize, len: usize) -> Vec<u8> {
    let mut wire = Vec::new();
    packet::encode(Sender::Server, format!("type@=dgb/n@={n}/{}", "x".repeat(len)).as_bytes(), &mut wire);
    wire
}

#[tokio::test(start_paused = true)]
async fn a_process_that_stood_still_looks_at_what_came_before_it_speaks_of_silence() {
    let (hand, mut far) = tokio::sync::mpsc::unbounded_channel();
    let mut room = Room::open_with(RoomId::new(1).unwrap(), Config::default(), Hand(hand));
    let mut far = far.recv().await.unwrap();
    while !matches!(room.next().await, Some(Event::Joined { .. })) {}
    // All its deadlines are long over when the link's turn comes, and something has come too.
    tokio::time::advance(S(1000)).await;
    far.write_all(&chat(1, 0)).await.unwrap();
    let heard = loop {
        match room.next().await {
            Some(Event::Records(records)) if records.messages().count() > 0 => break true,
            Some(Event::Lost { .. }) => break false,
            _ => {}
        }
    };
    assert!(heard, "it was taken for dead");
    let lost = async { while !matches!(room.next().await, Some(Event::Lost { .. })) {} };
    assert!(timeout(S(99), lost).await.is_err(), "silence counts from here");
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_is_overshot_by_one_read_however_many_rooms_there_are() {
    let (hand, mut fars) = tokio::sync::mpsc::unbounded_channel();
    let config = Config { blocked: Duration::MAX, connects_per_second: 1000, ..Config::default() };
    let shared = Arc::new(Shared::new(Hand(hand), config, None));
    let hub = Arc::new(Hub::default());
    let limit = 1 << 20;
    let mut events = hub.subscribe(Overflow::Wait, limit);
    let mut kept = Vec::new();
    for room in 1..=100 {
        let stop = keep(room, &shared, &hub);
        kept.push((fars.recv().await.unwrap(), stop));
    }
    sleep(S(10)).await;
    // Ten times as much in all as there is room for, and from each more than one read takes.
    for (far, _) in &mut kept {
        far.write_all(&chat(1, 100_000)).await.unwrap();
    }
    sleep(S(10)).await;
    let mut waiting = 0;
    while let Ok(event) = events.wait(Duration::ZERO) {
        waiting += event.size_bytes();
    }
    assert!((limit..limit + 220_000).contains(&waiting), "{waiting} bytes wait");
}
