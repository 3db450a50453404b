//! Peaks: where a series rises over what is usual around it. Pure.
//!
//! For every bucket, what was said within [`SMOOTH`] buckets of it is put on a log scale, `x = ln(1 + said)`, because chat
//! doubles rather than adds. What is usual before it is the median of `x` over the [`AROUND`] listened buckets before. How
//! far `x` usually strays is told by the median step from one sum to the next that shares no line with it (a MAD of steps:
//! the tide of an evening does not add to it), and at least what chance alone does, `1/√(1 + usual)`. The score says how
//! many such strays `x` is above the usual. The same is done with the buckets after it, and the lower score counts.
//!
//! So a step, as when a stream begins, is no peak: it is not above what comes after. And a median does not mind a peak
//! among the buckets, as long as it is less than half of them. Buckets in which nobody listened are not there at all; where
//! nothing is known of before, there is no peak.

use std::ops::Range;

use super::series::{BUCKET_US, Series, Stretch};

/// Buckets to each side of one that are summed with it.
const SMOOTH: usize = 1;

/// Listened buckets on each side that tell what is usual: five minutes.
const AROUND: usize = 60;

/// Buckets that are looked at together: four hours.
const SLICE: i64 = 4 * 720;

/// Below this many on a side, that side does not tell.
const FEWEST: usize = 12;

/// Buckets from one to the next that shares nothing with it.
const APART: usize = 2 * SMOOTH + 1;

/// A peak has at least this much more than usual within the smoothed buckets.
const LEAST_RISE: f32 = 4.0;

/// It has at least this many times the usual.
const LEAST_RATIO: f32 = 1.75;

/// A peak ends where the score falls below this share of the threshold,
const ENDS: f32 = 0.5;

/// unless it rises again within this many buckets.
const REST: usize = 2;

/// Where more is said than usual.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Peak {
    /// Start of the first bucket of it.
    pub(super) from_us: i64,
    /// End of the last.
    pub(super) to_us: i64,
    /// Middle of the highest.
    pub(super) top_us: i64,
    /// How high.
    pub(super) score: f32,
    /// What was said a second at the top, repeats discounted.
    pub(super) rate: f32,
    /// What is usual.
    pub(super) usual: f32,
}

/// All peaks whose score reaches `threshold`, in the order of time. `listened` is when someone listened, in order; where
/// nothing is known of that, from the first line to the last.
pub(super) fn peaks(series: &Series, listened: &[(i64, i64)], threshold: f32) -> Vec<Peak> {
    series.stretches.iter().flat_map(|stretch| in_stretch(stretch, listened, threshold)).collect()
}

/// A bucket with what is known of it.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    number: i64,
    said: f32,
    usual: f32,
    score: f32,
}

/// A stretch is looked at some hours at a time, with what is around them, so that a year takes no more memory.
fn in_stretch(stretch: &Stretch, listened: &[(i64, i64)], threshold: f32) -> Vec<Peak> {
    let around = AROUND as i64;
    let (mut from, end) = (stretch.first.saturating_sub(around), stretch.end().saturating_add(around));
    let mut peaks: Vec<Peak> = Vec::new();
    while from < end {
        let to = end.min(from.saturating_add(SLICE));
        let buckets = scored(&heard(stretch, listened, from.saturating_sub(around)..to.saturating_add(around)));
        for peak in among(&buckets, threshold) {
            let is_of_slice = (from..to).contains(&peak.top_us.div_euclid(BUCKET_US));
            match peaks.last_mut() {
                _ if !is_of_slice => {}
                // Two slices saw the same one.
                Some(last) if peak.from_us < last.to_us => last.to_us = last.to_us.max(peak.to_us),
                _ => peaks.push(peak),
            }
        }
        from = to;
    }
    peaks
}

