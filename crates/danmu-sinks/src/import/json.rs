//! What JSON Lines of all programs have in common: a line is an object, and a payload is a map of texts in it.

use std::fmt;
use std::io::BufRead;

use danmu_proto::stt::Writer;
use serde::de::{DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, de};

use super::payloads::{self, PayloadError};
use super::{End, ImportError, at_line};

/// A payload has up to 1 MiB, may stand in a line as text and as fields, and JSON may take six bytes to escape one.
const LONGEST_LINE: u64 = 16 << 20;

/// Hands every line to `each`, with its number. A last line that breaks off was cut off by a crash.
pub(super) fn lines<T: DeserializeOwned>(
    input: &mut dyn BufRead,
    mut each: impl FnMut(u64, T) -> Result<(), ImportError>,
) -> Result<End, ImportError> {
    let mut broken: Option<(u64, String)> = None;
    let done = payloads::lines_up_to(LONGEST_LINE, input, |number, line| {
        // Something follows, so it was no crash that broke the line before.
        if let Some((number, problem)) = broken.take() {
            return Err(Stop(at_line(number, problem)));
        }
        let line = if number == 1 { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line) } else { line };
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        match serde_json::from_slice(line) {
            Ok(object) => each(number, object).map_err(Stop),
            // Or zeros, which a power cut leaves of what was not on the disk yet.
            Err(error) if error.is_eof() || line.iter().all(|&byte| byte == 0) => {
                broken = Some((number, problem(&error)));
                Ok(())
            }
            Err(error) => Err(Stop(at_line(number, problem(&error)))),
        }
    });
    match (done, broken) {
        (Err(Stop(error)), _) => Err(error),
        (Ok(()), Some((number, _))) => Ok(End::CutOff(format!("line {number} is cut off"))),
        (Ok(()), None) => Ok(End::Whole),
    }
}

/// What is wrong with a line, and in which column: the parser counts lines too, and sees but this one.
fn problem(error: &serde_json::Error) -> String {
    let problem = error.to_string();
    let what = problem.rsplit_once(" at line ").map_or(&*problem, |(what, _)| what);
    format!("{what} (column {})", error.column())
}

struct Stop(ImportError);

impl From<PayloadError> for Stop {
    fn from(error: PayloadError) -> Self {
        Self(match error {
            PayloadError::Read(error) => ImportError::Read(error),
            PayloadError::TooLong { number, .. } => at_line(number, "longer than 16 MiB, which no message is"),
            error => ImportError::Malformed { place: "the file".to_owned(), problem: error.to_string() },
        })
    }
}

/// A payload, made from a map of its fields in their order. A key with an array of values has all of them, one behind the
/// other.
#[derive(Debug)]
pub(super) struct Payload(pub(super) Vec<u8>);

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Payload;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of fields")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Payload, A::Error> {
                let mut payload = Writer::new();
                while let Some((key, values)) = map.next_entry::<String, Values>()? {
                    for value in values.0 {
                        payload = payload.pair(&key, value);
                    }
                }
                Ok(Payload(payload.finish().into_bytes()))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

/// The values of a key as text: one, or an array of them. Other programs write numbers too.
struct Values(Vec<String>);

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::Array(values) => values.into_iter().map(text).collect::<Result<_, _>>()?,
            value => vec![text(value)?],
        }))
    }
}

fn text<E: de::Error>(value: serde_json::Value) -> Result<String, E> {
    match value {
        serde_json::Value::String(text) => Ok(text),
        serde_json::Value::Null => Ok(String::new()),
        serde_json::Value::Number(number) => Ok(number.to_string()),
        serde_json::Value::Bool(set) => Ok(u8::from(set).to_string()),
        _ => Err(E::custom("the value of a field is text, a number or an array of these")),
    }
}
