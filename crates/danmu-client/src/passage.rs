//! The passage of one link to the outlet of its room: open, blocked while a subscriber is full, or dropping because that
//! took too long.

use std::sync::Arc;
use std::time::Duration;

use danmu_proto::{Batch, LinkId, Session};
use tokio::time::Instant;

use crate::drive::Ended;
use crate::endpoint::Endpoint;
use crate::outlet::Outlet;

/// How often subscribers are told of duplicates, at most.
const TELL: Duration = Duration::from_secs(1);

/// Whether what a link hears gets through to the subscribers, and what became of that which did not.
#[derive(Debug)]
pub(crate) struct Passage<'o> {
    link: LinkId,
    out: &'o Outlet,
    flow: Flow,
    /// Messages that another link had heard before, since the subscribers were told.
    duplicates: u64,
    told: Instant,
}

#[derive(Debug)]
enum Flow {
    /// It does.
    Open,
    /// A subscriber is full: nothing is read.
    Blocked { since: Instant, since_us: i64 },
    /// It was full for too long: what is read is dropped and counted. That begins with what came while nothing was read.
    Dropping { from_us: i64, messages: u64, control: u64 },
}

impl<'o> Passage<'o> {
    pub(crate) fn new(link: LinkId, out: &'o Outlet) -> Self {
        Self { link, out, flow: Flow::Open, duplicates: 0, told: Instant::now() }
    }

    pub(crate) const fn out(&self) -> &'o Outlet {
        self.out
    }

    /// The server that the link is to connect to.
    pub(crate) fn take_server(&self) -> Arc<Endpoint> {
        self.out.take_server(self.link)
    }

    /// The link joined its room.
    pub(crate) fn joined(&self) {
        self.out.joined(self.link);
    }

    /// The link is over.
    pub(crate) fn lost(&self, ended: &Ended) {
        self.out.lost(self.link, ended);
    }

    pub(crate) const fn is_open(&self) -> bool {
        matches!(self.flow, Flow::Open)
    }

    pub(crate) const fn is_reading(&self) -> bool {
        !matches!(self.flow, Flow::Blocked { .. })
    }

    /// Whether there is room for what would be read: another link may have taken the last.
    pub(crate) fn has_room(&self) -> bool {
        !self.is_open() || self.out.has_room()
    }

    /// When to lose patience with a full subscriber.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self.flow {
            Flow::Blocked { since, .. } => since.checked_add(self.out.blocked),
            Flow::Open | Flow::Dropping { .. } => None,
        }
    }

    /// Hands a batch to the subscribers, or drops and counts it.
    pub(crate) fn pass_on(&mut self, batch: Batch, heard_us: i64, session: &mut Session) {
        if batch.is_empty() {
            return;
        }
        if let Flow::Dropping { messages, control, .. } = &mut self.flow {
            let records = batch.freeze(self.out.room, self.link, heard_us);
            *messages += records.message_count() as u64;
            *control += records.control_count() as u64;
            return;
        }
        self.duplicates += self.out.heard(batch, self.link, heard_us);
        if self.duplicates > 0 && self.told.elapsed() >= TELL {
            self.tell_duplicates();
        }
        if !self.out.has_room() {
            self.block(session);
        }
    }

    /// A subscriber is full: reads no more for now.
    pub(crate) fn block(&mut self, session: &mut Session) {
        self.flow = Flow::Blocked { since: Instant::now(), since_us: self.out.clock.now_us() };
        session.pause_reading(Instant::now().into_std());
    }

    /// If it was blocked for too long, reads on, lest the server cut the link off as a slow reader.
    pub(crate) fn tick(&mut self, session: &mut Session) {
        if let Flow::Blocked { since_us, .. } = self.flow
            && self.deadline().is_some_and(|at| Instant::now() >= at)
        {
            self.flow = Flow::Dropping { from_us: since_us, messages: 0, control: 0 };
            session.resume_reading(Instant::now().into_std());
        }
    }

    /// There is room again.
    pub(crate) fn open(&mut self, session: &mut Session) {
        self.report();
        session.resume_reading(Instant::now().into_std());
    }

    /// Tells the subscribers what they did not get, and goes on as if nothing was.
    pub(crate) fn report(&mut self) {
        self.tell_duplicates();
        if let Flow::Dropping { from_us, messages, control } = std::mem::replace(&mut self.flow, Flow::Open)
            && messages + control > 0
        {
            self.out.dropped(self.link, messages, control, from_us, self.out.clock.now_us());
        }
    }

    fn tell_duplicates(&mut self) {
        self.told = Instant::now();
        match std::mem::take(&mut self.duplicates) {
            0 => {}
            duplicates => self.out.duplicates(self.link, duplicates),
        }
    }
}
