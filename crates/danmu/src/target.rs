//! The target: which file to record into. With `{date}` in its name, another one each day.

use std::path::{Path, PathBuf};

use danmu_sinks::recording::OpenError;
use danmu_sinks::{Recorder, RecorderOptions};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// What stands for the day in a file's name.
const DATE: &str = "{date}";

/// Pause before a file that could not be opened is tried again.
const RETRY_US: i64 = 60_000_000;

/// Where recordings go.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    name: PathBuf,
    options: RecorderOptions,
    zone: TimeZone,
    /// The day of the file that was opened last.
    day: Option<Date>,
    /// When opening failed, if it did since; in microseconds since the Unix epoch.
    failed_us: Option<i64>,
}

impl Target {
    /// Into `name`, or into what it stands for in `zone`.
    pub(crate) const fn new(name: PathBuf, options: RecorderOptions, zone: TimeZone) -> Self {
        Self { name, options, zone, day: None, failed_us: None }
    }

    /// Opens the file of this moment.
    ///
    /// # Errors
    /// It cannot be recorded into.
    pub(crate) fn open(&mut self, now_us: i64) -> Result<Recorder, OpenError> {
        let day = self.day(now_us);
        self.failed_us = Some(now_us);
        let recorder = Recorder::open(self.path(day), self.options.clone(), now_us)?;
        (self.day, self.failed_us) = (Some(day), None);
        Ok(recorder)
    }

    /// Whether a new day has come since the last file was opened. Days never go back, whatever the clock does. A file
    /// that could not be opened is tried again after a while.
    pub(crate) fn is_over(&self, now_us: i64) -> bool {
        self.is_daily()
            && self.failed_us.is_none_or(|failed_us| now_us.saturating_sub(failed_us) >= RETRY_US)
            && self.day.is_some_and(|day| self.day(now_us) > day)
    }

    fn is_daily(&self) -> bool {
        self.name.to_str().is_some_and(|name| name.contains(DATE))
    }

    fn day(&self, now_us: i64) -> Date {
        Timestamp::from_microsecond(now_us).unwrap_or_default().to_zoned(self.zone.clone()).date()
    }

    fn path(&self, day: Date) -> PathBuf {
        named(&self.name, &day.to_string())
    }

    /// The day of the file that was opened last, as it stands in names.
    pub(crate) fn opened(&self) -> String {
        self.day.map(|day| day.to_string()).unwrap_or_default()
    }
}

/// What `name` stands for on this day.
pub(crate) fn named(name: &Path, day: &str) -> PathBuf {
    name.to_str().map_or_else(|| name.to_owned(), |text| PathBuf::from(text.replace(DATE, day)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_US: i64 = 86_400_000_000;

    #[test]
    fn a_file_that_cannot_be_opened_is_tried_again_after_a_while() {
        let folder = tempfile::tempdir().unwrap();
        let name = folder.path().join("{date}/x.db");
        let mut target = Target::new(name, RecorderOptions::default(), TimeZone::UTC);
        std::fs::create_dir(folder.path().join("1970-01-01")).unwrap();
        drop(target.open(DAY_US - 1).unwrap());
        assert!(target.is_over(DAY_US), "at once");
        assert!(target.open(DAY_US).is_err(), "its folder is not there");
        assert!(!target.is_over(DAY_US + RETRY_US - 1) && target.is_over(DAY_US + RETRY_US));
        std::fs::create_dir(folder.path().join("1970-01-02")).unwrap();
        drop(target.open(DAY_US + RETRY_US).unwrap());
        assert!(!target.is_over(2 * DAY_US - 1) && target.is_over(2 * DAY_US));
    }

    #[test]
    fn a_name_without_a_date_is_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let mut target = Target::new(folder.path().join("x.db"), RecorderOptions::default(), TimeZone::UTC);
        drop(target.open(0).unwrap());
        assert!(!target.is_over(1000 * DAY_US));
    }
}
