//! From an address or a host name to an open stream.
//!
//! ```text
//! name ─ resolver thread ─► addresses ─ one after the other ─► stream | the last one's error
//! ```

use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
    vec,
};

use mio::{Interest, Registry, net::TcpStream};

use crate::Error;

/// Where to connect to: a socket address, or a host (name or number) and a port.
///
/// Made by `into` from `SocketAddr`, `(&str, u16)`, `(String, u16)`, `(IpAddr, u16)`, or from a `Vec<SocketAddr>`, whose
/// addresses are tried in order.
#[derive(Clone, Debug)]
pub struct Address(pub(crate) Place);

#[derive(Clone, Debug)]
pub(crate) enum Place {
    Known(Vec<SocketAddr>),
    Named(String, u16),
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        vec![address].into()
    }
}

impl From<Vec<SocketAddr>> for Address {
    fn from(addresses: Vec<SocketAddr>) -> Self {
        Self(Place::Known(addresses))
    }
}

impl From<(IpAddr, u16)> for Address {
    fn from(address: (IpAddr, u16)) -> Self {
        SocketAddr::from(address).into()
    }
}

impl From<(&str, u16)> for Address {
    fn from((host, port): (&str, u16)) -> Self {
        (host.to_owned(), port).into()
    }
}

impl From<(String, u16)> for Address {
    fn from((host, port): (String, u16)) -> Self {
        match host.parse::<IpAddr>() {
            Ok(ip) => (ip, port).into(),
            Err(_) => Self(Place::Named(host, port)),
        }
    }
}

/// A connection in the making.
pub(crate) struct Opening {
    /// The name, while it is looked up.
    name: Option<String>,
    addresses: vec::IntoIter<SocketAddr>,
    attempt: Option<Attempt>,
    /// When to give up altogether.
    until: Option<Instant>,
    /// What went wrong so far; told only if nothing goes right.
    failure: Option<Error>,
}

struct Attempt {
    address: SocketAddr,
    stream: TcpStream,
    /// When to go on to the next address.
    until: Option<Instant>,
}

pub(crate) enum Step {
    Wait,
    Open(TcpStream, SocketAddr),
    Failed(Error),
}

impl Opening {
    pub(crate) fn new(place: Place, until: Option<Instant>) -> Self {
        let opening = Self { name: None, addresses: Vec::new().into_iter(), attempt: None, until, failure: None };
        match place {
            Place::Known(addresses) => Self { addresses: addresses.into_iter(), ..opening },
            Place::Named(name, _) => Self { name: Some(name), ..opening },
        }
    }

    /// Takes the resolver's answer.
    pub(crate) fn resolved(&mut self, result: io::Result<Vec<SocketAddr>>) {
        let Some(host) = self.name.take() else { return };
        match result {
            Ok(addresses) if addresses.is_empty() => {
                self.failure = Some(Error::Resolve { host, source: io::ErrorKind::NotFound.into() });
            }
            Ok(addresses) => self.addresses = addresses.into_iter(),
            Err(source) => self.failure = Some(Error::Resolve { host, source }),
        }
    }

    /// When `advance` should be called, if nothing else happens.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.attempt.as_ref().map_or(self.until, |attempt| attempt.until)
    }

    /// Goes as far as it can without waiting.
    pub(crate) fn advance(&mut self, registry: &Registry, token: mio::Token, now: Instant) -> Step {
        if let Some(host) = self.name.take() {
            if is_past(self.until, now) {
                return Step::Failed(Error::Resolve { host, source: io::ErrorKind::TimedOut.into() });
            }
            self.name = Some(host);
            return Step::Wait;
        }
        loop {
            if let Some(attempt) = self.attempt.take() {
                let source = match is_open(&attempt.stream) {
                    Ok(true) => return Step::Open(attempt.stream, attempt.address),
                    Ok(false) if is_past(attempt.until, now) => io::ErrorKind::TimedOut.into(),
                    Ok(false) => {
                        self.attempt = Some(attempt);
                        return Step::Wait;
                    }
                    Err(error) => error,
                };
                self.failure = Some(Error::Connect { address: attempt.address, source });
            }
            let Some(address) = self.addresses.next() else {
                return Step::Failed(self.failure.take().unwrap_or_else(no_address));
            };
            if is_past(self.until, now) {
                let late = || Error::Connect { address, source: io::ErrorKind::TimedOut.into() };
                return Step::Failed(self.failure.take().unwrap_or_else(late));
            }
            match start(address, registry, token) {
                Ok(stream) => self.attempt = Some(Attempt { address, stream, until: self.share(now) }),
                Err(source) => self.failure = Some(Error::Connect { address, source }),
            }
        }
    }

    /// The addresses that are left share the time that is left, so that one that never answers does not use it all up.
    fn share(&self, now: Instant) -> Option<Instant> {
        let left = self.until?.saturating_duration_since(now);
        Some(now + left / (self.addresses.len() as u32 + 1))
    }
}

/// What `connect` to an empty list of addresses comes to.
fn no_address() -> Error {
    Error::Resolve { host: "an empty list".to_owned(), source: io::ErrorKind::NotFound.into() }
}

/// The instant `timeout` from now; none if that is further away than the clock can say.
pub(crate) fn after(timeout: Duration) -> Option<Instant> {
    Instant::now().checked_add(timeout)
}

fn is_past(until: Option<Instant>, now: Instant) -> bool {
    until.is_some_and(|until| until <= now)
}

fn start(address: SocketAddr, registry: &Registry, token: mio::Token) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
    Ok(stream)
}

/// Whether a connection has been made. A socket becomes writable in either case; only its peer tells.
fn is_open(stream: &TcpStream) -> io::Result<bool> {
    if let Some(error) = stream.take_error()? {
        return Err(error);
    }
    match stream.peer_addr() {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
        Err(error) => Err(error),
    }
}
