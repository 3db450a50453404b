//! One request and its answer: within its budget, deadline and size, and nowhere but to Douyu.

use std::error::Error as StdError;
use std::io::{self, Read};
use std::time::{Duration, Instant};

use thiserror::Error;
use ureq::http::header::{LOCATION, REFERER};
use ureq::http::{Response, StatusCode};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};
use ureq::{Agent, Body, Proxy};

use super::budget::Budget;
use super::url::Url;
use super::{Options, OptionsError};

/// What browsers send: some of the services turn others away.
pub(super) const USER_AGENT: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
                                     Chrome/140.0.0.0 Safari/537.36";
/// How often one question is sent on.
pub(super) const MOST_REDIRECTS: usize = 5;

/// Sends requests.
#[derive(Debug)]
pub(super) struct Web {
    agent: Agent,
    /// Without a slash at the end.
    base: Option<String>,
    budget: Budget,
    request: Duration,
}

/// What came back.
pub(super) enum Reply {
    /// With any bad bytes replaced.
    Text(String),
    Redirect(Url),
}

/// How long a look-up may still take. Waiting for the budget is not its fault and does not count.
#[derive(Debug)]
pub(super) struct Left(pub(super) Duration);

/// Why a request has not given what it was sent for.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The host's name could not be looked up.
    #[error("the name cannot be looked up")]
    Dns(#[source] io::Error),
    /// Nobody listens, or something on the way says so.
    #[error("the connection was refused")]
    Refused(#[source] io::Error),
    /// The connection failed before the answer was complete.
    #[error("the connection failed")]
    Connection(#[source] io::Error),
    /// It took too long.
    #[error("no answer within {:.1}s", .0.as_secs_f64())]
    TimedOut(Duration),
    /// It was not sent: those before it took all the time there was.
    #[error("not asked: the time was up")]
    NotAsked,
    /// The server could not show who it is.
    #[error("the server's certificate is not valid: {reason}")]
    Certificate {
        /// What the system's TLS says.
        reason: String,
    },
    /// No encrypted connection could be agreed on.
    #[error("the encrypted connection could not be set up: {reason}")]
    Tls {
        /// What the system's TLS says.
        reason: String,
    },
    /// The proxy does not do its work.
    #[error("the proxy failed")]
    Proxy(#[source] Box<dyn StdError + Send + Sync>),
    /// What came back is not HTTP.
    #[error("the answer is not proper HTTP")]
    NotHttp(#[source] Box<dyn StdError + Send + Sync>),
    /// A status that is no success.
    #[error("the answer is HTTP status {0}")]
    Status(u16),
    /// The answer leads away from Douyu.
    #[error("the answer leads to {to:?}, which is not Douyu's")]
    Elsewhere {
        /// Where to.
        to: String,
    },
    /// The answer leads on and on.
    #[error("the answer leads on more than {MOST_REDIRECTS} times")]
    Redirects,
    /// A page that is not Douyu's came in place of its answer: most likely the log-in page of a network.
    #[error("a page came that is not Douyu's")]
    Portal,
    /// A page of Douyu's came in place of data. It does so for rooms that it does not know.
    #[error("Douyu gave a page in place of data, as for a room that it does not know")]
    Page,
    /// A page of Douyu's came that tells of no room.
    #[error("the page tells of no room")]
    NoRoom,
    /// The answer was longer than any that makes sense.
    #[error("the answer is longer than {} MiB", .limit_bytes >> 20)]
    TooLong {
        /// How much is read.
        limit_bytes: u64,
    },
    /// The answer was empty.
    #[error("the answer is empty")]
    Empty,
    /// The answer is not what it should be.
    #[error("the answer cannot be understood: {problem}")]
    Unreadable {
        /// What is wrong with it.
        problem: &'static str,
        /// What the reader says.
        #[source]
        source: Option<serde_json::Error>,
    },
    /// The service itself reports an error.
    #[error("Douyu reports error {code}{}", meaning(*.code))]
    Service {
        /// Its number: 101 no such room, 501 no such category, 999 maintenance.
        code: i64,
    },
}

fn meaning(code: i64) -> &'static str {
    match code {
        101 => " (no such room)",
        501 => " (no such category)",
        999 => " (maintenance)",
        _ => "",
    }
}

impl RequestError {
    /// A short name that does not change: for metrics and programs.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Dns(_) => "dns",
            Self::Refused(_) => "refused",
            Self::Connection(_) => "connection",
            Self::TimedOut(_) => "timeout",
            Self::NotAsked => "not_asked",
            Self::Certificate { .. } => "certificate",
            Self::Tls { .. } => "tls",
            Self::Proxy(_) => "proxy",
            Self::NotHttp(_) => "not_http",
            Self::Status(_) => "status",
            Self::Elsewhere { .. } | Self::Portal => "portal",
            Self::Redirects => "redirects",
            Self::Page | Self::NoRoom => "no_room",
            Self::TooLong { .. } => "too_long",
            Self::Empty => "empty",
            Self::Unreadable { .. } => "unreadable",
            Self::Service { .. } => "service",
        }
    }

    /// What to do about it.
    pub const fn advice(&self) -> &'static str {
        match self {
            Self::Dns(_) => "check that there is a network and that it can look up names",
            Self::Refused(_) | Self::Connection(_) | Self::TimedOut(_) | Self::NotAsked => {
                "check the network, its firewall and the proxy, and try again"
            }
            Self::Certificate { .. } => {
                "check the clock of this computer; if the network has a log-in page, log in there first; \
                 if it inspects traffic, name its certificate as a further CA"
            }
            Self::Tls { .. } | Self::NotHttp(_) => "something other than Douyu may have answered: try another network",
            Self::Proxy(_) => "check the proxy's address and that it may reach Douyu",
            Self::Elsewhere { .. } | Self::Portal => {
                "this network most likely wants a log-in first: open any page in a browser, log in, and try again"
            }
            Self::Status(403 | 429) => "Douyu turns requests away: wait a while, or try another network",
            Self::Page | Self::NoRoom => "check the room in a browser",
            Self::Status(_)
            | Self::Redirects
            | Self::TooLong { .. }
            | Self::Empty
            | Self::Unreadable { .. }
            | Self::Service { .. } => "Douyu may be having trouble: try again later, or use the room's real number",
        }
    }

    pub(super) const fn unreadable(problem: &'static str) -> Self {
        Self::Unreadable { problem, source: None }
    }
}

