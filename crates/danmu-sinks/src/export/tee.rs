//! A tee: an export that goes on while the recording grows.
//!
//! ```text
//! recorder ─▶ recording ─▶ follow, follow … ─▶ format ─▶ chat.xml   (a failure)   chat.002.xml
//! ```
//!
//! A tee only reads the recording, so nothing that happens to it can harm that, and it has exactly what was committed, once.
//! When writing fails, the file is cut back to what was safely in it and ended; the next try goes on from there in a file
//! of its own. A file that is there already is never written into: the next free number is put into the name.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use super::plan::Plan;
use super::split::name;
use super::{ExportError, ExportOptions, Start};
use crate::recording::reader::Recording;
use crate::repair::repair;
use crate::sink::{Format, Sink};

/// After so many messages, what there is is safe: on a disk that is nearly full, much would never fit at once.
const CHUNK: u64 = 256;

/// Follows a recording into files of a format.
pub struct Tee {
    format: &'static Format,
    /// The name of the files, to be numbered.
    path: PathBuf,
    options: ExportOptions,
    /// Where it begins, in microseconds since the Unix epoch.
    start_us: i64,
    /// The first message that no file has for certain.
    next_id: i64,
    /// The number of the next file to be tried.
    next_file: usize,
    open: Option<Open>,
}

/// The file that is being written.
struct Open {
    /// Which cut of the split it is.
    cut: usize,
    path: PathBuf,
    sink: Box<dyn Sink>,
    /// So many bytes of it are safe, with all messages before `next_id`.
    safe_bytes: u64,
}

impl Tee {
    /// A tee of what a recording gets from now on, at `start_us`. The format has to be one that
    /// [`grows`](Format::grows).
    pub fn new(
        recording: &Recording,
        format: &'static Format,
        path: PathBuf,
        mut options: ExportOptions,
        start_us: i64,
    ) -> Result<Self, ExportError> {
        options.start = Start::At(start_us);
        let (_, next_id) = recording.ids(&options.filter)?;
        Ok(Self { format, path, options, start_us, next_id, next_file: 0, open: None })
    }

    /// Where it writes.
    pub fn path(&self) -> &Path {
        self.open.as_ref().map_or(&self.path, |open| &open.path)
    }

    /// Writes what was committed since, and hands it on. Gives how many messages.
    ///
    /// # Errors
    /// What was not written is with the next call that succeeds.
    pub fn follow(&mut self, recording: &Recording) -> Result<u64, ExportError> {
        let written = self.write(recording);
        if written.is_err() {
            self.give_up_file();
        }
        written
    }

    /// Ends the file, once all is in it. There is one, even if nothing was recorded.
    pub fn finish(mut self, recording: &Recording) -> Result<u64, ExportError> {
        let written = self.follow(recording)?;
        let ended = self.end(recording);
        if ended.is_err() {
            self.give_up_file();
        }
        ended.map(|()| written)
    }

    fn end(&mut self, recording: &Recording) -> Result<(), ExportError> {
        if self.open.is_none() {
            let plan = Plan::new(recording, &self.options, Some(self.start_us))?;
            self.file(&plan, self.start_us, self.next_id)?;
        }
        if let Some(open) = self.open.take() {
            open.sink.finish()?;
        }
        Ok(())
    }

    fn write(&mut self, recording: &Recording) -> Result<u64, ExportError> {
        let (first_id, end_id) = recording.ids(&self.options.filter)?;
        if self.next_id > end_id {
            // A new recording, in the place of one that was removed.
            self.next_id = first_id;
        }
        if self.next_id >= end_id {
            return Ok(0);
        }
        // Where files begin, and what is known of the room, may be new since the last time.
        let plan = Plan::new(recording, &self.options, Some(self.start_us))?;
        let catalog = recording.catalog()?;
        let mut messages = recording.messages_between(&self.options.filter, self.next_id, end_id);
        let mut written = 0;
        while let Some(row) = messages.next() {
            let mut row = row?;
            if (self.format.payload_of)(&row.summary, &self.options.options) {
                messages.complete(&mut row)?;
            }
            catalog.complete(&mut row.summary);
            self.file(&plan, row.received_us, row.seq)?.sink.message(&row.entry())?;
            written += 1;
            if written % CHUNK == 0 {
                self.flush(row.seq + 1)?;
            }
        }
        self.flush(end_id)?;
        Ok(written)
    }

    /// Makes sure that all messages before `next_id` are in the file.
    fn flush(&mut self, next_id: i64) -> Result<(), ExportError> {
        if let Some(open) = &mut self.open {
            open.sink.flush()?;
            open.safe_bytes = fs::metadata(&open.path).map_err(|source| create(&open.path, source))?.len();
        }
        self.next_id = next_id;
        Ok(())
    }

    /// The file that a time belongs to, for message `id`, which will be the first of it if it is new.
    fn file(&mut self, plan: &Plan, time_us: i64, id: i64) -> Result<&mut Open, ExportError> {
        let (cut, opening) = plan.file_of(time_us);
        let open = match self.open.take() {
            Some(open) if open.cut == cut => open,
            before => {
                if let Some(open) = before {
                    open.sink.finish()?;
                    self.next_id = id;
                }
                let (path, file) = self.create()?;
                let sink = (self.format.open)(Box::new(BufWriter::with_capacity(1 << 16, file)), &opening)?;
                Open { cut, path, sink, safe_bytes: 0 }
            }
        };
        Ok(self.open.insert(open))
    }

    /// The next file whose name is free.
    fn create(&mut self) -> Result<(PathBuf, File), ExportError> {
        loop {
            let path = match (self.next_file, self.options.split) {
                (0, None) => self.path.clone(),
                (file, _) => name(&self.path, self.format, file),
            };
            self.next_file += 1;
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => return Ok((path, file)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(source) => {
                    self.next_file -= 1;
                    return Err(create(&path, source));
                }
            }
        }
    }

    /// Leaves the file with what is safely in it, and whole if there is room for its end; without anything, not at all.
    fn give_up_file(&mut self) {
        let Some(Open { path, sink, safe_bytes, .. }) = self.open.take() else { return };
        // It must not write once more.
        drop(sink);
        if safe_bytes == 0 {
            let _ = fs::remove_file(&path);
            self.next_file = self.next_file.saturating_sub(1);
            return;
        }
        let cut = OpenOptions::new().write(true).open(&path).and_then(|file| file.set_len(safe_bytes));
        if cut.is_ok() {
            // If not, `danmu repair` can do it when there is room again.
            let _ = repair(&path, self.format.name);
        }
    }
}

fn create(path: &Path, source: io::Error) -> ExportError {
    ExportError::Create { path: path.to_owned(), source }
}
