//! The audit: holds a recording to the account of what was sent.
//!
//! Every message that the server sent to anyone is stored, or lies in a gap of its room, or was counted as dropped; nothing
//! is stored that was not sent; nothing is stored twice. A message may be sent to several links, so it lies in a gap if it
//! does so as one of them was to hear it; and times are only right to a second, for a message takes a while from the
//! server to us, and the last byte of a link is rarely that of a message.
//!
//! Messages with an id are stored once, whoever heard them how often. Of those without, links keep their own repeats: as
//! many are to be stored as one link was sent, and not more than were said, but for those that one link heard so late that
//! they could no longer be told from news. These are kept in doubt, and counted.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use danmu_proto::RoomId;
use danmu_sim::account::{Account, Digest, Entry};
use danmu_sinks::recording::ledger::{self, Gap, Wanted};
use danmu_sinks::recording::reader::ReadError;
use danmu_sinks::{Filter, Recording};

/// How exact times are, in microseconds.
const SLACK_US: i64 = 1_000_000;
/// What a link hears later than this after it was said, no other may be able to know it by. A link remembers five seconds.
const LATE_US: i64 = 4_000_000;
/// Of each kind, so many findings are told in full.
const MOST_FINDINGS: usize = 10;

/// What became of all that was sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Messages that were to be stored: those sent, each repeat of one without an id too.
    pub(crate) sent: u64,
    /// Of these, that are stored.
    pub(crate) stored: u64,
    /// Of these, that were sent while nobody listened.
    pub(crate) in_gaps: u64,
    /// Of these, that were sent while the room was not to be listened to.
    pub(crate) unwanted: u64,
    /// Of these, that are not stored because they were not to be: `dropped(limit)`, and `dropped(overflow)`.
    pub(crate) dropped: u64,
    /// Of these, that ought to be there.
    pub(crate) missing: u64,
    /// Stored, and never sent.
    pub(crate) unknown: u64,
    /// Stored again: those with an id, and those without that were not sent so often to all links together.
    pub(crate) twice: u64,
    /// Stored again, without an id, after a link that lagged behind: in doubt, messages are kept.
    pub(crate) in_doubt: u64,
    /// Stored without their payload, so that nothing can be said of them.
    pub(crate) unreadable: u64,
    /// Some of the last four in words.
    pub(crate) findings: Vec<String>,
}

impl Verdict {
    /// Whether nothing is wrong.
    pub(crate) const fn holds(&self) -> bool {
        self.missing + self.unknown + self.twice + self.unreadable == 0
    }

    fn find(&mut self, kind: impl Fn(&mut Self) -> &mut u64, count: u64, what: impl FnOnce() -> String) {
        if count > 0 {
            *kind(self) += count;
            if *kind(self) <= MOST_FINDINGS as u64 {
                self.findings.push(what());
            }
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sent, stored, in_gaps, unwanted, dropped, missing, unknown, twice, in_doubt, unreadable, .. } = self;
        write!(
            f,
            "{sent} sent = {stored} stored + {in_gaps} in gaps + {unwanted} not wanted + {dropped} dropped + {missing} \
             missing; {unknown} stored that were not sent, {twice} stored twice, {in_doubt} again in doubt"
        )?;
        if *unreadable > 0 { write!(f, ", {unreadable} stored without a payload") } else { Ok(()) }
    }
}

/// A message in a recording: how often, where first, and whether it has an id.
#[derive(Clone, Copy, Debug, Default)]
struct Found {
    count: u64,
    seq: i64,
    has_id: bool,
}

/// When a room was to be listened to, and when nobody did.
#[derive(Clone, Debug, Default)]
struct Times {
    wanted: Vec<(i64, i64)>,
    gaps: Vec<(i64, i64)>,
}

/// What became of one message, as the ledger has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Heard,
    InGap,
    Unwanted,
}

impl Times {
    fn fate(&self, at_us: i64) -> Fate {
        let within = |&(from_us, to_us): &(i64, i64)| from_us - SLACK_US <= at_us && at_us <= to_us + SLACK_US;
        if self.gaps.iter().any(within) {
            return Fate::InGap;
        }
        let well_within = |&(from_us, to_us): &(i64, i64)| from_us + SLACK_US <= at_us && at_us <= to_us - SLACK_US;
        if self.wanted.iter().any(well_within) { Fate::Heard } else { Fate::Unwanted }
    }
}

