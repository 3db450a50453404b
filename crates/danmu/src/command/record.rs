//! `danmu record`: captures rooms into a recording.

use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;

use anyhow::Context;
use danmu_client::Overflow;
use danmu_client::event::now_us;
use danmu_sinks::recording::writer::Finished;
use danmu_sinks::{Recorder, RecorderOptions};

use crate::capture::{Capture, FAREWELL};
use crate::duration;
use crate::exit::Exit;
use crate::follow::{Follow, Show};
use crate::lookout;
use crate::printer::Printer;
use crate::signal::Stop;
use crate::writer::Writer;

/// Capture rooms into a recording
///
/// A recording is one SQLite file. If it exists, it is added to.
#[derive(clap::Args, Debug)]
pub(crate) struct Record {
    #[command(flatten)]
    capture: Capture,
    #[command(flatten)]
    storage: Storage,
    /// Show the chat too
    #[arg(long)]
    watch: bool,
}

/// Options for how to store.
#[derive(clap::Args, Debug)]
pub(crate) struct Storage {
    /// The recording
    #[arg(short, long, value_name = "FILE", default_value = "danmu.db")]
    pub(crate) output: PathBuf,
    /// Commit this often: a kill or a power cut costs no more
    #[arg(long, value_name = "DURATION", default_value = "200ms", value_parser = duration::parse)]
    pub(crate) commit_every: Duration,
    /// Do not keep the raw payloads: smaller, but a recording without them cannot be decoded again
    #[arg(long)]
    pub(crate) no_raw: bool,
}

impl Record {
    /// Runs until it is stopped.
    pub(crate) fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        let show = if self.watch { Show::lines(self.capture.rooms.len(), false) } else { Show::Nothing };
        run(&self.capture, &self.storage, show, printer)
    }
}

/// Captures into a recording and shows what is to be shown.
pub(crate) fn run(capture: &Capture, storage: &Storage, show: Show, printer: &mut Printer) -> anyhow::Result<Exit> {
    let stop = Stop::on_signals().context("cannot listen for signals")?;
    let mut options = RecorderOptions::default();
    options.commit_every = storage.commit_every;
    options.raw = !storage.no_raw;
    let wanted = capture.network.resolve(&capture.rooms, printer)?;
    let mut recorder = Recorder::open(&storage.output, options, now_us())?;
    let mut rooms = capture.start()?;
    let mut shown = rooms.subscribe(Overflow::DropOldest);
    let recorded = rooms.subscribe(Overflow::Wait);
    for &room in &wanted {
        recorder.want(room, now_us());
    }
    let (tell, states) = mpsc::channel();
    if capture.network.may_ask() {
        let seen = rooms.subscribe(Overflow::DropOldest);
        // It ends by itself, when the rooms are closed; a request under way is not worth waiting for.
        lookout::start(capture.network.directory()?, seen, tell).context("cannot start the lookout thread")?;
    }
    let writer = Writer { recorder, states, types: capture.limits.types(), limit: capture.limits.limit };
    let writing = writer.start(recorded).context("cannot start the writer thread")?;
    for &room in &wanted {
        rooms.add(room);
    }
    let mut follow = Follow::new(printer, show, capture.limits.types(), capture.give_up, rooms.rooms().count());
    follow.until = capture.limits.until();
    let ended = follow.run(&mut shown, &stop, || writing.is_full());
    // Also when the screen is gone: what was captured is to be safe first.
    drop(shown);
    rooms.close(FAREWELL);
    let finished = writing.finish()?;
    let ended = ended?;
    report(&finished, storage, printer);
    let balanced = finished.sums.add_up();
    Ok(if balanced { ended.exit() } else { Exit::Incomplete })
}

fn report(finished: &Finished, storage: &Storage, printer: &mut Printer) {
    let sums = finished.sums;
    let output = storage.output.display();
    printer.note(format_args!(
        "{output}: {} received = {} stored + {} control + {} duplicates + {} dropped",
        sums.received, sums.stored, sums.control, sums.duplicates, sums.dropped
    ));
    if !sums.add_up() {
        printer.warn("these sums do not add up, which is a fault in danmu; please report it");
    }
    if !finished.optimized {
        printer.note(format_args!("for fast searches: danmu optimize {output}"));
    }
}
