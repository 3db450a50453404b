//! Plain text: the log of a room for people, in the form that chat-downloader made usual.
//!
//! ```text
//! 2026-11-21 20:00:01 | (小丑 12) 小明: 主播好
//! 2026-11-21 20:00:02 | ★ ¥30 小红: 生日快乐
//! 2026-11-21 20:00:03 | ◆ 土豪: 火箭 ×2 ¥1000
//! 2026-11-21 20:00:04 | → 路人
//! 2026-11-21 20:00:09 | … nobody listened until 2026-11-21 20:00:12 (closed)
//! ```

use super::clean::one_line;
use super::stamp::Stamp;
use crate::comment::{self, Screen};
use crate::entry::{Entry, Event};
use crate::sink::{Format, Output, Sink, SinkError};

/// Plain text.
pub const FORMAT: Format = Format {
    name: "txt",
    about: "plain text, a line a message",
    takes: &["merge-repeats", "events", "bom"],
    payload_of: comment::needs_payload,
    grows: true,
    counted: None,
    open: |mut out, opening| {
        if opening.options.bom {
            out.write_all("\u{FEFF}".as_bytes())?;
        }
        Ok(Box::new(Text { out, screen: Screen::new(opening), stamp: Stamp::new(&opening.zone), line: Vec::new() }))
    },
};

struct Text<'a> {
    out: Output<'a>,
    screen: Screen,
    stamp: Stamp,
    line: Vec<u8>,
}

impl Sink for Text<'_> {
    fn message(&mut self, entry: &Entry<'_>) -> Result<(), SinkError> {
        let Some(received_us) = entry.received_us else { return Ok(()) };
        let summary = entry.summary;
        let name = || one_line(summary.name.as_deref().unwrap_or_default());
        let words = if let Some(comment) = self.screen.shows(entry) {
            let (before, words) = comment.words();
            let medal = summary.medal.as_ref().map(|medal| {
                let level = medal.level.map(|level| format!(" {level}")).unwrap_or_default();
                format!("({}{level}) ", one_line(&medal.name))
            });
            format!("{before}{}{}: {words}", medal.unwrap_or_default(), name())
        } else if summary.kind == "uenter" {
            format!("→ {}", name())
        } else {
            return Ok(());
        };
        self.write(received_us, &words)
    }

    fn event(&mut self, event: &Event) -> Result<(), SinkError> {
        let Event::Gap(gap) = event else { return Ok(()) };
        let mut until = Vec::new();
        self.stamp.write(&mut until, gap.to_us, 0);
        let until = String::from_utf8_lossy(&until);
        self.write(gap.from_us, &format!("… nobody listened until {until} ({})", one_line(&gap.reason)))
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(self.out.flush()?)
    }

    fn finish(mut self: Box<Self>) -> Result<(), SinkError> {
        self.flush()
    }
}

impl Text<'_> {
    fn write(&mut self, at_us: i64, words: &str) -> Result<(), SinkError> {
        self.line.clear();
        self.stamp.write(&mut self.line, at_us, 0);
        self.line.extend_from_slice(b" | ");
        self.line.extend_from_slice(words.as_bytes());
        self.line.push(b'\n');
        Ok(self.out.write_all(&self.line)?)
    }
}
