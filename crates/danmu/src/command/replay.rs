//! `danmu replay`: a recording as a danmu server again.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context as _, bail};
use danmu_proto::RoomId;
use danmu_sim::{Config, Cue, Feed};
use danmu_sinks::recording::ledger::Span;
use danmu_sinks::{Filter, Recording};

use crate::duration;
use crate::exit::Exit;
use crate::listen::{Listen, wait};
use crate::printer::{Printer, in_one_line};
use crate::select::{Select, show};
use crate::signal::Stop;

/// Serve a recording as a danmu server again
///
/// Clients that join one of its rooms hear what was said there, payload for payload and at the pace at which it was
/// said. It begins when the first client joins; who comes later hears what is on by then. At the end of the recording it
/// ends too. Prints the addresses it listens on.
#[derive(clap::Args, Debug)]
pub(crate) struct Replay {
    /// The recording
    recording: PathBuf,
    #[command(flatten)]
    listen: Listen,
    /// How many times as fast as it was
    #[arg(long, value_name = "N", default_value_t = 1.0, value_parser = speed)]
    speed: f64,
    /// skip: leave out the time in which nobody listened, and all but a minute of any silence; keep: as it was
    #[arg(long, value_enum, default_value_t, value_name = "skip|keep", hide_possible_values = true)]
    gaps: Gaps,
    /// Of several rooms: how long after the first client to wait for someone in each
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = duration::parse)]
    wait: Duration,
    /// Begin anew at the end, with fresh message ids
    #[arg(long = "loop")]
    repeat: bool,
    /// Stop after this long, such as 90s or 1h30m
    #[arg(long = "for", value_name = "DURATION", value_parser = duration::parse)]
    duration: Option<Duration>,
    #[command(flatten)]
    select: Select,
}

/// What becomes of the time in which there is nothing to hear.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Gaps {
    #[default]
    Skip,
    Keep,
}

/// Of a silence, this much is left.
const SILENCE_US: i64 = 60_000_000;

/// Reads a speed; for clap.
fn speed(text: &str) -> Result<f64, String> {
    let speed = text.parse().ok().filter(|speed| (1e-3..=1e9).contains(speed));
    speed.ok_or_else(|| format!("{text:?} is no speed; write 1 for as it was, 4 for four times as fast"))
}

impl Replay {
    /// Serves until the end, or until it is stopped.
    pub(crate) fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        let stop = Stop::on_signals()?;
        let filter = self.select.filter();
        let recording = Recording::open(&self.recording)?;
        let rooms = rooms(&recording, &filter)?;
        let span = span(&recording, &filter)?;
        let timeline = match self.gaps {
            Gaps::Skip => Timeline::without(recording.deaf(&filter.rooms)?),
            Gaps::Keep => Timeline::default(),
        };
        drop(recording);

        let failure = Arc::new(OnceLock::new());
        let read = {
            let (path, failure) = (self.recording.clone(), Arc::clone(&failure));
            move |each: &mut dyn FnMut(Cue) -> ControlFlow<()>| {
                if let Err(error) = read(&path, &filter, timeline.clone(), each) {
                    let _ = failure.set(error);
                }
            }
        };
        let mut replay = danmu_sim::Replay::new(rooms.iter().copied(), read);
        replay.speed = self.speed;
        replay.patience = self.wait;
        let mut config = Config::default();
        config.feed = Feed::Replay(replay);
        config.repeat = self.repeat;

        let simulator = self.listen.start(config, printer)?;
        let numbers = rooms.iter().map(RoomId::to_string).collect::<Vec<_>>().join(", ");
        let rooms = if rooms.len() == 1 { "room" } else { "rooms" };
        printer.note(format_args!(
            "{rooms} {numbers}, {} to {}: begins when a client joins",
            show(span.0),
            show(span.1)
        ));
        wait(&stop, self.duration, || simulator.is_over() || failure.get().is_some());
        let over = simulator.is_over();
        let sent = simulator.shutdown();
        if let Some(error) = failure.get() {
            bail!("{}: {}", self.recording.display(), in_one_line(error));
        }
        let said: u64 = sent.rooms.values().map(|room| room.fed).sum();
        printer.note(format_args!(
            "{}{said} messages said, {} sent on {} connections",
            if over { "the end: " } else { "" },
            sent.messages(),
            sent.accepted,
        ));
        Ok(Exit::Done)
    }
}

