//! Rooms: who hears what.
//!
//! With a scenario, one task a room makes up its talk while someone listens: each burst is encoded once and shared by
//! all. When the last listener leaves, the talk stops, and goes on from there for the next. With a tape, one task a
//! listener plays it from the start. With a replay, one task serves all rooms.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use danmu_proto::{RoomId, Sender, packet};
use fastrand::Rng;
use tokio::sync::Notify;
use tokio::task::{AbortHandle, spawn_local};
use tokio::time::{sleep_until, timeout_at};

use crate::chaos::Fault;
use crate::connection::Guest;
use crate::data;
use crate::faults::Faults;
use crate::feed::{Burst, Feed, Tape};
use crate::outbox::Outbox;
use crate::pace::Pace;
use crate::scenario::Scenario;
use crate::sent::{Ledger, RoomLedger, Tally};
use crate::server::Config;

/// Rooms are remembered for ever; a client that joins more than these is told that there is no such room.
const MOST_ROOMS: usize = 100_000;
/// A tape is played on when no more than this is on its way, and about as much at once: a client that reads slowly hears
/// it slowly.
const TAPE_AHEAD_BYTES: usize = 256 * 1024;

/// All rooms of one server.
pub(crate) struct Rooms {
    pub(crate) config: Config,
    pub(crate) ledger: Arc<Ledger>,
    /// Rings whenever someone has joined.
    pub(crate) joins: Notify,
    open: RefCell<HashMap<RoomId, Rc<Room>>>,
}

struct Room {
    ledger: Arc<RoomLedger>,
    scenario: RefCell<Scenario>,
    listeners: RefCell<Vec<Listener>>,
    /// Whether its task runs. It may outlive the last listener for a moment, and then serves the next.
    talking: Cell<bool>,
}

#[derive(Clone)]
struct Listener {
    outbox: Rc<Outbox>,
    tally: Arc<Tally>,
    stir: Option<Rc<Stir>>,
}

/// What is done to the order of what one connection hears.
struct Stir {
    faults: Rc<Faults>,
    rng: RefCell<Rng>,
}

/// A connection hears a room as long as it holds this.
pub(crate) struct Membership {
    pub(crate) id: RoomId,
    room: Rc<Room>,
    listener: Listener,
    /// The task that plays it a tape.
    player: Option<AbortHandle>,
}

impl Rooms {
    pub(crate) fn new(config: Config, ledger: Arc<Ledger>) -> Self {
        Self { config, ledger, joins: Notify::new(), open: RefCell::default() }
    }

    /// Begins to feed a room to `outbox`, unless there is none with this number, or there are too many already.
    pub(crate) fn join(self: &Rc<Self>, id: RoomId, guest: &Guest, outbox: &Rc<Outbox>) -> Option<Membership> {
        let room = self.room(id)?;
        let listener = Listener {
            outbox: Rc::clone(outbox),
            tally: room.ledger.tally(guest.session, guest.address),
            stir: Stir::new(&guest.faults).map(Rc::new),
        };
        let player = match &self.config.feed {
            Feed::Scenario => {
                room.listeners.borrow_mut().push(listener.clone());
                if !room.talking.replace(true) {
                    spawn_local(talk(Rc::clone(&room), self.pace()));
                }
                None
            }
            Feed::Tape(tape) => {
                let play = play(tape.clone(), self.config.repeat, self.pace(), Rc::clone(&room), listener.clone());
                Some(spawn_local(play).abort_handle())
            }
            Feed::Replay(_) => {
                room.listeners.borrow_mut().push(listener.clone());
                None
            }
        };
        self.joins.notify_one();
        Some(Membership { id, room, listener, player })
    }

    /// How many rooms have someone in them.
    pub(crate) fn joined(&self) -> usize {
        self.open.borrow().values().filter(|room| !room.listeners.borrow().is_empty()).count()
    }

    /// Says something to all who are in a room. That it was there to be heard counts either way.
    pub(crate) fn say(&self, id: RoomId, burst: &Burst) {
        if let Some(room) = self.room(id) {
            room.say(burst);
        }
    }

    /// Waits until no more than `bytes` are on their way to anyone in a room. Who keeps us waiting for too long is cut
    /// off.
    pub(crate) async fn drained(&self, id: RoomId, bytes: usize, patience: Duration) {
        let listeners = self.open.borrow().get(&id).map(|room| room.listeners.borrow().clone());
        let deadline = Instant::now() + patience;
        for Listener { outbox, .. } in listeners.into_iter().flatten() {
            if timeout_at(deadline.into(), outbox.drained_to(bytes)).await.is_err() {
                outbox.overrun();
            }
        }
    }

