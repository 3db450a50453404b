//! Every knob, its default and why.

use std::time::Duration;

use crate::clock::Clock;
use crate::endpoint::Endpoint;

/// How rooms are kept open.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The servers to try, in this order; after a failure the next one. Default: Douyu's. Must not be empty.
    pub endpoints: Vec<Endpoint>,
    /// How long a link may take from nothing to an answered login: name look-up, connection and login together.
    /// Default 15 s.
    pub connect: Duration,
    /// Time between two heartbeats. Default 45 s, as the protocol has it.
    pub heartbeat: Duration,
    /// How long a server may say nothing before the link counts as dead.
    /// Default 100 s: two heartbeats of 45 s, which it answers, and some patience.
    pub silence: Duration,
    /// How long one packet may take to arrive in full. Default 30 s.
    pub packet: Duration,
    /// The shortest pause before a link is dialled again. Default 1 s.
    pub pause_min: Duration,
    /// The longest pause before a link is dialled again. Default 60 s.
    pub pause_max: Duration,
    /// How long a link must have lived for the next pause to be short again; one that dies younger counts as a
    /// failure. Default 60 s.
    pub healthy: Duration,
    /// How many connections this process opens a second at most, over all rooms. Default 50.
    pub connects_per_second: u32,
    /// How many bytes of events may wait for a subscriber. Default 16 MiB.
    pub queue_bytes: usize,
    /// How long links stop reading when a subscriber that must not lose anything does not keep up. After that they read
    /// on and drop, lest the server cut them off. Default 10 s.
    pub blocked: Duration,
    /// What the times of events are read from. Default: the system's.
    pub clock: Clock,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            endpoints: Endpoint::douyu(),
            connect: Duration::from_secs(15),
            heartbeat: Duration::from_secs(45),
            silence: Duration::from_secs(100),
            packet: Duration::from_secs(30),
            pause_min: Duration::from_secs(1),
            pause_max: Duration::from_secs(60),
            healthy: Duration::from_secs(60),
            connects_per_second: 50,
            queue_bytes: 16 << 20,
            blocked: Duration::from_secs(10),
            clock: Clock::system(),
        }
    }
}
