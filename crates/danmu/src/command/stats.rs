//! `danmu stats`: what a recording holds, and what it missed.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use danmu_sinks::Recording;
use danmu_sinks::recording::ledger::{Coverage, Gap};
use danmu_sinks::recording::stats::{RoomStats, Stats as Counted};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::duration;
use crate::exit::Exit;
use crate::printer::{Closed, Printer};
use crate::render::yuan;
use crate::select::{Select, show};
use crate::text::safe;

/// Count what a recording holds, and what it missed
#[derive(clap::Args, Debug)]
pub(crate) struct Stats {
    /// The recording; it may be one that is being recorded into
    recording: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    select: Select,
}

impl Stats {
    /// Counts.
    pub(crate) fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        let counted = Recording::open(&self.recording)?.stats(&self.select.filter())?;
        if self.json {
            printer.json(|out| writeln!(out, "{}", in_json(&counted)))?;
        } else {
            print(&counted, printer)?;
        }
        Ok(Exit::Done)
    }
}

fn print(counted: &Counted, printer: &mut Printer) -> Result<(), Closed> {
    // Without messages, it matters all the more whether anybody listened.
    printer.line(&match (counted.first_us, counted.last_us) {
        (Some(first_us), Some(last_us)) => {
            format!("{} messages from {} to {}", counted.total.messages, show(first_us), show(last_us))
        }
        _ => "no messages".to_owned(),
    })?;
    for (room, stats) in &counted.rooms {
        printer.line("")?;
        printer.line(&format!("room {room}: {}", in_words(stats)))?;
        let mut types: Vec<_> = stats.types.iter().collect();
        types.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        for (kind, count) in types {
            printer.line(&format!("  {count:>9}  {}", safe(kind)))?;
        }
        if let Some(coverage) = &stats.coverage {
            printer.line(&format!("  listened {}", covered(coverage)))?;
        }
        for gap in counted.gaps.iter().filter(|gap| gap.room == *room) {
            printer.line(&format!("  gap {}", missed(gap)))?;
        }
    }
    let sums = counted.sums;
    printer.line("")?;
    printer.line(&format!(
        "{} received = {} stored + {} control + {} duplicates + {} dropped",
        sums.received, sums.stored, sums.control, sums.duplicates, sums.dropped
    ))?;
    for (cause, count) in &counted.dropped {
        printer.line(&format!("  {count:>9}  dropped: {}", safe(cause)))?;
    }
    for link in counted.off() {
        printer.warn(format_args!("the sums of link {} do not add up: see danmu verify", link.id));
    }
    Ok(())
}

fn in_words(stats: &RoomStats) -> String {
    let counts = stats.counts;
    let words = format!("{} messages, {} people, {} gifts", counts.messages, counts.people, counts.gifts);
    match counts.superchat_fen {
        0 => words,
        fen => format!("{words}, {} in super chats", yuan(fen)),
    }
}

fn covered(coverage: &Coverage) -> String {
    let wanted = duration::show(Duration::from_micros(coverage.wanted_us.max(0).cast_unsigned()));
    format!("{:.2} % of {wanted}", coverage.ratio() * 100.0)
}

fn missed(gap: &Gap) -> String {
    let length = duration::show(Duration::from_micros(gap.to_us.abs_diff(gap.from_us)));
    format!("{} to {}, {length}: {}", show(gap.from_us), show(gap.to_us), safe(&gap.reason))
}

fn in_json(counted: &Counted) -> Value {
    let rooms = counted.rooms.iter().map(|(room, stats)| {
        let listened = stats.coverage.as_ref().map(Coverage::ratio);
        json!({
            "room": room.get(), "messages": stats.counts.messages, "people": stats.counts.people, "gifts": stats.counts.gifts,
            "superchat_fen": stats.counts.superchat_fen, "types": stats.types, "listened": listened, "sums": sums(&stats.sums),
        })
    });
    let gaps = counted.gaps.iter().map(|gap| {
        json!({"room": gap.room.get(), "from": rfc3339(gap.from_us), "to": rfc3339(gap.to_us), "reason": gap.reason})
    });
    json!({
        "v": 1, "messages": counted.total.messages,
        "first": counted.first_us.map(rfc3339), "last": counted.last_us.map(rfc3339),
        "rooms": rooms.collect::<Vec<_>>(), "gaps": gaps.collect::<Vec<_>>(),
        "sums": sums(&counted.sums), "dropped": counted.dropped,
    })
}

fn rfc3339(us: i64) -> String {
    format!("{:.6}", Timestamp::from_microsecond(us).unwrap_or_default())
}

fn sums(sums: &danmu_sinks::recording::stats::Sums) -> Value {
    json!({
        "received": sums.received, "stored": sums.stored, "control": sums.control, "duplicates": sums.duplicates,
        "dropped": sums.dropped,
    })
}