fn among(buckets: &[Bucket], threshold: f32) -> Vec<Peak> {
    let is_peak = |bucket: &Bucket| {
        bucket.score >= threshold
            && bucket.said - bucket.usual >= LEAST_RISE
            && bucket.said >= LEAST_RATIO * bucket.usual.max(1.0)
    };
    let mut peaks: Vec<Peak> = Vec::new();
    let mut next = 0;
    while let Some(found) = (next..buckets.len()).find(|&at| is_peak(&buckets[at])) {
        let is_up = |at: usize| buckets[at].score >= ENDS * threshold;
        let adjoin = |one: usize, other: usize| buckets[other].number - buckets[one].number == (other - one) as i64;
        let from = (next..found).rev().take_while(|&at| is_up(at) && adjoin(at, found)).last().unwrap_or(found);
        let mut to = found;
        while let Some(up) = (to + 1..buckets.len().min(to + 2 + REST)).find(|&at| is_up(at) && adjoin(to, at)) {
            to = up;
        }
        let top = (from..=to).max_by(|&a, &b| buckets[a].score.total_cmp(&buckets[b].score)).unwrap_or(found);
        let per_second = |said: f32| said / ((2 * SMOOTH + 1) as f32 * (BUCKET_US / 1_000_000) as f32);
        let start = |at: usize| buckets[at].number.saturating_mul(BUCKET_US);
        peaks.push(Peak {
            from_us: start(from),
            to_us: start(to).saturating_add(BUCKET_US),
            top_us: start(top).saturating_add(BUCKET_US / 2),
            score: buckets[top].score,
            rate: per_second(buckets[top].said),
            usual: per_second(buckets[top].usual),
        });
        next = to + 1;
    }
    peaks
}

/// Those of some buckets in which someone listened, with what was said in each. Where nobody says that anyone listened, all
/// of them from the first line to the last, as in recordings that were imported.
fn heard(stretch: &Stretch, listened: &[(i64, i64)], buckets: Range<i64>) -> Vec<(i64, f32)> {
    let said = |number: i64| {
        usize::try_from(number - stretch.first).ok().and_then(|at| stretch.weights.get(at)).copied().unwrap_or(0.0)
    };
    let mut heard = Vec::new();
    let mut next = buckets.start;
    for (from_us, to_us) in listened {
        let from = from_us.div_euclid(BUCKET_US).max(next);
        let to = to_us.div_euclid(BUCKET_US).min(buckets.end - 1);
        heard.extend((from..=to).map(|number| (number, said(number))));
        next = next.max(to.saturating_add(1));
    }
    if heard.is_empty() {
        let spoken = buckets.start.max(stretch.first)..buckets.end.min(stretch.end());
        heard.extend(spoken.map(|number| (number, said(number))));
    }
    heard
}

fn scored(heard: &[(i64, f32)]) -> Vec<Bucket> {
    let said: Vec<f32> = (0..heard.len())
        .map(|at| heard[at.saturating_sub(SMOOTH)..heard.len().min(at + SMOOTH + 1)].iter().map(|(_, said)| said).sum())
        .collect();
    let logs: Vec<f32> = said.iter().map(|said| said.ln_1p()).collect();
    let mut window = Vec::with_capacity(AROUND);
    (0..heard.len())
        .map(|at| {
            let mut side = |logs: &[f32]| Usual::of(logs, &mut window);
            let before = side(&logs[at.saturating_sub(AROUND)..at]);
            let after = side(&logs[at + 1..logs.len().min(at + 1 + AROUND)]);
            let score = |usual: &Usual| usual.score(logs[at]);
            let stricter = before.map(|before| after.filter(|after| score(after) < score(&before)).unwrap_or(before));
            let (usual, score) = stricter.map_or((0.0, 0.0), |usual| (usual.log.exp_m1(), usual.score(logs[at])));
            Bucket { number: heard[at].0, said: said[at], usual, score }
        })
        .collect()
}

/// What is usual for a while, on the log scale.
#[derive(Clone, Copy, Debug)]
struct Usual {
    log: f32,
    strays: f32,
}

