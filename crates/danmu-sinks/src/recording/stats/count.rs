//! Counting: one pass over messages, with memory for people, rooms and names of things, and none for messages.

use std::collections::{BTreeMap, HashMap};

use danmu_proto::RoomId;
use danmu_proto::summary::{Flags, GiftKind};
use jiff::tz::TimeZone;
use jiff::{RoundMode, Timestamp, Unit, ZonedRound};

use super::counts::Counts;
use super::people::{self, People};
use super::rates::Meter;
use super::tally::Tally;
use super::votes::Ballot;
use super::{EmoteStats, GiftStats, StatsOptions};
use crate::recording::about::Catalog;
use crate::recording::scan::Scanned;

/// Who did it, unless they did it somewhere else: some types tell the whole site.
fn who(message: &Scanned<'_>) -> Option<u64> {
    const SITE_WIDE: [&[u8]; 6] = [b"spbc", b"anbc", b"rnewbc", b"cthn", b"rankup", b"wirt"];
    // The name alone is enough only where it is certain to be that of someone in the room.
    const IN_ROOM: [&[u8]; 4] = [b"chatmsg", b"dgb", b"uenter", b"comm_chatmsg"];
    let name = message.name.filter(|_| message.user.is_none() && IN_ROOM.contains(&message.kind));
    people::key(message.user, name).filter(|_| !SITE_WIDE.contains(&message.kind))
}

const SECOND_US: i64 = 1_000_000;

/// Everything that is counted while messages pass by.
pub(super) struct Counter {
    ballot: Ballot,
    prices: Catalog,
    clock: Clock,
    pub(super) total: Totals,
    room_places: HashMap<RoomId, u32>,
    last_room: Option<(RoomId, u32)>,
    pub(super) rooms: Vec<(RoomId, Totals)>,
    pub(super) types: Tally<Counts>,
    pub(super) people: People,
    pub(super) gifts: HashMap<(GiftKind, u64), GiftStats>,
    pub(super) emotes: Tally<EmoteStats>,
    /// Rooms and lines of medals.
    pub(super) medals: Tally<(Option<u64>, u64)>,
    pub(super) first_us: Option<i64>,
    pub(super) last_us: Option<i64>,
}

/// Sums over a room or over everything.
pub(super) struct Totals {
    /// Sums over the hours that are closed, without people.
    pub(super) counts: Counts,
    pub(super) hours: BTreeMap<i64, Counts>,
    pub(super) second: Meter,
    pub(super) minute: Meter,
    /// Messages of the types in the first places, which are nearly all,
    common_kinds: Vec<u64>,
    /// and of the others.
    rare_kinds: HashMap<u32, u64>,
    /// The hour under way, which is not yet in `hours`.
    hour: (i64, Counts),
}

impl Default for Totals {
    fn default() -> Self {
        Self {
            counts: Counts::default(),
            hours: BTreeMap::new(),
            second: Meter::new(SECOND_US),
            minute: Meter::new(60 * SECOND_US),
            common_kinds: Vec::new(),
            rare_kinds: HashMap::new(),
            hour: Default::default(),
        }
    }
}

impl Totals {
    fn message(&mut self, at_us: i64, hour_us: i64, one: &Counts) -> &mut Counts {
        if hour_us != self.hour.0 {
            self.close_hour();
            self.hour.0 = hour_us;
        }
        self.second.message(at_us);
        self.minute.message(at_us);
        self.hour.1 += one;
        &mut self.hour.1
    }

    fn of_kind(&mut self, kind: u32) {
        const COMMON: u32 = 64;
        if kind >= COMMON {
            *self.rare_kinds.entry(kind).or_default() += 1;
            return;
        }
        let kind = kind as usize;
        if kind >= self.common_kinds.len() {
            self.common_kinds.resize(kind + 1, 0);
        }
        self.common_kinds[kind] += 1;
    }

    /// Places of types, and how many messages are of each.
    pub(super) fn kinds(&self) -> impl Iterator<Item = (u32, u64)> {
        let common = (0..).zip(self.common_kinds.iter().copied()).filter(|(_, messages)| *messages > 0);
        common.chain(self.rare_kinds.iter().map(|(kind, messages)| (*kind, *messages)))
    }

