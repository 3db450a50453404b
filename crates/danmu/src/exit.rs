//! How the program ends, as its exit code.

use std::process::ExitCode;

/// The exit codes. clap's own usage errors end with [`Exit::Usage`] too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done, also after Ctrl-C and SIGTERM.
    Done = 0,
    /// It failed.
    Failure = 1,
    /// The command line cannot be understood.
    Usage = 2,
    /// There is no such room.
    NoSuchRoom = 3,
    /// The network was given up.
    GivenUp = 4,
    /// What was written is not complete.
    Incomplete = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
