//! Exporting: a recording, or a part of it, in another format. A file appears whole or not at all.
//!
//! ```text
//! recording ─▶ rows: filter, payload, catalogue ─▶ repeats ─▶ pseudonyms ─▶ plan: which file ─▶ format ─▶ file
//! ```
//!
//! Memory does not grow with the recording. A format that has to know a number beforehand has a first pass count it.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::entry::Event;
use crate::filter::Filter;
use crate::recording::ledger::Gap;
use crate::recording::reader::{ReadError, Recording};
use crate::recording::row::Row;
use crate::sink::{Format, Options, Output, Sink, SinkError, Zone};

mod anonymize;
mod part;
mod plan;
mod repeats;
mod rows;
pub mod split;
pub mod tee;

use part::Part;
use plan::Plan;
use rows::Rows;
pub use rows::{Progress, Watch};
use split::Split;

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
    /// It would take the place of the recording, or of a file that belongs to it.
    #[error("{} is of the recording itself; export into another file", .path.display())]
    Itself {
        /// The file.
        path: PathBuf,
    },
    /// There is one place to write to, and there would be several files.
    #[error("a split export is several files; name a file to number")]
    SplitStream,
    /// It was to begin where the stream begins.
    #[error("the recording does not say when the stream began; give the time")]
    NeverLive,
    /// Who watched it said so.
    #[error("interrupted")]
    Interrupted,
}

/// What to export.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ExportOptions {
    /// Which messages.
    pub filter: Filter,
    /// Whether gaps are written between the messages, in formats that have a place for them. Default false.
    pub events: bool,
    /// What is 0:00 in formats that count from the start of a video.
    pub start: Start,
    /// What to add to the times of those formats, in microseconds. What would be before 0:00 is left out. Default 0.
    pub offset_us: i64,
    /// Whether the same text, or the same gift from the same giver, that comes again within so many microseconds is merged
    /// into the first. Default: it is not.
    pub merge_repeats_us: Option<i64>,
    /// Where to begin a new file. Default: nowhere.
    pub split: Option<Split>,
    /// Whether people get pseudonyms, which hold in all files of the export and nowhere else. Default false.
    pub anonymize: bool,
    /// The zone of times that are written for people.
    pub zone: Zone,
    /// What the format leaves a choice of.
    pub options: Options,
    /// Who is told how far it is.
    pub watch: Watch,
}

/// What is 0:00.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// When the first message was received.
    #[default]
    First,
    /// When the stream began, as far as the recording knows.
    Live,
    /// A time, in microseconds since the Unix epoch.
    At(i64),
}

/// What was exported.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exported {
    /// How many messages were handed to the format. It may have no place for some.
    pub messages: u64,
    /// The files that are there now.
    pub files: Vec<PathBuf>,
}

/// Exports into a file, which appears, or takes the place of another, only once it is whole; into several, numbered as
/// [`split::name`] says, if they are split.
///
/// What is no regular file, such as a pipe or a device, is written into as it is.
pub fn to_file(
    recording: &Recording,
    options: &ExportOptions,
    format: &Format,
    path: &Path,
) -> Result<Exported, ExportError> {
    // A link is followed and not replaced.
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if options.split.is_none() && fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        let create = |source| ExportError::Create { path: path.clone(), source };
        let file = OpenOptions::new().write(true).open(path).map_err(create)?;
        let messages = to_output(recording, options, format, Box::new(BufWriter::new(file)))?;
        return Ok(Exported { messages, files: vec![path.clone()] });
    }
    let mut parts: Vec<Part> = Vec::new();
    let messages = run(recording, options, format, &mut |file| {
        let path = options.split.map_or_else(|| path.clone(), |_| split::name(path, format, file));
        if is_part_of(&path, recording.path()) {
            return Err(ExportError::Itself { path });
        }
        let (part, file) = Part::begin(&path).map_err(|source| ExportError::Create { path, source })?;
        parts.push(part);
        Ok(Box::new(BufWriter::<File>::with_capacity(BUFFER_BYTES, file)))
    })?;
    let files: Vec<_> = parts.iter().map(|part| part.path().to_owned()).collect();
    let create = |file: usize| {
        let path = files[file].clone();
        move |source| ExportError::Create { path, source }
    };
    for (file, part) in parts.iter().enumerate() {
        part.sync().map_err(create(file))?;
    }
    for (file, part) in parts.into_iter().enumerate() {
        part.appear().map_err(create(file))?;
    }
    Ok(Exported { messages, files })
}

const BUFFER_BYTES: usize = 64 * 1024;

/// Exports into an output while reading. Gives how many messages were handed to the format.
pub fn to_output(
    recording: &Recording,
    options: &ExportOptions,
    format: &Format,
    out: Output<'_>,
) -> Result<u64, ExportError> {
    let mut out = Some(out);
    run(recording, options, format, &mut |_| out.take().ok_or(ExportError::SplitStream))
}

