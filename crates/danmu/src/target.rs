//! The target: which file to record into. With `{date}` in its name, another one each day.

use std::path::{Path, PathBuf};

use danmu_sinks::recording::OpenError;
use danmu_sinks::{Recorder, RecorderOptions};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// What stands for the day in a file's name.
const DATE: &str = "{date}";

/// Where recordings go.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    name: PathBuf,
    options: RecorderOptions,
    zone: TimeZone,
    /// The day of the file that was opened last.
    day: Option<Date>,
}

impl Target {
    /// Into `name`, or into what it stands for in `zone`.
    pub(crate) const fn new(name: PathBuf, options: RecorderOptions, zone: TimeZone) -> Self {
        Self { name, options, zone, day: None }
    }

    /// Opens the file of this moment.
    ///
    /// # Errors
    /// It cannot be recorded into.
    pub(crate) fn open(&mut self, now_us: i64) -> Result<Recorder, OpenError> {
        let day = self.day(now_us);
        let recorder = Recorder::open(self.path(day), self.options.clone(), now_us)?;
        self.day = Some(day);
        Ok(recorder)
    }

    /// Whether a new day has come since the last file was opened. Days never go back, whatever the clock does.
    pub(crate) fn is_over(&self, now_us: i64) -> bool {
        self.is_daily() && self.day.is_some_and(|day| self.day(now_us) > day)
    }

    fn is_daily(&self) -> bool {
        self.name.to_str().is_some_and(|name| name.contains(DATE))
    }

    fn day(&self, now_us: i64) -> Date {
        Timestamp::from_microsecond(now_us).unwrap_or_default().to_zoned(self.zone.clone()).date()
    }

    fn path(&self, day: Date) -> PathBuf {
        match self.name.to_str() {
            Some(name) => Path::new(&name.replace(DATE, &day.to_string())).to_owned(),
            None => self.name.clone(),
        }
    }
}
