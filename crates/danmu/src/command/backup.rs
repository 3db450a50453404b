//! `danmu backup`: copies a recording, also while it is being recorded into.

use std::path::PathBuf;

use danmu_sinks::Recording;

use crate::exit::Exit;
use crate::printer::Printer;

/// Copy a recording, also while it is being recorded into
#[derive(clap::Args, Debug)]
pub(crate) struct Backup {
    /// The recording
    recording: PathBuf,
    /// The copy, which must not exist yet
    copy: PathBuf,
}

impl Backup {
    /// Copies.
    pub(crate) fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        Recording::open(&self.recording)?.backup(&self.copy)?;
        printer.note(format_args!("copied into {}", self.copy.display()));
        Ok(Exit::Done)
    }
}
