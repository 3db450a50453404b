//! Outbox: what is on its way to one client, bounded in bytes.
//!
//! Whoever has something to say pushes it here and never waits; the connection's task writes it when the socket takes
//! it. Bursts are shared between all who hear the same room, so a connection costs little more than its socket. A
//! connection whose data is to be coalesced holds what it has for a while, and then has it in one piece.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::Notify;

use crate::feed::Burst;
use crate::sent::Tally;

/// The queue of one connection. All its users are tasks of one thread.
#[derive(Debug)]
pub(crate) struct Outbox {
    limit: usize,
    queue: RefCell<VecDeque<Queued>>,
    /// Bytes in the queue that are not written yet.
    pending: Cell<usize>,
    /// Bytes of the first burst that are.
    written: Cell<usize>,
    overrun: Cell<bool>,
    /// Whether the socket was shown some of the first burst: it has to stay as it is.
    begun: Cell<bool>,
    /// How long to hold what is pushed, if at all.
    hold: Cell<Option<Duration>>,
    /// Until when.
    held: Cell<Option<Instant>>,
    pushed: Notify,
    sent: Notify,
}

#[derive(Debug)]
struct Queued {
    burst: Burst,
    /// Where to count it; nowhere, if it is an answer.
    tally: Option<Arc<Tally>>,
}

impl Outbox {
    /// A queue that may hold `limit` bytes, and one burst more. With `hold`, what is pushed waits for so long.
    pub(crate) fn new(limit: usize, hold: Option<Duration>) -> Self {
        Self {
            limit,
            queue: RefCell::default(),
            pending: Cell::new(0),
            written: Cell::new(0),
            overrun: Cell::new(false),
            begun: Cell::new(false),
            hold: Cell::new(hold),
            held: Cell::new(None),
            pushed: Notify::new(),
            sent: Notify::new(),
        }
    }

    /// Adds a burst of a feed, to be counted on `tally` once it is written.
    pub(crate) fn feed(&self, burst: Burst, tally: &Arc<Tally>) {
        self.push(Queued { burst, tally: Some(Arc::clone(tally)) });
    }

    /// Adds an answer to a request.
    pub(crate) fn answer(&self, bytes: Vec<u8>) {
        self.push(Queued { burst: Burst { bytes: bytes.into(), messages: 0 }, tally: None });
    }

    fn push(&self, queued: Queued) {
        // The client does not keep up. Nothing more is queued; the connection is about to end.
        if self.pending.get() > self.limit {
            self.overrun();
            return;
        }
        self.pending.set(self.pending.get() + queued.burst.bytes.len());
        self.queue.borrow_mut().push_back(queued);
        if let Some(hold) = self.hold.get().filter(|_| self.held.get().is_none()) {
            self.held.set(Some(Instant::now() + hold));
        }
        self.pushed.notify_one();
    }

    /// Has the connection end, for the client is too slow.
    pub(crate) fn overrun(&self) {
        self.overrun.set(true);
        self.pushed.notify_one();
    }

    /// When what is held may go out, if something is.
    pub(crate) const fn held_until(&self) -> Option<Instant> {
        self.held.get()
    }

    /// Holds nothing any more.
    pub(crate) fn let_go(&self) {
        self.hold.set(None);
        self.held.set(None);
    }

    /// Whether what there is has to wait. If it has waited long enough, makes one burst of it. What is half sent goes on.
    fn is_held(&self) -> bool {
        match self.held.get() {
            Some(until) if !self.begun.get() => {
                let waits = until > Instant::now();
                if !waits {
                    self.held.set(None);
                    self.coalesce();
                }
                waits
            }
            _ => false,
        }
    }

    /// Makes one burst of all that is not counted in different places.
    fn coalesce(&self) {
        let mut queue = self.queue.borrow_mut();
        let mut whole: VecDeque<Queued> = VecDeque::new();
        for next in queue.drain(..) {
            match whole.back_mut().filter(|last| last.counts_with(&next)) {
                Some(last) => last.append(next),
                None => whole.push_back(next),
            }
        }
        *queue = whole;
    }

    /// Whether more was said than the client took in.
    pub(crate) const fn is_overrun(&self) -> bool {
        self.overrun.get()
    }

    /// Waits for the next push. One that came before the call counts.
    pub(crate) async fn pushed(&self) {
        self.pushed.notified().await;
    }

    /// Waits until no more than `bytes` are pending.
    pub(crate) async fn drained_to(&self, bytes: usize) {
        while self.pending.get() > bytes {
            self.sent.notified().await;
        }
    }

    /// Writes as much as `write` takes now; ready when that was all.
    pub(crate) fn poll_write(&self, mut write: impl FnMut(Bytes) -> Poll<io::Result<usize>>) -> Poll<io::Result<()>> {
        if self.is_held() {
            return Poll::Ready(Ok(()));
        }
        let mut queue = self.queue.borrow_mut();
        while let Some(front) = queue.front() {
            let left = front.burst.bytes.slice(self.written.get()..);
            let length = left.len();
            self.begun.set(true);
            let Poll::Ready(taken) = write(left)? else {
                self.sent.notify_one();
                return Poll::Pending;
            };
            self.pending.set(self.pending.get() - taken);
            if taken < length {
                self.written.set(self.written.get() + taken);
            } else {
                self.written.set(0);
                self.begun.set(false);
                if let Some(done) = queue.pop_front() {
                    done.count(usize::MAX);
                }
            }
        }
        self.sent.notify_one();
        Poll::Ready(Ok(()))
    }

    /// The connection is over: counts what was written of the burst that was not finished.
    pub(crate) fn end(&self) {
        if let Some(front) = self.queue.borrow().front() {
            front.count(self.written.get());
        }
        self.queue.borrow_mut().clear();
        self.pending.set(0);
        self.sent.notify_one();
    }
}

impl Queued {
    /// Whether both are counted in one place. Answers are counted nowhere, since they hold no messages.
    fn counts_with(&self, other: &Self) -> bool {
        match (&self.tally, &other.tally) {
            (Some(own), Some(other)) => Arc::ptr_eq(own, other),
            _ => true,
        }
    }

    fn append(&mut self, next: Self) {
        self.burst.bytes = [&self.burst.bytes[..], &next.burst.bytes].concat().into();
        self.burst.messages += next.burst.messages;
        self.tally = self.tally.take().or(next.tally);
    }

    /// Counts what is in the first bytes.
    fn count(&self, length: usize) {
        if let Some(tally) = &self.tally {
            tally.count(&self.burst, length.min(self.burst.bytes.len()));
        }
    }
}
