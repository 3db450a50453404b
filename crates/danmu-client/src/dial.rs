//! Dialling: from an endpoint to a connection.
//!
//! ```text
//! name ─▶ addresses, the last good one first ─▶ TCP ─▶ proxy's tunnel ─▶ TLS ─▶ WebSocket ─▶ bytes both ways
//! ```

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::clock::after;
use crate::config::{Config, Family};
use crate::endpoint::{Endpoint, Transport};
use crate::proxy::{Proxy, ProxyError};
use crate::ranking::Ranking;
use crate::resolve::Resolver;
#[cfg(feature = "wss")]
use crate::{
    tls::{Tls, TlsError},
    websocket::{WebSocket, WebSocketError},
};

/// How many of a name's addresses one dial tries at most: each must have time enough for a handshake.
const ADDRESSES: usize = 6;

/// Makes connections. A trait so that tests can dial elsewhere.
pub trait Dial: Send + Sync + 'static {
    /// The connection: a stream of bytes both ways.
    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Connects. The caller sets the deadline.
    fn dial(&self, endpoint: &Endpoint) -> impl Future<Output = Result<Self::Io, DialError>> + Send;

    /// Hears that a connection was of no use: whoever knows several ways may try another one next time.
    fn died_young(&self, _io: &Self::Io) {}
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
    /// The name has addresses, but none of the family asked for.
    #[error("{host} has no {family} address")]
    NoAddress {
        /// The name.
        host: String,
        /// The family.
        family: Family,
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
    /// The proxy did not let us through.
    #[error("cannot connect to {endpoint} through the proxy {proxy}: {source}")]
    Proxy {
        /// The endpoint.
        endpoint: Endpoint,
        /// The proxy.
        proxy: Proxy,
        /// Why.
        source: ProxyError,
    },
    /// There was no TLS handshake.
    #[cfg(feature = "wss")]
    #[error("cannot connect to {endpoint}: {source}")]
    Tls {
        /// The endpoint.
        endpoint: Endpoint,
        /// Why.
        source: TlsError,
    },
    /// There was no WebSocket handshake.
    #[cfg(feature = "wss")]
    #[error("cannot connect to {endpoint}: {source}")]
    WebSocket {
        /// The endpoint.
        endpoint: Endpoint,
        /// Why.
        source: WebSocketError,
    },
    /// This build cannot speak what the endpoint speaks.
    #[error("cannot connect to {endpoint}: this program was built without WebSocket")]
    NotBuilt {
        /// The endpoint.
        endpoint: Endpoint,
    },
}

impl DialError {
    /// A short name that does not change: for the ledger, metrics and programs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Resolve { .. } | Self::NoAddress { .. } => "dns",
            Self::Connect { source, .. } => match source.kind() {
                io::ErrorKind::ConnectionRefused => "refused",
                io::ErrorKind::TimedOut => "timeout",
                _ => "connect",
            },
            Self::TimedOut { .. } => "timeout",
            Self::Proxy { .. } => "proxy",
            #[cfg(feature = "wss")]
            Self::Tls { source, .. } => source.name(),
            #[cfg(feature = "wss")]
            Self::WebSocket { .. } => "websocket",
            Self::NotBuilt { .. } => "unsupported",
        }
    }

    fn through(proxy: &Proxy, endpoint: &Endpoint, source: ProxyError) -> Self {
        Self::Proxy { endpoint: endpoint.clone(), proxy: proxy.clone(), source }
    }
}

/// Dials over the network.
#[derive(Debug)]
pub struct Net {
    family: Family,
    proxy: Option<Proxy>,
    connect: Duration,
    resolver: Resolver,
    /// Which addresses did well, over all names.
    addresses: Mutex<Ranking<IpAddr>>,
    #[cfg(feature = "wss")]
    tls: Tls,
}

impl Net {
    /// A dialler with what `config` says of proxy, family, certificates and time.
    pub fn new(config: &Config) -> Self {
        Self {
            family: config.family,
            proxy: config.proxy.clone(),
            connect: config.connect,
            resolver: Resolver::default(),
            addresses: Mutex::default(),
            #[cfg(feature = "wss")]
            tls: Tls::new(config.ca.clone()),
        }
    }