impl Usual {
    /// `None` if there is too little to tell.
    fn of(logs: &[f32], window: &mut Vec<f32>) -> Option<Self> {
        if logs.len() < FEWEST {
            return None;
        }
        window.clear();
        window.extend_from_slice(logs);
        let log = median(window);
        window.clear();
        window.extend(logs.iter().zip(&logs[APART..]).map(|(one, next)| (next - one).abs()));
        let by_chance = (-0.5 * log).exp();
        Some(Self { log, strays: (1.4826 / 2_f32.sqrt() * median(window)).max(by_chance) })
    }

    fn score(self, log: f32) -> f32 {
        (log - self.log) / self.strays
    }
}

/// The upper of the middle two, if there are two. Leaves the values in another order.
fn median(values: &mut [f32]) -> f32 {
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f32::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So much is said in each bucket.
    fn series(first: i64, weights: impl IntoIterator<Item = f32>) -> Series {
        Series { stretches: vec![Stretch { first, weights: weights.into_iter().collect() }] }
    }

    /// From and to of peaks, in buckets.
    fn found(series: &Series, listened: &[(i64, i64)]) -> Vec<(i64, i64)> {
        let peaks = peaks(series, listened, 3.0);
        peaks.iter().map(|peak| (peak.from_us / BUCKET_US, peak.to_us / BUCKET_US)).collect()
    }

    #[test]
    fn a_burst_is_a_peak_and_a_step_is_none() {
        let burst = series(0, (0..400).map(|n| if (200..206).contains(&n) { 40.0 } else { 10.0 }));
        let peaks = found(&burst, &[]);
        assert!(matches!(&*peaks, [(199..=200, 206..=207)]), "{peaks:?}");
        assert_eq!(found(&series(0, (0..400).map(|n| if n < 200 { 5.0 } else { 50.0 })), &[]), []);
        assert_eq!(found(&series(0, (0..400).map(|n| n as f32)), &[]), [], "a slow rise");
        assert_eq!(found(&series(0, [10.0; 400]), &[]), []);
    }

    #[test]
    fn a_peak_where_slices_meet_is_one() {
        for top in (SLICE - 76..SLICE - 48).step_by(4) {
            let burst = |n| if (top..top + 8).contains(&n) { 40.0 } else { 10.0 };
            let peaks = found(&series(0, (0..SLICE + 300).map(burst)), &[]);
            let is_it = |(from, to): &(i64, i64)| (from - top).abs() <= 1 && (to - top - 8).abs() <= 1;
            assert!(peaks.len() == 1 && is_it(&peaks[0]), "{top}: {peaks:?}");
        }
    }

    #[test]
    fn short_series_and_empty_ones_have_no_peak() {
        assert_eq!(found(&Series::default(), &[]), []);
        assert_eq!(found(&series(0, [1e6]), &[]), []);
        assert_eq!(found(&series(0, [1.0, 1e6, 1.0]), &[]), []);
    }

    #[test]
    fn the_ends_of_time_are_times() {
        for (at, peaks) in [(i64::MAX / BUCKET_US, 1), (i64::MIN / BUCKET_US, 0)] {
            assert_eq!(found(&series(at, [1e6]), &[(i64::MIN, i64::MAX)]).len(), peaks);
        }
    }

    #[test]
    fn a_gap_is_no_silence() {
        // Ten minutes in which nobody listened: what comes after is as usual.
        let gap = series(0, (0..400).map(|n| if (100..220).contains(&n) { 0.0 } else { 20.0 }));
        let listened = [(0, 100 * BUCKET_US - 1), (220 * BUCKET_US, 400 * BUCKET_US)];
        assert_eq!(found(&gap, &listened), []);
        // In a room where someone listens and nobody speaks, a burst is one.
        let burst = series(100, [20.0; 6]);
        assert_eq!(found(&burst, &[(0, 1000 * BUCKET_US)]).len(), 1);
        assert_eq!(found(&burst, &[(100 * BUCKET_US, 1000 * BUCKET_US)]), [], "nobody knows what was before");
        assert_eq!(found(&burst, &[]), []);
    }
}
