//! Counting a recording: messages, people, gifts and money by room, hour and type, and what became of all that was
//! received.
//!
//! ```text
//! rows ─▶ Counter ─┬─▶ Counts    by room, hour and type
//!                  ├─▶ People    who was there: new, returning, talkers, givers, levels, votes
//!                  ├─▶ Tally     emotes, medals
//!                  └─▶ Meter     messages a second and a minute
//! ledger ──────────────▶ coverage, gaps, sums
//! ```

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use danmu_proto::RoomId;
use danmu_proto::summary::GiftKind;
use jiff::tz::TimeZone;

pub use self::counts::Counts;
pub use self::people::ABSENCE_US;
pub use self::rates::Rate;
pub use self::votes::{MOST_OPTIONS, indistinct};
use super::ledger::{self, Coverage, Gap, Listened};
use super::reader::{ReadError, Recording};
use super::writer::CatalogGift;
pub use super::writer::Sums;
use crate::filter::Filter;

mod count;
mod counts;
pub(super) mod people;
mod rates;
mod tally;
mod votes;

use count::{Counter, Totals};
use people::Person;

/// What to count, and how.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StatsOptions {
    /// Which messages.
    pub filter: Filter,
    /// Words that can be voted for by typing them; see [`VoteStats`]. Default none, at most [`MOST_OPTIONS`].
    pub votes: Vec<String>,
    /// Names and prices of gifts beside those in the recording. Where both know a gift, these count.
    pub gifts: Vec<CatalogGift>,
    /// Where the hours are those of a clock on the wall. Default UTC.
    pub zone: TimeZone,
    /// How many people each list of people has. Default 10.
    pub top: usize,
}

impl Default for StatsOptions {
    fn default() -> Self {
        Self { filter: Filter::default(), votes: Vec::new(), gifts: Vec::new(), zone: TimeZone::UTC, top: 10 }
    }
}

/// What a recording holds.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// All messages that the filter let through.
    pub total: Counts,
    /// When the first of them was received, in microseconds since the Unix epoch.
    pub first_us: Option<i64>,
    /// When the last of them was received, in microseconds since the Unix epoch.
    pub last_us: Option<i64>,
    /// By room.
    pub rooms: BTreeMap<RoomId, RoomStats>,
    /// By hour, by when it begins, in microseconds since the Unix epoch. Hours without messages are left out.
    pub hours: BTreeMap<i64, Counts>,
    /// By type on the wire.
    pub types: BTreeMap<String, Counts>,
    /// Messages a second.
    pub per_second: Rate,
    /// Messages a minute.
    pub per_minute: Rate,
    /// Who sent most messages of any type.
    pub people: Vec<PersonStats>,
    /// Who wrote most lines of chat.
    pub talkers: Vec<PersonStats>,
    /// Who gave most: by money, then by gifts.
    pub givers: Vec<PersonStats>,
    /// What was given: by money, then by number.
    pub gifts: Vec<GiftStats>,
    /// Emotes in chat and super chats, by uses.
    pub emotes: Vec<EmoteStats>,
    /// Medals that people wore last, by people.
    pub medals: Vec<MedalStats>,
    /// Level of people, as it was last → how many have it.
    pub levels: BTreeMap<u32, u64>,
    /// What was voted for, in the order of [`StatsOptions::votes`].
    pub votes: Vec<VoteStats>,
    /// Every link of those rooms, by id. Not limited to the filter's time: sums are of whole links.
    pub links: Vec<LinkStats>,
    /// Sums over all those links.
    pub sums: Sums,
    /// Why messages were dropped, and how many.
    pub dropped: BTreeMap<String, u64>,
    /// When nobody listened, in the filter's time.
    pub gaps: Vec<Gap>,
}

impl Stats {
    /// Links by which something is unaccounted for. Always none, or there is a fault in the program or the file.
    pub fn off(&self) -> impl Iterator<Item = &LinkStats> {
        self.links.iter().filter(|link| !link.sums.add_up())
    }
}

