//! Every knob of the callback client, its default and why.

use std::time::Duration;

/// How a [`DouyuClient`](crate::DouyuClient) keeps its room open.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// How long the connection may take, name look-up included, and then again the answer to the login. Default 15 s.
    pub connect: Duration,
    /// Time between two heartbeats. Default 45 s, as the protocol has it.
    pub heartbeat: Duration,
    /// How long a server may say nothing before it counts as gone.
    /// Default 100 s: two heartbeats of 45 s, which it answers, and some patience.
    pub silence: Duration,
    /// The shortest pause before a reconnect. Default 1 s.
    pub pause_min: Duration,
    /// The longest pause before a reconnect. Default 60 s.
    pub pause_max: Duration,
    /// How many bytes may wait for the callback before the socket is no longer read. Default 16 MiB.
    pub queue_bytes: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(15),
            heartbeat: Duration::from_secs(45),
            silence: Duration::from_secs(100),
            pause_min: Duration::from_secs(1),
            pause_max: Duration::from_secs(60),
            queue_bytes: 16 << 20,
        }
    }
}
