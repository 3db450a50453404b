//! JSON Lines of ours: what `export`, `watch --json` and `decode` write. The schema is that of
//! [`format::jsonl`](crate::format::jsonl).
//!
//! A message with `fields` becomes its payload again; one without, from a recording that kept none, its columns. Of the
//! events, gaps are imported: they are facts about the recording and not about the program that wrote it.

use std::borrow::Cow;
use std::io::BufRead;

use danmu_proto::message::is_control;
use danmu_proto::summary::{Client, Flags, Gift, GiftKind, Medal, Role, colour_rgb};
use danmu_proto::{RoomId, Summary};
use jiff::Timestamp;
use serde::Deserialize;

use super::json::{self, Payload};
use super::{Body, Dialect, End, ImportError, Item, Take, Told, When, at_line};
use crate::recording::ledger::Gap;
use crate::recording::writer::CatalogGift;

pub(super) const DIALECT: Dialect =
    Dialect { name: "jsonl", about: "JSON Lines of danmu: export, watch --json, decode", read };

/// The version of the schema that is known here.
const VERSION: u64 = 1;

#[derive(Deserialize)]
struct Line {
    v: u64,
    event: Option<String>,
    seq: Option<i64>,
    room: Option<u64>,
    #[serde(rename = "type")]
    kind: Option<String>,
    received_at: Option<Time>,
    sent_at: Option<Time>,
    id: Option<String>,
    user: Option<User>,
    text: Option<String>,
    colour: Option<String>,
    client: Option<String>,
    gift: Option<GiftOf>,
    superchat: Option<SuperChat>,
    #[serde(default)]
    foreign: bool,
    #[serde(default)]
    suspect: bool,
    #[serde(default)]
    lossy: bool,
    fields: Option<Payload>,
    from: Option<Time>,
    to: Option<Time>,
    reason: Option<String>,
}

/// A time as RFC 3339 has it.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Time(Timestamp);

impl TryFrom<String> for Time {
    type Error = jiff::Error;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self)
    }
}

#[derive(Default, Deserialize)]
struct User {
    id: Option<u64>,
    name: Option<String>,
    level: Option<u32>,
    role: Option<String>,
    noble: Option<u32>,
    medal: Option<MedalOf>,
}

#[derive(Deserialize)]
struct MedalOf {
    name: String,
    level: Option<u32>,
    room: Option<u64>,
}

#[derive(Deserialize)]
struct GiftOf {
    kind: String,
    id: u64,
    name: Option<String>,
    count: u32,
    hits: Option<u32>,
    price_fen: Option<u64>,
}

#[derive(Deserialize)]
struct SuperChat {
    price_fen: Option<u64>,
    seconds: Option<u64>,
}

fn read(input: &mut dyn BufRead, take: &mut Take<'_>) -> Result<End, ImportError> {
    json::lines(input, |number, line: Line| {
        if line.v > VERSION {
            return Err(at_line(number, format!("its schema is version {}, and {VERSION} is known here", line.v)));
        }
        match line.event.as_deref() {
            Some("gap") => take(Item::Gap(gap(line).ok_or_else(|| at_line(number, "a gap without room or times"))?)),
            Some(_) => Ok(()),
            None => {
                if let Some(gift) = priced(&line) {
                    take(Item::Gift(gift))?;
                }
                message(line).map_or(Ok(()), |message| take(Item::Message(message)))
            }
        }
    })
}

fn gap(line: Line) -> Option<Gap> {
    let (from_us, to_us) = (line.from?.0.as_microsecond(), line.to?.0.as_microsecond());
    Some(Gap { room: RoomId::new(line.room?)?, from_us, to_us, reason: line.reason.unwrap_or_default() })
}

/// What a gift costs, which payloads do not say: it came from the catalogue, and belongs there again.
fn priced(line: &Line) -> Option<CatalogGift> {
    let gift = line.gift.as_ref().filter(|gift| gift.id > 0 && gift.price_fen.is_some())?;
    let kind = GiftKind::by_name(&gift.kind)?;
    Some(CatalogGift { kind, id: gift.id, name: gift.name.clone(), price_fen: gift.price_fen })
}

/// The message of a line; `None` for control, which `decode` prints too.
fn message(mut line: Line) -> Option<Told> {
    if is_control(line.kind.as_deref().unwrap_or_default()) {
        return None;
    }
    Some(Told {
        seq: line.seq,
        room: line.room.and_then(RoomId::new),
        received: line.received_at.take().map_or(When::Unknown, |at| When::At(at.0.as_microsecond())),
        lossy: line.lossy,
        body: match line.fields.take() {
            Some(Payload(payload)) => Body::Payload(payload),
            None => Body::Summary(Box::new(summary(line))),
        },
    })
}

/// The columns of a message whose payload was not kept.
fn summary(line: Line) -> Summary<'static> {
    let user = line.user.unwrap_or_default();
    let superchat = line.superchat.as_ref();
    Summary {
        kind: line.kind.unwrap_or_default().into(),
        sent_ms: line.sent_at.map(|at| at.0.as_millisecond()),
        id: line.id.map(Cow::Owned),
        user: user.id,
        name: user.name.map(Cow::Owned),
        text: line.text.map(Cow::Owned),
        level: user.level,
        role: user.role.and_then(|name| Role::by_name(&name)),
        noble: user.noble,
        medal: user.medal.map(|MedalOf { name, level, room }| Medal { name: name.into(), level, room }),
        colour: line.colour.and_then(|colour| code_of(&colour)),
        client: line.client.and_then(|name| client(&name)),
        price_fen: superchat.and_then(|superchat| superchat.price_fen),
        duration_s: superchat.and_then(|superchat| superchat.seconds),
        gift: line.gift.and_then(|GiftOf { kind, id, name, count, hits, .. }| {
            Some(Gift { kind: GiftKind::by_name(&kind)?, id, name: name.map(Cow::Owned), count, hits })
        }),
        receiver: None,
        flags: Flags::default()
            .with(Flags::FOREIGN, line.foreign)
            .with(Flags::SUSPECT, line.suspect)
            .with(Flags::LOSSY, line.lossy),
    }
}

/// The wire code of a colour `#rrggbb`; none for white, and for what has no code.
fn code_of(colour: &str) -> Option<u32> {
    let rgb = u32::from_str_radix(colour.strip_prefix('#')?, 16).ok()?;
    (1..=6).find(|&code| colour_rgb(code) == rgb)
}

/// The wire number of a program, by its name or the number itself.
fn client(name: &str) -> Option<Client> {
    [0, 1, 2, 14, 16].map(Client).into_iter().find(|client| client.name() == Some(name)).or_else(|| {
        let number = name.parse().ok()?;
        Some(Client(number))
    })
}
