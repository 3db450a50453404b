//! A progress bar: how far long work is, on a terminal only, and only once it takes longer than a moment.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Work that takes less shows nothing.
const MOMENT: Duration = Duration::from_secs(1);

/// A bar on stderr. Copies are of the same bar.
#[derive(Clone, Debug)]
pub(crate) struct Bar {
    drawn: ProgressBar,
    begun: Instant,
    quiet: bool,
}

impl Bar {
    /// A bar that counts these; [`Printer::bar`](crate::printer::Printer::bar) gives one.
    pub(crate) fn new(what: &str, quiet: bool) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        let template = format!("{{bar:30}} {{percent}} %  {{human_pos}} of {{human_len}} {what}, {{eta}} left");
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style);
        }
        Self { drawn: bar, begun: Instant::now(), quiet }
    }

    /// So much is done.
    pub(crate) fn tell(&self, done: u64, total: u64) {
        self.drawn.set_length(total);
        self.drawn.set_position(done);
        if !self.quiet && self.drawn.is_hidden() && self.begun.elapsed() >= MOMENT {
            // Draws nothing where stderr is no terminal.
            self.drawn.set_draw_target(ProgressDrawTarget::stderr());
        }
    }

    /// Takes it off the screen.
    pub(crate) fn clear(&self) {
        self.drawn.finish_and_clear();
    }
}
