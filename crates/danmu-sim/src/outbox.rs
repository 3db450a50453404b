//! Outbox: what is on its way to one client, bounded in bytes.
//!
//! Whoever has something to say pushes it here and never waits; the connection's task writes it when the socket takes
//! it. Bursts are shared between all who hear the same room, so a connection costs little more than its socket.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::task::Poll;

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
    /// A queue that may hold `limit` bytes, and one burst more.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            queue: RefCell::default(),
            pending: Cell::new(0),
            written: Cell::new(0),
            overrun: Cell::new(false),
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
        self.pushed.notify_one();
    }

    /// Has the connection end, for the client is too slow.
    pub(crate) fn overrun(&self) {
        self.overrun.set(true);
        self.pushed.notify_one();
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
        let mut queue = self.queue.borrow_mut();
        while let Some(front) = queue.front() {
            let left = front.burst.bytes.slice(self.written.get()..);
            let length = left.len();
            let Poll::Ready(taken) = write(left)? else {
                self.sent.notify_one();
                return Poll::Pending;
            };
            self.pending.set(self.pending.get() - taken);
            if taken < length {
                self.written.set(self.written.get() + taken);
            } else {
                self.written.set(0);
                if let Some(done) = queue.pop_front() {
                    done.count(done.burst.messages);
                }
            }
        }
        self.sent.notify_one();
        Poll::Ready(Ok(()))
    }

    /// The connection is over: counts what was written of the burst that was not finished.
    pub(crate) fn end(&self) {
        if let Some(front) = self.queue.borrow().front() {
            front.count(front.burst.messages_within(self.written.get()));
        }
        self.queue.borrow_mut().clear();
        self.pending.set(0);
        self.sent.notify_one();
    }
}

impl Queued {
    fn count(&self, messages: u64) {
        if let Some(tally) = &self.tally {
            tally.count(messages);
        }
    }
}
