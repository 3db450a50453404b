//! People: who was there, how often and what they did. Takes memory for each, and none for what they said.

use std::collections::hash_map::{DefaultHasher, Entry};
use std::collections::{HashMap, HashSet};
use std::hash::{Hash, Hasher};

use foldhash::fast::RandomState;

use super::counts::Counts;

/// Who says nothing for this long, six hours, was away and comes back.
pub const ABSENCE_US: i64 = 6 * 3600 * 1_000_000;

/// Who did something, as far as a message says: by account number, else by name.
pub(in crate::recording) fn key(user: Option<i64>, name: Option<&[u8]>) -> Option<u64> {
    /// No account has a number this high.
    const BY_NAME: u64 = 1 << 63;
    if let Some(user) = user {
        return Some(user.cast_unsigned() & !BY_NAME);
    }
    let name = name.filter(|name| !name.is_empty())?;
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    Some(hasher.finish() | BY_NAME)
}

/// Someone.
#[derive(Debug, Default)]
pub(super) struct Person {
    /// In any room.
    presence: Presence,
    /// The room where this person was first, which for nearly all is the only one.
    room: u32,
    /// Whether there are others. Then the presence in each of them is in [`People::by_room`].
    roams: bool,
    pub(super) messages: u32,
    pub(super) chats: u32,
    pub(super) suspect: u32,
    pub(super) gifts: u64,
    pub(super) unpriced: u64,
    pub(super) fen: u64,
    /// The last message that has the name, else the first one: names themselves would take more memory than all else.
    pub(super) last_id: i64,
    pub(super) level: Option<u16>,
    /// Place of the medal that was worn last.
    pub(super) medal: Option<u16>,
    pub(super) vote: Option<u8>,
    /// Which types of messages are of this person, by their places.
    types: u64,
}

impl Person {
    pub(super) const fn is_selected(&self) -> bool {
        self.presence.selected
    }

    pub(super) const fn is_returning(&self) -> bool {
        self.presence.returning
    }
}

/// When someone was somewhere.
#[derive(Clone, Copy, Debug, Default)]
struct Presence {
    last_us: i64,
    /// Start of the hour of the last message.
    hour_us: i64,
    known: bool,
    /// Among the messages that are counted, not only before them.
    selected: bool,
    /// There before what is counted, or back after an absence.
    returning: bool,
}

/// What a message tells of someone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Noted {
    first: bool,
    first_of_hour: bool,
}

impl Noted {
    /// Counts a person of an hour.
    pub(super) fn add_to(self, hour: &mut Counts) {
        hour.people += u64::from(self.first_of_hour);
        hour.new += u64::from(self.first);
        hour.returning += u64::from(self.first_of_hour && !self.first);
    }
}

impl Presence {
    fn note(&mut self, at_us: i64, hour_us: i64) -> Noted {
        let first = !self.known;
        self.returning |= self.known && (!self.selected || at_us.saturating_sub(self.last_us) >= ABSENCE_US);
        let noted = Noted { first, first_of_hour: first || !self.selected || self.hour_us != hour_us };
        *self = Self { last_us: at_us, hour_us, known: true, selected: true, ..*self };
        noted
    }

    fn add_to(&self, counts: &mut Counts) {
        if self.selected {
            counts.people += 1;
            counts.new += u64::from(!self.returning);
            counts.returning += u64::from(self.returning);
        }
    }
}

/// Everyone.
#[derive(Debug, Default)]
pub(super) struct People {
    index: HashMap<u64, u32, RandomState>,
    all: Vec<Person>,
    /// Presence by room and person, of those who roam.
    by_room: HashMap<(u32, u32), Presence, RandomState>,
    /// Types beyond those that [`Person::types`] has room for, by person.
    more_types: HashSet<(u32, u32)>,
}

impl People {
    /// Someone was there before what is counted.
    pub(super) fn was_there(&mut self, key: u64, room: u32, at_us: i64) {
        let was = Presence { last_us: at_us, known: true, ..Presence::default() };
        let place = self.place(key, room);
        if let Some(presence) = self.in_room(place, room) {
            *presence = was;
        }
        self.all[place as usize].presence = was;
    }

    /// Someone does something: what that tells of them anywhere and in this room, and their place.
    pub(super) fn note(&mut self, key: u64, room: u32, at_us: i64, hour_us: i64) -> (u32, Noted, Noted) {
        let place = self.place(key, room);
        let here = self.in_room(place, room).map(|presence| presence.note(at_us, hour_us));
        let anywhere = self.all[place as usize].presence.note(at_us, hour_us);
        (place, anywhere, here.unwrap_or(anywhere))
    }

