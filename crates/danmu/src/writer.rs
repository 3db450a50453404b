//! The writer thread: takes events as links give them and puts them into the recording.
//!
//! It is the only one that touches the file, and it prints nothing: what it has to say goes through `report`. When it cannot keep up, its queue fills and links stop reading; when it
//! cannot write, it keeps trying once a second, and what there is no memory for is dropped and counted.

use std::collections::{HashMap, HashSet};
use std::iter;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use danmu_client::directory::RoomState;
use danmu_client::queue::NoEvent;
use danmu_client::standby;
use danmu_client::{Clock, Endpoint, Event, Events, LinkId, Records, RoomId};
use danmu_proto::Summary;
use danmu_sinks::recording::OpenError;
use danmu_sinks::recording::writer::{self, Cause, CommitError, Committed, Finished, Sums};
use danmu_sinks::{Recorder, Types};

use crate::printer::in_one_line;
use crate::report::{Report, Reporter};
use crate::space::Space;
use crate::target::Target;
use crate::tee::{self, Now};

/// For how long events gather before the thread wakes up for them: a tenth of the time between two commits.
const GATHER: Duration = Duration::from_millis(10);

/// How many bytes of messages may wait for a disk that takes none.
const PENDING: usize = 64 << 20;

/// How long a file that is gone may take to come back, as when it was put aside for a moment, before a new one takes its
/// place.
const GONE_US: i64 = 10_000_000;

/// How far a recording may be ahead of the clock before that is worth a word.
const AHEAD_US: i64 = 60_000_000;

/// What the thread that writes is to do.
pub(crate) struct Writer {
    target: Target,
    pub(crate) recorder: Recorder,
    before: Before,
    /// What goes on, to go on in the file of another day.
    wanted: HashSet<RoomId>,
    links: HashMap<LinkId, (RoomId, Arc<Endpoint>)>,
    /// What else there is to record.
    told: mpsc::Receiver<Told>,
    /// Who hears what becomes of it.
    reporter: Reporter,
    trouble: Trouble,
    space: Space,
    clock: Clock,
    types: Types,
    /// How many more messages to store.
    limit: Option<u64>,
    /// How many bytes of messages may wait for a disk that takes none.
    pub(crate) pending: usize,
    /// Who wants to know which file is recorded into.
    tees: Option<mpsc::Sender<tee::Told>>,
}

/// What the recording is told beside events.
#[derive(Debug)]
pub(crate) enum Told {
    /// The room is to be listened to from this time on; in microseconds since the Unix epoch.
    Want(RoomId, i64),
    /// The room is not to be listened to after this time.
    Unwant(RoomId, i64),
    /// What was learnt of a room.
    State(RoomState),
}

/// The thread that writes.
#[derive(Debug)]
pub(crate) struct Writing {
    thread: JoinHandle<Result<Finished, CommitError>>,
    full: Arc<AtomicBool>,
}

