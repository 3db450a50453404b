//! Times of day for people: `2026-11-21 20:00:00.123`, in a zone.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::sink::Zone;

/// Writes times. Those of one second share all but the fraction, and most of the work.
#[derive(Debug)]
pub(super) struct Stamp {
    zone: TimeZone,
    second: Option<i64>,
    text: String,
}

impl Stamp {
    pub(super) fn new(zone: &Zone) -> Self {
        Self { zone: zone.0.clone(), second: None, text: String::new() }
    }

    /// Appends a time in microseconds since the Unix epoch with so many digits behind the second; nothing if no calendar
    /// has it.
    pub(super) fn write(&mut self, out: &mut Vec<u8>, us: i64, digits: usize) {
        let second = us.div_euclid(1_000_000);
        if self.second != Some(second) {
            let Ok(time) = Timestamp::from_second(second) else { return };
            self.text = time.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string();
            self.second = Some(second);
        }
        out.extend_from_slice(self.text.as_bytes());
        if digits > 0 {
            let fraction = format!(".{:06}", us.rem_euclid(1_000_000));
            out.extend_from_slice(&fraction.as_bytes()[..=digits]);
        }
    }
}
