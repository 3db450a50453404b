//! Messages: a payload with a type, seen as a struct.
//!
//! Each type that means something to a user has a line in the table below and a struct in the file of its subject.
//! All others are [`Message::Other`], with all their fields: event types change every year, and an unknown one is
//! normal. To add a type, add a line here and a [`view!`](self) in `message/`.

use std::borrow::Cow;
use std::str::FromStr;

use crate::fields::Fields;
use crate::stt::{self, Nested, Value};

/// How a wire value becomes a field of a view. A value that does not parse is absent, never an error.
trait FromValue<'a>: Default {
    fn from_value(value: Value<'a>) -> Self;
}

/// Text: empty if absent.
impl<'a> FromValue<'a> for Cow<'a, str> {
    fn from_value(value: Value<'a>) -> Self {
        value.text()
    }
}

/// A structure: empty if absent.
impl<'a> FromValue<'a> for Nested<'a> {
    fn from_value(value: Value<'a>) -> Self {
        value.nested()
    }
}

/// A number: `None` if absent or not one.
impl<'a, T: FromStr> FromValue<'a> for Option<T> {
    fn from_value(value: Value<'a>) -> Self {
        value.number()
    }
}

/// A mark: set if the value is `1`.
impl<'a> FromValue<'a> for bool {
    fn from_value(value: Value<'a>) -> Self {
        value.raw() == b"1"
    }
}

/// Declares a view: a struct whose fields name the wire fields they are read from, and the one pass that reads it.
/// Where the server repeats a key, or several names are given, the first in the payload counts.
macro_rules! view {
    (
        $(#[$doc:meta])*
        $name:ident {
            $($(#[$field_doc:meta])* $field:ident: $type:ty = $wire:pat,)*
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
            pub fn read(fields: $crate::fields::Fields<'a>) -> Self {
                #[derive(Default)]
                struct Seen {
                    $($field: bool,)*
                }
                let mut view = Self { fields, ..Self::default() };
                let mut seen = Seen::default();
                for (key, value) in fields.pairs() {
                    match key.plain().unwrap_or_default() {
                        $($wire if !seen.$field => {
                            seen.$field = true;
                            view.$field = $crate::message::FromValue::from_value(value);
                        })*
                        _ => {}
                    }
                }
                view
            }
        }
    };
}

pub mod chat;
pub mod control;
pub mod gift;

/// Gives the enum, how a payload becomes one, and the list of the types.
macro_rules! messages {
    ($($(#[$doc:meta])* $wire:literal $(| $also:literal)* => $variant:ident($view:path),)*) => {
        /// A message, or control of the session, as what it is.
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum Message<'a> {
            $($(#[$doc])* $variant($view),)*
            /// A type without a view of its own, or a payload without a type.
            Other(Fields<'a>),
        }

        impl<'a> Message<'a> {
            /// The wire names of all types that have a view.
            pub const TYPES: &'static [&'static str] = &[$($wire, $($also,)*)*];

            /// Reads a payload.
            pub fn read(payload: &'a [u8]) -> Self {
                Self::of(Fields::new(payload))
            }

            /// Reads fields.
            pub fn of(fields: Fields<'a>) -> Self {
                match &*fields.kind() {
                    $($wire $(| $also)* => Self::$variant(<$view>::read(fields)),)*
                    _ => Self::Other(fields),
                }
            }

            /// All fields of the message.
            pub const fn fields(&self) -> Fields<'a> {
                match self {
                    $(Self::$variant(view) => view.fields,)*
                    Self::Other(fields) => *fields,
                }
            }
        }
    };
}

messages! {
    /// A line of chat.
    "chatmsg" => Chat(chat::Chat<'a>),
    /// Chat with something around it: the paid, timed super chat above all.
    "comm_chatmsg" => WrappedChat(chat::WrappedChat<'a>),
    /// A gift, or one step of a run of them.
    "dgb" => Gift(gift::Gift<'a>),
    /// Answer to the login.
    "loginres" => Login(control::Login<'a>),
    /// The server's last word before it closes.
    "error" => Error(control::Error<'a>),
}

/// The type of a payload, without looking at the rest of it. Empty if it has none.
pub fn kind(payload: &[u8]) -> Cow<'_, str> {
    stt::pairs(Value::unchecked(payload))
        .find(|(key, _)| key.raw() == b"type")
        .map_or_else(Cow::default, |(_, v)| v.text())
}

/// Whether `kind` is control: the session's business, counted on its link, and no message.
pub fn is_control(kind: &str) -> bool {
    matches!(kind, "loginres" | "pingreq" | "mrkl" | "keeplive" | "subres" | "error")
}
