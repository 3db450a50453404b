//! ASS: subtitles that fly over the picture, for any player with libass (mpv, VLC, IINA, PotPlayer, ffmpeg).
//!
//! ```text
//! Dialogue: 0,0:00:01.25,0:00:13.25,R2L,,0000,0000,0000,,{\move(1977,0,-57,0)}主播好
//! Dialogue: 1,0:00:03.00,0:00:08.00,GIFT,,0000,0000,0000,,{\pos(20,1000)}{\c&HBCACF7&\b1}土豪:\h{\c&HFFFFFF&\b0}火箭\h×2
//! ```
//!
//! Chat goes by from right to left on lanes, gifts and super chats stand on a board at the left. What a line says
//! is known once its message came, so the file grows as the stream does. Colours are blue, green, red. Nothing that people
//! type is markup: braces and backslashes become their wide forms, which every renderer shows.

use std::fmt::Write as _;
use std::str::FromStr;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::clean::{one_line, wide};
use crate::comment::{self, Comment, Screen, What, yuan};
use crate::entry::{Entry, Event};
use crate::sink::{Format, Opened, Opening, Output, Sink, SinkError};

mod board;
mod lanes;

use board::Board;
pub use lanes::Density;
use lanes::Lanes;

/// ASS.
pub const FORMAT: Format = Format {
    name: "ass",
    about: "subtitles that fly over the picture",
    takes: &[
        "start",
        "offset",
        "merge-repeats",
        "events",
        "font",
        "font-size",
        "opacity",
        "area",
        "density",
        "scroll-time",
        "resolution",
        "names",
        "bom",
    ],
    payload_of: comment::needs_payload,
    grows: true,
    counted: None,
    open,
};

/// How it looks.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Width and height that positions are given in; players scale them to the picture. Default 1920 × 1080.
    pub resolution: Resolution,
    /// Default "Microsoft YaHei", which players replace where it is missing.
    pub font: String,
    /// Height of a line of chat. Default 38.
    pub font_size: u32,
    /// 0 to 1. Default 0.7.
    pub opacity: f64,
    /// How much of the height chat may take, from the top: above 0 up to 1. Default 1.
    pub area: f64,
    /// What to do when the screen is full. Default: show all.
    pub density: Density,
    /// How long chat takes to cross the screen, in milliseconds. Default 12 s.
    pub scroll_ms: u32,
    /// Whether chat has its name in front. Default false.
    pub names: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            resolution: Resolution { width: 1920, height: 1080 },
            font: "Microsoft YaHei".to_owned(),
            font_size: 38,
            opacity: 0.7,
            area: 1.0,
            density: Density::All,
            scroll_ms: 12_000,
            names: false,
        }
    }
}

/// A size in pixels, written as `1920x1080`. Each side is 16 to 16384.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resolution {
    /// Width.
    pub width: u32,
    /// Height.
    pub height: u32,
}

impl FromStr for Resolution {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let side = |text: &str| text.parse().ok().filter(|side| (16..=16_384).contains(side));
        let size = text.split_once('x').and_then(|(width, height)| Some((side(width)?, side(height)?)));
        let problem = || format!("{text:?} is no resolution; write 1920x1080");
        size.map(|(width, height)| Self { width, height }).ok_or_else(problem)
    }
}

/// Left edge of the board.
const BOARD_X: i64 = 20;
/// Width of the board, where the screen has that.
const BOARD_WIDTH: i64 = 500;
/// How much of the height the board takes, from the bottom.
const BOARD_AREA: f64 = 0.7;
/// How long a gift stands there.
const GIFT_MS: i64 = 5000;
/// How long it may wait for a place before it is left out. Super chats wait for ever.
const GIFT_PATIENCE_MS: i64 = 5000;
/// The most lines of a super chat.
const SUPERCHAT_LINES: usize = 6;
/// The most characters of a line of chat: more is a prank.
const MOST_CHARS: usize = 300;

const WHITE: u32 = 0xFF_FF_FF;
/// Colour of names.
const NAME: &str = "&HBCACF7&";

struct Ass<'a> {
    out: Output<'a>,
    screen: Screen,
    look: Look,
    lanes: Lanes,
    board: Board,
    lines: String,
}

