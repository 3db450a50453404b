//! A file on its way, under a name of its own beside its place. It appears once it is whole, and goes if it does not.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::process;

/// A file that has not appeared yet. Removed if it never does.
#[derive(Debug)]
pub(super) struct Part {
    /// Where it is; none once it has appeared.
    at: Option<PathBuf>,
    /// Where it is to be.
    path: PathBuf,
}

impl Part {
    /// Begins a file that is to be at `path`.
    pub(super) fn begin(path: &Path) -> io::Result<(Self, File)> {
        let mut name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
        name.push(format!(".{}.part", process::id()));
        let at = path.with_file_name(name);
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(&at)?;
        Ok((Self { at: Some(at), path: path.to_owned() }, file))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes sure that all of it is on the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.at.as_ref().map_or(Ok(()), |at| File::open(at)?.sync_all())
    }

    /// Gives it its name.
    pub(super) fn appear(mut self) -> io::Result<()> {
        if let Some(at) = &self.at {
            fs::rename(at, &self.path)?;
        }
        self.at = None;
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if let Some(at) = &self.at {
            // The error that led here matters more.
            let _ = fs::remove_file(at);
        }
    }
}
