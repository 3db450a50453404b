//! JSON put together by hand, for lines that are made by the hundred thousand: objects whose keys are known, numbers and
//! text, straight into bytes. The same bytes as `serde_json` writes, for a third of the time.

use std::io::Write as _;

/// An object on its way into a line. Keys are ours and need no escapes; what does not apply is left out.
pub(super) struct Object<'l> {
    line: &'l mut Vec<u8>,
    /// What stands before the next pair.
    next: u8,
}

impl<'l> Object<'l> {
    pub(super) const fn begin(line: &'l mut Vec<u8>) -> Self {
        Self { line, next: b'{' }
    }

    /// Begins a pair, and gives where its value goes.
    #[inline]
    pub(super) fn key(&mut self, key: &str) -> &mut Vec<u8> {
        self.line.extend_from_slice(&[self.next, b'"']);
        self.line.extend_from_slice(key.as_bytes());
        self.line.extend_from_slice(b"\":");
        self.next = b',';
        self.line
    }

    pub(super) fn text(&mut self, key: &str, text: Option<impl AsRef<str>>) {
        if let Some(text) = text {
            push_text(self.key(key), text.as_ref());
        }
    }

    pub(super) fn number(&mut self, key: &str, number: Option<impl Into<u64>>) {
        if let Some(number) = number {
            push_number(self.key(key), number.into());
        }
    }

    pub(super) fn signed(&mut self, key: &str, number: Option<i64>) {
        if let Some(number) = number {
            let line = self.key(key);
            if number < 0 {
                line.push(b'-');
            }
            push_number(line, number.unsigned_abs());
        }
    }

    /// Marks that something is so; what is not so is left out.
    pub(super) fn mark(&mut self, key: &str, is_so: bool) {
        if is_so {
            self.key(key).extend_from_slice(b"true");
        }
    }

    pub(super) fn end(self) {
        if self.next == b'{' {
            self.line.push(b'{');
        }
        self.line.push(b'}');
    }
}

/// Whether text stands in JSON as it is. Looks at all of it: without a way out, the compiler looks at many bytes at once.
pub(super) fn is_plain(text: &[u8]) -> bool {
    text.iter().fold(true, |plain, byte| plain & !matches!(byte, ..0x20 | b'"' | b'\\'))
}

/// Appends a string.
pub(super) fn push_text(line: &mut Vec<u8>, text: &str) {
    line.push(b'"');
    push_contents(line, text);
    line.push(b'"');
}

/// Appends what stands between the quotes of a string.
pub(super) fn push_contents(line: &mut Vec<u8>, text: &str) {
    if is_plain(text.as_bytes()) {
        line.extend_from_slice(text.as_bytes());
    } else {
        push_escaped(line, text);
    }
}

#[cold]
fn push_escaped(line: &mut Vec<u8>, text: &str) {
    for &byte in text.as_bytes() {
        match byte {
            b'"' | b'\\' => line.extend_from_slice(&[b'\\', byte]),
            b'\n' => line.extend_from_slice(b"\\n"),
            b'\r' => line.extend_from_slice(b"\\r"),
            b'\t' => line.extend_from_slice(b"\\t"),
            0x08 => line.extend_from_slice(b"\\b"),
            0x0c => line.extend_from_slice(b"\\f"),
            ..0x20 => _ = write!(line, "\\u{byte:04x}"), // Into memory, which never fails.
            _ => line.push(byte),
        }
    }
}

pub(super) fn push_number(line: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    line.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_object_is_written_as_serde_json_writes_it(text in "[\0-\u{ff}主👍]{0,9}", number: u64, signed: i64, small in 0..200_u64) {
            let mut line = Vec::new();
            let mut object = Object::begin(&mut line);
            object.text("a", Some(&text));
            object.text("none", None::<&str>);
            object.number("b", Some(number));
            object.signed("c", Some(signed));
            object.number("d", Some(small));
            object.mark("e", true);
            object.mark("none", false);
            object.end();
            let [text, number, signed, small] = [
                serde_json::to_string(&text), serde_json::to_string(&number), serde_json::to_string(&signed), serde_json::to_string(&small),
            ].map(Result::unwrap);
            let expected = format!(r#"{{"a":{text},"b":{number},"c":{signed},"d":{small},"e":true}}"#);
            prop_assert_eq!(String::from_utf8(line).unwrap(), expected);
        }
    }

    #[test]
    fn an_object_may_be_empty() {
        let mut line = Vec::new();
        Object::begin(&mut line).end();
        assert_eq!(line, b"{}");
    }
}
