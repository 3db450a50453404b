//! The wall clock as events tell it: it never runs backwards, and the distances are right.
//!
//! Times come from the monotonic clock, counted from where the system's clock stood at the start. So a clock that is put
//! back reorders nothing, and a gap is as long as it was. A clock that is put forward is followed, since a computer that
//! slept, or that learnt the date only after boot, would otherwise stay behind for as long as the program runs.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// How far the system's clock must be ahead to be followed. Less is the time that it takes to read two clocks.
const LEAP_US: i64 = 1_000_000;

/// Tells the time in microseconds since the Unix epoch. Clones are the same clock.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    start: Instant,
    /// What the clock showed at `start`. Only ever grows.
    start_us: AtomicI64,
    /// The clock to follow when it leaps ahead.
    wall: Option<fn() -> i64>,
}

impl Clock {
    /// The clock of this process.
    pub fn system() -> Self {
        static SYSTEM: OnceLock<Clock> = OnceLock::new();
        SYSTEM.get_or_init(|| Self::new(wall_us(), Some(wall_us))).clone()
    }

    /// A clock that shows `now_us` now and then goes by the monotonic clock alone: for tests, where that is simulated.
    pub fn starting_at(now_us: i64) -> Self {
        Self::new(now_us, None)
    }

    /// A clock that follows another than the system's: for tests, where that is simulated and leaps. `wall` tells the time
    /// in microseconds since the Unix epoch.
    pub fn following(wall: fn() -> i64) -> Self {
        Self::new(wall(), Some(wall))
    }

    fn new(start_us: i64, wall: Option<fn() -> i64>) -> Self {
        Self(Arc::new(Inner { start: Instant::now(), start_us: start_us.into(), wall }))
    }

    /// Shows `at_us` at least, and goes on from there: for who goes on with what was done by a clock that was ahead.
    pub fn catch_up(&self, at_us: i64) {
        let passed = self.0.start.elapsed().as_micros() as i64;
        self.0.start_us.fetch_max(at_us.saturating_sub(passed), Ordering::Relaxed);
    }

    /// The time now.
    pub fn now_us(&self) -> i64 {
        let Inner { start, start_us, wall } = &*self.0;
        let passed = Instant::now().saturating_duration_since(*start).as_micros() as i64;
        if let Some(wall) = wall {
            let by_wall = wall() - passed;
            if by_wall > start_us.load(Ordering::Relaxed).saturating_add(LEAP_US) {
                start_us.fetch_max(by_wall, Ordering::Relaxed);
            }
        }
        start_us.load(Ordering::Relaxed) + passed
    }
}

/// The time now, in microseconds since the Unix epoch, by [`Clock::system`].
pub fn now_us() -> i64 {
    Clock::system().now_us()
}

/// The moment `wait` from now, or one that is as good as never where clocks cannot say that.
pub(crate) fn after(wait: Duration) -> Instant {
    const NEVER: Duration = Duration::from_secs(30 * 365 * 24 * 3600);
    let now = Instant::now();
    now.checked_add(wait).unwrap_or_else(|| now + NEVER)
}

fn wall_us() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicI64;

    use tokio::time::sleep;

    use super::*;

    const HOUR: i64 = 3_600_000_000;

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_is_put_back_is_not_followed_and_one_that_is_put_forward_is() {
        static WALL: AtomicI64 = AtomicI64::new(10 * HOUR);
        let clock = Clock::new(10 * HOUR, Some(|| WALL.load(Ordering::Relaxed)));
        sleep(Duration::from_secs(3600)).await;
        assert_eq!(clock.now_us(), 11 * HOUR, "distances come from the monotonic clock");
        WALL.store(9 * HOUR, Ordering::Relaxed);
        sleep(Duration::from_secs(3600)).await;
        assert_eq!(clock.now_us(), 12 * HOUR);
        WALL.store(1000 * HOUR, Ordering::Relaxed);
        assert_eq!(clock.now_us(), 1000 * HOUR);
        WALL.store(10 * HOUR, Ordering::Relaxed);
        assert_eq!(clock.now_us(), 1000 * HOUR);
        clock.catch_up(999 * HOUR);
        assert_eq!(clock.now_us(), 1000 * HOUR);
        clock.catch_up(1001 * HOUR);
        assert_eq!(clock.now_us(), 1001 * HOUR);
    }

    #[test]
    fn the_system_clock_shows_the_time() {
        let off = now_us() - wall_us();
        assert!(off.abs() < 2 * LEAP_US, "{off}");
    }
}
