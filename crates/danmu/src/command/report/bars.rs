//! Bars: a ranking, with a name before each bar and its value behind.

use super::label;
use super::style::Style;
use super::svg::{Anchor, Svg, Type};

/// A bar.
#[derive(Clone, Debug)]
pub(super) struct Bar {
    /// What strangers called it.
    pub(super) name: String,
    /// What to call it where the name cannot be written.
    pub(super) otherwise: String,
    pub(super) value: f64,
    /// The value in words.
    pub(super) shown: String,
}

/// What colour the bars have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hue {
    Accent,
    Blue,
    Teal,
    Gold,
}

const ROW: f64 = 30.0;
const SIZE: f64 = 13.5;
/// Of the width, names have no more than this.
const NAMES: f64 = 0.42;

/// Draws them; nothing, if there are none.
pub(super) fn draw(id: &str, bars: &[Bar], hue: Hue, style: &Style<'_>, width: f64) -> Option<Svg> {
    let palette = style.palette;
    let color = match hue {
        Hue::Accent => palette.accent,
        Hue::Blue => palette.blue,
        Hue::Teal => palette.teal,
        Hue::Gold => palette.gold,
    };
    let most = bars.iter().map(|bar| bar.value).fold(0.0, f64::max);
    if most <= 0.0 {
        return None;
    }
    let rank = label::width("00", SIZE) + 8.0;
    let names: Vec<String> =
        bars.iter().map(|bar| style.fit(&bar.name, SIZE, width * NAMES - rank, &bar.otherwise)).collect();
    let left = rank + names.iter().map(|name| label::width(name, SIZE)).fold(0.0, f64::max) + 10.0;
    let shown = bars.iter().map(|bar| label::width(&bar.shown, SIZE)).fold(0.0, f64::max) + 12.0;
    let room = (width - left - shown).max(20.0);
    let mut svg = Svg::new(&style.id(id), width, bars.len() as f64 * ROW);
    for (at, (bar, name)) in bars.iter().zip(&names).enumerate() {
        let middle = (at as f64 + 0.5) * ROW;
        let base = middle + SIZE * 0.36;
        let long = (bar.value / most * room).max(2.0);
        let number = Type::new(SIZE - 2.0, palette.muted).anchor(Anchor::End);
        svg.text((rank - 8.0, base), &(at + 1).to_string(), number);
        svg.text((rank, base), name, Type::new(SIZE, palette.ink));
        svg.rect((left, middle - 7.0, room, 14.0), 3.0, palette.faint);
        svg.rect((left, middle - 7.0, long, 14.0), 3.0, color);
        svg.text((width, base), &bar.shown, Type::new(SIZE, palette.muted).anchor(Anchor::End));
    }
    Some(svg)
}
