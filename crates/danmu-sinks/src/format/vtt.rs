//! WebVTT: subtitles for web pages, chat in a rolling [`window`](super::window), each line in the voice of who said it.

use std::io::Write as _;

use super::clean::one_line;
use super::window::{Cue, Time, Window};
use crate::comment::{self, Screen};
use crate::entry::Entry;
use crate::sink::{Format, Output, Sink, SinkError};

/// WebVTT.
pub const FORMAT: Format = Format {
    name: "vtt",
    about: "WebVTT subtitles, the last lines of chat together",
    takes: &["start", "offset", "merge-repeats", "window", "hold"],
    payload_of: comment::needs_payload,
    grows: false,
    counted: None,
    open: |mut out, opening| {
        out.write_all(b"WEBVTT\n\n")?;
        Ok(Box::new(Vtt { out, screen: Screen::new(opening), window: Window::new(&opening.options.window) }))
    },
};

struct Vtt<'a> {
    out: Output<'a>,
    screen: Screen,
    window: Window,
}

impl Sink for Vtt<'_> {
    fn message(&mut self, entry: &Entry<'_>) -> Result<(), SinkError> {
        let Some(comment) = self.screen.shows(entry) else { return Ok(()) };
        let (before, words) = comment.words();
        let name = escaped(comment.name);
        // `-->` begins a time, wherever it stands; blanks at the end of a voice do not count.
        let blank = if name.ends_with('-') { " " } else { "" };
        let line = format!("<v {name}{blank}>{before}{name}: {}</v>", escaped(&words));
        self.window.push(comment.ms, line, |cue| write(&mut self.out, cue))
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(self.out.flush()?)
    }

    fn finish(mut self: Box<Self>) -> Result<(), SinkError> {
        self.window.finish(|cue| write(&mut self.out, cue))?;
        self.flush()
    }
}

fn write(out: &mut Output<'_>, (from_ms, to_ms, lines): Cue<'_>) -> Result<(), SinkError> {
    writeln!(out, "{} --> {}", Time(from_ms, '.'), Time(to_ms, '.'))?;
    for (line, _) in lines {
        writeln!(out, "{line}")?;
    }
    Ok(writeln!(out)?)
}

/// Without `>` there is no `-->` either, which would begin a cue.
fn escaped(text: &str) -> String {
    one_line(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
