//! `danmu optimize`: faster to search, smaller on the disk.

use std::path::PathBuf;

use danmu_sinks::recording::optimize::optimize;

use crate::exit::Exit;
use crate::printer::Printer;

/// Build indexes and merge raw blocks: faster to search, smaller on the disk
#[derive(clap::Args, Debug)]
pub(crate) struct Optimize {
    /// The recording
    recording: PathBuf,
}

impl Optimize {
    /// Optimizes.
    pub(crate) fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        let done = optimize(&self.recording)?;
        printer.note(format_args!(
            "{} raw blocks became {}, {} bytes became {}",
            done.blocks_before, done.blocks_after, done.bytes_before, done.bytes_after
        ));
        if done.damaged > 0 {
            printer.warn(format_args!("{} damaged raw blocks were left as they are: see danmu verify", done.damaged));
        }
        Ok(Exit::Done)
    }
}
