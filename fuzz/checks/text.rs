//! No text leaves its line on a terminal, or is anything but shown; and what is safe stays as it is.

#[path = "../../crates/danmu/src/text.rs"]
#[allow(dead_code, reason = "of the program's module, what is checked here")]
mod of_the_program;

use of_the_program::{safe, safe_json, safe_lines};

pub(crate) fn check(data: &[u8]) {
    let typed = String::from_utf8_lossy(data);
    let shown = safe(&typed);
    let stray =
        |c: char| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c) || ('\u{2066}'..='\u{2069}').contains(&c);
    assert!(!shown.contains(stray) && !shown.contains(['\u{200b}', '\u{feff}', '\u{2028}', '\u{2029}']), "{shown:?}");
    assert_eq!(safe(&shown), shown);
    assert!(!safe_lines(&typed).contains(|c| stray(c) && c != '\n' && c != '\t'));

    let json = serde_json::to_string(&typed).expect("a string");
    let safer = safe_json(&json);
    assert!(!safer.contains(stray) && !safer.contains('\u{200d}'));
    assert_eq!(serde_json::from_str::<String>(&safer).expect("the same string"), typed);
}
