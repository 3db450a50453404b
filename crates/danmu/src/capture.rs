//! What `watch`, `record` and `demo` have in common: which rooms, from where, for how long.

use std::time::{Duration, Instant};

use anyhow::Context;
use danmu_client::Rooms;
use danmu_client::directory::RoomName;
use danmu_sinks::Types;

use crate::duration;
use crate::network::Network;

/// The longest time to close all rooms: a moment for the logouts, and for servers to answer them.
pub(crate) const FAREWELL: Duration = Duration::from_secs(3);

/// Options for what to capture.
#[derive(clap::Args, Debug)]
pub(crate) struct Capture {
    /// Rooms to capture: numbers, names such as lpl, or links
    #[arg(required = true, value_name = "ROOM")]
    pub(crate) rooms: Vec<RoomName>,
    #[command(flatten)]
    pub(crate) limits: Limits,
    #[command(flatten)]
    pub(crate) network: Network,
    /// Give up if no room could be joined for this long; "never" to keep trying
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = patience)]
    pub(crate) give_up: Patience,
}

/// Options for how much to capture.
#[derive(clap::Args, Debug)]
pub(crate) struct Limits {
    /// Take only messages of this type: chat, gift, superchat, enter, or a name on the wire; repeatable
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) types: Vec<String>,
    /// Stop after exactly this many messages
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
    /// Stop after this long, such as 90s or 1h30m
    #[arg(long = "for", value_name = "DURATION", value_parser = duration::parse)]
    pub(crate) duration: Option<Duration>,
}

impl Limits {
    /// When to stop.
    pub(crate) fn until(&self) -> Option<Instant> {
        self.duration.map(|duration| Instant::now() + duration)
    }

    /// Which types to take.
    pub(crate) fn types(&self) -> Types {
        Types::new(&self.types)
    }
}

/// How long to try; `None` for ever.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience(pub(crate) Option<Duration>);

fn patience(text: &str) -> Result<Patience, String> {
    match text {
        "never" => Ok(Patience(None)),
        text => duration::parse(text).map(|duration| Patience(Some(duration))),
    }
}

impl Capture {
    /// Threads that keep rooms open; none is open yet.
    pub(crate) fn start(&self) -> anyhow::Result<Rooms> {
        Rooms::start(self.network.config()?, 1).context("cannot start the network thread")
    }
}