    pub(super) fn close_hour(&mut self) {
        let (hour_us, counts) = std::mem::take(&mut self.hour);
        if counts.messages > 0 {
            *self.hours.entry(hour_us).or_default() += &counts;
            // People of an hour may be those of another.
            self.counts += &Counts { people: 0, new: 0, returning: 0, ..counts };
        }
    }
}

impl Counter {
    pub(super) fn new(options: &StatsOptions, prices: Catalog) -> Self {
        Self {
            ballot: Ballot::new(&options.votes),
            prices,
            clock: Clock { zone: options.zone.clone(), hour: (0, 0) },
            total: Totals::default(),
            room_places: HashMap::new(),
            last_room: None,
            rooms: Vec::new(),
            types: Tally::default(),
            people: People::default(),
            gifts: HashMap::new(),
            emotes: Tally::default(),
            medals: Tally::default(),
            first_us: None,
            last_us: None,
        }
    }

    /// A message from before what is counted, which tells who is new and who was there before.
    pub(super) fn before(&mut self, message: &Scanned<'_>) {
        if let Some(key) = who(message) {
            let room = self.room(message.room);
            self.people.was_there(key, room, message.at_us);
        }
    }

    /// A message that counts.
    pub(super) fn message(&mut self, message: &Scanned<'_>) {
        let (at_us, room) = (message.at_us, self.room(message.room));
        let hour_us = self.clock.hour_of(at_us);
        self.first_us = self.first_us.or(Some(at_us));
        self.last_us = Some(at_us);
        let one = self.count(message);
        // What is no text is no type.
        let kind = std::str::from_utf8(message.kind).ok().and_then(|kind| self.types.place(kind));
        if let Some(kind) = kind {
            *self.types.at(kind) += &one;
            self.rooms[room as usize].1.of_kind(kind);
        }
        let hour = self.total.message(at_us, hour_us, &one);
        let room_hour = self.rooms[room as usize].1.message(at_us, hour_us, &one);
        if let Some(key) = who(message) {
            let (place, anywhere, here) = self.people.note(key, room, at_us, hour_us);
            anywhere.add_to(hour);
            here.add_to(room_hour);
            if let Some(kind) = kind {
                self.people.sent(place, kind);
            }
            self.person(place, message, &one);
        }
        if one.chats + one.superchats > 0 {
            self.emotes(message.text());
        }
    }

    fn room(&mut self, room: RoomId) -> u32 {
        if let Some((_, place)) = self.last_room.filter(|(last, _)| *last == room) {
            return place;
        }
        let next = self.rooms.len() as u32;
        let place = *self.room_places.entry(room).or_insert(next);
        if place == next {
            self.rooms.push((room, Totals::default()));
        }
        self.last_room = Some((room, place));
        place
    }

    /// What a message adds to every sum that it is part of.
    fn count(&mut self, message: &Scanned<'_>) -> Counts {
        let mut one = Counts {
            messages: 1,
            suspect: u64::from(message.flags.has(Flags::SUSPECT)),
            foreign: u64::from(message.flags.has(Flags::FOREIGN)),
            ..Counts::default()
        };
        let paid = || message.price_fen().map(i64::cast_unsigned);
        // Other types tell of the same gifts and super chats again.
        match message.kind {
            b"chatmsg" => one.chats = 1,
            b"dgb" => self.gift(message, &mut one),
            b"comm_chatmsg" => {
                if let (Some(fen), Some(_)) = (paid(), message.duration_s()) {
                    (one.superchats, one.superchat_fen) = (1, fen);
                }
            }
            b"dfobc" | b"odfbc" | b"dfrbc" | b"rndfbc" => one.fan_fen = paid().unwrap_or(0),
            _ => {}
        }
        one
    }

