//! The cloud: words as large as they were often said.
//!
//! The largest is put in the middle, and each other one on a spiral from there, at the first place where it meets no
//! other. The same words always give the same cloud.

use super::label;
use super::style::Style;
use super::svg::{Anchor, Svg, Type};
use super::words::Word;

/// Left, top, right, bottom, from the middle.
type Area = (f64, f64, f64, f64);

/// A word with its place.
#[derive(Clone, Debug)]
struct Placed<'a> {
    word: &'a str,
    size: f64,
    area: Area,
}

/// Room around a word.
const ROOM: f64 = 2.5;
/// How much letters are drawn around, in units of their size.
const HEAVY: f64 = 0.022;

/// Draws it; nothing, if there are no words.
pub(super) fn draw(words: &[Word], style: &Style<'_>, width: f64) -> Option<Svg> {
    let most = if width < 480.0 { 46 } else { 90 };
    let height = (width * 0.52).clamp(250.0, 420.0);
    let placed = place(&words[..words.len().min(most)], width, height);
    let top = placed.iter().map(|word| word.area.1).reduce(f64::min)?;
    let bottom = placed.iter().map(|word| word.area.3).reduce(f64::max)?;
    let left = placed.iter().map(|word| word.area.0).reduce(f64::min)?;
    let right = placed.iter().map(|word| word.area.2).reduce(f64::max)?;
    // As large as the picture is wide.
    let scale = ((width - 4.0) / (right - left)).min(1.4);
    let mut svg = Svg::new(&style.id("cloud"), width, (bottom - top) * scale + 8.0);
    let (x, y) = (width / 2.0 - f64::midpoint(left, right) * scale, 4.0 - top * scale);
    for (at, Placed { word, size, area }) in placed.iter().enumerate() {
        let color = style.palette.cloud[(at * 5 + at / 6) % style.palette.cloud.len()];
        let size = size * scale;
        let middle = x + f64::midpoint(area.0, area.2) * scale;
        let base = y + f64::midpoint(area.1, area.3) * scale + size * 0.36;
        svg.text((middle, base), word, Type::new(size, color).anchor(Anchor::Middle).heavy(size * HEAVY));
    }
    Some(svg)
}

/// Puts each word where there is room for it. Those for which there is none are left out.
fn place(words: &[Word], width: f64, height: f64) -> Vec<Placed<'_>> {
    let Some(most) = words.iter().map(|word| word.1).max() else { return Vec::new() };
    let least = words.iter().map(|word| word.1).min().unwrap_or(most);
    let (small, large) = if width < 480.0 { (13.0, 46.0) } else { (15.0, 74.0) };
    let mut placed: Vec<Placed<'_>> = Vec::new();
    for (word, count) in words {
        // By the root: what is twice as often has twice the area.
        let share = if most == least { 0.5 } else { root_share(*count, least, most) };
        // A long word must not be wider than the picture.
        let size = (small + (large - small) * share).min(width * 0.85 / label::width(word, 1.0).max(1.0));
        let (half_width, half_height) = (label::width(word, size) / 2.0 + ROOM, size * 0.56 + ROOM / 2.0);
        if let Some((x, y)) = spiral(width / height).find(|(x, y)| {
            let area = (x - half_width, y - half_height, x + half_width, y + half_height);
            area.0 >= -width / 2.0
                && area.2 <= width / 2.0
                && area.1 >= -height / 2.0
                && area.3 <= height / 2.0
                && !placed.iter().any(|other| meets(area, other.area))
        }) {
            let area = (x - half_width, y - half_height, x + half_width, y + half_height);
            placed.push(Placed { word, size, area });
        }
    }
    placed
}

fn root_share(count: u64, least: u64, most: u64) -> f64 {
    let [count, least, most] = [count, least, most].map(|number| (number as f64).sqrt());
    (count - least) / (most - least)
}

/// Points farther and farther out, on an ellipse that is so much wider than high.
fn spiral(aspect: f64) -> impl Iterator<Item = (f64, f64)> {
    (0..6000).map(move |step| {
        let turn = f64::from(step) * 0.13;
        let radius = 1.15 * turn;
        (radius * turn.cos() * aspect.sqrt() * 1.2, radius * turn.sin() / aspect.sqrt() * 1.2)
    })
}

fn meets(one: Area, other: Area) -> bool {
    one.0 < other.2 && one.2 > other.0 && one.1 < other.3 && one.3 > other.1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(count: u64) -> Vec<Word> {
        (0..count)
            .map(|at| {
                (
                    ["弹幕", "哈哈哈", "yyds", "这波操作", "666"][at as usize % 5].repeat(1 + at as usize % 2),
                    1000 / (at + 1),
                )
            })
            .collect()
    }

    #[test]
    fn no_word_meets_another_or_the_edge() {
        for (width, height) in [(1000.0, 400.0), (360.0, 250.0)] {
            let words = words(90);
            let placed = place(&words, width, height);
            assert!(placed.len() > 20, "{}", placed.len());
            assert_eq!(placed[0].word, words[0].0, "the largest is in the middle");
            for (at, one) in placed.iter().enumerate() {
                assert!(placed[..at].iter().all(|other| !meets(one.area, other.area)), "{one:?}");
                assert!(one.area.0 >= -width / 2.0 && one.area.2 <= width / 2.0);
            }
        }
    }

    #[test]
    fn few_words_and_long_ones_have_a_place_too() {
        assert!(place(&[], 500.0, 300.0).is_empty());
        assert_eq!(place(&[("长".repeat(500), 1)], 500.0, 300.0).len(), 1);
        assert_eq!(place(&[("一".to_owned(), u64::MAX), ("二".to_owned(), u64::MAX)], 500.0, 300.0).len(), 2);
    }
}