impl Web {
    pub(super) fn new(options: &Options) -> Result<Self, OptionsError> {
        let proxy = options.proxy.as_deref().map(proxy).transpose()?;
        let tls = TlsConfig::builder().provider(TlsProvider::NativeTls).root_certs(roots(options)?).build();
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            // Every hop is looked at, see `Reply::Redirect`.
            .max_redirects(0)
            // Requests are rare: a connection kept for the next would mostly be found closed by then.
            .max_idle_connections(0)
            .proxy(proxy)
            .tls_config(tls)
            .user_agent(USER_AGENT)
            .max_response_header_size(32 << 10)
            .timeout_global(Some(options.request))
            .build()
            .new_agent();
        let base = options.api.as_deref().map(base).transpose()?;
        let budget = Budget::new(options.requests_per_second, options.requests_at_once);
        Ok(Self { agent, base, budget, request: options.request })
    }

    /// Sends one request, and reads no more of the answer than the limit.
    pub(super) fn ask(
        &self,
        url: &Url,
        referer: &str,
        limit_bytes: u64,
        left: &mut Left,
    ) -> Result<Reply, RequestError> {
        if left.0.is_zero() {
            return Err(RequestError::NotAsked);
        }
        let _turn = self.budget.turn();
        let start = Instant::now();
        let reply = self.send(url, referer, limit_bytes, left.0.min(self.request));
        left.0 = left.0.saturating_sub(start.elapsed());
        reply
    }

    fn send(&self, url: &Url, referer: &str, limit_bytes: u64, within: Duration) -> Result<Reply, RequestError> {
        let failed = |error| failure(error, within);
        let mut request = self.agent.get(self.wire(url)).header(REFERER, referer);
        if within < self.request {
            request = request.config().timeout_global(Some(within)).build();
        }
        let mut answer = request.call().map_err(failed)?;
        match answer.status() {
            status if status.is_success() => {
                text(&mut answer, limit_bytes, |error| failed(error.into())).map(Reply::Text)
            }
            status if status.is_redirection() => self.redirect(url, &answer).map(Reply::Redirect),
            StatusCode::NETWORK_AUTHENTICATION_REQUIRED => Err(RequestError::Portal),
            status => Err(RequestError::Status(status.as_u16())),
        }
    }

    /// The address that is really asked.
    pub(super) fn wire(&self, url: &Url) -> String {
        match &self.base {
            Some(base) => format!("{base}/{}{}", url.host, url.target),
            None => url.to_string(),
        }
    }

