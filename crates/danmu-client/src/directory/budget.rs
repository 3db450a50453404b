//! The budget of requests: how many this process sends a second, and how many at once, over all threads.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Hands out turns, evenly spaced in time.
#[derive(Debug)]
pub(super) struct Budget {
    spacing: Duration,
    at_once: usize,
    state: Mutex<State>,
    freed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// When the next turn may begin at the earliest.
    next: Option<Instant>,
    taken: usize,
}

/// The right to send one request; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Turn<'a>(&'a Budget);

impl Budget {
    pub(super) fn new(per_second: u32, at_once: usize) -> Self {
        Self {
            spacing: Duration::from_secs(1) / per_second.max(1),
            at_once: at_once.max(1),
            state: Mutex::default(),
            freed: Condvar::new(),
        }
    }

    /// Waits for a turn.
    pub(super) fn turn(&self) -> Turn<'_> {
        let mut state = self.state();
        while state.taken >= self.at_once {
            state = self.freed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.taken += 1;
        let now = Instant::now();
        let at = state.next.map_or(now, |next| next.max(now));
        state.next = Some(at + self.spacing);
        drop(state);
        thread::sleep(at - now);
        Turn(self)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.state().taken -= 1;
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn turns_are_spaced_and_an_idle_time_is_not_saved_up() {
        let budget = Budget::new(50, 4);
        drop(budget.turn());
        thread::sleep(Duration::from_millis(100));
        let start = Instant::now();
        for _ in 0..6 {
            drop(budget.turn());
        }
        assert!(start.elapsed() >= Duration::from_millis(5 * 20));
    }

    #[test]
    fn no_more_turns_are_taken_at_once_than_allowed() {
        let budget = Budget::new(100_000, 3);
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..12 {
                scope.spawn(|| {
                    let _turn = budget.turn();
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    thread::sleep(Duration::from_millis(20));
                    now.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        assert_eq!(most.into_inner(), 3);
    }
}
