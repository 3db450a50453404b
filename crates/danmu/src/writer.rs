//! The writer thread: takes events as links give them and puts them into the recording.
//!
//! It is the only one that touches the file. When it cannot keep up, its queue fills and links stop reading; when it
//! cannot write, it keeps trying once a second, and what there is no memory for is dropped and counted.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

use danmu_client::directory::RoomState;
use danmu_client::event::now_us;
use danmu_client::queue::NoEvent;
use danmu_client::{Event, Events, Records};
use danmu_proto::Message;
use danmu_sinks::recording::writer::{self, Cause, CommitError, Committed, Finished};
use danmu_sinks::{Recorder, Types};

use crate::printer;

/// How many bytes of messages may wait for a disk that takes none.
const PENDING: usize = 64 << 20;

/// What the thread that writes is to do.
pub(crate) struct Writer {
    pub(crate) recorder: Recorder,
    /// What was learnt of rooms.
    pub(crate) states: mpsc::Receiver<RoomState>,
    pub(crate) types: Types,
    /// Stop after this many messages were stored.
    pub(crate) limit: Option<u64>,
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
    /// Writes until `events` end.
    pub(crate) fn start(mut self, mut events: Events) -> std::io::Result<Writing> {
        let full = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&full);
        let thread = thread::Builder::new().name("danmu-writer".to_owned()).spawn(move || {
            let mut trouble = Trouble::default();
            loop {
                match events.wait(self.recorder.wait(now_us())) {
                    Ok(event) => self.event(event),
                    Err(NoEvent::TimedOut) => {}
                    Err(NoEvent::Ended) => return self.recorder.finish(now_us()),
                }
                while let Ok(state) = self.states.try_recv() {
                    let RoomState { room, live, title, owner, owner_uid, category, .. } = state;
                    let state = writer::RoomState { live, title, owner, owner_uid, category };
                    self.recorder.room_state(room, state, now_us());
                }
                told.store(self.limit == Some(0), Ordering::Relaxed);
                trouble.after(self.recorder.tick(now_us()), &mut self.recorder);
            }
        })?;
        Ok(Writing { thread, full })
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Records(records) => self.records(records),
            Event::Joined { room, link, server, at_us } => {
                self.recorder.link_opened(link, room, &server.to_string(), at_us);
            }
            Event::Lost { room, link: Some(link), reason, heard_us, at_us } => {
                if let Some(cause) = reason.dropped().and_then(Cause::by_name) {
                    self.recorder.dropped(link, room, cause, 1);
                }
                self.recorder.link_ended(link, heard_us, at_us, reason.name());
            }
            Event::Dropped { room, link, messages, control, from_us, to_us } => {
                self.recorder.lost(link, room, messages, control, from_us, to_us);
            }
            // Gaps are derived from links; what a link does while it has no room is no matter of record.
            _ => {}
        }
    }

    fn records(&mut self, records: Records) {
        let (room, link) = (records.room, records.link);
        let before = records.messages().count() as u64;
        let records = if self.types.is_all() && self.limit.is_none() { records } else { self.wanted(records) };
        let left_out = before - records.messages().count() as u64;
        self.recorder.records(&records);
        if left_out > 0 {
            self.recorder.dropped(link, room, Cause::Limit, left_out);
        }
    }

    /// The messages of the types asked for, up to the limit.
    fn wanted(&mut self, records: Records) -> Records {
        let room = records.room;
        records.filter(|payload| {
            let take = self.limit != Some(0) && self.types.has(&Message::read(payload).summary(room));
            if let Some(left) = self.limit.as_mut().filter(|_| take) {
                *left -= 1;
            }
            take
        })
    }
}

/// Tells the user once when writing fails, and once when it works again.
#[derive(Debug, Default)]
struct Trouble {
    told: bool,
}

impl Trouble {
    fn after(&mut self, commit: Result<Option<Committed>, CommitError>, recorder: &mut Recorder) {
        match commit {
            Ok(None) => {}
            Ok(Some(committed)) => {
                tracing::debug!(target: "danmu::writer", rows = committed.rows, last_id = committed.last_id, "committed");
                if std::mem::take(&mut self.told) {
                    printer::warn(format_args!("{} can be written again", recorder.path().display()));
                }
            }
            Err(error) => {
                if !std::mem::replace(&mut self.told, true) {
                    let error = anyhow::Error::new(error);
                    printer::warn(format_args!("{error:#}; messages wait in memory, and it is tried every second"));
                }
                if recorder.pending_bytes() > PENDING {
                    let dropped = recorder.drop_pending(now_us());
                    printer::warn(format_args!(
                        "{dropped} messages dropped: there is no memory left for them to wait in"
                    ));
                }
            }
        }
    }
}
