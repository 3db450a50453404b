//! A message as one line for people.
//!
//! ```text
//! 20:00:01 [小丑 12] 小明: 主播好
//! 20:00:02 ◆ 土豪: 火箭 ×2 (6 in a row)
//! 20:00:03 ★ ¥30 观众甲: 生日快乐 (60 s)
//! 20:00:04 → 小红
//! ```
//!
//! What matters is said in words and signs, so that it reads as well without colour. All text comes from strangers and
//! goes through [`push_safe`].

use std::fmt::Write as _;
use std::io::IsTerminal as _;

use anstyle::{Ansi256Color, AnsiColor, Style};
use anyhow::bail;
use danmu_proto::Summary;
use danmu_proto::summary::{Flags, Role, noble_name};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::marks::Marks;
use crate::printer::{Closed, Printer};
use crate::text::push_safe;

/// Colours for names: well told apart, on dark and light grounds alike.
const NAMES: [u8; 12] = [33, 37, 65, 68, 71, 97, 103, 131, 136, 139, 168, 173];

/// How to show messages.
#[derive(Debug)]
pub(crate) struct Render {
    /// Whether to say which room: of use where there are several.
    pub(crate) rooms: bool,
    /// Whether to say the day: of use for recordings.
    pub(crate) days: bool,
    /// The zone of the times.
    pub(crate) zone: TimeZone,
    /// Whether text stays exactly as it came, which a terminal would obey; then there are no colours either.
    pub(crate) raw: bool,
}

impl Render {
    /// One line, without its end. `received_us` is in microseconds since the Unix epoch.
    pub(crate) fn line(&self, room: u64, received_us: i64, summary: &Summary<'_>) -> String {
        self.line_with(&Marks::default(), room, received_us, summary)
    }

    /// The same with what was looked for marked in what was said.
    pub(crate) fn line_with(&self, marks: &Marks, room: u64, received_us: i64, summary: &Summary<'_>) -> String {
        let mut line = Line { text: String::new(), raw: self.raw, marks };
        line.dimmed(&self.time(received_us));
        if self.rooms {
            line.dimmed(&room.to_string());
        }
        match &*summary.kind {
            "chatmsg" => line.chat(summary),
            _ if summary.is_superchat() => line.superchat(summary),
            _ if summary.gift.is_some() => line.gift(summary),
            "uenter" => line.enter(summary),
            _ => line.other(summary),
        }
        line.flags(summary.flags);
        line.text
    }

    fn time(&self, us: i64) -> String {
        let format = if self.days { "%Y-%m-%d %H:%M:%S" } else { "%H:%M:%S" };
        let time = Timestamp::from_microsecond(us).unwrap_or_default().to_zoned(self.zone.clone());
        time.strftime(format).to_string()
    }
}

impl Render {
    /// Prints [`Render::line`].
    ///
    /// # Errors
    /// See [`Closed`].
    pub(crate) fn print(
        &self,
        printer: &mut Printer,
        room: u64,
        received_us: i64,
        summary: &Summary<'_>,
    ) -> Result<(), Closed> {
        let line = self.line(room, received_us, summary);
        if self.raw { printer.line_as_it_is(&line) } else { printer.line(&line) }
    }
}

/// What `watch`, `record --watch` and `search` ask for to see text as it is.
#[derive(clap::Args, Clone, Copy, Debug, Default)]
pub(crate) struct RawText {
    /// Leave names and texts exactly as they came, control characters and line breaks too; not at a terminal, which
    /// would obey them
    #[arg(long)]
    raw_text: bool,
}

impl RawText {
    /// Whether to.
    ///
    /// # Errors
    /// The output is a terminal.
    pub(crate) fn wanted(self) -> anyhow::Result<bool> {
        if self.raw_text && std::io::stdout().is_terminal() {
            bail!("--raw-text is not for terminals, which would obey what people typed: write into a file or a pipe");
        }
        Ok(self.raw_text)
    }
}

/// Whether a message says something to a viewer, or is only bookkeeping such as scores and rankings.
pub(crate) fn is_for_viewers(summary: &Summary<'_>) -> bool {
    summary.name.is_some() || summary.text.is_some() || summary.gift.is_some()
}

/// A line while it is put together: parts with a space between.
struct Line<'m> {
    text: String,
    raw: bool,
    marks: &'m Marks,
}

