//! `danmu simulate`: a danmu server on this machine, for trying things out.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use danmu_sim::{Config, Feed, Sent, Simulator, Tape};

use crate::duration;
use crate::exit::Exit;
use crate::printer::{Closed, Printer};
use crate::signal::Stop;

/// Run a danmu server with made-up rooms
///
/// Clients that join any room hear it talk. Prints the addresses it listens on, and at the end how many messages each
/// room was sent.
#[derive(clap::Args, Debug)]
pub(crate) struct Simulate {
    /// Listen for plain TCP here; port 0 takes any free one; repeatable
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8601")]
    tcp: Vec<SocketAddr>,
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
    /// Stop after this long, such as 90s or 1h30m
    #[arg(long = "for", value_name = "DURATION", value_parser = duration::parse)]
    duration: Option<Duration>,
}

/// Reads a rate; for clap.
pub(crate) fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate| (0.0..=1e9).contains(rate));
    rate.ok_or_else(|| format!("{text:?} is no rate: a number of 0 or more is"))
}

impl Simulate {
    /// Runs until it is stopped.
    pub(crate) fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        let stop = Stop::on_signals()?;
        let until = self.duration.map(|duration| Instant::now() + duration);
        let simulator = Simulator::start(self.config()?)?;
        for address in simulator.addresses() {
            printer.line(&format!("tcp://{address}"))?;
        }
        printer.flush()?;
        while !stop.asked() && until.is_none_or(|until| Instant::now() < until) {
            thread::sleep(Duration::from_millis(50));
        }
        report(printer, &simulator.shutdown())?;
        Ok(Exit::Done)
    }

    fn config(&self) -> anyhow::Result<Config> {
        let mut config = Config::default();
        config.listen.clone_from(&self.tcp);
        config.rate = self.rate;
        config.rooms = self.rooms;
        config.repeat = self.repeat;
        config.seed = self.seed;
        if let Some(feed) = &self.feed {
            config.feed = Feed::Tape(Tape::open(feed)?);
        }
        Ok(config)
    }
}

fn report(printer: &mut Printer, sent: &Sent) -> Result<(), Closed> {
    for (room, sums) in &sent.rooms {
        let connections = sums.connections.len();
        printer.line(&format!("room {room}: {} messages sent on {connections} connections", sums.messages))?;
    }
    printer.note(format_args!("{} connections accepted, {} messages sent", sent.accepted, sent.messages()));
    Ok(())
}