    fn room(&self, id: RoomId) -> Option<Rc<Room>> {
        if let Feed::Replay(replay) = &self.config.feed
            && !replay.rooms.contains(&id)
        {
            return None;
        }
        let mut rooms = self.open.borrow_mut();
        if !rooms.contains_key(&id) && rooms.len() >= MOST_ROOMS {
            return None;
        }
        let room = rooms.entry(id).or_insert_with(|| {
            Rc::new(Room {
                ledger: self.ledger.room(id),
                scenario: RefCell::new(Scenario::new(self.config.seed, id)),
                listeners: RefCell::default(),
                talking: Cell::new(false),
            })
        });
        Some(Rc::clone(room))
    }

    fn pace(&self) -> Pace {
        Pace::new(Instant::now(), self.config.rate, self.config.batch)
    }
}

impl Membership {
    /// Has the client hear a broken packet; or all of its room an odd message, if the client was there first. Gives
    /// whether that was so.
    pub(crate) fn say(&self, burst: Burst) -> bool {
        let is_own = |other: &Listener| Rc::ptr_eq(&other.outbox, &self.listener.outbox);
        if burst.messages == 0 {
            self.listener.outbox.feed(burst, &self.listener.tally);
        } else if self.player.is_some() {
            // Whoever is played a tape is alone with it.
            self.room.ledger.feed(&burst);
            self.listener.outbox.feed(burst, &self.listener.tally);
        } else if self.room.listeners.borrow().first().is_some_and(is_own) {
            self.room.say(&burst);
        } else {
            return false;
        }
        true
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        if let Some(player) = &self.player {
            player.abort();
        }
        self.room.listeners.borrow_mut().retain(|other| !Rc::ptr_eq(&other.outbox, &self.listener.outbox));
        self.listener.tally.close();
    }
}

impl Listener {
    fn hear(&self, burst: &Burst) {
        let burst = self.stir.as_ref().map_or_else(|| burst.clone(), |stir| stir.stirred(burst));
        self.outbox.feed(burst, &self.tally);
    }
}

/// The faults that a burst can have and a message cannot.
const STIRS: [Fault; 2] = [Fault::Duplicate, Fault::Reorder];

impl Stir {
    fn new(faults: &Rc<Faults>) -> Option<Self> {
        let stirs = STIRS.into_iter().any(|fault| faults.time(fault).is_some());
        stirs.then(|| Self { faults: Rc::clone(faults), rng: RefCell::new(faults.rng()) })
    }

    fn stirred(&self, burst: &Burst) -> Burst {
        let mut payloads = Vec::new();
        burst.payloads_within(burst.bytes.len(), |payload| payloads.push(payload.to_vec()));
        for fault in STIRS.into_iter().filter(|&fault| self.faults.time(fault).is_some()) {
            self.faults.count(fault);
            data::stir(fault, &mut payloads, &mut self.rng.borrow_mut());
        }
        Burst::of(payloads)
    }
}

/// A room talks while someone listens.
async fn talk(room: Rc<Room>, mut pace: Pace) {
    while let Some(next) = pace.next(Instant::now()) {
        sleep_until(next.into()).await;
        if room.listeners.borrow().is_empty() {
            break;
        }
        let messages = pace.due(Instant::now());
        if messages == 0 {
            continue;
        }
        pace.sent(messages);
        let burst = room.burst(messages);
        room.say(&burst);
    }
    room.talking.set(false);
}

impl Room {
    fn say(&self, burst: &Burst) {
        self.ledger.feed(burst);
        for listener in &*self.listeners.borrow() {
            listener.hear(burst);
        }
    }

    fn burst(&self, messages: u64) -> Burst {
        let mut scenario = self.scenario.borrow_mut();
        let mut bytes = Vec::new();
        let now_ms = unix_ms();
        for _ in 0..messages {
            packet::encode(Sender::Server, scenario.next(now_ms).as_bytes(), &mut bytes);
        }
        Burst { bytes: bytes.into(), messages }
    }
}

/// Plays a tape to one listener.
async fn play(tape: Tape, repeat: bool, mut pace: Pace, room: Rc<Room>, listener: Listener) {
    let mut round = 0;
    let mut at = 0;
    while at < tape.len() {
        let now = Instant::now();
        let end = tape.reach(at, pace.due(now) as usize, TAPE_AHEAD_BYTES);
        if end == at {
            let Some(next) = pace.next(now) else { return };
            sleep_until(next.into()).await;
            continue;
        }
        let burst = tape.cut(round, at, end);
        pace.sent((end - at) as u64);
        room.ledger.feed(&burst);
        listener.hear(&burst);
        listener.outbox.drained_to(TAPE_AHEAD_BYTES).await;
        at = end;
        if at == tape.len() && repeat {
            at = 0;
            round += 1;
        }
    }
}

/// The time of day, in milliseconds since the Unix epoch.
pub(crate) fn unix_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}
