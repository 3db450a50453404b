//! How the program ends, as its exit code.

use std::process::ExitCode;

use danmu_client::directory::LookupError;
use danmu_sinks::recording::writer::CommitError;

/// The exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done, also after Ctrl-C and SIGTERM.
    Done = 0,
    /// It failed.
    Failure = 1,
    /// The command line cannot be understood; mostly clap says so itself.
    Usage = 2,
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
            None if error.is::<Usage>() => Self::Usage,
            _ => Self::Failure,
        }
    }
}

/// What is wrong with a command line whose options are right each for itself.
#[derive(Debug)]
pub(crate) struct Usage(pub(crate) String);

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
