//! Bilibili's XML, as recorders of live streams write it and danmu players and converters read it.
//!
//! ```xml
//! <?xml version="1.0" encoding="UTF-8"?><i><BililiveRecorder version="0.1.0-danmu"/>
//! <chatserver>chat.bilibili.com</chatserver>…
//! <BililiveRecorderRecordInfo roomid="9999" shortid="0" name="主播" title="…" … start_time="2026-11-21T20:00:00.0000000+08:00"/>
//! <d p="1.250,1,25,16777215,1795262401,0,a1b2c3d4,42" user="小明" uid="12">主播好</d>
//! <gift ts="3.000" user="土豪" uid="13" giftname="火箭" giftcount="2" price="1000000"></gift>
//! <sc ts="4.000" user="小红" uid="14" price="30" time="60">生日快乐</sc>
//! <guard ts="5.000" user="小明" uid="12" level="3" count="1" price="198000" giftname="钻粉"></guard>
//! </i>
//! ```
//!
//! Each rule has a reader that breaks otherwise: the declaration and `<i>` share a line, and the recorder's name stands
//! within the first KiB (danmaku2ass, DanmakuFactory); `p` comes first and has eight fields, none empty (ArtPlayer, uosc);
//! no `<d>` is empty (dmconvert); only the four named entities are used, `>` too (readers by regular expression); numbers
//! are always there (dmconvert). Prices of gifts and guards are 1/1000 yuan for all of the event, those of super chats yuan.

use std::io::Write as _;

use jiff::Timestamp;
use serde_json::json;

use super::clean::{is_control, one_line};
use super::jsonl;
use crate::comment::{self, Comment, Screen, What};
use crate::entry::Entry;
use crate::sink::{Format, Opened, Opening, Output, Sink, SinkError};

/// Bilibili's XML.
pub const FORMAT: Format = Format {
    name: "xml",
    about: "Bilibili's XML, for danmu players and converters",
    takes: &["start", "offset", "merge-repeats", "dialect", "xml-raw"],
    payload_of: |summary, options| options.xml.raw || comment::needs_payload(summary, options),
    grows: true,
    counted: None,
    open,
};

/// What may be chosen.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Options {
    /// Whose habits to follow where readers do not care.
    pub dialect: Dialect,
    /// Whether gifts, super chats and guards carry their message as JSON in `raw`. Default false: some readers take no tag
    /// that is longer than 10 KiB.
    pub raw: bool,
}

/// Whose habits to follow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// Bilibili's: times of sending in seconds, and CRC-32 of account numbers.
    #[default]
    Bilibili,
    /// BililiveRecorder's: times of sending in milliseconds, and account numbers as they are.
    Recorder,
}

struct Xml<'a> {
    out: Output<'a>,
    options: Options,
    screen: Screen,
    /// What `d` elements count where messages have no row.
    written: i64,
    line: Vec<u8>,
}

