//! Columns: sums side by side, each a stack of parts.

use super::label;
use super::style::Style;
use super::svg::{Anchor, Svg, Type};

/// A column.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) name: String,
    /// Its parts from below, in the order of the legend.
    pub(super) parts: Vec<f64>,
}

/// What the values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Number,
    /// In fen.
    Money,
}

const PLOT_HEIGHT: f64 = 170.0;
const SIZE: f64 = 11.5;

/// Draws them, with a legend if there are several parts; nothing, if there is nothing in them.
pub(super) fn draw(
    id: &str,
    columns: &[Column],
    legend: &[&str],
    unit: Unit,
    style: &Style<'_>,
    width: f64,
) -> Option<Svg> {
    let palette = style.palette;
    let colors = [palette.accent, palette.gold, palette.blue, palette.teal];
    let sum = |column: &Column| column.parts.iter().sum::<f64>();
    let most = columns.iter().map(sum).fold(0.0, f64::max);
    if most <= 0.0 {
        return None;
    }
    let scale = if unit == Unit::Money { 100.0 } else { 1.0 };
    let shown = |value: f64| match unit {
        Unit::Number => label::brief(value, style.lang),
        Unit::Money => format!("¥{}", label::brief(value, style.lang)),
    };
    let steps = label::steps(most / scale, 4);
    let top = steps.last().copied().unwrap_or(1.0) * scale;
    let names: Vec<String> = steps.iter().map(|step| shown(*step)).collect();
    let left = names.iter().map(|name| label::width(name, SIZE)).fold(0.0, f64::max) + 10.0;
    let above = if legend.len() > 1 { 28.0 } else { 8.0 };
    let base = above + PLOT_HEIGHT;
    let mut svg = Svg::new(&style.id(id), width, base + 26.0);
    let y = |value: f64| base - value / top * PLOT_HEIGHT;
    for (step, name) in steps.iter().zip(&names) {
        svg.line((left, y(*step * scale)), (width, y(*step * scale)), palette.faint, None);
        svg.text((left - 8.0, y(*step * scale) + 4.0), name, Type::new(SIZE, palette.muted).anchor(Anchor::End));
    }

    let slot = (width - left) / columns.len() as f64;
    let thick = (slot * 0.66).min(56.0);
    // As many names as fit.
    let widest = columns.iter().map(|column| label::width(&column.name, SIZE)).fold(0.0, f64::max) + 8.0;
    let every = (widest / slot).ceil().max(1.0) as usize;
    let mut named_to = f64::MIN;
    for (at, column) in columns.iter().enumerate() {
        let middle = left + (at as f64 + 0.5) * slot;
        let mut below = 0.0;
        for (part, color) in column.parts.iter().zip(colors) {
            if *part > 0.0 {
                let high = (y(below) - y(below + part)).max(1.0);
                svg.rect((middle - thick / 2.0, y(below) - high, thick, high), 2.0_f64.min(high / 2.0), color);
            }
            below += part;
        }
        let half = label::width(&column.name, SIZE) / 2.0;
        let x = middle.min(width - half);
        if at % every == 0 && x - half > named_to {
            named_to = x + half + 6.0;
            svg.text((x, base + 17.0), &column.name, Type::new(SIZE, palette.muted).anchor(Anchor::Middle));
        }
    }
    if legend.len() > 1 {
        let mut x = 0.0;
        for (part, (name, color)) in legend.iter().zip(colors).enumerate() {
            if columns.iter().all(|column| column.parts.get(part).is_none_or(|value| *value <= 0.0)) {
                continue;
            }
            svg.rect((x, 3.0, 12.0, 10.0), 2.0, color);
            svg.text((x + 18.0, 12.5), name, Type::new(SIZE, palette.muted));
            x += 18.0 + label::width(name, SIZE) + 16.0;
        }
    }
    Some(svg)
}
