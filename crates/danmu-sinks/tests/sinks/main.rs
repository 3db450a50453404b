//! What a recording promises, tested through the public API and through SQLite itself.

mod crash;
mod formats;
mod ledger;
mod maintenance;
mod page;
mod reader;
mod recorder;
mod refusals;
mod storage;
mod support;
