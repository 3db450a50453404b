//! Repeats: what many say at once is said once, with how many they were.
//!
//! The first of them stands where it was, as `666 ×17`. Each message waits for the length of the window to see whether it
//! is repeated, so memory is bounded by what comes in that time, and by a limit beyond which none waits.

use std::collections::{HashMap, VecDeque};

use danmu_proto::RoomId;
use danmu_proto::summary::GiftKind;

use crate::recording::row::Row;

/// The most messages that wait.
const MOST: usize = 10_000;

/// Merges repeats. Messages go in and come out in order.
#[derive(Debug)]
pub(super) struct Repeats {
    window_us: i64,
    waiting: VecDeque<Waiting>,
    /// Where the first of what may be repeated waits: its place in all that ever came.
    places: HashMap<Key, u64>,
    /// The place of the first that waits.
    first: u64,
}

#[derive(Debug)]
struct Waiting {
    row: Row,
    key: Option<Key>,
    count: u64,
}

/// What makes two messages the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    /// The same text, whoever says it.
    Chat(RoomId, String),
    /// The same gift from the same giver.
    Gift(RoomId, Option<u64>, Option<String>, GiftKind, u64),
}

impl Repeats {
    pub(super) fn new(window_us: i64) -> Self {
        Self { window_us, waiting: VecDeque::new(), places: HashMap::new(), first: 0 }
    }

    /// Takes a message; it comes out of [`Repeats::pop`] later, unless it is merged.
    pub(super) fn push(&mut self, row: Row) {
        let key = key(&row);
        if let Some(place) = key.as_ref().and_then(|key| self.places.get(key)) {
            let waiting = &mut self.waiting[(place - self.first) as usize];
            if row.received_us.saturating_sub(waiting.row.received_us) < self.window_us {
                return waiting.merge(&row);
            }
        }
        if let Some(key) = &key {
            self.places.insert(key.clone(), self.first + self.waiting.len() as u64);
        }
        self.waiting.push_back(Waiting { row, key, count: 1 });
    }

    /// The next message that nothing is merged into any more, now that one of `now_us` came; all when nothing comes.
    pub(super) fn pop(&mut self, now_us: Option<i64>) -> Option<Row> {
        let first = self.waiting.front()?;
        let is_over = now_us.is_none_or(|now_us| now_us.saturating_sub(first.row.received_us) >= self.window_us);
        if !is_over && self.waiting.len() <= MOST {
            return None;
        }
        let waiting = self.waiting.pop_front()?;
        if let Some(key) = &waiting.key
            && self.places.get(key) == Some(&self.first)
        {
            self.places.remove(key);
        }
        self.first += 1;
        Some(waiting.done())
    }
}

impl Waiting {
    fn merge(&mut self, row: &Row) {
        self.count += 1;
        if let (Some(gift), Some(more)) = (&mut self.row.summary.gift, &row.summary.gift) {
            gift.count = gift.count.saturating_add(more.count);
            gift.hits = gift.hits.max(more.hits);
        }
    }

    fn done(self) -> Row {
        let Self { mut row, key, count } = self;
        if let (Some(Key::Chat(..)), 2.., Some(text)) = (key, count, &mut row.summary.text) {
            *text = format!("{text} ×{count}").into();
        }
        row
    }
}

fn key(row: &Row) -> Option<Key> {
    let summary = &row.summary;
    match (&*summary.kind, &summary.text, &summary.gift) {
        ("chatmsg", Some(text), _) => Some(Key::Chat(row.room, text.trim().to_owned())),
        ("dgb", _, Some(gift)) => {
            let name = summary.name.as_deref().filter(|_| summary.user.is_none());
            Some(Key::Gift(row.room, summary.user, name.map(str::to_owned), gift.kind, gift.id))
        }
        _ => None,
    }
}
