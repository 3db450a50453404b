//! Proxies: SOCKS5 and HTTP CONNECT. The proxy looks names up, so that nothing but the proxy is asked from here.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::str::FromStr;

use data_encoding::BASE64;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::url::{self, Url};

/// How much of the answer to a CONNECT is read at most.
const ANSWER: usize = 16 * 1024;

/// A proxy as a user writes it: `socks5://HOST:PORT` or `http://USER:PASSWORD@HOST:PORT`. Never shows the user.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    kind: Kind,
    user: Option<User>,
    pub(crate) host: String,
    pub(crate) port: u16,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Socks5,
    Http,
}

#[derive(Clone, PartialEq, Eq)]
struct User {
    name: Vec<u8>,
    password: Vec<u8>,
}

/// Not the address of a proxy. Does not repeat what was given, lest a password end up in a log.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "this is no proxy: {0}; write socks5://HOST:PORT or http://HOST:PORT, with USER:PASSWORD@ before the host if it asks"
)]
pub struct NoProxy(&'static str);

impl FromStr for Proxy {
    type Err = NoProxy;

    fn from_str(given: &str) -> Result<Self, NoProxy> {
        let url = Url::new(given).map_err(NoProxy)?;
        let kind = match url.scheme {
            // With and without h: names are looked up by the proxy either way.
            "socks5" | "socks5h" => Kind::Socks5,
            "http" => Kind::Http,
            "https" => return Err(NoProxy("TLS to the proxy itself is not supported")),
            _ => return Err(NoProxy("the scheme is unknown")),
        };
        if !matches!(url.path, "" | "/") {
            return Err(NoProxy("a proxy has no path"));
        }
        let user = url.user.map(User::new).transpose()?;
        Ok(Self { kind, user, host: url.host.to_owned(), port: url.port })
    }
}

impl User {
    fn new(given: &str) -> Result<Self, NoProxy> {
        let (name, password) = given.split_once(':').unwrap_or((given, ""));
        let user = Self { name: percent_decode(name)?, password: percent_decode(password)? };
        match (user.name.len(), user.password.len()) {
            (1..=255, 0..=255) => Ok(user),
            (0, _) => Err(NoProxy("the user is missing")),
            _ => Err(NoProxy("the user or the password is longer than 255 bytes")),
        }
    }
}

fn percent_decode(text: &str) -> Result<Vec<u8>, NoProxy> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
                let code = digit().zip(digit()).map(|(high, low)| (high * 16 + low) as u8);
                code.ok_or(NoProxy("a % in the user or the password is not followed by two hexadecimal digits"))?
            }
            byte => byte,
        });
    }
    Ok(bytes)
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.kind {
            Kind::Socks5 => "socks5",
            Kind::Http => "http",
        };
        write!(f, "{scheme}://{}", url::authority(&self.host, self.port))
    }
}

/// As [`Display`](fmt::Display): without the user.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

