//! Queues between links and subscribers: bounded in bytes, and nobody waits in them but who wants to.
//!
//! Links put events into a hub, which copies them to one queue a subscriber (the bytes are shared). What happens
//! when a queue is full is the subscriber's choice: [`Overflow::Wait`] asks the links to stop reading, for recorders;
//! [`Overflow::DropOldest`] loses the oldest messages and says how many, for viewers. A link never waits to put an event
//! in, so a full queue cannot hold up a heartbeat.
//!
//! Links look for room before they read, so a queue holds more than its limit by what one read gave and by the few small
//! events that tell what happens to links. With several threads it is one read each.
//!
//! Rooms share a queue, and none starves the others: what waits of one room may take as much as is left free beside all
//! that waits. So one that floods fills half of a queue, two fill a third each, and a quiet one always finds room.

use std::collections::{HashMap, HashSet, VecDeque};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use danmu_proto::RoomId;
use futures_core::Stream;
use tokio::sync::Notify;

use crate::event::Event;

/// After how much of a queue was read, as a part of its limit, it is looked who may go on.
const LOOK: usize = 16;

/// How much of a queue may wait for one who gathers, as a part of its limit.
const GATHERED: usize = 8;

/// What happens when a subscriber does not keep up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overflow {
    /// Links stop reading until there is room, and heartbeats go on.
    Wait,
    /// The oldest messages are dropped and counted: see [`Event::Lagged`].
    DropOldest,
}

/// Where links put events.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    queues: RwLock<Vec<Weak<Queue>>>,
    room: Arc<Room>,
}

/// Whether there is room in all queues that must not lose anything.
#[derive(Debug, Default)]
struct Room {
    /// How many of them are half full, or have stopped a room: while none is, there is room for all.
    tight: AtomicUsize,
    /// Told when a room that was stopped may go on.
    told: Notify,
}

impl Hub {
    /// Adds a subscriber. It hears what happens from now on.
    pub(crate) fn subscribe(&self, overflow: Overflow, limit_bytes: usize) -> Events {
        let queue = Arc::new(Queue {
            limit_bytes,
            overflow,
            room: Arc::clone(&self.room),
            state: Mutex::default(),
            arrived: Condvar::new(),
        });
        let mut queues = self.queues.write().unwrap_or_else(PoisonError::into_inner);
        queues.retain(|queue| queue.strong_count() > 0);
        queues.push(Arc::downgrade(&queue));
        Events { queue, gather: Duration::ZERO }
    }

    /// Gives an event to every subscriber. Never waits.
    pub(crate) fn offer(&self, event: &Event) {
        for queue in self.queues().iter().filter_map(Weak::upgrade) {
            queue.push(event.clone());
        }
    }

    /// Whether every subscriber that must not lose anything can take more of this room. If not, the room is stopped until
    /// [`Hub::room`] says otherwise.
    pub(crate) fn has_room(&self, of: RoomId) -> bool {
        self.room.tight.load(Ordering::SeqCst) == 0
            || self.queues().iter().filter_map(Weak::upgrade).all(|queue| queue.has_room(of))
    }

    /// Waits until [`Hub::has_room`].
    pub(crate) async fn room(&self, of: RoomId) {
        loop {
            let mut told = std::pin::pin!(self.room.told.notified());
            told.as_mut().enable();
            if self.has_room(of) {
                return;
            }
            told.await;
        }
    }

