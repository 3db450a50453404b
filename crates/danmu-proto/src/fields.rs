//! A payload as a table of fields, looked up by their wire names.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use crate::stt::{self, Nested, Pairs, Value};

/// The fields of one payload. Borrows from it, copies nothing, and forgets nothing.
///
/// A look-up gives the first field of that name: where the server repeats a key, the first is the one that means
/// something (`rid` in `qausrespond` is the room first and −1 later).
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Fields<'a>(Value<'a>);

impl<'a> Fields<'a> {
    /// The fields of `payload`, which is checked as UTF-8 here, once and whole.
    pub fn new(payload: &'a [u8]) -> Self {
        Self(Value::new(payload))
    }

    /// All pairs in order, with all repeats.
    pub fn pairs(self) -> Pairs<'a> {
        stt::pairs(self.0)
    }

    /// The first field called `key`.
    pub fn get(self, key: &str) -> Option<Value<'a>> {
        self.all(key).next()
    }

    /// Every field called `key`, in order.
    pub fn all(self, key: &str) -> impl Iterator<Item = Value<'a>> {
        self.pairs().filter(move |(name, _)| name.raw() == key.as_bytes() || name.text() == key).map(|(_, value)| value)
    }

    /// A text, unescaped; empty if there is none.
    pub fn text(self, key: &str) -> Cow<'a, str> {
        self.get(key).unwrap_or_default().text()
    }

    /// A number; `None` if there is none, or if it is no number of this type.
    pub fn number<T: FromStr>(self, key: &str) -> Option<T> {
        self.get(key)?.number()
    }

    /// A map or list inside a field; empty if there is none.
    pub fn nested(self, key: &str) -> Nested<'a> {
        self.get(key).unwrap_or_default().nested()
    }

    /// The message's type on the wire: the first `type`, wherever it stands. Empty if there is none.
    pub fn kind(self) -> Cow<'a, str> {
        stt::first(self.0, "type").text()
    }

    /// Whether the payload holds bytes that are not UTF-8, so that text shows U+FFFD in their place.
    pub const fn is_lossy(self) -> bool {
        !self.0.is_utf8()
    }

    /// The payload as a value.
    pub(crate) const fn whole(self) -> Value<'a> {
        self.0
    }

    /// The payload itself.
    pub const fn payload(self) -> &'a [u8] {
        self.0.raw()
    }
}

/// A nested map is looked up in the same way.
impl<'a> From<&'a Nested<'_>> for Fields<'a> {
    fn from(nested: &'a Nested<'_>) -> Self {
        Self(nested.as_str().into())
    }
}

/// Shows the pairs.
impl fmt::Debug for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.pairs()).finish()
    }
}
