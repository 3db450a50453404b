//! A payload as a table of fields, looked up by their wire names.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use crate::scan::{MarkedPairs, Marker, Marks, Source};
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
        self.pairs().filter(move |(name, _)| name.is(key)).map(|(_, value)| value)
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

/// Finds where all fields of a payload lie, in one pass, for who looks up many of them. Keeps its memory for the next one.
///
/// ```
/// use danmu_proto::fields::Index;
///
/// let mut index = Index::default();
/// let fields = index.read(b"type@=chatmsg/nn@=x/txt@=1@S2/");
/// assert_eq!((fields.len(), &*fields.text("txt")), (3, "1/2"));
/// let fields = index.read(b"type@=mrkl/");
/// assert_eq!(fields.text("type"), "mrkl");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Index(Marker);

impl Index {
    /// The fields of `payload`, which is checked as UTF-8 here, once and whole.
    pub fn read<'a>(&mut self, payload: &'a [u8]) -> Indexed<'_, 'a> {
        let fields = Fields::new(payload);
        Indexed { fields, marks: self.0.mark(fields.0.source()) }
    }

    /// The pairs of a payload that is nothing but pairs, `key@=value/` each: keys, and values with the `/` behind them. Put
    /// together again, they are the payload. `None` if it is not. Nothing is checked as UTF-8.
    pub fn exact<'a>(&mut self, payload: &'a [u8]) -> Option<impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone> {
        Some(self.0.mark(Source::Bytes(payload))?.exact())
    }
}

/// [`Fields`] of which is known where they lie: the same look-ups, for less.
#[derive(Clone, Copy)]
pub struct Indexed<'i, 'a> {
    fields: Fields<'a>,
    /// `None` if a segment is no pair, or has more than one `@=`: rare enough to be looked up as ever.
    marks: Option<Marks<'i, 'a>>,
}

impl<'i, 'a> Indexed<'i, 'a> {
    /// The same without the index.
    pub const fn fields(self) -> Fields<'a> {
        self.fields
    }

    /// How many there are, with all repeats.
    pub fn len(self) -> usize {
        self.marks.map_or_else(|| self.fields.pairs().count(), Marks::len)
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// All pairs in order, with all repeats.
    pub fn pairs(self) -> IndexedPairs<'i, 'a> {
        match self.marks {
            Some(marks) => IndexedPairs(Way::Marks(marks.pairs())),
            None => IndexedPairs(Way::Odd(self.fields.pairs())),
        }
    }

    /// The first field called `key`.
    pub fn get(self, key: &str) -> Option<Value<'a>> {
        self.pairs().find(|(name, _)| name.is(key)).map(|(_, value)| value)
    }

    /// A text, unescaped; empty if there is none.
    pub fn text(self, key: &str) -> Cow<'a, str> {
        self.get(key).unwrap_or_default().text()
    }

    /// A number; `None` if there is none, or if it is no number of this type.
    pub fn number<T: FromStr>(self, key: &str) -> Option<T> {
        self.get(key)?.number()
    }
}

/// Iterates over `(key, value)`.
#[derive(Clone)]
pub struct IndexedPairs<'i, 'a>(Way<'i, 'a>);

#[derive(Clone)]
enum Way<'i, 'a> {
    Marks(MarkedPairs<'i, 'a>),
    Odd(Pairs<'a>),
}

impl<'a> Iterator for IndexedPairs<'_, 'a> {
    type Item = (Value<'a>, Value<'a>);

    #[expect(clippy::inline_always, reason = "a pair handed back through memory stalls who reads it")]
    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Way::Marks(pairs) => pairs.next().map(|(key, value)| (Value::of(key), Value::of(value))),
            Way::Odd(pairs) => pairs.next(),
        }
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
