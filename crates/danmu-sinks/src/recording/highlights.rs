//! Highlights: where more is said than usual, and what is said there.
//!
//! ```text
//! lines ─▶ Weigher ─▶ Series ─▶ peaks ─▶ lines in and before each ─▶ phrases, samples
//!          repeats    by 5 s    over the local median
//!          count less
//! ```
//!
//! Each step says how it works in a module of its own. Streams: memory grows with the time that is talked in, four bytes for
//! five seconds of a room, and with no message.

use std::collections::{BTreeMap, HashSet};

use danmu_proto::RoomId;

use super::ledger;
use super::reader::{ReadError, Recording};
use super::stats::people;
use crate::filter::{Filter, Types};

mod peaks;
mod phrases;
mod series;
mod weigh;

use peaks::Peak;
use phrases::phrases;
use series::Series;
use weigh::Weigher;

/// What to look for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HighlightOptions {
    /// Which messages. Default chat and super chats, also where the filter names no type.
    pub filter: Filter,
    /// How far over the usual a highlight is at least, as [`Highlight::score`]. Default 2.5.
    pub threshold: f32,
    /// The best so many are given. Default 20.
    pub most: usize,
    /// How many phrases each has. Default 5.
    pub phrases: usize,
    /// How many lines each has. Default 3.
    pub samples: usize,
}

impl Default for HighlightOptions {
    fn default() -> Self {
        Self { filter: Filter::default(), threshold: 2.5, most: 20, phrases: 5, samples: 3 }
    }
}

/// A stretch of time in which more was said than usual. Times are in microseconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Highlight {
    /// The room.
    pub room: RoomId,
    /// When it begins, to five seconds. What people talk about was some seconds before.
    pub from_us: i64,
    /// When it ends.
    pub to_us: i64,
    /// When most was said.
    pub top_us: i64,
    /// How far that was over what was usual, in strays of the usual. 2.5 is worth a look, 5 is hard to miss.
    pub score: f32,
    /// What was said a second at the top, repeats discounted.
    pub rate: f32,
    /// What was usual around it.
    pub usual: f32,
    /// How many lines it has.
    pub lines: u64,
    /// By how many people.
    pub people: u64,
    /// What people said more than before, best first.
    pub phrases: Vec<String>,
    /// Lines that say it, in order.
    pub samples: Vec<Sample>,
}

/// A line of a highlight.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sample {
    /// When it was heard, in microseconds since the Unix epoch.
    pub at_us: i64,
    /// Who said it.
    pub name: Option<String>,
    /// What.
    pub text: String,
}

/// Right after a link joined, servers send what was said before it did,
const BACKLOG_US: i64 = 60_000_000;
/// which was sent longer ago than this.
const LATE_US: i64 = 10_000_000;

impl Recording {
    /// The best highlights, in the order of rooms and time.
    pub fn highlights(&self, options: &HighlightOptions) -> Result<Vec<Highlight>, ReadError> {
        let mut filter = options.filter.clone();
        if filter.types.is_all() {
            filter.types = Types::new(["chat", "superchat"]);
        }
        let (_, listened) = self.ledger()?;
        let heard = ledger::heard(&listened);
        let mut found: Vec<(RoomId, Peak)> = Vec::new();
        for (room, series) in self.series(&filter, &heard)? {
            let listened = heard.get(&room).map_or(&[][..], Vec::as_slice);
            found.extend(peaks::peaks(&series, listened, options.threshold).into_iter().map(|peak| (room, peak)));
        }
        found.sort_by(|(_, a), (_, b)| b.score.total_cmp(&a.score));
        found.truncate(options.most);
        found.sort_by_key(|(room, peak)| (*room, peak.from_us));
        found.iter().map(|(room, peak)| self.highlight(*room, peak, &filter, options)).collect()
    }