/// What positions are computed from.
struct Look {
    width: i64,
    height: i64,
    font_size: i64,
    scroll_ms: i64,
    names: bool,
    board_width: i64,
}

impl Look {
    /// Height of a row of the board: a line and some air.
    const fn row(&self) -> i64 {
        self.font_size + self.font_size / 4
    }

    /// Width of text, rounded up to even so that its half is whole. Latin letters are half as wide as Chinese ones.
    fn length(&self, text: &str) -> i64 {
        let pixels = (self.font_size * text.width() as i64 + 1) / 2;
        pixels + pixels % 2
    }
}

fn open<'a>(mut out: Output<'a>, opening: &Opening) -> Opened<'a> {
    let options = &opening.options.ass;
    let Resolution { width, height } = options.resolution;
    let alpha = 255 - (options.opacity.clamp(0.0, 1.0) * 255.0).round() as u32;
    let size = options.font_size.clamp(1, height);
    // A comma would end the field.
    let font = one_line(&options.font).replace(',', " ");
    let mut head = String::from(if opening.options.bom { "\u{FEFF}" } else { "" });
    let _ = write!(
        head,
        "[Script Info]
; Script generated by danmu {}
ScriptType: v4.00+
Collisions: Normal
PlayResX: {width}
PlayResY: {height}
Timer: 100.0000
WrapStyle: 2
ScaledBorderAndShadow: yes

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, \
         StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, \
         Encoding
",
        env!("CARGO_PKG_VERSION"),
    );
    for (name, alpha, alignment) in
        [("R2L", alpha, 8), ("L2R", alpha, 8), ("TOP", alpha, 8), ("BTM", alpha, 8), ("SP", 0, 7), ("MSG", 0, 7)]
    {
        let _ = writeln!(
            head,
            "Style: {name},{font},{size},&H{alpha:02X}FFFFFF,&H00FFFFFF,&H00000000,&H1E6A5149,0,0,0,0,100.00,100.00,0.00,\
             0.00,1,0.0,1.0,{alignment},0,0,0,1"
        );
    }
    // A dark box around the text, so that it can be read where chat goes by behind it.
    let _ = writeln!(
        head,
        "Style: GIFT,{font},{size},&H00FFFFFF,&H00FFFFFF,&H50000000,&H50000000,0,0,0,0,100.00,100.00,0.00,0.00,3,3.0,0.0,7,\
         0,0,0,1"
    );
    head.push_str("\n[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n");
    out.write_all(head.as_bytes())?;
    let look = Look {
        width: width.into(),
        height: height.into(),
        font_size: size.into(),
        scroll_ms: i64::from(options.scroll_ms.max(10)) / 10 * 10,
        names: options.names,
        board_width: BOARD_WIDTH.min(i64::from(width) - 2 * BOARD_X).max(1),
    };
    let lanes = (f64::from(height) * options.area.clamp(0.0, 1.0)) as usize / size as usize;
    let rows = (f64::from(height) * BOARD_AREA) as usize / look.row() as usize;
    Ok(Box::new(Ass {
        out,
        screen: Screen::new(opening),
        lanes: Lanes::new(lanes, look.width, look.scroll_ms, options.density),
        board: Board::new(rows),
        look,
        lines: String::new(),
    }))
}

impl Sink for Ass<'_> {
    fn message(&mut self, entry: &Entry<'_>) -> Result<(), SinkError> {
        let Some(mut comment) = self.screen.shows(entry) else { return Ok(()) };
        // To what the file can say, so that what holds here holds there.
        comment.ms = (comment.ms + 5) / 10 * 10;
        self.lines.clear();
        match &comment.what {
            What::Chat { text, rgb } => self.chat(&comment, text, *rgb),
            What::SuperChat { text, price_fen, seconds } => self.superchat(&comment, text, *price_fen, *seconds),
            What::Gift { name, count, price_fen } => {
                let price = price_fen.filter(|&fen| fen > 0).map(|fen| format!("\\h¥{}", yuan(fen)));
                self.gift(&comment, &format!("{}\\h×{count}{}", escaped(name), price.unwrap_or_default()));
            }
            What::Guard { name, months, .. } => self.gift(&comment, &format!("开通\\h{}\\h×{months}", escaped(name))),
        }
        Ok(self.out.write_all(self.lines.as_bytes())?)
    }

    /// As a comment, which players do not show.
    fn event(&mut self, event: &Event) -> Result<(), SinkError> {
        let Event::Gap(gap) = event else { return Ok(()) };
        let Some((from_ms, to_ms)) = self.screen.span(gap.from_us, gap.to_us) else { return Ok(()) };
        self.lines.clear();
        let text = escaped(&gap.reason);
        let _ = writeln!(self.lines, "Comment: 0,{},{},MSG,,0000,0000,0000,,gap:\\h{text}", Time(from_ms), Time(to_ms));
        Ok(self.out.write_all(self.lines.as_bytes())?)
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(self.out.flush()?)
    }

    fn finish(mut self: Box<Self>) -> Result<(), SinkError> {
        self.flush()
    }
}

