//! One room with callbacks: the client of the Python tutorial on `asyncore`, step by step, and without its faults.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use danmu_client::{DataPacket, DouyuClient, RoomId};
//!
//! fn data_callback(client: &DouyuClient, dp: DataPacket<'_>) {
//!     let resp_data = dp.fields();
//!     match &*dp.kind() {
//!         "loginres" => {
//!             println!("登录成功: {resp_data:?}");
//!             client.join_room_group();
//!         }
//!         "chatmsg" => println!("{}:{}", resp_data.text("nn"), resp_data.text("txt")),
//!         "onlinegift" => println!("暴击鱼丸"),
//!         "uenter" => println!("{} 进入了房间", resp_data.text("nn")),
//!         _ => {}
//!     }
//! }
//!
//! let client = DouyuClient::connect("danmuproxy.douyu.com", 8601, data_callback);
//! client.login_room_id(RoomId::new(4494106).expect("this is a room number"));
//! client.run(Duration::from_secs(10))?;
//! # Ok::<(), danmu_client::callback::RunError>(())
//! ```
//!
//! Two threads: the loop in [`run`](DouyuClient::run), and the one that calls back.
//!
//! ```text
//! socket ─▶ asyncore loop ─▶ Session ─▶ queue, bounded in bytes ─▶ your callback
//!                 ▲                                                    │
//!                 └── login, join, send, ping, logout: from any thread ┘
//! ```
//!
//! # From the tutorial
//!
//! | tutorial | here | what is repaired |
//! |---|---|---|
//! | `DouyuClient(host, port, callback)` | [`DouyuClient::connect`] | A host that does not exist, refuses or does not answer is an error with a name, after 15 s at most. |
//! | `asyncore.loop(timeout=10)` | [`DouyuClient::run`] | What is queued from elsewhere goes out at once: the tutorial joins the room up to 10 s after `loginres`. Says why it ended. |
//! | `login_room_id(room_id)` | [`login_room_id`](DouyuClient::login_room_id) | An unanswered login ends the connection after 15 s. |
//! | `join_room_group()` | [`join_room_group`](DouyuClient::join_room_group) | May be called at any time; goes out as soon as the login is answered, and again after a reconnect. |
//! | `DataPacket(data_bytes=…)`, `dp.content` | [`DataPacket`] | Text is UTF-8 or not: bad bytes become U+FFFD and stop nothing (the tutorial's `str(…, 'utf-8')` raises). |
//! | `DataPacket(content=…)`, `send_queue` | [`send`](DouyuClient::send) | What the socket does not take at once is kept (the tutorial forgets the rest of a short write). |
//! | `handle_read` with `recv(4)`, `recv(length)` | the session | TCP cuts anywhere. The tutorial takes a short read for a packet and never finds the next one. A header that cannot be right ends the connection, and no length is believed before its bytes have come. |
//! | `recv_queue`, `callback_thread` | the queue and its thread | Bounded: while it is full the socket is not read and nothing is lost (the tutorial's grows without end). A panic in a callback is printed, and the next packet comes as if nothing had been (an exception ends the tutorial's thread, and nobody notices). |
//! | `decode_to_dict` | [`DataPacket::fields`] | The first of a repeated key counts, and all are there (a `dict` keeps the last). What comes after a second `@=` stays. Each value is unescaped once: `@AS` is `@S` and not `/`. |
//! | `resp_data["type"]`, `["nn"]`, `["txt"]` | [`DataPacket::kind`], [`fields`](DataPacket::fields), [`message`](DataPacket::message) | What is missing is empty (`KeyError` in the tutorial, and the end of its thread). |
//! | `start_ping()`, `stop_ping()`, `do_ping` | [`start_ping`](DouyuClient::start_ping), [`stop_ping`](DouyuClient::stop_ping) | Heartbeats go out by themselves every 45 s from the answered login on, until stopped. The tutorial never starts its heartbeat thread, and the server cuts it off. |
//! | `handle_connect`, `handle_close` | [`Event`], with [`connect_with`](DouyuClient::connect_with) | A server that says nothing for 100 s counts as gone. |
//! | – | [`logout`](DouyuClient::logout) | The tutorial's text asks for it, its program does not do it. |
//! | – | [`reconnect`](DouyuClient::reconnect) | Same room, new login, joined again, after a pause that grows. |