/// What a recording holds of a room.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct RoomStats {
    /// All its messages.
    pub counts: Counts,
    /// Messages by type.
    pub types: BTreeMap<String, u64>,
    /// By hour, as in [`Stats::hours`].
    pub hours: BTreeMap<i64, Counts>,
    /// Messages a second.
    pub per_second: Rate,
    /// Messages a minute.
    pub per_minute: Rate,
    /// Sums over its links.
    pub sums: Sums,
    /// How much of it was listened to in the filter's time, if it was to be.
    pub coverage: Option<Coverage>,
}

/// Someone, over all rooms. Name, level and medal are those of the last message that has the name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PersonStats {
    /// Account number; people without one are told apart by their names.
    pub user: Option<u64>,
    /// Name.
    pub name: Option<String>,
    /// Level.
    pub level: Option<u32>,
    /// Name of the medal.
    pub medal: Option<String>,
    /// Level of the medal.
    pub medal_level: Option<u32>,
    /// Messages of all types.
    pub messages: u64,
    /// Lines of chat.
    pub chats: u64,
    /// Lines of chat that may be automated.
    pub suspect: u64,
    /// Gifts given.
    pub gifts: u64,
    /// Gifts given whose price is not known.
    pub unpriced: u64,
    /// Money given, in fen, as far as prices are known: gifts, super chats, diamond fans.
    pub fen: u64,
    /// Whether this person was there before, or came back after [an absence](ABSENCE_US).
    pub returning: bool,
}

/// A gift that was given.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GiftStats {
    /// Which number space `id` is from.
    pub kind: GiftKind,
    /// Its number; 0 if messages do not say.
    pub id: u64,
    /// Its name, if anyone told.
    pub name: Option<String>,
    /// Price of one in fen, if anyone told.
    pub price_fen: Option<u64>,
    /// How many were given.
    pub count: u64,
    /// What they cost together, in fen.
    pub fen: u64,
}

/// An emote, written `[emot:dy110]` in text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EmoteStats {
    /// Its name: `dy110`.
    pub name: String,
    /// How often it was used.
    pub uses: u64,
    /// In how many lines.
    pub lines: u64,
}

/// A fan medal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MedalStats {
    /// Its name.
    pub name: String,
    /// Number of the room that it belongs to, if messages say so.
    pub room: Option<u64>,
    /// How many people wore it last.
    pub people: u64,
    /// Lines of chat by people who wore it.
    pub lines: u64,
}

/// Something that could be voted for. A line is a vote if it is the word and nothing else: `1`, also `111`, `扣1`, `１`
/// and `1!`. Each person has one vote, and the last one counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct VoteStats {
    /// The word.
    pub option: String,
    /// How many people voted for it.
    pub people: u64,
}

/// A link, or the part of one between two times when the recording could not be written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LinkStats {
    /// Its number in the recording.
    pub id: i64,
    /// The run it belongs to.
    pub run: i64,
    /// The room that it joined.
    pub room: RoomId,
    /// The server that it was connected to.
    pub server: String,
    /// From when it listened, in microseconds since the Unix epoch.
    pub joined_us: Option<i64>,
    /// When its last byte came.
    pub heard_us: Option<i64>,
    /// When it was over.
    pub ended_us: Option<i64>,
    /// Why.
    pub reason: Option<String>,
    /// What became of all that it received.
    pub sums: Sums,
}

impl Recording {
    /// [`Recording::stats_with`], of the messages that a filter lets through.
    pub fn stats(&self, filter: &Filter) -> Result<Stats, ReadError> {
        self.stats_with(&StatsOptions { filter: filter.clone(), ..StatsOptions::default() })
    }

