//! `danmu room`: which room a name means, and what goes on in it.

use std::io::Write as _;
use std::time::UNIX_EPOCH;

use danmu_client::directory::{Gifts, RoomName, RoomState};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::exit::Exit;
use crate::network::Network;
use crate::printer::{self, Closed, Printer, in_one_line};
use crate::render::yuan;
use crate::select;
use crate::table::{Side, Table};
use crate::text::safe;

/// Tell which room a name means, and what goes on in it
#[derive(clap::Args, Debug)]
pub(crate) struct Room {
    /// Rooms: numbers, names such as lpl, or links
    #[arg(required = true, value_name = "ROOM")]
    rooms: Vec<RoomName>,
    /// What the gifts of the room are called and cost instead; with --json a table for danmu stats --gift-table
    #[arg(long)]
    gifts: bool,
    /// Print one JSON object a room, or with --gifts one list
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
            let answered = directory.resolve(name).and_then(|resolved| {
                let room = resolved.room;
                if self.gifts {
                    directory.gifts(room).map(Answer::Gifts)
                } else {
                    directory.state(room).map(Answer::State)
                }
            });
            match answered {
                Ok(Answer::State(state)) if self.json => {
                    printer.json(|out| writeln!(out, "{}", in_json(name, &state)))?;
                }
                Ok(Answer::State(state)) => printer.line(&in_words(&state))?,
                Ok(Answer::Gifts(gifts)) => print_gifts(&gifts, self.json, printer)?,
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

/// What was asked for.
enum Answer {
    State(RoomState),
    Gifts(Gifts),
}

fn print_gifts(gifts: &Gifts, json: bool, printer: &mut Printer) -> Result<(), Closed> {
    for failure in &gifts.failed {
        printer.warn(format_args!("some gifts are missing: {}", failure.error));
    }
    if json {
        let list = gifts.gifts.iter().map(
            |gift| json!({"kind": gift.kind.name(), "id": gift.id, "name": gift.name, "price_fen": gift.price_fen}),
        );
        return printer.json(|out| writeln!(out, "{}", list.collect::<Value>()));
    }
    let mut table = Table::new(&[("gift", Side::Left), ("number", Side::Right), ("price", Side::Right)]);
    for gift in &gifts.gifts {
        table.row([gift.name.clone(), gift.id.to_string(), gift.price_fen.map(yuan).unwrap_or_default()]);
    }
    table.print(printer)
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
