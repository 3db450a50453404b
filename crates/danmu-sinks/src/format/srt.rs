//! SRT: subtitles for any player, chat in a rolling [`window`](super::window).
//!
//! SRT has no escapes, and players take tags in it for markup: braces, angle brackets and backslashes become their wide
//! forms. That leaves no `-->` either.

use std::io::Write as _;

use super::clean::{one_line, wide};
use super::window::{Cue, Time, Window};
use crate::comment::{self, Screen};
use crate::entry::Entry;
use crate::sink::{Format, Output, Sink, SinkError};

/// SRT.
pub const FORMAT: Format = Format {
    name: "srt",
    about: "subtitles, the last lines of chat together",
    takes: &["start", "offset", "merge-repeats", "window", "hold", "bom"],
    payload_of: comment::needs_payload,
    grows: false,
    counted: None,
    open: |mut out, opening| {
        if opening.options.bom {
            out.write_all("\u{FEFF}".as_bytes())?;
        }
        Ok(Box::new(Srt {
            cues: Cues { out, count: 0 },
            screen: Screen::new(opening),
            window: Window::new(&opening.options.window),
        }))
    },
};

struct Srt<'a> {
    cues: Cues<'a>,
    screen: Screen,
    window: Window,
}

struct Cues<'a> {
    out: Output<'a>,
    count: u64,
}

impl Sink for Srt<'_> {
    fn message(&mut self, entry: &Entry<'_>) -> Result<(), SinkError> {
        let Some(comment) = self.screen.shows(entry) else { return Ok(()) };
        let (before, words) = comment.words();
        let line = format!("{before}{}: {}", escaped(comment.name), escaped(&words));
        self.window.push(comment.ms, line, |cue| self.cues.write(cue))
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(self.cues.out.flush()?)
    }

    fn finish(mut self: Box<Self>) -> Result<(), SinkError> {
        self.window.finish(|cue| self.cues.write(cue))?;
        self.flush()
    }
}

impl Cues<'_> {
    fn write(&mut self, (from_ms, to_ms, lines): Cue<'_>) -> Result<(), SinkError> {
        self.count += 1;
        writeln!(self.out, "{}\n{} --> {}", self.count, Time(from_ms, ','), Time(to_ms, ','))?;
        for (line, _) in lines {
            writeln!(self.out, "{line}")?;
        }
        Ok(writeln!(self.out)?)
    }
}

fn escaped(text: &str) -> String {
    let plain = |c| match c {
        '<' => '＜',
        '>' => '＞',
        c => wide(c),
    };
    one_line(text).chars().map(plain).collect()
}
