//! From the loop's thread to the callback's: in order, without loss, and bounded in bytes.
//!
//! The sender never waits. It says when it is full, and the link then stops reading until the receiver, which counts what
//! it has done with, wakes it. Both ends of that are apart, so that the link does not stop and go for every packet:
//!
//! ```text
//! 0 ········ half ········ limit ─▶
//!    ◀─ read again    stop reading
//! ```

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, SystemTime};

use danmu_proto::Batch;

use super::DouyuClient;
use super::event::{Closed, DataPacket, Event};

/// What users hand in.
pub(super) type Callback = dyn FnMut(&DouyuClient, Event<'_>) + Send;

enum Item {
    Connected,
    Packets { batch: Batch, received: SystemTime, bytes: usize },
    Closed { reason: Closed, reconnect_in: Option<Duration> },
}

/// A queue that is full when `limit` bytes wait in it.
pub(super) fn bounded(limit: usize) -> (Sender, Receiver) {
    let (sender, receiver) = mpsc::channel();
    let waiting = Arc::new(AtomicUsize::new(0));
    (Sender { items: sender, waiting: Arc::clone(&waiting), limit }, Receiver { items: receiver, waiting, limit })
}

#[derive(Clone)]
pub(super) struct Sender {
    items: mpsc::Sender<Item>,
    waiting: Arc<AtomicUsize>,
    limit: usize,
}

impl Sender {
    pub(super) fn connected(&self) {
        self.put(Item::Connected);
    }

    pub(super) fn packets(&self, batch: Batch) {
        if batch.is_empty() {
            return;
        }
        let bytes = batch.payloads().map(|payload| payload.len() + size_of::<&[u8]>()).sum();
        self.waiting.fetch_add(bytes, Ordering::SeqCst);
        self.put(Item::Packets { batch, received: SystemTime::now(), bytes });
    }

    pub(super) fn closed(&self, reason: Closed, reconnect_in: Option<Duration>) {
        self.put(Item::Closed { reason, reconnect_in });
    }

    pub(super) fn is_full(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) >= self.limit
    }

    pub(super) fn has_room(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) <= self.limit / 2
    }

    fn put(&self, item: Item) {
        // The receiver goes on until all senders are gone, so there always is one.
        let _ = self.items.send(item);
    }
}

pub(super) struct Receiver {
    items: mpsc::Receiver<Item>,
    waiting: Arc<AtomicUsize>,
    limit: usize,
}

impl Receiver {
    /// Calls back for everything that comes, until all senders are gone.
    pub(super) fn call(self, mut callback: Box<Callback>, client: &DouyuClient) {
        // The panic hook has reported a panic by the time it is caught here.
        let mut call = |event: Event<'_>| drop(catch_unwind(AssertUnwindSafe(|| callback(client, event))));
        for item in &self.items {
            match item {
                Item::Connected => call(Event::Connected),
                Item::Packets { batch, received, bytes } => {
                    for payload in batch.payloads() {
                        call(Event::Packet(DataPacket { payload, received }));
                    }
                    let before = self.waiting.fetch_sub(bytes, Ordering::SeqCst);
                    let half = self.limit / 2;
                    if before > half && before - bytes <= half {
                        client.wake();
                    }
                }
                Item::Closed { reason, reconnect_in } => call(Event::Closed { reason: &reason, reconnect_in }),
            }
        }
    }
}
