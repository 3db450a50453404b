//! Signals: the first Ctrl-C or SIGTERM asks to end well, the second ends at once; SIGHUP asks to read lists again.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

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

    /// Whether it was asked for.
    pub(crate) fn asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
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
