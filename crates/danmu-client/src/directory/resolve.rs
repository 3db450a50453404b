//! From a room's name to the room.

use super::name::{Kind, RoomName};
use super::page::{is_douyus, room_in_mobile_page, room_in_web_page};
use super::url::Url;
use super::web::{Left, MOST_REDIRECTS, Reply};
use super::{Api, Directory, Failure, LookupError, Question, RequestError, referer};
use crate::RoomId;

/// A room, and how it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Resolved {
    /// Its real number, unless `how` says otherwise.
    pub room: RoomId,
    /// Who says so.
    pub how: How,
}

/// Where the number of a room is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum How {
    /// Asked not long ago.
    Cache,
    /// The room's page for phones.
    MobilePage,
    /// The room's page.
    WebPage,
    /// Where a page redirected to.
    Redirect,
    /// The data of the room's page.
    Betard,
    /// The open API.
    RoomApi,
    /// The open API knows the number, but gives vanity numbers back as they are, and nobody else answered: it may be
    /// one, and then the room's chat stays silent. Not cached.
    Unchecked,
}

impl How {
    /// A short name that does not change: for programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cache => "cache",
            Self::MobilePage => "mobile_page",
            Self::WebPage => "web_page",
            Self::Redirect => "redirect",
            Self::Betard => "betard",
            Self::RoomApi => "room_api",
            Self::Unchecked => "unchecked",
        }
    }
}

impl Directory {
    /// Which room a name means. Blocks for at most [`Options::lookup`](super::Options::lookup), and while other threads
    /// have their turns.
    ///
    /// # Errors
    /// [`LookupError::NoSuchRoom`] only if Douyu says so and nobody knows better.
    pub fn resolve(&self, name: &RoomName) -> Result<Resolved, LookupError> {
        if let Some(room) = self.cache.get(name, self.now()) {
            return Ok(Resolved { room, how: How::Cache });
        }
        let mut left = self.left();
        let mut tried = Vec::new();
        for &api in methods(name) {
            match self.found_by(api, name, &mut left) {
                Ok(found) => {
                    if found.how != How::Unchecked {
                        self.cache.put(name, found.room, self.now());
                    }
                    return Ok(found);
                }
                Err(error) => tried.push(Failure { api, error }),
            }
        }
        // That betard does not know a number says nothing: it knows no vanity numbers.
        if tried.iter().any(|failure| failure.api != Api::Betard && failure.denies_room()) {
            return Err(LookupError::NoSuchRoom { name: name.clone() });
        }
        Err(LookupError::Unanswered { question: Question::Room(name.clone()), tried })
    }

    /// The room that a page tells of or redirects to.
    pub(super) fn page(&self, api: Api, name: &RoomName, left: &mut Left) -> Result<Resolved, RequestError> {
        let mut url = Url::https(api.host(), api.target(name));
        for _ in 0..=MOST_REDIRECTS {
            match self.web.ask(&url, &referer(name), api.limit_bytes(), left)? {
                Reply::Text(html) => return room_in(api, &html),
                // A room that is not there leads home, where other rooms are recommended.
                Reply::Redirect(to) if to.path() == "/" && to.query("rid").is_none() => {
                    return Err(RequestError::NoRoom);
                }
                Reply::Redirect(to) => match to.to_string().parse().ok().and_then(|to: RoomName| to.number()) {
                    // The same number at another address is as good or bad as before.
                    Some(room) if name.number() != Some(room) => return Ok(Resolved { room, how: How::Redirect }),
                    _ => url = to,
                },
            }
        }
        Err(RequestError::Redirects)
    }

    fn found_by(&self, api: Api, name: &RoomName, left: &mut Left) -> Result<Resolved, RequestError> {
        match api {
            Api::Betard => self.betard(name, left).map(|state| Resolved { room: state.room, how: How::Betard }),
            Api::RoomApi => {
                let room = self.room_api(name, left)?.room;
                let how = if name.number() == Some(room) { How::Unchecked } else { How::RoomApi };
                Ok(Resolved { room, how })
            }
            page => self.page(page, name, left),
        }
    }
}

/// Who is asked about a name, in this order.
const fn methods(name: &RoomName) -> &'static [Api] {
    match name.0 {
        Kind::Number(_) => &[Api::MobilePage, Api::WebPage, Api::Betard, Api::RoomApi],
        // The web page is known to redirect a word to its number. Betard refuses words.
        Kind::Word(_) => &[Api::WebPage, Api::MobilePage, Api::RoomApi],
        Kind::Topic(_) => &[Api::WebPage],
    }
}

fn room_in(api: Api, html: &str) -> Result<Resolved, RequestError> {
    let (room, how) = match api {
        Api::MobilePage => (room_in_mobile_page(html), How::MobilePage),
        _ => (room_in_web_page(html), How::WebPage),
    };
    match room {
        Some(room) => Ok(Resolved { room, how }),
        None if html.trim().is_empty() => Err(RequestError::Empty),
        None if is_douyus(html) => Err(RequestError::NoRoom),
        None => Err(RequestError::Portal),
    }
}
