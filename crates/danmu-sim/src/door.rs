//! Doors: where a server is to be reached, and how one is let in.

use std::io;
use std::net::SocketAddr;

use danmu_proto::{Sender, packet};
#[cfg(feature = "tls")]
use openssl::ssl::SslAcceptor;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::chaos::Fault;
use crate::line::Line;
use crate::server::{Config, StartError};
#[cfg(feature = "tls")]
use crate::tls;
use crate::wire::Wire;

/// Connections that may wait to be accepted.
const WAITING: u32 = 4096;

/// One address to be reached at. It is open, or shut, or its port was lost to someone else for now.
pub(crate) struct Door {
    /// Its place among the doors.
    pub(crate) number: u64,
    pub(crate) address: SocketAddr,
    pub(crate) handshake: Handshake,
    listener: Option<TcpListener>,
    /// While the door is shut: keeps the port ours, and has connections refused.
    socket: Option<TcpSocket>,
}

/// What comes between the accept and the first request.
#[derive(Clone)]
pub(crate) enum Handshake {
    Tcp,
    WebSocket,
    #[cfg(feature = "tls")]
    Tls(SslAcceptor),
}

impl Door {
    /// Opens the door, unless its first visitor is to be refused.
    pub(crate) fn open(
        config: &Config,
        number: u64,
        address: SocketAddr,
        handshake: Handshake,
    ) -> Result<Self, StartError> {
        let refuses = config.chaos.fate(config.seed, number, 0).time(Fault::Refuse).is_some();
        let open = || {
            let socket = bind(address)?;
            let address = socket.local_addr()?;
            let mut door = Self { number, address, handshake, listener: None, socket: Some(socket) };
            if !refuses {
                door.listener()?;
            }
            Ok(door)
        };
        open().map_err(|source| StartError::Listen { address, source })
    }

    /// Opens the door if it is shut, and waits for a client.
    pub(crate) async fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
        self.listener()?.accept().await
    }

    fn listener(&mut self) -> io::Result<&TcpListener> {
        let listener = match (self.listener.take(), self.socket.take()) {
            (Some(listener), _) => listener,
            (None, Some(socket)) => socket.listen(WAITING)?,
            (None, None) => bind(self.address)?.listen(WAITING)?,
        };
        Ok(self.listener.insert(listener))
    }

    /// Has connections refused from now on. Those that wait to be accepted are reset.
    pub(crate) fn shut(&mut self) -> io::Result<()> {
        if self.socket.is_none() {
            // Two sockets may share a port only while neither listens.
            drop(self.listener.take());
            self.socket = Some(bind(self.address)?);
        }
        Ok(())
    }
}

impl Handshake {
    /// The scheme of its URLs.
    pub(crate) const fn scheme(&self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::WebSocket => "ws",
            #[cfg(feature = "tls")]
            Self::Tls(_) => "wss",
        }
    }

    /// The beginning of something that never ends, as it goes over the line: half a packet.
    pub(crate) fn torso(&self) -> Vec<u8> {
        let mut packet = Vec::new();
        packet::encode(Sender::Server, b"type@=mrkl/", &mut packet);
        let half = &packet[..packet.len() / 2];
        match self {
            Self::Tcp => half.to_vec(),
            // A binary message of the length of the packet.
            Self::WebSocket => [&[0x82, packet.len() as u8], half].concat(),
            // A record of data of TLS 1.2, or 1.3 in its guise.
            #[cfg(feature = "tls")]
            Self::Tls(_) => [&[23, 3, 3, 0, packet.len() as u8], half].concat(),
        }
    }

    pub(crate) async fn shake(self, line: Line) -> io::Result<Wire> {
        match self {
            Self::Tcp => Ok(Wire::Tcp(line)),
            Self::WebSocket => Wire::web_socket(Box::new(line)).await,
            #[cfg(feature = "tls")]
            Self::Tls(acceptor) => Wire::web_socket(Box::new(tls::accept(&acceptor, line).await?)).await,
        }
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(cfg!(unix))?;
    socket.bind(address)?;
    Ok(socket)
}
