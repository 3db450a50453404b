//! The budget of connections: how many are opened a second, over all rooms.
//!
//! Turns are evenly spaced. Those who wait for the same host take them in order, and the hosts take them round and
//! round: a host whose thousands of rooms all wait delays the one room at another host by a turn or two.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

/// Hands out moments at which a connection may be opened.
#[derive(Debug)]
pub(crate) struct Budget {
    spacing: Duration,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    /// When the next connection may be opened.
    next: Instant,
    /// Whether someone holds the [`Pass`].
    passed: bool,
    /// Who waits for it: a queue a host, the host whose turn it is first.
    waiting: VecDeque<(String, VecDeque<oneshot::Sender<Pass>>)>,
}

/// Held by the one whose turn is next. Dropped, also by one who gives up, it goes to whoever comes after.
#[derive(Debug)]
struct Pass(Arc<Mutex<State>>);

impl Budget {
    pub(crate) fn new(per_second: u32) -> Self {
        let state = State { next: Instant::now(), passed: false, waiting: VecDeque::new() };
        Self { spacing: Duration::from_secs(1) / per_second.max(1), state: Arc::new(Mutex::new(state)) }
    }

    /// Waits for a turn to connect to `host`.
    pub(crate) async fn turn(&self, host: &str) {
        let pass = self.pass(host).await;
        let at = lock(&pass.0).next;
        sleep_until(at).await;
        // Time that nobody used is not saved up.
        lock(&pass.0).next = at.max(Instant::now()) + self.spacing;
    }

    async fn pass(&self, host: &str) -> Pass {
        let receiver = {
            let mut state = lock(&self.state);
            if !state.passed {
                state.passed = true;
                return Pass(Arc::clone(&self.state));
            }
            let (sender, receiver) = oneshot::channel();
            match state.waiting.iter_mut().find(|(waiting, _)| waiting == host) {
                Some((_, queue)) => queue.push_back(sender),
                None => state.waiting.push_back((host.to_owned(), VecDeque::from([sender]))),
            }
            receiver
        };
        receiver.await.expect("the pass goes on to all who wait")
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let next = {
            let mut state = lock(&self.0);
            let next = state.next_in_line();
            state.passed = next.is_some();
            next
        };
        if let Some(next) = next {
            // One who gave up in this moment drops the pass, which goes on from there.
            let _ = next.send(Self(Arc::clone(&self.0)));
        }
    }
}

impl State {
    /// Takes the next who still waits out of the queues.
    fn next_in_line(&mut self) -> Option<oneshot::Sender<Pass>> {
        while let Some((host, mut queue)) = self.waiting.pop_front() {
            while let Some(next) = queue.pop_front() {
                if !next.is_closed() {
                    if !queue.is_empty() {
                        self.waiting.push_back((host, queue));
                    }
                    return Some(next);
                }
            }
        }
        None
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use tokio::task::JoinSet;
    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_second_sees_more_connections_than_the_budget() {
        let budget = Budget::new(50);
        let start = Instant::now();
        for _ in 0..200 {
            budget.turn("a").await;
        }
        // The first is free, the other 199 are 20 ms apart.
        assert_eq!(start.elapsed().as_millis(), 199 * 20);
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_time_is_not_saved_up() {
        let budget = Budget::new(10);
        budget.turn("a").await;
        sleep(Duration::from_secs(60)).await;
        let start = Instant::now();
        for _ in 0..11 {
            budget.turn("a").await;
        }
        assert!(start.elapsed() >= Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_with_thousands_of_rooms_hardly_delays_another() {
        let budget = Arc::new(Budget::new(50));
        let start = Instant::now();
        let mut turns = JoinSet::new();
        let mut wait = |host: &'static str| {
            let budget = Arc::clone(&budget);
            turns.spawn(async move {
                budget.turn(host).await;
                (host, start.elapsed().as_millis() as u64)
            })
        };
        (0..2000).for_each(|_| drop(wait("a")));
        sleep(Duration::from_millis(990)).await;
        (0..2).for_each(|_| drop(wait("b")));
        let turns = turns.join_all().await;
        let of = |host| turns.iter().filter(|turn| turn.0 == host).map(|turn| turn.1).collect::<Vec<_>>();
        // One turn of "a" had been promised, another is due before a new host's.
        assert_eq!(of("b"), [1040, 1080]);
        assert_eq!(of("a").into_iter().max(), Some(2001 * 20), "and nothing is left unused");
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_give_up_hold_up_nobody() {
        let budget = Arc::new(Budget::new(1));
        let start = Instant::now();
        budget.turn("a").await;
        let waiting: Vec<_> = (0..10)
            .map(|_| {
                let budget = Arc::clone(&budget);
                tokio::spawn(async move { budget.turn("a").await })
            })
            .collect();
        sleep(Duration::from_millis(10)).await;
        // The first of them holds the pass.
        waiting.iter().for_each(tokio::task::JoinHandle::abort);
        budget.turn("a").await;
        assert_eq!(start.elapsed().as_millis(), 1000);
    }
}
