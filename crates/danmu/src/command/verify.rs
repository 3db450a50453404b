//! `danmu verify`: whether a recording is what it should be.

use std::path::PathBuf;

use anyhow::Context as _;
use danmu_sim::Account;
use danmu_sinks::Recording;

use crate::audit::{Verdict, audit};
use crate::exit::Exit;
use crate::printer::Printer;
use crate::text::safe;

/// Check a recording: the database, the raw payloads, the sums and the ledger
#[derive(clap::Args, Debug)]
pub(crate) struct Verify {
    /// The recording; it may be one that is being recorded into
    recording: PathBuf,
    /// Hold it also to what was sent, as `danmu simulate --account FILE` wrote it: every message is stored once, or lies in
    /// a gap of its room, or was counted as dropped, and nothing else is stored
    #[arg(long, value_name = "FILE")]
    sent: Option<PathBuf>,
}

impl Verify {
    /// Checks. What is found is data; finding anything is a failure.
    pub(crate) fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        // What was sent is read first: its file is the one that is easily mistaken.
        let account = self.sent.as_ref().map(|path| {
            Account::open(path).with_context(|| format!("cannot hold the recording to {}", path.display()))
        });
        let account = account.transpose()?;
        let recording = Recording::open(&self.recording)?;
        let verified = recording.verify()?;
        for finding in &verified.findings {
            printer.line(&safe(&finding.to_string()))?;
        }
        let verdict = account.map(|account| audit(&recording, &account)).transpose()?;
        let holds = verdict.as_ref().is_none_or(Verdict::holds);
        if let Some(verdict) = verdict {
            for finding in &verdict.findings {
                printer.line(&format!("sent: {finding}"))?;
            }
            printer.line(&verdict.to_string())?;
        }
        let recording = self.recording.display();
        if verified.is_sound() {
            printer.note(format_args!(
                "{recording} is sound: {} messages, {} with raw payloads",
                verified.messages, verified.raw
            ));
        } else {
            printer.warn(format_args!("{recording} has {} faults", verified.findings.len()));
        }
        if !holds {
            printer.warn(format_args!("{recording} does not agree with what was sent"));
        }
        Ok(if holds && verified.is_sound() { Exit::Done } else { Exit::Failure })
    }
}
