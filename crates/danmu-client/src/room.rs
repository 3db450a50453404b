//! A room kept open: dial, drive, back off, and again, over one link or several, until it is dropped.

use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll};

use danmu_proto::session::{self, Reason, ServerError};
use danmu_proto::{LinkId, RoomId, Session};
use futures_core::Stream;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, timeout_at};

use crate::backoff::Backoff;
use crate::budget::Budget;
use crate::clock::after;
use crate::config::Config;
use crate::dial::{Dial, DialError, Net};
use crate::drive::{Ended, drive};
use crate::endpoint::{Endpoint, Pool};
use crate::event::{Event, Lost, Status};
use crate::outlet::Outlet;
use crate::passage::Passage;
use crate::queue::{Events, Hub, Overflow};
use crate::standby::{MAX_LINKS, Merge};
use crate::stop::{self, Stop};

/// One room as a stream of events, kept open by a task on the tokio runtime that [`Room::open`] was called on.
///
/// Dropping it logs out and closes. If it is not read, nothing is lost at first: the link stops reading when
/// [`Config::queue_bytes`] are waiting, and only after [`Config::blocked`] reads on and drops.
///
/// Each room has its own budget of connections and learns of the servers' health by itself: for many, use
/// [`Rooms`](crate::Rooms).
#[derive(Debug)]
pub struct Room {
    events: Events,
    _stop: Stop,
}

impl Room {
    /// Opens a room, and keeps it open.
    ///
    /// # Panics
    /// If called outside of a tokio runtime.
    pub fn open(room: RoomId, config: Config) -> Self {
        let dial = Net::new(&config);
        Self::open_with(room, config, dial)
    }

    /// Opens a room through a dialler of your own.
    ///
    /// # Panics
    /// If called outside of a tokio runtime.
    pub fn open_with(room: RoomId, config: Config, dial: impl Dial) -> Self {
        Self::open_knowing(room, config, dial, [""; 0])
    }

    /// The same of a room that was listened to until a moment ago: messages with these ids are known, and not heard again.
    ///
    /// # Panics
    /// If called outside of a tokio runtime.
    pub fn open_knowing(
        room: RoomId,
        config: Config,
        dial: impl Dial,
        ids: impl IntoIterator<Item: AsRef<str>>,
    ) -> Self {
        let hub = Arc::new(Hub::default());
        let events = hub.subscribe(Overflow::Wait, config.queue_bytes);
        let shared = Arc::new(Shared::new(dial, config, None));
        let stop = keep_open(room, &shared, hub, ids, &Handle::current());
        Self { events, _stop: stop }
    }

    /// The next event. Rooms never end by themselves: there is always one, sooner or later.
    pub async fn next(&mut self) -> Option<Event> {
        self.events.next().await
    }
}

impl Stream for Room {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        Pin::new(&mut self.events).poll_next(cx)
    }
}

/// What rooms that are kept open together have in common.
#[derive(Debug)]
pub(crate) struct Shared<D> {
    config: Config,
    dial: D,
    pool: Arc<Pool>,
    budget: Budget,
    /// Dropped with the last of the rooms, for one who waits for that.
    _open: Option<mpsc::Sender<()>>,
}

impl<D> Shared<D> {
    pub(crate) fn new(dial: D, config: Config, open: Option<mpsc::Sender<()>>) -> Self {
        let pool = Arc::new(Pool::new(&config.endpoints));
        let budget = Budget::new(config.connects_per_second);
        Self { config, dial, pool, budget, _open: open }
    }

    /// Whether a link lived for as long as it should.
    fn is_healthy(&self, ended: &Ended) -> bool {
        ended.joined.is_some_and(|joined| joined.elapsed() >= self.config.healthy)
    }

    /// Whether the end of a link speaks against its server.
    fn is_bad(&self, ended: &Ended) -> bool {
        let lost = &ended.lost;
        let shuts_down = matches!(lost, Lost::Session(Reason::Server(ServerError::ShuttingDown)));
        shuts_down || !(self.is_healthy(ended) || lost.is_logout() || lost.is_refusal())
    }

    /// A session that begins now, and has until `deadline` to log in.
    fn session(&self, room: RoomId, deadline: Instant) -> Session {
        let now = Instant::now();
        let mut settings = session::Config::new(room);
        settings.heartbeat = self.config.heartbeat;
        settings.silence = self.config.silence;
        settings.packet = self.config.packet;
        settings.login = deadline.saturating_duration_since(now);
        Session::new(now.into_std(), settings)
    }
}

