//! Looking names up: once for all rooms that ask at the same time, and if that fails, as it was before.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::lookup_host;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

/// How long an answer is good for all. Rooms that were lost together come back over some seconds.
const FRESH: Duration = Duration::from_secs(10);
/// How long a failure is good for all.
const FAILED: Duration = Duration::from_secs(1);
/// How long a look-up may take. It leaves time to try the addresses of before.
const PATIENCE: Duration = Duration::from_secs(5);

/// Looks names up, and remembers.
#[derive(Debug, Default)]
pub(crate) struct Resolver {
    /// Held during a look-up, so that there is one at a time: others that wait then find its answer. There are as many
    /// names as endpoints have.
    known: Mutex<HashMap<String, Known>>,
}

#[derive(Debug)]
struct Known {
    /// When the name was looked up last.
    at: Instant,
    /// What that failed with, if it did.
    failure: Option<(io::ErrorKind, String)>,
    /// The addresses found last.
    ips: Vec<IpAddr>,
}

impl Resolver {
    /// The addresses of `host`, at least one.
    pub(crate) async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        if let Ok(ip) = host.parse() {
            return Ok(vec![ip]);
        }
        let mut known = self.known.lock().await;
        let old = known.get(host);
        if let Some(old) = old.filter(|old| old.is_fresh()) {
            return old.answer();
        }
        // Copied and not taken: whoever waits for this may give up in the middle.
        let new = Known::look_up(host, old.map_or_else(Vec::new, |old| old.ips.clone())).await;
        let answer = new.answer();
        known.insert(host.to_owned(), new);
        answer
    }
}

impl Known {
    /// `ips` are those of before.
    async fn look_up(host: &str, mut ips: Vec<IpAddr>) -> Self {
        let failure = match timeout(PATIENCE, lookup_host((host, 0))).await {
            Ok(Ok(found)) => {
                let found: Vec<IpAddr> = found.map(|address: SocketAddr| address.ip()).collect();
                if found.is_empty() {
                    Some((io::ErrorKind::NotFound, "the name has no address".into()))
                } else {
                    ips = found;
                    None
                }
            }
            Ok(Err(error)) => Some((error.kind(), error.to_string())),
            Err(_) => Some((io::ErrorKind::TimedOut, format!("no answer within {}s", PATIENCE.as_secs()))),
        };
        if let Some((_, failure)) = &failure {
            tracing::debug!(%host, %failure, known = ips.len(), "cannot look up");
        }
        Self { at: Instant::now(), failure, ips }
    }

    fn is_fresh(&self) -> bool {
        self.at.elapsed() < if self.failure.is_none() { FRESH } else { FAILED }
    }

    /// The addresses, be they old: servers move less often than look-ups fail.
    fn answer(&self) -> io::Result<Vec<IpAddr>> {
        match &self.failure {
            Some((kind, text)) if self.ips.is_empty() => Err(io::Error::new(*kind, text.clone())),
            _ => Ok(self.ips.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOWHERE: &str = "no-such-host.invalid";

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn addresses_are_their_own_answer_and_unknown_names_have_none() {
        let resolver = Resolver::default();
        assert_eq!(resolver.resolve("::1").await.unwrap(), [ip("::1")]);
        assert!(resolver.resolve("localhost").await.unwrap().iter().all(IpAddr::is_loopback));
        assert!(resolver.resolve(NOWHERE).await.is_err());
        assert!(resolver.resolve(NOWHERE).await.is_err(), "the second time as the first");
    }

    #[tokio::test]
    async fn when_a_look_up_fails_the_addresses_of_before_are_used() {
        let resolver = Resolver::default();
        let at = Instant::now().checked_sub(2 * FRESH).unwrap();
        let old = Known { at, failure: None, ips: vec![ip("192.0.2.1")] };
        resolver.known.lock().await.insert(NOWHERE.to_owned(), old);
        assert_eq!(resolver.resolve(NOWHERE).await.unwrap(), [ip("192.0.2.1")]);
        let known = resolver.known.lock().await;
        assert!(known[NOWHERE].failure.is_some() && known[NOWHERE].is_fresh(), "it has been looked up once more");
    }
}
