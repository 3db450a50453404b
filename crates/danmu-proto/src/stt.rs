//! STT: the text that Douyu puts into its payloads.
//!
//! ```text
//! pairs    key@=value/key@=value/
//! list     item/item/item/
//! escapes  @ is written @A,  / is written @S,  and nothing else is escaped
//! ```
//!
//! A nested structure is written first and then escaped like any other value, so each level adds one layer of escapes:
//! `list@=lev@AA=4@AS@S/` holds a list of one item that holds `lev` = 4.
//!
//! Reading follows from that. Split first, then unescape each part exactly once: `a@=b`, `1/2` or `@Alice` typed by a
//! viewer come out as they were typed. Nothing is guessed from content. Only who knows that a value is nested asks for
//! [`Value::nested`], which takes one layer off and splits again.
//!
//! Reading never fails. What no writer produces is kept in the simplest way:
//!
//! | input                      | reading                                        |
//! |----------------------------|------------------------------------------------|
//! | a segment without `@=`     | no pair; skipped by [`pairs`]                   |
//! | an empty segment           | the same; [`items`] keeps it as an empty item   |
//! | a second `@=` in a segment | stays in the value                             |
//! | no `/` at the end          | the last segment counts                        |
//! | `@` before another letter  | both characters stay                           |
//! | `@` at the end             | stays                                          |
//! | bytes that are not UTF-8   | U+FFFD in [`Value::text`], exact in [`Value::raw`] |
//!
//! Source: the protocol document v1.6.2, and recorded traffic from 2016 to 2026.

use std::borrow::Cow;
use std::fmt::{self, Display, Write as _};
use std::str::FromStr;

use memchr::{memchr, memchr2};

use crate::scan::{Segments, Source};

/// A key, a value or an item, still escaped: a slice of the payload that it stands in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Value<'a>(Source<'a>);

impl<'a> Value<'a> {
    /// Takes `bytes` as they are, and finds out whether they are UTF-8.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(match simdutf8::basic::from_utf8(bytes) {
            Ok(text) => Source::Text(text),
            Err(_) => Source::Bytes(bytes),
        })
    }

    /// Takes `bytes` without a look at them: cheaper where few of the values will be asked for.
    pub(crate) const fn unchecked(bytes: &'a [u8]) -> Self {
        Self(Source::Bytes(bytes))
    }

    /// The bytes as they came, escapes and all.
    #[inline]
    pub const fn raw(self) -> &'a [u8] {
        self.0.bytes()
    }

    /// The text, unescaped once. Borrowed unless an escape or a byte that is not UTF-8 occurs.
    pub fn text(self) -> Cow<'a, str> {
        match self.0 {
            Source::Text(text) => unescape(text),
            Source::Bytes(bytes) => match String::from_utf8_lossy(bytes) {
                Cow::Borrowed(text) => unescape(text),
                Cow::Owned(text) => match unescape(&text) {
                    Cow::Owned(plain) => Cow::Owned(plain),
                    Cow::Borrowed(_) => Cow::Owned(text),
                },
            },
        }
    }

    /// The number that stands here, or `None` if it is none or does not fit.
    pub fn number<T: FromStr>(self) -> Option<T> {
        self.plain()?.parse().ok()
    }

    /// The structure inside: unescaped once, to be split again. Ask only where the protocol has one.
    pub fn nested(self) -> Nested<'a> {
        Nested(self.text())
    }

    /// Whether the value is empty. Empty and absent differ: `el@=/` is a list without items.
    pub const fn is_empty(self) -> bool {
        self.raw().is_empty()
    }

    /// The text if it stands here in plain: UTF-8 that is not looked at for escapes. For names and numbers.
    #[inline]
    pub(crate) fn plain(self) -> Option<&'a str> {
        match self.0 {
            Source::Text(text) => Some(text),
            Source::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
        }
    }

    /// The text if the whole that this is a slice of is UTF-8, escapes and all.
    #[inline]
    pub(crate) const fn as_str(self) -> Option<&'a str> {
        match self.0 {
            Source::Text(text) => Some(text),
            Source::Bytes(_) => None,
        }
    }

    pub(crate) const fn of(source: Source<'a>) -> Self {
        Self(source)
    }

    pub(crate) const fn source(self) -> Source<'a> {
        self.0
    }

    /// Whether this, a key, is `name`.
    #[inline]
    pub(crate) fn is(self, name: &str) -> bool {
        // Nothing but these can come out of an escape or of bytes that are not UTF-8.
        let as_it_stands = !name.contains(['@', '/', char::REPLACEMENT_CHARACTER]);
        // `a@S` on the wire is the key `a/`, and no other.
        if as_it_stands { self.raw() == name.as_bytes() } else { self.text() == name }
    }

    /// Whether the whole that this is a slice of is UTF-8.
    pub(crate) const fn is_utf8(self) -> bool {
        matches!(self.0, Source::Text(_))
    }

    /// A part of it.
    #[inline]
    pub(crate) fn slice(self, start: usize, end: usize) -> Self {
        Self(match self.0 {
            Source::Text(text) => Source::Text(&text[start..end]),
            Source::Bytes(bytes) => Source::Bytes(&bytes[start..end]),
        })
    }
}