impl Writing {
    /// Whether the limit is reached.
    pub(crate) fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    /// Waits for the last commit.
    ///
    /// # Errors
    /// The last commit failed.
    pub(crate) fn finish(self) -> Result<Finished, CommitError> {
        self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

impl Writer {
    /// Opens the target: messages of `types` will go there, at most `limit` of them.
    ///
    /// # Errors
    /// It cannot be recorded into.
    pub(crate) fn open(
        mut target: Target,
        types: Types,
        limit: Option<u64>,
        clock: Clock,
        told: mpsc::Receiver<Told>,
        reporter: Reporter,
    ) -> Result<Self, OpenError> {
        let now_us = clock.now_us();
        let recorder = target.open(now_us)?;
        let (before, wanted, links, trouble, space) = Default::default();
        let writer = Self {
            target,
            recorder,
            before,
            wanted,
            links,
            told,
            reporter,
            trouble,
            space,
            clock,
            types,
            limit,
            pending: PENDING,
            tees: None,
        };
        writer.catch_up(now_us);
        Ok(writer)
    }

    /// Times go on from where the recording has them, also if the clock was put back since.
    fn catch_up(&self, now_us: i64) {
        let begun_us = self.recorder.begun_us();
        self.clock.catch_up(begun_us);
        if begun_us > now_us.saturating_add(AHEAD_US) {
            self.say(Report::Ahead { seconds: (begun_us - now_us) / 1_000_000 });
        }
    }

    /// Tells `tees` which file is recorded into, now and after each change.
    pub(crate) fn tell(&mut self, tees: mpsc::Sender<tee::Told>) {
        self.tees = Some(tees);
        self.tell_tees(self.clock.now_us());
    }

    fn tell_tees(&self, at_us: i64) {
        if let Some(tees) = &self.tees {
            let now = Now { path: self.recorder.path().to_owned(), day: self.target.opened(), at_us };
            // A thread that is gone has said why.
            let _ = tees.send(tee::Told::Now(now));
        }
    }

    /// The ids of messages that are in the recording already and are so new that they may be heard again.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn recent_ids(&self) -> Result<HashMap<RoomId, Vec<String>>, OpenError> {
        self.recorder.recent_ids(self.clock.now_us().saturating_sub(standby::WINDOW.as_micros() as i64))
    }

    /// Writes until `events` end.
    pub(crate) fn start(mut self, events: Events) -> std::io::Result<Writing> {
        let full = Arc::new(AtomicBool::new(false));
        let is_full = Arc::clone(&full);
        let thread = thread::Builder::new().name("danmu-writer".to_owned()).spawn(move || {
            let mut events = events.gather(GATHER);
            loop {
                match events.wait(self.wait()) {
                    Ok(event) => {
                        let waiting = iter::from_fn(|| events.wait(Duration::ZERO).ok());
                        self.turn(iter::once(event).chain(waiting));
                    }
                    Err(NoEvent::TimedOut) => self.turn(None),
                    Err(NoEvent::Ended) => return self.finish(),
                }
                is_full.store(self.limit == Some(0), Ordering::Relaxed);
            }
        })?;
        Ok(Writing { thread, full })
    }

    /// How long until there is something to do without an event.
    pub(crate) fn wait(&self) -> Duration {
        self.recorder.wait(self.clock.now_us())
    }

    /// Takes what happened, up to what fits into a commit, and does what is due.
    ///
    /// All that waits goes into one commit: what had to wait is old, and due at once, and a commit for each event would
    /// cost more than the event, so that the wait would never end.
    pub(crate) fn turn(&mut self, events: impl IntoIterator<Item = Event>) {
        self.listen();
        for event in events {
            self.event(event);
            if self.recorder.is_full() {
                break;
            }
        }
        let now_us = self.clock.now_us();
        if self.target.is_over(now_us) {
            let rotation = self.rotate(now_us);
            self.after_rotation(rotation);
        }
        let commit = self.recorder.tick(now_us);
        self.after_commit(commit);
        if let Some(low) = self.space.look(now_us, self.recorder.path()) {
            self.say(Report::Low(low));
        }
    }

    /// Takes what it was told beside events.
    fn listen(&mut self) {
        while let Ok(told) = self.told.try_recv() {
            self.told(told);
        }
    }

    fn told(&mut self, told: Told) {
        match told {
            Told::Want(room, at_us) => {
                self.wanted.insert(room);
                self.recorder.want(room, at_us);
            }
            Told::Unwant(room, at_us) => {
                self.wanted.remove(&room);
                self.recorder.unwant(room, at_us);
            }
            Told::State(RoomState { room, live, title, owner, owner_uid, category, .. }) => {
                self.recorder.room_state(
                    room,
                    writer::RoomState { live, title, owner, owner_uid, category },
                    self.clock.now_us(),
                );
            }
        }
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Records(records) => self.records(records),
            Event::Joined { room, link, server, at_us } => {
                self.recorder.link_opened(link, room, &server.to_string(), at_us);
                self.links.insert(link, (room, server));
            }
            Event::Lost { room, link: Some(link), reason, heard_us, at_us, .. } => {
                if let Some(cause) = reason.dropped().and_then(Cause::by_name) {
                    self.recorder.dropped(link, room, cause, 1);
                }
                self.recorder.link_ended(link, heard_us, at_us, reason.name());
                self.links.remove(&link);
            }
            Event::Dropped { room, link, messages, control, from_us, to_us } => {
                self.recorder.lost(link, room, messages, control, from_us, to_us);
            }
            Event::Duplicates { room, link, messages } => self.recorder.duplicates(link, room, messages),
            // Gaps are derived from links; what a link does while it has no room is no matter of record.
            _ => {}
        }
    }

