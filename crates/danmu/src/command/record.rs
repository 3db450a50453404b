//! `danmu record`: captures rooms into a recording.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;

use anyhow::Context;
use danmu_client::{Clock, Overflow, RoomId, Rooms};
use danmu_sinks::RecorderOptions;
use danmu_sinks::recording::writer::Finished;
use jiff::tz::TimeZone;

use crate::capture::{Capture, FAREWELL};
use crate::duration;
use crate::exit::Exit;
use crate::follow::{Follow, Show};
use crate::lookout;
use crate::printer::{Printer, in_one_line};
use crate::report;
use crate::signal::{Reload, Stop};
use crate::target::Target;
use crate::tee::{self, Tees};
use crate::writer::{Told, Writer};

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
    /// Tell a program, in JSON Lines on the standard output, up to which message all is safe in the file, and what goes
    /// wrong with it
    #[arg(long, conflicts_with = "watch")]
    progress: bool,
}

/// What is printed while it records.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shown {
    /// Nothing but what happens to links and to the disk.
    Nothing,
    /// The chat.
    Chat,
    /// What is safe in the file, for programs.
    Progress,
}

/// Options for how to store.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Recording")]
pub(crate) struct Storage {
    /// The recording; with {date} in its name, another one each day
    #[arg(short, long, value_name = "FILE", default_value = "danmu.db")]
    pub(crate) output: PathBuf,
    /// Commit this often: a kill or a power cut costs no more
    #[arg(long, value_name = "DURATION", default_value = "200ms", value_parser = duration::parse)]
    pub(crate) commit_every: Duration,
    /// Do not keep the raw payloads: smaller, but a recording without them cannot be decoded again
    #[arg(long)]
    pub(crate) no_raw: bool,
    #[command(flatten)]
    pub(crate) tees: tee::Options,
}

impl Record {
    /// Runs until it is stopped.
    pub(crate) fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        let shown = match (self.watch, self.progress) {
            (true, _) => Shown::Chat,
            (_, true) => Shown::Progress,
            _ => Shown::Nothing,
        };
        run(&self.capture, &self.storage, shown, printer)
    }
}

