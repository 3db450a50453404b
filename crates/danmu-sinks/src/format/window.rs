//! A rolling window: chat as subtitles. The last lines stand together for a while, and each that comes makes a new cue.
//!
//! ```text
//! 1 s  A          cue 1–2 s   A
//! 2 s  B          cue 2–9 s   A B
//!                 cue 9–10 s  B         (A has stood for 8 s)
//! ```
//!
//! Pure. What stands longer makes no file of more than so many lines a cue, and takes no memory beyond that.

use std::collections::VecDeque;

/// How chat stands in subtitles.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// The most lines at once. Default 6.
    pub lines: usize,
    /// How long a line stands, in milliseconds, unless others push it out. Default 8 s.
    pub hold_ms: i64,
}

impl Default for Options {
    fn default() -> Self {
        Self { lines: 6, hold_ms: 8000 }
    }
}

/// What comes so soon after a cue began is added to it: shorter cues flicker.
const TOGETHER_MS: i64 = 100;

/// The lines that stand now.
#[derive(Clone, Debug)]
pub(super) struct Window {
    options: Options,
    /// With the time until which each stands.
    lines: VecDeque<(String, i64)>,
    /// Since when they stand like this.
    since_ms: i64,
}

/// One subtitle: from, to, its lines.
pub(super) type Cue<'a> = (i64, i64, &'a VecDeque<(String, i64)>);

/// Milliseconds as `HH:MM:SS.mmm`, with what stands before the fraction.
pub(super) struct Time(pub(super) i64, pub(super) char);

impl std::fmt::Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (seconds, ms) = (self.0 / 1000, self.0 % 1000);
        write!(f, "{:02}:{:02}:{:02}{}{ms:03}", seconds / 3600, seconds / 60 % 60, seconds % 60, self.1)
    }
}

impl Window {
    pub(super) fn new(options: &Options) -> Self {
        let options = Options { lines: options.lines.max(1), hold_ms: options.hold_ms.max(TOGETHER_MS) };
        Self { options, lines: VecDeque::new(), since_ms: 0 }
    }

    /// Adds a line that comes now. Gives the cues that are over by then.
    pub(super) fn push<E>(
        &mut self,
        now_ms: i64,
        line: String,
        cue: impl FnMut(Cue<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.lines.is_empty() || now_ms - self.since_ms >= TOGETHER_MS {
            self.advance(now_ms, cue)?;
            self.since_ms = now_ms;
        }
        self.lines.push_back((line, now_ms + self.options.hold_ms));
        if self.lines.len() > self.options.lines {
            self.lines.pop_front();
        }
        Ok(())
    }

    /// Gives all cues that are left.
    pub(super) fn finish<E>(&mut self, cue: impl FnMut(Cue<'_>) -> Result<(), E>) -> Result<(), E> {
        self.advance(i64::MAX, cue)
    }

    fn advance<E>(&mut self, now_ms: i64, mut cue: impl FnMut(Cue<'_>) -> Result<(), E>) -> Result<(), E> {
        while let Some(&(_, until_ms)) = self.lines.front().filter(|_| self.since_ms < now_ms) {
            let to_ms = until_ms.min(now_ms);
            cue((self.since_ms, to_ms, &self.lines))?;
            self.since_ms = to_ms;
            // Those that go at almost the same time go together.
            let goes = |(_, until_ms): &(String, i64)| *until_ms < to_ms.saturating_add(TOGETHER_MS);
            while self.lines.front().is_some_and(goes) {
                self.lines.pop_front();
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    #[test]
    fn each_line_makes_a_cue_of_the_last_lines() {
        let mut window = Window::new(&Options { lines: 2, hold_ms: 8000 });
        let mut cues = Vec::new();
        let mut cue = |(from, to, lines): Cue<'_>| {
            cues.push((from, to, lines.iter().map(|(line, _)| &**line).collect::<String>()));
            Ok::<_, Infallible>(())
        };
        for (ms, line) in [(1000, "A"), (2000, "B"), (2050, "C"), (3000, "D"), (60_000, "E")] {
            window.push(ms, line.to_owned(), &mut cue).unwrap();
        }
        window.finish(&mut cue).unwrap();
        let seen: Vec<_> = cues.iter().map(|(from, to, lines)| (*from, *to, &**lines)).collect();
        assert_eq!(
            seen,
            [(1000, 2000, "A"), (2000, 3000, "BC"), (3000, 10_050, "CD"), (10_050, 11_000, "D"), (60_000, 68_000, "E")]
        );
    }
}