    fn records(&mut self, records: Records) {
        let (room, link) = (records.room, records.link);
        let before = records.message_count() as u64;
        let records = if self.types.is_all() && self.limit.is_none() { records } else { self.wanted(records) };
        let left_out = before - records.message_count() as u64;
        self.recorder.records(&records);
        if left_out > 0 {
            self.recorder.dropped(link, room, Cause::Limit, left_out);
        }
    }

    /// The messages of the types asked for, up to the limit.
    fn wanted(&mut self, records: Records) -> Records {
        let room = records.room;
        records.filter(|payload| {
            let take = self.limit != Some(0) && self.types.has(&Summary::read(payload, room));
            if let Some(left) = self.limit.as_mut().filter(|_| take) {
                *left -= 1;
            }
            take
        })
    }
}

impl Writer {
    /// Goes on in the file of a new day: links and wanted time end in the old one and begin in the new one at the same
    /// moment. If the new one cannot be opened, all goes on in the old one.
    fn rotate(&mut self, now_us: i64) -> Result<(), Rotation> {
        let mut recorder = self.target.open(now_us).map_err(Rotation::Open)?;
        for (&link, (room, server)) in &self.links {
            self.recorder.link_ended(link, now_us, now_us, "rotation");
            recorder.link_opened(link, *room, &server.to_string(), recorder.begun_us());
        }
        for &room in &self.wanted {
            recorder.want(room, recorder.begun_us());
        }
        let old = std::mem::replace(&mut self.recorder, recorder);
        self.tell_tees(now_us);
        let finished = old.finish(now_us).map_err(Rotation::Finish)?;
        self.before.add(finished.sums, finished.lost, finished.elsewhere);
        self.catch_up(now_us);
        self.space = Space::default();
        Ok(())
    }

    /// Goes on in a new file where the old one is gone.
    fn renew(&mut self, now_us: i64) {
        // Where that fails, the trouble that there is has been told.
        if let Ok(left) = self.recorder.renew(now_us) {
            self.before.add(left.sums, left.lost, 0);
            self.space = Space::default();
            self.say(Report::Renewed);
        }
    }

    /// Takes what it was told last, and ends the recording well.
    pub(crate) fn finish(mut self) -> Result<Finished, CommitError> {
        self.listen();
        if self.trouble.gone {
            self.renew(self.clock.now_us());
        }
        let (now_us, path, waiting) =
            (self.clock.now_us(), self.recorder.path().to_owned(), self.recorder.pending_rows());
        let run = self.recorder.run();
        let mut finished = self.recorder.finish(now_us).inspect_err(|_| {
            if waiting > 0 {
                self.reporter.say(now_us, &path, Report::Left { messages: waiting });
            }
        })?;
        self.reporter.say(now_us, &path, Report::Committed { run, committed: finished.committed });
        finished.sums = finished.sums.plus(self.before.sums);
        finished.lost += self.before.lost;
        finished.elsewhere += self.before.elsewhere;
        Ok(finished)
    }
}

/// What went wrong at the change of days.
#[derive(Debug)]
enum Rotation {
    /// The new file cannot be opened.
    Open(OpenError),
    /// The old file could not be ended well.
    Finish(CommitError),
}

/// What the user knows of already.
#[derive(Debug, Default)]
struct Trouble {
    failing: bool,
    /// There is no file any more.
    gone: bool,
    no_new_day: bool,
}

/// What is said of it.
impl Writer {
    fn say(&self, report: Report) {
        self.reporter.say(self.clock.now_us(), self.recorder.path(), report);
    }

    fn after_rotation(&mut self, rotation: Result<(), Rotation>) {
        let detail = |error: anyhow::Error| in_one_line(&error);
        match rotation {
            Ok(()) => self.trouble.no_new_day = false,
            Err(Rotation::Open(error)) => {
                if !std::mem::replace(&mut self.trouble.no_new_day, true) {
                    self.say(Report::NoNewDay { detail: detail(error.into()) });
                }
            }
            Err(Rotation::Finish(error)) => self.say(Report::OldDay { detail: detail(error.into()) }),
        }
    }

