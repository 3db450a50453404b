//! `danmu room`: which room a name means, and what goes on in it.

use std::io::Write as _;
use std::time::UNIX_EPOCH;

use danmu_client::directory::{RoomName, RoomState};
use jiff::Timestamp;
use serde_json::json;

use crate::exit::Exit;
use crate::network::Network;
use crate::printer::{self, Printer, in_one_line};
use crate::select;
use crate::text::safe;

/// Tell which room a name means, and what goes on in it
#[derive(clap::Args, Debug)]
pub(crate) struct Room {
    /// Rooms: numbers, names such as lpl, or links
    #[arg(required = true, value_name = "ROOM")]
    rooms: Vec<RoomName>,
    /// Print one JSON object a room
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    network: Network,
}

impl Room {
    /// Asks about each.
    pub(crate) fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        let directory = self.network.directory()?;
        let mut exit = Exit::Done;
        for name in &self.rooms {
            match directory.resolve(name).and_then(|resolved| directory.state(resolved.room)) {
                Ok(state) if self.json => printer.json(|out| writeln!(out, "{}", in_json(name, &state)))?,
                Ok(state) => printer.line(&in_words(&state))?,
                Err(error) => {
                    let error = error.into();
                    exit = Exit::of(&error);
                    printer.flush()?;
                    printer::error(in_one_line(&error));
                }
            }
        }
        Ok(exit)
    }
}

fn in_words(state: &RoomState) -> String {
    let text = |text: &Option<String>| safe(text.as_deref().unwrap_or("?"));
    let live = match (state.live, state.replay) {
        (_, Some(true)) => "plays recordings",
        (Some(true), _) => "live",
        (Some(false), _) => "offline",
        (None, _) => "live or not, nobody says",
    };
    let since = state.started.and_then(|time| time.duration_since(UNIX_EPOCH).ok()).map_or_else(String::new, |since| {
        format!(" since {}", select::show(i64::try_from(since.as_micros()).unwrap_or(i64::MAX)))
    });
    let (title, owner, category) = (text(&state.title), text(&state.owner), text(&state.category));
    format!("{}  {live}{since}  {title}  ({owner}, {category})", state.room)
}

fn in_json(name: &RoomName, state: &RoomState) -> String {
    let started = state.started.and_then(|time| Timestamp::try_from(time).ok()).map(|time| time.to_string());
    let mut object = json!({
        "v": 1, "name": name.to_string(), "room": state.room.get(), "live": state.live, "replay": state.replay,
        "title": state.title, "owner": state.owner, "owner_uid": state.owner_uid, "category": state.category,
        "started_at": started, "source": state.source.name(),
    });
    if let Some(object) = object.as_object_mut() {
        object.retain(|_, value| !value.is_null());
    }
    object.to_string()
}
