//! Heat: the hours of the week, from none to most.

use super::label;
use super::style::Style;
use super::svg::{Anchor, Svg, Type};

/// Lines of chat by day from Monday and by hour.
pub(super) type Week = [[u64; 24]; 7];

const SIZE: f64 = 11.5;

/// Draws it; nothing, if nothing was said.
pub(super) fn draw(week: &Week, style: &Style<'_>, width: f64) -> Option<Svg> {
    let palette = style.palette;
    let most = week.iter().flatten().copied().max().filter(|most| *most > 0)?;
    let days = style.lang.say(
        ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"],
        ["周一", "周二", "周三", "周四", "周五", "周六", "周日"],
    );
    let left = days.iter().map(|day| label::width(day, SIZE)).fold(0.0, f64::max) + 10.0;
    let cell = (width - left) / 24.0;
    let high = cell.clamp(16.0, 26.0);
    let gap = if cell > 14.0 { 3.0 } else { 2.0 };
    let bottom = 7.0 * high;
    let mut svg = Svg::new(&style.id("week"), width, bottom + 52.0);
    for (day, (name, hours)) in days.iter().zip(week).enumerate() {
        let y = day as f64 * high;
        svg.text((0.0, y + high / 2.0 + 3.0), name, Type::new(SIZE, palette.muted));
        for (hour, lines) in hours.iter().enumerate() {
            let area = (left + hour as f64 * cell, y, cell - gap, high - gap);
            svg.rect(
                area,
                3.0_f64.min(cell / 4.0),
                shade(*lines, most).map_or(palette.faint, |step| palette.heat[step]),
            );
        }
    }
    for hour in (0..24).step_by(if cell > 20.0 { 2 } else { 6 }) {
        let x = left + (f64::from(hour) + 0.5) * cell - gap / 2.0;
        svg.text((x, bottom + 14.0), &format!("{hour:02}"), Type::new(SIZE, palette.muted).anchor(Anchor::Middle));
    }
    let y = bottom + 33.0;
    let few = style.lang.say("fewer", "少");
    let many = style.lang.say("more", "多");
    let swatch = 18.0;
    let right = width - gap;
    let mut x = right - label::width(many, SIZE) - 8.0 - 5.0 * swatch;
    svg.text((x - 8.0, y + 9.5), few, Type::new(SIZE, palette.muted).anchor(Anchor::End));
    for color in palette.heat {
        svg.rect((x, y, swatch - 3.0, 12.0), 3.0, color);
        x += swatch;
    }
    svg.text((right, y + 9.5), many, Type::new(SIZE, palette.muted).anchor(Anchor::End));
    Some(svg)
}

/// Which of the five shades. By the root, or one loud hour would make all others look silent.
fn shade(lines: u64, most: u64) -> Option<usize> {
    let share = (lines as f64 / most as f64).sqrt();
    (lines > 0).then(|| ((share * 5.0).ceil() as usize).clamp(1, 5) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hour_in_which_something_was_said_is_seen() {
        assert_eq!([0, 1, 100, 500, 1000].map(|lines| shade(lines, 1000)), [None, Some(0), Some(1), Some(3), Some(4)]);
        assert_eq!(shade(1, 1), Some(4));
        assert_eq!(shade(u64::MAX, u64::MAX), Some(4));
    }
}