impl Ass<'_> {
    fn chat(&mut self, comment: &Comment<'_>, text: &str, rgb: u32) {
        let look = &self.look;
        let text = escaped(text);
        let name = if look.names && !comment.name.is_empty() { escaped(comment.name) } else { String::new() };
        let mut length = look.length(&plain(&text));
        if !name.is_empty() {
            length += look.length(&plain(&name)) + look.length(": ");
        }
        let Some(lane) = self.lanes.place(comment.ms, length) else { return };
        let y = lane as i64 * look.font_size;
        let (from, to) = (look.width + length / 2, -length / 2);
        self.line(0, comment.ms, comment.ms + self.look.scroll_ms, "R2L");
        let _ = write!(self.lines, "{{\\move({from},{y},{to},{y})}}");
        if !name.is_empty() {
            let _ = write!(self.lines, "{{\\c{NAME}}}{name}:\\h{{\\c{}}}", Bgr(rgb));
        } else if rgb != WHITE {
            let _ = write!(self.lines, "{{\\c{}}}", Bgr(rgb));
        }
        self.lines.push_str(&text);
        self.lines.push('\n');
    }

    /// A line on the board. `what` is escaped already.
    fn gift(&mut self, comment: &Comment<'_>, what: &str) {
        let Some(stand) = self.board.place(comment.ms, 1, GIFT_MS, GIFT_PATIENCE_MS) else { return };
        let y = self.top(stand.row, 1);
        self.line(1, stand.from_ms, stand.to_ms, "GIFT");
        let name = escaped(comment.name);
        let _ = writeln!(self.lines, "{{\\pos({BOARD_X},{y})}}{{\\c{NAME}\\b1}}{name}:\\h{{\\c&HFFFFFF&\\b0}}{what}");
    }

    /// A box on the board: who and how much above, the text below.
    fn superchat(&mut self, comment: &Comment<'_>, text: &str, price_fen: u64, seconds: u64) {
        let air = self.look.font_size / 4;
        let lines = self.wrapped(&escaped(text), self.look.board_width - 2 * air);
        let hold_ms = i64::try_from(seconds.clamp(1, 86_400)).unwrap_or(1) * 1000;
        let rows = 1 + lines.len();
        let Some(stand) = self.board.place(comment.ms, rows, hold_ms, i64::MAX) else { return };
        let (row, width, top) = (self.look.row(), self.look.board_width, self.top(stand.row, rows));
        let Colours { upper, lower, name } = Colours::of(price_fen / 100);
        let (from, to) = (stand.from_ms, stand.to_ms);
        let below = top + row;
        let height = row * lines.len() as i64;
        let r = self.look.font_size / 4;
        self.line(1, from, to, "MSG");
        let _ = writeln!(
            self.lines,
            "{{\\pos({BOARD_X},{top})}}{{\\c{upper}\\shad0\\p1}}m 0 {row} l 0 {r} b 0 {r} 0 0 {r} 0 l {} 0 b {} 0 {width} 0 \
             {width} {r} l {width} {row}",
            width - r,
            width - r,
        );
        if height > 0 {
            self.line(1, from, to, "MSG");
            let _ = writeln!(
                self.lines,
                "{{\\pos({BOARD_X},{below})}}{{\\c{lower}\\shad0\\p1}}m 0 0 l {width} 0 l {width} {} b {width} {} {width} \
                 {height} {} {height} l {r} {height} b {r} {height} 0 {height} 0 {}",
                height - r,
                height - r,
                width - r,
                height - r,
            );
        }
        let x = BOARD_X + air;
        let who =
            self.wrapped(&escaped(comment.name), width - 2 * air - self.look.length("¥99999.99 ")).into_iter().next();
        self.line(2, from, to, "MSG");
        let _ = writeln!(
            self.lines,
            "{{\\pos({x},{})}}{{\\c{name}\\b1\\shad0}}{}\\h¥{}",
            top + air / 2,
            who.unwrap_or_default(),
            yuan(price_fen)
        );
        for (line, y) in lines.iter().zip((below + air / 2..).step_by(row as usize)) {
            self.line(2, from, to, "MSG");
            let _ = writeln!(self.lines, "{{\\pos({x},{y})}}{{\\c&HFFFFFF&\\shad0}}{line}");
        }
    }

    /// Begins a line, up to its text.
    fn line(&mut self, layer: u8, from_ms: i64, to_ms: i64, style: &str) {
        let _ = write!(self.lines, "Dialogue: {layer},{},{},{style},,0000,0000,0000,,", Time(from_ms), Time(to_ms));
    }

    /// Top of what stands on the board from this row on.
    fn top(&self, row: usize, rows: usize) -> i64 {
        let rows = (row + rows.min(self.board.rows())) as i64;
        self.look.height - BOARD_X - rows * self.look.row()
    }

    /// Text in lines that are no wider than this.
    fn wrapped(&self, text: &str, width: i64) -> Vec<String> {
        let columns = (width * 2 / self.look.font_size).max(2) as usize;
        let mut lines = Vec::new();
        let (mut line, mut used) = (String::new(), 0);
        for c in plain(text).chars() {
            let wide = c.width().unwrap_or(0);
            if used + wide > columns {
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
            used += wide;
            if c == ' ' { line.push_str("\\h") } else { line.push(c) }
        }
        if !line.is_empty() {
            lines.push(line);
        }
        if lines.len() > SUPERCHAT_LINES.min(self.board.rows().saturating_sub(1)) {
            lines.truncate(SUPERCHAT_LINES.min(self.board.rows().saturating_sub(1)));
            if let Some(last) = lines.last_mut() {
                last.push('…');
            }
        }
        lines
    }
}

