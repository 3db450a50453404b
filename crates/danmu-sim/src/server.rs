//! The server: listens, and runs all rooms and connections on a thread of its own.
//!
//! ```text
//! accept ─▶ connection (task) ─ peer ─ join ─▶ room (task) ─ scenario ─ burst ─▶ outbox of each listener
//!                  ▲                                                                   │
//!                  └───────────────────────────── writes ◀─────────────────────────────┘
//! ```
//!
//! One thread does for 200,000 messages a second, or for ten thousand clients; who wants more starts another server.
//! It has its own runtime, so that it serves programs and tests without one just as well, and never competes for theirs.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use thiserror::Error;
use tokio::runtime::{self, Runtime};
use tokio::sync::watch;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{sleep, timeout};

use crate::connection;
use crate::door::Door;
use crate::feed::Feed;
use crate::rooms::Rooms;
use crate::sent::{Ledger, Sent};

/// How long clients may take to leave at the end.
const FAREWELL: Duration = Duration::from_secs(2);

/// What a simulator is to do.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Addresses to listen on for plain TCP. Default `127.0.0.1:0`: any free port of this machine.
    pub listen: Vec<SocketAddr>,
    /// Addresses to listen on for WebSocket. Default none.
    pub ws: Vec<SocketAddr>,
    /// Messages a second in each room, or payloads a second to each client that is played a tape. Default 5. With 0,
    /// rooms are silent and only requests are answered.
    pub rate: f64,
    /// Which rooms exist: 1 to this number. Default none: all do.
    pub rooms: Option<u64>,
    /// What there is to hear. Default: each room makes up its own.
    pub feed: Feed,
    /// Whether a tape begins anew at its end, with fresh ids. Default no: the room falls silent.
    pub repeat: bool,
    /// What scenarios are made from: the same seed makes the same talk in the same room. Default 0.
    pub seed: u64,
    /// Time between two bursts of a room. Default 120 ms, as recorded; less at rates of more than 8,000 a second, so
    /// that a burst stays small.
    pub batch: Duration,
    /// How long a client may say nothing. Default 180 s: four heartbeats.
    pub silence: Duration,
    /// How many bytes of talk may wait for a client before it is cut off as too slow. Default 16 MiB, beside what the
    /// system buffers. A tape waits instead.
    pub backlog: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: vec![(Ipv4Addr::LOCALHOST, 0).into()],
            ws: Vec::new(),
            rate: 5.0,
            rooms: None,
            feed: Feed::Scenario,
            repeat: false,
            seed: 0,
            batch: Duration::from_millis(120),
            silence: Duration::from_secs(180),
            backlog: 16 << 20,
        }
    }
}

/// Why a simulator does not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The system gives no thread, or no way to wait for sockets.
    #[error("cannot start the simulator's thread")]
    Thread {
        /// Why not.
        #[source]
        source: io::Error,
    },
}

/// A danmu server on this machine. Stops when dropped.
///
/// ```
/// use danmu_sim::{Config, Simulator};
///
/// let mut config = Config::default();
/// config.rate = 100.0;
/// let simulator = Simulator::start(config)?;
/// println!("tcp://{}", simulator.addresses()[0]);
/// let sent = simulator.shutdown();
/// assert_eq!(sent.accepted, 0);
/// # Ok::<(), danmu_sim::StartError>(())
/// ```
#[derive(Debug)]
pub struct Simulator {
    addresses: Vec<SocketAddr>,
    urls: Vec<String>,
    ledger: Arc<Ledger>,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Simulator {
    /// Listens on all addresses, and serves until it is shut down or dropped. When this returns, clients can connect.
    pub fn start(config: Config) -> Result<Self, StartError> {
        let ledger = Arc::new(Ledger::default());
        let (stop, stopped) = watch::channel(false);
        let (report, reported) = mpsc::sync_channel(1);
        let serve = {
            let ledger = Arc::clone(&ledger);
            let stop = stop.clone();
            // The runtime is made and dropped in there, for another one may run where this is called.
            move || match open(&config) {
                Ok((runtime, doors)) => {
                    let _ = report.send(doors.iter().map(Door::address).collect());
                    run(&runtime, doors, Rooms::new(config, ledger), stopped, &stop);
                }
                Err(error) => {
                    let _ = report.send(Err(error));
                }
            }
        };
        let thread = thread::Builder::new().name("danmu-sim".to_owned()).spawn(serve);
        let thread = thread.map_err(|source| StartError::Thread { source })?;
        let doors: Vec<_> = reported.recv().expect("the thread reports before all else")?;
        let (urls, addresses) = doors.into_iter().map(|(scheme, at)| (format!("{scheme}://{at}"), at)).unzip();
        Ok(Self { addresses, urls, ledger, stop, thread: Some(thread) })
    }

    /// The addresses that it listens on, with their real ports: those for TCP, then WebSocket, each in the order of the
    /// configuration.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The same as URLs, such as `tcp://127.0.0.1:8601`.
    pub fn urls(&self) -> &[String] {
        &self.urls
    }

    /// What was sent so far.
    pub fn sent(&self) -> Sent {
        self.ledger.sent()
    }

    /// Tells every client `error` 52 and closes. Gives what was sent in all.
    pub fn shutdown(mut self) -> Sent {
        self.end();
        self.ledger.sent()
    }

    fn end(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            // A panic over there was reported over there.
            let _ = thread.join();
        }
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.end();
    }
}

fn open(config: &Config) -> Result<(Runtime, Vec<Door>), StartError> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|source| StartError::Thread { source })?;
    let within = runtime.enter();
    let doors = Door::open_all(config)?;
    drop(within);
    Ok((runtime, doors))
}

fn run(
    runtime: &Runtime,
    doors: Vec<Door>,
    rooms: Rooms,
    mut stopped: watch::Receiver<bool>,
    stop: &watch::Sender<bool>,
) {
    LocalSet::new().block_on(runtime, async {
        let rooms = Rc::new(rooms);
        for door in doors {
            spawn_local(accept(door, Rc::clone(&rooms), stopped.clone()));
        }
        let _ = stopped.wait_for(|&stopped| stopped).await;
        drop(stopped);
        // Every connection holds a receiver: none left means that all are gone.
        let _ = timeout(FAREWELL, stop.closed()).await;
    });
}

async fn accept(door: Door, rooms: Rc<Rooms>, mut stop: watch::Receiver<bool>) {
    loop {
        let accepted = tokio::select! {
            accepted = door.listener.accept() => accepted,
            _ = stop.changed() => return,
        };
        let Ok((stream, client)) = accepted else {
            // Mostly too many open files: some may be closed in a moment.
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        // Without it, bursts wait for acknowledgements. A connection that refuses is about to end anyway.
        let _ = stream.set_nodelay(true);
        spawn_local(connection::serve(stream, client, door.handshake.clone(), Rc::clone(&rooms), stop.clone()));
    }
}
