//! What the viewers of a stream see of its messages, and when: chat, super chats, gifts, and ranks that were bought.
//!
//! Formats for players and for people are made of these. What was told twice is here once: gifts are `dgb` alone, and a
//! rank that was bought elsewhere, which is told to the whole site, is left out.

use std::borrow::Cow;

use danmu_proto::summary::{Gift, colour_rgb, noble_name};
use danmu_proto::{Fields, RoomId, Summary};

use crate::entry::Entry;
use crate::format::clean::{is_control, one_line};
use crate::sink::{Opening, Options};

/// Something on the screen.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Comment<'a> {
    /// When it came, in milliseconds from 0:00 of the file. Never less than 0.
    pub(crate) ms: i64,
    /// Account number of who it is from.
    pub(crate) user: Option<u64>,
    /// Name of who it is from; empty if that is unknown.
    pub(crate) name: &'a str,
    /// What it is.
    pub(crate) what: What<'a>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum What<'a> {
    /// A line of chat. `rgb` is 0xRRGGBB.
    Chat { text: &'a str, rgb: u32 },
    /// A paid chat that stays on the screen.
    SuperChat { text: &'a str, price_fen: u64, seconds: u64 },
    /// A gift. The price is that of all of it, if it is known.
    Gift { name: Cow<'a, str>, count: u32, price_fen: Option<u64> },
    /// A rank in the room that was bought: noble or diamond fan.
    Guard { name: Cow<'a, str>, grade: Grade, months: u32, price_fen: Option<u64> },
}

impl Comment<'_> {
    /// What it is, in words for people, on one line: what stands before the name, and what after it.
    pub(crate) fn words(&self) -> (Cow<'static, str>, Cow<'_, str>) {
        match &self.what {
            What::Chat { text, .. } => ("".into(), one_line(text)),
            What::SuperChat { text, price_fen, .. } => (format!("★ ¥{} ", yuan(*price_fen)).into(), one_line(text)),
            What::Gift { name, count, price_fen } => {
                let price = price_fen.filter(|&fen| fen > 0).map(|fen| format!(" ¥{}", yuan(fen)));
                ("◆ ".into(), format!("{} ×{count}{}", one_line(name), price.unwrap_or_default()).into())
            }
            What::Guard { name, months, .. } => ("◆ ".into(), format!("开通 {} ×{months}", one_line(name)).into()),
        }
    }

    /// As players take it that know comments and nothing else; `None` for what would only be in the way there.
    pub(crate) fn flying(&self) -> Option<Flying<'_>> {
        let (before, words) = self.words();
        let (is_top, rgb, text) = match self.what {
            What::Chat { rgb, .. } => (false, rgb, words),
            What::SuperChat { .. } => (true, GOLD, format!("{before}{}: {words}", one_line(self.name)).into()),
            What::Gift { .. } | What::Guard { .. } => return None,
        };
        Some(Flying { ms: self.ms, is_top, rgb, text })
    }
}

/// A comment that flies over the picture, or stands at its top.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Flying<'a> {
    pub(crate) ms: i64,
    pub(crate) is_top: bool,
    pub(crate) rgb: u32,
    pub(crate) text: Cow<'a, str>,
}

/// Colour of super chats where they have no box.
const GOLD: u32 = 0xFF_C1_07;

/// How high a bought rank is, in the three grades that other sites have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grade {
    Highest = 1,
    Middle = 2,
    Lowest = 3,
}

/// Whether it takes the raw payload to tell what a message means here.
pub(crate) fn needs_payload(summary: &Summary<'_>, _: &Options) -> bool {
    is_noble(summary) || is_diamond_fan(summary)
}

fn is_noble(summary: &Summary<'_>) -> bool {
    matches!(&*summary.kind, "anbc" | "rnewbc")
}

fn is_diamond_fan(summary: &Summary<'_>) -> bool {
    matches!(&*summary.kind, "dfobc" | "dfrbc" | "odfbc" | "rndfbc")
}

/// Whether a message flies over the picture. `opening` says what 0:00 is.
pub(crate) fn is_flying(entry: &Entry<'_>, opening: &Opening) -> bool {
    Screen { zero_us: opening.zero_us, owner: None }.shows(entry).is_some_and(|comment| comment.flying().is_some())
}

