//! The recorder of the world: real [`Room`]s and the real [`Writer`], run after run into one real file, with a machine
//! that crashes, a disk that fails, and a clock that jumps.

use std::cell::Cell;
use std::fs;
use std::future::{Future as _, pending, poll_fn};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::{Arc, mpsc};
use std::task::Poll;
use std::time::Duration;

use danmu_client::{Clock, Config, Endpoint, Event, Room, RoomId};
use danmu_sinks::{RecorderOptions, Types};
use fastrand::Rng;
use jiff::tz::TimeZone;
use tokio::time::{Instant, sleep, sleep_until};

use super::server::{Phone, Server};
use crate::report;
use crate::target::Target;
use crate::writer::{Told, Writer};

/// When the world begins by its wall clock: a day in 2025.
const BEGIN_US: i64 = 1_763_700_000_000_000;
const HOUR_US: i64 = 3_600_000_000;
const TEN_YEARS_US: i64 = 10 * 365 * 24 * HOUR_US;

thread_local! {
    /// When the world began, and what its wall clock showed less what should have passed since.
    static WALL: Cell<Option<(Instant, i64)>> = const { Cell::new(None) };
}

/// The wall clock of the world, in microseconds since the Unix epoch.
fn wall_us() -> i64 {
    let (begin, at_us) = WALL.get().expect("the world has begun");
    at_us + begin.elapsed().as_micros() as i64
}

/// What happens to the recorder.
#[derive(Clone, Copy, Debug)]
enum Trouble {
    /// It is killed.
    Crash,
    /// It is told to stop, and started again later.
    Stop,
    /// The thread that writes is held up.
    Hang,
    /// The disk is full.
    Full,
    /// The file cannot be found.
    Gone,
    /// The wall clock is set.
    Clock,
    /// The server drops everyone.
    Restart,
}

/// What may happen to a recorder, and how often.
#[derive(Clone, Debug)]
pub(super) struct Climate {
    troubles: Vec<Trouble>,
    /// How many links there are to each room.
    links: usize,
    /// Mean time between two.
    every: Duration,
    /// For how long all this goes on.
    lasts: Duration,
}

impl Climate {
    /// Nothing happens for a while.
    pub(super) const fn calm(lasts: Duration) -> Self {
        Self { troubles: Vec::new(), links: 1, every: Duration::MAX, lasts }
    }

    /// Whether the thread that writes may be held up.
    pub(super) fn hangs(&self) -> bool {
        self.troubles.iter().any(|trouble| matches!(trouble, Trouble::Hang))
    }

    /// Some of all that may happen.
    pub(super) fn draw(lasts: Duration, rng: &mut Rng) -> Self {
        use Trouble::{Clock, Crash, Full, Gone, Hang, Restart, Stop};
        let mut troubles = vec![Crash, Crash, Stop, Hang, Full, Gone, Clock, Restart];
        while rng.bool() && troubles.len() > 1 {
            troubles.swap_remove(rng.usize(..troubles.len()));
        }
        Self { troubles, links: rng.usize(1..4), every: Duration::from_secs(rng.u64(60..3600)), lasts }
    }
}

/// One run of the recorder, and how its clock went.
#[derive(Debug)]
pub(super) struct Run {
    begin: Instant,
    /// What the clock showed when, wherever it did not just go on.
    clock: Vec<(Instant, i64)>,
    /// When last nothing waited for a commit.
    safe: Instant,
    end: Instant,
    crashed: bool,
}

impl Run {
    fn clock_us(&self, at: Instant) -> i64 {
        let later = self.clock.partition_point(|&(from, _)| from <= at).max(1);
        let (from, from_us) = self.clock[later - 1];
        from_us + at.saturating_duration_since(from).as_micros() as i64
            - from.saturating_duration_since(at).as_micros() as i64
    }
}

/// How exactly the file knows when a run crashed that had nothing to write.
const STAMP: Duration = Duration::from_secs(5);

