//! Dialling: from an endpoint to a connection.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use crate::endpoint::Endpoint;

/// How long one of several addresses may take before the next is tried.
const ONE_ADDRESS: Duration = Duration::from_secs(5);

/// Makes connections. A trait so that tests can dial elsewhere.
pub trait Dial: Send + Sync + 'static {
    /// The connection: a stream of bytes both ways.
    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Connects. The caller sets the deadline.
    fn dial(&self, endpoint: &Endpoint) -> impl Future<Output = Result<Self::Io, DialError>> + Send;
}

/// Why there is no connection.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DialError {
    /// The name could not be looked up.
    #[error("cannot look up {host}: {source}; is the name right, and is there a network?")]
    Resolve {
        /// The name.
        host: String,
        /// What the system says.
        source: io::Error,
    },
    /// The server, or something on the way, refused or failed.
    #[error("cannot connect to {address}: {source}")]
    Connect {
        /// The address tried last.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// It took too long.
    #[error("cannot connect to {endpoint}: no answer within {}s", after.as_secs_f64())]
    TimedOut {
        /// The endpoint.
        endpoint: Endpoint,
        /// How long was waited.
        after: Duration,
    },
}

impl DialError {
    /// A short name that does not change: for the ledger, metrics and programs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Resolve { .. } => "dns",
            Self::Connect { source, .. } if source.kind() == io::ErrorKind::ConnectionRefused => "refused",
            Self::Connect { .. } => "connect",
            Self::TimedOut { .. } => "timeout",
        }
    }
}

/// Dials over the network.
#[derive(Clone, Copy, Debug, Default)]
pub struct Net;

impl Dial for Net {
    type Io = TcpStream;

    async fn dial(&self, endpoint: &Endpoint) -> Result<TcpStream, DialError> {
        let resolve = |source| DialError::Resolve { host: endpoint.host.clone(), source };
        let addresses = lookup_host((endpoint.host.as_str(), endpoint.port)).await.map_err(resolve)?;
        let mut last = resolve(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
        // Every address: of several that a name has, single ones are often dead.
        for address in addresses {
            match timeout(ONE_ADDRESS, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    // Heartbeats are small and wanted at once. A socket that refuses the option still works.
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Ok(Err(source)) => last = DialError::Connect { address, source },
                Err(_) => last = DialError::TimedOut { endpoint: endpoint.clone(), after: ONE_ADDRESS },
            }
        }
        Err(last)
    }
}
