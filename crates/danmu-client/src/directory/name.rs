//! Room names: what people write when they mean a room.
//!
//! | written | is |
//! |---|---|
//! | `9999` | a number: the real one, or a vanity one that stands for it |
//! | `lpl` | a word that stands for a room |
//! | `douyu.com/9999`, `https://www.douyu.com/lpl?from=x#y`, `m.douyu.com/9999` | the same, as a link |
//! | `www.douyu.com/beta/9999`, `…/room/share/9999` | links to other pages of the room |
//! | `www.douyu.com/topic/x?rid=123` | a page about something, with its room |
//! | `www.douyu.com/topic/x` | one that only Douyu knows the room of |

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::url::Url;
use crate::RoomId;

/// The name of a room as a user writes it. Read it with [`str::parse`]; [`Directory::resolve`](super::Directory::resolve)
/// tells which room it means.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RoomName(pub(super) Kind);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// Of the range of a [`RoomId`], but maybe a vanity number.
    Number(RoomId),
    /// ASCII letters, digits, `_` and `-`; not only digits.
    Word(String),
    /// The last part of the path of a topic page, of the same characters.
    Topic(String),
}

impl RoomName {
    /// The number that was written, if one was: the room's real number, unless it is a vanity number.
    pub const fn number(&self) -> Option<RoomId> {
        match self.0 {
            Kind::Number(number) => Some(number),
            Kind::Word(_) | Kind::Topic(_) => None,
        }
    }

    /// The path of its page, without the first slash.
    pub(super) fn path(&self) -> String {
        match &self.0 {
            Kind::Number(number) => number.to_string(),
            Kind::Word(word) => word.clone(),
            Kind::Topic(topic) => format!("topic/{topic}"),
        }
    }
}

impl From<RoomId> for RoomName {
    fn from(room: RoomId) -> Self {
        Self(Kind::Number(room))
    }
}

/// In its shortest form, which reads back as the same.
impl fmt::Display for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let site = if matches!(self.0, Kind::Topic(_)) { "douyu.com/" } else { "" };
        write!(f, "{site}{}", self.path())
    }
}

/// Not the name of a room.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "{given:?} names no room: {problem}; write a number (9999), a name (lpl) or a link (https://www.douyu.com/9999)"
)]
pub struct NoRoomName {
    given: String,
    problem: &'static str,
}

impl FromStr for RoomName {
    type Err = NoRoomName;

    fn from_str(given: &str) -> Result<Self, NoRoomName> {
        // What people paste has blanks around it.
        let text = given.trim();
        let kind = if text.is_empty() {
            Err("it is empty")
        } else if text.contains(['/', '.', ':']) {
            link(text)
        } else {
            single(text)
        };
        kind.map(Self).map_err(|problem| NoRoomName { given: shortened(given), problem })
    }
}

fn link(text: &str) -> Result<Kind, &'static str> {
    let url = if text.contains("://") { Url::parse(text) } else { Url::parse(&format!("https://{text}")) };
    let url = url.map_err(|_| "it is no link that starts with http:// or https:// and has no blanks")?;
    if !url.is_page_host() {
        return Err("the link does not lead to douyu.com");
    }
    let in_query = || url.query("rid").ok_or(NO_ROOM_IN_LINK).and_then(number);
    let parts: Vec<&str> = url.path().split('/').filter(|part| !part.is_empty()).take(4).collect();
    match parts[..] {
        ["topic", topic] => match url.query("rid") {
            Some(rid) => number(rid),
            None if is_word(topic) => Ok(Kind::Topic(topic.to_owned())),
            None => Err(NO_ROOM_IN_LINK),
        },
        [room] | ["beta", room] | ["room", "share", room] if !PAGES.contains(&room) => single(room),
        _ => in_query(),
    }
}

fn single(text: &str) -> Result<Kind, &'static str> {
    if text.bytes().all(|b| b.is_ascii_digit()) {
        number(text)
    } else if PAGES.contains(&text) {
        Err("Douyu has a page of this name that is no room")
    } else if is_word(text) {
        Ok(Kind::Word(text.to_owned()))
    } else {
        Err("a room's name has at most 64 letters, digits, _ and -, and starts with a letter or digit")
    }
}

