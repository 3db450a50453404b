//! Endpoints: where a danmu server may be reached, and in which order to try.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A server's address as a user writes it: `tcp://danmuproxy.douyu.com:8601`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// Host name or IP address, without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
}

impl Endpoint {
    /// A server that speaks plain TCP.
    pub fn tcp(host: impl Into<String>, port: u16) -> Self {
        Self { host: host.into(), port }
    }

    /// Douyu's own, in the order to try them. All four ports have been listed side by side since 2016; 8601 is what
    /// most clients use.
    pub fn douyu() -> Vec<Self> {
        [8601, 8602, 12601, 12602].map(|port| Self::tcp("danmuproxy.douyu.com", port)).to_vec()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "tcp://[{host}]:{port}") } else { write!(f, "tcp://{host}:{port}") }
    }
}

/// Not the address of a server.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{given:?} is no server: {problem}; write tcp://HOST:PORT")]
pub struct NoEndpoint {
    given: String,
    problem: &'static str,
}

impl FromStr for Endpoint {
    type Err = NoEndpoint;

    fn from_str(given: &str) -> Result<Self, NoEndpoint> {
        let fail = |problem| NoEndpoint { given: given.to_owned(), problem };
        let (scheme, rest) = given.split_once("://").ok_or_else(|| fail("the scheme is missing"))?;
        if scheme != "tcp" {
            return Err(fail("the scheme is unknown"));
        }
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = authority.rsplit_once(':').ok_or_else(|| fail("the port is missing"))?;
        let port =
            port.parse().ok().filter(|&port| port > 0).ok_or_else(|| fail("the port is no number of 1 to 65535"))?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = match bare {
            Some(v6) if v6.parse::<std::net::Ipv6Addr>().is_ok() => v6,
            Some(_) => return Err(fail("what stands in brackets is no IPv6 address")),
            None => host,
        };
        if host.is_empty() {
            return Err(fail("the host is missing"));
        }
        if bare.is_none() && host.contains(|c: char| c.is_whitespace() || c.is_control() || "/:@?#[]".contains(c)) {
            return Err(fail("the host has characters that no host name has"));
        }
        Ok(Self::tcp(host, port))
    }
}

/// Which endpoint to try next: the last good one first, after a failure the next in line.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    endpoints: Vec<Endpoint>,
    next: usize,
}

impl Pool {
    pub(crate) const fn new(endpoints: Vec<Endpoint>) -> Self {
        Self { endpoints, next: 0 }
    }

    pub(crate) fn pick(&self) -> &Endpoint {
        &self.endpoints[self.next]
    }

    pub(crate) fn failed(&mut self) {
        self.next = (self.next + 1) % self.endpoints.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_written_as_urls() {
        for text in ["tcp://danmuproxy.douyu.com:8601", "tcp://127.0.0.1:1", "tcp://[::1]:8601"] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), text);
        }
        assert_eq!("tcp://localhost:80/".parse(), Ok(Endpoint::tcp("localhost", 80)));
    }

    #[test]
    fn what_is_no_server_says_why() {
        for (text, problem) in [
            ("danmuproxy.douyu.com:8601", "the scheme is missing"),
            ("http://a:1", "the scheme is unknown"),
            ("tcp://a", "the port is missing"),
            ("tcp://a:0", "the port is no number"),
            ("tcp://a:65536", "the port is no number"),
            ("tcp://:1", "the host is missing"),
            ("tcp://[::g]:1", "no IPv6 address"),
            ("tcp://::1:1", "characters that no host name has"),
            ("tcp://a b:1", "characters that no host name has"),
            ("tcp://me@a:1", "characters that no host name has"),
        ] {
            let error = text.parse::<Endpoint>().unwrap_err().to_string();
            assert!(error.contains(problem) && error.contains("tcp://HOST:PORT"), "{text}: {error}");
        }
    }

    #[test]
    fn a_good_endpoint_stays_and_a_failed_one_makes_way() {
        let mut pool = Pool::new(vec![Endpoint::tcp("a", 1), Endpoint::tcp("b", 1)]);
        assert_eq!(pool.pick().host, "a");
        pool.failed();
        assert_eq!((pool.pick().host.as_str(), pool.pick().host.as_str()), ("b", "b"));
        pool.failed();
        assert_eq!(pool.pick().host, "a");
    }
}