mod config;
mod event;
mod link;
mod queue;

use std::fmt;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use asyncore::{Handle, Loop, Token};
use danmu_proto::RoomId;
use thiserror::Error;

use crate::backoff::Backoff;
use link::Link;
use queue::{Callback, Sender};

pub use config::Config;
pub use event::{Closed, DataPacket, Event};

/// A connection that lives this long does not count as a failure.
const HEALTHY: Duration = Duration::from_secs(60);

/// A client for one room, with a callback for what it hears.
///
/// It is a handle: cheap to clone, and every method works from any thread and from inside the callback. Methods never
/// wait, but for [`run`](Self::run). What they ask for before there is a connection happens once there is one.
#[derive(Clone)]
pub struct DouyuClient(Arc<Shared>);

struct Shared {
    host: String,
    port: u16,
    config: Config,
    /// Until `run` takes it.
    callback: Mutex<Option<Box<Callback>>>,
    wishes: Mutex<Wishes>,
    /// Told when a wish changes.
    changed: Condvar,
}

/// What the user wants: a state rather than a list of commands, so that a new connection can be brought to it.
#[expect(clippy::struct_excessive_bools, reason = "each is a wish of its own")]
struct Wishes {
    room: Option<RoomId>,
    join: bool,
    ping: bool,
    reconnect: bool,
    leave: bool,
    /// Requests that no session has taken yet.
    requests: Vec<String>,
    /// Who is to hear of changes.
    link: Option<(Handle, Token)>,
}

