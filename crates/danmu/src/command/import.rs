//! `danmu import`: archives of other programs, and files of ours, into a recording.

use std::cmp::Reverse;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use danmu_client::RoomId;
use danmu_sinks::import::{DIALECTS, Dialect, End, ImportError, ImportOptions, Imported, Importer};
use jiff::Timestamp;

use crate::bar::Bar;
use crate::exit::Exit;
use crate::printer::Printer;
use crate::select::{show, time};
use crate::signal::Stop;
use crate::text::safe;

/// Put files of other programs, or of danmu, into a recording
///
/// Of each file, everything is imported or nothing. Older files first: messages of a recording stand in the order of
/// their time.
#[derive(clap::Args, Debug)]
pub(crate) struct Import {
    /// The files to read; - for the standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The recording: added to, or made if it is not there
    #[arg(short, long, value_name = "RECORDING")]
    output: PathBuf,
    /// What the files are [default: by how each begins]
    #[arg(long, value_name = "NAME", value_parser = dialect)]
    format: Option<&'static Dialect>,
    /// The room, where a file does not say which it is of
    #[arg(long, value_name = "ROOM")]
    room: Option<RoomId>,
    /// When the file begins, where it does not say so itself or is wrong, such as "2026-11-21 20:00"
    #[arg(long, value_name = "TIME", value_parser = time, allow_hyphen_values = true)]
    start: Option<Timestamp>,
}

fn dialect(name: &str) -> Result<&'static Dialect, String> {
    Dialect::by_name(name).ok_or_else(|| format!("{name:?} is no format to import; there are {}", names()))
}

fn names() -> String {
    DIALECTS.iter().map(|dialect| dialect.name).collect::<Vec<_>>().join(", ")
}

impl Import {
    /// Imports one file after the other.
    pub(crate) fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        let mut exit = Exit::Done;
        let stop = Stop::on_signals().context("signals cannot be listened for")?;
        for file in &self.files {
            let bar = printer.bar("KiB");
            let done = self.file(file, &stop, &bar);
            bar.clear();
            let (imported, end) = done?;
            report(printer, file, &imported);
            if let End::CutOff(how) = end {
                printer.warn(format_args!("{}: {how}: what was whole before that is imported", file.display()));
                exit = Exit::Incomplete;
            }
        }
        Ok(exit)
    }

    fn file(&self, file: &Path, stop: &Stop, bar: &Bar) -> anyhow::Result<(Imported, End)> {
        let is_stdin = file == Path::new("-");
        let name = if is_stdin { "the standard input".to_owned() } else { file.display().to_string() };
        let (input, bytes): (Box<dyn BufRead>, _) = if is_stdin {
            (Box::new(io::stdin().lock()), 0)
        } else {
            let file = File::open(file).with_context(|| format!("cannot open {name}"))?;
            let bytes = file.metadata().map_or(0, |found| found.len());
            (Box::new(BufReader::with_capacity(1 << 16, file)), bytes)
        };
        let mut input = Watched { input, stop, bar, done: 0, bytes };
        let found = match self.format {
            Some(format) => Some(format),
            None => Dialect::by_beginning(&mut input).with_context(|| format!("cannot read {name}"))?,
        };
        if input.fill_buf().is_ok_and(<[u8]>::is_empty) {
            bail!("{name} is empty");
        }
        let Some(dialect) = found else {
            bail!("{name} does not say what it is; use --format: {}", names());
        };
        let mut options = ImportOptions::default();
        options.room = self.room;
        options.start_us = self.start.map(Timestamp::as_microsecond);
        let source = format!("import:{}", file.file_name().unwrap_or(file.as_os_str()).display());
        let mut importer = Importer::open(&self.output, &source, options)?;
        let read = (dialect.read)(&mut input, &mut |item| importer.take(item));
        if stop.asked() {
            bail!("interrupted: nothing of {name} was imported");
        }
        let end = read.with_context(|| name.clone())?;
        match (importer.finish(), end) {
            (Err(ImportError::Nothing), End::CutOff(how)) => bail!("{name}: {how}, and holds no message before that"),
            (imported, end) => Ok((imported.with_context(|| name)?, end)),
        }
    }
}

/// A file that is read on as long as the user wants, who sees how far it is.
struct Watched<'a> {
    input: Box<dyn BufRead>,
    stop: &'a Stop,
    bar: &'a Bar,
    /// Bytes that were read, and all that there are; 0 if nobody knows.
    done: u64,
    bytes: u64,
}

impl BufRead for Watched<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let bytes = self.input.fill_buf()?;
        // Not the kind that has readers try again.
        if self.stop.asked() { Err(io::Error::other("interrupted")) } else { Ok(bytes) }
    }

    fn consume(&mut self, bytes: usize) {
        self.input.consume(bytes);
        let before = self.done;
        self.done += bytes as u64;
        if self.bytes > 0 && before >> 20 != self.done >> 20 {
            self.bar.tell(self.done >> 10, self.bytes >> 10);
        }
    }
}

impl Read for Watched<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(out)?;
        self.consume(read);
        Ok(read)
    }
}

/// So many kinds of things that were left out are named.
const MOST_UNKNOWN: usize = 10;

fn report(printer: &mut Printer, file: &Path, imported: &Imported) {
    let Imported { messages, from_us, to_us, undated, .. } = *imported;
    printer.note(format_args!("{}: {messages} messages from {} to {}", file.display(), show(from_us), show(to_us)));
    if undated > 0 {
        printer.note(format_args!("{undated} of them by when they, or those before them, were sent"));
    }
    let mut unknown: Vec<_> = imported.unknown.iter().collect();
    unknown.sort_by_key(|&(_, count)| Reverse(count));
    for (name, count) in unknown.iter().take(MOST_UNKNOWN) {
        printer.note(format_args!("left out, with no place in a recording: {count} × {}", safe(name)));
    }
    if let Some(more @ 1..) = unknown.len().checked_sub(MOST_UNKNOWN) {
        printer.note(format_args!("left out too: {more} more kinds of things"));
    }
}
