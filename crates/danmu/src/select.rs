//! Which messages of a recording: the options that `export`, `search` and `stats` share.

use danmu_client::RoomId;
use danmu_sinks::filter::{Gifts, Pattern};
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
    /// Only text that this regular expression is found in; (?i) at its start: upper and lower case alike
    #[arg(long = "match", value_name = "REGEX")]
    pattern: Option<Pattern>,
    /// Only of people who wear this fan medal; repeatable
    #[arg(long, value_name = "NAME")]
    medal: Vec<String>,
    /// Only of people whose fan medal has this level or a higher one
    #[arg(long, value_name = "LEVEL")]
    min_medal_level: Option<u32>,
    /// Only of people of this level or a higher one
    #[arg(long, value_name = "LEVEL")]
    min_level: Option<u32>,
    /// Only this gift, by number or exact name; repeatable
    #[arg(long, value_name = "GIFT")]
    gift: Vec<String>,
    /// Which gifts: all, those that cost something, or none
    #[arg(long, value_name = "WHICH", value_enum, default_value_t)]
    gifts: WhichGifts,
    /// Of what is given or paid, only what cost so many yuan or more; chat is let through
    #[arg(long, value_name = "YUAN", value_parser = fen)]
    min_price: Option<u64>,
}

/// [`Gifts`], for the command line.
#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum WhichGifts {
    #[default]
    All,
    Paid,
    None,
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
            pattern: self.pattern.clone(),
            medals: self.medal.clone(),
            min_medal_level: self.min_medal_level,
            min_level: self.min_level,
            gift: self.gift.clone(),
            gifts: match self.gifts {
                WhichGifts::All => Gifts::All,
                WhichGifts::Paid => Gifts::Paid,
                WhichGifts::None => Gifts::None,
            },
            min_price_fen: self.min_price,
        }
    }
}

/// Reads yuan as fen.
fn fen(text: &str) -> Result<u64, String> {
    let yuan: Option<f64> = text.parse().ok().filter(|yuan| (0.0..=1e12).contains(yuan));
    yuan.map(|yuan| (yuan * 100.0).round() as u64)
        .ok_or_else(|| format!("{text:?} is no price; write yuan, such as 30 or 0.1"))
}

/// Reads a time; for clap.
pub(crate) fn time(text: &str) -> Result<Timestamp, String> {
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
    fn prices_are_read_as_yuan() {
        assert_eq!([fen("30"), fen("0.1"), fen("0")], [Ok(3000), Ok(10), Ok(0)]);
        for text in ["", "free", "-1", "nan", "inf", "1e300"] {
            assert!(fen(text).is_err_and(|error| error.contains("is no price; write yuan")), "{text}");
        }
    }

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