/// Captures into a recording, and shows what is to be seen of it.
pub(crate) fn run(capture: &Capture, storage: &Storage, show: Shown, printer: &mut Printer) -> anyhow::Result<Exit> {
    let stop = Stop::on_signals().context("cannot listen for signals")?;
    // Without a list there is nothing to read again, and a terminal that closes ends us as it ends others.
    let reload = capture.rooms_file.as_ref().map(|_| Reload::on_signal()).transpose();
    let reload = reload.context("cannot listen for signals")?;
    let mut options = RecorderOptions::default();
    options.commit_every = storage.commit_every;
    options.raw = !storage.no_raw;
    let Some(wanted) = capture.wanted(&stop, printer)? else { return Ok(Exit::Done) };
    let config = capture.config()?;
    let clock = config.clock.clone();
    let target = Target::new(storage.output.clone(), options, TimeZone::system());
    let (tell, told) = mpsc::channel();
    let (reporter, reports) = report::channel();
    let reporter_of_tees = reporter.clone();
    let mut writer = Writer::open(target, capture.limits.types(), capture.limits.limit, clock.clone(), told, reporter)?;
    let tees =
        Tees::start(&storage.tees, reporter_of_tees, clock.clone()).context("cannot start the thread for tees")?;
    if let Some(tees) = &tees {
        writer.tell(tees.teller());
    }
    let rooms = Rooms::start(config, 1).context("cannot start the network thread")?;
    let mut shown = rooms.subscribe(Overflow::DropOldest);
    let recorded = rooms.subscribe(Overflow::Wait);
    if capture.network.may_ask() {
        let seen = rooms.subscribe(Overflow::DropOldest);
        // It ends by itself, when the rooms are closed; a request under way is not worth waiting for.
        lookout::start(capture.network.directory()?, seen, tell.clone()).context("cannot start the lookout thread")?;
    }
    let mut roster = Roster { rooms, tell, clock, known: writer.recent_ids()? };
    roster.set(&wanted);
    let writing = writer.start(recorded).context("cannot start the writer thread")?;
    let progress = matches!(show, Shown::Progress);
    let show = if matches!(show, Shown::Chat) { Show::lines(wanted.len(), false, false) } else { Show::Nothing };
    let mut follow = Follow::new(printer, show, capture.limits.types(), capture.give_up, wanted.len());
    // The writer counts what is stored; this keeps more from being shown.
    follow.limit = capture.limits.limit;
    follow.until = capture.limits.until();
    let ended = follow.run(&mut shown, &stop, |printer| {
        if reload.as_ref().is_some_and(Reload::take) {
            match capture.wanted(&stop, printer) {
                Ok(Some(wanted)) => roster.set(&wanted),
                Ok(None) => {}
                Err(error) => printer.warn(format_args!("rooms stay as they are: {}", in_one_line(&error))),
            }
        }
        reports.print(printer, progress)?;
        Ok(writing.is_full())
    });
    // Also when the screen is gone: what was captured is to be safe first.
    drop(shown);
    // No longer wanted from here on: what is missed while we leave is no gap.
    roster.set(&[]);
    if let Some(tees) = &tees {
        tees.hold();
    }
    roster.rooms.close(FAREWELL);
    let finished = writing.finish();
    if let Some(tees) = tees {
        tees.finish();
    }
    let reported = reports.print(printer, progress);
    let finished = finished?;
    report(&finished, printer);
    reported?;
    let ended = ended?;
    let complete = finished.lost == 0 && finished.elsewhere == 0 && finished.sums.add_up();
    Ok(match ended.exit() {
        Exit::Done if !complete => Exit::Incomplete,
        exit => exit,
    })
}

/// The rooms that are recorded: kept open, and known to the recording as wanted.
struct Roster {
    rooms: Rooms,
    tell: mpsc::Sender<Told>,
    clock: Clock,
    /// The ids of what the last run heard a moment ago, and this one would hear again.
    known: HashMap<RoomId, Vec<String>>,
}

impl Roster {
    /// Opens what is new among these rooms, and closes what is not among them.
    fn set(&mut self, wanted: &[RoomId]) {
        let gone: Vec<_> = self.rooms.rooms().filter(|room| !wanted.contains(room)).collect();
        for room in gone {
            self.rooms.remove(room);
            self.tell(Told::Unwant(room, self.clock.now_us()));
        }
        for &room in wanted {
            if self.rooms.add_knowing(room, self.known.remove(&room).unwrap_or_default()) {
                self.tell(Told::Want(room, self.clock.now_us()));
            }
        }
        // Rooms that come later were not heard by this run, and by then not a moment ago by the last.
        self.known = HashMap::new();
    }

    fn tell(&self, told: Told) {
        // If the writer is gone, its own error says why.
        let _ = self.tell.send(told);
    }
}

fn report(finished: &Finished, printer: &mut Printer) {
    let sums = finished.sums;
    let output = finished.path.display();
    printer.note(format_args!(
        "{output}: {} received = {} stored + {} control + {} duplicates + {} dropped",
        sums.received, sums.stored, sums.control, sums.duplicates, sums.dropped
    ));
    if finished.lost > 0 {
        printer.warn(format_args!(
            "{} messages are missing, because they could not be written in time; danmu stats {output} says when",
            finished.lost
        ));
    }
    if finished.elsewhere > 0 {
        printer.warn(format_args!("{} messages are in a file that was removed or renamed", finished.elsewhere));
    }
    if !sums.add_up() {
        printer.warn("these sums do not add up, which is a fault in danmu; please report it");
    }
    if !finished.optimized {
        printer.note(format_args!("for fast searches: danmu optimize {output}"));
    }
}
