//! What a recording promises, tested through the public API and through SQLite itself.

// Helpers are not recognised as tests, and a panic in them is a failed test as well.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod crash;
#[path = "../disk/disk.rs"]
mod disk;
mod export;
mod faulty;
mod formats;
mod highlights;
mod import;
mod ledger;
mod maintenance;
mod page;
mod players;
mod reader;
mod readers;
mod recorder;
mod refusals;
mod stats;
mod storage;
mod support;
mod tables;
