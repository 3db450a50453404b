//! The outlet of a room: what its links hear is merged, and told to the subscribers.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use danmu_proto::{Batch, LinkId, RoomId};
use tokio::time::Instant;

use crate::clock::Clock;
use crate::config::Config;
use crate::drive::Ended;
use crate::endpoint::{Endpoint, Pool};
use crate::event::{Event, Status};
use crate::listening::{Gap, Listening};
use crate::queue::Hub;
use crate::standby::Merge;
use crate::stop::Stopped;

/// Where all links of a room put what they hear.
#[derive(Debug)]
pub(crate) struct Outlet {
    pub(crate) room: RoomId,
    pub(crate) clock: Clock,
    /// How long to wait for a full subscriber.
    pub(crate) blocked: Duration,
    /// Tells the links that the room is to be closed.
    pub(crate) stop: Stopped,
    pool: Arc<Pool>,
    hub: Arc<Hub>,
    /// Links of a room share a thread, so that nobody ever waits for it.
    links: Mutex<Links>,
}

/// What the links of a room know together.
#[derive(Debug)]
struct Links {
    merge: Merge,
    listening: Listening,
    /// Where links are connected, or about to be.
    servers: Vec<(LinkId, Arc<Endpoint>)>,
}

impl Links {
    fn server(&self, of: LinkId) -> Arc<Endpoint> {
        let (_, server) = self.servers.iter().find(|(link, _)| *link == of).expect("a link takes a server first");
        Arc::clone(server)
    }
}

impl Outlet {
    pub(crate) fn new(
        room: RoomId,
        config: &Config,
        pool: Arc<Pool>,
        hub: Arc<Hub>,
        merge: Merge,
        stop: Stopped,
    ) -> Self {
        let links = Links { merge, listening: Listening::default(), servers: Vec::new() };
        let Config { clock, blocked, .. } = config;
        Self { room, clock: clock.clone(), blocked: *blocked, stop, pool, hub, links: Mutex::new(links) }
    }

    /// The server that a link would connect to now: one that no other link of the room uses, if there is one.
    pub(crate) fn next_server(&self) -> Arc<Endpoint> {
        let taken: Vec<_> = self.links().servers.iter().map(|(_, server)| Arc::clone(server)).collect();
        self.pool.pick(&taken)
    }

    /// The same, and the link uses it until it is lost.
    pub(crate) fn take_server(&self, link: LinkId) -> Arc<Endpoint> {
        let server = self.next_server();
        let servers = &mut self.links().servers;
        servers.reserve_exact(1);
        servers.push((link, Arc::clone(&server)));
        server
    }

    /// A link joined the room, over the server that it has taken.
    pub(crate) fn joined(&self, link: LinkId) {
        let (room, at_us) = (self.room, self.clock.now_us());
        let (server, gap) = {
            let mut links = self.links();
            links.merge.joined(link);
            (links.server(link), links.listening.joined(link, at_us))
        };
        self.pool.good(&server);
        self.hub.offer(&Event::Joined { room, link, server, at_us });
        self.gaps(gap);
    }

    /// Passes on what a link heard, and leaves out what another link has heard before. Gives how many messages that
    /// were.
    pub(crate) fn heard(&self, mut batch: Batch, link: LinkId, heard_us: i64) -> u64 {
        let mut links = self.links();
        links.listening.heard(link, heard_us);
        let duplicates = batch.retain(links.merge.news(link, Instant::now().into_std()));
        drop(links);
        if !batch.is_empty() {
            self.hub.offer(&Event::Records(batch.freeze(self.room, link, heard_us)));
        }
        duplicates as u64
    }

    pub(crate) fn duplicates(&self, link: LinkId, messages: u64) {
        self.hub.offer(&Event::Duplicates { room: self.room, link, messages });
    }

    pub(crate) fn dropped(&self, link: LinkId, messages: u64, control: u64, from_us: i64, to_us: i64) {
        self.hub.offer(&Event::Dropped { room: self.room, link, messages, control, from_us, to_us });
    }

    pub(crate) fn has_room(&self) -> bool {
        self.hub.has_room(self.room)
    }

    pub(crate) async fn room(&self) {
        self.hub.room(self.room).await;
    }

    pub(crate) fn lost(&self, link: LinkId, ended: &Ended) {
        let Ended { lost: reason, connected, joined, heard_us } = ended;
        tracing::debug!(room = %self.room, %link, %reason, "link lost");
        let gaps = {
            let mut links = self.links();
            links.merge.left(link);
            links.servers.retain(|(other, _)| *other != link);
            links.listening.lost(link, *heard_us, reason)
        };
        self.hub.offer(&Event::Lost {
            room: self.room,
            link: connected.then_some(link),
            joined: joined.is_some(),
            reason: reason.clone(),
            heard_us: *heard_us,
            at_us: self.clock.now_us(),
        });
        self.gaps(gaps);
    }

    pub(crate) fn status(&self, status: Status) {
        self.hub.offer(&Event::Status { room: self.room, status });
    }

    fn gaps(&self, gaps: impl IntoIterator<Item = Gap>) {
        for Gap { from_us, to_us, reason } in gaps {
            self.hub.offer(&Event::Gap { room: self.room, from_us, to_us, reason });
        }
    }

    fn links(&self) -> MutexGuard<'_, Links> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
