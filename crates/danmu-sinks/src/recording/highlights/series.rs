//! A room's chat as a series: how much was said in every five seconds. Sparse, so that a year of silence takes no memory.

/// How long a bucket is.
pub(super) const BUCKET_US: i64 = 5_000_000;

/// After this many buckets without a line, which are 20 minutes, a new stretch begins.
const SILENCE: i64 = 240;

/// Weights by bucket, in stretches with long silence between them.
#[derive(Clone, Debug, Default)]
pub(super) struct Series {
    pub(super) stretches: Vec<Stretch>,
}

/// Consecutive buckets.
#[derive(Clone, Debug)]
pub(super) struct Stretch {
    /// Number of the first: its time by [`BUCKET_US`].
    pub(super) first: i64,
    pub(super) weights: Vec<f32>,
}

impl Stretch {
    /// One past the last.
    pub(super) fn end(&self) -> i64 {
        self.first.saturating_add(self.weights.len() as i64)
    }
}

impl Series {
    /// Adds what was said then. Times that decrease, which only edited recordings have, count as the last.
    pub(super) fn add(&mut self, at_us: i64, weight: f32) {
        let bucket = at_us.div_euclid(BUCKET_US);
        match self.stretches.last_mut() {
            Some(stretch) if bucket.saturating_sub(stretch.end()) < SILENCE => {
                let index = bucket.saturating_sub(stretch.first).max(stretch.weights.len() as i64 - 1) as usize;
                if index >= stretch.weights.len() {
                    stretch.weights.resize(index + 1, 0.0);
                }
                stretch.weights[index] += weight;
            }
            _ => self.stretches.push(Stretch { first: bucket, weights: vec![weight] }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_takes_no_memory() {
        let mut series = Series::default();
        for at_us in [0, 1, BUCKET_US, 3 * BUCKET_US, i64::MAX / 2, i64::MAX, 7] {
            series.add(at_us, 1.0);
        }
        let found: Vec<_> = series.stretches.iter().map(|stretch| stretch.weights.clone()).collect();
        assert_eq!(found, [vec![2.0, 1.0, 0.0, 1.0], vec![1.0], vec![2.0]]);
        assert_eq!(series.stretches[0].end(), 4);
    }
}
