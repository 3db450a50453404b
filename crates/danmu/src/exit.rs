//! How the program ends, as its exit code.

use std::process::ExitCode;

use danmu_client::directory::LookupError;
use danmu_sinks::recording::writer::CommitError;

/// The exit codes. 2, for a command line that cannot be understood, comes from clap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done, also after Ctrl-C and SIGTERM.
    Done = 0,
    /// It failed.
    Failure = 1,
    /// There is no such room.
    NoSuchRoom = 3,
    /// The network was given up.
    GivenUp = 4,
    /// What was written is not complete.
    Incomplete = 5,
}

impl Exit {
    /// The code for an error that ends the program.
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        match error.downcast_ref() {
            Some(LookupError::NoSuchRoom { .. }) => Self::NoSuchRoom,
            Some(LookupError::Unanswered { .. }) => Self::GivenUp,
            // What was captured last is not in the recording.
            None if error.is::<CommitError>() => Self::Incomplete,
            _ => Self::Failure,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