/// Exports into outputs that `begin` gives for the numbers of files.
fn run<'a>(
    recording: &Recording,
    options: &ExportOptions,
    format: &Format,
    begin: &mut dyn FnMut(usize) -> Result<Output<'a>, ExportError>,
) -> Result<u64, ExportError> {
    let rows = Rows::new(recording, options)?;
    let counts = format.counted.map(|_| count(recording, options, format, &rows)).transpose()?.unwrap_or_default();
    let mut gaps = if options.events { plan::gaps(recording, options)? } else { Vec::new() }.into_iter().peekable();
    let mut files = Files { format, counts, begin, open: None };
    let mut plan: Option<Plan> = None;
    let mut messages = 0;
    rows.each(format, |row| {
        let plan = planned(&mut plan, recording, options, &row)?;
        // A gap stands before the first message that was heard after it.
        while let Some(gap) = gaps.next_if(|gap| gap.to_us <= row.received_us) {
            files.gap(plan, gap)?;
        }
        messages += 1;
        Ok(files.at(plan, row.received_us)?.message(&row.entry())?)
    })?;
    let plan = plan.map_or_else(|| Plan::new(recording, options, None), Ok)?;
    for gap in gaps {
        files.gap(&plan, gap)?;
    }
    files.finish(&plan)?;
    Ok(messages)
}

/// The plan, made when the first message comes.
fn planned<'p>(
    plan: &'p mut Option<Plan>,
    recording: &Recording,
    options: &ExportOptions,
    first: &Row,
) -> Result<&'p Plan, ExportError> {
    match plan {
        Some(plan) => Ok(plan),
        None => Ok(plan.insert(Plan::new(recording, options, Some(first.received_us))?)),
    }
}

/// How many messages each file will have of those that the format counts.
fn count(
    recording: &Recording,
    options: &ExportOptions,
    format: &Format,
    rows: &Rows<'_>,
) -> Result<BTreeMap<usize, u64>, ExportError> {
    let mut counts = BTreeMap::new();
    let mut plan = None;
    let mut last = None;
    rows.each(format, |row| {
        let plan = planned(&mut plan, recording, options, &row)?;
        let file = plan.number_of(row.received_us);
        if last.as_ref().is_none_or(|(known, _)| *known != file) {
            last = Some(plan.file_of(row.received_us));
        }
        let counts_it =
            format.counted.zip(last.as_ref()).is_some_and(|(counts, (_, opening))| counts(&row.entry(), opening));
        *counts.entry(file).or_default() += u64::from(counts_it);
        Ok(())
    })?;
    Ok(counts)
}

/// The files of an export, of which one is open.
struct Files<'b, 'a> {
    format: &'b Format,
    counts: BTreeMap<usize, u64>,
    begin: &'b mut dyn FnMut(usize) -> Result<Output<'a>, ExportError>,
    open: Option<(usize, Box<dyn Sink + 'a>)>,
}

impl<'a> Files<'_, 'a> {
    /// The file that a time belongs to. Times do not go back, so what was open before is over.
    fn at(&mut self, plan: &Plan, time_us: i64) -> Result<&mut Box<dyn Sink + 'a>, ExportError> {
        let number = plan.number_of(time_us);
        let open = match self.open.take() {
            Some(open) if open.0 == number => open,
            before => {
                if let Some((_, sink)) = before {
                    sink.finish()?;
                }
                let (_, mut opening) = plan.file_of(time_us);
                opening.count = Some(self.counts.get(&number).copied().unwrap_or(0));
                (number, (self.format.open)((self.begin)(number)?, &opening)?)
            }
        };
        Ok(&mut self.open.insert(open).1)
    }

    fn gap(&mut self, plan: &Plan, gap: Gap) -> Result<(), ExportError> {
        Ok(self.at(plan, gap.to_us)?.event(&Event::Gap(gap))?)
    }

    /// Ends the last file; there is one even without messages.
    fn finish(mut self, plan: &Plan) -> Result<(), ExportError> {
        if self.open.is_none() {
            self.at(plan, i64::MIN)?;
        }
        self.open.map_or(Ok(()), |(_, sink)| Ok(sink.finish()?))
    }
}

/// Whether a path is that of a recording, or of a file that stands beside it while it is in use, such as SQLite's log.
fn is_part_of(path: &Path, recording: &Path) -> bool {
    let (Ok(path), Ok(recording)) = (fs::canonicalize(path), fs::canonicalize(recording)) else { return false };
    let rest = path.as_os_str().as_encoded_bytes().strip_prefix(recording.as_os_str().as_encoded_bytes());
    matches!(rest, Some(b"" | b"-wal" | b"-shm" | b"-journal" | b".lock"))
}
