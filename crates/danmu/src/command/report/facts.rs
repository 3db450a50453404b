//! Facts: what a report tells. Counted by danmu-sinks; read here are only the words.

use danmu_proto::RoomId;
use danmu_sinks::recording::highlights::{Highlight, HighlightOptions};
use danmu_sinks::recording::ledger::Coverage;
use danmu_sinks::recording::stats::{Stats, StatsOptions};
use danmu_sinks::recording::writer::{CatalogGift, RoomState};
use danmu_sinks::{Filter, Gap, Recording, Types};
use jiff::tz::TimeZone;

use super::axis;
use super::density::{Density, Mark};
use super::heat::Week;
use super::pulse::{Pulse, Span};
use super::words::{Word, Words};

/// Everything that a report tells.
pub(super) struct Facts {
    /// The rooms, and what is known of each.
    pub(super) rooms: Vec<(RoomId, Option<RoomState>)>,
    pub(super) stats: Stats,
    /// The best, in the order of time.
    pub(super) highlights: Vec<Highlight>,
    /// Words by the number of lines that have them.
    pub(super) words: Vec<Word>,
    pub(super) density: Density,
    pub(super) week: Week,
    /// When nobody listened, in the time that is asked for.
    pub(super) gaps: Vec<Gap>,
    pub(super) zone: TimeZone,
}

/// So many highlights are told.
const HIGHLIGHTS: usize = 10;
/// So many are in each ranking.
pub(super) const TOP: usize = 12;
/// So many words are kept, for the cloud.
const WORDS: usize = 140;

impl Facts {
    /// Reads a recording, three times: to count, to find highlights, and for the words. Memory grows with people and
    /// words, and not with messages.
    pub(super) fn read(
        recording: &Recording,
        filter: &Filter,
        gifts: Vec<CatalogGift>,
        zone: TimeZone,
    ) -> anyhow::Result<Self> {
        let mut options = StatsOptions::default();
        options.filter = filter.clone();
        options.zone = zone.clone();
        options.top = TOP;
        options.gifts = gifts;
        let stats = recording.stats_with(&options)?;

        let mut options = HighlightOptions::default();
        options.filter = filter.clone();
        options.most = HIGHLIGHTS;
        let mut highlights = recording.highlights(&options)?;
        highlights.sort_by_key(|highlight| highlight.from_us);

        let (words, pulse) = talk(recording, filter)?;
        let mut gaps = stats.gaps.clone();
        gaps.sort_by_key(|gap| gap.from_us);
        let within = |span: &Span| {
            filter.since_us.is_none_or(|since| span.1 > since) && filter.until_us.is_none_or(|until| span.0 < until)
        };
        let mut deaf = recording.deaf(&filter.rooms)?;
        deaf.retain(within);
        let mark =
            |highlight: &Highlight| Mark { span: (highlight.from_us, highlight.to_us), says: in_short(highlight) };
        let marks = highlights.iter().map(mark).collect();
        let rooms = stats.rooms.keys().map(|room| Ok((*room, state(recording, *room)?)));
        Ok(Self {
            rooms: rooms.collect::<anyhow::Result<_>>()?,
            week: week(&stats, &zone),
            density: Density { pulse, deaf, marks },
            stats,
            highlights,
            words,
            gaps,
            zone,
        })
    }

    /// Whether there is nothing to tell, not even that nobody listened.
    pub(super) fn is_empty(&self) -> bool {
        self.stats.total.messages == 0 && self.gaps.is_empty() && self.coverage().is_none()
    }

    /// Over all rooms.
    pub(super) fn coverage(&self) -> Option<f64> {
        let each = || self.stats.rooms.values().filter_map(|room| room.coverage.as_ref());
        let sum = |part: fn(&Coverage) -> i64| each().map(part).fold(0, i64::saturating_add);
        let wanted = sum(|coverage| coverage.wanted_us);
        (wanted > 0).then(|| sum(|coverage| coverage.listened_us) as f64 / wanted as f64)
    }
}

/// What is said in a highlight, to be read at a glance.
fn in_short(highlight: &Highlight) -> String {
    let is_short = |phrase: &&String| !phrase.contains("[emot:") && phrase.chars().count() <= 5;
    highlight.phrases.iter().find(is_short).or(highlight.phrases.first()).cloned().unwrap_or_default()
}

/// The words of chat, and its pulse.
fn talk(recording: &Recording, filter: &Filter) -> anyhow::Result<(Vec<Word>, Pulse)> {
    let mut filter = filter.clone();
    if filter.types.is_all() {
        filter.types = Types::new(["chat", "superchat"]);
    }
    let mut words = Words::new();
    let mut pulse = Pulse::default();
    for row in recording.messages(&filter)? {
        let row = row?;
        pulse.add(row.received_us);
        if let Some(text) = &row.summary.text {
            words.add(text);
        }
    }
    Ok((words.top(WORDS), pulse))
}

/// What was learnt of a room last.
fn state(recording: &Recording, room: RoomId) -> anyhow::Result<Option<RoomState>> {
    Ok(recording.room_states(room)?.pop().map(|(_, state)| state))
}

/// Lines of chat by the hours of the week.
fn week(stats: &Stats, zone: &TimeZone) -> Week {
    let mut week = Week::default();
    for (hour_us, counts) in &stats.hours {
        if let Some((day, hour)) = axis::hour_of_week(*hour_us, zone) {
            week[day][hour] += counts.chats + counts.superchats;
        }
    }
    week
}