impl Line<'_> {
    fn chat(&mut self, summary: &Summary<'_>) {
        self.who(summary);
        self.text.push(':');
        let colour = summary.colour.and_then(text_colour);
        let style = colour.map_or(Style::new(), |colour| Style::new().fg_color(Some(colour.into())));
        self.said(style, summary.text.as_deref().unwrap_or_default());
    }

    fn superchat(&mut self, summary: &Summary<'_>) {
        let style = AnsiColor::Yellow.on_default().bold();
        self.styled(style, &format!("★ {}", yuan(summary.price_fen.unwrap_or(0))));
        self.who(summary);
        self.text.push(':');
        self.said(style, summary.text.as_deref().unwrap_or_default());
        self.dimmed(&format!("({} s)", summary.duration_s.unwrap_or(0)));
    }

    fn gift(&mut self, summary: &Summary<'_>) {
        let Some(gift) = &summary.gift else { return };
        let style = AnsiColor::Magenta.on_default();
        self.styled(style, "◆");
        self.who(summary);
        self.text.push(':');
        match &gift.name {
            Some(name) => self.styled(style.bold(), name),
            None => self.styled(style.bold(), &format!("{} {}", gift.kind.name(), gift.id)),
        }
        self.styled(style, &format!("×{}", gift.count));
        if let Some(hits) = gift.hits.filter(|&hits| hits > gift.count) {
            self.dimmed(&format!("({hits} in a row)"));
        }
    }

    fn enter(&mut self, summary: &Summary<'_>) {
        self.dimmed("→");
        self.dimmed(summary.name.as_deref().unwrap_or_default());
    }

    fn other(&mut self, summary: &Summary<'_>) {
        let style = AnsiColor::Cyan.on_default();
        self.styled(style, "·");
        self.styled(style, label(&summary.kind).unwrap_or(&summary.kind));
        if summary.name.is_some() {
            self.who(summary);
        }
        if let Some(text) = &summary.text {
            self.styled(style, text);
        }
        if let Some(price) = summary.price_fen {
            self.styled(style.bold(), &yuan(price));
        }
        if let Some(receiver) = &summary.receiver {
            self.dimmed("→");
            self.dimmed(receiver);
        }
    }

    /// Medal, role, noble rank and name.
    fn who(&mut self, summary: &Summary<'_>) {
        if let Some(medal) = &summary.medal {
            let mut text = format!("[{}", medal.name);
            if let Some(level) = medal.level {
                let _ = write!(text, " {level}");
            }
            text.push(']');
            self.dimmed(&text);
        }
        match summary.role {
            Some(Role::Streamer) => self.styled(AnsiColor::Red.on_default(), "主播"),
            Some(Role::Admin) => self.styled(AnsiColor::Green.on_default(), "房管"),
            Some(Role::SuperAdmin) => self.styled(AnsiColor::Red.on_default(), "超管"),
            None => {}
        }
        if let Some(noble) = summary.noble.and_then(noble_name) {
            self.styled(AnsiColor::Yellow.on_default(), noble);
        }
        let colour = NAMES[summary.user.unwrap_or(0) as usize % NAMES.len()];
        let style = Style::new().fg_color(Some(Ansi256Color(colour).into())).bold();
        self.styled(style, summary.name.as_deref().unwrap_or("?"));
    }

    fn flags(&mut self, flags: Flags) {
        for (flag, word) in [(Flags::FOREIGN, "other room"), (Flags::SUSPECT, "bot?")] {
            if flags.has(flag) {
                self.dimmed(&format!("({word})"));
            }
        }
    }

    fn dimmed(&mut self, text: &str) {
        self.styled(Style::new().dimmed(), text);
    }

    /// What someone said, with what was looked for marked.
    fn said(&mut self, style: Style, text: &str) {
        let marked = style.bold().invert();
        let spans = self.marks.spans(text);
        if self.raw || spans.is_empty() {
            return self.styled(style, text);
        }
        self.text.push(' ');
        let mut at = 0;
        for span in spans {
            self.piece(style, &text[at..span.start]);
            self.piece(marked, &text[span.clone()]);
            at = span.end;
        }
        self.piece(style, &text[at..]);
    }

    fn piece(&mut self, style: Style, text: &str) {
        if !text.is_empty() {
            let _ = write!(self.text, "{style}");
            push_safe(&mut self.text, text);
            let _ = write!(self.text, "{style:#}");
        }
    }

    fn styled(&mut self, style: Style, text: &str) {
        if !self.text.is_empty() {
            self.text.push(' ');
        }
        if self.raw {
            self.text.push_str(text);
            return;
        }
        let _ = write!(self.text, "{style}");
        push_safe(&mut self.text, text);
        let _ = write!(self.text, "{style:#}");
    }
}