/// Why a proxy does not let us through.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// It wants to know who we are.
    #[error("it asks for a user and a password: write USER:PASSWORD@ before the host")]
    UserWanted,
    /// It does not know us.
    #[error("it does not accept the user or the password")]
    UserRefused,
    /// It could not or would not connect.
    #[error("it says: {0}")]
    Refused(&'static str),
    /// It answered a CONNECT with an HTTP status that is no success.
    #[error("it answers {0} to the CONNECT")]
    Status(u16),
    /// It does not speak its protocol.
    #[error("it does not speak {0}: are scheme and port right?")]
    Other(&'static str),
    /// It cannot be reached, or closes.
    #[error("there is no connection to it: {0}")]
    Io(#[from] io::Error),
}

impl Proxy {
    /// Has the proxy at the other end of `io` connect it to `host`. The caller sets the deadline.
    pub(crate) async fn tunnel(
        &self,
        io: &mut (impl AsyncRead + AsyncWrite + Unpin),
        host: &str,
        port: u16,
    ) -> Result<(), ProxyError> {
        match self.kind {
            Kind::Socks5 => self.socks5(io, host, port).await,
            Kind::Http => self.connect(io, host, port).await,
        }
    }

    /// RFC 1928, with user and password as in RFC 1929.
    async fn socks5(
        &self,
        io: &mut (impl AsyncRead + AsyncWrite + Unpin),
        host: &str,
        port: u16,
    ) -> Result<(), ProxyError> {
        const OTHER: ProxyError = ProxyError::Other("SOCKS5");
        const NONE: u8 = 0;
        const USER: u8 = 2;

        let methods: &[u8] = if self.user.is_some() { &[5, 2, NONE, USER] } else { &[5, 1, NONE] };
        io.write_all(methods).await?;
        match (read(io).await?, &self.user) {
            ([5, NONE], _) => {}
            ([5, USER], Some(User { name, password })) => {
                let mut login = vec![1, name.len() as u8];
                login.extend_from_slice(name);
                login.push(password.len() as u8);
                login.extend_from_slice(password);
                io.write_all(&login).await?;
                let [_, status] = read(io).await?;
                if status != 0 {
                    return Err(ProxyError::UserRefused);
                }
            }
            ([5, _], None) => return Err(ProxyError::UserWanted),
            ([5, _], Some(_)) => return Err(ProxyError::UserRefused),
            _ => return Err(OTHER),
        }

        let mut request = vec![5, 1, 0];
        match host.parse() {
            Ok(IpAddr::V4(v4)) => {
                request.push(1);
                request.extend_from_slice(&v4.octets());
            }
            Ok(IpAddr::V6(v6)) => {
                request.push(4);
                request.extend_from_slice(&v6.octets());
            }
            Err(_) => {
                let length = u8::try_from(host.len()).map_err(|_| ProxyError::Refused("the host is too long"))?;
                request.extend_from_slice(&[3, length]);
                request.extend_from_slice(host.as_bytes());
            }
        }
        request.extend_from_slice(&port.to_be_bytes());
        io.write_all(&request).await?;

        let [version, status, _, kind] = read(io).await?;
        if version != 5 {
            return Err(OTHER);
        }
        if status != 0 {
            return Err(ProxyError::Refused(socks5_refusal(status)));
        }
        // The address that the proxy connects from follows. It says nothing to us, but has to be read.
        let address = match kind {
            1 => 4,
            4 => 16,
            3 => usize::from(read::<1>(io).await?[0]),
            _ => return Err(OTHER),
        };
        io.read_exact(&mut vec![0; address + 2]).await?;
        Ok(())
    }

    /// RFC 9110, section 9.3.6.
    async fn connect(
        &self,
        io: &mut (impl AsyncRead + AsyncWrite + Unpin),
        host: &str,
        port: u16,
    ) -> Result<(), ProxyError> {
        let server = url::authority(host, port);
        let user = self.user.as_ref().map(|User { name, password }| {
            let user = BASE64.encode(&[name, &b":"[..], password].concat());
            format!("Proxy-Authorization: Basic {user}\r\n")
        });
        let user = user.unwrap_or_default();
        let request = format!("CONNECT {server} HTTP/1.1\r\nHost: {server}\r\n{user}\r\n");
        io.write_all(request.as_bytes()).await?;

        // Byte by byte: what follows the answer is the server's.
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            if answer.len() == ANSWER || (answer.len() == 5 && answer != b"HTTP/") {
                return Err(ProxyError::Other("HTTP"));
            }
            answer.push(read::<1>(io).await?[0]);
        }
        let status = answer.get(8..13).filter(|status| status[0] == b' ' && b" \r".contains(&status[4]));
        let status = status.and_then(|status| std::str::from_utf8(&status[1..4]).ok()?.parse().ok());
        match (status.ok_or(ProxyError::Other("HTTP"))?, &self.user) {
            (200..=299, _) => Ok(()),
            (407, None) => Err(ProxyError::UserWanted),
            (407, Some(_)) => Err(ProxyError::UserRefused),
            (status, _) => Err(ProxyError::Status(status)),
        }
    }
}

async fn read<const N: usize>(io: &mut (impl AsyncRead + Unpin)) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    io.read_exact(&mut bytes).await?;
    Ok(bytes)
}

/// RFC 1928, section 6.
const fn socks5_refusal(status: u8) -> &'static str {
    match status {
        2 => "its rules do not allow this connection",
        3 => "the network is unreachable",
        4 => "the host is unreachable",
        5 => "the server refuses connections",
        6 => "the server did not answer",
        7 | 8 => "it cannot make such connections",
        _ => "it failed",
    }
}
