//! Which room a name means, what goes on in it and what its gifts cost: asked of Douyu over HTTP.
//!
//! ```text
//! name ─▶ resolve ─▶ RoomId ─▶ state: live, title, owner …      betard, then the open API
//!          │ cache           └▶ gifts: names and prices         gift list and prop config
//!          └ numbers: mobile page, web page, betard, open API
//!            words:   web page (where it redirects to), mobile page, open API
//! ```
//!
//! Everything here blocks: call it from a thread, not from async code. All threads share one budget of requests.
//! Nothing is logged, and nothing is sent but to `douyu.com` and `douyucdn.cn`, or to [`Options::api`] in their place.
//!
//! ```no_run
//! use danmu_client::directory::{Directory, Options};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let directory = Directory::new(Options::default())?;
//! let room = directory.resolve(&"https://www.douyu.com/lpl".parse()?)?.room;
//! let state = directory.state(room)?;
//! println!("{room}: {}, live: {:?}", state.title.unwrap_or_default(), state.live);
//! # Ok(())
//! # }
//! ```

mod api;
mod budget;
mod cache;
mod gifts;
mod json;
mod name;
mod page;
mod resolve;
mod state;
mod url;
mod web;

use std::error::Error as StdError;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use thiserror::Error;

pub use self::api::Api;
pub use self::gifts::{Gift, Gifts, read_gift_table};
pub use self::name::{NoRoomName, RoomName};
pub use self::resolve::{How, Resolved};
pub use self::state::RoomState;
pub use self::web::RequestError;

use self::cache::Cache;
use self::gifts::Props;
use self::url::Url;
use self::web::{Left, MOST_REDIRECTS, Reply, Web};
use crate::RoomId;

/// How Douyu is asked.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Another base for all addresses: `https://HOST/PATH` is asked for at `BASE/HOST/PATH`, so that one server can
    /// stand in for all of Douyu's. An answer may lead on to `https://HOST/…`, `/…` or `BASE/HOST/…`. Default: none.
    pub api: Option<String>,
    /// `http://`, `https://`, `socks4://`, `socks4a://` or `socks5://` and `USER:PASSWORD@HOST:PORT`. Default: none; the
    /// environment is not looked at.
    pub proxy: Option<String>,
    /// Certificates (PEM) to trust beside those of the platform. Default: none.
    pub ca_pem: Option<Vec<u8>>,
    /// How long one request may take, from the look-up of the host's name to the end of the answer. Default 10 s.
    pub request: Duration,
    /// How long all requests for one question may take together. Waiting for the budget does not count. Default 15 s.
    pub lookup: Duration,
    /// How many requests are sent a second, over all threads, evenly spaced. Default 2: nobody minds that.
    pub requests_per_second: u32,
    /// How many requests may be under way at once. Default 4.
    pub requests_at_once: usize,
    /// A file that keeps which room a name meant; it may be shared by processes. Default: none, memory only.
    pub cache: Option<PathBuf>,
    /// How long it is believed which room a name meant. Default 7 days: vanity numbers change hands, but rarely.
    pub keep_names: Duration,
    /// What time it is; for tests.
    pub clock: fn() -> SystemTime,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            api: None,
            proxy: None,
            ca_pem: None,
            request: Duration::from_secs(10),
            lookup: Duration::from_secs(15),
            requests_per_second: 2,
            requests_at_once: 4,
            cache: None,
            keep_names: Duration::from_secs(7 * 24 * 3600),
            clock: SystemTime::now,
        }
    }
}

/// Options that cannot be followed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OptionsError {
    /// The base is no address.
    #[error("{given:?} is no base for Douyu's addresses: write http://HOST:PORT or https://HOST/PATH")]
    Base {
        /// What was given.
        given: String,
    },
    /// The proxy is no address.
    #[error("the proxy's address is not valid: write http://HOST:PORT or socks5://HOST:PORT")]
    Proxy(#[source] Box<dyn StdError + Send + Sync>),
    /// The certificates cannot be read.
    #[error("the CA file holds no certificate that can be read: it must be PEM, with BEGIN CERTIFICATE")]
    Ca(#[source] Option<Box<dyn StdError + Send + Sync>>),
}

/// Asks Douyu about rooms. One is enough for a process: its budget holds for all that goes through it.
#[derive(Debug)]
pub struct Directory {
    options: Options,
    web: Web,
    cache: Cache,
    props: Props,
    /// Makes addresses unique, so that no cache on the way answers.
    unique: AtomicU64,
}

/// Why a question has no answer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LookupError {
    /// Douyu says that there is no such room.
    #[error("Douyu knows no room {name}: check the number, the name or the link in a browser")]
    NoSuchRoom {
        /// What was asked for.
        name: RoomName,
    },
    /// Nobody who was asked could say.
    #[error("cannot find out {question}: {}", Tried(.tried))]
    Unanswered {
        /// What was asked.
        question: Question,
        /// Who was asked, in this order, and what came of it.
        tried: Vec<Failure>,
    },
}

