//! Extras: what chaos has to say beside the room: odd messages every so often, and broken packets once.
//!
//! A broken packet is sent to the connection whose fate it is. An odd message is said in its room by the fate of who has
//! been there longest, so that all who are in the room hear the same, as always.

use std::time::{Duration, Instant};

use danmu_proto::RoomId;
use fastrand::Rng;

use crate::chaos::{Fault, MODES, OF_CONNECTIONS};
use crate::data;
use crate::faults::Faults;
use crate::feed::Burst;

/// What is still to come on one connection, once it hears a room.
#[derive(Debug)]
pub(crate) struct Extras {
    rng: Rng,
    due: Vec<Due>,
}

#[derive(Debug)]
struct Due {
    fault: Fault,
    at: Instant,
    every: Duration,
}

impl Extras {
    /// What the fate of a connection has in store that begins to hear a room now.
    pub(crate) fn new(faults: &Faults, now: Instant) -> Self {
        let data = MODES[OF_CONNECTIONS..].iter().map(|mode| mode.fault);
        let due = data.filter_map(|fault| Some(Due { fault, at: now, every: faults.time(fault)? }));
        let due = due.map(|due| Due { at: now + due.every, ..due }).collect();
        Self { rng: faults.rng(), due }
    }

    /// When the next is due, if there is one.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.due.iter().map(|due| due.at).min()
    }

    /// What is due by now, one after the other, and by which fault.
    pub(crate) fn due(&mut self, now: Instant, room: RoomId) -> Option<(Fault, Burst)> {
        while let Some(at) = self.due.iter().position(|due| due.at <= now) {
            let due = &mut self.due[at];
            let fault = due.fault;
            if let Some(payload) = data::odd(fault, room, &mut self.rng) {
                due.at = now + due.every.max(Duration::from_millis(1));
                return Some((fault, Burst::of([payload])));
            }
            self.due.swap_remove(at);
            if let Some(bytes) = data::broken(fault, &mut self.rng) {
                return Some((fault, Burst::broken(bytes)));
            }
        }
        None
    }
}
