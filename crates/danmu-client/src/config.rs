//! Every knob, its default and why.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use crate::clock::Clock;
use crate::endpoint::Endpoint;
use crate::proxy::Proxy;
#[cfg(feature = "wss")]
use crate::tls::Ca;

/// How rooms are kept open.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The servers to try: the last good one first, then in this order; one that fails makes way for the others. Default:
    /// Douyu's, which an empty list means too.
    pub endpoints: Vec<Endpoint>,
    /// How many links are kept to each room, over different endpoints where there are several: what one of them loses,
    /// the others hear, and each message is passed on once. Default 1; 2 is hot standby; at most
    /// [`MAX_LINKS`](crate::standby::MAX_LINKS).
    pub links: usize,
    /// Which addresses of a name to use. Default: all.
    pub family: Family,
    /// The proxy to go through. Default: none.
    pub proxy: Option<Proxy>,
    /// Authorities to trust beside the system's when a server shows its certificate. Default: none.
    #[cfg(feature = "wss")]
    pub ca: Option<Ca>,
    /// How long a link may take from nothing to an answered login: name look-up, connection, TLS and login together, over
    /// all addresses of the name. Default 15 s.
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
    /// How many connections are opened a second at most, over all rooms of a [`Rooms`](crate::Rooms), evenly spaced and
    /// fairly shared by the hosts. Default 50.
    pub connects_per_second: u32,
    /// How many bytes of events may wait for a subscriber; of one room, at most half of that. Default 16 MiB.
    pub queue_bytes: usize,
    /// How many bytes each room may take to remember what was heard lately, so that it is passed on once: see
    /// [`standby`](crate::standby). Only rooms that talk take any. Default 8 MiB.
    pub merge_bytes: usize,
    /// How long links stop reading when a subscriber that must not lose anything does not keep up. After that they read
    /// on and drop, lest the server cut them off. Default 10 s.
    pub blocked: Duration,
    /// What the times of events are read from. Default: the system's.
    pub clock: Clock,
}

/// Which IP addresses to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Family {
    /// Both, in the order that the system gives.
    #[default]
    Any,
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
}

impl Family {
    pub(crate) const fn has(self, ip: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::V4 => ip.is_ipv4(),
            Self::V6 => ip.is_ipv6(),
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Any => "IP",
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            endpoints: Endpoint::douyu(),
            links: 1,
            family: Family::Any,
            proxy: None,
            #[cfg(feature = "wss")]
            ca: None,
            connect: Duration::from_secs(15),
            heartbeat: Duration::from_secs(45),
            silence: Duration::from_secs(100),
            packet: Duration::from_secs(30),
            pause_min: Duration::from_secs(1),
            pause_max: Duration::from_secs(60),
            healthy: Duration::from_secs(60),
            connects_per_second: 50,
            queue_bytes: 16 << 20,
            merge_bytes: 8 << 20,
            blocked: Duration::from_secs(10),
            clock: Clock::system(),
        }
    }
}
