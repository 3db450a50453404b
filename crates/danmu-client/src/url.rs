//! URLs, as far as servers and proxies are written with them: `SCHEME://[USER[:PASSWORD]@]HOST:PORT[/PATH]`.

use std::net::Ipv6Addr;

/// A URL in its parts, each as it was written.
#[derive(Debug)]
pub(crate) struct Url<'a> {
    pub(crate) scheme: &'a str,
    /// What stands before the `@`.
    pub(crate) user: Option<&'a str>,
    /// Without brackets.
    pub(crate) host: &'a str,
    pub(crate) port: u16,
    /// From the `/` on; empty if there is none.
    pub(crate) path: &'a str,
}

impl<'a> Url<'a> {
    /// Takes a URL apart, or says what is wrong with it. The port must be there: no scheme that we use has a usual one.
    pub(crate) fn new(given: &'a str) -> Result<Self, &'static str> {
        let (scheme, rest) = given.split_once("://").ok_or("the scheme is missing")?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (user, server) = authority.rsplit_once('@').map_or((None, authority), |(user, rest)| (Some(user), rest));
        let (host, port) = server.rsplit_once(':').ok_or("the port is missing")?;
        let port = port.parse().ok().filter(|&port| port > 0).ok_or("the port is no number of 1 to 65535")?;
        let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(v6) if v6.parse::<Ipv6Addr>().is_ok() => v6,
            Some(_) => return Err("what stands in brackets is no IPv6 address"),
            None if host.is_empty() => return Err("the host is missing"),
            None if !host.bytes().all(is_of_host) => return Err("the host has characters that no host name has"),
            None => host,
        };
        if host.len() > 253 {
            return Err("the host is too long");
        }
        if !path.bytes().all(|b| b.is_ascii_graphic() && b != b'#') {
            return Err("the path has characters that no path has");
        }
        Ok(Self { scheme, user, host, port, path })
    }
}

/// Letters beyond ASCII are left out too: a name like 斗鱼.com must be given as `xn--…`.
fn is_of_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._".contains(&byte)
}

/// `HOST:PORT`, with brackets where they are needed.
pub(crate) fn authority(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}
