//! `danmu reindex`: decodes a recording again.

use std::path::PathBuf;

use danmu_sinks::recording::reindex::reindex;

use crate::exit::Exit;
use crate::printer::Printer;

/// Decode the raw payloads of a recording again, with this version's decoder
#[derive(clap::Args, Debug)]
pub(crate) struct Reindex {
    /// The recording
    recording: PathBuf,
}

impl Reindex {
    /// Decodes again.
    pub(crate) fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        let done = reindex(&self.recording)?;
        printer.note(format_args!("{} messages decoded again, {} kept as they were", done.rebuilt, done.kept));
        if done.damaged.is_empty() {
            return Ok(Exit::Done);
        }
        printer.warn(format_args!(
            "{} raw blocks are damaged, and their messages were kept as they were: see danmu verify",
            done.damaged.len()
        ));
        Ok(Exit::Incomplete)
    }
}
