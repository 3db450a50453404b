//! Text from strangers, made fit for a terminal.
//!
//! Chat holds whatever people typed, and some type escape sequences. What could move the cursor, hide text, reverse its
//! direction or pile marks over other lines is replaced; all else stays as it is. Recordings and JSON keep the original.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthChar;

/// How many marks may stand on one letter. Scripts that need marks need two or three; more is a prank.
const MARKS: usize = 4;

/// Appends `text` to `out` so that it stays on its line and in its place.
///
/// Line breaks and tabs become a space; controls, direction marks and invisible characters become U+FFFD; marks on a
/// letter beyond the fourth are left out, and so are joiners that join no emoji.
pub(crate) fn push_safe(out: &mut String, text: &str) {
    let mut marks = 0;
    let mut last = '\0';
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let safe = match c {
            '\n' | '\r' | '\t' => Some(' '),
            JOINER => (is_emoji(last) && chars.peek().copied().is_some_and(is_emoji)).then_some(c),
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
        // The variation selector asks for an emoji and is part of it.
        if c != '\u{FE0F}' {
            last = c;
        }
    }
}

/// Zero wide; makes one emoji of two.
const JOINER: char = '\u{200D}';

/// [`push_safe`] into a string of its own.
pub(crate) fn safe(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    push_safe(&mut out, text);
    out
}

/// Text of several lines for a terminal: what could do more than be shown there is replaced.
pub(crate) fn safe_lines(text: &str) -> String {
    let keep = |c| matches!(c, '\n' | '\t' | JOINER) || !is_unsafe(c);
    text.chars().map(|c| if keep(c) { c } else { char::REPLACEMENT_CHARACTER }).collect()
}

/// Whether JSON has nothing in it that [`safe_json`] would change.
///
/// First looks for bytes that begin few characters of what is said, and among them all unsafe ones: delete, those up to
/// U+2FFF but ASCII, and those from U+F000 on. Only where there is one, it looks at what follows.
pub(crate) fn is_safe_json(json: &[u8]) -> bool {
    let begins = |byte: u8| byte == 0x7F || matches!(byte, 0xC2..=0xE2) || byte >= 0xEF;
    // Without a way out, the compiler looks at many bytes at once.
    if !json.iter().fold(false, |found, &byte| found | begins(byte)) {
        return true;
    }
    let mut places = json.iter().enumerate().filter(|&(_, &byte)| begins(byte));
    !places.any(|(at, first)| {
        let next = |after| json.get(at + after).copied().unwrap_or(0);
        matches!(
            (first, next(1), next(2)),
            (0x7F | 0xF3.., _, _) | (0xC2, ..0xA0 | 0xAD, _) | (0xD8, 0x9C, _) | (0xE1, 0xA0, _)
                | (0xE2, 0x80, 0x8B..=0x8F | 0xA8..=0xAE) | (0xE2, 0x81, 0xA0..=0xAF)
                | (0xEF, 0xBB, _) | (0xEF, 0xBF, 0xB9..=0xBB) | (0xF0, ..=0x9E | 0xA0.., _)
        )
    })
}

/// The same JSON with what a terminal would obey, or not show, written as `\u....`: all its strings keep their values.
/// JSON itself asks for that in the first 32 characters alone.
pub(crate) fn safe_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if is_safe_in_json(c) {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    out
}

fn is_safe_in_json(c: char) -> bool {
    c != JOINER && (c < ' ' || !is_unsafe(c))
}

fn is_unsafe(c: char) -> bool {
    // Nearly all that is ever said lies in these two stretches, and every character of a busy room comes by here.
    !matches!(c, ' '..='~' | '\u{2070}'..='\u{FEFE}') && is_control(c)
}

/// What is not to be seen but does something.
fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{AD}' | '\u{61C}' | '\u{180E}'          // soft hyphen, Arabic letter mark, vowel separator
            | '\u{200B}'..='\u{200F}'                  // zero width, direction marks
            | '\u{2028}'..='\u{202E}'                  // line and paragraph separators, embeddings and overrides
            | '\u{2060}'..='\u{206F}'                  // invisible operators, isolates, deprecated controls
            | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}'     // byte order mark, annotations
            | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}' // controls of shorthand and music
            | '\u{E0000}'..='\u{E0FFF}'                // tags, and selectors that text is hidden in
        )
}