/// Tells comments from other messages, and their times.
#[derive(Clone, Debug)]
pub(crate) struct Screen {
    zero_us: Option<i64>,
    owner: Option<String>,
}

impl Screen {
    pub(crate) fn new(opening: &Opening) -> Self {
        Self { zero_us: opening.zero_us, owner: opening.state.owner.clone() }
    }

    /// What viewers see of a message. `None` if nothing, or if it came before 0:00.
    pub(crate) fn shows<'a>(&mut self, entry: &Entry<'a>) -> Option<Comment<'a>> {
        let received_us = entry.received_us?;
        let zero_us = *self.zero_us.get_or_insert(received_us);
        let ms = received_us.checked_sub(zero_us).filter(|&us| us >= 0)? / 1000;
        let what = self.what(entry)?;
        Some(Comment { ms, user: entry.summary.user, name: entry.summary.name.as_deref().unwrap_or_default(), what })
    }

    /// A span of time on the clock of the file, in milliseconds. `None` if all of it was before 0:00.
    pub(crate) fn span(&mut self, from_us: i64, to_us: i64) -> Option<(i64, i64)> {
        let zero_us = *self.zero_us.get_or_insert(from_us);
        let ms = |us: i64| us.saturating_sub(zero_us).max(0) / 1000;
        (to_us > zero_us).then(|| (ms(from_us), ms(to_us)))
    }

    fn what<'a>(&self, entry: &Entry<'a>) -> Option<What<'a>> {
        let summary = entry.summary;
        if summary.kind == "chatmsg" {
            // Blank text is nothing to see, and some readers break on it.
            let seen = |c: char| !c.is_whitespace() && !is_control(c);
            let text = summary.text.as_deref().filter(|text| text.chars().any(seen))?;
            return Some(What::Chat { text, rgb: colour_rgb(summary.colour.unwrap_or(0)) });
        }
        if summary.is_superchat() {
            let text = summary.text.as_deref().unwrap_or_default();
            let (price_fen, seconds) = (summary.price_fen?, summary.duration_s?);
            return Some(What::SuperChat { text, price_fen, seconds });
        }
        if let ("dgb", Some(gift)) = (&*summary.kind, &summary.gift) {
            let price_fen = summary.price_fen.map(|fen| fen.saturating_mul(gift.count.into()));
            return Some(What::Gift { name: gift_name(gift), count: gift.count, price_fen });
        }
        if is_diamond_fan(summary) {
            let months = entry.payload.and_then(|payload| Fields::new(payload).number("mn")).unwrap_or(1);
            let price_fen = summary.price_fen;
            return Some(What::Guard { name: Cow::Borrowed("钻粉"), grade: Grade::Lowest, months, price_fen });
        }
        if is_noble(summary) && self.is_of_this_room(entry) {
            let rank = summary.noble.unwrap_or(0);
            let name = Cow::Borrowed(noble_name(rank).unwrap_or("贵族"));
            let grade = match rank {
                6 | 8.. => Grade::Highest,
                4 | 5 => Grade::Middle,
                _ => Grade::Lowest,
            };
            return Some(What::Guard { name, grade, months: 1, price_fen: summary.price_fen });
        }
        None
    }

    /// Nobles are told of to the whole site. Which room it was is in the payload; else its streamer's name tells.
    fn is_of_this_room(&self, entry: &Entry<'_>) -> bool {
        match entry.payload.and_then(|payload| Fields::new(payload).number("drid").and_then(RoomId::new)) {
            Some(room) => entry.room == Some(room),
            None => entry.summary.receiver.is_some() && entry.summary.receiver.as_deref() == self.owner.as_deref(),
        }
    }
}

/// A gift's name, or its number where nobody knows it.
fn gift_name<'a>(gift: &'a Gift<'_>) -> Cow<'a, str> {
    gift.name.as_deref().map_or_else(|| format!("{} {}", gift.kind.name(), gift.id).into(), Cow::Borrowed)
}

/// Fen as yuan: `30`, `0.10`.
pub(crate) fn yuan(fen: u64) -> String {
    if fen.is_multiple_of(100) { (fen / 100).to_string() } else { format!("{}.{:02}", fen / 100, fen % 100) }
}