    /// Counts messages in one pass, and gives the sums and the ledger of their rooms. Takes memory for each account,
    /// link and hour, and none for messages.
    pub fn stats_with(&self, options: &StatsOptions) -> Result<Stats, ReadError> {
        let filter = &options.filter;
        let mut prices = self.catalog()?;
        prices.improve(&options.gifts);
        let mut counter = Counter::new(options, prices);
        let (from, to) = self.ids(filter)?;
        if filter.since_us.is_some() {
            let rooms = Filter { rooms: filter.rooms.clone(), ..Filter::default() };
            let (first, _) = self.ids(&rooms)?;
            self.scan(&rooms, (first, from), |message| counter.before(message))?;
        }
        self.scan(filter, (from, to), |message| counter.message(message))?;

        let mut stats = Stats { first_us: counter.first_us, last_us: counter.last_us, ..Stats::default() };
        let meant = |room: &RoomId| filter.rooms.is_empty() || filter.rooms.contains(room);
        self.add_links(meant, &mut stats)?;
        let (mut wanted, mut listened) = self.ledger()?;
        // Gaps are cut when they have their reasons, which are those of links that ended where they begin.
        stats.gaps = ledger::gaps(&wanted, &listened);
        stats.gaps.retain_mut(|gap| meant(&gap.room) && cut(filter, &mut gap.from_us, &mut gap.to_us));
        wanted.retain_mut(|span| meant(&span.room) && cut(filter, &mut span.from_us, &mut span.to_us));
        for coverage in ledger::coverage(&wanted, &listened) {
            stats.rooms.entry(coverage.room).or_default().coverage = Some(coverage);
        }
        listened.retain_mut(|link| meant(&link.room) && cut(filter, &mut link.from_us, &mut link.to_us));
        self.add_people(&counter, options, &mut stats)?;
        add_counted(counter, &listened, &mut stats);
        Ok(stats)
    }

    /// The lists of people, with their names.
    fn add_people(&self, counter: &Counter, options: &StatsOptions, stats: &mut Stats) -> Result<(), ReadError> {
        let top = |key: fn(&Person) -> (u64, u64)| {
            let mut people: Vec<&Person> = counter.people.iter().filter(|person| key(person) > (0, 0)).collect();
            // Of equals, who was there first.
            people.sort_by_key(|person| Reverse(key(person)));
            people.truncate(options.top);
            people.into_iter().map(|person| self.person(person)).collect::<Result<Vec<_>, _>>()
        };
        stats.people = top(|person| (person.messages.into(), person.chats.into()))?;
        stats.talkers = top(|person| (person.chats.into(), 0))?;
        stats.givers = top(|person| (person.fen, person.gifts))?;
        stats.votes = options.votes.iter().map(|option| VoteStats { option: option.clone(), people: 0 }).collect();
        for person in counter.people.iter() {
            if let Some(vote) = person.vote {
                stats.votes[usize::from(vote)].people += 1;
            }
            if let Some(level) = person.level {
                *stats.levels.entry(level.into()).or_default() += 1;
            }
        }
        Ok(())
    }

    fn person(&self, person: &Person) -> Result<PersonStats, ReadError> {
        let mut stats = PersonStats {
            messages: person.messages.into(),
            chats: person.chats.into(),
            suspect: person.suspect.into(),
            gifts: person.gifts,
            unpriced: person.unpriced,
            fen: person.fen,
            returning: person.is_returning(),
            ..PersonStats::default()
        };
        let sql = "SELECT uid, name, level, medal, medal_level FROM message WHERE id = ?1";
        let mut statement = self.conn.prepare_cached(sql)?;
        let mut rows = statement.query([person.last_id])?;
        if let Some(row) = rows.next()? {
            stats.user = row.get::<_, i64>(0).ok().map(i64::cast_unsigned);
            stats.name = row.get(1).ok();
            stats.level = row.get(2).ok();
            stats.medal = row.get(3).ok();
            stats.medal_level = row.get(4).ok();
        }
        Ok(stats)
    }

