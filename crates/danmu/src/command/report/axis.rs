//! The axis of time: sessions side by side, with a small break where the time between them is left out.

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _, Zoned};

use super::label;
use super::lang::Lang;
use super::pulse::{DAY_US, MINUTE_US, Span, length};
use super::svg::{Anchor, Svg, Type};
use super::theme::Palette;

/// Room for a break between two sessions.
const BREAK: f64 = 14.0;
/// Breaks take no more of the axis than this.
const BREAKS: f64 = 0.3;
/// Size of its labels.
const SIZE: f64 = 11.5;
/// Height of the axis with its labels: times, and days below.
pub(super) const HEIGHT: f64 = 38.0;

/// Where in a picture which time is.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    pieces: Vec<Piece>,
}

#[derive(Clone, Copy, Debug)]
struct Piece {
    span: Span,
    left: f64,
    right: f64,
}

impl Axis {
    /// An axis of these sessions from `left` to `right`.
    pub(super) fn new(sessions: &[Span], left: f64, right: f64) -> Self {
        let breaks = sessions.len().saturating_sub(1) as f64;
        let gap = if breaks > 0.0 { BREAK.min((right - left) * BREAKS / breaks) } else { 0.0 };
        let scale = (right - left - breaks * gap) / length(sessions).max(1) as f64;
        let mut x = left;
        let piece = |&span: &Span| {
            let piece = Piece { span, left: x, right: x + (span.1 - span.0) as f64 * scale };
            x = piece.right + gap;
            piece
        };
        Self { pieces: sessions.iter().map(piece).collect() }
    }

    /// Where a time is. What is before or after all sessions is at their ends.
    pub(super) fn x(&self, at_us: i64) -> f64 {
        let Some(first) = self.pieces.first() else { return 0.0 };
        let mut before = (first.span.0, first.left);
        for piece in &self.pieces {
            for end in [(piece.span.0, piece.left), (piece.span.1, piece.right)] {
                if at_us < end.0 {
                    let share =
                        (at_us.saturating_sub(before.0)) as f64 / (end.0.saturating_sub(before.0)).max(1) as f64;
                    return before.1 + (end.1 - before.1) * share.clamp(0.0, 1.0);
                }
                before = end;
            }
        }
        before.1
    }

    /// The breaks: from, to, and the time that is left out.
    pub(super) fn breaks(&self) -> impl Iterator<Item = (f64, f64, i64)> + '_ {
        self.pieces.windows(2).map(|pair| (pair[0].right, pair[1].left, pair[1].span.0.saturating_sub(pair[0].span.1)))
    }

    /// Writes times and days below `y`.
    pub(super) fn draw(&self, svg: &mut Svg, y: f64, zone: &TimeZone, lang: Lang, palette: &Palette) {
        let style = Type::new(SIZE, palette.muted).anchor(Anchor::Middle);
        for piece in &self.pieces {
            svg.line((piece.left, y), (piece.right, y), palette.gap, None);
        }
        // Labels that would run into each other are left out.
        let (mut times_end, mut days_end) = (f64::MIN, f64::MIN);
        for piece in &self.pieces {
            let step_us = piece.step_us();
            let mut day = None;
            for tick in ticks(piece.span, step_us, zone) {
                let x = self.x(tick.timestamp().as_microsecond());
                let time = tick.strftime("%H:%M").to_string();
                let half = label::width(&time, SIZE) / 2.0;
                if step_us < DAY_US && x - half > times_end + 8.0 && x + half < svg.width {
                    svg.line((x, y), (x, y + 4.0), palette.gap, None);
                    svg.text((x, y + 17.0), &time, style);
                    times_end = x + half;
                }
                if day != Some(tick.date()) {
                    day = Some(tick.date());
                    let text = lang.short_day(&tick);
                    let half = label::width(&text, SIZE) / 2.0;
                    let x = x.max(piece.left + half.min(24.0)).min(svg.width - half);
                    if x - half > days_end + 10.0 {
                        svg.text((x, y + 33.0), &text, style);
                        days_end = x + half;
                    }
                }
            }
        }
    }
}