fn number(text: &str) -> Result<Kind, &'static str> {
    text.parse().map(Kind::Number).map_err(|_| "room numbers go from 1 to 9223372036854775807")
}

fn is_word(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

/// What an error repeats of the text, however long that is.
fn shortened(text: &str) -> String {
    const KEPT: usize = 80;
    let mut short: String = text.chars().take(KEPT).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

const NO_ROOM_IN_LINK: &str = "the link leads to no room";

/// Pages of douyu.com whose path has one part and that are no rooms.
const PAGES: [&str; 11] =
    ["beta", "client", "directory", "index", "login", "member", "room", "search", "topic", "user", "video"];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn reads(text: &str, name: &str) {
        let read: RoomName = text.parse().unwrap();
        assert_eq!(read.to_string(), name);
        assert_eq!(name.parse(), Ok(read), "what it is shown as reads back");
    }

    #[track_caller]
    fn fails(text: &str, problem: &str) {
        let error = text.parse::<RoomName>().unwrap_err().to_string();
        assert!(error.contains(problem) && error.contains("write a number"), "{error}");
        assert!(error.len() < 600 && !error.contains(char::is_control), "{error}");
    }

    #[test]
    fn every_form_of_a_name_is_read() {
        reads("9999", "9999");
        reads(" 9999\n", "9999");
        reads("0009999", "9999");
        reads("9223372036854775807", "9223372036854775807");
        reads("lpl", "lpl");
        reads("LPL_2026-x", "LPL_2026-x");
        reads("douyu.com/9999", "9999");
        reads("www.douyu.com/9999/", "9999");
        reads("https://www.douyu.com/9999", "9999");
        reads("HTTP://WWW.DOUYU.COM/9999?dyshid=0-a&x=/5#top", "9999");
        reads("https://www.douyu.com:443/lpl?from=search", "lpl");
        reads("//www.douyu.com/9999".trim_start_matches('/'), "9999");
        reads("m.douyu.com/9999?type=share", "9999");
        reads("https://www.douyu.com/beta/9999", "9999");
        reads("https://m.douyu.com/room/share/9999", "9999");
        reads("www.douyu.com/topic/x?rid=123", "123");
        reads("https://www.douyu.com/topic/x?a=1&rid=123#b", "123");
        reads("https://www.douyu.com/topic/msi2026", "douyu.com/topic/msi2026");
        reads("https://www.douyu.com/?rid=123", "123");
        reads("https://www.douyu.com/directory/myFollow?rid=123", "123");
    }

    #[test]
    fn what_names_no_room_says_why_and_what_to_write() {
        fails("", "it is empty");
        fails(" \t", "it is empty");
        fails("0", "from 1 to");
        fails("9223372036854775808", "from 1 to");
        fails(&"9".repeat(1 << 20), "from 1 to");
        fails("-5", "letters, digits");
        fails("弹幕", "letters, digits");
        fails("a b", "letters, digits");
        fails("lpl\u{1b}[2J", "letters, digits");
        fails(&"x".repeat(65), "letters, digits");
        fails("directory", "a page of this name");
        fails("douyu.com", "leads to no room");
        fails("https://www.douyu.com/directory/all", "leads to no room");
        fails("https://www.douyu.com/search", "leads to no room");
        fails("https://www.douyu.com/a/b/c/d/e", "leads to no room");
        fails("https://www.douyu.com/topic/x?rid=", "from 1 to");
        fails("https://www.douyu.com/topic/%2e%2e", "leads to no room");
        fails("https://www.douyu.com/..", "letters, digits");
        fails("https://live.bilibili.com/5", "does not lead to douyu.com");
        fails("https://douyu.com.evil.example/5", "does not lead to douyu.com");
        fails("https://me@douyu.com/5", "does not lead to douyu.com");
        fails("https://www.douyu.com:8080/5", "does not lead to douyu.com");
        fails("ftp://douyu.com/5", "no link");
        fails("https://www.douyu.com/9999 x", "no link");
        fails("tcp://127.0.0.1:8601", "no link");
        fails("/9999", "no link");
        fails("12.5", "does not lead to douyu.com");
    }
}