    fn queues(&self) -> std::sync::RwLockReadGuard<'_, Vec<Weak<Queue>>> {
        self.queues.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// No more events will come: subscribers read what is left and then hear the end.
impl Drop for Hub {
    fn drop(&mut self) {
        for queue in self.queues().iter().filter_map(Weak::upgrade) {
            let mut state = queue.lock();
            state.ended = true;
            queue.wake(state);
        }
    }
}

#[derive(Debug)]
struct Queue {
    limit_bytes: usize,
    overflow: Overflow,
    room: Arc<Room>,
    state: Mutex<State>,
    arrived: Condvar,
}

#[derive(Debug, Default)]
struct State {
    events: VecDeque<Event>,
    bytes: usize,
    /// How much of it is of which room. Only where nothing may be lost.
    shares: HashMap<RoomId, usize>,
    /// Rooms that had more than was left free. They go on once it is less than half of that, lest they stop and go for
    /// every event.
    stopped: HashSet<RoomId>,
    /// Bytes that were read since it was looked who may go on.
    read: usize,
    /// Whether this queue counts as [`Room::tight`].
    tight: bool,
    lagged: u64,
    /// Nothing more will be put in.
    ended: bool,
    /// Nothing more will be taken out.
    unsubscribed: bool,
    waker: Option<Waker>,
    /// What a thread waits for.
    waits: Waits,
}

/// What the thread of a subscriber waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Waits {
    /// Nothing: it runs. To wake nobody would be a call of the system all the same.
    #[default]
    No,
    /// An event.
    Next,
    /// More of them.
    More,
}

impl Queue {
    fn push(&self, event: Event) {
        let mut state = self.lock();
        if state.unsubscribed {
            return;
        }
        state.bytes += event.size_bytes();
        if self.overflow == Overflow::Wait
            && let Some(room) = event.room()
        {
            *state.shares.entry(room).or_default() += event.size_bytes();
        }
        state.events.push_back(event);
        if self.overflow == Overflow::DropOldest {
            state.drop_oldest(self.limit_bytes);
        }
        self.tighten(&mut state);
        self.wake(state);
    }

    fn pop(&self, state: &mut State) -> Option<Event> {
        if state.lagged > 0 {
            return Some(Event::Lagged(std::mem::take(&mut state.lagged)));
        }
        let event = state.events.pop_front()?;
        let bytes = event.size_bytes();
        state.bytes -= bytes;
        state.read += bytes;
        if let Some(room) = event.room()
            && let Some(share) = state.shares.get_mut(&room)
        {
            *share -= bytes;
            if *share == 0 {
                state.shares.remove(&room);
            }
        }
        if state.read >= self.limit_bytes / LOOK || state.events.is_empty() {
            self.let_go(state);
        }
        Some(event)
    }

    /// Whether the room may put in more.
    fn has_room(&self, of: RoomId) -> bool {
        if self.overflow != Overflow::Wait {
            return true;
        }
        let mut state = self.lock();
        if state.unsubscribed {
            return true;
        }
        let has_room = !state.stopped.contains(&of) && state.share(of) < self.limit_bytes.saturating_sub(state.bytes);
        if !has_room {
            state.stopped.insert(of);
            self.tighten(&mut state);
        }
        has_room
    }

    /// Lets rooms go on that have little here by now.
    fn let_go(&self, state: &mut State) {
        state.read = 0;
        let stopped = state.stopped.len();
        let most = self.limit_bytes.saturating_sub(state.bytes) / 2;
        let State { stopped: rooms, shares, bytes, .. } = state;
        rooms.retain(|room| *bytes > self.limit_bytes || shares.get(room).is_some_and(|&share| share > most));
        let went = state.stopped.len() < stopped;
        self.tighten(state);
        if went {
            self.room.told.notify_waiters();
        }
    }

    /// Notes whether everyone has room without looking.
    fn tighten(&self, state: &mut State) {
        let tight = self.overflow == Overflow::Wait
            && !state.unsubscribed
            && (state.bytes >= self.limit_bytes / 2 || !state.stopped.is_empty());
        match (std::mem::replace(&mut state.tight, tight), tight) {
            (false, true) => _ = self.room.tight.fetch_add(1, Ordering::SeqCst),
            (true, false) => _ = self.room.tight.fetch_sub(1, Ordering::SeqCst),
            _ => {}
        }
    }

