//! Sent: what the simulator counts, so that a test can compare it with what arrived.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use danmu_proto::{RoomId, message};

use crate::account::{self, Digest};
use crate::chaos::Fault;
use crate::feed::Burst;

/// Of closed connections, the counts of this many are kept in each room.
const CLOSED_KEPT: usize = 256;
/// The times of this many connections are kept.
const ACCEPTS_KEPT: usize = 16_384;

/// What was sent since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Connections accepted.
    pub accepted: u64,
    /// When they were, since the start; the last 16,384.
    pub accepts: Vec<Duration>,
    /// How often each mode of chaos did what it does, by its name; those that never did are not in here. Closed ports
    /// count by the time that they are closed for, all others by the connection.
    pub injected: BTreeMap<&'static str, u64>,
    /// Every room that was joined.
    pub rooms: BTreeMap<RoomId, RoomSent>,
}

impl Sent {
    /// Messages put into sockets, over all rooms and connections.
    pub fn messages(&self) -> u64 {
        self.rooms.values().map(|room| room.messages).sum()
    }

    /// The most connections that were accepted within any stretch of time of this length.
    pub fn peak_accepts(&self, within: Duration) -> usize {
        let mut first = 0;
        let stretch = |(last, &at): (usize, &Duration)| {
            while at.saturating_sub(self.accepts[first]) >= within && first < last {
                first += 1;
            }
            last + 1 - first
        };
        self.accepts.iter().enumerate().map(stretch).max().unwrap_or(0)
    }
}

/// What was sent in one room. Control is not counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoomSent {
    /// Messages that were there to be heard. A scenario is the same for all who listen, and each of its messages counts
    /// once; a tape is played to each connection, and counts each time.
    pub fed: u64,
    /// Messages put into sockets, over all connections.
    pub messages: u64,
    /// Each connection in the order of joining; of the closed ones, the last 256.
    pub connections: Vec<ConnectionSent>,
}

/// What was sent to one connection while it heard one room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionSent {
    /// The client's address.
    pub client: SocketAddr,
    /// Messages put into the socket, to their last byte.
    pub messages: u64,
    /// Whether it still hears the room.
    pub open: bool,
}

/// The counts while they grow. The server's thread counts, any thread may ask.
#[derive(Debug)]
pub(crate) struct Ledger {
    start: Instant,
    accepted: AtomicU64,
    accepts: Mutex<VecDeque<Duration>>,
    injected: Mutex<BTreeMap<&'static str, u64>>,
    ended: AtomicBool,
    rooms: Mutex<BTreeMap<RoomId, Arc<RoomLedger>>>,
    /// Where it is told message by message, if it is.
    account: Option<Arc<account::Writer>>,
}

#[derive(Debug)]
pub(crate) struct RoomLedger {
    room: RoomId,
    account: Option<Arc<account::Writer>>,
    fed: AtomicU64,
    messages: AtomicU64,
    tallies: Mutex<Vec<Arc<Tally>>>,
}

/// The counts of one connection in one room.
#[derive(Debug)]
pub(crate) struct Tally {
    room: Arc<RoomLedger>,
    connection: u64,
    client: SocketAddr,
    messages: AtomicU64,
    open: AtomicBool,
}

impl Ledger {
    /// The books of a server that starts now.
    pub(crate) fn new(account: Option<Arc<account::Writer>>) -> Self {
        Self {
            start: Instant::now(),
            accepted: AtomicU64::new(0),
            accepts: Mutex::default(),
            injected: Mutex::default(),
            ended: AtomicBool::new(false),
            rooms: Mutex::default(),
            account,
        }
    }

    /// Counts a connection, and gives its number: 1, 2, 3 …
    pub(crate) fn accept(&self) -> u64 {
        let mut accepts = lock(&self.accepts);
        if accepts.len() == ACCEPTS_KEPT {
            accepts.pop_front();
        }
        accepts.push_back(self.start.elapsed());
        self.accepted.fetch_add(1, Relaxed) + 1
    }

    /// Counts a fault that came true.
    pub(crate) fn inject(&self, fault: Fault) {
        *lock(&self.injected).entry(fault.name()).or_default() += 1;
    }

    /// A replay is over.
    pub(crate) fn end(&self) {
        self.ended.store(true, Relaxed);
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.ended.load(Relaxed)
    }

    pub(crate) fn room(&self, room: RoomId) -> Arc<RoomLedger> {
        let new = || {
            Arc::new(RoomLedger {
                room,
                account: self.account.clone(),
                fed: AtomicU64::new(0),
                messages: AtomicU64::new(0),
                tallies: Mutex::default(),
            })
        };
        Arc::clone(lock(&self.rooms).entry(room).or_insert_with(new))
    }

