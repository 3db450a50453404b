//! Views: how the fields of a payload become those of a struct.
//!
//! First every value is located, in one pass over the payload; then each field takes the one that it names. A value that
//! is absent is read like an empty one: as no number, no text, no mark.

use std::borrow::Cow;
use std::str::FromStr;

use crate::fields::Fields;
use crate::keys::{NONE, ViewKeys};
use crate::scan::{MOST, Values};
use crate::stt::{self, Nested, Value};

/// How a wire value becomes a field of a view. A value that does not parse is absent, never an error.
pub(super) trait Field<'a>: Sized {
    /// From a value that may hold anything.
    fn of(value: Value<'a>) -> Self;

    /// The same from a payload that is UTF-8, and in which every segment is one pair.
    #[inline]
    fn at(values: Values<'_, 'a>, place: usize) -> Self {
        Self::of(values.raw(place).into())
    }
}

/// Text: empty if absent.
impl<'a> Field<'a> for Cow<'a, str> {
    fn of(value: Value<'a>) -> Self {
        value.text()
    }

    #[inline]
    fn at(values: Values<'_, 'a>, place: usize) -> Self {
        let text = values.raw(place);
        if values.has_at(place) { stt::unescape(text) } else { Cow::Borrowed(text) }
    }
}

/// Text of an entry, which must outlive the list that it was taken from: empty if absent.
impl<'a> Field<'a> for String {
    fn of(value: Value<'a>) -> Self {
        value.text().into_owned()
    }
}

/// A structure: empty if absent.
impl<'a> Field<'a> for Nested<'a> {
    fn of(value: Value<'a>) -> Self {
        value.nested()
    }
}

/// A structure that few will ask for: as it stands, to be taken apart by who does.
impl<'a> Field<'a> for Value<'a> {
    #[inline]
    fn of(value: Value<'a>) -> Self {
        value
    }
}

/// A mark: set if the value is `1`.
impl<'a> Field<'a> for bool {
    #[inline]
    fn of(value: Value<'a>) -> Self {
        value.raw() == b"1"
    }
}

/// A number: `None` if absent or not one.
impl<'a, T: FromStr + TryFrom<u64>> Field<'a> for Option<T> {
    fn of(value: Value<'a>) -> Self {
        value.number()
    }

    #[inline]
    fn at(values: Values<'_, 'a>, place: usize) -> Self {
        match values.few_digits(place) {
            Some(number) => T::try_from(u64::from(number)).ok(),
            None => many_digits(values, place),
        }
    }
}

/// A number that is longer than four digits, signed, or none.
#[inline(never)]
fn many_digits<T: FromStr + TryFrom<u64>>(values: Values<'_, '_>, place: usize) -> Option<T> {
    let value = values.raw(place);
    if value.is_empty() {
        return None;
    }
    match values.digits(place) {
        Some(number) => T::try_from(number).ok(),
        None => value.parse().ok(),
    }
}

/// The values of `keys` by place, in any payload: the first of each. Absent ones are empty.
#[cold]
pub(super) fn one_by_one<'a>(fields: Fields<'a>, keys: &ViewKeys) -> [Value<'a>; MOST] {
    let mut values = [None; MOST];
    for (key, value) in fields.pairs() {
        let place = keys.place(key.raw());
        if place != NONE {
            values[place as usize].get_or_insert(value);
        }
    }
    values.map(Option::unwrap_or_default)
}

/// Reads a struct whose fields are named after the wire.
macro_rules! take {
    ($fields:expr, $($field:ident = $($wire:literal)|+,)*; $($rest:tt)*) => {{
        #[expect(non_camel_case_types, reason = "named like the fields")]
        enum Place { $($field,)* }
        static KEYS: $crate::keys::ViewKeys = $crate::keys::Keys::new(&[$($(($wire, Place::$field as u8),)+)*]);
        const { assert!([$(stringify!($field)),*].len() <= $crate::scan::MOST, "a view with too many fields") };
        let mut located = $crate::scan::Located::new($fields.whole().as_str().unwrap_or_default());
        if let Some(values) = located.find(&KEYS) {
            Self { $($field: $crate::message::view::Field::at(values, Place::$field as usize),)* $($rest)* }
        } else {
            let values = $crate::message::view::one_by_one($fields, &KEYS);
            Self { $($field: $crate::message::view::Field::of(values[Place::$field as usize]),)* $($rest)* }
        }
    }};
}

/// Declares a view of a message: a struct whose fields name the wire fields that they are read from. It borrows from
/// the payload.
macro_rules! view {
    (
        $(#[$doc:meta])*
        $name:ident {
            $($(#[$field_doc:meta])* $field:ident: $type:ty = $($wire:literal)|+,)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq)]
        #[non_exhaustive]
        pub struct $name<'a> {
            $($(#[$field_doc])* pub $field: $type,)*
            /// All fields, those too that have no place above.
            pub fields: $crate::fields::Fields<'a>,
        }

        impl<'a> $name<'a> {
            /// Reads the view from the fields of a payload, or of a nested map.
            // Written where it stays: a view is large, and moving it costs a tenth of reading it.
            #[inline(always)]
            pub fn read(fields: $crate::fields::Fields<'a>) -> Self {
                take!(fields, $($field = $($wire)|+,)*; fields)
            }
        }
    };
}

/// Declares an entry of a nested list, or a nested map. It owns its text: inside a list every `@=` is escaped, so what
/// is read from an entry never lies in the payload as such.
macro_rules! entry {
    (
        $(#[$doc:meta])*
        $name:ident {
            $($(#[$field_doc:meta])* $field:ident: $type:ty = $($wire:literal)|+,)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)*
        }

        impl $crate::message::Entry for $name {
            fn read(fields: $crate::fields::Fields<'_>) -> Self {
                take!(fields, $($field = $($wire)|+,)*;)
            }
        }
    };
}

/// What `entry!` declares.
pub(super) trait Entry {
    fn read(fields: Fields<'_>) -> Self;
}

/// The maps in a list, in order. An item without a single pair is none: some lists have a lone `|` between their maps.
pub(super) fn entries<T: Entry>(list: &Nested<'_>) -> impl Iterator<Item = T> {
    list.items()
        .map(Value::nested)
        .filter(|item| item.pairs().next().is_some())
        .map(|item| T::read(Fields::from(&item)))
}
