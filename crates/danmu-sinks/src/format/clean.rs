//! Text of strangers on one line of a file: what several formats agree on.

use std::borrow::Cow;

/// Whether a character would break the line, hide, or be refused by readers of XML: controls but the space between words,
/// and what is no character.
pub(crate) const fn is_control(c: char) -> bool {
    matches!(c,
        '\0'..='\x1F' | '\x7F'..='\u{9F}' | '\u{2028}' | '\u{2029}' | '\u{FEFF}' | '\u{FFFE}' | '\u{FFFF}')
}

/// Text on one line: line breaks and tabs become a space, other controls go.
pub(crate) fn one_line(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_control) {
        return text.into();
    }
    let kept = |c| match c {
        '\n' | '\r' | '\t' | '\u{85}' | '\u{2028}' | '\u{2029}' => Some(' '),
        c if is_control(c) => None,
        c => Some(c),
    };
    text.replace("\r\n", "\n").chars().filter_map(kept).collect()
}

/// What is markup in formats that have no escapes for it, in its wide form, which is none anywhere.
pub(super) const fn wide(c: char) -> char {
    match c {
        '{' => '｛',
        '}' => '｝',
        '\\' => '＼',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_one_line_and_keeps_its_words_apart() {
        assert_eq!(one_line("主播好 666 👨‍👩‍👧"), "主播好 666 👨‍👩‍👧");
        assert_eq!(one_line("a\r\nb\tc\u{2028}d\re"), "a b c d e");
        assert_eq!(one_line("a\x08\0\u{9b}b\u{feff}\u{fffe}c"), "abc");
    }
}