/// What can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Question {
    /// Which room it is.
    Room(RoomName),
    /// What goes on in the room.
    State(RoomId),
    /// What the gifts of the room cost.
    Gifts(RoomId),
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Room(name) => write!(f, "which room {name} is"),
            Self::State(room) => write!(f, "the state of room {room}"),
            Self::Gifts(room) => write!(f, "the gifts of room {room}"),
        }
    }
}

/// A request that did not give what it was sent for. Shown with its causes.
#[derive(Debug)]
#[non_exhaustive]
pub struct Failure {
    /// Which request.
    pub api: Api,
    /// What went wrong.
    pub error: RequestError,
}

impl Failure {
    /// Whether Douyu says by this that there is no such room.
    const fn denies_room(&self) -> bool {
        matches!(self.error, RequestError::Status(404) | RequestError::Service { code: 101 })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.api.host(), self.error)?;
        let mut cause = self.error.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

/// Every failure, and what to do about the first: it is mostly that of all.
struct Tried<'a>(&'a [Failure]);

impl fmt::Display for Tried<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for failure in self.0 {
            write!(f, "{failure}; ")?;
        }
        f.write_str(self.0.first().map_or("try again later", |first| first.error.advice()))
    }
}

/// How one request went.
#[derive(Debug)]
#[non_exhaustive]
pub struct Probe {
    /// Which request.
    pub api: Api,
    /// Where it was sent to, as configured.
    pub url: String,
    /// Whether the answer was of use.
    pub outcome: Result<(), RequestError>,
    /// How long it took, redirects included, without waiting for the budget.
    pub took: Duration,
}

impl Directory {
    /// A directory with these options. Sends nothing yet.
    pub fn new(options: Options) -> Result<Self, OptionsError> {
        let started = (options.clock)().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Self {
            web: Web::new(&options)?,
            cache: Cache::open(options.cache.clone(), options.keep_names),
            props: Props::default(),
            unique: AtomicU64::new(started.as_micros() as u64),
            options,
        })
    }

    /// Tries each request once, whatever comes of the others, with a room that has been there for years: for finding
    /// out what works from here.
    pub fn probe(&self) -> Vec<Probe> {
        let name = RoomName::from(RoomId::new(9999).expect("9999 is in range"));
        let probe = |&api: &Api| {
            let mut left = self.left();
            let outcome = match api {
                Api::MobilePage | Api::WebPage => self.page(api, &name, &mut left).map(drop),
                Api::Betard => self.betard(&name, &mut left).map(drop),
                Api::RoomApi => self.room_api(&name, &mut left).map(drop),
                Api::GiftList => self.gift_list(&name, &mut left).map(drop),
                Api::PropConfig => self.prop_config(&name, &mut left).map(drop),
            };
            let url = self.web.wire(&Url::https(api.host(), api.target(&name)));
            Probe { api, url, outcome, took: self.options.lookup.saturating_sub(left.0) }
        };
        Api::ALL.iter().map(probe).collect()
    }

    /// The text at an address, wherever that leads.
    fn text(&self, api: Api, target: String, room: &RoomName, left: &mut Left) -> Result<String, RequestError> {
        let mut url = Url::https(api.host(), target);
        for _ in 0..=MOST_REDIRECTS {
            match self.web.ask(&url, &referer(room), api.limit_bytes(), left)? {
                Reply::Text(text) => return Ok(text),
                Reply::Redirect(to) => url = to,
            }
        }
        Err(RequestError::Redirects)
    }

    fn left(&self) -> Left {
        Left(self.options.lookup)
    }

    fn now(&self) -> SystemTime {
        (self.options.clock)()
    }

    /// A number that no address had before.
    fn unique(&self) -> u64 {
        self.unique.fetch_add(1, Ordering::Relaxed)
    }
}

/// The page that a browser would ask from.
fn referer(room: &RoomName) -> String {
    format!("https://www.douyu.com/{}", room.path())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_text_makes_a_reader_panic(text in any::<String>(), more in r#"["'\\\\{}\\[\\]:=.,()/?#@0-9 a-c<-]*(rid|room_id)?["'\\\\{}\\[\\]:=.,()/?#@0-9 a-c<-]*"#) {
            for text in [&text, &more, &format!("https://www.douyu.com/{more}"), &format!("DYConfigCallback({text})")] {
                if let Ok(name) = text.parse::<RoomName>() {
                    prop_assert_eq!(name.to_string().parse(), Ok(name));
                }
                if let Ok(url) = Url::https("www.douyu.com", "/x/y?z".to_owned()).join(text) {
                    prop_assert!(url.target.starts_with('/') && url.to_string().bytes().all(|b| b.is_ascii_graphic()));
                }
                let _ = (page::room_in_mobile_page(text), page::room_in_web_page(text));
                let _ = (state::read_betard(text, None), state::read_room_api(text, None));
                let _ = (gifts::read_gift_list(text), gifts::read_prop_config(text));
            }
        }
    }
}
