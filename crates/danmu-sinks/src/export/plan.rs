//! The plan: which files there will be, what time is 0:00 in each, and what is known when it begins.

use super::split::{Cuts, Split};
use super::{ExportError, ExportOptions, Start, anonymize};
use crate::filter::Filter;
use crate::recording::ledger::Gap;
use crate::recording::reader::{ReadError, Recording};
use crate::recording::writer::RoomState;
use crate::sink::{Opening, Zone};

/// What stays the same for all files of an export.
pub(super) struct Plan {
    cuts: Cuts,
    offset_us: i64,
    base: Opening,
    /// What was learnt of the room, and when.
    states: Vec<(i64, RoomState)>,
}

impl Plan {
    /// Plans an export whose first message was received then, if there is one.
    pub(super) fn new(
        recording: &Recording,
        options: &ExportOptions,
        first_us: Option<i64>,
    ) -> Result<Self, ExportError> {
        let rooms = recording.rooms()?;
        let room = match (&*options.filter.rooms, &*rooms) {
            (&[room], _) | ([], &[room]) => Some(room),
            _ => None,
        };
        let begins_us = if options.start == Start::Live || options.split == Some(Split::Live) {
            begins(recording, &options.filter)?
        } else {
            Vec::new()
        };
        let start_us = options.start.among(&begins_us, first_us.unwrap_or(0))?;
        let cuts = match options.split {
            None => Cuts::never(start_us),
            Some(Split::Every(length_us)) => Cuts::every(start_us, length_us),
            Some(Split::Gap) => Cuts::at(start_us, gaps(recording, options)?.iter().map(|gap| gap.to_us).collect()),
            Some(Split::Live) => Cuts::at(start_us, begins_us),
        };
        let states = room.map(|room| recording.room_states(room)).transpose()?.unwrap_or_default();
        let Zone(zone) = options.zone.clone();
        let base = Opening { room, zone: Zone(zone), options: options.options.clone(), ..Opening::default() };
        let mut plan = Self { cuts, offset_us: options.offset_us, base, states };
        if options.anonymize {
            plan.states.iter_mut().for_each(|(_, state)| anonymize::hide_owner(state));
        }
        Ok(plan)
    }

    /// The number of the file that a time belongs to, and what it begins with.
    pub(super) fn file_of(&self, time_us: i64) -> (usize, Opening) {
        let (file, start_us) = self.cuts.file_of(time_us);
        let zero_us = start_us.saturating_sub(self.offset_us);
        // As it was then; what was learnt first if that was later.
        let then = self.states.iter().rev().find(|(known_us, _)| *known_us <= time_us).or(self.states.first());
        let state = then.map(|(_, state)| state.clone()).unwrap_or_default();
        (file, Opening { zero_us: Some(zero_us), state, ..self.base.clone() })
    }

    /// Only the number.
    pub(super) fn number_of(&self, time_us: i64) -> usize {
        self.cuts.file_of(time_us).0
    }
}

impl Start {
    /// What is 0:00 of the messages that a filter lets through, in microseconds since the Unix epoch. `first_us` is when
    /// the first of them was heard.
    pub fn at_us(self, recording: &Recording, filter: &Filter, first_us: i64) -> Result<i64, ExportError> {
        let begins_us = if self == Self::Live { begins(recording, filter)? } else { Vec::new() };
        self.among(&begins_us, first_us)
    }

    fn among(self, begins_us: &[i64], first_us: i64) -> Result<i64, ExportError> {
        Ok(match self {
            Self::First => first_us,
            Self::At(at_us) => at_us,
            // The stream that the first message is of; or the first that begins, where it was before all.
            Self::Live => {
                let before = begins_us.partition_point(|&begin_us| begin_us <= first_us);
                *begins_us.get(before.saturating_sub(1)).ok_or(ExportError::NeverLive)?
            }
        })
    }
}

/// When streams of the filter's rooms began, in order.
fn begins(recording: &Recording, filter: &Filter) -> Result<Vec<i64>, ReadError> {
    let meant = if filter.rooms.is_empty() { recording.rooms()? } else { filter.rooms.clone() };
    let mut begins_us = Vec::new();
    for room in meant {
        begins_us.extend(went_live(&recording.room_states(room)?));
    }
    begins_us.sort_unstable();
    Ok(begins_us)
}

/// When the stream began, as far as that was learnt.
fn went_live(states: &[(i64, RoomState)]) -> Vec<i64> {
    let mut was_live = false;
    let mut begins_us = Vec::new();
    for (at_us, state) in states {
        let Some(live) = state.live else { continue };
        if live && !was_live {
            begins_us.push(*at_us);
        }
        was_live = live;
    }
    begins_us
}

/// The gaps of the filter's rooms in the filter's time, by their ends.
pub(super) fn gaps(recording: &Recording, options: &ExportOptions) -> Result<Vec<Gap>, ReadError> {
    let filter = &options.filter;
    let mut gaps = recording.gaps()?;
    gaps.retain(|gap| {
        (filter.rooms.is_empty() || filter.rooms.contains(&gap.room))
            && filter.since_us.is_none_or(|since_us| gap.to_us > since_us)
            && filter.until_us.is_none_or(|until_us| gap.from_us < until_us)
    });
    gaps.sort_by_key(|gap| gap.to_us);
    Ok(gaps)
}
