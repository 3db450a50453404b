//! Replay: what was said in some rooms, said again, all of it on one clock.
//!
//! It is like a broadcast: it begins once there is someone in each of its rooms, or a while after the first came, and
//! goes on whoever comes and goes. Who comes late hears what is on by then. What is to be said is read on a thread of
//! its own, only as far ahead as is needed, so memory does not grow with it.
//!
//! Nothing is left out: the replay waits for clients that read slowly, and goes on from there. One that does not read at
//! all is cut off in the end. Time that was lost, by waiting or because the machine slept, is not made up for: nobody is
//! answered with a flood.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use danmu_proto::{RoomId, Sender, packet};
use tokio::sync::mpsc;
use tokio::time::{sleep_until, timeout};

use crate::feed::{self, Burst};
use crate::rooms::Rooms;

/// What is read ahead comes in parts of about this many bytes,
const PART_BYTES: usize = 64 * 1024;
/// and no more of them wait than this.
const PARTS_AHEAD: usize = 4;
/// How much may be on its way to a client before the replay waits for it.
const AHEAD_BYTES: usize = 256 * 1024;
/// How long it waits before it cuts the client off.
const PATIENCE: Duration = Duration::from_secs(10);
/// Later than this is not made up for.
const DEBT: Duration = Duration::from_secs(1);
/// No timer rings later.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 86_400);

/// Something to be said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cue {
    /// When, since the beginning, at a speed of 1.
    pub at: Duration,
    /// Where.
    pub room: RoomId,
    /// What.
    pub payload: Bytes,
}

/// Hands on one cue after the other, until there are no more or it is told to stop.
type Read = dyn Fn(&mut dyn FnMut(Cue) -> ControlFlow<()>) + Send + Sync;

/// What to say again, where, and how. Clones share it.
#[derive(Clone)]
#[non_exhaustive]
pub struct Replay {
    /// The rooms that exist.
    pub rooms: BTreeSet<RoomId>,
    /// How many times as fast as it was. Default 1.
    pub speed: f64,
    /// How long after the first client to wait for someone in each of the rooms. Default 2 s: a client that joins all of
    /// them misses nothing.
    pub patience: Duration,
    read: Arc<Read>,
}

impl Replay {
    /// A replay of what `read` hands on, by time. It is called on a thread of its own, again for each repetition, and is
    /// to end soon after it is told to break.
    pub fn new(
        rooms: impl IntoIterator<Item = RoomId>,
        read: impl Fn(&mut dyn FnMut(Cue) -> ControlFlow<()>) + Send + Sync + 'static,
    ) -> Self {
        Self { rooms: rooms.into_iter().collect(), speed: 1.0, patience: Duration::from_secs(2), read: Arc::new(read) }
    }

    /// Begins to read.
    fn begin(&self) -> mpsc::Receiver<Vec<Cue>> {
        let (parts, receiver) = mpsc::channel(PARTS_AHEAD);
        let read = Arc::clone(&self.read);
        let reader = move || {
            let mut part = Vec::new();
            let mut bytes = 0;
            read(&mut |cue| {
                bytes += size_of::<Cue>() + cue.payload.len();
                part.push(cue);
                if bytes < PART_BYTES {
                    return ControlFlow::Continue(());
                }
                bytes = 0;
                match parts.blocking_send(std::mem::take(&mut part)) {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(_) => ControlFlow::Break(()),
                }
            });
            let _ = parts.blocking_send(part);
        };
        // Without a thread there is nothing to say, and the replay is over at once.
        let _ = thread::Builder::new().name("danmu-replay".to_owned()).spawn(reader);
        receiver
    }

    /// When something is due.
    fn due(&self, start: Instant, at: Duration) -> Instant {
        let after = Duration::try_from_secs_f64(at.as_secs_f64() / self.speed).unwrap_or(LONGEST).min(LONGEST);
        start + after
    }
}

impl fmt::Debug for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rooms, speed, patience, read: _ } = self;
        f.debug_struct("Replay").field("rooms", rooms).field("speed", speed).field("patience", patience).finish()
    }
}

/// Says it all, from the first client on; again and again, if the configuration says so.
pub(crate) async fn perform(replay: Replay, rooms: Rc<Rooms>) {
    gather(&replay, &rooms).await;
    let mut round = 0;
    loop {
        let said = once(&replay, &rooms, round).await;
        round += 1;
        // What is empty is not repeated for ever.
        if !rooms.config.repeat || !said {
            break;
        }
    }
    for room in &replay.rooms {
        rooms.drained(*room, 0, PATIENCE).await;
    }
    rooms.ledger.end();
}

/// Waits for the audience.
async fn gather(replay: &Replay, rooms: &Rooms) {
    while rooms.joined() == 0 {
        rooms.joins.notified().await;
    }
    let all = async {
        while rooms.joined() < replay.rooms.len() {
            rooms.joins.notified().await;
        }
    };
    let _ = timeout(replay.patience, all).await;
}

/// Says it once. `false` if there was nothing to say.
async fn once(replay: &Replay, rooms: &Rooms, round: u64) -> bool {
    let mut parts = replay.begin();
    let mut start = Instant::now();
    let mut stage = Stage::default();
    let mut said = false;
    while let Some(part) = parts.recv().await {
        for cue in part {
            said = true;
            let due = replay.due(start, cue.at);
            if due > Instant::now() {
                stage.say(rooms).await;
                sleep_until(due.into()).await;
            }
            let late = Instant::now().saturating_duration_since(due);
            if late > DEBT {
                start += late;
            }
            stage.push(&cue, round);
            if stage.bytes >= PART_BYTES {
                stage.say(rooms).await;
            }
        }
        // What was read is said before more is waited for.
        stage.say(rooms).await;
    }
    said
}

/// What is said together, by room.
#[derive(Default)]
struct Stage {
    bursts: BTreeMap<RoomId, (Vec<u8>, u64)>,
    bytes: usize,
}

impl Stage {
    fn push(&mut self, cue: &Cue, round: u64) {
        let (packets, messages) = self.bursts.entry(cue.room).or_default();
        let before = packets.len();
        packet::encode(Sender::Server, &feed::fresh(&cue.payload, round), packets);
        *messages += 1;
        self.bytes += packets.len() - before;
    }

    /// Says it, and waits for who has not heard what was said before.
    async fn say(&mut self, rooms: &Rooms) {
        self.bytes = 0;
        for (room, (packets, messages)) in std::mem::take(&mut self.bursts) {
            rooms.say(room, &Burst { bytes: packets.into(), messages });
            rooms.drained(room, AHEAD_BYTES, PATIENCE).await;
        }
    }
}