/// Compares what is stored with what was sent.
///
/// # Errors
/// The recording cannot be read.
pub(crate) fn audit(recording: &Recording, account: &Account) -> Result<Verdict, ReadError> {
    let mut verdict = Verdict::default();
    let found = found(recording, &mut verdict)?;
    let (wanted, listened) = recording.ledger()?;
    let times = times(&wanted, &ledger::gaps(&wanted, &listened));
    let nothing = BTreeMap::new();
    for (&(room, digest), found) in &found {
        let entry = account.rooms.get(&room).unwrap_or(&nothing).get(&digest);
        let Some(entry) = entry.filter(|entry| !entry.sent.is_empty()) else {
            verdict.find(|v| &mut v.unknown, found.count, || format!("message {} was never sent", found.seq));
            continue;
        };
        let (said, most) = if found.has_id { (1, 1) } else { (said(entry), entry.sent.len() as u64) };
        verdict.in_doubt += found.count.min(most).saturating_sub(said);
        let more = found.count.saturating_sub(most);
        verdict.find(
            |v| &mut v.twice,
            more,
            || format!("message {} is stored {} times, and may be {most} times", found.seq, found.count),
        );
    }
    let never = Times::default();
    for (&room, entries) in &account.rooms {
        let times = times.get(&room).unwrap_or(&never);
        for (digest, entry) in entries.iter().filter(|(_, entry)| !entry.sent.is_empty()) {
            let found = found.get(&(room, *digest)).copied().unwrap_or_default();
            verdict.judge(room, times, entry, found);
        }
    }
    let reasons = recording.stats(&Filter::default())?.dropped;
    let allowed = ["limit", "overflow"].iter().filter_map(|cause| reasons.get(*cause)).sum::<u64>();
    verdict.dropped = verdict.missing.min(allowed);
    verdict.missing -= verdict.dropped;
    Ok(verdict)
}

impl Verdict {
    /// What became of the messages with one payload.
    fn judge(&mut self, room: RoomId, times: &Times, entry: &Entry, found: Found) {
        let fates: Vec<Fate> = entry.sent.iter().map(|&(_, at_us)| times.fate(at_us)).collect();
        let excuse = fates.iter().copied().find(|&fate| fate != Fate::Heard);
        let due = if found.has_id || entry.said.len() <= 1 {
            1
        } else {
            // The most of them that one link was sent while someone listened, and at least those that are there.
            let mut by_link: HashMap<u64, u64> = HashMap::new();
            for (&(link, _), _) in entry.sent.iter().zip(&fates).filter(|(_, fate)| **fate == Fate::Heard) {
                *by_link.entry(link).or_default() += 1;
            }
            let heard = by_link.into_values().max().unwrap_or_default();
            heard.max(found.count.min(entry.said.len() as u64)).max(1)
        };
        let stored = found.count.min(due);
        let absent = due - stored;
        self.sent += due;
        self.stored += stored;
        match excuse {
            Some(Fate::InGap) => self.in_gaps += absent,
            Some(Fate::Unwanted) => self.unwanted += absent,
            _ => self.find(
                |v| &mut v.missing,
                absent,
                || format!("room {room}: a message said at {:?} and sent at {:?} is missing", entry.said, entry.sent),
            ),
        }
    }
}

/// How often a message without an id was said: by the room, or to one link again.
fn said(entry: &Entry) -> u64 {
    let mut by_link: BTreeMap<u64, Vec<i64>> = BTreeMap::new();
    for &(link, at_us) in &entry.sent {
        by_link.entry(link).or_default().push(at_us);
    }
    let mut said = entry.said.clone();
    said.sort_unstable();
    // What a link was sent too late, or more often than it was said, it heard by itself.
    let own = by_link.into_values().map(|mut sent| {
        sent.sort_unstable();
        let mut left = said.clone();
        sent.retain(|&at_us| {
            let known = left.iter().position(|&said_us| said_us <= at_us && at_us - said_us <= LATE_US);
            known.map(|place| left.remove(place)).is_none()
        });
        sent.len() as u64
    });
    said.len() as u64 + own.sum::<u64>()
}

fn found(recording: &Recording, verdict: &mut Verdict) -> Result<BTreeMap<(RoomId, Digest), Found>, ReadError> {
    let mut found: BTreeMap<_, Found> = BTreeMap::new();
    for row in recording.messages(&Filter::default())?.with_payloads() {
        let row = row?;
        let Some(payload) = &row.payload else {
            verdict.find(|v| &mut v.unreadable, 1, || format!("message {} has no payload to know it by", row.seq));
            continue;
        };
        let entry = found.entry((row.room, Digest::of(payload))).or_default();
        if entry.count == 0 {
            (entry.seq, entry.has_id) = (row.seq, row.summary.id.is_some());
        }
        entry.count += 1;
    }
    Ok(found)
}

fn times(wanted: &[Wanted], gaps: &[Gap]) -> BTreeMap<RoomId, Times> {
    let mut times: BTreeMap<RoomId, Times> = BTreeMap::new();
    for span in wanted {
        times.entry(span.room).or_default().wanted.push((span.from_us, span.to_us));
    }
    for gap in gaps {
        times.entry(gap.room).or_default().gaps.push((gap.from_us, gap.to_us));
    }
    times
}
