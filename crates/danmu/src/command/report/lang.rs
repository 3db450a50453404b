//! Languages: a report is in Chinese or in English.

use jiff::Zoned;

/// The language of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Lang {
    /// Chinese
    Zh,
    /// English
    En,
}

impl Lang {
    /// The language that the system speaks.
    pub(super) fn of_system() -> Self {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let locale = set("LC_ALL").or_else(|| set("LC_MESSAGES")).or_else(|| set("LANG"));
        if locale.is_some_and(|locale| locale.to_ascii_lowercase().starts_with("zh")) { Self::Zh } else { Self::En }
    }

    /// What to say.
    pub(super) fn say<T>(self, en: T, zh: T) -> T {
        match self {
            Self::En => en,
            Self::Zh => zh,
        }
    }

    /// As `lang` of HTML.
    pub(super) fn tag(self) -> &'static str {
        self.say("en", "zh-CN")
    }

    /// A day.
    pub(super) fn day(self, time: &Zoned) -> String {
        time.strftime(self.say("%Y-%m-%d", "%Y年%-m月%-d日")).to_string()
    }

    /// A day in little space.
    pub(super) fn short_day(self, time: &Zoned) -> String {
        time.strftime(self.say("%b %-d", "%-m月%-d日")).to_string()
    }

    /// How long something took, in its two largest units.
    pub(super) fn duration(self, us: i64) -> String {
        let seconds = us.max(0) / 1_000_000;
        let (day, hour, minute, second) = self.say((" d ", " h ", " min ", " s"), (" 天 ", " 小时 ", " 分 ", " 秒"));
        let text = match seconds {
            0..60 => format!("{seconds}{second}"),
            60..3600 => format!("{}{minute}{}{second}", seconds / 60, seconds % 60),
            3600..86_400 => format!("{}{hour}{}{minute}", seconds / 3600, seconds % 3600 / 60),
            _ => format!("{}{day}{}{hour}", seconds / 86_400, seconds % 86_400 / 3600),
        };
        text.trim_end().to_owned()
    }
}
