//! Labels: how wide a text is, and how it is made to fit; numbers and money for people.

use unicode_width::UnicodeWidthChar;

use super::lang::Lang;
use crate::text::safe;

/// About how wide a text is. On a page, the reader's fonts decide; this is a little more than what they need.
pub(super) fn width(text: &str, size: f64) -> f64 {
    text.chars().map(|c| em(c) * size).sum()
}

/// The width of a character, in units of the font's size.
fn em(c: char) -> f64 {
    match c {
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '|' | '!' | '\'' | '`' => 0.3,
        ' ' | 'f' | 't' | 'r' | 'I' | '(' | ')' | '[' | ']' | '-' | '/' => 0.38,
        'm' | 'w' | 'M' | 'W' | '@' | '%' => 0.92,
        'A'..='Z' => 0.7,
        '\u{1F000}'.. => 1.35,
        _ => match c.width() {
            Some(0) | None => 0.0,
            Some(2..) => 1.0,
            Some(1) => 0.64,
        },
    }
}

/// What strangers wrote as a label: on one line, without tricks, and no wider than `most`.
pub(super) fn fit(text: &str, size: f64, most: f64) -> String {
    // A name of 10 KB is not looked at to its end.
    let head: String = text.chars().take(200).collect();
    let text = safe(&head);
    let text = text.trim();
    if width(text, size) <= most {
        return text.to_owned();
    }
    let mut fitting = String::new();
    let mut used = em('…') * size;
    for c in text.chars() {
        used += em(c) * size;
        if used > most {
            break;
        }
        fitting.push(c);
    }
    // Nothing hangs in the air before the ellipsis.
    let fitting = fitting.trim_end_matches(|c: char| c == '\u{200D}' || c.is_whitespace());
    format!("{fitting}…")
}

/// A whole number with its thousands apart.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number in little space: 950, 12k, 1.2万.
pub(super) fn brief(number: f64, lang: Lang) -> String {
    let units: &[(f64, &str)] = match lang {
        Lang::Zh => &[(1e12, "万亿"), (1e8, "亿"), (1e4, "万")],
        Lang::En => &[(1e12, "T"), (1e9, "B"), (1e6, "M"), (1e4, "k")],
    };
    for &(least, unit) in units {
        if number >= least {
            let scale = if unit == "k" { 1e3 } else { least };
            return decimal(number / scale) + unit;
        }
    }
    if number.fract() == 0.0 { count(number as u64) } else { decimal(number) }
}

/// With one decimal if that says something.
fn decimal(number: f64) -> String {
    let text = if number < 1.0 { format!("{number:.2}") } else { format!("{number:.1}") };
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// Money in little space.
pub(super) fn yuan(fen: u64, lang: Lang) -> String {
    let yuan = fen as f64 / 100.0;
    if yuan < 1000.0 { format!("¥{}", decimal(yuan)) } else { format!("¥{}", brief(yuan.round(), lang)) }
}

/// Round steps from 0 to at least `most`, about `steps` of them.
pub(super) fn steps(most: f64, steps: usize) -> Vec<f64> {
    if !most.is_finite() || most <= 0.0 {
        return vec![0.0, 1.0];
    }
    let rough = most / steps.max(1) as f64;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|unit| unit * power).find(|step| *step >= rough);
    let step = step.unwrap_or(10.0 * power);
    let last = (most / step).ceil().max(1.0) as usize;
    (0..=last).map(|at| at as f64 * step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_fits_whatever_it_says() {
        assert_eq!(fit("小鱼干", 12.0, 100.0), "小鱼干");
        let long = "名".repeat(10_000);
        assert_eq!(fit(&long, 10.0, 45.0), "名名名…");
        for text in [&long, "👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧", "\u{202e}txet", "a\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}b", "", " \n\t"]
        {
            let label = fit(text, 10.0, 50.0);
            assert!(width(&label, 10.0) <= 50.0, "{label}");
            assert!(!label.contains(['\u{202e}', '\n']));
        }
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(
            [0.0, 950.0, 9999.0, 12_300.0, 1.5e6].map(|n| brief(n, Lang::En)),
            ["0", "950", "9,999", "12.3k", "1.5M"]
        );
        assert_eq!([9999.0, 12_300.0, 2e8].map(|n| brief(n, Lang::Zh)), ["9,999", "1.2万", "2亿"]);
        assert_eq!([0, 10, 9990, 12_345_600].map(|fen| yuan(fen, Lang::En)), ["¥0", "¥0.1", "¥99.9", "¥123.5k"]);
        assert_eq!(yuan(u64::MAX, Lang::Zh), "¥184467.4万亿");
    }

    #[test]
    fn steps_are_round_and_reach_far_enough() {
        assert_eq!(steps(100.0, 4), [0.0, 25.0, 50.0, 75.0, 100.0]);
        assert_eq!(steps(7.0, 4), [0.0, 2.0, 4.0, 6.0, 8.0]);
        assert_eq!(steps(0.0, 4), [0.0, 1.0]);
        assert_eq!(steps(f64::NAN, 4), [0.0, 1.0]);
        assert!(steps(1e18, 4).len() < 8 && steps(1e-9, 4).len() < 8);
    }
}