/// The time that a ledger has for a moment: what the clock of its run showed. Between two runs, and after the last that
/// the file knows of a run that crashed, that is not later than the beginning of the next.
pub(super) fn ledger_us(runs: &[Run], at: Instant) -> i64 {
    let begun = runs.partition_point(|run| run.begin <= at).max(1);
    let (run, next) = (&runs[begun - 1], runs.get(begun));
    let own = run.clock_us(at);
    match next {
        Some(next) if at > run.end => next.clock[0].1,
        Some(next) if run.crashed && (at > run.safe || at + STAMP > run.end) => own.min(next.clock[0].1),
        _ => own,
    }
}

/// Records from the beginning of the world to its end.
pub(super) async fn record(
    seed: u64,
    climate: &Climate,
    server: &Arc<Server>,
    rooms: &[RoomId],
    path: &Path,
) -> Vec<Run> {
    let mut rng = Rng::with_seed(seed ^ 0x5eed);
    let end = Instant::now() + climate.lasts;
    WALL.set(Some((Instant::now(), BEGIN_US)));
    let mut runs = Vec::new();
    loop {
        let run = run(&mut rng, climate, server, rooms, path, end).await;
        let over = run.end >= end;
        runs.push(run);
        if over {
            return runs;
        }
        sleep(Duration::from_secs_f64(10f64.powf(rng.f64() * 4.0 - 1.0))).await;
        if rng.u32(..4) == 0 && climate.troubles.iter().any(|trouble| matches!(trouble, Trouble::Clock)) {
            set_clock(&mut rng);
        }
    }
}

async fn run(
    rng: &mut Rng,
    climate: &Climate,
    server: &Arc<Server>,
    rooms: &[RoomId],
    path: &Path,
    end: Instant,
) -> Run {
    let clock = Clock::following(wall_us);
    let (tell, told) = mpsc::channel();
    let mut options = RecorderOptions::default();
    options.commit_every = Duration::from_millis(rng.u64(100..500));
    let target = Target::new(path.to_owned(), options, TimeZone::UTC);
    let mut writer = Writer::open(target, Types::default(), None, clock.clone(), told, report::channel().0)
        .expect("the disk is well");
    writer.pending = 1 << rng.u32(12..20);
    let mut config = Config::default();
    config.endpoints = ["a", "b", "c"].map(|host| Endpoint::tcp(host, 8601)).into();
    config.clock = clock.clone();
    config.links = climate.links;
    config.queue_bytes = 1 << rng.u32(12..24);
    let phone = Phone::new(server);
    let begin = Instant::now();
    let mut run = Run { begin, clock: vec![(begin, clock.now_us())], safe: begin, end: begin, crashed: false };
    let mut known = writer.recent_ids().expect("the recording can be read");
    let mut links: Vec<Room> = Vec::new();
    for &room in rooms {
        let _ = tell.send(Told::Want(room, clock.now_us()));
        let ids = known.remove(&room).unwrap_or_default();
        links.push(Room::open_knowing(room, config.clone(), phone.clone(), ids));
    }
    let mut disk = Disk { path: path.to_owned(), fault: None };
    let mut hangs = None;
    let mut trouble_at = next(rng, climate);
    let trouble = loop {
        if hangs.is_some_and(|until| until <= Instant::now()) {
            hangs = None;
        }
        if disk.fault.is_some_and(|(_, until)| until <= Instant::now()) {
            disk.mend(&mut writer);
        }
        let event = tokio::select! {
            biased;
            () = sleep_until(trouble_at.min(end)) => {
                if Instant::now() >= end {
                    disk.mend(&mut writer);
                    break Trouble::Stop;
                }
                trouble_at = next(rng, climate);
                match climate.troubles[rng.usize(..climate.troubles.len())] {
                    ends @ (Trouble::Crash | Trouble::Stop) => break ends,
                    Trouble::Hang => hangs = Some(Instant::now() + Duration::from_secs(rng.u64(1..60))),
                    Trouble::Restart => server.restart(Duration::from_secs(rng.u64(0..300))),
                    Trouble::Clock => {
                        set_clock(rng);
                        run.clock.push((Instant::now(), clock.now_us()));
                    }
                    fails if disk.fault.is_none() => disk.fail(fails, rng, &mut writer),
                    _ => {}
                }
                continue;
            }
            () = until(hangs) => continue,
            () = until(disk.fault.map(|(_, until)| until)) => continue,
            event = any(&mut links), if hangs.is_none() => Some(event),
            () = sleep(writer.wait()), if hangs.is_none() => None,
        };
        writer.turn(event);
        if writer.recorder.pending_rows() == 0 && writer.recorder.failing_since_us().is_none() {
            run.safe = Instant::now();
        }
    };
    run.crashed = if let Trouble::Crash = trouble {
        phone.cut();
        disk.crash(writer);
        true
    } else {
        for &room in rooms {
            let _ = tell.send(Told::Unwant(room, clock.now_us()));
        }
        while let Some(event) = ready(&mut links).await {
            writer.turn(Some(event));
        }
        phone.cut();
        disk.restore();
        // A disk that is full to the end makes a crash of it.
        writer.finish().is_err()
    };
    drop(links);
    disk.restore();
    run.end = Instant::now();
    run
}

