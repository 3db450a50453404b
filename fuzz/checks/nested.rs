//! Reading a structure inside a value is taking one layer of escapes off and splitting again, at every depth; and what is
//! taken off is never longer than it was.

use danmu_proto::stt::{self, Nested, Value};

/// Deeper than any message.
const DEEPEST: usize = 16;

pub(crate) fn check(data: &[u8]) {
    let mut text = String::from_utf8_lossy(data).into_owned();
    assert_eq!(Value::new(data).nested().as_str(), unescape(&text));
    for _ in 0..DEEPEST {
        let slow = unescape(&text);
        assert!(slow.len() <= text.len());
        let nested = Value::from(&*text).nested();
        assert_eq!(nested.as_str(), slow);
        agree(&nested, &slow);
        // One layer further down: the first item.
        let Some(next) = nested.items().next().filter(|item| !item.is_empty()) else { break };
        text = String::from_utf8(next.raw().to_vec()).expect("a part of a string between slashes");
    }
}

fn agree(nested: &Nested<'_>, slow: &str) {
    let text = |value: Value<'_>| value.text().into_owned();
    let items: Vec<_> = nested.items().map(text).collect();
    let mut parts: Vec<_> = slow.split('/').collect();
    if parts.last() == Some(&"") {
        parts.pop();
    }
    assert_eq!(items, parts.iter().map(|part| unescape(part)).collect::<Vec<_>>());
    let pairs: Vec<_> = nested.pairs().map(|(key, value)| (text(key), text(value))).collect();
    let split = slow.split('/').filter_map(|part| part.split_once("@="));
    assert_eq!(pairs, split.map(|(key, value)| (unescape(key), unescape(value))).collect::<Vec<_>>());
    assert_eq!(stt::unescape(slow), unescape(slow));
}

/// `@S` is `/`, `@A` is `@`: letter by letter.
fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let (plain, len) = match rest.get(..2) {
            Some("@S") => ('/', 2),
            Some("@A") => ('@', 2),
            _ => (c, c.len_utf8()),
        };
        out.push(plain);
        rest = &rest[len..];
    }
    out
}
