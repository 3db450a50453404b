//! A danmu server for tests, demos, load and faults: by protocol, a client cannot tell it from Douyu's.
//!
//! ```text
//! peer       the server's side of one conversation, without a socket
//! scenario   what a room says: seeded, repeatable, without a clock
//! feed       a scenario, a tape of payloads from a file, or a replay
//! replay     what was said in some rooms, said again
//! server     Simulator: all of it on TCP, WebSocket, and WebSocket over TLS (feature `tls`)
//! tls        certificates of a test authority, and the odd TLS of Douyu's servers (feature `tls`)
//! chaos      what goes wrong with which connection: seeded, repeatable, without a clock
//! data       what chaos makes of packets and payloads: seeded, repeatable
//! sent       what went out, counted, to be compared with what came in
//! account    the same message by message, as a file
//! ```

pub mod account;
pub mod chaos;
mod connection;
pub mod data;
mod door;
mod extras;
mod faults;
pub mod feed;
mod line;
mod outbox;
mod pace;
pub mod peer;
pub mod replay;
mod rooms;
pub mod scenario;
pub mod sent;
pub mod server;
#[cfg(feature = "tls")]
pub mod tls;
mod wire;
mod write;

pub use account::Account;
pub use chaos::{Chaos, ChaosError, Fault};
pub use feed::{Feed, FeedError, Tape};
pub use peer::Peer;
pub use replay::{Cue, Replay};
pub use scenario::Scenario;
pub use sent::Sent;
pub use server::{Config, Simulator, StartError};
#[cfg(feature = "tls")]
pub use tls::{Certificate, Tls};