    /// The addresses to try, in order: of several that a name has, single ones are often dead.
    async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, DialError> {
        let resolve = |source| DialError::Resolve { host: host.to_owned(), source };
        let mut ips = self.resolver.resolve(host).await.map_err(resolve)?;
        ips.retain(|&ip| self.family.has(ip));
        if ips.is_empty() {
            return Err(DialError::NoAddress { host: host.to_owned(), family: self.family });
        }
        self.addresses().sort(&mut ips);
        ips.truncate(ADDRESSES);
        Ok(ips.into_iter().map(|ip| (ip, port).into()).collect())
    }

    /// The first of these addresses, which are not none, over which the server can be talked to.
    async fn try_each(
        &self,
        endpoint: &Endpoint,
        addresses: Vec<SocketAddr>,
        end: Instant,
    ) -> Result<Connection, DialError> {
        let mut left = addresses.len() as u32;
        let mut last = None;
        for address in addresses {
            // What is left of the time is shared among the addresses that are left, lest a dead one take it all.
            let share = end.saturating_duration_since(Instant::now()) / left;
            left -= 1;
            let error = match timeout(share, self.connect(endpoint, address)).await {
                Ok(Ok(io)) => {
                    self.addresses().good(&address.ip());
                    return Ok(Connection { io, ip: address.ip() });
                }
                Ok(Err(error)) => error,
                Err(_) => {
                    let text = format!("no answer within {:.1}s", share.as_secs_f64());
                    DialError::Connect { address, source: io::Error::new(io::ErrorKind::TimedOut, text) }
                }
            };
            tracing::debug!(%endpoint, %address, %error, "no connection");
            self.addresses().failed(&address.ip());
            last = Some(error);
        }
        Err(last.expect("there is at least one address"))
    }

    /// All that it takes to talk to the server over one address.
    async fn connect(&self, endpoint: &Endpoint, address: SocketAddr) -> Result<Bytes, DialError> {
        let connected = TcpStream::connect(address).await;
        let mut io = match (&self.proxy, connected) {
            (_, Ok(io)) => io,
            (None, Err(source)) => return Err(DialError::Connect { address, source }),
            (Some(proxy), Err(error)) => return Err(DialError::through(proxy, endpoint, error.into())),
        };
        // Heartbeats are small and wanted at once. A socket that refuses the option still works.
        let _ = io.set_nodelay(true);
        if let Some(proxy) = &self.proxy {
            let tunnel = proxy.tunnel(&mut io, &endpoint.host, endpoint.port).await;
            tunnel.map_err(|source| DialError::through(proxy, endpoint, source))?;
        }
        match endpoint.transport {
            Transport::Tcp => Ok(Box::new(io)),
            #[cfg(feature = "wss")]
            Transport::Ws => self.websocket(endpoint, io).await,
            #[cfg(feature = "wss")]
            Transport::Wss => {
                let tls = self.tls.connect(&endpoint.host, io).await;
                let io = tls.map_err(|source| DialError::Tls { endpoint: endpoint.clone(), source })?;
                self.websocket(endpoint, io).await
            }
            #[cfg(not(feature = "wss"))]
            Transport::Ws | Transport::Wss => Err(DialError::NotBuilt { endpoint: endpoint.clone() }),
        }
    }

    #[cfg(feature = "wss")]
    async fn websocket(&self, endpoint: &Endpoint, io: impl Duplex + 'static) -> Result<Bytes, DialError> {
        match WebSocket::connect(endpoint, io).await {
            Ok(io) => Ok(Box::new(io)),
            Err(source) => Err(DialError::WebSocket { endpoint: endpoint.clone(), source }),
        }
    }

    fn addresses(&self) -> MutexGuard<'_, Ranking<IpAddr>> {
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Net {
    fn default() -> Self {
        Self::new(&Config::default())
    }
}

impl Dial for Net {
    type Io = Connection;

    async fn dial(&self, endpoint: &Endpoint) -> Result<Connection, DialError> {
        let end = after(self.connect);
        let (host, port) = match &self.proxy {
            Some(proxy) => (&proxy.host, proxy.port),
            None => (&endpoint.host, endpoint.port),
        };
        let addresses = self.resolve(host, port).await?;
        self.try_each(endpoint, addresses, end).await
    }

    fn died_young(&self, io: &Connection) {
        self.addresses().failed(&io.ip);
    }
}

trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

type Bytes = Box<dyn Duplex>;

/// A connection over the network, whatever the bytes travel in.
pub struct Connection {
    io: Bytes,
    ip: IpAddr,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("ip", &self.ip).finish_non_exhaustive()
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests;
