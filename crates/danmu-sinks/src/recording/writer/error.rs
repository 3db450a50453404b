//! Why a commit fails

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;
use thiserror::Error;

/// Why a commit failed. Nothing of it is in the file, and all of it is still in memory: the next commit tries again.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CommitError {
    /// The disk is full, or the file has reached its `max_bytes`.
    #[error("the disk is full: {} cannot grow", .path.display())]
    Full {
        /// The recording.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },
    /// The file may no longer be written.
    #[error("{} has become read-only", .path.display())]
    ReadOnly {
        /// The recording.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },
    /// Another program holds the database.
    #[error("{} is held by another program that writes into it", .path.display())]
    Busy {
        /// The recording.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },
    /// The file was removed or renamed: what would be written now, nobody could find.
    #[error("{} is gone: it was removed or renamed while it was recorded into", .path.display())]
    Gone {
        /// Where the recording was.
        path: PathBuf,
    },
    /// Reading or writing failed.
    #[error("{} cannot be written", .path.display())]
    Io {
        /// The recording.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },
    /// Compressing failed, for want of memory.
    #[error("payloads cannot be compressed")]
    Compress(#[from] io::Error),
}

impl CommitError {
    pub(super) fn of(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full { path, source },
            Some(ErrorCode::ReadOnly) => Self::ReadOnly { path, source },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy { path, source },
            _ => Self::Io { path, source },
        }
    }

    /// A short name that does not change: for metrics and programs.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Full { .. } => "full",
            Self::ReadOnly { .. } => "readonly",
            Self::Busy { .. } => "busy",
            Self::Gone { .. } => "gone",
            Self::Io { .. } => "io",
            Self::Compress(_) => "compress",
        }
    }
}
