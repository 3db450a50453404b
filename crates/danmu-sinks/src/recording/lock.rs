//! The lock of a recording: a file beside it, held locked while its owner lives, with the owner's pid in it.
//!
//! The lock is the system's and ends with the process, however that ends: a lock file that a crash left behind locks
//! nobody out. It is not on the recording itself, because closing a second handle on that would release SQLite's locks.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::process;

/// A held lock. Dropping it lets go and removes the file.
#[derive(Debug)]
pub(super) struct Lock {
    path: PathBuf,
    /// Locked as long as it is open.
    _file: File,
}

/// Why the lock was not taken.
#[derive(Debug)]
pub(super) enum LockError {
    /// Another holds it; this is its pid, if it can be read.
    Held { pid: Option<u32> },
    /// The lock file cannot be made.
    Io(io::Error),
}

impl From<io::Error> for LockError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Lock {
    /// Takes the lock of the recording at `path`, without waiting.
    pub(super) fn take(path: &Path) -> Result<Self, LockError> {
        // Beside the file itself, where SQLite puts its log too: who comes by a link must find the same lock.
        let path = beside(&fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()), ".lock");
        let pid = process::id().to_string();
        loop {
            let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    let mut pid = String::new();
                    // Where locked files cannot be read, the pid stays unknown.
                    let _ = file.take(20).read_to_string(&mut pid);
                    return Err(LockError::Held { pid: pid.trim().parse().ok() });
                }
                Err(TryLockError::Error(error)) => return Err(error.into()),
            }
            file.set_len(0)?;
            file.rewind()?;
            file.write_all(pid.as_bytes())?;
            // Its last owner may have removed it between our opening and our locking: then we hold a file that nobody
            // else can see, and have to try again.
            match fs::read_to_string(&path) {
                Ok(seen) if seen != pid => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                // Where locked files cannot be read, nobody can remove them either.
                _ => return Ok(Self { path, _file: file }),
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Removed while still locked, so that nobody can be in between. If it cannot be, it locks nobody out.
        let _ = fs::remove_file(&self.path);
    }
}

/// The path of a file that belongs to the one at `path`.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}