/// Keeps a room open, as tasks of `runtime`, until what it returns is dropped. Messages with these ids are no news.
///
/// Each link is a task and nothing more: thousands of idle ones take no more memory than they must, which
/// `cargo bench -p danmu --bench limits -- rooms` shows. What is large and soon over is boxed for that reason.
pub(crate) fn keep_open<D: Dial>(
    room: RoomId,
    shared: &Arc<Shared<D>>,
    hub: Arc<Hub>,
    ids: impl IntoIterator<Item: AsRef<str>>,
    runtime: &Handle,
) -> Stop {
    let Shared { config, pool, .. } = &**shared;
    let (stop, stopped) = stop::channel();
    let mut merge = Merge::new(config.merge_bytes);
    let now = Instant::now().into_std();
    ids.into_iter().for_each(|id| merge.recall(id.as_ref(), now));
    let out = Arc::new(Outlet::new(room, config, Arc::clone(pool), hub, merge, stopped));
    for _ in 0..config.links.clamp(1, MAX_LINKS) {
        runtime.spawn(keep_link(Arc::clone(shared), Arc::clone(&out)));
    }
    stop
}

/// Keeps one link of a room until it is to stop.
async fn keep_link<D: Dial>(shared: Arc<Shared<D>>, out: Arc<Outlet>) {
    let mut backoff = Backoff::new(shared.config.pause_min, shared.config.pause_max);
    while take_turn(&shared, &out).await.is_some() {
        let pause = {
            let mut passage = Passage::new(next_link(), &out);
            let ended = connect_and_drive(&shared, &mut passage).await;
            passage.lost(&ended);
            if ended.lost.is_logout() || out.stop.is_said() {
                return;
            }
            let healthy = shared.is_healthy(&ended);
            if ended.lost.is_refusal() { backoff.refused() } else { backoff.pause(healthy, fastrand::f64()) }
        };
        out.status(Status::Waiting { pause, failures: backoff.failures() });
        if out.stop.or(pin!(sleep(pause))).await.is_none() {
            return;
        }
    }
}

/// Waits until a connection may be opened; `None` if the room is to be closed first.
async fn take_turn<D: Dial>(shared: &Shared<D>, out: &Outlet) -> Option<()> {
    let server = out.next_server();
    out.stop.or(pin!(shared.budget.turn(&server.host))).await
}

/// One link, from nothing to its end. One deadline covers look-up, connection and login.
async fn connect_and_drive<D: Dial>(shared: &Shared<D>, passage: &mut Passage<'_>) -> Ended {
    // The turn may have been long in coming, and the ranking another by now.
    let server = passage.take_server();
    let deadline = after(shared.config.connect);
    let mut io = match connect(shared, &server, passage.out(), deadline).await {
        Ok(io) => io,
        Err(unconnected) => return unconnected,
    };
    let mut session = shared.session(passage.out().room, deadline);
    let mut ended = drive(&mut io, &mut session, passage).await;
    if let Lost::Session(Reason::NoLogin(waited)) = &mut ended.lost {
        // The session knows only what the connection left of the time.
        *waited = shared.config.connect;
    }
    if shared.is_bad(&ended) {
        shared.pool.failed(&server);
        shared.dial.died_young(&io);
    }
    ended
}

/// Dials until `deadline`.
async fn connect<D: Dial>(
    shared: &Shared<D>,
    server: &Arc<Endpoint>,
    out: &Outlet,
    deadline: Instant,
) -> Result<D::Io, Ended> {
    let Shared { config, dial, pool, .. } = shared;
    out.status(Status::Connecting(Arc::clone(server)));
    let heard_us = out.clock.now_us();
    let dialled = match out.stop.or(Box::pin(timeout_at(deadline, dial.dial(server)))).await {
        Some(Ok(dialled)) => dialled.map_err(|error| Arc::new(error).into()),
        Some(Err(_)) => {
            let error = DialError::TimedOut { endpoint: Endpoint::clone(server), after: config.connect };
            Err(Arc::new(error).into())
        }
        None => Err(Reason::LoggedOut.into()),
    };
    dialled.map_err(|lost: Lost| {
        if !lost.is_logout() {
            pool.failed(server);
        }
        Ended { lost, connected: false, joined: None, heard_us }
    })
}

fn next_link() -> LinkId {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    LinkId(NEXT.fetch_add(1, Ordering::Relaxed))
}

#[cfg(test)]
mod tests;
