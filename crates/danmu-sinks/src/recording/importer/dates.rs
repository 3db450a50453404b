//! Dates for messages that do not say when they were heard: by when they were sent, as far as that is to be believed.

/// When messages of a file were sent, in its order. Senders' clocks may be off by years: a time is believed if it lies
/// within a day of the one believed before, or if the next one agrees with it. All in microseconds since the Unix epoch.
#[derive(Debug, Default)]
pub(super) struct SentTimes {
    first: Option<i64>,
    believed: Option<i64>,
    odd: Option<i64>,
}

const DAY_US: u64 = 24 * 3600 * 1_000_000;

impl SentTimes {
    /// The date of the next message, which never goes back; `None` as long as no time was believed.
    pub(super) fn next(&mut self, sent_ms: Option<i64>) -> Option<i64> {
        if let Some(sent_us) = sent_ms.and_then(|ms| ms.checked_mul(1000)) {
            let near = |other: Option<i64>| other.is_some_and(|other_us| other_us.abs_diff(sent_us) < DAY_US);
            if near(self.believed) || near(self.odd) {
                self.believed = self.believed.max(Some(sent_us));
                self.first = self.first.or(self.believed);
                self.odd = None;
            } else {
                self.odd = Some(sent_us);
            }
        }
        self.believed
    }

    /// The first date; if no two times agreed, the last that there was.
    pub(super) fn first_us(&self) -> Option<i64> {
        self.first.or(self.odd)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_clock_that_is_off_by_years_moves_nobody_else() {
        const NOW: i64 = 1_800_000_000_000;
        let mut sent = SentTimes::default();
        let mut next = |ms| sent.next(ms).map(|us| us / 1000);
        assert_eq!(next(None), None);
        assert_eq!(next(Some(NOW + 1_000_000_000_000)), None);
        assert_eq!(next(Some(NOW)), None);
        assert_eq!(next(Some(NOW + 10)), Some(NOW + 10));
        assert_eq!(next(Some(NOW - 500)), Some(NOW + 10), "dates never go back");
        assert_eq!(next(Some(-1)), Some(NOW + 10));
        assert_eq!(next(Some(i64::MAX)), Some(NOW + 10));
        let later = NOW + 40 * 24 * 3_600_000;
        assert_eq!(next(Some(later)), Some(NOW + 10), "a pause of forty days");
        assert_eq!(next(Some(later + 1)), Some(later + 1));
        assert_eq!(sent.first_us(), Some((NOW + 10) * 1000));
    }

    #[test]
    fn a_single_time_is_better_than_none() {
        let mut sent = SentTimes::default();
        assert_eq!((sent.next(Some(5)), sent.first_us()), (None, Some(5000)));
    }
}