impl Piece {
    /// How far apart its labels are.
    fn step_us(&self) -> i64 {
        const STEPS_MIN: [i64; 14] = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 7 * 1440, 30 * 1440];
        let most = ((self.right - self.left) / 62.0).max(1.0);
        let least = ((self.span.1 - self.span.0) as f64 / most) as i64;
        STEPS_MIN.into_iter().map(|minutes| minutes * MINUTE_US).find(|step| *step >= least).unwrap_or(365 * DAY_US)
    }
}

/// Round times within a span, as a clock on the wall there has them. At least one, if there is any time to show.
fn ticks(span: Span, step_us: i64, zone: &TimeZone) -> Vec<Zoned> {
    /// More than fit on any axis.
    const MOST: usize = 64;
    let zoned = |us| Timestamp::from_microsecond(us).ok().map(|time| time.to_zoned(zone.clone()));
    let Some(begin) = zoned(span.0) else { return Vec::new() };
    let Ok(midnight) = begin.with().time(Time::midnight()).build() else { return vec![begin] };
    let step = if step_us >= DAY_US { (step_us / DAY_US).days() } else { (step_us / MINUTE_US).minutes() };
    let mut ticks = Vec::new();
    let mut tick = midnight;
    // Most steps are skipped at once where a step is short and the day is long.
    if step_us < DAY_US {
        let passed = span.0.saturating_sub(tick.timestamp().as_microsecond()) / step_us;
        tick = tick.checked_add((passed * step_us / MINUTE_US).minutes()).unwrap_or(tick);
    }
    while tick.timestamp().as_microsecond() <= span.1 && ticks.len() < MOST {
        if tick.timestamp().as_microsecond() >= span.0 {
            ticks.push(tick.clone());
        }
        let Ok(next) = tick.checked_add(step) else { break };
        tick = next;
    }
    if ticks.is_empty() { vec![begin] } else { ticks }
}

/// The hour of a time on the wall, and the day of its week from Monday, 0.
pub(super) fn hour_of_week(us: i64, zone: &TimeZone) -> Option<(usize, usize)> {
    let time = zoned(us, zone);
    let day = usize::try_from(time.weekday().to_monday_zero_offset()).ok()?;
    Some((day, usize::try_from(time.hour()).ok()?))
}

/// A time of day.
pub(super) fn clock(us: i64, zone: &TimeZone) -> String {
    zoned(us, zone).strftime("%H:%M:%S").to_string()
}

/// A day and a time of day.
pub(super) fn moment(us: i64, zone: &TimeZone) -> String {
    zoned(us, zone).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// A time as people there have it. What is beyond the end of time is at its end.
pub(super) fn zoned(us: i64, zone: &TimeZone) -> Zoned {
    let end = if us < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_microsecond(us).unwrap_or(end).to_zoned(zone.clone())
}

#[cfg(test)]
mod tests {
    use super::super::pulse::HOUR_US;
    use super::*;

    #[test]
    fn time_runs_from_left_to_right_over_breaks_too() {
        let sessions = [(0, HOUR_US), (24 * HOUR_US, 25 * HOUR_US)];
        let axis = Axis::new(&sessions, 10.0, 110.0);
        let at = [i64::MIN, 0, HOUR_US / 2, HOUR_US, 12 * HOUR_US, 24 * HOUR_US, 25 * HOUR_US, i64::MAX];
        let xs = at.map(|us| axis.x(us));
        assert!(xs.is_sorted(), "{xs:?}");
        assert_eq!((xs[0], xs[1], xs[3], xs[7]), (10.0, 10.0, 53.0, 110.0));
        assert!(Axis::new(&[], 0.0, 100.0).x(5).abs() < 1e-9);
    }

    #[test]
    fn ticks_are_round_times_of_the_place() {
        let zone = TimeZone::fixed(jiff::tz::offset(8));
        let noon = 1_795_262_400_000_000; // 20:00 there
        let times: Vec<_> = ticks((noon + MINUTE_US, noon + HOUR_US), 15 * MINUTE_US, &zone)
            .iter()
            .map(|t| t.strftime("%H:%M").to_string())
            .collect();
        assert_eq!(times, ["20:15", "20:30", "20:45", "21:00"]);
        for span in [(noon, noon), (i64::MIN, i64::MAX), (noon, noon + 400 * DAY_US)] {
            assert!(ticks(span, 30 * DAY_US, &zone).len() <= 64);
        }
        assert_eq!(ticks((noon, noon), MINUTE_US, &zone).len(), 1);
    }
}
