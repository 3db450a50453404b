//! Faults: the fate of one connection as it comes true, and is counted.

use std::cell::Cell;
use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;
use tokio::time::sleep_until;

use crate::chaos::{Fate, Fault};
use crate::sent::Ledger;

/// What ends all talk on a connection when its time comes, whatever was going on.
const ENDS: [Fault; 4] = [Fault::Reset, Fault::Stall, Fault::HalfOpen, Fault::KickAll];

/// The faults of a connection that began at a certain time.
#[derive(Debug)]
pub(crate) struct Faults {
    fate: Fate,
    begin: Instant,
    ledger: Arc<Ledger>,
    /// A bit for each fault that was counted.
    counted: Cell<u64>,
}

impl Faults {
    pub(crate) const fn new(fate: Fate, begin: Instant, ledger: Arc<Ledger>) -> Self {
        Self { fate, begin, ledger, counted: Cell::new(0) }
    }

    /// When a fault comes, or is over; none if it never comes.
    pub(crate) fn at(&self, fault: Fault) -> Option<Instant> {
        self.fate.time(fault).map(|time| self.begin + time)
    }

    /// Whether this befalls the connection, and how long it takes. Modes that take no time have none to wait.
    pub(crate) fn time(&self, fault: Fault) -> Option<Duration> {
        self.fate.time(fault)
    }

    /// What decides about all that the fate leaves open.
    pub(crate) fn rng(&self) -> Rng {
        self.fate.rng()
    }

    /// Whether a fault has come. The first yes counts it.
    pub(crate) fn has_come(&self, fault: Fault) -> bool {
        let come = self.at(fault).is_some_and(|at| at <= Instant::now());
        if come {
            self.count(fault);
        }
        come
    }

    /// Counts a fault, once.
    pub(crate) fn count(&self, fault: Fault) {
        let bit = 1 << fault as u64;
        if self.counted.get() & bit == 0 {
            self.counted.set(self.counted.get() | bit);
            self.ledger.inject(fault);
        }
    }

    /// Waits for the first fault that ends all talk, for ever if there is none.
    pub(crate) async fn end(&self) -> Fault {
        let first = ENDS.into_iter().filter_map(|fault| Some((self.at(fault)?, fault))).min();
        let Some((at, fault)) = first else { return pending().await };
        sleep_until(at.into()).await;
        self.count(fault);
        fault
    }
}