fn is_emoji(c: char) -> bool {
    matches!(c,
        '\u{2190}'..='\u{21FF}' | '\u{2300}'..='\u{23FF}' | '\u{25A0}'..='\u{27BF}' | '\u{2900}'..='\u{297F}'
        | '\u{2B00}'..='\u{2BFF}' | '\u{1F000}'..='\u{1FAFF}')
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
    fn the_short_cut_changes_no_answer() {
        for c in '\0'..=char::MAX {
            assert_eq!(is_unsafe(c), is_control(c), "{c:?}");
        }
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
        shows("a\u{200D}b\u{200D}", "ab"); // joiners that join nothing
        shows("字\u{200D}字 👍\u{200D}a", "字字 👍a");
        shows("a\u{E0100}b\u{E0061}", "a\u{FFFD}b\u{FFFD}");
    }

    #[test]
    fn piles_of_marks_are_cut() {
        let zalgo: String = std::iter::once('a').chain(std::iter::repeat_n('\u{301}', 50)).chain(['b']).collect();
        shows(&zalgo, "a\u{301}\u{301}\u{301}\u{301}b");
    }

    #[test]
    fn json_keeps_its_values_and_hides_what_a_terminal_would_obey() {
        let json = r#"{"name":"👨‍👩 \u001b[2J","text":"#.to_owned() + "\"\u{9B}31m\u{202E}\u{7F}\u{E0061}主播\"}";
        let safe = safe_json(&json);
        assert_eq!(safe, r#"{"name":"👨\u200d👩 \u001b[2J","text":"\u009b31m\u202e\u007f\udb40\udc61主播"}"#);
        let values = |json: &str| serde_json::from_str::<serde_json::Value>(json).unwrap();
        assert_eq!(values(&safe), values(&json));
    }

    #[test]
    fn json_is_only_rewritten_where_that_changes_it() {
        for c in ('\0'..=char::MAX).chain(['主']) {
            let json = format!("{{\"text\":\"主{c}，{c}\"}}\n");
            let is_same = safe_json(&json) == json;
            // What is rewritten in vain costs a moment, and what is not rewritten may cost the screen.
            assert!(is_same || !is_safe_json(json.as_bytes()), "{c:?}");
            let is_common = matches!(c, '\0'..='~' | '\u{A0}'..='\u{AC}' | '\u{AE}'..='\u{17FF}' | '\u{2070}'..='\u{EFFF}' | '\u{1F000}'..='\u{1FFFF}');
            assert!(!is_same || !is_common || is_safe_json(json.as_bytes()), "{c:?}");
        }
    }

    /// Letters and what is thrown at terminals, in any order.
    fn hostile() -> impl Strategy<Value = String> {
        let one = prop_oneof![
            any::<char>(),
            prop::sample::select(
                "a主👍🏽❤\u{FE0F}\u{200D}\u{301}\u{202E}\u{9B}\u{1b}\u{2028}\u{E0061}\n\t".chars().collect::<Vec<_>>()
            ),
        ];
        prop::collection::vec(one, 0..40).prop_map(String::from_iter)
    }

    proptest! {
        #[test]
        fn no_text_leaves_its_line(text in hostile()) {
            let shown = safe(&text);
            let chars: Vec<char> = shown.chars().collect();
            prop_assert!(!chars.iter().any(|&c| c != JOINER && is_unsafe(c)));
            let joins = |at: usize| is_emoji(chars[at - 1]) || chars[at - 1] == '\u{FE0F}';
            prop_assert!((0..chars.len()).all(|at| chars[at] != JOINER || (joins(at) && is_emoji(chars[at + 1]))));
            prop_assert!(!chars.windows(MARKS + 1).any(|some| some.iter().all(|c| c.width() == Some(0) && *c != JOINER)));
            prop_assert!(!shown.chars().any(char::is_control));
            prop_assert_eq!(shown.lines().count(), usize::from(!shown.is_empty()));
            prop_assert_eq!(safe(&shown), shown, "safe text is left alone");
        }
    }
}
