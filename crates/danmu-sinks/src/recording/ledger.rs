//! The ledger: when someone listened, and when nobody did. Pure.
//!
//! ```text
//! wanted      ├──────────────────────────────────────────┤
//! link 1          ├──────────┤ silence
//! link 2                 ├──────────┤ closed
//! link 3                                      ├──────────┤
//! gaps        ├───┤ start            ├────────┤ closed
//! ```
//!
//! A room was listened to from the join to the last byte that came. A gap is never stored but follows: wanted time less
//! the union of listened time. Its reason is that of the link that ended where it begins; `start` if none did, because
//! the room was not listened to before. The view `gap` says the same in SQL; a test holds the two equal.

use std::collections::BTreeMap;

use danmu_proto::RoomId;

/// A span in which a room was to be listened to, in microseconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The room.
    pub room: RoomId,
    /// From when.
    pub from_us: i64,
    /// Until when.
    pub to_us: i64,
}

/// A span in which a link listened to a room, in microseconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listened {
    /// The link. Of two that end in the same moment, the reason of the higher counts.
    pub link: i64,
    /// The room.
    pub room: RoomId,
    /// When it joined.
    pub from_us: i64,
    /// When the last byte came.
    pub to_us: i64,
    /// Why it ended, if it did.
    pub reason: Option<String>,
}

/// A span in which a room was wanted and nobody listened, in microseconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The room.
    pub room: RoomId,
    /// When the last byte came.
    pub from_us: i64,
    /// When a link joined again, or the room was no longer wanted.
    pub to_us: i64,
    /// Why: the short name of what ended the link; `start` where none had joined yet.
    pub reason: String,
}

/// How much of what was wanted was listened to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coverage {
    /// The room.
    pub room: RoomId,
    /// Time in which it was to be listened to, in microseconds.
    pub wanted_us: i64,
    /// Time of that in which it was, in microseconds.
    pub listened_us: i64,
}

impl Coverage {
    /// Listened over wanted time, 0 to 1; 1 if nothing was wanted.
    pub fn ratio(&self) -> f64 {
        if self.wanted_us == 0 { 1.0 } else { self.listened_us as f64 / self.wanted_us as f64 }
    }
}

/// The reason of a gap that no link's end began.
pub const START: &str = "start";

/// When nobody listened, by room and then by time.
pub fn gaps(wanted: &[Wanted], listened: &[Listened]) -> Vec<Gap> {
    let mut gaps = Vec::new();
    for (room, ledger) in by_room(wanted, listened) {
        for (from_us, to_us) in ledger.deaf() {
            let reason = ledger.ended_at(from_us).and_then(|link| link.reason.as_deref()).unwrap_or(START).to_owned();
            gaps.push(Gap { room, from_us, to_us, reason });
        }
    }
    gaps
}

/// How much was listened to, by room.
pub fn coverage(wanted: &[Wanted], listened: &[Listened]) -> Vec<Coverage> {
    let length = |spans: &[Span]| spans.iter().map(|(from, to)| to.saturating_sub(*from)).fold(0, i64::saturating_add);
    by_room(wanted, listened)
        .into_iter()
        .filter(|(_, ledger)| !ledger.wanted.is_empty())
        .map(|(room, ledger)| {
            let wanted_us = length(&ledger.wanted);
            Coverage { room, wanted_us, listened_us: wanted_us - length(&ledger.deaf()) }
        })
        .collect()
}

/// When nobody listened to any of the rooms that are `meant`, between the first and the last time that somebody did. In
/// order, and none touches the next.
pub fn deaf(listened: &[Listened], meant: impl Fn(RoomId) -> bool) -> Vec<Span> {
    let spans = listened.iter().filter(|link| meant(link.room) && link.from_us < link.to_us);
    let heard = union(spans.map(|link| (link.from_us, link.to_us)).collect());
    heard.windows(2).map(|pair| (pair[0].1, pair[1].0)).collect()
}

/// When anybody listened, by room, in as few spans as possible and in order.
pub(super) fn heard(listened: &[Listened]) -> BTreeMap<RoomId, Vec<Span>> {
    by_room(&[], listened).into_iter().map(|(room, ledger)| (room, ledger.listened)).collect()
}

/// From, to.
pub type Span = (i64, i64);

/// What concerns one room.
#[derive(Default)]
struct Room<'a> {
    /// Sorted, and none touches the next.
    wanted: Vec<Span>,
    /// Sorted, and none touches the next.
    listened: Vec<Span>,
    /// By their ends.
    links: Vec<&'a Listened>,
}

fn by_room<'a>(wanted: &[Wanted], listened: &'a [Listened]) -> BTreeMap<RoomId, Room<'a>> {
    let mut rooms: BTreeMap<RoomId, Room<'a>> = BTreeMap::new();
    for span in wanted.iter().filter(|span| span.from_us < span.to_us) {
        rooms.entry(span.room).or_default().wanted.push((span.from_us, span.to_us));
    }
    for link in listened.iter().filter(|link| link.from_us < link.to_us) {
        let room = rooms.entry(link.room).or_default();
        room.listened.push((link.from_us, link.to_us));
        room.links.push(link);
    }
    for room in rooms.values_mut() {
        room.wanted = union(std::mem::take(&mut room.wanted));
        room.listened = union(std::mem::take(&mut room.listened));
        room.links.sort_unstable_by_key(|link| (link.to_us, link.link));
    }
    rooms
}

/// The same time in as few spans as possible, in order.
fn union(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_unstable();
    let mut union: Vec<Span> = Vec::new();
    for (from, to) in spans {
        match union.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => union.push((from, to)),
        }
    }
    union
}

impl Room<'_> {
    /// The link that ended just then.
    fn ended_at(&self, at_us: i64) -> Option<&Listened> {
        let later = self.links.partition_point(|link| link.to_us <= at_us);
        self.links[..later].last().copied().filter(|link| link.to_us == at_us)
    }

    /// Wanted less listened time.
    fn deaf(&self) -> Vec<Span> {
        let mut deaf = Vec::new();
        let mut listened = self.listened.iter().copied().peekable();
        for &(mut from, to) in &self.wanted {
            while from < to {
                // Listening that was over before does not come back in later wanted spans.
                while listened.next_if(|span| span.1 <= from).is_some() {}
                match listened.peek() {
                    Some(&(begun, ended)) if begun <= from => from = ended,
                    next => {
                        let until = next.map_or(to, |span| span.0.min(to));
                        deaf.push((from, until));
                        from = until;
                    }
                }
            }
        }
        deaf
    }
}
