//! Signals: the first Ctrl-C or SIGTERM asks to end well, the second ends at once; SIGHUP asks to read lists again.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

/// How often to look whether to end.
const LOOK: Duration = Duration::from_millis(50);

/// Whether the user wants the program to end.
#[derive(Clone, Debug)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// From here on, signals ask instead of kill.
    ///
    /// # Errors
    /// The system does not let us.
    pub(crate) fn on_signals() -> io::Result<Self> {
        let asked = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first signal finds the flag not set and sets it, the second finds it set.
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&asked))?;
            flag::register(signal, Arc::clone(&asked))?;
        }
        Ok(Self(asked))
    }

    /// For who lets signals kill, as they do by themselves.
    pub(crate) fn never() -> Self {
        Self(Arc::default())
    }

    /// Whether it was asked for.
    pub(crate) fn asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// What `work` gives, unless the user wants the program to end before that: then nobody waits for it any longer.
    ///
    /// # Errors
    /// The system has no thread for it.
    pub(crate) fn unless_asked<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<Option<T>> {
        let (done, outcome) = mpsc::channel();
        // Nobody may be there to hear of it.
        thread::Builder::new().name("danmu-wait".to_owned()).spawn(move || drop(done.send(work())))?;
        while !self.asked() {
            match outcome.recv_timeout(LOOK) {
                Ok(outcome) => return Ok(Some(outcome)),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(io::Error::other("it panicked")),
            }
        }
        Ok(None)
    }
}

/// Whether the user wants lists to be read again: SIGHUP.
#[derive(Clone, Debug)]
pub(crate) struct Reload(Arc<AtomicBool>);

impl Reload {
    /// From here on, the signal asks instead of kills.
    ///
    /// # Errors
    /// The system does not let us.
    pub(crate) fn on_signal() -> io::Result<Self> {
        let asked = Arc::new(AtomicBool::new(false));
        flag::register(SIGHUP, Arc::clone(&asked))?;
        Ok(Self(asked))
    }

    /// Whether it was asked for since the last time that this was asked.
    pub(crate) fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}