    fn wake(&self, mut state: MutexGuard<'_, State>) {
        let tell = match state.waits {
            Waits::No => false,
            Waits::Next => true,
            Waits::More => self.is_enough(&state),
        };
        let waker = state.waker.take();
        drop(state);
        if tell {
            self.arrived.notify_one();
        }
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Whether one who gathers need not wait for more.
    fn is_enough(&self, state: &State) -> bool {
        state.ended || state.bytes >= self.limit_bytes / GATHERED
    }

    /// Waits to be woken, at most for `time`.
    fn sleep<'s>(&self, mut state: MutexGuard<'s, State>, waits: Waits, time: Duration) -> MutexGuard<'s, State> {
        state.waits = waits;
        (state, _) = self.arrived.wait_timeout(state, time).unwrap_or_else(PoisonError::into_inner);
        state.waits = Waits::No;
        state
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn share(&self, of: RoomId) -> usize {
        self.shares.get(&of).copied().unwrap_or(0)
    }

    /// Takes messages out, oldest first, until the rest fits. Other events are few and stay, unless they alone are too
    /// much.
    fn drop_oldest(&mut self, limit_bytes: usize) {
        let mut kept = VecDeque::new();
        while self.bytes > limit_bytes {
            match self.events.pop_front() {
                Some(Event::Records(records)) => {
                    self.bytes -= records.size_bytes();
                    self.lagged += records.message_count() as u64;
                }
                Some(other) => kept.push_back(other),
                None => break,
            }
        }
        while self.bytes > limit_bytes
            && let Some(event) = kept.pop_front()
        {
            self.bytes -= event.size_bytes();
        }
        while let Some(event) = kept.pop_back() {
            self.events.push_front(event);
        }
    }
}

/// One subscriber's events. Dropping it ends the subscription.
#[derive(Debug)]
pub struct Events {
    queue: Arc<Queue>,
    /// How long the first event waits for others.
    gather: Duration,
}

/// Why there is no event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoEvent {
    /// None came in time.
    TimedOut,
    /// None will come.
    Ended,
}

impl Events {
    /// The next event, or `None` when all rooms are closed and all events read.
    pub async fn next(&mut self) -> Option<Event> {
        std::future::poll_fn(|cx| self.poll_event(cx)).await
    }

    /// Has [`wait`](Self::wait) come back for the first event only after `time`, with whatever came meanwhile; sooner if
    /// much is waiting. To wake a thread costs several times what a message does: who hears thousands of rooms and is in
    /// no hurry, as a recorder is not, saves a quarter of the CPU time and more. Default: at once.
    #[must_use]
    pub const fn gather(mut self, time: Duration) -> Self {
        self.gather = time;
        self
    }

    /// The next event, for threads without a runtime. Waits for it at most `patience`.
    pub fn wait(&mut self, patience: Duration) -> Result<Event, NoEvent> {
        let until = Instant::now().checked_add(patience);
        let left = || until.map_or(patience, |until| until.saturating_duration_since(Instant::now()));
        let mut state = self.queue.lock();
        loop {
            if let Some(event) = self.queue.pop(&mut state) {
                return Ok(event);
            }
            if state.ended {
                return Err(NoEvent::Ended);
            }
            if left().is_zero() {
                return Err(NoEvent::TimedOut);
            }
            state = self.queue.sleep(state, Waits::Next, left());
            let gather = self.gather.min(left());
            if !gather.is_zero() && !state.events.is_empty() && !self.queue.is_enough(&state) {
                state = self.queue.sleep(state, Waits::More, gather);
            }
        }
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let mut state = self.queue.lock();
        match self.queue.pop(&mut state) {
            Some(event) => Poll::Ready(Some(event)),
            None if state.ended => Poll::Ready(None),
            None => {
                state.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.poll_event(cx)
    }
}

/// Links that wait for room must not wait for who is gone.
impl Drop for Events {
    fn drop(&mut self) {
        let mut state = self.queue.lock();
        state.unsubscribed = true;
        state.events = VecDeque::new();
        self.queue.tighten(&mut state);
        drop(state);
        self.queue.room.told.notify_waiters();
    }
}

#[cfg(test)]
mod tests;