    fn gift(&mut self, message: &Scanned<'_>, one: &mut Counts) {
        let kind = message.gift_kind().and_then(|kind| GiftKind::by_name(std::str::from_utf8(kind).ok()?));
        let key = (kind.unwrap_or_default(), message.gift_id().unwrap_or(0).cast_unsigned());
        let known = self.prices.get(key.0, key.1);
        let price = message.price_fen().map(i64::cast_unsigned).or_else(|| known?.price_fen);
        let count = message.count().unwrap_or(1).max(0).cast_unsigned();
        one.gifts = count;
        match price {
            Some(price) => one.gift_fen = count.saturating_mul(price),
            None => one.unpriced = count,
        }
        if self.gifts.len() >= Tally::<()>::MOST && !self.gifts.contains_key(&key) {
            return;
        }
        let gift = self.gifts.entry(key).or_insert_with(|| GiftStats {
            kind: key.0,
            id: key.1,
            name: known.and_then(|known| known.name.clone()),
            price_fen: price,
            count: 0,
            fen: 0,
        });
        if gift.name.is_none() {
            gift.name = message.gift_name().map(|name| String::from_utf8_lossy(name).into_owned());
        }
        gift.count = gift.count.saturating_add(count);
        gift.fen = gift.fen.saturating_add(one.gift_fen);
    }

    fn person(&mut self, place: u32, message: &Scanned<'_>, one: &Counts) {
        let person = self.people.at(place);
        person.messages = person.messages.saturating_add(1);
        person.chats = person.chats.saturating_add(one.chats as u32);
        person.suspect = person.suspect.saturating_add(one.suspect as u32);
        person.gifts = person.gifts.saturating_add(one.gifts);
        person.unpriced = person.unpriced.saturating_add(one.unpriced);
        person.fen = person.fen.saturating_add(one.fen());
        if message.name.is_some() || person.last_id == 0 {
            person.last_id = message.id;
        }
        if let Some(level) = message.level().and_then(|level| level.try_into().ok()) {
            person.level = Some(level);
        }
        if one.chats > 0
            && !self.ballot.is_empty()
            && let Some(text) = message.text().and_then(|text| std::str::from_utf8(text).ok())
            && let Some(vote) = self.ballot.vote(text)
        {
            person.vote = Some(vote);
        }
        if let Some(medal) = message.medal().and_then(|medal| std::str::from_utf8(medal).ok())
            && let Some(medal_place) = self.medals.place(medal)
        {
            person.medal = medal_place.try_into().ok();
            let (room, lines) = self.medals.at(medal_place);
            *room = room.or(message.medal_room().and_then(|room| room.try_into().ok()));
            *lines += one.chats;
        }
    }

    /// Emotes stand in text as `[emot:dy110]`.
    fn emotes(&mut self, text: Option<&[u8]>) {
        const OPENS: &str = "[emot:";
        /// Longer ones are no emotes.
        const LONGEST: usize = 32;
        let text = text.filter(|text| text.contains(&b'[')).and_then(|text| std::str::from_utf8(text).ok());
        let Some(text) = text else { return };
        let mut seen = Vec::new();
        for part in text.split(OPENS).skip(1) {
            let Some((name, _)) = part.split_once(']') else { continue };
            if name.is_empty() || name.len() > LONGEST || !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                continue;
            }
            let Some(place) = self.emotes.place(name) else { continue };
            let emote = self.emotes.at(place);
            emote.uses += 1;
            if !seen.contains(&place) {
                emote.lines += 1;
                seen.push(place);
            }
        }
    }
}

/// The hour of a time, where a zone's hours begin.
struct Clock {
    zone: TimeZone,
    /// The last answer: its hour begins and ends here.
    hour: (i64, i64),
}

impl Clock {
    fn hour_of(&mut self, at_us: i64) -> i64 {
        const HOUR_US: i64 = 3600 * SECOND_US;
        if !(self.hour.0..self.hour.1).contains(&at_us) {
            let to_hour = ZonedRound::new().smallest(Unit::Hour).mode(RoundMode::Trunc);
            let time = Timestamp::from_microsecond(at_us).ok().map(|time| time.to_zoned(self.zone.clone()));
            let begin = time
                .and_then(|time| Some(time.round(to_hour).ok()?.timestamp().as_microsecond()))
                .unwrap_or_else(|| at_us.div_euclid(HOUR_US).saturating_mul(HOUR_US));
            self.hour = (begin, begin.saturating_add(HOUR_US));
        }
        self.hour.0
    }
}