/// Why [`DouyuClient::run`] did not end with a logout.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RunError {
    /// `run` was called before. It is for one time: connect another client.
    #[error("this client runs or has run already: connect another one")]
    AlreadyRun,
    /// The system has no descriptors or no thread for us.
    #[error("cannot run the event loop")]
    System(#[source] io::Error),
    /// The connection is over, or there never was one, and no reconnect is wanted.
    #[error(transparent)]
    Closed(#[from] Closed),
}

impl DouyuClient {
    /// A client of the server at `host` and `port`, which [`run`](Self::run) connects to. `callback` gets every packet.
    pub fn connect(
        host: impl Into<String>,
        port: u16,
        mut callback: impl FnMut(&Self, DataPacket<'_>) + Send + 'static,
    ) -> Self {
        Self::connect_with(host, port, Config::default(), move |client, event| {
            if let Event::Packet(dp) = event {
                callback(client, dp);
            }
        })
    }

    /// Like [`connect`](Self::connect), with settings, and with a callback that hears of connections too.
    ///
    /// The callback has a thread of its own, and may take its time. If it panics, the panic is reported as that of any
    /// thread is (on standard error, unless [`std::panic::set_hook`] says otherwise), and the next event follows.
    pub fn connect_with(
        host: impl Into<String>,
        port: u16,
        config: Config,
        callback: impl FnMut(&Self, Event<'_>) + Send + 'static,
    ) -> Self {
        let wishes = Wishes {
            room: None,
            join: false,
            ping: true,
            reconnect: false,
            leave: false,
            requests: Vec::new(),
            link: None,
        };
        Self(Arc::new(Shared {
            host: host.into(),
            port,
            config,
            callback: Mutex::new(Some(Box::new(callback))),
            wishes: Mutex::new(wishes),
            changed: Condvar::new(),
        }))
    }

    /// Logs in to a room, as a guest. A client is for one room: only the first call counts. Until then, nothing that
    /// the server says is read.
    pub fn login_room_id(&self, room: RoomId) {
        self.wish(|wishes| {
            wishes.room.get_or_insert(room);
        });
    }

    /// Joins group −9999, which hears all of the room, as soon as the login is answered.
    pub fn join_room_group(&self) {
        self.wish(|wishes| wishes.join = true);
    }

    /// Sends a request of your own, such as `type@=keeplive/tick@=1700000000/`, after the login.
    pub fn send(&self, payload: impl Into<String>) {
        self.wish(|wishes| wishes.requests.push(payload.into()));
    }

    /// Sends heartbeats from the answered login on, as is the default. The next is due when it would have been without
    /// a pause, or at once.
    pub fn start_ping(&self) {
        self.wish(|wishes| wishes.ping = true);
    }

    /// Sends no heartbeats, on this connection and the next, until [`start_ping`](Self::start_ping). The server will
    /// end the connection after some minutes; that it says nothing no longer does.
    pub fn stop_ping(&self) {
        self.wish(|wishes| wishes.ping = false);
    }

    /// Whether to connect anew when a connection is lost or does not come about. Default: no, as in the tutorial.
    pub fn reconnect(&self, wanted: bool) {
        self.wish(|wishes| wishes.reconnect = wanted);
    }

    /// Says good-bye, waits a second at most for the server to close, and ends [`run`](Self::run). For good.
    pub fn logout(&self) {
        self.wish(|wishes| wishes.leave = true);
    }

    /// Connects, and runs until the connection is over and no reconnect is wanted. Before it returns, the callback has
    /// had all that was heard.
    ///
    /// As in the tutorial, `timeout` is how long one wait of the loop may take. Nothing has to wait for it here, so any
    /// will do, and `None` too.
    ///
    /// # Errors
    /// Why there is no connection any more, unless by [`logout`](Self::logout).
    pub fn run(&self, timeout: impl Into<Option<Duration>>) -> Result<(), RunError> {
        let callback = lock(&self.0.callback).take().ok_or(RunError::AlreadyRun)?;
        let event_loop = Loop::new().map_err(RunError::System)?;
        let (sender, receiver) = queue::bounded(self.0.config.queue_bytes);
        let timeout = timeout.into();
        // Owns the sender: the scope waits for the receiver, and that waits for all senders to be gone.
        thread::scope(move |scope| {
            thread::Builder::new()
                .name("danmu-callback".to_owned())
                .spawn_scoped(scope, move || receiver.call(callback, self))
                .map_err(RunError::System)?;
            let result = self.keep_open(event_loop, timeout, &sender);
            drop(sender);
            result
        })
    }

    fn keep_open(&self, mut event_loop: Loop, timeout: Option<Duration>, out: &Sender) -> Result<(), RunError> {
        let mut backoff = Backoff::new(self.0.config.pause_min, self.0.config.pause_max);
        loop {
            if self.wishes().leave {
                return Ok(());
            }
            let (link, ended) = Link::new(self.clone(), out.clone());
            self.dial(&mut event_loop, link);
            event_loop.run(timeout).map_err(RunError::System)?;
            let ended = ended.take().expect("a loop that has run has closed all its links");
            let pause = self.may_reconnect().then(|| {
                let healthy = ended.joined.is_some_and(|joined| joined.elapsed() >= HEALTHY);
                backoff.pause(healthy, fastrand::f64())
            });
            out.closed(ended.reason.clone(), pause);
            match pause {
                Some(pause) if self.pause(pause) => {}
                _ if self.wishes().leave => return Ok(()),
                _ => return Err(ended.reason.into()),
            }
        }
    }

    fn dial(&self, event_loop: &mut Loop, link: Link) {
        let shared = &*self.0;
        // Locked throughout, so that no wish falls between the connection and the one who is to hear of it.
        let mut wishes = self.wishes();
        let address = (shared.host.clone(), shared.port);
        let token = event_loop.dispatchers().connect_timeout(address, shared.config.connect, link);
        wishes.link = Some((event_loop.handle(), token));
    }

    fn may_reconnect(&self) -> bool {
        let wishes = self.wishes();
        wishes.reconnect && !wishes.leave
    }

    /// Waits before the next connection. Whether there shall be one.
    fn pause(&self, pause: Duration) -> bool {
        let wanted = |wishes: &mut Wishes| wishes.reconnect && !wishes.leave;
        drop(self.0.changed.wait_timeout_while(self.wishes(), pause, wanted));
        self.may_reconnect()
    }

    fn wish(&self, change: impl FnOnce(&mut Wishes)) {
        let mut wishes = self.wishes();
        change(&mut wishes);
        if let Some((handle, token)) = &wishes.link {
            handle.wake(*token);
        }
        self.0.changed.notify_all();
    }

    /// Has the link look up again from what it is doing.
    fn wake(&self) {
        self.wish(|_| {});
    }

    fn wishes(&self) -> MutexGuard<'_, Wishes> {
        lock(&self.0.wishes)
    }
}

impl fmt::Debug for DouyuClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shared { host, port, .. } = &*self.0;
        f.debug_struct("DouyuClient").field("host", host).field("port", port).finish_non_exhaustive()
    }
}

/// What is behind these locks is whole at every moment, so a panic elsewhere does not spoil it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