    /// Someone's presence in a room; `None` if that is the same as anywhere, because there is no other room.
    fn in_room(&mut self, place: u32, room: u32) -> Option<&mut Presence> {
        let person = &mut self.all[place as usize];
        if !person.roams {
            if person.room == room {
                return None;
            }
            person.roams = true;
            self.by_room.insert((person.room, place), person.presence);
        }
        Some(self.by_room.entry((room, place)).or_default())
    }

    fn place(&mut self, key: u64, room: u32) -> u32 {
        match self.index.entry(key) {
            Entry::Occupied(place) => *place.get(),
            Entry::Vacant(vacant) => {
                let place = self.all.len() as u32;
                self.all.push(Person { room, ..Person::default() });
                *vacant.insert(place)
            }
        }
    }

    pub(super) fn at(&mut self, place: u32) -> &mut Person {
        &mut self.all[place as usize]
    }

    /// Someone sent a message of this type.
    pub(super) fn sent(&mut self, place: u32, kind: u32) {
        if kind < u64::BITS {
            self.all[place as usize].types |= 1 << kind;
        } else {
            self.more_types.insert((place, kind));
        }
    }

    /// Those who did something in what is counted.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Person> {
        self.all.iter().filter(|person| person.is_selected())
    }

    /// Counts everyone in `total`, and in each of `rooms` by their place.
    pub(super) fn add_to(&self, total: &mut Counts, rooms: &mut [Counts]) {
        for person in &self.all {
            person.presence.add_to(total);
            if !person.roams {
                person.presence.add_to(&mut rooms[person.room as usize]);
            }
        }
        for ((room, _), presence) in &self.by_room {
            presence.add_to(&mut rooms[*room as usize]);
        }
    }

    /// Counts everyone in the types of their messages, by their places.
    pub(super) fn add_to_types(&self, types: &mut [Counts]) {
        for person in &self.all {
            let mut left = person.types;
            while left != 0 {
                person.presence.add_to(&mut types[left.trailing_zeros() as usize]);
                left &= left - 1;
            }
        }
        for (place, kind) in &self.more_types {
            self.all[*place as usize].presence.add_to(&mut types[*kind as usize]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000;

    /// People, new and returning of room 0 after these messages of one person, of which the first `before` are before
    /// what is counted.
    #[track_caller]
    fn counts(before: usize, hours: &[i64], expected: [u64; 3]) {
        let mut people = People::default();
        for (n, hour) in hours.iter().enumerate() {
            if n < before {
                people.was_there(7, 0, hour * HOUR);
            } else {
                people.note(7, 0, hour * HOUR, hour * HOUR);
            }
        }
        let (mut total, mut rooms) = (Counts::default(), [Counts::default()]);
        people.add_to(&mut total, &mut rooms);
        assert_eq!([total.people, total.new, total.returning], expected, "{hours:?}");
        assert_eq!(rooms, [total]);
    }

    #[test]
    fn who_was_there_before_or_comes_back_returns() {
        counts(0, &[1], [1, 1, 0]);
        counts(0, &[1, 2, 6, 11], [1, 1, 0]);
        counts(0, &[1, 7], [1, 0, 1]);
        counts(1, &[1, 2], [1, 0, 1]);
        counts(2, &[1, 2], [0, 0, 0]);
        counts(0, &[], [0, 0, 0]);
    }

    #[test]
    fn names_stand_for_people_without_a_number_and_for_nobody_else() {
        assert_eq!(key(Some(5), Some(b"a")), key(Some(5), Some(b"b")));
        assert_ne!(key(None, Some(b"a")), key(None, Some(b"b")));
        assert_eq!(key(None, Some(b"a")), key(None, Some(b"a")));
        assert_eq!((key(None, None), key(None, Some(b""))), (None, None));
    }

    #[test]
    fn everyone_counts_once_in_a_type_however_many_types_there_are() {
        let mut people = People::default();
        let kinds = [0, 1, 63, 64, 1000];
        for person in 0..3 {
            let (place, ..) = people.note(person, 0, 0, 0);
            kinds.iter().chain(&kinds).for_each(|&kind| people.sent(place, kind));
        }
        let mut types = vec![Counts::default(); 1001];
        people.add_to_types(&mut types);
        for (kind, counts) in types.iter().enumerate() {
            assert_eq!(counts.people, if kinds.contains(&(kind as u32)) { 3 } else { 0 }, "{kind}");
        }
    }
}
