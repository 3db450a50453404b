//! `danmu import`: archives of other programs, and files of ours, into a recording.

use std::cmp::Reverse;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use danmu_client::RoomId;
use danmu_sinks::import::{DIALECTS, Dialect, End, ImportError, ImportOptions, Imported, Importer};
use jiff::Timestamp;

use crate::exit::Exit;
use crate::printer::Printer;
use crate::select::{show, time};
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
        for file in &self.files {
            let (imported, end) = self.file(file)?;
            report(printer, file, &imported);
            if let End::CutOff(how) = end {
                printer.warn(format_args!("{}: {how}: what was whole before that is imported", file.display()));
                exit = Exit::Incomplete;
            }
        }
        Ok(exit)
    }

    fn file(&self, file: &Path) -> anyhow::Result<(Imported, End)> {
        let is_stdin = file == Path::new("-");
        let name = if is_stdin { "the standard input".to_owned() } else { file.display().to_string() };
        let mut input: Box<dyn BufRead> = if is_stdin {
            Box::new(io::stdin().lock())
        } else {
            Box::new(BufReader::with_capacity(
                1 << 16,
                File::open(file).with_context(|| format!("cannot open {name}"))?,
            ))
        };
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
        let end = (dialect.read)(&mut *input, &mut |item| importer.take(item)).with_context(|| name.clone())?;
        match (importer.finish(), end) {
            (Err(ImportError::Nothing), End::CutOff(how)) => bail!("{name}: {how}, and holds no message before that"),
            (imported, end) => Ok((imported.with_context(|| name)?, end)),
        }
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
