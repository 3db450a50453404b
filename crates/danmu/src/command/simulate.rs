//! `danmu simulate`: a danmu server on this machine, for trying things out.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use danmu_sim::chaos::MODES;
use danmu_sim::{Chaos, Config, Feed, Sent, Tape};

use crate::duration;
use crate::exit::Exit;
use crate::listen::{Listen, wait};
use crate::printer::{Closed, Printer};
use crate::signal::Stop;

/// Run a danmu server with made-up rooms
///
/// Clients that join any room hear it talk. Prints the addresses it listens on, and at the end how many messages each
/// room was sent.
#[derive(clap::Args, Debug)]
pub(crate) struct Simulate {
    #[command(flatten)]
    listen: Listen,
    /// Messages a second in each room; 0 for silence
    #[arg(long, value_name = "N", default_value_t = 5.0, value_parser = rate)]
    rate: f64,
    /// Only rooms 1 to N exist [default: any room does]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    rooms: Option<u64>,
    /// Play this file to every client instead: payloads a line (.stt) or packets (.packets)
    #[arg(long, value_name = "FILE")]
    feed: Option<PathBuf>,
    /// Begin the file anew at its end, with fresh message ids
    #[arg(long = "loop", requires = "feed")]
    repeat: bool,
    /// Another seed makes other talk, the same seed the same
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Let this go wrong, seeded by --seed: names with commas between them, each with its time in seconds if you like, as
    /// in reset=1..5,trickle; all has each connection draw a fault of its own and one of its data; list shows what there
    /// is; repeatable
    #[arg(long, value_name = "NAME[=TIME]", value_parser = wanted)]
    chaos: Vec<Wanted>,
    /// Write what was sent to whom and when, message by message, for `danmu verify --sent`
    #[arg(long, value_name = "FILE")]
    account: Option<PathBuf>,
    /// Stop after this long, such as 90s or 1h30m
    #[arg(long = "for", value_name = "DURATION", value_parser = duration::parse)]
    duration: Option<Duration>,
}

/// What `--chaos` asks for.
#[derive(Clone, Debug)]
enum Wanted {
    List,
    Chaos(Chaos),
}

fn wanted(text: &str) -> Result<Wanted, danmu_sim::ChaosError> {
    if text == "list" { Ok(Wanted::List) } else { text.parse().map(Wanted::Chaos) }
}

/// Reads a rate; for clap.
pub(crate) fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate| (0.0..=1e9).contains(rate));
    rate.ok_or_else(|| format!("{text:?} is no rate: a number of 0 or more is"))
}

impl Simulate {
    /// Runs until it is stopped.
    pub(crate) fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        if self.chaos.iter().any(|wanted| matches!(wanted, Wanted::List)) {
            list(printer)?;
            return Ok(Exit::Done);
        }
        let stop = Stop::on_signals()?;
        let config = self.config()?;
        if !self.chaos.is_empty() {
            printer.note(format_args!("SEED={} (--seed {0} lets the same go wrong again)", self.seed));
        }
        let simulator = self.listen.start(config, printer)?;
        wait(&stop, self.duration, || false);
        let sent = simulator.shutdown_with_account().context("the account of what was sent is not whole")?;
        report(printer, &sent)?;
        Ok(Exit::Done)
    }

    fn config(&self) -> anyhow::Result<Config> {
        let mut config = Config::default();
        config.rate = self.rate;
        config.rooms = self.rooms;
        config.repeat = self.repeat;
        config.seed = self.seed;
        config.account.clone_from(&self.account);
        if let Some(feed) = &self.feed {
            config.feed = Feed::Tape(Tape::open(feed)?);
        }
        for wanted in &self.chaos {
            if let Wanted::Chaos(chaos) = wanted {
                config.chaos = config.chaos.and(chaos);
            }
        }
        Ok(config)
    }
}

/// Prints what can go wrong: with connections first, then with their data.
fn list(printer: &mut Printer) -> Result<(), Closed> {
    for mode in MODES {
        let written = mode.time.map_or_else(|| mode.name.to_owned(), |time| format!("{}={time}", mode.name));
        printer.line(&format!("{written:<20} {}", mode.about))?;
    }
    printer.line(&format!("{:<20} each connection draws one of itself and one of its data, or none", "all"))
}

fn report(printer: &mut Printer, sent: &Sent) -> Result<(), Closed> {
    for (room, sums) in &sent.rooms {
        let connections = sums.connections.len();
        printer.line(&format!("room {room}: {} messages sent on {connections} connections", sums.messages))?;
    }
    for (name, count) in &sent.injected {
        printer.line(&format!("chaos {name}: {count} times"))?;
    }
    printer.note(format_args!(
        "{} connections accepted, at most {} of them within a second; {} messages sent",
        sent.accepted,
        sent.peak_accepts(Duration::from_secs(1)),
        sent.messages(),
    ));
    Ok(())
}
