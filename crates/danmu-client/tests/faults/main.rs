//! Rooms against servers that fail, in simulated time: minutes pass in moments.
//!
//! [`Network`] holds a viewer and a server. The server handles each connection as the test says, through a [`Peer`]; the
//! viewer is the test's own code around a [`Room`].

#![expect(clippy::unwrap_used, reason = "what goes wrong here fails the test")]

mod back_pressure;
mod network;
mod peers;
mod reconnect;
mod standby;

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use danmu_client::dial::{Dial, DialError};
use danmu_client::{Clock, Config, Endpoint, Event, LinkId, Lost, Room, RoomId};
use danmu_proto::{PacketDecoder, Sender, packet};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::sleep;
use turmoil::net::{TcpListener, TcpStream};
use turmoil::{Builder, Sim};

const S: fn(u64) -> Duration = Duration::from_secs;
const SECOND_US: i64 = 1_000_000;

/// A viewer and a server, and what the server saw.
struct Network {
    sim: Sim<'static>,
    seen: Seen,
}

impl Network {
    /// A server that handles its connections by `handle`, which is told the number of each, from 0.
    fn new<F>(handle: impl Fn(Peer, usize) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        Self::built(Builder::new().tcp_capacity(1024), handle)
    }

    fn built<F>(builder: &mut Builder, handle: impl Fn(Peer, usize) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        let mut sim = builder
            .simulation_duration(S(3600))
            .tick_duration(Duration::from_millis(10))
            .max_message_latency(Duration::from_millis(20))
            .rng_seed(1)
            .build();
        let seen = Seen::default();
        let (handle, number, log) = (Arc::new(handle), Arc::new(AtomicUsize::new(0)), seen.clone());
        sim.host("douyu", move || {
            let (handle, number, log) = (Arc::clone(&handle), Arc::clone(&number), log.clone());
            async move {
                let listener = TcpListener::bind("0.0.0.0:8601").await?;
                let other = TcpListener::bind("0.0.0.0:8602").await?;
                loop {
                    let (io, _) = tokio::select! {
                        accepted = listener.accept() => accepted?,
                        accepted = other.accept() => accepted?,
                    };
                    log.add("connect");
                    log.add(&format!("connect {}", io.local_addr()?.port()));
                    let peer = Peer::new(io, log.clone());
                    tokio::spawn(handle(peer, number.fetch_add(1, Ordering::Relaxed)));
                }
            }
        });
        Self { sim, seen }
    }

    /// Runs to the end of `viewer`. Gives what the server saw.
    fn run(mut self, viewer: impl Future<Output = ()> + 'static) -> Seen {
        self.viewer(viewer);
        self.sim.run().expect("the simulation runs to its end");
        self.seen
    }

    fn viewer(&mut self, viewer: impl Future<Output = ()> + 'static) {
        self.sim.client("viewer", async {
            viewer.await;
            Ok(())
        });
    }
}

/// Dials within the simulation.
struct Simulated;

impl Dial for Simulated {
    type Io = TcpStream;

    async fn dial(&self, endpoint: &Endpoint) -> Result<TcpStream, DialError> {
        let address = (turmoil::lookup(endpoint.host.as_str()), endpoint.port).into();
        TcpStream::connect(address).await.map_err(|source| DialError::Connect { address, source })
    }
}

/// A configuration for the simulation, whose clock shows 0 now.
fn config() -> Config {
    let mut config = Config::default();
    config.endpoints = vec![Endpoint::tcp("douyu", 8601)];
    config.clock = Clock::starting_at(0);
    config
}

fn open(config: Config) -> Room {
    fastrand::seed(7);
    Room::open_with(RoomId::new(9999).unwrap(), config, Simulated)
}

/// The first event that `pick` accepts. Those before it are passed over.
async fn until<T>(room: &mut Room, mut pick: impl FnMut(Event) -> Option<T>) -> T {
    loop {
        if let Some(picked) = pick(room.next().await.expect("rooms do not end")) {
            return picked;
        }
    }
}

