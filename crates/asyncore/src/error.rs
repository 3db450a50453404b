//! What can go wrong on one channel. None of it ends the loop.

use std::{error::Error as StdError, io, net::SocketAddr};

use thiserror::Error;

/// What a callback gives back. As an exception does in Python, `?` carries any error to [`handle_error`], whoever made it.
///
/// [`handle_error`]: crate::Dispatcher::handle_error
pub type Result<T = (), E = Box<dyn StdError + Send + Sync>> = std::result::Result<T, E>;

/// Why [`handle_error`](crate::Dispatcher::handle_error) is called.
///
/// After `Resolve`, `Connect`, `Recv` and `Send` there is nothing left to keep: the channel closes whatever `handle_error` does.
/// After `Accept` and `Callback` it stays open unless `handle_error` closes it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The host name has no address, or none came in time (kind `TimedOut`).
    #[error("cannot find the address of {host}")]
    Resolve {
        /// The name as it was given to `connect`.
        host: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// No address of the host answered; this is what the last one tried had to say (kind `TimedOut` if nothing).
    #[error("cannot connect to {address}")]
    Connect {
        /// The address tried last.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A listener could not take a waiting connection, most often for want of file descriptors. It stays in the
    /// backlog and is tried again after a moment.
    #[error("cannot accept a connection")]
    Accept(#[source] io::Error),
    /// The connection broke: noticed while receiving.
    #[error("cannot receive")]
    Recv(#[source] io::Error),
    /// The connection broke: noticed while sending.
    #[error("cannot send")]
    Send(#[source] io::Error),
    /// A callback failed with an error of its own.
    #[error(transparent)]
    Callback(Box<dyn StdError + Send + Sync>),
}

impl Error {
    /// Finds our own errors again in what a callback gave back, and wraps everything else.
    pub(crate) fn from_callback(error: Box<dyn StdError + Send + Sync>) -> Self {
        match error.downcast::<Self>() {
            Ok(ours) => *ours,
            Err(theirs) => Self::Callback(theirs),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_ours_survives_the_trip_through_a_callback() {
        let boxed = Box::new(Error::Recv(io::ErrorKind::ConnectionReset.into()));
        assert!(matches!(Error::from_callback(boxed), Error::Recv(e) if e.kind() == io::ErrorKind::ConnectionReset));
        assert_eq!(Error::from_callback("not a packet".into()).to_string(), "not a packet");
    }
}
