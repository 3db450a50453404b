//! The budget of connections: how many this process opens a second, over all rooms.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Hands out moments at which a connection may be opened, evenly spaced.
#[derive(Debug)]
pub(crate) struct Budget {
    spacing: Duration,
    next: Mutex<Option<Instant>>,
}

impl Budget {
    pub(crate) fn new(per_second: u32) -> Self {
        Self { spacing: Duration::from_secs(1) / per_second.max(1), next: Mutex::new(None) }
    }

    /// Waits for its turn.
    pub(crate) async fn turn(&self) {
        let at = self.reserve(Instant::now());
        sleep_until(at).await;
    }

    fn reserve(&self, now: Instant) -> Instant {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let at = next.map_or(now, |next| next.max(now));
        *next = Some(at + self.spacing);
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_second_sees_more_connections_than_the_budget() {
        let budget = Budget::new(50);
        let start = Instant::now();
        for _ in 0..200 {
            budget.turn().await;
        }
        // The first is free, the other 199 are 20 ms apart.
        assert_eq!(start.elapsed().as_millis(), 199 * 20);
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_time_is_not_saved_up() {
        let budget = Budget::new(10);
        budget.turn().await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        let start = Instant::now();
        for _ in 0..11 {
            budget.turn().await;
        }
        assert!(start.elapsed() >= Duration::from_secs(1));
    }
}
