//! The word to stop: said once, by whoever drops its [`Stop`].

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

/// Says the word when it is dropped.
#[derive(Debug)]
pub(crate) struct Stop(Arc<Word>);

/// Hears it. To wait for it takes no more memory than a waker for each task that waits: every link of every room does so
/// all the time.
#[derive(Clone, Debug)]
pub(crate) struct Stopped(Arc<Word>);

#[derive(Debug)]
struct Word {
    said: AtomicBool,
    waiting: Mutex<Vec<Waker>>,
}

pub(crate) fn channel() -> (Stop, Stopped) {
    let word = Arc::new(Word { said: false.into(), waiting: Vec::with_capacity(1).into() });
    (Stop(Arc::clone(&word)), Stopped(word))
}

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.said.store(true, Ordering::SeqCst);
        let waiting = std::mem::take(&mut *self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        waiting.into_iter().for_each(Waker::wake);
    }
}

impl Stopped {
    /// Whether the word was said.
    pub(crate) fn is_said(&self) -> bool {
        self.0.said.load(Ordering::SeqCst)
    }

    /// Waits for it.
    pub(crate) async fn said(&self) {
        let mut ear = self.ear();
        poll_fn(|cx| ear.poll(cx)).await;
    }

    /// What `future` gives, or `None` if the word comes first.
    pub(crate) async fn or<T>(&self, future: impl Future<Output = T> + Unpin) -> Option<T> {
        tokio::select! {
            biased;
            () = self.said() => None,
            done = future => Some(done),
        }
    }

    /// The same, for a task that waits for other things too, and is woken by them all the time.
    pub(crate) const fn ear(&self) -> Ear<'_> {
        Ear { stopped: self, noted: false }
    }

    fn note(&self, cx: &Context<'_>) {
        let mut waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if !waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
            waiting.reserve_exact(1);
            waiting.push(cx.waker().clone());
        }
    }
}

/// One task that hears the word. A task has the same waker all its life, so it is noted once, however often it asks.
#[derive(Debug)]
pub(crate) struct Ear<'s> {
    stopped: &'s Stopped,
    noted: bool,
}

impl Ear<'_> {
    pub(crate) fn poll(&mut self, cx: &Context<'_>) -> Poll<()> {
        if !self.noted && !self.stopped.is_said() {
            self.stopped.note(cx);
            self.noted = true;
        }
        // Whoever says it in this moment wakes those who were noted before.
        if self.stopped.is_said() { Poll::Ready(()) } else { Poll::Pending }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::task::JoinSet;
    use tokio::time::timeout;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn all_who_wait_hear_the_word_and_so_do_those_who_ask_later() {
        let (stop, stopped) = channel();
        let mut waiting = JoinSet::new();
        for _ in 0..3 {
            let stopped = stopped.clone();
            waiting.spawn(async move { stopped.said().await });
        }
        assert!(timeout(Duration::from_secs(1), waiting.join_next()).await.is_err(), "it was not said yet");
        drop(stop);
        while timeout(Duration::from_secs(1), waiting.join_next()).await.expect("it was said").is_some() {}
        stopped.said().await;
        assert!(stopped.is_said());
    }

    #[tokio::test(start_paused = true)]
    async fn one_task_is_noted_once_however_often_it_asks() {
        let (_stop, stopped) = channel();
        for _ in 0..10 {
            assert!(timeout(Duration::from_secs(1), stopped.said()).await.is_err());
        }
        assert_eq!(stopped.0.waiting.lock().unwrap().len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_done_first_counts() {
        let (stop, stopped) = channel();
        assert_eq!(stopped.or(std::future::ready(1)).await, Some(1));
        let pending = std::future::pending::<()>();
        drop(stop);
        assert_eq!(stopped.or(pending).await, None);
        assert_eq!(stopped.or(std::future::ready(1)).await, None, "the word goes before");
    }
}
