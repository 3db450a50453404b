//! The directory against servers on loopback that answer in every way that Douyu does, and in some that it should not.
#![cfg(feature = "http")]
#![expect(clippy::unwrap_used, reason = "what goes wrong here fails the test")]

mod hostile;
mod network;
mod rooms;
mod server;

use std::time::Duration;

use danmu_client::RoomId;
use danmu_client::directory::{Directory, LookupError, Options, RoomName};

use crate::server::Server;

/// Options that ask this server, without the patience and politeness of the real ones.
fn options(server: &Server) -> Options {
    let mut options = Options::default();
    options.api = Some(server.url());
    options.request = Duration::from_secs(5);
    options.requests_per_second = 1_000_000;
    options
}

fn directory(server: &Server) -> Directory {
    Directory::new(options(server)).unwrap()
}

fn room(number: u64) -> RoomId {
    RoomId::new(number).unwrap()
}

fn name(text: &str) -> RoomName {
    text.parse().unwrap()
}

/// Who failed, and how.
fn tried(error: &LookupError) -> Vec<(&'static str, &'static str)> {
    let LookupError::Unanswered { tried, .. } = error else { panic!("{error}") };
    tried.iter().map(|failure| (failure.api.name(), failure.error.name())).collect()
}
