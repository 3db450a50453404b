//! Which messages of a recording: the options that `export`, `search` and `stats` share.

use danmu_client::RoomId;
use danmu_sinks::{Filter, Types};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};

/// Options for which messages.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Which messages")]
pub(crate) struct Select {
    /// Only this room; repeatable
    #[arg(long, value_name = "ROOM")]
    room: Vec<RoomId>,
    /// Only messages of this type: chat, gift, superchat, enter, or a name on the wire; repeatable
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,
    /// Only of this person, by account number or exact name; repeatable
    #[arg(long, value_name = "USER")]
    user: Vec<String>,
    /// Only from this time on, such as "2026-11-21 20:00", 20:00 or -2h
    #[arg(long, value_name = "TIME", value_parser = time, allow_hyphen_values = true)]
    since: Option<Timestamp>,
    /// Only before this time
    #[arg(long, value_name = "TIME", value_parser = time, allow_hyphen_values = true)]
    until: Option<Timestamp>,
}

impl Select {
    /// As a filter.
    pub(crate) fn filter(&self) -> Filter {
        Filter {
            rooms: self.room.clone(),
            types: Types::new(&self.types),
            users: self.user.clone(),
            since_us: self.since.map(Timestamp::as_microsecond),
            until_us: self.until.map(Timestamp::as_microsecond),
            words: Vec::new(),
        }
    }
}

fn time(text: &str) -> Result<Timestamp, String> {
    time_at(text, &Zoned::now())
}

/// Reads a time: with an offset, or local; a time of day is today's; `-2h` is two hours ago.
fn time_at(text: &str, now: &Zoned) -> Result<Timestamp, String> {
    let local = |time: DateTime| time.to_zoned(now.time_zone().clone()).map(|time| time.timestamp());
    let ago = text.strip_prefix('-').and_then(|ago| ago.parse::<SignedDuration>().ok());
    ago.and_then(|ago| now.timestamp().checked_sub(ago).ok())
        .or_else(|| text.parse().ok())
        .or_else(|| local(text.parse().ok()?).ok())
        .or_else(|| local(now.date().to_datetime(text.parse().ok()?)).ok())
        .ok_or_else(|| {
            format!("{text:?} is no time; write \"2026-11-21 20:00\", 2026-11-21T20:00:00+08:00, 20:00 or -2h")
        })
}

/// A time in local words.
pub(crate) fn show(us: i64) -> String {
    let time = Timestamp::from_microsecond(us).unwrap_or_default().to_zoned(TimeZone::system());
    time.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        let now: Zoned = "2026-11-21T21:30:00+08:00[Asia/Shanghai]".parse().unwrap();
        for (text, time) in [
            ("2026-11-21 20:00", "2026-11-21T12:00:00Z"),
            ("2026-11-21T20:00:00.5", "2026-11-21T12:00:00.5Z"),
            ("2026-11-21T20:00:00Z", "2026-11-21T20:00:00Z"),
            ("2026-11-21T20:00:00+09:00", "2026-11-21T11:00:00Z"),
            ("2026-11-21", "2026-11-20T16:00:00Z"),
            ("20:00", "2026-11-21T12:00:00Z"),
            ("-2h", "2026-11-21T11:30:00Z"),
            ("-1h30m", "2026-11-21T12:00:00Z"),
        ] {
            assert_eq!(time_at(text, &now), Ok(time.parse().unwrap()), "{text}");
        }
        for text in ["", "yesterday-ish", "25:00", "2026-13-01", "-2", "-999999999999h"] {
            assert!(time_at(text, &now).is_err_and(|error| error.contains("is no time; write")), "{text}");
        }
    }
}
