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
    /// no hurry, as a recorder is not, saves half the CPU time. Default: at once.
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
mod tests {
    use danmu_proto::{Batch, LinkId, RoomId};

    use super::*;

    fn records(payload: &str) -> Event {
        let mut batch = Batch::new();
        batch.push(payload.as_bytes(), false);
        Event::Records(batch.freeze(RoomId::new(1).unwrap(), LinkId(1), 0))
    }

    fn payload(event: Result<Event, NoEvent>) -> String {
        match event {
            Ok(Event::Records(records)) => {
                String::from_utf8(records.messages().next().unwrap().payload.to_vec()).unwrap()
            }
            Ok(Event::Lagged(n)) => format!("lagged {n}"),
            other => format!("{other:?}"),
        }
    }

    const SOON: Duration = Duration::from_millis(10);

    #[test]
    fn every_subscriber_hears_everything_in_order() {
        let hub = Hub::default();
        let mut both = [Overflow::Wait, Overflow::DropOldest].map(|overflow| hub.subscribe(overflow, 1 << 20));
        for i in 0..100 {
            hub.offer(&records(&i.to_string()));
        }
        drop(hub);
        for events in &mut both {
            for i in 0..100 {
                assert_eq!(payload(events.wait(SOON)), i.to_string());
            }
            assert_eq!(events.wait(SOON).unwrap_err(), NoEvent::Ended);
        }
    }

    #[test]
    fn a_viewer_that_does_not_read_loses_the_oldest_and_is_told_how_many() {
        let hub = Hub::default();
        let limit = records("0").size_bytes() * 10;
        let mut viewer = hub.subscribe(Overflow::DropOldest, limit);
        for i in 0..9 {
            hub.offer(&records(&i.to_string()));
        }
        hub.offer(&Event::Lagged(0)); // any event that is no message: it stays
        for i in 9..100 {
            hub.offer(&records(&(i % 10).to_string()));
            assert!(hub.has_room(room(1)), "a viewer never stops the links");
            assert!(viewer.queue.lock().bytes <= limit);
        }
        let Ok(Event::Lagged(lost)) = viewer.wait(SOON) else { panic!("not told") };
        let mut got = 0;
        while let Ok(event) = viewer.wait(SOON) {
            got += u64::from(matches!(event, Event::Records(_)));
        }
        assert_eq!(lost + got, 100);
    }

    #[test]
    fn a_viewer_that_does_not_read_is_bounded_also_when_nobody_talks() {
        let hub = Hub::default();
        let limit = Event::Lagged(0).size_bytes() * 10;
        let mut viewer = hub.subscribe(Overflow::DropOldest, limit);
        for i in 1..=100 {
            hub.offer(&Event::Lagged(i));
            assert!(viewer.queue.lock().bytes <= limit);
        }
        for i in 91..=100 {
            assert_eq!(payload(viewer.wait(SOON)), format!("lagged {i}"), "the latest stay");
        }
        assert_eq!(viewer.wait(SOON).unwrap_err(), NoEvent::TimedOut);
    }

    #[test]
    fn patience_may_be_without_end() {
        let hub = Hub::default();
        let mut events = hub.subscribe(Overflow::Wait, 1 << 20);
        let reader = std::thread::spawn(move || [events.wait(Duration::MAX), events.wait(Duration::MAX)]);
        hub.offer(&records("0"));
        drop(hub);
        let [first, end] = reader.join().unwrap();
        assert!(matches!(first, Ok(Event::Records(_))) && end.unwrap_err() == NoEvent::Ended);
    }

    fn room(number: u64) -> RoomId {
        RoomId::new(number).unwrap()
    }

    fn of_room(number: u64) -> Event {
        let mut batch = Batch::new();
        batch.push(b"0", false);
        Event::Records(batch.freeze(room(number), LinkId(1), 0))
    }

    #[test]
    fn a_recorder_that_does_not_read_loses_nothing_and_stops_the_links() {
        let hub = Hub::default();
        let limit = records("0").size_bytes() * 20;
        let mut recorder = hub.subscribe(Overflow::Wait, limit);
        for i in 0..20 {
            assert_eq!(hub.has_room(room(1)), i < 10, "at {i}");
            hub.offer(&records("0"));
        }
        let mut left = 20;
        while !hub.has_room(room(1)) {
            recorder.wait(SOON).unwrap();
            left -= 1;
        }
        assert!((4..=6).contains(&left), "room at {left} left");
    }