/// When the next trouble comes.
fn next(rng: &mut Rng, climate: &Climate) -> Instant {
    let after = climate.every.min(Duration::from_secs(1 << 40)).mul_f64(-rng.f64().max(1e-9).ln());
    Instant::now() + if climate.troubles.is_empty() { climate.lasts * 2 } else { after }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => pending().await,
    }
}

/// The next event of any room.
async fn any(rooms: &mut [Room]) -> Event {
    poll_fn(|context| {
        for room in &mut *rooms {
            let mut next = pin!(room.next());
            if let Poll::Ready(Some(event)) = next.as_mut().poll(context) {
                return Poll::Ready(event);
            }
        }
        Poll::Pending
    })
    .await
}

/// The next event that is there already.
async fn ready(rooms: &mut [Room]) -> Option<Event> {
    let mut event = pin!(any(rooms));
    poll_fn(|context| match event.as_mut().poll(context) {
        Poll::Ready(event) => Poll::Ready(Some(event)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// Sets the wall clock by an hour, forth or back, or far into the future. It may be set right again.
fn set_clock(rng: &mut Rng) {
    let (begin, at_us) = WALL.get().expect("the world has begun");
    let at_us = match rng.u32(..8) {
        0 => at_us + TEN_YEARS_US,
        1 | 2 => BEGIN_US,
        3..=5 => at_us - HOUR_US,
        _ => at_us + HOUR_US,
    };
    WALL.set(Some((begin, at_us)));
}

/// The disk with the recording.
struct Disk {
    path: PathBuf,
    fault: Option<(Trouble, Instant)>,
}

impl Disk {
    /// Has it fail for a while.
    fn fail(&mut self, fault: Trouble, rng: &mut Rng, writer: &mut Writer) {
        // A file that is gone for longer is given up for a new one, which is another test's.
        let most = if let Trouble::Gone = fault { 0.95 } else { 3.0 };
        let long = Duration::from_secs_f64(10f64.powf(rng.f64() * most));
        self.fault = Some((fault, Instant::now() + long));
        if let Trouble::Full = fault {
            // Not one page more than there is.
            writer.recorder.set_max_bytes(Some(1)).expect("a limit is no write");
        } else {
            fs::rename(&self.path, self.away()).expect("the file is there");
        }
    }

    fn mend(&mut self, writer: &mut Writer) {
        if let Some((Trouble::Full, _)) = self.fault {
            writer.recorder.set_max_bytes(None).expect("a limit is no write");
        }
        self.restore();
    }

    /// Brings the file back, if it is gone.
    fn restore(&mut self) {
        if let Some((Trouble::Gone, _)) = self.fault.take() {
            fs::rename(self.away(), &self.path).expect("the file is there");
        }
    }

    fn away(&self) -> PathBuf {
        self.path.with_extension("away")
    }

    /// Ends the writer as a kill would: with the files as they are, and what only memory has is lost.
    fn crash(&mut self, writer: Writer) {
        self.restore();
        let log = self.path.with_extension("db-wal");
        let copies = [&self.path, &log].map(|path| fs::read(path).ok());
        drop(writer);
        for (path, copy) in [&self.path, &log].into_iter().zip(copies) {
            match copy {
                Some(bytes) => fs::write(path, bytes).expect("there was room for it"),
                None => drop(fs::remove_file(path)),
            }
        }
    }
}
