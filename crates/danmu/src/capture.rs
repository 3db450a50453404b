//! What `watch`, `record` and `demo` have in common: which rooms, from where, for how long.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use danmu_client::directory::RoomName;
use danmu_client::standby::MAX_LINKS;
use danmu_client::{Config, RoomId};
use danmu_sinks::Types;

use crate::duration;
use crate::files;
use crate::network::Network;
use crate::printer::Printer;
use crate::signal::Stop;

/// The longest time to close all rooms: a moment for the logouts, and for servers to answer them.
pub(crate) const FAREWELL: Duration = Duration::from_secs(3);

/// Options for what to capture.
#[derive(clap::Args, Debug)]
pub(crate) struct Capture {
    /// Rooms to capture: numbers, names such as lpl, or links
    #[arg(required_unless_present = "rooms_file", value_name = "ROOM")]
    pub(crate) rooms: Vec<RoomName>,
    /// More rooms: one a line, # begins a comment; `record` reads it again at SIGHUP
    #[arg(long = "rooms", value_name = "FILE")]
    pub(crate) rooms_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) limits: Limits,
    #[command(flatten)]
    pub(crate) network: Network,
    #[command(flatten)]
    pub(crate) standby: Standby,
    /// Give up if no room could be joined for this long; "never" to keep trying
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = patience)]
    pub(crate) give_up: Patience,
}

/// How many connections each room has.
#[derive(clap::Args, Clone, Copy, Debug)]
pub(crate) struct Standby {
    /// Keep this many connections to each room, over different servers: what one misses, the others hear
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Network")]
    #[arg(value_parser = clap::value_parser!(u8).range(1..=MAX_LINKS as i64))]
    pub(crate) links: u8,
}

/// Options for how much to capture.
#[derive(clap::Args, Debug)]
pub(crate) struct Limits {
    /// Take only messages of this type: chat, gift, superchat, enter, or a name on the wire; repeatable
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) types: Vec<String>,
    /// Stop after exactly this many messages
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
    /// Stop after this long, such as 90s or 1h30m
    #[arg(long = "for", value_name = "DURATION", value_parser = duration::parse)]
    pub(crate) duration: Option<Duration>,
}

impl Limits {
    /// When to stop.
    pub(crate) fn until(&self) -> Option<Instant> {
        self.duration.map(|duration| Instant::now() + duration)
    }

    /// Which types to take.
    pub(crate) fn types(&self) -> Types {
        Types::new(&self.types)
    }
}

/// How long to try; `None` for ever.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience(pub(crate) Option<Duration>);

fn patience(text: &str) -> Result<Patience, String> {
    match text {
        "never" => Ok(Patience(None)),
        text => duration::parse(text).map(|duration| Patience(Some(duration))),
    }
}

impl Capture {
    /// How to keep the rooms open.
    pub(crate) fn config(&self) -> anyhow::Result<Config> {
        let mut config = self.network.config()?;
        config.links = self.standby.links.into();
        Ok(config)
    }

    /// The rooms to capture, each once, as of now: those of the command line, then those of the file. `None` if the user
    /// wants to end before that is known.
    ///
    /// # Errors
    /// The file cannot be read, a line of it is no room, or a name cannot be resolved.
    pub(crate) fn wanted(&self, stop: &Stop, printer: &mut Printer) -> anyhow::Result<Option<Vec<RoomId>>> {
        let mut names = self.rooms.clone();
        if let Some(file) = &self.rooms_file {
            let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
            names.extend(listed(&text).map_err(|problem| anyhow!("{}, {problem}", file.display()))?);
        }
        if names.is_empty() {
            bail!("there is no room to capture");
        }
        let wanted = self.network.resolve(&names, stop, printer)?;
        let rooms = wanted.as_ref().map_or(0, Vec::len);
        files::make_room(rooms, self.standby.links.into(), printer);
        Ok(wanted)
    }
}

/// The rooms of a list: one a line, `#` begins a comment.
fn listed(text: &str) -> Result<Vec<RoomName>, String> {
    let lines =
        text.lines().enumerate().map(|(number, line)| (number + 1, line.split(" #").next().unwrap_or_default().trim()));
    lines
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(number, line)| line.parse().map_err(|error| format!("line {number}: {error}")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_rooms_has_comments_and_empty_lines() {
        let rooms = listed("# mine\n9999\n\n  lpl # finals\nhttps://www.douyu.com/288016\n").unwrap();
        assert_eq!(rooms.iter().map(ToString::to_string).collect::<Vec<_>>(), ["9999", "lpl", "288016"]);
        assert!(listed("9999\nno room!\n").unwrap_err().starts_with("line 2: "));
    }
}