    #[test]
    fn a_room_that_floods_leaves_room_for_the_quiet_ones() {
        let hub = Hub::default();
        let limit = of_room(1).size_bytes() * 100;
        let recorder = hub.subscribe(Overflow::Wait, limit);
        let fill =
            |number| (0..1000).take_while(|_| hub.has_room(room(number))).map(|_| hub.offer(&of_room(number))).count();
        assert_eq!(fill(1), 50, "one has half");
        assert_eq!(fill(2), 25, "the next has half of the rest");
        for quiet in 3..15 {
            assert!(hub.has_room(room(quiet)));
            hub.offer(&of_room(quiet));
        }
        assert!(!hub.has_room(room(1)) && !hub.has_room(room(2)));
        assert!(recorder.queue.lock().bytes <= limit);
    }

    #[test]
    fn whoever_talks_how_much_the_queue_is_bounded_and_every_room_gets_its_turn() {
        let mut rng = fastrand::Rng::with_seed(5);
        let hub = Hub::default();
        let batch = of_room(1).size_bytes();
        let limit = batch * 64;
        let mut recorder = hub.subscribe(Overflow::Wait, limit);
        let mut waits = [0; 200];
        let mut longest = 0;
        for _ in 0..20_000 {
            // Twice as much is offered as is read, and most of it by the first few.
            for _ in 0..2 {
                let number = if rng.bool() { rng.u64(1..4) } else { rng.u64(1..200) };
                if hub.has_room(room(number)) {
                    hub.offer(&of_room(number));
                    waits[number as usize] = 0;
                } else {
                    waits[number as usize] += 1;
                    longest = longest.max(waits[number as usize]);
                }
                assert!(recorder.queue.lock().bytes <= limit + batch);
            }
            let _ = recorder.wait(Duration::ZERO);
        }
        assert!(longest < 500, "a room was turned away {longest} times in a row");
        while recorder.wait(Duration::ZERO).is_ok() {}
        let state = recorder.queue.lock();
        assert!(state.bytes == 0 && state.shares.is_empty() && state.stopped.is_empty() && !state.tight);
    }

    #[tokio::test(start_paused = true)]
    async fn links_that_wait_for_room_go_on_when_there_is_some_or_the_subscriber_leaves() {
        let hub = Arc::new(Hub::default());
        for leaves in [false, true] {
            let mut recorder = hub.subscribe(Overflow::Wait, 1);
            hub.offer(&records("0"));
            let waiting = tokio::spawn({
                let hub = Arc::clone(&hub);
                async move { hub.room(room(1)).await }
            });
            tokio::time::sleep(SOON).await;
            assert!(!waiting.is_finished());
            if leaves {
                drop(recorder);
            } else {
                recorder.next().await.unwrap();
            }
            waiting.await.unwrap();
        }
    }

    #[test]
    fn one_who_gathers_wakes_up_for_all_that_came_or_when_much_waits_or_at_the_end() {
        const LONG: Duration = Duration::from_secs(60);
        const NAP: Duration = Duration::from_millis(500);
        // In each case, the first event, how many more there are, and whether the end comes then.
        let large = "x".repeat(200_000);
        for (first, more, ends) in [("0", 3, false), ("0", 3000, false), (&*large, 0, false), ("0", 0, true)] {
            let hub = Hub::default();
            let naps = more == 3;
            let mut events = hub.subscribe(Overflow::Wait, 1 << 20).gather(if naps { NAP } else { LONG });
            let queue = Arc::clone(&events.queue);
            let begun = Instant::now();
            let expected = first.to_owned();
            let reader = std::thread::spawn(move || {
                assert_eq!(payload(events.wait(LONG)), expected);
                let taken = begun.elapsed();
                // What came meanwhile is there at once.
                (taken, std::iter::from_fn(|| events.wait(Duration::ZERO).ok()).count())
            });
            let until = |waits| {
                while queue.lock().waits != waits && !reader.is_finished() {
                    std::thread::yield_now();
                }
            };
            until(Waits::Next);
            hub.offer(&records(first));
            until(Waits::More);
            (0..more).for_each(|_| hub.offer(&records("x")));
            let _hub = (!ends).then_some(hub);
            let (taken, there) = reader.join().unwrap();
            assert_eq!(taken >= NAP, naps, "{more} events after {taken:?}");
            assert!(if naps { there == 3 } else { there > 0 || more == 0 }, "{there} of {more}");
        }
    }

    #[tokio::test]
    async fn a_subscriber_that_waits_is_woken_by_the_first_event_and_by_the_end() {
        let hub = Hub::default();
        let mut events = hub.subscribe(Overflow::Wait, 1 << 20);
        let reader = tokio::spawn(async move {
            let first = events.next().await;
            (first, events.next().await)
        });
        tokio::task::yield_now().await;
        hub.offer(&records("0"));
        tokio::task::yield_now().await;
        drop(hub);
        let (first, end) = reader.await.unwrap();
        assert!(matches!(first, Some(Event::Records(_))) && end.is_none());
    }
}
