//! Endpoints: where a danmu server may be reached, and in which order to try.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use thiserror::Error;

use crate::ranking::Ranking;
use crate::url::{self, Url};

/// How the bytes travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Plain TCP.
    Tcp,
    /// WebSocket.
    Ws,
    /// WebSocket over TLS.
    Wss,
}

impl Transport {
    /// What this build can speak.
    pub const ALL: &[Self] = if cfg!(feature = "wss") { &[Self::Tcp, Self::Ws, Self::Wss] } else { &[Self::Tcp] };

    /// The scheme of its URLs.
    pub const fn scheme(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Ws => "ws",
            Self::Wss => "wss",
        }
    }
}

/// A server's address as a user writes it: `tcp://danmuproxy.douyu.com:8601`, `wss://danmuproxy.douyu.com:8506/`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Endpoint {
    /// How to talk to it.
    pub transport: Transport,
    /// Host name or IP address, without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
    /// What to ask the WebSocket server for: `/` if nothing else was said. Nothing for TCP.
    pub path: String,
}

impl Endpoint {
    /// A server that speaks plain TCP.
    pub fn tcp(host: impl Into<String>, port: u16) -> Self {
        Self { transport: Transport::Tcp, host: host.into(), port, path: String::new() }
    }

    /// A server that speaks WebSocket over TLS.
    pub fn wss(host: impl Into<String>, port: u16) -> Self {
        Self { transport: Transport::Wss, host: host.into(), port, path: "/".into() }
    }

    /// Douyu's own, in the order to try them: TCP costs less on both sides, and where it is blocked, the web page's
    /// WSS often is not. The TCP ports have been listed side by side since 2016; 8601 is what most clients use.
    pub fn douyu() -> Vec<Self> {
        const HOST: &str = "danmuproxy.douyu.com";
        let tcp = [8601, 8602, 12601, 12602].map(|port| Self::tcp(HOST, port));
        let wss = (8501..=8506).map(|port| Self::wss(HOST, port)).filter(Self::is_spoken);
        tcp.into_iter().chain(wss).collect()
    }

    fn is_spoken(&self) -> bool {
        Transport::ALL.contains(&self.transport)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path == "/" { "" } else { &self.path };
        write!(f, "{}://{}{path}", self.transport.scheme(), url::authority(&self.host, self.port))
    }
}

/// Not the address of a server.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{given:?} is no server: {problem}; write tcp://HOST:PORT or wss://HOST:PORT/PATH")]
pub struct NoEndpoint {
    given: String,
    problem: &'static str,
}

impl FromStr for Endpoint {
    type Err = NoEndpoint;

    fn from_str(given: &str) -> Result<Self, NoEndpoint> {
        let fail = |problem| NoEndpoint { given: given.to_owned(), problem };
        let url = Url::new(given).map_err(fail)?;
        let transport = match url.scheme {
            "tcp" => Transport::Tcp,
            "ws" => Transport::Ws,
            "wss" => Transport::Wss,
            _ => return Err(fail("the scheme is unknown")),
        };
        let path = match (transport, url.path) {
            (Transport::Tcp, "" | "/") => "",
            (Transport::Tcp, _) => return Err(fail("a TCP server has no path")),
            (_, "") => "/",
            (_, path) => path,
        };
        if url.user.is_some() {
            return Err(fail("a server takes no user"));
        }
        let endpoint = Self { transport, host: url.host.to_owned(), port: url.port, path: path.to_owned() };
        if endpoint.is_spoken() { Ok(endpoint) } else { Err(fail("this program was built without WebSocket")) }
    }
}

/// The endpoints, and what all rooms together know of their health.
#[derive(Debug)]
pub(crate) struct Pool {
    endpoints: Vec<Arc<Endpoint>>,
    ranking: Mutex<Ranking<Arc<Endpoint>>>,
}