/// An empty value.
impl Default for Value<'_> {
    fn default() -> Self {
        Self(Source::Text(""))
    }
}

/// Text is UTF-8 already.
impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self(Source::Text(text))
    }
}

/// Shows the text, quoted.
impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text(), f)
    }
}

/// A structure taken out of a value: one layer of escapes is gone, the parts are still escaped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Nested<'a>(Cow<'a, str>);

impl Nested<'_> {
    /// Its pairs, if it is a map.
    pub fn pairs(&self) -> Pairs<'_> {
        pairs((&*self.0).into())
    }

    /// Its items, if it is a list.
    pub fn items(&self) -> Items<'_> {
        items((&*self.0).into())
    }

    /// The structure as STT text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The pairs of a payload or a nested map in order, with all repeats.
pub fn pairs(of: Value<'_>) -> Pairs<'_> {
    Pairs(Segments::new(of.0))
}

/// The items of a list in order. A last item without its `/` counts, an empty one between two `/` too.
pub fn items(of: Value<'_>) -> Items<'_> {
    Items(Segments::new(of.0))
}

/// The value of the first pair called `key`, a plain name; empty if there is none. Quick if that is the very first pair,
/// as the type is: each payload is asked for it on arrival.
pub(crate) fn first<'a>(of: Value<'a>, key: &str) -> Value<'a> {
    let at_once = of.raw().strip_prefix(key.as_bytes()).and_then(|rest| rest.strip_prefix(b"@="));
    if let Some(rest) = at_once {
        let start = key.len() + 2;
        let len = memchr(b'/', rest).unwrap_or(rest.len());
        return of.slice(start, start + len);
    }
    pairs(of).find(|(name, _)| name.raw() == key.as_bytes()).map_or_else(Value::default, |(_, value)| value)
}

/// Iterates over `(key, value)`.
#[derive(Clone)]
pub struct Pairs<'a>(Segments<'a>);

impl<'a> Iterator for Pairs<'a> {
    type Item = (Value<'a>, Value<'a>);

    #[expect(clippy::inline_always, reason = "a pair handed back through memory stalls who reads it")]
    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let (_, Some((key, value))) = self.0.next()? {
                return Some((Value(key), Value(value)));
            }
        }
    }
}

/// Shows what is left.
impl fmt::Debug for Pairs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.clone()).finish()
    }
}

/// Iterates over what stands between the `/`.
#[derive(Clone)]
pub struct Items<'a>(Segments<'a>);

impl<'a> Iterator for Items<'a> {
    type Item = Value<'a>;

    #[inline]
    fn next(&mut self) -> Option<Value<'a>> {
        self.0.next().map(|(item, _)| Value(item))
    }
}

/// Shows what is left.
impl fmt::Debug for Items<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

/// Takes one layer of escapes off: `@S` is `/`, `@A` is `@`, any other `@` is itself.
pub fn unescape(text: &str) -> Cow<'_, str> {
    let Some(first) = memchr(b'@', text.as_bytes()) else { return Cow::Borrowed(text) };
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut at = Some(first);
    while let Some(escape) = at {
        out.push_str(&rest[..escape]);
        let (plain, width) = match rest.as_bytes().get(escape + 1) {
            Some(b'S') => ('/', 2),
            Some(b'A') => ('@', 2),
            _ => ('@', 1),
        };
        out.push(plain);
        rest = &rest[escape + width..];
        at = memchr(b'@', rest.as_bytes());
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Writes STT: pairs or items, each escaped once. What is written reads back the same.
///
/// A nested structure is a value like any other: write it first, then pass its text.
///
/// ```
/// use danmu_proto::stt::Writer;
///
/// let inner = Writer::new().pair("lev", 4).pair("num", 1).finish();
/// let list = Writer::new().item(&inner).finish();
/// let outer = Writer::new().pair("type", "noble_num_info").pair("list", &list).finish();
/// assert_eq!(outer, "type@=noble_num_info/list@=lev@AA=4@ASnum@AA=1@AS@S/");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Writer(String);

impl Writer {
    /// Begins an empty structure.
    pub const fn new() -> Self {
        Self(String::new())
    }

    /// Adds a pair.
    #[must_use]
    pub fn pair(mut self, key: impl Display, value: impl Display) -> Self {
        self.escaped(key);
        self.0.push_str("@=");
        self.item(value)
    }

    /// Adds an item of a list.
    #[must_use]
    pub fn item(mut self, item: impl Display) -> Self {
        self.escaped(item);
        self.0.push('/');
        self
    }

    /// The text so far.
    pub fn finish(self) -> String {
        self.0
    }

    fn escaped(&mut self, part: impl Display) {
        struct Escape<'o>(&'o mut String);
        impl fmt::Write for Escape<'_> {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                let mut rest = text;
                while let Some(at) = memchr2(b'@', b'/', rest.as_bytes()) {
                    self.0.push_str(&rest[..at]);
                    self.0.push_str(if rest.as_bytes()[at] == b'@' { "@A" } else { "@S" });
                    rest = &rest[at + 1..];
                }
                self.0.push_str(rest);
                Ok(())
            }
        }
        write!(Escape(&mut self.0), "{part}").expect("writing to a String cannot fail");
    }
}
