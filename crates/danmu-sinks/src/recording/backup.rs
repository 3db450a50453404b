//! Copying a recording whole, also while it is recorded into: the copy is as it was at one moment.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use thiserror::Error;

use super::reader::Recording;

/// Why there is no copy. What was begun of it is removed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BackupError {
    /// There is something already.
    #[error("{} exists already, and a backup overwrites nothing", .path.display())]
    Exists {
        /// Where the copy was to go.
        path: PathBuf,
    },
    /// The copy cannot be made there.
    #[error("{} cannot be created", .path.display())]
    Create {
        /// Where the copy was to go.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Reading or writing failed.
    #[error("{} cannot be written", .path.display())]
    Copy {
        /// Where the copy was to go.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },
    /// The recording is held by a program that lets nobody read.
    #[error("the recording is held by another program; try again")]
    Busy,
}

impl Recording {
    /// Copies the recording to a new file.
    pub fn backup(&self, to: impl AsRef<Path>) -> Result<(), BackupError> {
        let path = to.as_ref();
        // Made here and now, so that no one else's file can be in its place.
        OpenOptions::new().write(true).create_new(true).open(path).map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => BackupError::Exists { path: path.to_owned() },
            _ => BackupError::Create { path: path.to_owned(), source },
        })?;
        let copied = self.copy(path);
        if copied.is_err() {
            // The error that matters is the first.
            let _ = fs::remove_file(path);
        }
        copied
    }

    fn copy(&self, path: &Path) -> Result<(), BackupError> {
        let failed = |source| BackupError::Copy { path: path.to_owned(), source };
        let mut copy = Connection::open(path).map_err(failed)?;
        let backup = Backup::new(&self.conn, &mut copy).map_err(failed)?;
        // All pages in one step, under one look at the file: in several, each commit in between would begin it anew.
        let step = backup.step(-1).map_err(failed)?;
        drop(backup);
        if step != StepResult::Done {
            return Err(BackupError::Busy);
        }
        // Copied from a recording in use, it would expect a log beside it.
        copy.pragma_update(None, "journal_mode", "delete").map_err(failed)?;
        copy.close().map_err(|(_, source)| failed(source))
    }
}
