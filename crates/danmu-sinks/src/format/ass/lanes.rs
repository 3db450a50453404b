//! Lanes: on which line of the screen a comment goes by, so that none runs into another. Pure.
//!
//! All comments take the same time `T` to cross the screen of width `W`, so longer ones are faster. In a lane, a comment of
//! width `len` that starts at `t` is
//!
//! - clear of the right edge at `t + T·len/(W+len)`: before that, the next one would begin on top of it;
//! - gone at `t + T`: the next one's head may reach the left edge, at `t' + T·W/(W+len')`, no earlier, or it would catch up.
//!
//! Where both hold, the two never touch, however different their speeds are. Divisions are rounded so that this stays true.

use std::collections::VecDeque;

/// What to do when there are more comments than lanes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Density {
    /// Show all, over others where there is no place.
    #[default]
    All,
    /// Leave out what has no place of its own.
    NoOverlap,
    /// Leave out what would be more than so many at once; over others where there is no place.
    AtMost(u32),
}

/// The lanes of one screen. Comments come in order of time.
#[derive(Clone, Debug)]
pub(super) struct Lanes {
    /// Time to cross the screen.
    cross_ms: i64,
    width: i64,
    each: Vec<Lane>,
    density: Density,
    /// When each of those that are on the screen is gone; kept only where their number matters.
    visible: VecDeque<i64>,
}

#[derive(Clone, Copy, Debug)]
struct Lane {
    /// When the last comment is clear of the right edge,
    clear_ms: i64,
    /// and when it is gone.
    gone_ms: i64,
}

impl Lanes {
    pub(super) fn new(lanes: usize, width: i64, cross_ms: i64, density: Density) -> Self {
        let lane = Lane { clear_ms: i64::MIN, gone_ms: i64::MIN };
        Self { cross_ms, width, each: vec![lane; lanes.max(1)], density, visible: VecDeque::new() }
    }

    /// The lane for a comment of this width that starts now; `None` if it is left out.
    pub(super) fn place(&mut self, now_ms: i64, length: i64) -> Option<usize> {
        if let Density::AtMost(most) = self.density {
            while self.visible.front().is_some_and(|gone_ms| *gone_ms <= now_ms) {
                self.visible.pop_front();
            }
            if self.visible.len() >= most as usize {
                return None;
            }
            self.visible.push_back(now_ms + self.cross_ms);
        }
        let head_arrives_ms = now_ms + self.cross_ms * self.width / (self.width + length);
        let is_free = |lane: &Lane| lane.clear_ms <= now_ms && lane.gone_ms <= head_arrives_ms;
        let place = match self.each.iter().position(is_free) {
            Some(place) => place,
            None if self.density == Density::NoOverlap => return None,
            // Where the right edge is clear first, the overlap is least.
            None => (0..self.each.len()).min_by_key(|&lane| self.each[lane].clear_ms)?,
        };
        let speed = self.width + length;
        // Rounded up.
        let enters_ms = (self.cross_ms * length + speed - 1) / speed;
        self.each[place] = Lane { clear_ms: now_ms + enters_ms, gone_ms: now_ms + self.cross_ms };
        Some(place)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A comment on its way: when, how wide, on which lane.
    type Comment = (i64, i64, usize);

    /// Whether the later of two comments in a lane ever touches the earlier. Both move in straight lines, so it is enough to
    /// look when the first and when the last moment is that both are there.
    fn touch(earlier: Comment, later: Comment, width: i64, cross_ms: i64) -> bool {
        let left = |(start, length, _): Comment, at: i64| {
            width as f64 - (at - start) as f64 * (width + length) as f64 / cross_ms as f64
        };
        let (from, to) = (later.0, earlier.0 + cross_ms);
        let behind = |at| left(later, at) >= left(earlier, at) + earlier.1 as f64 - 1e-6;
        from < to && !(behind(from) && behind(to))
    }

    proptest! {
        #[test]
        fn without_overlap_no_two_comments_of_a_lane_ever_touch(
            comments in prop::collection::vec((0..2000i64, 1..4000i64), 1..200),
            lanes in 1..8usize,
            width in 1..2000i64,
            cross_ms in 1000..15_000i64,
        ) {
            let mut screen = Lanes::new(lanes, width, cross_ms, Density::NoOverlap);
            let mut now = 0;
            let mut shown: Vec<Comment> = Vec::new();
            for (pause, length) in comments {
                now += pause;
                let Some(lane) = screen.place(now, length) else { continue };
                let comment = (now, length, lane);
                for &other in shown.iter().filter(|other| other.2 == lane) {
                    prop_assert!(!touch(other, comment, width, cross_ms), "{other:?} {comment:?}");
                }
                shown.push(comment);
            }
            prop_assert!(!shown.is_empty());
        }
    }

    #[test]
    fn a_fast_comment_waits_for_a_slow_one_or_takes_another_lane() {
        let mut lanes = Lanes::new(2, 1000, 10_000, Density::NoOverlap);
        assert_eq!(lanes.place(0, 100), Some(0));
        // The edge is clear after 910 ms, but so long a one would catch up.
        assert_eq!(lanes.place(1000, 3000), Some(1));
        // A short one does not.
        assert_eq!(lanes.place(1000, 100), Some(0));
        assert_eq!(lanes.place(1000, 100), None);
        // It would meet the tail of the long one, but not that of the short one.
        assert_eq!(lanes.place(5900, 1000), None);
        assert_eq!(lanes.place(6000, 1000), Some(0));
    }

    #[test]
    fn density_says_what_happens_when_the_screen_is_full() {
        let mut all = Lanes::new(2, 1000, 10_000, Density::All);
        assert_eq!([0, 1, 2, 3].map(|ms| all.place(ms, 100)), [Some(0), Some(1), Some(0), Some(1)]);
        let mut two = Lanes::new(1, 1000, 10_000, Density::AtMost(2));
        assert_eq!([0, 1, 2, 10_000, 10_001].map(|ms| two.place(ms, 100)), [Some(0), Some(0), None, Some(0), Some(0)]);
        assert_eq!(Lanes::new(0, 1000, 10_000, Density::NoOverlap).place(0, 1), Some(0), "there is always a lane");
    }
}