/// The colours of a super chat by its price, in yuan.
struct Colours {
    upper: &'static str,
    lower: &'static str,
    name: &'static str,
}

impl Colours {
    const fn of(yuan: u64) -> Self {
        let (upper, lower, name) = match yuan {
            2000.. => ("&HD8D8FF&", "&H321AAB&", "&H1B0E5E&"),
            1000.. => ("&HE4E7FF&", "&H4D4DE5&", "&H333398&"),
            500.. => ("&HD2EAFF&", "&H4394E0&", "&H2C6193&"),
            100.. => ("&HC5F1FF&", "&H2BB5E2&", "&H1C7795&"),
            50.. => ("&HFDFFDB&", "&H9E7D42&", "&H514022&"),
            _ => ("&HFFF5ED&", "&HB2602A&", "&H653617&"),
        };
        Self { upper, lower, name }
    }
}

/// 0xRRGGBB as ASS has it.
struct Bgr(u32);

impl std::fmt::Display for Bgr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [_, r, g, b] = self.0.to_be_bytes();
        write!(f, "&H{b:02X}{g:02X}{r:02X}&")
    }
}

/// Milliseconds as `H:MM:SS.cc`.
struct Time(i64);

impl std::fmt::Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let cs = (self.0 + 5) / 10;
        write!(f, "{}:{:02}:{:02}.{:02}", cs / 360_000, cs / 6000 % 60, cs / 100 % 60, cs % 100)
    }
}

/// Text that means nothing but itself. Spaces are written so that none is lost at the ends.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in one_line(text).chars().take(MOST_CHARS) {
        match c {
            ' ' => escaped.push_str("\\h"),
            c => escaped.push(wide(c)),
        }
    }
    escaped
}

/// Escaped text as it is seen.
fn plain(escaped: &str) -> String {
    escaped.replace("\\h", " ")
}
