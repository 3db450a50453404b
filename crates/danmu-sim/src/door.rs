//! Doors: where a server is to be reached, and how one is let in.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket};

use crate::line::Line;
use crate::server::{Config, StartError};
use crate::wire::Wire;

/// Connections that may wait to be accepted.
const WAITING: u32 = 4096;

/// One address that is listened on.
pub(crate) struct Door {
    pub(crate) listener: TcpListener,
    pub(crate) handshake: Handshake,
}

/// What comes between the accept and the first request.
#[derive(Clone)]
pub(crate) enum Handshake {
    Tcp,
    WebSocket,
}

impl Door {
    /// Opens all that the configuration wants, in its order: TCP, then WebSocket.
    pub(crate) fn open_all(config: &Config) -> Result<Vec<Self>, StartError> {
        let tcp = config.listen.iter().map(|&address| (address, Handshake::Tcp));
        let ws = config.ws.iter().map(|&address| (address, Handshake::WebSocket));
        tcp.chain(ws).map(|(address, handshake)| Ok(Self { listener: listen(address)?, handshake })).collect()
    }

    /// The scheme of its URL, and its real address.
    pub(crate) fn address(&self) -> Result<(&'static str, SocketAddr), StartError> {
        let address = self.listener.local_addr().map_err(|source| StartError::Thread { source })?;
        Ok((self.handshake.scheme(), address))
    }
}

impl Handshake {
    /// The scheme of its URLs.
    pub(crate) const fn scheme(&self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::WebSocket => "ws",
        }
    }

    pub(crate) async fn shake(self, line: Line) -> io::Result<Wire> {
        match self {
            Self::Tcp => Ok(Wire::Tcp(line)),
            Self::WebSocket => Wire::web_socket(Box::new(line)).await,
        }
    }
}

fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    let listen = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(cfg!(unix))?;
        socket.bind(address)?;
        socket.listen(WAITING)
    };
    listen().map_err(|source| StartError::Listen { address, source })
}