/// What a type means, in a word or two.
fn label(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "anbc" => "becomes noble",
        "rnewbc" => "renews noble",
        "dfobc" | "odfbc" => "becomes diamond fan",
        "dfrbc" | "rndfbc" => "renews diamond fan",
        "bc_buy_deserve" => "shows respect",
        "blab" => "medal level up",
        "upgrade" => "level up",
        "upbc" => "streamer level up",
        "rankup" => "climbs the ranking",
        "cthn" => "flying chat",
        "ssd" => "site notice",
        "rsm" => "system notice",
        "onlinegift" => "claims fish balls",
        "ggbb" | "tsgs" => "opens a box",
        "gpbc" => "takes from a box",
        "srres" => "shares the room",
        "setadminres" => "admins change",
        "newblackres" | "blackres" => "muted",
        "rss" => "stream starts or ends",
        _ => return None,
    })
}

/// `¥30`, `¥0.10`.
pub(crate) fn yuan(fen: u64) -> String {
    if fen.is_multiple_of(100) { format!("¥{}", fen / 100) } else { format!("¥{}.{:02}", fen / 100, fen % 100) }
}

/// The nearest colour that terminals with 256 of them have.
const fn text_colour(code: u32) -> Option<Ansi256Color> {
    Some(Ansi256Color(match code {
        1 => 196,
        2 => 33,
        3 => 113,
        4 => 208,
        5 => 135,
        6 => 205,
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use anstream::adapter::strip_str;
    use danmu_proto::{Message, RoomId};

    use super::*;

    #[track_caller]
    fn shows(payload: &str, line: &str) {
        let render = Render { rooms: false, days: false, zone: TimeZone::UTC, raw: false };
        let message = Message::read(payload.as_bytes());
        let shown = render.line(9999, 1_700_000_000_000_000, &message.summary(RoomId::new(9999).unwrap()));
        assert_eq!(strip_str(&shown).to_string(), format!("22:13:20 {line}"));
    }

    #[test]
    fn chat_is_medal_name_and_text() {
        shows(
            "type@=chatmsg/rid@=9999/nn@=小明/txt@=主播好/dms@=4/bnn@=小丑/bl@=12/brid@=1/",
            "[小丑 12] 小明: 主播好",
        );
        shows("type@=chatmsg/rid@=9999/nn@=房管甲/txt@=1@S2/dms@=4/rg@=4/nl@=5/", "房管 国王 房管甲: 1/2");
        shows("type@=chatmsg/rid@=9999/nn@=小明/txt@=/dms@=4/", "小明: ");
    }

    #[test]
    fn odd_chat_says_what_is_odd() {
        shows("type@=chatmsg/rid@=8888/nn@=小明/txt@=hi/dms@=4/", "小明: hi (other room)");
        shows("type@=chatmsg/rid@=9999/nn@=小明/txt@=hi/", "小明: hi (bot?)");
    }

    #[test]
    fn gifts_say_how_many_and_how_many_in_a_row() {
        shows("type@=dgb/rid@=9999/gfid@=20004/gfn@=火箭/gfcnt@=2/hits@=6/nn@=土豪/", "◆ 土豪: 火箭 ×2 (6 in a row)");
        shows("type@=dgb/rid@=9999/gfid@=0/pid@=268/nn@=小红/hits@=1/", "◆ 小红: prop 268 ×1");
    }

    #[test]
    fn a_super_chat_shows_its_price() {
        shows(
            "type@=comm_chatmsg/btype@=voiceDanmu/rid@=9999/cprice@=3000/cet@=60/chatmsg@=nn@A=甲@Stxt@A=生日快乐@S/",
            "★ ¥30 甲: 生日快乐 (60 s)",
        );
    }

    #[test]
    fn names_and_texts_cannot_move_the_cursor() {
        shows("type@=chatmsg/rid@=9999/nn@=\x1b[2J/txt@=a\nb\x07/dms@=4/", "\u{FFFD}[2J: a b\u{FFFD}");
    }

    #[test]
    fn prices_are_exact() {
        assert_eq!([yuan(10), yuan(3000), yuan(47_405)], ["¥0.10", "¥30", "¥474.05"]);
    }
}
