//! JSON as these services write it: numbers as text, objects in a string, something else where nothing is.
//!
//! What is not what it should be is absent, and what nobody asked for is skipped, not stored.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::page::is_douyus;
use super::web::RequestError;

/// Reads an object, or a string that holds one, that a service answered with.
pub(super) fn read<T: DeserializeOwned>(answer: &str) -> Result<T, RequestError> {
    let answer = trimmed(answer);
    match answer.chars().next() {
        None => return Err(RequestError::Empty),
        Some('<') if is_douyus(answer) => return Err(RequestError::Page),
        Some('<') => return Err(RequestError::Portal),
        Some(_) => {}
    }
    match serde_json::from_str::<Nested<T>>(answer) {
        Ok(Nested(Some(object))) => Ok(object),
        Ok(Nested(None)) => Err(RequestError::unreadable("it is no JSON object")),
        Err(source) => Err(RequestError::Unreadable { problem: "it is no JSON of the kind", source: Some(source) }),
    }
}

/// Without what may stand around it: blanks and a byte order mark.
pub(super) fn trimmed(answer: &str) -> &str {
    answer.trim_start_matches('\u{feff}').trim()
}

/// Whether the service did as it was asked: its `error` is 0, or missing.
pub(super) fn accepted(error: &Loose) -> Result<(), RequestError> {
    match error.number() {
        None | Some(0) => Ok(()),
        Some(code) => Err(RequestError::Service { code }),
    }
}

/// A number or a text, whichever way it was written; `Absent` for all else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Loose {
    #[default]
    Absent,
    Number(i64),
    Text(String),
}

impl Loose {
    pub(super) fn number(&self) -> Option<i64> {
        match self {
            Self::Absent => None,
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.trim().parse().ok(),
        }
    }

    /// A number that is not negative.
    pub(super) fn count(&self) -> Option<u64> {
        self.number().and_then(|number| number.try_into().ok())
    }

    /// A text that is not empty.
    pub(super) fn text(self) -> Option<String> {
        match self {
            Self::Absent => None,
            Self::Number(number) => Some(number.to_string()),
            Self::Text(text) => Some(text).filter(|text| !text.trim().is_empty()),
        }
    }
}

impl<'de> Deserialize<'de> for Loose {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_any(LooseVisitor)
    }
}

struct LooseVisitor;

impl<'de> Visitor<'de> for LooseVisitor {
    type Value = Loose;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_bool<E: Error>(self, yes: bool) -> Result<Loose, E> {
        Ok(Loose::Number(yes.into()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Loose, E> {
        Ok(Loose::Number(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Loose, E> {
        Ok(number.try_into().map_or(Loose::Absent, Loose::Number))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Loose, E> {
        // 2⁵³: up to here a whole number is exact.
        let whole = number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0;
        Ok(if whole { Loose::Number(number as i64) } else { Loose::Absent })
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Loose, E> {
        Ok(Loose::Text(text.to_owned()))
    }

    fn visit_unit<E: Error>(self) -> Result<Loose, E> {
        Ok(Loose::Absent)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Loose, A::Error> {
        skip_seq(seq)?;
        Ok(Loose::Absent)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Loose, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Loose::Absent)
    }
}

/// An object, or a string that holds one; `None` for all else.
#[derive(Debug)]
pub(super) struct Nested<T>(pub(super) Option<T>);

impl<T> Default for Nested<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Nested<T> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_any(NestedVisitor(PhantomData)).map(Self)
    }
}

struct NestedVisitor<T>(PhantomData<T>);

impl<'de, T: DeserializeOwned> Visitor<'de> for NestedVisitor<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Option<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Some)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Option<T>, E> {
        Ok(serde_json::from_str(text).ok())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_unit<E: Error>(self) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Option<T>, A::Error> {
        skip_seq(seq)?;
        Ok(None)
    }
}

/// What a list holds, or an object by its keys: the first `MOST` of it.
#[derive(Debug)]
pub(super) struct Table<T>(pub(super) Vec<(String, T)>);

impl<T> Table<T> {
    /// Ten times what Douyu's largest table had in 2026.
    pub(super) const MOST: usize = 16_000;
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Table<T> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_any(TableVisitor(PhantomData)).map(Self)
    }
}

struct TableVisitor<T>(PhantomData<T>);

impl<'de, T: DeserializeOwned> Visitor<'de> for TableVisitor<T> {
    type Value = Vec<(String, T)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list, an object or null")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while entries.len() < Table::<T>::MOST {
            let Some(entry) = map.next_entry::<String, Nested<T>>()? else { return Ok(entries) };
            entries.extend(entry.1.0.map(|value| (entry.0, value)));
        }
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(entries)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while entries.len() < Table::<T>::MOST {
            let Some(element) = seq.next_element::<Nested<T>>()? else { return Ok(entries) };
            entries.extend(element.0.map(|value| (String::new(), value)));
        }
        skip_seq(seq)?;
        Ok(entries)
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }
}

fn skip_seq<'de, A: SeqAccess<'de>>(mut seq: A) -> Result<(), A::Error> {
    while seq.next_element::<IgnoredAny>()?.is_some() {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn loose(json: &str) -> Loose {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn numbers_are_read_however_they_are_written() {
        for json in ["42", "\"42\"", "\" 42 \"", "42.0"] {
            assert_eq!(loose(json).number(), Some(42), "{json}");
        }
        for json in ["null", "[]", "{\"a\":[1]}", "\"\"", "\"x\"", "4.2", "1e300", "18446744073709551615"] {
            assert_eq!(loose(json).number(), None, "{json}");
        }
        assert_eq!(loose("true").number(), Some(1));
        assert_eq!((loose("-1").number(), loose("-1").count()), (Some(-1), None));
        assert_eq!(loose("42").text().as_deref(), Some("42"));
        assert_eq!((loose("\" \"").text(), loose("[\"a\"]").text()), (None, None));
    }

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(default)]
    struct Item {
        id: Loose,
    }

    #[test]
    fn an_object_may_come_in_a_string() {
        for json in [r#"{"id":7,"more":[{}]}"#, r#""{\"id\":\"7\"}""#] {
            let item = serde_json::from_str::<Nested<Item>>(json).unwrap().0.unwrap();
            assert_eq!(item.id.number(), Some(7), "{json}");
        }
        for json in ["null", "[]", "[1]", "7", "-7", "0.5", "true", "\"\"", "\"no\""] {
            assert_eq!(serde_json::from_str::<Nested<Item>>(json).unwrap().0, None, "{json}");
        }
    }

    #[test]
    fn a_table_is_bounded_and_skips_what_is_no_entry() {
        let table: Table<Item> = serde_json::from_str(r#"{"a":{"id":1},"b":null,"c":[],"d":{"id":2}}"#).unwrap();
        assert_eq!(table.0.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), ["a", "d"]);
        let many = format!("[{}null]", "{},".repeat(Table::<Item>::MOST + 5));
        assert_eq!(serde_json::from_str::<Table<Item>>(&many).unwrap().0.len(), Table::<Item>::MOST);
        assert_eq!(serde_json::from_str::<Table<Item>>("null").unwrap().0, []);
    }
}
