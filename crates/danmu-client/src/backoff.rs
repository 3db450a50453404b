//! Back-off: after how many failures to pause for how long. Pure.
//!
//! Jitter: the pause is anywhere between a quarter of a ceiling and the ceiling, which doubles with each failure, so that
//! thousands of links that were lost together do not come back together. Jitter from the shortest pause up would be
//! simpler, but then luck alone could dial a failing server sixty times in a minute. With the quarter, the first eight
//! pauses take 1 + 1 + 2 + 4 + 8 + 15 + 15 + 15 s at least, which is over a minute: eight connections in the first
//! minute, and no more.

use std::time::Duration;

/// Counts failures of one link.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    min: Duration,
    max: Duration,
    failures: u32,
}

impl Backoff {
    pub(crate) const fn new(min: Duration, max: Duration) -> Self {
        Self { min, max, failures: 0 }
    }

    /// The pause before the next attempt, after a link that was in its room for long enough to be `healthy`, or was not.
    /// `random` is from 0 to 1.
    pub(crate) fn pause(&mut self, healthy: bool, random: f64) -> Duration {
        self.failures = if healthy { 1 } else { self.failures.saturating_add(1) };
        let ceiling = self.min.saturating_mul(1 << self.failures.min(20)).min(self.max);
        let floor = (ceiling / 4).max(self.min);
        floor + ceiling.saturating_sub(floor).mul_f64(random)
    }

    /// The pause after a server said that it will not have us: there is no use in asking again soon.
    pub(crate) const fn refused(&mut self) -> Duration {
        self.failures = self.failures.saturating_add(1);
        self.max
    }

    /// How many attempts in a row failed or died young.
    pub(crate) const fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: fn(u64) -> Duration = Duration::from_secs;

    #[test]
    fn ceilings_double_up_to_the_longest() {
        let mut backoff = Backoff::new(S(1), S(60));
        let ceilings: Vec<_> = (0..8).map(|_| backoff.pause(false, 1.0).as_secs()).collect();
        assert_eq!(ceilings, [2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(backoff.pause(false, 0.0), S(15));
    }

    #[test]
    fn no_luck_dials_more_than_8_times_in_the_first_minute() {
        let mut backoff = Backoff::new(S(1), S(60));
        let ninth: Duration = (0..8).map(|_| backoff.pause(false, 0.0)).sum();
        assert!(ninth > S(60), "{ninth:?}");
    }

    #[test]
    fn a_link_that_dies_young_is_a_failure_and_a_healthy_one_starts_over() {
        let mut backoff = Backoff::new(S(1), S(60));
        for _ in 0..5 {
            backoff.pause(false, 0.5);
        }
        assert_eq!(backoff.failures(), 5);
        assert_eq!(backoff.pause(true, 1.0), S(2));
    }

    #[test]
    fn pauses_stay_in_bounds_for_ever() {
        let mut backoff = Backoff::new(S(1), S(60));
        for i in 0..1000 {
            let pause = backoff.pause(false, f64::from(i % 11) / 10.0);
            assert!(pause >= S(1) && pause <= S(60), "{pause:?}");
        }
    }
}
