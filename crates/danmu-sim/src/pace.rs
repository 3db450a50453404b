//! Pace: how many messages are due, and when to look again. A value without a clock.

use std::time::{Duration, Instant};

/// A burst is meant to hold no more than about this many messages: at high rates they come more often.
const BURST: f64 = 1000.0;
/// A burst never holds more, however late it is.
const LARGEST: u64 = 4096;
/// Ticks are no shorter than what timers can do.
const SHORTEST: Duration = Duration::from_millis(1);
/// Faster than any machine that this runs on.
const FASTEST: f64 = 1e7;
/// What could not be sent in time is made up for, but for no longer than this: a stopped process does not answer with
/// a flood.
const DEBT_S: f64 = 1.0;

/// Spreads messages over time, in bursts.
#[derive(Clone, Debug)]
pub(crate) struct Pace {
    /// Messages a second.
    rate: f64,
    /// Time between bursts.
    every: Duration,
    start: Instant,
    /// Messages given out, or given up, since the start.
    done: u64,
}

impl Pace {
    /// Begins at `start` with `rate` messages a second, in bursts `every` so often. No rate, no messages.
    pub(crate) fn new(start: Instant, rate: f64, every: Duration) -> Self {
        let rate = if rate > 0.0 { rate.min(FASTEST) } else { 0.0 };
        let every = if rate > 0.0 { every.min(Duration::from_secs_f64(BURST / rate)) } else { every };
        Self { rate, every: every.max(SHORTEST), start, done: 0 }
    }

    /// How many messages are due at `now`, for one burst.
    pub(crate) fn due(&mut self, now: Instant) -> u64 {
        let total = (now.saturating_duration_since(self.start).as_secs_f64() * self.rate) as u64;
        let debt = total.saturating_sub(self.done);
        let most = (self.rate * DEBT_S).max(1.0) as u64;
        self.done += debt.saturating_sub(most);
        debt.min(most).min(LARGEST)
    }

    /// Counts `messages` of those due as sent.
    pub(crate) const fn sent(&mut self, messages: u64) {
        self.done += messages;
    }

    /// The first tick after `now` at which something is due, or none if nothing ever is.
    pub(crate) fn next(&self, now: Instant) -> Option<Instant> {
        if self.rate <= 0.0 {
            return None;
        }
        let due = Duration::try_from_secs_f64((self.done + 1) as f64 / self.rate).ok()?;
        let elapsed = now.saturating_duration_since(self.start);
        let ticks = due.max(elapsed).as_nanos() / self.every.as_nanos() + 1;
        let after = u64::try_from(self.every.as_nanos() * ticks).ok()?;
        Some(self.start + Duration::from_nanos(after))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = Duration::from_millis(120);

    /// Messages sent in `seconds` by a clock that always comes in time.
    fn sent_in(rate: f64, seconds: u64) -> (u64, u32) {
        let start = Instant::now();
        let mut pace = Pace::new(start, rate, EVERY);
        let (mut now, mut sent, mut bursts) = (start, 0, 0);
        while let Some(next) = pace.next(now).filter(|&at| at <= start + Duration::from_secs(seconds)) {
            now = next;
            let due = pace.due(now);
            assert!(due > 0, "woken for nothing at a rate of {rate}");
            pace.sent(due);
            sent += due;
            bursts += 1;
        }
        (sent, bursts)
    }

    #[test]
    fn every_rate_is_kept() {
        for rate in [0.1, 1.0, 5.0, 20.0, 999.0, 50_000.0] {
            let (sent, _) = sent_in(rate, 60);
            let wanted = rate * 60.0;
            assert!((sent as f64 - wanted).abs() <= (rate * 0.12).max(1.0), "{sent} of {wanted}");
        }
    }

    #[test]
    fn a_slow_room_is_woken_only_for_its_messages() {
        assert_eq!(sent_in(1.0, 60).1, 59);
    }

    #[test]
    fn bursts_come_every_120_ms_and_more_often_only_when_they_would_get_large() {
        assert_eq!(sent_in(100.0, 12).1, 100);
        assert!(sent_in(100_000.0, 1).1 >= 99);
    }

    #[test]
    fn no_rate_means_no_messages() {
        for rate in [0.0, -1.0, f64::NAN] {
            let start = Instant::now();
            let mut pace = Pace::new(start, rate, EVERY);
            assert_eq!((pace.next(start), pace.due(start + Duration::from_secs(60))), (None, 0));
        }
    }

    #[test]
    fn a_stopped_process_does_not_answer_with_a_flood() {
        let start = Instant::now();
        let mut pace = Pace::new(start, 100.0, EVERY);
        assert_eq!(pace.due(start + Duration::from_secs(3600)), 100);
        let mut fast = Pace::new(start, 1e9, EVERY);
        assert_eq!(fast.due(start + Duration::from_secs(3600)), LARGEST);
    }
}
