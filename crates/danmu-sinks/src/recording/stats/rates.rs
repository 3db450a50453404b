//! Rates: how many messages came a second and a minute, as a distribution. Pure.
//!
//! Time is cut into buckets. Those in which nobody spoke count as zero if someone listened, and do not count if nobody
//! did.

use std::collections::BTreeMap;

/// Messages in one second or minute: the usual, the busy and the busiest.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Rate {
    /// Half of all buckets had no more than this.
    pub p50: u64,
    /// 99 % of all buckets had no more than this.
    pub p99: u64,
    /// The most.
    pub peak: u64,
    /// When the first bucket with the most began, in microseconds since the Unix epoch.
    pub peak_us: i64,
    /// The mean over all buckets.
    pub mean: f64,
}

/// Counts messages by bucket while they come in the order of time. Memory grows with the number of different counts
/// alone, which is small.
#[derive(Clone, Debug)]
pub(super) struct Meter {
    width_us: i64,
    /// From when until when the bucket under way is.
    bucket: (i64, i64),
    count: u64,
    peak: (u64, i64),
    /// Count → how many buckets had it.
    buckets: BTreeMap<u64, u64>,
}

impl Meter {
    pub(super) const fn new(width_us: i64) -> Self {
        Self { width_us, bucket: (0, 0), count: 0, peak: (0, 0), buckets: BTreeMap::new() }
    }

    pub(super) fn message(&mut self, at_us: i64) {
        if at_us < self.bucket.0 || at_us >= self.bucket.1 {
            self.close();
            let from_us = at_us.div_euclid(self.width_us).saturating_mul(self.width_us);
            self.bucket = (from_us, from_us.saturating_add(self.width_us));
        }
        self.count += 1;
    }

    fn close(&mut self) {
        if self.count == 0 {
            return;
        }
        if self.count > self.peak.0 {
            self.peak = (self.count, self.bucket.0);
        }
        *self.buckets.entry(self.count).or_default() += 1;
        self.count = 0;
    }

    /// The distribution over all buckets that `listened` touches, and those that have messages anyway. `listened` is in
    /// order and does not overlap.
    pub(super) fn rate(mut self, listened: &[(i64, i64)]) -> Rate {
        self.close();
        let spoken: u64 = self.buckets.values().sum();
        let silent = touched(listened, self.width_us).saturating_sub(spoken);
        if silent > 0 {
            *self.buckets.entry(0).or_default() += silent;
        }
        let all = spoken + silent;
        let messages: u64 = self.buckets.iter().map(|(count, buckets)| count * buckets).sum();
        Rate {
            p50: self.percentile(50, all),
            p99: self.percentile(99, all),
            peak: self.peak.0,
            peak_us: self.peak.1,
            mean: if all == 0 { 0.0 } else { messages as f64 / all as f64 },
        }
    }

    fn percentile(&self, percent: u64, all: u64) -> u64 {
        let rank = (u128::from(all) * u128::from(percent)).div_ceil(100);
        let mut seen = 0;
        let found = self.buckets.iter().find(|(_, buckets)| {
            seen += u128::from(**buckets);
            seen >= rank
        });
        found.map_or(0, |(count, _)| *count)
    }
}

/// How many buckets these spans touch.
fn touched(spans: &[(i64, i64)], width_us: i64) -> u64 {
    let mut next = i64::MIN;
    let mut touched = 0_u64;
    for (from_us, to_us) in spans.iter().filter(|(from_us, to_us)| from_us < to_us) {
        let first = from_us.div_euclid(width_us).max(next);
        let end = (to_us - 1).div_euclid(width_us) + 1;
        touched += end.saturating_sub(first).max(0).cast_unsigned();
        next = next.max(end);
    }
    touched
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metered(times: &[i64], listened: &[(i64, i64)]) -> Rate {
        let mut meter = Meter::new(10);
        for &at in times {
            meter.message(at);
        }
        meter.rate(listened)
    }

    #[test]
    fn silence_counts_where_someone_listened() {
        let times = [0, 1, 2, 30, 95];
        let rate = metered(&times, &[(0, 100)]);
        assert_eq!((rate.p50, rate.p99, rate.peak, rate.peak_us, rate.mean), (0, 3, 3, 0, 0.5));
        let rate = metered(&times, &[(0, 10), (25, 35), (90, 100)]);
        assert_eq!((rate.p50, rate.mean), (1, 1.25), "one silent bucket of four");
        assert_eq!(metered(&times, &[]).p50, 1, "nobody says who listened");
    }

    #[test]
    fn no_message_and_one_message_are_rates_too() {
        assert_eq!(metered(&[], &[]), Rate::default());
        assert_eq!(metered(&[], &[(0, 100)]), Rate::default());
        let one = metered(&[-5], &[]);
        assert_eq!((one.p50, one.p99, one.peak, one.peak_us), (1, 1, 1, -10));
        assert_eq!(metered(&[i64::MIN, i64::MAX], &[]).peak, 1);
    }

    #[test]
    fn a_bucket_that_two_spans_touch_counts_once() {
        assert_eq!(touched(&[(0, 1), (5, 12), (13, 14), (14, 14)], 10), 2);
        assert_eq!(touched(&[(-15, -5), (-4, 25)], 10), 5);
    }
}
