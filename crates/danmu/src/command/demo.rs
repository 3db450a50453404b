//! `danmu demo`: all of it at once, on this machine alone.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use danmu_client::directory::RoomName;
use danmu_client::{Endpoint, RoomId};
use danmu_sim::{Config, Simulator};

use crate::capture::{Capture, Limits, Patience, Standby};
use crate::command::record::{self, Shown, Storage};
use crate::command::simulate;
use crate::duration;
use crate::exit::Exit;
use crate::network::Network;
use crate::printer::Printer;
use crate::tee;

/// Watch made-up rooms being captured: a server, a client and a recording on this machine
#[derive(clap::Args, Debug)]
pub(crate) struct Demo {
    /// How many rooms talk
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=1000))]
    rooms: u64,
    /// Messages a second in each room
    #[arg(long, value_name = "N", default_value_t = 3.0, value_parser = simulate::rate)]
    rate: f64,
    #[command(flatten)]
    standby: Standby,
    /// Stop after this long, such as 20s [default: at Ctrl-C]
    #[arg(long = "for", value_name = "DURATION", value_parser = duration::parse)]
    duration: Option<Duration>,
    /// The recording; added to if it exists
    #[arg(short, long, value_name = "FILE", default_value = "danmu-demo.db")]
    output: PathBuf,
}

impl Demo {
    /// Runs until it is stopped.
    pub(crate) fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        let mut config = Config::default();
        config.rate = self.rate;
        config.rooms = Some(self.rooms);
        config.seed = fastrand::u64(..);
        // A server for each connection that a room has: what else would another be good for?
        config.listen = vec![(Ipv4Addr::LOCALHOST, 0).into(); self.standby.links.into()];
        let simulator = Simulator::start(config)?;
        let servers: Vec<_> = simulator
            .addresses()
            .iter()
            .map(|address| Endpoint::tcp(address.ip().to_string(), address.port()))
            .collect();
        let urls: Vec<_> = servers.iter().map(Endpoint::to_string).collect();
        printer.note(format_args!(
            "A danmu server at {} makes up {} rooms. This records them into {} and shows the chat.{}",
            urls.join(" and "),
            self.rooms,
            self.output.display(),
            if self.duration.is_none() { " Ctrl-C ends it." } else { "" },
        ));
        let capture = Capture {
            rooms: (1..=self.rooms).filter_map(RoomId::new).map(RoomName::from).collect(),
            rooms_file: None,
            limits: Limits { types: Vec::new(), limit: None, duration: self.duration },
            network: Network::only(servers),
            standby: self.standby,
            give_up: Patience(Some(Duration::from_secs(10))),
        };
        let storage = Storage {
            output: self.output.clone(),
            commit_every: Duration::from_millis(200),
            no_raw: false,
            tees: tee::Options::default(),
        };
        let exit = record::run(&capture, &storage, Shown::Chat, printer)?;
        drop(simulator);
        let output = self.output.display();
        printer.note(format_args!(
            "Try next:\n  danmu stats {output}\n  danmu search {output} 主播\n  danmu export {output} -o chat.jsonl\n  \
             sqlite3 {output} 'select name, text from chat limit 10'"
        ));
        Ok(exit)
    }
}