    fn add_links(&self, meant: impl Fn(&RoomId) -> bool, stats: &mut Stats) -> Result<(), ReadError> {
        let mut causes = self.conn.prepare("SELECT cause, count FROM dropped WHERE link = ?1")?;
        let mut links = self.conn.prepare(
            "SELECT id, run, room, server, joined_us, heard_us, ended_us, reason,
                    received, control, stored, duplicates, dropped FROM link ORDER BY id",
        )?;
        let mut links = links.query([])?;
        while let Some(row) = links.next()? {
            let Some(room) = row.get::<_, i64>(2)?.try_into().ok().and_then(RoomId::new).filter(&meant) else {
                continue;
            };
            let link = LinkStats {
                id: row.get(0)?,
                run: row.get(1)?,
                room,
                server: row.get(3)?,
                joined_us: row.get(4)?,
                heard_us: row.get(5)?,
                ended_us: row.get(6)?,
                reason: row.get(7)?,
                sums: Sums::read(row, 8)?,
            };
            stats.sums = stats.sums.plus(link.sums);
            let counted = stats.rooms.entry(room).or_default();
            counted.sums = counted.sums.plus(link.sums);
            let mut dropped = causes.query([link.id])?;
            while let Some(row) = dropped.next()? {
                let count = stats.dropped.entry(row.get(0)?).or_default();
                *count = count.saturating_add(row.get::<_, i64>(1)?.cast_unsigned());
            }
            stats.links.push(link);
        }
        Ok(())
    }
}

/// Cuts a span of time to that of a filter. `false` if nothing is left.
fn cut(filter: &Filter, from_us: &mut i64, to_us: &mut i64) -> bool {
    *from_us = filter.since_us.map_or(*from_us, |since_us| since_us.max(*from_us));
    *to_us = filter.until_us.map_or(*to_us, |until_us| until_us.min(*to_us));
    from_us < to_us
}

/// Everything that was counted, but the people whose names must be looked up.
fn add_counted(mut counter: Counter, listened: &[Listened], stats: &mut Stats) {
    let spans = ledger::heard(listened);
    let mut room_counts = vec![Counts::default(); counter.rooms.len()];
    counter.people.add_to(&mut counter.total.counts, &mut room_counts);
    let (total, hours, per_second, per_minute) = close(counter.total, spans.values().flatten().copied().collect());
    (stats.total, stats.hours, stats.per_second, stats.per_minute) = (total, hours, per_second, per_minute);

    let mut kinds = vec![Counts::default(); counter.types.len()];
    counter.people.add_to_types(&mut kinds);
    let types: Vec<(String, Counts)> = counter.types.into_named().collect();
    for ((room, mut totals), people) in counter.rooms.into_iter().zip(room_counts) {
        totals.counts += &people;
        let counted = stats.rooms.entry(room).or_default();
        counted.types = totals.kinds().map(|(kind, messages)| (types[kind as usize].0.clone(), messages)).collect();
        let spans = spans.get(&room).cloned().unwrap_or_default();
        (counted.counts, counted.hours, counted.per_second, counted.per_minute) = close(totals, spans);
    }
    for ((name, mut counts), people) in types.into_iter().zip(kinds) {
        counts += &people;
        stats.types.insert(name, counts);
    }

    stats.gifts = counter.gifts.into_values().collect();
    stats.gifts.sort_unstable_by_key(|gift| (Reverse((gift.fen, gift.count)), gift.kind, gift.id));
    stats.emotes = counter.emotes.into_named().map(|(name, emote)| EmoteStats { name, ..emote }).collect();
    stats.emotes.sort_by_key(|emote| Reverse((emote.uses, emote.lines)));
    let mut worn: HashMap<u16, u64> = HashMap::new();
    for medal in counter.people.iter().filter_map(|person| person.medal) {
        *worn.entry(medal).or_default() += 1;
    }
    stats.medals = counter
        .medals
        .into_named()
        .zip(0..)
        .map(|((name, (room, lines)), place): (_, u32)| MedalStats {
            name,
            room,
            people: worn.get(&(place as u16)).copied().unwrap_or(0),
            lines,
        })
        .collect();
    stats.medals.sort_by_key(|medal| Reverse((medal.people, medal.lines)));
}

/// Sums that are complete. `spans` is when someone listened.
fn close(mut totals: Totals, mut spans: Vec<(i64, i64)>) -> (Counts, BTreeMap<i64, Counts>, Rate, Rate) {
    spans.sort_unstable();
    totals.close_hour();
    (totals.counts, totals.hours, totals.second.rate(&spans), totals.minute.rate(&spans))
}