impl Pool {
    /// A pool of these, or of Douyu's if there is none.
    pub(crate) fn new(endpoints: &[Endpoint]) -> Self {
        let endpoints = if endpoints.is_empty() { Endpoint::douyu() } else { endpoints.to_vec() };
        Self { endpoints: endpoints.into_iter().map(Arc::new).collect(), ranking: Mutex::default() }
    }

    /// The one to try next; none of the `taken`, if there are others.
    pub(crate) fn pick(&self, taken: &[Arc<Endpoint>]) -> Arc<Endpoint> {
        let free: Vec<_> = self.endpoints.iter().filter(|endpoint| !taken.contains(endpoint)).cloned().collect();
        let ranking = self.ranking();
        let best = ranking.best(&free).or_else(|| ranking.best(&self.endpoints));
        Arc::clone(best.expect("a pool is never empty"))
    }

    pub(crate) fn good(&self, endpoint: &Arc<Endpoint>) {
        self.ranking().good(endpoint);
    }

    pub(crate) fn failed(&self, endpoint: &Arc<Endpoint>) {
        self.ranking().failed(endpoint);
    }

    fn ranking(&self) -> MutexGuard<'_, Ranking<Arc<Endpoint>>> {
        self.ranking.lock().unwrap_or_else(PoisonError::into_inner)
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

    #[cfg(feature = "wss")]
    #[test]
    fn websocket_servers_have_a_path() {
        for text in ["ws://[::1]:80/a/b?c=d", "wss://danmuproxy.douyu.com:8506"] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), text);
        }
        assert_eq!("wss://localhost:80".parse(), Ok(Endpoint::wss("localhost", 80)));
    }

    #[test]
    fn what_is_no_server_says_why() {
        for (text, problem) in [
            ("danmuproxy.douyu.com:8601", "the scheme is missing"),
            ("http://a:1", "the scheme is unknown"),
            ("tcp://a", "the port is missing"),
            ("tcp://a:0", "the port is no number"),
            ("tcp://a:65536", "the port is no number"),
            ("tcp://a:1/x", "a TCP server has no path"),
            ("ws://a:1/ x", "characters that no path has"),
            ("ws://a:1/\r\nx", "characters that no path has"),
            ("tcp://:1", "the host is missing"),
            ("tcp://[::g]:1", "no IPv6 address"),
            ("tcp://::1:1", "characters that no host name has"),
            ("tcp://a b:1", "characters that no host name has"),
            ("tcp://斗鱼.com:1", "characters that no host name has"),
            ("tcp://me@a:1", "takes no user"),
        ] {
            let error = text.parse::<Endpoint>().unwrap_err().to_string();
            assert!(error.contains(problem) && error.contains("tcp://HOST:PORT"), "{text}: {error}");
        }
        assert!(format!("tcp://{}:1", "a".repeat(300)).parse::<Endpoint>().is_err());
    }

    #[test]
    fn a_good_endpoint_stays_and_a_failed_one_makes_way() {
        let pool = Pool::new(&["a", "b", "c"].map(|host| Endpoint::tcp(host, 1)));
        let a = pool.pick(&[]);
        assert_eq!(a.host, "a");
        pool.failed(&a);
        let b = pool.pick(&[]);
        assert_eq!(b.host, "b");
        pool.good(&b);
        // Another room is told of the failure later: that changes nothing for those who do well.
        pool.failed(&a);
        assert_eq!(pool.pick(&[]).host, "b");
    }

    #[test]
    fn a_standby_takes_another_endpoint_if_there_is_one() {
        let pool = Pool::new(&["a", "b"].map(|host| Endpoint::tcp(host, 1)));
        let a = pool.pick(&[]);
        pool.good(&a);
        let b = pool.pick(&[Arc::clone(&a)]);
        assert_eq!((&*a.host, &*b.host), ("a", "b"));
        assert_eq!(pool.pick(&[a, b]).host, "a", "if there is none, the best");
    }

    #[test]
    fn no_endpoints_mean_douyus() {
        let pool = Pool::new(&[]);
        assert_eq!(pool.pick(&[]).to_string(), "tcp://danmuproxy.douyu.com:8601");
    }
}
