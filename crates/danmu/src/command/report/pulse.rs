//! The pulse of an evening: how much was said when, in memory that is bounded.

use std::collections::BTreeMap;

/// From, to, in microseconds since the Unix epoch.
pub(super) type Span = (i64, i64);

const SECOND_US: i64 = 1_000_000;
pub(super) const MINUTE_US: i64 = 60 * SECOND_US;
pub(super) const HOUR_US: i64 = 60 * MINUTE_US;
pub(super) const DAY_US: i64 = 24 * HOUR_US;

/// Buckets are no shorter than this,
const SHORTEST_US: i64 = 5 * SECOND_US;
/// and become longer when there are more of them than this.
const MOST: usize = 40_000;

/// Lines by when they were said.
#[derive(Clone, Debug)]
pub(super) struct Pulse {
    bucket_us: i64,
    /// Only buckets in which something was said.
    lines: BTreeMap<i64, u64>,
}

impl Default for Pulse {
    fn default() -> Self {
        Self { bucket_us: SHORTEST_US, lines: BTreeMap::new() }
    }
}

impl Pulse {
    /// A line was said.
    pub(super) fn add(&mut self, at_us: i64) {
        *self.lines.entry(at_us.div_euclid(self.bucket_us)).or_default() += 1;
        while self.lines.len() > MOST {
            self.bucket_us *= 2;
            let mut coarse = BTreeMap::new();
            for (bucket, lines) in &self.lines {
                *coarse.entry(bucket.div_euclid(2)).or_default() += lines;
            }
            self.lines = coarse;
        }
    }

    /// When something was going on: silences are left out that are long beside it, such as the days between two evenings,
    /// or the years of a clock that jumped.
    pub(super) fn sessions(&self) -> Vec<Span> {
        let spans = |silence: i64| {
            let mut spans: Vec<Span> = Vec::new();
            for bucket in self.lines.keys() {
                let from = bucket.saturating_mul(self.bucket_us);
                let to = from.saturating_add(self.bucket_us);
                match spans.last_mut() {
                    Some(last) if from.saturating_sub(last.1) <= silence => last.1 = to,
                    _ => spans.push((from, to)),
                }
            }
            spans
        };
        let going = length(&spans(HOUR_US / 2));
        spans((going / 8).max(HOUR_US / 2))
    }

    /// Lines a minute within a session, by the middle of each bin of `bin_us`. `None` where nobody listened.
    pub(super) fn rates(&self, session: Span, bin_us: i64, deaf: &[Span]) -> Vec<(i64, Option<f64>)> {
        let bin_us = bin_us.max(self.bucket_us) / self.bucket_us * self.bucket_us;
        let (first, last) = (session.0.div_euclid(bin_us), session.1.saturating_sub(1).div_euclid(bin_us));
        let per_bin = bin_us / self.bucket_us;
        let mut rates = Vec::new();
        for bin in first..=last {
            let (from, to) = (bin * bin_us, bin * bin_us + bin_us);
            let whole = (from.max(session.0), to.min(session.1));
            let heard = (whole.1 - whole.0) - deaf.iter().map(|span| overlap(*span, whole)).sum::<i64>();
            let lines: u64 = self.lines.range(bin * per_bin..(bin + 1) * per_bin).map(|(_, lines)| lines).sum();
            // Of a bin that was hardly heard, nobody can tell how much was said in it.
            let known = heard * 3 >= bin_us || first == last;
            let rate = lines as f64 * MINUTE_US as f64 / heard.max(self.bucket_us) as f64;
            if known || heard * 2 < whole.1 - whole.0 {
                rates.push((whole.0.midpoint(whole.1), known.then_some(rate)));
            }
        }
        rates
    }

    /// A length of bins that suits `bins` of them over all sessions.
    pub(super) fn bin_us(&self, sessions: &[Span], bins: f64) -> i64 {
        const STEPS_S: [i64; 14] = [5, 10, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 86_400];
        let least = (length(sessions) as f64 / bins.max(1.0)) as i64;
        let step = STEPS_S.into_iter().map(|seconds| seconds * SECOND_US).find(|step| *step >= least);
        step.unwrap_or(least).max(self.bucket_us)
    }
}

/// How long these spans are together.
pub(super) fn length(spans: &[Span]) -> i64 {
    spans.iter().map(|(from, to)| to.saturating_sub(*from)).fold(0, i64::saturating_add)
}

/// How much of one span is in another.
pub(super) fn overlap(one: Span, other: Span) -> i64 {
    one.1.min(other.1).saturating_sub(one.0.max(other.0)).max(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pulse(at_s: impl IntoIterator<Item = i64>) -> Pulse {
        let mut pulse = Pulse::default();
        at_s.into_iter().for_each(|at| pulse.add(at * SECOND_US));
        pulse
    }

    #[test]
    fn the_days_between_two_evenings_are_left_out_and_a_break_is_not() {
        let evening =
            |from: i64| (from..from + 3 * 3600).step_by(5).filter(move |at| !(from + 600..from + 900).contains(at));
        let two = pulse(evening(0).chain(evening(86_400)));
        assert_eq!(two.sessions().len(), 2);
        assert_eq!(two.sessions()[0], (0, 3 * HOUR_US));
        let jumped = pulse(evening(0).chain([i64::MAX / SECOND_US]));
        assert_eq!(jumped.sessions().len(), 2);
        assert!(Pulse::default().sessions().is_empty());
    }

    #[test]
    fn a_rate_is_of_the_time_that_was_heard() {
        let steady = pulse((0..600).filter(|at| !(120..240).contains(at)));
        let session = steady.sessions()[0];
        let rates = steady.rates(session, MINUTE_US, &[(120 * SECOND_US, 240 * SECOND_US)]);
        let known: Vec<_> = rates.iter().map(|(_, rate)| rate.map(|rate| rate.round() as i64)).collect();
        assert_eq!(known, [60, 60, -1, -1, 60, 60, 60, 60, 60, 60].map(|rate| (rate > 0).then_some(rate)));
    }

    #[test]
    fn memory_is_bounded_and_nothing_is_lost() {
        let mut long = Pulse::default();
        for at in 0..100_000 {
            long.add(at * MINUTE_US);
        }
        assert!(long.lines.len() <= MOST);
        assert_eq!(long.lines.values().sum::<u64>(), 100_000);
    }

    #[test]
    fn one_line_is_a_session_with_a_rate() {
        let one = pulse([1_700_000_000]);
        let sessions = one.sessions();
        let bin_us = one.bin_us(&sessions, 200.0);
        let rates = one.rates(sessions[0], bin_us, &[]);
        assert_eq!(rates.len(), 1);
        assert!(rates[0].1.is_some_and(|rate| rate > 0.0 && rate.is_finite()));
    }
}