/// The rooms to serve.
fn rooms(recording: &Recording, filter: &Filter) -> anyhow::Result<Vec<RoomId>> {
    let mut rooms = recording.rooms()?;
    if let Some(missing) = filter.rooms.iter().find(|room| !rooms.contains(room)) {
        let rooms = rooms.iter().map(RoomId::to_string).collect::<Vec<_>>().join(", ");
        bail!("room {missing} is not in {}, which has {rooms}", recording.path().display());
    }
    rooms.retain(|room| filter.rooms.is_empty() || filter.rooms.contains(room));
    Ok(rooms)
}

/// When the first and the last message were received, all of which have payloads.
fn span(recording: &Recording, filter: &Filter) -> anyhow::Result<(i64, i64)> {
    let path = recording.path().display();
    let first = recording.messages(filter)?.next().transpose()?;
    let last = recording.search(filter)?.next().transpose()?;
    let (Some(first), Some(last)) = (first, last) else {
        bail!("{path} has no messages to replay, or none that were asked for");
    };
    if let Some(id) = recording.first_without_payload(filter)? {
        bail!(
            "message {id} of {path} has no raw payload, which is what a replay is made of; it was recorded with --no-raw, \
             or imported"
        );
    }
    Ok((first.received_us, last.received_us))
}

/// Hands on all messages, each with its time.
fn read(
    path: &Path,
    filter: &Filter,
    mut timeline: Timeline,
    each: &mut dyn FnMut(Cue) -> ControlFlow<()>,
) -> anyhow::Result<()> {
    let recording = Recording::open(path)?;
    for row in recording.messages(filter)?.with_payloads() {
        let row = row?;
        let payload = row.payload.with_context(|| format!("message {} has no raw payload", row.seq))?;
        if each(Cue { at: timeline.at(row.received_us), room: row.room, payload }).is_break() {
            break;
        }
    }
    Ok(())
}

/// When to say what was heard when: pure. Times may only grow.
#[derive(Clone, Debug, Default)]
struct Timeline {
    /// Spans to leave out, in order, and how much to leave of a silence, if that is not all.
    skip: Option<(Vec<Span>, i64)>,
    /// How many of the spans are over.
    past: usize,
    /// The time of the message before: then, and now.
    last: Option<(i64, i64)>,
}

impl Timeline {
    /// One without these spans and without long silences.
    fn without(deaf: Vec<Span>) -> Self {
        Self { skip: Some((deaf, SILENCE_US)), ..Self::default() }
    }

    /// How long after the beginning to say what was heard at `received_us`.
    fn at(&mut self, received_us: i64) -> Duration {
        let (then, now) = self.last.unwrap_or((received_us, 0));
        let mut passed = received_us.saturating_sub(then).max(0);
        if let Some((deaf, silence)) = &self.skip {
            let within = |&(from, to): &Span| to.min(received_us).saturating_sub(from.max(then)).max(0);
            let skipped = deaf[self.past..].iter().take_while(|span| span.0 < received_us).map(within).sum();
            self.past += deaf[self.past..].iter().take_while(|span| span.1 <= received_us).count();
            passed = passed.saturating_sub(skipped).min(*silence);
        }
        let now = now.saturating_add(passed);
        self.last = Some((received_us, now));
        Duration::from_micros(now.unsigned_abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn plays(mut timeline: Timeline, received_s: &[i64], at_s: &[u64]) {
        let at: Vec<_> = received_s.iter().map(|s| timeline.at(s * 1_000_000).as_secs()).collect();
        assert_eq!(at, at_s);
    }

    fn without(deaf_s: &[Span]) -> Timeline {
        Timeline::without(deaf_s.iter().map(|(from, to)| (from * 1_000_000, to * 1_000_000)).collect())
    }

    #[test]
    fn kept_time_passes_as_it_did() {
        plays(Timeline::default(), &[100, 100, 130, 90_000], &[0, 0, 30, 89_900]);
    }

    #[test]
    fn time_in_which_nobody_listened_is_left_out() {
        plays(without(&[(110, 4000)]), &[100, 105, 4010, 4020], &[0, 5, 20, 30]);
        plays(without(&[(110, 120), (125, 200)]), &[100, 118, 130, 210], &[0, 10, 15, 25]);
        plays(without(&[(0, 50), (110, 120)]), &[100, 130], &[0, 20]);
        plays(without(&[]), &[100, 130], &[0, 30]);
    }

    #[test]
    fn of_long_silences_a_minute_is_left_and_clocks_that_jumped_keep_nobody_waiting() {
        plays(without(&[]), &[100, 159, 9000, 9001], &[0, 59, 119, 120]);
        plays(without(&[(200, 300)]), &[100, 500, i64::MAX / 1_000_000], &[0, 60, 120]);
        plays(without(&[]), &[i64::MIN / 1_000_000, 0, 1], &[0, 60, 61]);
    }
}
