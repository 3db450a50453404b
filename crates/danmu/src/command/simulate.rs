//! `danmu simulate`: a danmu server on this machine, for trying things out.

#[cfg(feature = "tls")]
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

#[cfg(feature = "tls")]
use anyhow::Context as _;
use danmu_sim::chaos::MODES;
use danmu_sim::{Chaos, Config, Feed, Sent, Simulator, Tape};

use crate::duration;
use crate::exit::Exit;
use crate::printer::{Closed, Printer};
use crate::signal::Stop;

/// Where to listen if nothing else is said: Douyu's port.
const DEFAULT_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8601);

/// Run a danmu server with made-up rooms
///
/// Clients that join any room hear it talk. Prints the addresses it listens on, and at the end how many messages each
/// room was sent.
#[derive(clap::Args, Debug)]
pub(crate) struct Simulate {
    /// Listen for plain TCP here; port 0 takes any free one; repeatable [default: 127.0.0.1:8601, unless --ws or --wss
    /// is given]
    #[arg(long, value_name = "ADDRESS")]
    tcp: Vec<SocketAddr>,
    /// Listen for WebSocket here; repeatable
    #[arg(long, value_name = "ADDRESS")]
    ws: Vec<SocketAddr>,
    #[cfg(feature = "tls")]
    #[command(flatten)]
    tls: Tls,
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
    /// in reset=1..5,trickle; all has each connection draw one; list shows what there is; repeatable
    #[arg(long, value_name = "NAME[=TIME]", value_parser = wanted)]
    chaos: Vec<Wanted>,
    /// Stop after this long, such as 90s or 1h30m
    #[arg(long = "for", value_name = "DURATION", value_parser = duration::parse)]
    duration: Option<Duration>,
}

/// WebSocket over TLS.
#[cfg(feature = "tls")]
#[derive(clap::Args, Debug)]
struct Tls {
    /// Listen for WebSocket over TLS here; repeatable
    #[arg(long, value_name = "ADDRESS")]
    wss: Vec<SocketAddr>,
    /// Offer only what Douyu's servers do: TLS 1.2, AES256-GCM-SHA384, static RSA
    #[arg(long = "legacy-tls", requires = "wss")]
    legacy: bool,
    /// Write the certificate (PEM) that clients are to trust; a new one at each start
    #[arg(long, value_name = "FILE", requires = "wss")]
    ca_out: Option<PathBuf>,
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
        let until = self.duration.map(|duration| Instant::now() + duration);
        let simulator = Simulator::start(self.config()?)?;
        #[cfg(feature = "tls")]
        if let (Some(path), Some(pem)) = (&self.tls.ca_out, simulator.ca_pem()) {
            fs::write(path, pem).with_context(|| format!("cannot write {}", path.display()))?;
        }
        for url in simulator.urls() {
            printer.line(url)?;
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
        config.ws.clone_from(&self.ws);
        #[cfg(feature = "tls")]
        {
            config.wss.clone_from(&self.tls.wss);
            config.tls.legacy = self.tls.legacy;
        }
        if !self.listens() {
            config.listen = vec![DEFAULT_ADDRESS];
        }
        config.rate = self.rate;
        config.rooms = self.rooms;
        config.repeat = self.repeat;
        config.seed = self.seed;
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

    /// Whether any address was given.
    fn listens(&self) -> bool {
        #[cfg(feature = "tls")]
        if !self.tls.wss.is_empty() {
            return true;
        }
        !self.tcp.is_empty() || !self.ws.is_empty()
    }
}

/// Prints what can go wrong.
fn list(printer: &mut Printer) -> Result<(), Closed> {
    for mode in MODES {
        let written = mode.time.map_or_else(|| mode.name.to_owned(), |time| format!("{}={time}", mode.name));
        printer.line(&format!("{written:<20} {}", mode.about))?;
    }
    printer.line(&format!("{:<20} each connection draws one of these, or none", "all"))
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
