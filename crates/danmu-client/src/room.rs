//! A room kept open: dial, drive, back off, and again, over one link or several, until it is dropped.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use danmu_proto::session::{self, Reason, ServerError};
use danmu_proto::{LinkId, RoomId, Session};
use futures_core::Stream;
use tokio::sync::watch;
use tokio::task::JoinSet;
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
use crate::queue::{Events, Hub, Overflow};
use crate::standby::{MAX_LINKS, Merge};

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
    _stop: watch::Sender<bool>,
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
        let (stop, stopped) = watch::channel(false);
        let mut merge = Merge::new(config.merge_bytes);
        let now = Instant::now().into_std();
        ids.into_iter().for_each(|id| merge.recall(id.as_ref(), now));
        tokio::spawn(keep_open(room, Arc::new(Shared::new(dial, config)), hub, merge, stopped));
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
}

impl<D> Shared<D> {
    pub(crate) fn new(dial: D, config: Config) -> Self {
        let pool = Arc::new(Pool::new(&config.endpoints));
        let budget = Budget::new(config.connects_per_second);
        Self { config, dial, pool, budget }
    }
}

/// Keeps a room open until `stop` turns true. What `merge` knows already is not news.
pub(crate) async fn keep_open<D: Dial>(
    room: RoomId,
    shared: Arc<Shared<D>>,
    hub: Arc<Hub>,
    merge: Merge,
    stop: watch::Receiver<bool>,
) {
    let out = Arc::new(Outlet::new(room, &shared.config, Arc::clone(&shared.pool), hub, merge));
    let mut standbys = JoinSet::new();
    for _ in 1..shared.config.links.min(MAX_LINKS) {
        standbys.spawn(keep_link(Arc::clone(&shared), Arc::clone(&out), stop.clone()));
    }
    keep_link(shared, out, stop).await;
    while standbys.join_next().await.is_some() {}
}

/// Keeps one link of a room until `stop` turns true.
async fn keep_link<D: Dial>(shared: Arc<Shared<D>>, out: Arc<Outlet>, mut stop: watch::Receiver<bool>) {
    let Shared { config, budget, .. } = &*shared;
    let mut backoff = Backoff::new(config.pause_min, config.pause_max, config.healthy);
    loop {
        if stopped(&mut stop, budget.turn(&out.next_server().host)).await.is_none() {
            return;
        }
        let link = next_link();
        // The turn may have been long in coming, and the ranking another by now.
        let server = out.take_server(link);
        let ended = connect_and_drive(&shared, link, server, &out, &mut stop).await;
        out.lost(link, &ended);
        if ended.lost.is_logout() || *stop.borrow() {
            return;
        }
        let lived = ended.joined.map(|joined| joined.elapsed());
        let pause = if ended.lost.is_refusal() { backoff.refused() } else { backoff.pause(lived, fastrand::f64()) };
        out.status(Status::Waiting { pause, failures: backoff.failures() });
        if stopped(&mut stop, sleep(pause)).await.is_none() {
            return;
        }
    }
}

/// One link, from nothing to its end. One deadline covers look-up, connection and login.
async fn connect_and_drive<D: Dial>(
    shared: &Shared<D>,
    link: LinkId,
    server: Arc<Endpoint>,
    out: &Outlet,
    stop: &mut watch::Receiver<bool>,
) -> Ended {
    let Shared { config, dial, pool, .. } = shared;
    out.status(Status::Connecting(Arc::clone(&server)));
    let heard_us = out.clock.now_us();
    let unconnected = |lost| Ended { lost, connected: false, joined: None, heard_us };
    let deadline = after(config.connect);
    let dialled = match stopped(stop, timeout_at(deadline, dial.dial(&server))).await {
        Some(Ok(dialled)) => dialled,
        Some(Err(_)) => Err(DialError::TimedOut { endpoint: Endpoint::clone(&server), after: config.connect }),
        None => return unconnected(Reason::LoggedOut.into()),
    };
    let mut io = match dialled {
        Ok(io) => io,
        Err(error) => {
            pool.failed(&server);
            return unconnected(Arc::new(error).into());
        }
    };
    let now = Instant::now();
    let mut settings = session::Config::new(out.room);
    settings.heartbeat = config.heartbeat;
    settings.silence = config.silence;
    settings.packet = config.packet;
    settings.login = deadline.saturating_duration_since(now);
    let mut ended = drive(&mut io, Session::new(now.into_std(), settings), link, &server, out, stop).await;
    if let Lost::Session(Reason::NoLogin(waited)) = &mut ended.lost {
        // The session knows only what the connection left of the time.
        *waited = config.connect;
    }
    let young = ended.joined.is_none_or(|joined| joined.elapsed() < config.healthy);
    let shuts_down = matches!(ended.lost, Lost::Session(Reason::Server(ServerError::ShuttingDown)));
    if (young && !ended.lost.is_logout() && !ended.lost.is_refusal()) || shuts_down {
        pool.failed(&server);
        dial.died_young(&io);
    }
    ended
}

/// What `future` gives, or `None` if `stop` turns true first.
async fn stopped<T>(stop: &mut watch::Receiver<bool>, future: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        _ = stop.wait_for(|&stop| stop) => None,
        done = future => Some(done),
    }
}

fn next_link() -> LinkId {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    LinkId(NEXT.fetch_add(1, Ordering::Relaxed))
}

#[cfg(test)]
mod tests;