    /// What is said in each room, over time.
    fn series(
        &self,
        filter: &Filter,
        heard: &BTreeMap<RoomId, Vec<(i64, i64)>>,
    ) -> Result<BTreeMap<RoomId, Series>, ReadError> {
        let mut rooms: BTreeMap<RoomId, (Weigher, Series)> = BTreeMap::new();
        self.scan(filter, self.ids(filter)?, |line| {
            let joined = heard.get(&line.room).and_then(|spans| {
                let later = spans.partition_point(|(from_us, _)| *from_us <= line.at_us);
                spans[..later].last()
            });
            let is_backlog = joined.is_some_and(|(joined_us, _)| line.at_us.saturating_sub(*joined_us) < BACKLOG_US)
                && line.sent_ms().is_some_and(|ms| line.at_us.saturating_sub(ms.saturating_mul(1000)) > LATE_US);
            if is_backlog {
                return;
            }
            let (weigher, series) = rooms.entry(line.room).or_default();
            let text = String::from_utf8_lossy(line.text().unwrap_or_default());
            let weight = weigher.weigh(line.at_us, people::key(line.user, line.name), &text);
            series.add(line.at_us, weight);
        })?;
        Ok(rooms.into_iter().map(|(room, (_, series))| (room, series)).collect())
    }

    fn highlight(
        &self,
        room: RoomId,
        peak: &Peak,
        filter: &Filter,
        options: &HighlightOptions,
    ) -> Result<Highlight, ReadError> {
        /// So much before it tells what is said anyway.
        const BEFORE_US: i64 = 180_000_000;
        let now = self.lines(room, (peak.from_us, peak.to_us), filter)?;
        let before = self.lines(room, (peak.from_us.saturating_sub(BEFORE_US), peak.from_us), filter)?;
        let phrases = phrases(now.texts(), before.texts(), options.phrases);
        let samples = samples(&now.said, &phrases, options.samples);
        Ok(Highlight {
            room,
            from_us: peak.from_us,
            to_us: peak.to_us,
            top_us: peak.top_us,
            score: peak.score,
            rate: peak.rate,
            usual: peak.usual,
            lines: now.all,
            people: now.people.len() as u64,
            phrases,
            samples,
        })
    }

    fn lines(&self, room: RoomId, (from_us, to_us): (i64, i64), filter: &Filter) -> Result<Lines, ReadError> {
        let since_us = Some(from_us.max(filter.since_us.unwrap_or(i64::MIN)));
        let until_us = Some(to_us.min(filter.until_us.unwrap_or(i64::MAX)));
        let filter = Filter { rooms: vec![room], since_us, until_us, ..filter.clone() };
        let mut lines = Lines::default();
        let mut heard = HashSet::new();
        self.scan(&filter, self.ids(&filter)?, |line| {
            lines.all += 1;
            let who = people::key(line.user, line.name);
            lines.people.extend(who);
            let Some(text) = line.text().filter(|text| !text.is_empty() && lines.said.len() < Lines::MOST) else {
                return;
            };
            let text = String::from_utf8_lossy(text);
            // Who says the same again says nothing more.
            if heard.insert((who, text.clone().into_owned())) {
                let name = line.name.map(|name| String::from_utf8_lossy(name).into_owned());
                lines.said.push(Sample { at_us: line.at_us, name, text: text.into_owned() });
            }
        })?;
        Ok(lines)
    }
}

/// Lines of a stretch of time.
#[derive(Default)]
struct Lines {
    all: u64,
    people: HashSet<u64>,
    /// Without repeats, and no more than [`Lines::MOST`].
    said: Vec<Sample>,
}

impl Lines {
    /// Enough to tell what people talk about.
    const MOST: usize = 2000;

    fn texts(&self) -> impl Iterator<Item = &str> {
        self.said.iter().map(|line| line.text.as_str())
    }
}

/// Lines of different people that say the most of what is said, in order.
fn samples(lines: &[Sample], phrases: &[String], most: usize) -> Vec<Sample> {
    /// Longer ones are for reading elsewhere.
    const LONGEST: usize = 40;
    let worth = |line: &Sample| {
        let length = line.text.chars().take(LONGEST + 1).count();
        let says: usize = phrases
            .iter()
            .rev()
            .zip(1..)
            .filter(|(phrase, _)| line.text.contains(phrase.as_str()))
            .map(|(_, n)| n)
            .sum();
        (length <= LONGEST, says, length)
    };
    let mut best: Vec<&Sample> = lines.iter().collect();
    best.sort_by_key(|line| std::cmp::Reverse(worth(line)));
    let mut chosen: Vec<&Sample> = Vec::new();
    for line in best {
        if chosen.len() == most {
            break;
        }
        if !chosen.iter().any(|other| other.text == line.text || line.name.is_some() && other.name == line.name) {
            chosen.push(line);
        }
    }
    chosen.sort_by_key(|line| line.at_us);
    chosen.into_iter().cloned().collect()
}