    fn after_commit(&mut self, commit: Result<Option<Committed>, CommitError>) {
        match commit {
            Ok(None) => {}
            Ok(Some(committed)) => {
                tracing::debug!(target: "danmu::writer", rows = committed.rows, last_id = committed.last_id, "committed");
                self.trouble.gone = false;
                if std::mem::take(&mut self.trouble.failing) {
                    self.say(Report::Working);
                }
                self.say(Report::Committed { run: self.recorder.run(), committed });
            }
            Err(error) => {
                self.trouble.gone = matches!(error, CommitError::Gone { .. });
                if !std::mem::replace(&mut self.trouble.failing, true) {
                    self.say(Report::failing(error));
                }
                let now_us = self.clock.now_us();
                let since_us = self.recorder.failing_since_us();
                if self.trouble.gone && since_us.is_some_and(|since_us| now_us - since_us >= GONE_US) {
                    self.renew(now_us);
                }
                if self.recorder.pending_bytes() > self.pending {
                    let messages = self.recorder.drop_pending(self.clock.now_us());
                    self.say(Report::Dropped { messages });
                }
            }
        }
    }
}

/// What the files of earlier days hold.
#[derive(Clone, Copy, Debug, Default)]
struct Before {
    sums: Sums,
    lost: u64,
    elsewhere: u64,
}

impl Before {
    fn add(&mut self, sums: Sums, lost: u64, elsewhere: u64) {
        self.sums = self.sums.plus(sums);
        self.lost += lost;
        self.elsewhere += elsewhere;
    }
}

#[cfg(test)]
mod tests {
    use danmu_proto::Batch;
    use danmu_sinks::{Filter, RecorderOptions, Recording};
    use jiff::tz::TimeZone;

    use super::*;
    use crate::report;

    const DAY_US: i64 = 86_400_000_000;

    fn records(room: RoomId, received_us: i64, text: &str) -> Event {
        let mut batch = Batch::new();
        batch.push(format!("type@=chatmsg/rid@={room}/txt@={text}/dms@=4/").as_bytes(), false);
        Event::Records(batch.freeze(room, LinkId(1), received_us))
    }

    #[test]
    fn a_new_day_goes_on_in_a_new_file_without_a_gap_and_days_never_go_back() {
        let folder = tempfile::tempdir().unwrap();
        let target = Target::new(folder.path().join("{date}.db"), RecorderOptions::default(), TimeZone::UTC);
        let room = RoomId::new(9999).unwrap();
        let begin_us = 20_000 * DAY_US;
        let (_tell, told) = mpsc::channel();
        let clock = Clock::starting_at(begin_us);
        let mut writer = Writer::open(target, Types::default(), None, clock, told, report::channel().0).unwrap();
        writer.told(Told::Want(room, begin_us));
        let server = Arc::new(Endpoint::tcp("localhost", 1));
        writer.event(Event::Joined { room, link: LinkId(1), server, at_us: begin_us });
        writer.event(records(room, begin_us + 1, "one"));
        assert!(!writer.target.is_over(begin_us + DAY_US - 1));
        assert!(writer.target.is_over(begin_us + DAY_US));
        writer.rotate(begin_us + DAY_US).unwrap();
        assert!(!writer.target.is_over(begin_us), "a clock that jumps back does not bring yesterday back");
        writer.event(records(room, begin_us + DAY_US + 1, "two"));
        let finished = writer.finish().unwrap();
        assert_eq!((finished.sums.stored, finished.sums.add_up()), (2, true));

        for (day, text) in [("2024-10-04", "one"), ("2024-10-05", "two")] {
            let recording = Recording::open(folder.path().join(format!("{day}.db"))).unwrap();
            let rows: Vec<_> = recording.messages(&Filter::default()).unwrap().map(Result::unwrap).collect();
            assert_eq!(rows.iter().map(|row| row.summary.text.as_deref().unwrap()).collect::<Vec<_>>(), [text]);
            let missed: Vec<_> = recording.gaps().unwrap().into_iter().filter(|gap| gap.reason != "stop").collect();
            assert_eq!(missed, [], "{day}");
        }
    }
}
