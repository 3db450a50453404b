//! `danmu watch`: the chat, live, in the terminal or as JSON Lines.

use anyhow::Context;
use danmu_client::{Overflow, Rooms};

use crate::capture::{Capture, FAREWELL};
use crate::exit::Exit;
use crate::follow::{Follow, Show, Sums};
use crate::printer::Printer;
use crate::render::RawText;
use crate::signal::Stop;

/// Show the chat of rooms as it happens
#[derive(clap::Args, Debug)]
pub(crate) struct Watch {
    #[command(flatten)]
    capture: Capture,
    /// Print JSON Lines, one object a message
    #[arg(long)]
    json: bool,
    /// With --json: print what happens to connections too
    #[arg(long, requires = "json")]
    events: bool,
    /// Show bookkeeping too, such as scores and rankings
    #[arg(long, conflicts_with = "json")]
    all: bool,
    #[command(flatten)]
    raw_text: RawText,
}

/// How much may wait to be shown: what waits longer than this takes to print is no news to people, and programs that
/// read slowly make the links wait.
const QUEUE_BYTES: usize = 2 << 20;

impl Watch {
    /// Runs until it is stopped.
    pub(crate) fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        let raw = self.raw_text.wanted()?;
        let stop = Stop::on_signals().context("cannot listen for signals")?;
        let capture = self.capture;
        let Some(wanted) = capture.wanted(&stop, printer)? else { return Ok(Exit::Done) };
        let mut config = capture.config()?;
        config.queue_bytes = QUEUE_BYTES;
        let mut rooms = Rooms::start(config, 1).context("cannot start the network thread")?;
        // Programs want every message, and people the newest.
        let overflow = if self.json { Overflow::Wait } else { Overflow::DropOldest };
        let mut events = rooms.subscribe(overflow);
        for &room in &wanted {
            rooms.add(room);
        }
        let count = rooms.rooms().count();
        let show = if self.json { Show::json(self.events) } else { Show::lines(count, self.all, raw) };
        let mut follow = Follow::new(printer, show, capture.limits.types(), capture.give_up, count);
        follow.limit = capture.limits.limit;
        follow.until = capture.limits.until();
        let ended = follow.run(&mut events, &stop, |_| Ok(false));
        let Sums { received, control, shown, left_out, lagged, duplicates, dropped, lost } = follow.sums;
        drop(events);
        rooms.close(FAREWELL);
        let ended = ended?;
        printer.note(format_args!(
            "{received} received = {shown} shown + {left_out} left out + {lagged} too fast to show + {control} control \
             + {duplicates} duplicates + {dropped} dropped; {lost} connections lost"
        ));
        Ok(ended.exit())
    }
}
