//! The only place that prints: data to stdout, all else to stderr.

use std::fmt::Display;
use std::io::{self, BufWriter, ErrorKind, IsTerminal, Write};
use std::sync::OnceLock;

use anstream::adapter::strip_str;
use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};

use crate::bar::Bar;
use crate::text::{is_safe_json, safe, safe_json, safe_lines};

/// When to use colour.
#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
pub(crate) enum Color {
    /// Where a terminal shows it, and `NO_COLOR` is not set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

static CHOICE: OnceLock<Color> = OnceLock::new();

/// Decides about colour for the whole program, once, before anything is printed.
pub(crate) fn use_color(color: Color) {
    let _ = CHOICE.set(color);
}

fn choice(stream: &impl anstream::stream::RawStream) -> ColorChoice {
    match CHOICE.get().copied().unwrap_or_default() {
        Color::Auto => AutoStream::choice(stream),
        Color::Always => ColorChoice::AlwaysAnsi,
        Color::Never => ColorChoice::Never,
    }
}

/// Whether a stream gets colour.
pub(crate) fn has_color(stream: &impl anstream::stream::RawStream) -> bool {
    !matches!(choice(stream), ColorChoice::Never)
}

/// Bytes on their way to a terminal, if it is one: lines and tabs stay, and all else that is no text is replaced.
struct Screened<W: Write> {
    screens: bool,
    /// The beginning of a character whose end is yet to come.
    partial: Vec<u8>,
    out: W,
}

impl<W: Write> Write for Screened<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.screens {
            return self.out.write(bytes);
        }
        self.partial.extend_from_slice(bytes);
        let whole = match str::from_utf8(&self.partial) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => self.partial.len(),
        };
        let rest = self.partial.split_off(whole);
        self.out.write_all(safe_lines(&String::from_utf8_lossy(&self.partial)).as_bytes())?;
        self.partial = rest;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// What happens to what a command has to say.
#[derive(Debug)]
pub(crate) struct Printer {
    quiet: bool,
    plain: bool,
    out: BufWriter<io::Stdout>,
    /// A line of JSON while it is made.
    json: Vec<u8>,
}

impl Printer {
    /// A printer; `quiet` keeps notes back, but no warning.
    pub(crate) fn new(quiet: bool) -> Self {
        let plain = !has_color(&io::stdout());
        Self { quiet, plain, out: BufWriter::with_capacity(64 * 1024, io::stdout()), json: Vec::new() }
    }

    /// Prints a line of data for people, styled where that is wanted.
    ///
    /// # Errors
    /// See [`Closed`].
    pub(crate) fn line(&mut self, line: &str) -> Result<(), Closed> {
        let done = if self.plain { writeln!(self.out, "{}", strip_str(line)) } else { writeln!(self.out, "{line}") };
        done.map_err(Closed)
    }

    /// Prints lines of JSON that `write` writes, with the same values and nothing that a terminal would obey.
    ///
    /// # Errors
    /// See [`Closed`].
    pub(crate) fn json(&mut self, write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> Result<(), Closed> {
        self.json.clear();
        write(&mut self.json)?;
        if is_safe_json(&self.json) {
            return Ok(self.out.write_all(&self.json)?);
        }
        Ok(self.out.write_all(safe_json(&String::from_utf8_lossy(&self.json)).as_bytes())?)
    }

    /// Prints a line as it is, whatever is in it.
    ///
    /// # Errors
    /// See [`Closed`].
    pub(crate) fn line_as_it_is(&mut self, line: &str) -> Result<(), Closed> {
        Ok(writeln!(self.out, "{line}")?)
    }

    /// Where bytes of data for programs go: as they are, but at a terminal, which would obey some of them.
    pub(crate) fn raw(&mut self) -> impl Write {
        Screened { screens: io::stdout().is_terminal(), partial: Vec::new(), out: &mut self.out }
    }

    /// Makes sure that what was printed is seen.
    ///
    /// # Errors
    /// See [`Closed`].
    pub(crate) fn flush(&mut self) -> Result<(), Closed> {
        self.out.flush().map_err(Closed)
    }

    /// A bar that shows how far long work is.
    pub(crate) fn bar(&self, what: &str) -> Bar {
        Bar::new(what, self.quiet)
    }

    /// Tells the user something beside the data.
    pub(crate) fn note(&mut self, note: impl Display) {
        if !self.quiet {
            let _ = self.flush();
            let dim = Style::new().dimmed();
            // It may have several lines, and nothing else that moves the cursor.
            let note: Vec<String> = note.to_string().lines().map(safe).collect();
            to_stderr(dim, "", format_args!("{dim}{}{dim:#}", note.join("\n")));
        }
    }

    /// Tells the user that something is not as it should be, but goes on.
    pub(crate) fn warn(&mut self, warning: impl Display) {
        // What was printed before is seen before. If stdout is closed, the next line of data will say so.
        let _ = self.flush();
        to_stderr(AnsiColor::Yellow.on_default(), "warning: ", safe(&warning.to_string()));
    }
}

/// Says why the program fails, in one line.
pub(crate) fn error(error: impl Display) {
    to_stderr(AnsiColor::Red.on_default().bold(), "error: ", safe(&error.to_string()));
}

/// An error and its causes in one line. Some say their cause themselves: nothing is said twice.
pub(crate) fn in_one_line(error: &anyhow::Error) -> String {
    let mut line = error.to_string();
    let mut last = line.clone();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !line.ends_with(&cause) && !cause.ends_with(&last) {
            line.push_str(": ");
            line.push_str(&cause);
        }
        last = cause;
    }
    line
}

fn to_stderr(style: Style, prefix: &str, text: impl Display) {
    // A closed stderr is no reason to stop.
    let _ = writeln!(AutoStream::new(io::stderr(), choice(&io::stderr())), "{style}{prefix}{style:#}{text}");
}

/// Stdout takes no more. If its reader went away, as `head` does, that is no failure.
#[derive(Debug)]
pub(crate) struct Closed(io::Error);

impl Closed {
    /// Whether the reader went away.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        self.0.kind() == ErrorKind::BrokenPipe
    }
}

impl Display for Closed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "cannot write to the standard output: {}", self.0)
    }
}

impl std::error::Error for Closed {}

impl From<io::Error> for Closed {
    fn from(error: io::Error) -> Self {
        Self(error)
    }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn bytes_for_programs_are_exact_but_at_a_terminal() {
        let text = "{\"text\":\"主播\u{9b}31m \u{1b}[2J\"}\n\t👨\u{200d}👩\u{202e}x".as_bytes();
        for size in 1..text.len() {
            let through = |screens| {
                let mut out = Screened { screens, partial: Vec::new(), out: Vec::new() };
                text.chunks(size).for_each(|some| out.write_all(some).unwrap());
                out.out
            };
            assert_eq!(through(false), text);
            let shown = "{\"text\":\"主播\u{fffd}31m \u{fffd}[2J\"}\n\t👨\u{200d}👩\u{fffd}x";
            assert_eq!(String::from_utf8(through(true)).unwrap(), shown);
        }
    }

    #[test]
    fn causes_are_said_once() {
        let error = anyhow!("Error code 13: disk is full").context("disk is full").context("x.db cannot grow");
        assert_eq!(in_one_line(&error), "x.db cannot grow: disk is full");
        let error = anyhow!("no such file").context("cannot read x: no such file").context("no network");
        assert_eq!(in_one_line(&error), "no network: cannot read x: no such file");
    }
}
