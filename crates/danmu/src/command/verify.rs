//! `danmu verify`: whether a recording is what it should be.

use std::path::PathBuf;

use danmu_sinks::Recording;

use crate::exit::Exit;
use crate::printer::Printer;
use crate::text::safe;

/// Check a recording: the database, the raw payloads, the sums and the ledger
#[derive(clap::Args, Debug)]
pub(crate) struct Verify {
    /// The recording; it may be one that is being recorded into
    recording: PathBuf,
}

impl Verify {
    /// Checks. What is found is data; finding anything is a failure.
    pub(crate) fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        let verified = Recording::open(&self.recording)?.verify()?;
        for finding in &verified.findings {
            printer.line(&safe(&finding.to_string()))?;
        }
        let recording = self.recording.display();
        if verified.findings.is_empty() {
            printer.note(format_args!(
                "{recording} is sound: {} messages, {} with raw payloads",
                verified.messages, verified.raw
            ));
            return Ok(Exit::Done);
        }
        printer.warn(format_args!("{recording} has {} faults", verified.findings.len()));
        Ok(Exit::Failure)
    }
}