fn open<'a>(mut out: Output<'a>, opening: &Opening) -> Opened<'a> {
    let state = &opening.state;
    let mut head = Vec::new();
    head.extend_from_slice(
        concat!(
            r#"<?xml version="1.0" encoding="UTF-8"?><i><BililiveRecorder version=""#,
            env!("CARGO_PKG_VERSION"),
            "-danmu\"/>\n<chatserver>chat.bilibili.com</chatserver><chatid>0</chatid><mission>0</mission>",
            "<maxlimit>1000</maxlimit><state>0</state><real_name>0</real_name><source>0</source>\n",
        )
        .as_bytes(),
    );
    write!(
        head,
        r#"<BililiveRecorderRecordInfo roomid="{}" shortid="0" name=""#,
        opening.room.map_or(0, danmu_proto::RoomId::get)
    )?;
    escape(&mut head, state.owner.as_deref().unwrap_or_default());
    head.extend_from_slice(br#"" title=""#);
    escape(&mut head, state.title.as_deref().unwrap_or_default());
    head.extend_from_slice(br#"" areanameparent="" areanamechild=""#);
    escape(&mut head, state.category.as_deref().unwrap_or_default());
    let zero = Timestamp::from_microsecond(opening.zero_us.unwrap_or(0)).unwrap_or_default();
    let zero = zero.to_zoned(opening.zone.0.clone()).strftime("%Y-%m-%dT%H:%M:%S.%6f0%:z");
    writeln!(head, r#"" start_time="{zero}"/>"#)?;
    out.write_all(&head)?;
    Ok(Box::new(Xml {
        out,
        options: opening.options.xml.clone(),
        screen: Screen::new(opening),
        written: 0,
        line: head,
    }))
}

impl Sink for Xml<'_> {
    fn message(&mut self, entry: &Entry<'_>) -> Result<(), SinkError> {
        let Some(comment) = self.screen.shows(entry) else { return Ok(()) };
        self.line.clear();
        let line = &mut self.line;
        let Comment { ms, user, name, ref what } = comment;
        let seconds = Seconds(ms);
        match what {
            What::Chat { text, rgb } => {
                self.written += 1;
                let id = entry.seq.unwrap_or(self.written);
                let sent_ms = entry.summary.sent_ms.or(entry.received_us.map(|us| us / 1000)).unwrap_or(0);
                let user = user.unwrap_or(0);
                match self.options.dialect {
                    Dialect::Bilibili => {
                        let hash = crc32fast::hash(user.to_string().as_bytes());
                        write!(line, "<d p=\"{seconds},1,25,{rgb},{},0,{hash:08x},{id}\"", sent_ms / 1000)?;
                    }
                    Dialect::Recorder => write!(line, "<d p=\"{seconds},1,25,{rgb},{sent_ms},0,{user},{id}\"")?,
                }
                who(line, name, user);
                line.push(b'>');
                escape(line, text);
                line.extend_from_slice(b"</d>\n");
            }
            What::SuperChat { text, price_fen, seconds: time } => {
                write!(line, "<sc ts=\"{seconds}\"")?;
                who(line, name, user.unwrap_or(0));
                let price = (price_fen + 50) / 100;
                write!(line, " price=\"{price}\" time=\"{time}\"")?;
                self.options.raw.then(|| raw(line, entry, "price", price));
                line.push(b'>');
                escape(line, text);
                line.extend_from_slice(b"</sc>\n");
            }
            What::Gift { name: gift, count, price_fen } => {
                let price = price_fen.unwrap_or(0).saturating_mul(10);
                write!(line, "<gift ts=\"{seconds}\"")?;
                who(line, name, user.unwrap_or(0));
                line.extend_from_slice(b" giftname=\"");
                escape(line, &gift.replace(' ', "\u{A0}"));
                write!(line, "\" giftcount=\"{count}\" price=\"{price}\"")?;
                self.options.raw.then(|| raw(line, entry, "total_coin", price));
                line.extend_from_slice(b"></gift>\n");
            }
            What::Guard { name: rank, grade, months, price_fen } => {
                let price = price_fen.unwrap_or(0).saturating_mul(10);
                write!(line, "<guard ts=\"{seconds}\"")?;
                who(line, name, user.unwrap_or(0));
                write!(line, " level=\"{}\" count=\"{months}\" price=\"{price}\" giftname=\"", *grade as u8)?;
                escape(line, rank);
                line.push(b'"');
                self.options.raw.then(|| raw(line, entry, "price", price));
                line.extend_from_slice(b"></guard>\n");
            }
        }
        Ok(self.out.write_all(line)?)
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(self.out.flush()?)
    }

    fn finish(mut self: Box<Self>) -> Result<(), SinkError> {
        self.out.write_all(b"</i>\n")?;
        self.flush()
    }
}

/// Milliseconds as seconds with three decimals.
struct Seconds(i64);

impl std::fmt::Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1000, self.0 % 1000)
    }
}

fn who(line: &mut Vec<u8>, name: &str, user: u64) {
    line.extend_from_slice(b" user=\"");
    escape(line, name);
    // A vector takes all that is written.
    let _ = write!(line, "\" uid=\"{user}\"");
}

/// The message as JSON in an attribute, with the key that readers look for.
fn raw(line: &mut Vec<u8>, entry: &Entry<'_>, key: &str, price: u64) {
    let mut json = json!({ key: price });
    if let Some(fields) = jsonl::fields(entry) {
        json["fields"] = fields;
    }
    line.extend_from_slice(b" raw=\"");
    escape(line, &json.to_string());
    line.push(b'"');
}

/// Text in an element or an attribute: on one line, without characters that XML does not have.
fn escape(line: &mut Vec<u8>, text: &str) {
    // Almost all text is plain, and goes over as it is.
    if !text.bytes().any(|byte| matches!(byte, b'&' | b'<' | b'>' | b'"')) && !text.chars().any(is_control) {
        return line.extend_from_slice(text.as_bytes());
    }
    for c in one_line(text).chars() {
        match c {
            '&' => line.extend_from_slice(b"&amp;"),
            '<' => line.extend_from_slice(b"&lt;"),
            '>' => line.extend_from_slice(b"&gt;"),
            '"' => line.extend_from_slice(b"&quot;"),
            c => line.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}