async fn joined(room: &mut Room) -> i64 {
    until(room, |event| if let Event::Joined { at_us, .. } = event { Some(at_us) } else { None }).await
}

/// The next loss: why, when the last byte came, and when it was noticed.
async fn lost(room: &mut Room) -> (Lost, i64, i64) {
    until(room, |event| match event {
        Event::Lost { reason, heard_us, at_us, .. } => Some((reason, heard_us, at_us)),
        _ => None,
    })
    .await
}

/// The next gap: from, to, and why.
async fn gap(room: &mut Room) -> (i64, i64, Lost) {
    until(room, |event| match event {
        Event::Gap { from_us, to_us, reason, .. } => Some((from_us, to_us, reason)),
        _ => None,
    })
    .await
}

/// The payloads of the next records that hold messages.
async fn messages(room: &mut Room) -> Vec<String> {
    until(room, |event| Some(texts(&event)).filter(|texts| !texts.is_empty())).await
}

fn texts(event: &Event) -> Vec<String> {
    match event {
        Event::Records(records) => {
            records.messages().map(|record| String::from_utf8(record.payload.to_vec()).unwrap()).collect()
        }
        _ => Vec::new(),
    }
}

fn chat(n: usize) -> String {
    format!("type@=chatmsg/rid@=9999/cid@={n:08}/nn@=小明/txt@=第{n}条/")
}

/// What the server saw, and when in simulated time.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<(Duration, String)>>>);

impl Seen {
    fn add(&self, what: &str) {
        self.0.lock().unwrap().push((turmoil::sim_elapsed().unwrap(), what.to_owned()));
    }

    /// When it saw `what`.
    fn times(&self, what: &str) -> Vec<Duration> {
        self.0.lock().unwrap().iter().filter(|(_, seen)| seen == what).map(|(at, _)| *at).collect()
    }
}

/// One connection as the server has it.
struct Peer {
    io: TcpStream,
    decoder: PacketDecoder,
    heard: Vec<String>,
    seen: Seen,
}

impl Peer {
    fn new(io: TcpStream, seen: Seen) -> Self {
        Self { io, decoder: PacketDecoder::new(Sender::Client), heard: Vec::new(), seen }
    }

    /// The type of the next request, or an error at the end.
    async fn hears(&mut self) -> io::Result<String> {
        while self.heard.is_empty() {
            let mut bytes = [0; 1024];
            let n = self.io.read(&mut bytes).await?;
            if n == 0 {
                self.seen.add("end");
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let heard = &mut self.heard;
            self.decoder
                .read(&bytes[..n], |payload| heard.push(danmu_proto::message::kind(payload).into_owned()))
                .map_err(io::Error::other)?;
        }
        let kind = self.heard.remove(0);
        self.seen.add(&kind);
        Ok(kind)
    }

    async fn says(&mut self, payload: &str) -> io::Result<()> {
        self.io.write_all(&wire(payload)).await
    }

    /// Answers the login and hears the join.
    async fn welcomes(&mut self) -> io::Result<()> {
        while self.hears().await? != "loginreq" {}
        self.says("type@=loginres/").await?;
        while self.hears().await? != "joingroup" {}
        Ok(())
    }

    /// Answers heartbeats, until the viewer leaves.
    async fn serves(&mut self) -> io::Result<()> {
        loop {
            match &*self.hears().await? {
                "mrkl" => self.says("type@=mrkl/").await?,
                "logout" => return Ok(()),
                _ => {}
            }
        }
    }

    /// Answers heartbeats for so long.
    async fn serves_for(&mut self, long: Duration) -> io::Result<()> {
        tokio::time::timeout(long, self.serves()).await.unwrap_or(Ok(()))
    }
}

fn wire(payload: &str) -> Vec<u8> {
    let mut wire = Vec::new();
    packet::encode(Sender::Server, payload.as_bytes(), &mut wire);
    wire
}

async fn for_ever<T>() -> T {
    std::future::pending().await
}