    pub(crate) fn sent(&self) -> Sent {
        let rooms = lock(&self.rooms);
        let rooms = rooms.iter().map(|(&room, ledger)| (room, ledger.sent())).collect();
        Sent {
            accepted: self.accepted.load(Relaxed),
            accepts: lock(&self.accepts).iter().copied().collect(),
            injected: lock(&self.injected).clone(),
            rooms,
        }
    }
}

impl RoomLedger {
    /// Counts what is there to be heard.
    pub(crate) fn feed(&self, burst: &Burst) {
        self.fed.fetch_add(burst.messages, Relaxed);
        if let Some(account) = &self.account {
            account.said(self.room, now_us(), &digests(burst, burst.bytes.len()));
        }
    }

    /// Opens the counts of the connection with this number.
    pub(crate) fn tally(self: &Arc<Self>, connection: u64, client: SocketAddr) -> Arc<Tally> {
        let tally = Arc::new(Tally {
            room: Arc::clone(self),
            connection,
            client,
            messages: AtomicU64::new(0),
            open: AtomicBool::new(true),
        });
        let mut tallies = lock(&self.tallies);
        let closed = tallies.iter().filter(|tally| !tally.open.load(Relaxed)).count();
        if closed >= CLOSED_KEPT {
            let oldest = tallies.iter().position(|tally| !tally.open.load(Relaxed));
            oldest.map(|at| tallies.remove(at));
        }
        tallies.push(Arc::clone(&tally));
        tally
    }

    fn sent(&self) -> RoomSent {
        RoomSent {
            fed: self.fed.load(Relaxed),
            messages: self.messages.load(Relaxed),
            connections: lock(&self.tallies).iter().map(|tally| tally.sent()).collect(),
        }
    }
}

impl Tally {
    /// Counts the messages of a burst, of which `length` bytes are in the socket.
    pub(crate) fn count(&self, burst: &Burst, length: usize) {
        let messages = burst.messages_within(length);
        self.messages.fetch_add(messages, Relaxed);
        self.room.messages.fetch_add(messages, Relaxed);
        if let Some(account) = self.room.account.as_ref().filter(|_| messages > 0) {
            account.sent(self.room.room, self.connection, now_us(), &digests(burst, length));
        }
    }

    /// The connection hears the room no more.
    pub(crate) fn close(&self) {
        self.open.store(false, Relaxed);
    }

    fn sent(&self) -> ConnectionSent {
        ConnectionSent { client: self.client, messages: self.messages.load(Relaxed), open: self.open.load(Relaxed) }
    }
}

/// The time of day, in microseconds since the Unix epoch.
fn now_us() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as i64)
}

/// The messages that are whole in the first bytes of a burst.
fn digests(burst: &Burst, length: usize) -> Vec<Digest> {
    let mut digests = Vec::new();
    burst.payloads_within(length, |payload| {
        if !message::is_control(&message::kind(payload)) {
            digests.push(Digest::of(payload));
        }
    });
    digests
}

/// Counts are whole at every moment, so a panic elsewhere does not spoil them.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_that_come_and_go_cost_bounded_memory_and_are_still_counted() {
        let ledger = Ledger::new(None);
        let room = RoomId::new(1).unwrap();
        let burst = |messages| Burst::of(std::iter::repeat_n("type@=chatmsg/", messages));
        let client = SocketAddr::from(([127, 0, 0, 1], 1));
        let open = ledger.room(room).tally(1, client);
        let two = burst(2);
        for _ in 0..1000 {
            let tally = ledger.room(room).tally(1, client);
            tally.count(&two, two.bytes.len());
            tally.close();
        }
        open.count(&burst(1), usize::MAX);
        let sent = &ledger.sent().rooms[&room];
        assert_eq!(sent.messages, 2001);
        assert_eq!(sent.connections.len(), CLOSED_KEPT + 1);
        assert!(sent.connections[0].open);
    }
    #[test]
    fn the_rate_of_connections_is_known_and_their_times_cost_bounded_memory() {
        let accepts = [0, 100, 900, 1000, 1050, 1100, 3000].map(Duration::from_millis).to_vec();
        let sent = Sent { accepts, ..Sent::default() };
        let peak = |milliseconds| sent.peak_accepts(Duration::from_millis(milliseconds));
        assert_eq!([peak(1), peak(200), peak(201), peak(1000), peak(60_000)], [1, 3, 4, 4, 7]);
        assert_eq!(Sent::default().peak_accepts(Duration::from_secs(1)), 0);

        let ledger = Ledger::new(None);
        for number in 1..=20_000 {
            assert_eq!(ledger.accept(), number);
        }
        assert_eq!((ledger.sent().accepted, ledger.sent().accepts.len()), (20_000, ACCEPTS_KEPT));
    }
}
