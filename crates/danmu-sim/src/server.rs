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
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use thiserror::Error;
use tokio::runtime::{self, Runtime};
use tokio::sync::watch;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{sleep, timeout};

use crate::account;
use crate::chaos::{Chaos, Fault};
use crate::connection::{self, Guest};
use crate::door::{Door, Handshake};
use crate::faults::Faults;
use crate::feed::Feed;
use crate::replay;
use crate::rooms::Rooms;
use crate::sent::{Ledger, Sent};
#[cfg(feature = "tls")]
use crate::tls::{Authority, Tls};

/// How long to wait before what failed is tried again.
const PAUSE: Duration = Duration::from_millis(50);
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
    /// Addresses to listen on for WebSocket over TLS. Default none.
    #[cfg(feature = "tls")]
    pub wss: Vec<SocketAddr>,
    /// How TLS is spoken there.
    #[cfg(feature = "tls")]
    pub tls: Tls,
    /// Messages a second in each room, or payloads a second to each client that is played a tape. Default 5. With 0,
    /// rooms are silent and only requests are answered.
    pub rate: f64,
    /// Which rooms exist: 1 to this number. Default none: all do.
    pub rooms: Option<u64>,
    /// What there is to hear. Default: each room makes up its own.
    pub feed: Feed,
    /// Whether a tape or a replay begins anew at its end, with fresh ids. Default no: the rooms fall silent.
    pub repeat: bool,
    /// What scenarios are made from: the same seed makes the same talk in the same room. Default 0.
    pub seed: u64,
    /// Time between two bursts of a room. Default 120 ms, as recorded; less at rates of more than 8,000 a second, so
    /// that a burst stays small.
    pub batch: Duration,
    /// How long a client may say nothing. Default 180 s: four heartbeats.
    pub silence: Duration,
    /// How many bytes of talk may wait for a client before it is cut off as too slow. Default 16 MiB, beside what the
    /// system buffers. A tape waits instead, and so does a replay, for a while.
    pub backlog: usize,
    /// What is to go wrong, as the seed has it. Default nothing.
    pub chaos: Chaos,
    /// A file to tell in what was said and sent, message by message: see [`Account`](crate::Account). Default none.
    pub account: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: vec![(Ipv4Addr::LOCALHOST, 0).into()],
            ws: Vec::new(),
            #[cfg(feature = "tls")]
            wss: Vec::new(),
            #[cfg(feature = "tls")]
            tls: Tls::default(),
            rate: 5.0,
            rooms: None,
            feed: Feed::Scenario,
            repeat: false,
            seed: 0,
            batch: Duration::from_millis(120),
            silence: Duration::from_secs(180),
            backlog: 16 << 20,
            chaos: Chaos::default(),
            account: None,
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
    /// The account cannot be written.
    #[error("cannot write the account {}", path.display())]
    Account {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// OpenSSL gives no keys or certificates.
    #[cfg(feature = "tls")]
    #[error("cannot make a certificate for TLS")]
    Certificate {
        /// Why not.
        #[source]
        source: openssl::error::ErrorStack,
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
    #[cfg(feature = "tls")]
    ca_pem: Option<String>,
    ledger: Arc<Ledger>,
    account: Option<Arc<account::Writer>>,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Simulator {
    /// Listens on all addresses, and serves until it is shut down or dropped. When this returns, clients can connect.
    pub fn start(config: Config) -> Result<Self, StartError> {
        let mut wanted: Vec<_> = config.listen.iter().map(|&address| (address, Handshake::Tcp)).collect();
        wanted.extend(config.ws.iter().map(|&address| (address, Handshake::WebSocket)));
        #[cfg(feature = "tls")]
        let ca_pem = if config.wss.is_empty() {
            None
        } else {
            let Authority { acceptor, ca_pem } =
                Authority::new(config.tls).map_err(|source| StartError::Certificate { source })?;
            wanted.extend(config.wss.iter().map(|&address| (address, Handshake::Tls(acceptor.clone()))));
            Some(ca_pem)
        };
        let account = match &config.account {
            Some(path) => Some(Arc::new(
                account::Writer::create(path, config.seed)
                    .map_err(|source| StartError::Account { path: path.clone(), source })?,
            )),
            None => None,
        };
        let ledger = Arc::new(Ledger::new(account.clone()));
        let (stop, stopped) = watch::channel(false);
        let (report, reported) = mpsc::sync_channel(1);
        let serve = {
            let ledger = Arc::clone(&ledger);
            let stop = stop.clone();
            // The runtime is made and dropped in there, for another one may run where this is called.
            move || match open(&config, wanted) {
                Ok((runtime, doors)) => {
                    let _ = report.send(Ok(doors.iter().map(|door| (door.handshake.scheme(), door.address)).collect()));
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
        Ok(Self {
            addresses,
            urls,
            #[cfg(feature = "tls")]
            ca_pem,
            ledger,
            account,
            stop,
            thread: Some(thread),
        })
    }

    /// The addresses that it listens on, with their real ports: those for TCP, for WebSocket, and for
    /// WebSocket over TLS, each in the order of the configuration.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The same as URLs, such as `tcp://127.0.0.1:8601`.
    pub fn urls(&self) -> &[String] {
        &self.urls
    }

    /// The certificate of the authority that signed what the server shows, if it speaks TLS.
    #[cfg(feature = "tls")]
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca_pem.as_deref()
    }

    /// What was sent so far.
    pub fn sent(&self) -> Sent {
        self.ledger.sent()
    }

    /// Whether a replay has come to its end, and who listened was sent all of it.
    pub fn is_over(&self) -> bool {
        self.ledger.is_ended()
    }

    /// Tells every client `error` 52 and closes. Gives what was sent in all.
    pub fn shutdown(mut self) -> Sent {
        self.end();
        self.ledger.sent()
    }

    /// The same, where an account is told: it is whole then.
    ///
    /// # Errors
    /// It is not, since the file could not be written.
    pub fn shutdown_with_account(mut self) -> io::Result<Sent> {
        self.end();
        self.account.as_ref().map_or(Ok(()), |account| account.finish())?;
        Ok(self.ledger.sent())
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

fn open(config: &Config, wanted: Vec<(SocketAddr, Handshake)>) -> Result<(Runtime, Vec<Door>), StartError> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|source| StartError::Thread { source })?;
    let within = runtime.enter();
    let doors = (0..).zip(wanted).map(|(number, (address, handshake))| Door::open(config, number, address, handshake));
    let doors = doors.collect::<Result<_, _>>()?;
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
        let server = Rc::new(Server { rooms: Rc::new(rooms), kick: watch::Sender::new(()) });
        if let Feed::Replay(replay) = &server.rooms.config.feed {
            spawn_local(replay::perform(replay.clone(), Rc::clone(&server.rooms)));
        }
        for door in doors {
            spawn_local(attend(door, Rc::clone(&server), stopped.clone()));
        }
        let _ = stopped.wait_for(|&stopped| stopped).await;
        drop(stopped);
        // Every connection holds a receiver: none left means that all are gone.
        let _ = timeout(FAREWELL, stop.closed()).await;
    });
}

/// What all connections share.
pub(crate) struct Server {
    pub(crate) rooms: Rc<Rooms>,
    /// Drops them all.
    pub(crate) kick: watch::Sender<()>,
}

/// Lets clients in until the end. Those whose fate it is to be refused find the port closed for a while.
async fn attend(mut door: Door, server: Rc<Server>, mut stop: watch::Receiver<bool>) {
    let Rooms { config, ledger, .. } = &*server.rooms;
    let mut visitor = 0;
    loop {
        let fate = config.chaos.fate(config.seed, door.number, visitor);
        if let Some(time) = fate.time(Fault::Refuse) {
            // If someone else was quicker to take the port, nobody reaches us there either.
            let _ = door.shut();
            ledger.inject(Fault::Refuse);
            tokio::select! {
                () = sleep(time.max(PAUSE)) => visitor += 1,
                _ = stop.changed() => return,
            }
            continue;
        }
        let accepted = tokio::select! {
            accepted = door.accept() => accepted,
            _ = stop.changed() => return,
        };
        let Ok((stream, client)) = accepted else {
            // Mostly too many open files: some may be closed in a moment.
            sleep(PAUSE).await;
            continue;
        };
        visitor += 1;
        // Without it, bursts wait for acknowledgements. A connection that refuses is about to end anyway.
        let _ = stream.set_nodelay(true);
        let guest = Guest {
            session: ledger.accept(),
            stream: Rc::new(stream),
            address: client,
            handshake: door.handshake.clone(),
            faults: Rc::new(Faults::new(fate, Instant::now(), Arc::clone(ledger))),
        };
        spawn_local(connection::serve(guest, Rc::clone(&server), stop.clone()));
    }
}
