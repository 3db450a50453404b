//! Durations as people write them: `90s`, `5m`, `1h30m`, `250ms`.

use std::time::Duration;

/// The longest that makes sense, and can be added to any time: a hundred years.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 86_400);

/// Reads a duration; for clap.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let problem = || format!("{text:?} is no duration; write 90s, 5m, 1h30m or 250ms");
    let duration: jiff::SignedDuration = text.parse().map_err(|_| problem())?;
    match Duration::try_from(duration) {
        Ok(duration) if duration > LONGEST => Err(format!("{text:?} is longer than a hundred years; write less")),
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err(problem()),
    }
}

/// Writes a duration for people: the two largest units.
pub(crate) fn show(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", duration.as_secs_f64()),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, millis) in [("90s", 90_000), ("5m", 300_000), ("1h30m", 5_400_000), ("250ms", 250), ("1.5s", 1500)] {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "5", "0s", "-5s", "soon", "5 parsecs"] {
            let error = parse(text).unwrap_err();
            assert!(error.contains("write 90s"), "{text}: {error}");
        }
        assert!(parse("9223372036854775807s").unwrap_err().contains("a hundred years"));
    }

    #[test]
    fn durations_are_shown_in_two_units() {
        for (seconds, text) in
            [(0, "0.0 s"), (59, "59 s"), (61, "1 min 1 s"), (5400, "1 h 30 min"), (90_000, "1 d 1 h")]
        {
            assert_eq!(show(Duration::from_secs(seconds)), text);
        }
    }
}
