//! Space: how much room the disk of a recording has left, and for how long that lasts at the present rate.

use std::collections::VecDeque;
use std::path::Path;
use std::time::Duration;

/// How often to look.
const LOOK_US: i64 = 10_000_000;
/// The growth of a file is noted this often.
const NOTE_US: i64 = 60_000_000;
/// How far back the rate reaches.
const NOTES: usize = 60;
/// Over less time than this there is no rate: SQLite grows a file in steps of megabytes.
const STEADY_US: i64 = 10 * NOTE_US;

/// From when on room is little, little enough to say so again, and nearly none: the time that it lasts, and bytes.
const LITTLE: [(Duration, u64); 3] = [
    (Duration::from_secs(24 * 3600), 1 << 30),
    (Duration::from_secs(6 * 3600), 256 << 20),
    (Duration::from_secs(3600), 64 << 20),
];

/// There is little room left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Low {
    /// Bytes that may still be written.
    pub(crate) free_bytes: u64,
    /// For how long that is enough, if the recording has grown for long enough to tell.
    pub(crate) lasts: Option<Duration>,
}

/// Watches the room that one file has.
#[derive(Debug, Default)]
pub(crate) struct Space {
    looked_us: Option<i64>,
    /// How large the file was, and when; the oldest first.
    notes: VecDeque<(i64, u64)>,
    /// How many of [`LITTLE`] were told.
    told: usize,
}

impl Space {
    /// Looks, if it is time to. Says so when there is little room, and again when there is much less.
    pub(crate) fn look(&mut self, now_us: i64, path: &Path) -> Option<Low> {
        if self.looked_us.is_some_and(|looked_us| (0..LOOK_US).contains(&now_us.saturating_sub(looked_us))) {
            return None;
        }
        self.looked_us = Some(now_us);
        // Where the file or the answer is missing, commits fail, and that is told.
        let bytes = path.metadata().ok()?.len();
        self.note(now_us, bytes, free_bytes(path)?)
    }

    fn note(&mut self, now_us: i64, bytes: u64, free_bytes: u64) -> Option<Low> {
        if self.notes.back().is_none_or(|&(at_us, _)| now_us.saturating_sub(at_us) >= NOTE_US) {
            self.notes.push_back((now_us, bytes));
            if self.notes.len() > NOTES {
                self.notes.pop_front();
            }
        }
        let low = Low { free_bytes, lasts: self.lasts(now_us, bytes, free_bytes) };
        // Told anew only once there was twice the room in between.
        self.told = self.told.min(Low { free_bytes: free_bytes / 2, lasts: low.lasts.map(|lasts| lasts / 2) }.stage());
        let is_news = low.stage() > self.told;
        self.told = self.told.max(low.stage());
        is_news.then_some(low)
    }

    fn lasts(&self, now_us: i64, bytes: u64, free_bytes: u64) -> Option<Duration> {
        let &(from_us, from_bytes) = self.notes.front()?;
        let (took_us, grown) = (now_us.saturating_sub(from_us), bytes.saturating_sub(from_bytes));
        let micros = u128::from(free_bytes) * took_us.max(0) as u128 / u128::from(grown.max(1));
        (took_us >= STEADY_US && grown > 0).then(|| Duration::from_micros(micros.try_into().unwrap_or(u64::MAX)))
    }
}

impl Low {
    /// How many of [`LITTLE`] it is under.
    fn stage(self) -> usize {
        let is_under = |&&(lasts, bytes): &&(Duration, u64)| {
            self.free_bytes < bytes || self.lasts.is_some_and(|lasting| lasting < lasts)
        };
        LITTLE.iter().take_while(is_under).count()
    }
}

/// Bytes that this process may still write beside `path`, where the system says so.
#[cfg(unix)]
fn free_bytes(path: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(path).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

#[cfg(not(unix))]
fn free_bytes(_: &Path) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000_000;
    const GIB: u64 = 1 << 30;

    #[test]
    fn a_disk_that_will_be_full_within_a_day_is_told_of_at_three_times() {
        let mut space = Space::default();
        // 100 MiB a minute into 200 GiB: full after 34 hours.
        let (rate, disk) = (100 << 20, 200 * GIB);
        let told: Vec<_> = (0..34 * 60)
            .filter_map(|minute| {
                let bytes = minute * rate;
                let low = space.note(minute as i64 * MINUTE, bytes, disk - bytes)?;
                let hours = low.lasts.unwrap().as_secs_f64() / 3600.0;
                assert!((hours - low.free_bytes as f64 / rate as f64 / 60.0).abs() < 0.01);
                Some(hours.ceil() as u64)
            })
            .collect();
        assert_eq!(told, [24, 6, 1]);
    }

    #[test]
    fn a_rate_needs_ten_minutes_and_a_file_that_does_not_grow_lasts_for_ever() {
        let mut space = Space::default();
        assert_eq!(space.note(0, 0, 10 * GIB), None);
        assert_eq!(space.note(MINUTE, GIB, 9 * GIB), None, "a gigabyte in the first minute says little");
        assert_eq!(space.note(10 * MINUTE, GIB, 9 * GIB).unwrap().lasts, Some(Duration::from_secs(90 * 60)));
        let mut space = Space::default();
        assert!((0..100).all(|minute| space.note(minute * MINUTE, 5 * GIB, 2 * GIB).is_none()));
    }

    #[test]
    fn little_room_is_told_at_once_and_again_only_after_there_was_more() {
        let mut space = Space::default();
        let mut note = |free_bytes| space.note(0, 0, free_bytes).map(|low| low.free_bytes);
        assert_eq!(note(2 * GIB), None);
        assert_eq!(note(GIB - 1), Some(GIB - 1));
        assert_eq!(note(GIB + 1), None);
        assert_eq!(note(GIB - 1), None, "it hovers");
        assert_eq!(note(60 << 20), Some(60 << 20), "two stages at once are told once");
        assert_eq!(note(300 << 20), None);
        assert_eq!(note(3 * GIB), None);
        assert_eq!(note(GIB / 2), Some(GIB / 2), "there was room in between");
    }

    #[test]
    fn the_system_says_how_much_room_there_is() {
        let folder = tempfile::tempdir().unwrap();
        if cfg!(unix) {
            assert!(free_bytes(folder.path()).is_some());
        }
        assert_eq!(free_bytes(&folder.path().join("nothing")), None);
        let mut space = Space::default();
        assert_eq!(space.look(0, &folder.path().join("nothing")), None);
    }
}
