//! Text from strangers, made fit for a terminal.
//!
//! Chat holds whatever people typed, and some type escape sequences. What could move the cursor, hide text, reverse its
//! direction or pile marks over other lines is replaced; all else stays as it is. Recordings and JSON keep the original.

use unicode_width::UnicodeWidthChar;

/// How many marks may stand on one letter. Scripts that need marks need two or three; more is a prank.
const MARKS: usize = 4;

/// Appends `text` to `out` so that it stays on its line and in its place.
///
/// Line breaks and tabs become a space; controls, direction marks and invisible characters become U+FFFD; marks on a
/// letter beyond the fourth are left out.
pub(crate) fn push_safe(out: &mut String, text: &str) {
    let mut marks = 0;
    let mut last = '\0';
    for c in text.chars() {
        let safe = match c {
            '\n' | '\r' | '\t' => Some(' '),
            // The joiner of emoji: only after something that can be one.
            '\u{200D}' => (is_pictorial(last) || last == '\u{FE0F}').then_some(c),
            _ if is_unsafe(c) => Some(char::REPLACEMENT_CHARACTER),
            _ if c.width() == Some(0) => {
                marks += 1;
                (marks <= MARKS).then_some(c)
            }
            _ => {
                marks = 0;
                Some(c)
            }
        };
        out.extend(safe);
        last = c;
    }
}

/// [`push_safe`] into a string of its own.
pub(crate) fn safe(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    push_safe(&mut out, text);
    out
}

fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{AD}' | '\u{61C}' | '\u{180E}'          // soft hyphen, Arabic letter mark, vowel separator
            | '\u{200B}'..='\u{200F}'                  // zero width, direction marks
            | '\u{2028}'..='\u{202E}'                  // line and paragraph separators, embeddings and overrides
            | '\u{2060}'..='\u{206F}'                  // invisible operators, isolates, deprecated controls
            | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}'     // byte order mark, annotations
            | '\u{E0000}'..='\u{E007F}'                // tags
        )
}

fn is_pictorial(c: char) -> bool {
    c >= '\u{2190}' && c.width() != Some(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn shows(text: &str, shown: &str) {
        assert_eq!(safe(text), shown, "for {text:?}");
    }

    #[test]
    fn ordinary_text_stays_as_it_is() {
        for text in ["主播好 666", "👨‍👩‍👧 🇨🇳 ❤️ 👍🏽", "Ünïcödé ñ é ก็", "[emot:dy110] a@=b 1/2 <b>&", "العربية עברית"]
        {
            shows(text, text);
        }
    }

    #[test]
    fn escape_sequences_lose_their_teeth() {
        shows("\x1b[2Jgone", "\u{FFFD}[2Jgone"); // clear the screen
        shows("\x1b]52;c;aGk=\x07", "\u{FFFD}]52;c;aGk=\u{FFFD}"); // set the clipboard
        shows("\x1b]8;;http://x\x1b\\y", "\u{FFFD}]8;;http://x\u{FFFD}\\y"); // a link
        shows("\u{9B}31mred", "\u{FFFD}31mred"); // the same as one character
        shows("a\x08b\x7f\0", "a\u{FFFD}b\u{FFFD}\u{FFFD}");
    }

    #[test]
    fn lines_stay_lines() {
        shows("one\ntwo\r\nthree\tfour", "one two  three four");
        shows("a\u{2028}b\u{2029}c\u{85}d", "a\u{FFFD}b\u{FFFD}c\u{FFFD}d");
    }

    #[test]
    fn direction_and_invisibility_are_shown() {
        shows("\u{202E}txet\u{202C}", "\u{FFFD}txet\u{FFFD}");
        shows("\u{2066}a\u{2069}", "\u{FFFD}a\u{FFFD}");
        shows("a\u{200B}b\u{FEFF}c", "a\u{FFFD}b\u{FFFD}c");
        shows("a\u{200D}b", "ab"); // a joiner that joins nothing
    }

    #[test]
    fn piles_of_marks_are_cut() {
        let zalgo: String = std::iter::once('a').chain(std::iter::repeat_n('\u{301}', 50)).chain(['b']).collect();
        shows(&zalgo, "a\u{301}\u{301}\u{301}\u{301}b");
    }

    proptest! {
        #[test]
        fn no_text_leaves_its_line(text in any::<String>()) {
            let shown = safe(&text);
            prop_assert!(!shown.chars().any(char::is_control));
            prop_assert_eq!(shown.lines().count(), usize::from(!shown.is_empty()));
            prop_assert_eq!(safe(&shown), shown, "safe text is left alone");
        }
    }
}
