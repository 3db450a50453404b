//! Exporting: a recording, or a part of it, in another format. A file appears whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::process;

use thiserror::Error;

use crate::entry::Event;
use crate::filter::Filter;
use crate::recording::ledger::Gap;
use crate::recording::reader::{ReadError, Recording};
use crate::recording::row::Row;
use crate::sink::{Format, Opening, Options, Output, SinkError, Zone};

/// Why there is no export. A file that was there before is as it was.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The recording could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The format or the output did not take it.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// The file cannot be made.
    #[error("{} cannot be written", .path.display())]
    Create {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It would take the place of the recording.
    #[error("{} is the recording itself; export into another file", .path.display())]
    Itself {
        /// The file.
        path: PathBuf,
    },
}

/// What to export.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ExportOptions {
    /// Which messages.
    pub filter: Filter,
    /// Whether gaps are written between the messages, in formats that have a place for them. Default false.
    pub events: bool,
    /// The zone of times that are written for people.
    pub zone: Zone,
    /// What the format leaves a choice of.
    pub options: Options,
}

/// Exports into a file, which appears, or takes the place of another, only once it is whole. Gives how many messages.
///
/// What is no regular file, such as a pipe or a device, is written into as it is.
pub fn to_file(
    recording: &Recording,
    options: &ExportOptions,
    format: &Format,
    path: &Path,
) -> Result<u64, ExportError> {
    let create = |source| ExportError::Create { path: path.to_owned(), source };
    // A link is followed and not replaced.
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    match fs::metadata(path) {
        Ok(found) if !found.is_file() => {
            let file = OpenOptions::new().write(true).open(path).map_err(create)?;
            return to_output(recording, options, format, Box::new(BufWriter::new(file)));
        }
        Ok(_) if is_same(path, recording.path()) => return Err(ExportError::Itself { path: path.to_owned() }),
        _ => {}
    }
    let part = Part::beside(path).map_err(create)?;
    let messages = to_output(recording, options, format, Box::new(BufWriter::new(&part.file)))?;
    part.appear_as(path).map_err(create)?;
    Ok(messages)
}

/// Exports into an output while reading. Gives how many messages.
pub fn to_output(
    recording: &Recording,
    options: &ExportOptions,
    format: &Format,
    out: Output<'_>,
) -> Result<u64, ExportError> {
    let mut rows = recording.messages(&options.filter)?;
    let mut rows = std::iter::from_fn(|| {
        let row = rows.next()?;
        Some(row.and_then(|mut row| {
            if (format.payload_of)(&row.summary, &options.options) {
                rows.complete(&mut row)?;
            }
            Ok(row)
        }))
    })
    .peekable();
    let catalog = recording.catalog()?;
    let first = rows.peek().and_then(|row| row.as_ref().ok());
    let mut opening = opening(recording, options, first)?;
    if let Some(counts) = format.counted {
        let mut count = 0;
        for row in recording.messages(&options.filter)? {
            count += u64::from(counts(&row?.entry(), &opening));
        }
        opening.count = Some(count);
    }
    let mut sink = (format.open)(out, &opening)?;
    let mut gaps = if options.events { gaps(recording, &options.filter)? } else { Vec::new() }.into_iter().peekable();
    let mut messages = 0;
    for row in rows {
        let mut row = row?;
        // A gap stands before the first message that was heard after it.
        while let Some(gap) = gaps.next_if(|gap| gap.to_us <= row.received_us) {
            sink.event(&Event::Gap(gap))?;
        }
        catalog.complete(&mut row.summary);
        sink.message(&row.entry())?;
        messages += 1;
    }
    for gap in gaps {
        sink.event(&Event::Gap(gap))?;
    }
    sink.finish()?;
    Ok(messages)
}

/// What the file begins with. Of several rooms nothing is said.
fn opening(recording: &Recording, options: &ExportOptions, first: Option<&Row>) -> Result<Opening, ReadError> {
    let mut opening = Opening {
        zero_us: first.map(|row| row.received_us),
        zone: options.zone.clone(),
        options: options.options.clone(),
        ..Opening::default()
    };
    let rooms = recording.rooms()?;
    opening.room = match (&*options.filter.rooms, &*rooms) {
        (&[room], _) | ([], &[room]) => Some(room),
        _ => None,
    };
    if let Some(room) = opening.room {
        let at_us = opening.zero_us.unwrap_or(i64::MAX);
        let states = recording.room_states(room)?;
        // As it was then; what was learnt first if that was later.
        let then = states.iter().rev().find(|(known_us, _)| *known_us <= at_us).or(states.first());
        opening.state = then.map(|(_, state)| state.clone()).unwrap_or_default();
    }
    Ok(opening)
}

/// The gaps of the filter's rooms in the filter's time, by their ends.
fn gaps(recording: &Recording, filter: &Filter) -> Result<Vec<Gap>, ReadError> {
    let mut gaps = recording.gaps()?;
    gaps.retain(|gap| {
        (filter.rooms.is_empty() || filter.rooms.contains(&gap.room))
            && filter.since_us.is_none_or(|since_us| gap.to_us > since_us)
            && filter.until_us.is_none_or(|until_us| gap.from_us < until_us)
    });
    gaps.sort_by_key(|gap| gap.to_us);
    Ok(gaps)
}

fn is_same(one: &Path, other: &Path) -> bool {
    matches!((fs::canonicalize(one), fs::canonicalize(other)), (Ok(one), Ok(other)) if one == other)
}

/// A file under way, under a name of its own. Removed unless it appears.
struct Part {
    file: File,
    path: Option<PathBuf>,
}

impl Part {
    fn beside(path: &Path) -> io::Result<Self> {
        let mut name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
        name.push(format!(".{}.part", process::id()));
        let part = path.with_file_name(name);
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(&part)?;
        Ok(Self { file, path: Some(part) })
    }

    /// Gives it its name, once all of it is on the disk.
    fn appear_as(mut self, path: &Path) -> io::Result<()> {
        self.file.sync_all()?;
        if let Some(part) = &self.path {
            fs::rename(part, path)?;
        }
        self.path = None;
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            // The error that led here matters more.
            let _ = fs::remove_file(path);
        }
    }
}
