//! Where Douyu chat goes and how it comes back: recordings and formats.
//!
//! ```text
//! records ─▶ Recorder ─▶ one SQLite file ─▶ Recording ─▶ messages, gaps, sums, search
//!                                              │
//!                                              └─▶ export ─▶ Sink (a format) ─▶ file or stream
//! live ──▶ Entry ─────────────────────────────────────────▶ Sink
//! ```
//!
//! Everything here is synchronous and has no clock: who writes says what time it is. Runs on any thread.
//!
//! ```
//! use danmu_proto::{Batch, LinkId, RoomId};
//! use danmu_sinks::{Filter, Recorder, RecorderOptions, Recording};
//!
//! # let folder = tempfile::tempdir()?;
//! let path = folder.path().join("danmu.db");
//! let room = RoomId::new(9999).unwrap();
//! let mut recorder = Recorder::open(&path, RecorderOptions::default(), 1_000_000)?;
//! recorder.want(room, 1_000_000);
//! recorder.link_opened(LinkId(1), room, "tcp://127.0.0.1:8601", 1_000_000);
//! let mut batch = Batch::new();
//! batch.push("type@=chatmsg/rid@=9999/nn@=小明/txt@=666/".as_bytes(), false);
//! recorder.records(&batch.freeze(room, LinkId(1), 1_500_000));
//! recorder.commit(1_600_000)?;
//! recorder.finish(2_000_000)?;
//!
//! let recording = Recording::open(&path)?;
//! for row in recording.messages(&Filter::default())? {
//!     assert_eq!(row?.summary.text.as_deref(), Some("666"));
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod comment;
pub mod entry;
pub mod export;
pub mod filter;
pub mod format;
pub mod import;
mod limited;
pub mod recording;
pub mod repair;
pub mod sink;

pub use entry::{Entry, Event};
pub use filter::{Filter, Types};
pub use recording::ledger::Gap;
pub use recording::reader::Recording;
pub use recording::row::Row;
pub use recording::writer::{Recorder, RecorderOptions};
pub use sink::{FORMATS, Format, Sink};