    fn redirect(&self, from: &Url, answer: &Response<Body>) -> Result<Url, RequestError> {
        let Some(location) = answer.headers().get(LOCATION) else {
            return Err(RequestError::Status(answer.status().as_u16()));
        };
        let location = String::from_utf8_lossy(location.as_bytes());
        let under_base = self.base.as_deref().and_then(|base| location.strip_prefix(base)?.strip_prefix('/'));
        let to = match under_base {
            Some(rest) => Url::parse(&format!("https://{rest}")),
            None => from.join(&location),
        };
        match to {
            Ok(to) if to.is_douyu() => Ok(to),
            Ok(to) => Err(RequestError::Elsewhere { to: to.host.chars().take(100).collect() }),
            Err(_) => Err(RequestError::Elsewhere { to: location.chars().take(100).collect() }),
        }
    }
}

/// The body, counted after it is unpacked: a small answer may hold a huge one.
fn text(
    answer: &mut Response<Body>,
    limit_bytes: u64,
    failed: impl Fn(io::Error) -> RequestError,
) -> Result<String, RequestError> {
    let too_long = RequestError::TooLong { limit_bytes };
    if answer.body().content_length().is_some_and(|length| length > limit_bytes) {
        return Err(too_long);
    }
    let mut bytes = Vec::new();
    answer.body_mut().as_reader().take(limit_bytes + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > limit_bytes {
        return Err(too_long);
    }
    Ok(match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    })
}

fn failure(error: ureq::Error, within: Duration) -> RequestError {
    match error {
        ureq::Error::Timeout(_) => RequestError::TimedOut(within),
        ureq::Error::HostNotFound => RequestError::Dns(io::ErrorKind::NotFound.into()),
        ureq::Error::Io(error) => match error.kind() {
            io::ErrorKind::TimedOut => RequestError::TimedOut(within),
            io::ErrorKind::ConnectionRefused => RequestError::Refused(error),
            _ if is_of_name_lookup(&error) => RequestError::Dns(error),
            _ => RequestError::Connection(error),
        },
        ureq::Error::NativeTls(_) | ureq::Error::Tls(_) | ureq::Error::TlsRequired => tls_failure(&error.to_string()),
        ureq::Error::ConnectProxyFailed(_) | ureq::Error::InvalidProxyUrl => RequestError::Proxy(error.into()),
        ureq::Error::ConnectionFailed => RequestError::Connection(io::Error::other(error)),
        other => RequestError::NotHttp(other.into()),
    }
}

/// From what OpenSSL says, the reason: `error:CODE:LIBRARY:FUNCTION:REASON:FILE:LINE: (REASON IN A CERTIFICATE)`. Other
/// systems say it in their own words.
fn tls_failure(text: &str) -> RequestError {
    let in_certificate = text.strip_suffix(')').and_then(|text| text.rsplit_once(" (")).map(|(_, reason)| reason);
    let in_handshake = text.split_once("error:").and_then(|(_, error)| error.split(':').nth(3));
    let reason = in_certificate.or(in_handshake).unwrap_or(text).to_owned();
    if text.contains("certificate") { RequestError::Certificate { reason } } else { RequestError::Tls { reason } }
}

/// The standard library has no kind for this; these are the words and codes that it gives on Unix and on Windows.
fn is_of_name_lookup(error: &io::Error) -> bool {
    const WINDOWS: std::ops::RangeInclusive<i32> = 11_001..=11_004;
    error.to_string().starts_with("failed to lookup address information")
        || cfg!(windows) && error.raw_os_error().is_some_and(|code| WINDOWS.contains(&code))
}

fn base(text: &str) -> Result<String, OptionsError> {
    let url = Url::parse(text).ok().filter(|url| !url.target.contains('?'));
    let url = url.ok_or_else(|| OptionsError::Base { given: text.to_owned() })?;
    Ok(url.to_string().trim_end_matches('/').to_owned())
}

fn proxy(text: &str) -> Result<Proxy, OptionsError> {
    Proxy::new(text).map_err(|source| OptionsError::Proxy(source.into()))
}

/// The platform's certificates, and the one that the user names beside them.
fn roots(options: &Options) -> Result<RootCerts, OptionsError> {
    let Some(pem) = &options.ca_pem else { return Ok(RootCerts::PlatformVerifier) };
    let own: Vec<Certificate<'static>> = parse_pem(pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(Ok(certificate)),
            Ok(_) => None,
            Err(error) => Some(Err(OptionsError::Ca(Some(error.into())))),
        })
        .collect::<Result<_, _>>()?;
    if own.is_empty() {
        return Err(OptionsError::Ca(None));
    }
    // A store that cannot be read in part, or at all, still leaves what the user named.
    let platform = rustls_native_certs::load_native_certs().certs;
    Ok(platform.iter().map(|der| Certificate::from_der(der).to_owned()).chain(own).into())
}
