//! Recorded traffic, where it is at hand: `../shared/samples` beside the repository. It holds real people's names, so
//! nothing of it is in here; without it these tests say so and pass.

#![allow(clippy::unwrap_used, clippy::print_stdout)] // A panic is a failed test, and a skipped one says so.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use danmu_proto::packet::{self, PacketDecoder, Sender};
use danmu_proto::session::Config;
use danmu_proto::stt::{self, Value};
use danmu_proto::{Batch, Fields, LinkId, Message, RoomId, Session, request};
use serde_json::Value as Json;

#[test]
fn no_recorded_payload_is_lost_between_wire_and_batch() {
    let Some(payloads) = recorded() else { return };
    assert_eq!(payloads.len(), 739);
    let mut wire = Vec::new();
    for payload in &payloads {
        packet::encode(Sender::Server, payload, &mut wire);
    }
    for size in [1, 7, 1000, 65_536, wire.len()] {
        let mut session = Session::new(Instant::now(), Config::new(room()));
        let mut batch = Batch::new();
        for piece in wire.chunks(size) {
            session.receive(Instant::now(), piece, &mut batch);
        }
        assert!(batch.payloads().eq(&payloads), "in pieces of {size}");
        let records = batch.freeze(room(), LinkId(1), 0);
        assert_eq!((records.messages().count(), records.control().count()), (689, 50), "in pieces of {size}");
    }
}

#[test]
fn every_recorded_pair_is_what_a_naive_reader_makes_of_it() {
    let Some(payloads) = recorded() else { return };
    let mut seen = 0;
    for payload in &payloads {
        let read: Vec<_> =
            stt::pairs(Value::new(payload)).map(|(key, value)| (key.text().into(), value.text().into())).collect();
        let naive = naive(std::str::from_utf8(payload).unwrap());
        assert_eq!(read, naive);
        let fields = Fields::new(payload);
        for (key, _) in &naive {
            let first = naive.iter().find(|(name, _)| name == key).unwrap();
            assert_eq!(fields.text(key), first.1, "{key}");
        }
        seen += naive.len();
    }
    assert!(seen > 10_000, "{seen}");
}

#[test]
fn recorded_chat_is_read_right() {
    let Some(payloads) = recorded() else { return };
    let mut seen = 0;
    for payload in &payloads {
        let Message::Chat(chat) = Message::read(payload) else { continue };
        let is = Independent::new(payload);
        seen += 1;
        assert_eq!((&*chat.name, &*chat.text, &*chat.id), (is.text("nn"), is.text("txt"), is.text("cid")));
        assert_eq!((chat.room, chat.user), (is.number("rid"), is.number("uid").map(i64::unsigned_abs)));
        assert_eq!((&*chat.medal, &*chat.avatar.text()), (is.text("bnn"), is.text("ic")));
        for (read, key) in [
            (chat.level, "level"),
            (chat.colour, "col"),
            (chat.client, "ct"),
            (chat.room_role, "rg"),
            (chat.platform_role, "pg"),
            (chat.noble, "nl"),
            (chat.medal_level, "bl"),
            (chat.fan_level, "fl"),
            (chat.trust, "dms"),
        ] {
            assert_eq!(read.map(i64::from), is.number(key), "{key}");
        }
        assert_eq!(chat.sent, is.number("cst"));
        assert!(chat.sent_ms().is_none_or(|ms| ms > 1_400_000_000_000), "{:?}", chat.sent);
        assert_eq!(chat.is_suspect(), !is.0.contains_key("dms") && is.text("if") != "1");

        let summary = Message::read(payload);
        let summary = summary.summary(RoomId::new(chat.room.unwrap().unsigned_abs()).unwrap());
        assert_eq!(summary.text.as_deref(), Some(is.text("txt")));
        assert_eq!(summary.user, chat.user);
        assert!(!summary.flags.has(danmu_proto::summary::Flags::FOREIGN));
    }
    assert_eq!(seen, 70);
}

#[test]
fn recorded_gifts_are_read_right() {
    let Some(payloads) = recorded() else { return };
    let mut seen = 0;
    for payload in &payloads {
        let message = Message::read(payload);
        let Message::Gift(gift) = &message else { continue };
        let is = Independent::new(payload);
        seen += 1;
        assert_eq!((&*gift.name, &*gift.gift_name), (is.text("nn"), is.text("gfn")));
        assert_eq!((&*gift.receiver_name, &*gift.medal), (is.text("receive_nn"), is.text("bnn")));
        assert_eq!(gift.room, is.number("rid"));
        for (read, key) in [(gift.gift, "gfid"), (gift.prop, "pid"), (gift.user, "uid"), (gift.receiver, "receive_uid")]
        {
            assert_eq!(read.map(u64::cast_signed), is.number(key), "{key}");
        }
        assert_eq!(gift.hits.map(i64::from), is.number("hits"));
        assert_eq!(i64::from(gift.count()), is.number("gfcnt").unwrap_or(1));

        let summary = message.summary(room());
        let summed = summary.gift.unwrap();
        let of_gift = is.number("gfid") != Some(0);
        assert_eq!(summed.kind.name(), if of_gift { "gift" } else { "prop" });
        assert_eq!(summed.id.cast_signed(), is.number(if of_gift { "gfid" } else { "pid" }).unwrap());
    }
    assert_eq!(seen, 179);
}

#[test]
fn recorded_super_chats_are_read_right() {
    let Some(payloads) = recorded() else { return };
    let (mut paid, mut free) = (0, 0);
    for payload in &payloads {
        let message = Message::read(payload);
        let Message::WrappedChat(wrapped) = &message else { continue };
        let outer = Independent::new(payload);
        let inner = Independent::new(outer.text("chatmsg").as_bytes());
        let chat = wrapped.chat();
        assert_eq!((&*chat.name, &*chat.text, &*chat.medal), (inner.text("nn"), inner.text("txt"), inner.text("bnn")));
        assert_eq!(chat.user.map(u64::cast_signed), inner.number("uid"));
        let summary = message.summary(room());
        if wrapped.is_superchat() {
            paid += 1;
            assert_eq!(summary.price_fen.map(u64::cast_signed), outer.number("cprice"));
            assert_eq!(summary.duration_s.map(u64::cast_signed), outer.number("cet"));
            assert!(summary.is_superchat() && !summary.text.unwrap().is_empty());
        } else {
            free += 1;
        }
    }
    assert_eq!((paid, free), (20, 1));
}

#[test]
fn recorded_lists_are_read_right() {
    let Some(payloads) = recorded() else { return };
    let mut seen = 0;
    for payload in &payloads {
        let outer = Independent::new(payload);
        let mut check = |list: &str, name: &str, read: Vec<String>| {
            let items = outer.text(list).split('/').filter(|item| !item.is_empty()).map(unescape);
            let names: Vec<_> = items.map(|item| Independent::new(item.as_bytes()).text(name).to_owned()).collect();
            assert_eq!(read, names);
            seen += read.len();
        };
        match Message::read(payload) {
            Message::GiverRanking(view) => {
                check("list", "nickname", view.week().map(|giver| giver.name).collect());
                check("list_all", "nickname", view.ever().map(|giver| giver.name).collect());
                check("list_day", "nickname", view.day().map(|giver| giver.name).collect());
            }
            Message::FanRanking(view) | Message::WeeklyFanRanking(view) => {
                check("list", "nn", view.fans().map(|fan| fan.name).collect());
            }
            Message::DiamondFanRanking(view) => check("list", "nick", view.fans().map(|fan| fan.name).collect()),
            Message::NobleList(view) => check("nl", "nn", view.nobles().map(|noble| noble.name).collect()),
            Message::CategoryRanking(view) => check("rls", "rn", view.rooms().map(|room| room.name).collect()),
            Message::Deserve(view) => {
                assert_eq!(view.buyer().name, Independent::new(outer.text("sui").as_bytes()).text("nick"));
            }
            Message::NobleCounts(view) => {
                let sum: u64 = view.ranks().filter_map(|rank| rank.count).sum();
                assert_eq!(Some(sum), view.total);
            }
            Message::CategoryPlace(view) => assert!(view.place().rank.is_some()),
            _ => {}
        }
    }
    assert!(seen > 300, "{seen}");
}

#[test]
fn recorded_websocket_messages_are_cut_right_at_every_split() {
    let Some(lines) = text("ws-frames-2026-09.jsonl") else { return };
    let (mut sent, mut heard) = (Vec::new(), Vec::new());
    let mut expected = Vec::new();
    for line in lines.lines() {
        let line: Json = serde_json::from_str(line).unwrap();
        let bytes = base64(line["b64"].as_str().unwrap());
        if line["dir"] == "out" {
            sent.extend(bytes);
        } else {
            // Each message holds whole packets.
            let payloads = cut(Sender::Server, &[&bytes]);
            assert!(!payloads.is_empty());
            expected.extend(payloads);
            heard.extend(bytes);
        }
    }
    let requests = [request::login(room()), request::join(room(), request::ALL_GROUPS)].map(String::into_bytes);
    assert_eq!(cut(Sender::Client, &[&sent]), requests);

    let kinds: Vec<_> = expected.iter().map(|payload| danmu_proto::message::kind(payload).into_owned()).collect();
    assert_eq!(kinds[..3], ["loginres", "pingreq", "uenter"]);
    for at in 0..=heard.len() {
        let (before, after) = heard.split_at(at);
        assert_eq!(cut(Sender::Server, &[before, after]), expected, "split at {at}");
    }
}

#[test]
fn recorded_edge_cases_are_read_as_their_bytes_say() {
    let Some(cases) = text("edge-cases.json") else { return };
    let cases: Vec<Json> = serde_json::from_str(&cases).unwrap();
    assert!(cases.len() > 3);
    let mut lossy = 0;
    for case in &cases {
        let Some(digits) = case["payload_hex"].as_str() else { continue };
        let payload = hex(digits);
        let fields = Fields::new(&payload);
        let shown = String::from_utf8_lossy(&payload);
        assert_eq!(
            fields.pairs().map(|(key, value)| (key.text().into(), value.text().into())).collect::<Vec<_>>(),
            naive(&shown),
        );
        lossy += usize::from(fields.is_lossy());
        assert!(!fields.kind().is_empty());
    }
    assert!(lossy > 0, "the emoji of an Android client are not UTF-8");
}

#[test]
fn cut_and_glued_payloads_are_read_without_harm() {
    let Some(lines) = text("real-messages-suspect.stt") else { return };
    for line in lines.lines() {
        let message = Message::read(line.as_bytes());
        let summary = format!("{:?}", message.summary(room()));
        assert!(!summary.is_empty());
        assert_eq!(
            message.fields().pairs().map(|(key, value)| (key.text().into(), value.text().into())).collect::<Vec<_>>(),
            naive(line),
        );
    }
    assert_eq!(lines.lines().count(), 42);
}

#[test]
fn a_debug_log_of_two_hours_is_read_as_its_keeper_read_it() {
    let Some(log) = text("datasets/douyudm-debug-log-room3187637-2022-02-23.json") else { return };
    let log: HashMap<String, Vec<Json>> = serde_json::from_str(&log).unwrap();
    let mut seen = 0;
    for (kind, entries) in &log {
        for entry in entries {
            let payload = entry["message"].as_str().unwrap();
            let message = Message::read(payload.as_bytes());
            assert_eq!(message.fields().kind(), *kind);
            assert_eq!(
                Message::TYPES.contains(&&**kind),
                !matches!(message, Message::Other(_)),
                "{kind} has a view or has none",
            );
            let summary = message.summary(RoomId::new(3_187_637).unwrap());
            assert_eq!(summary.kind, *kind);
            if let (Some(sent_ms), Some(received_ms), "chatmsg") =
                (summary.sent_ms, entry["timestamp"].as_i64(), &**kind)
            {
                assert!((received_ms - sent_ms).abs() < 60_000, "sent {sent_ms}, received {received_ms}");
            }
            seen += 1;
        }
    }
    assert_eq!(seen, 581);
}

/// The payloads of the recorded collection, or `None` if it is not at hand.
fn recorded() -> Option<Vec<Vec<u8>>> {
    Some(text("real-messages.stt")?.lines().map(|line| line.as_bytes().to_vec()).collect())
}

/// A file of the samples, or `None`, said aloud, if they are not at hand.
fn text(name: &str) -> Option<String> {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/samples").join(name);
    match fs::read_to_string(path) {
        Ok(text) => Some(text),
        Err(error) => {
            println!("skipped: no recorded samples beside the repository ({name}: {error})");
            None
        }
    }
}

fn room() -> RoomId {
    RoomId::new(9999).unwrap()
}

fn cut(from: Sender, pieces: &[&[u8]]) -> Vec<Vec<u8>> {
    let mut decoder = PacketDecoder::new(from);
    let mut payloads = Vec::new();
    for piece in pieces {
        decoder.read(piece, |payload| payloads.push(payload.to_vec())).unwrap();
    }
    assert!(!decoder.is_mid_packet());
    payloads
}

/// The reference: split, split, replace, replace.
fn naive(payload: &str) -> Vec<(String, String)> {
    let pairs = payload.split('/').filter_map(|segment| segment.split_once("@="));
    pairs.map(|(key, value)| (unescape(key), unescape(value))).collect()
}

fn unescape(text: &str) -> String {
    text.replace("@S", "/").replace("@A", "@")
}

/// Another reading of a payload, to compare with: the first of each key.
struct Independent(HashMap<String, String>);

impl Independent {
    fn new(payload: &[u8]) -> Self {
        let mut fields = HashMap::new();
        for (key, value) in naive(std::str::from_utf8(payload).unwrap()) {
            fields.entry(key).or_insert(value);
        }
        Self(fields)
    }

    fn text(&self, key: &str) -> &str {
        self.0.get(key).map_or("", String::as_str)
    }

    fn number(&self, key: &str) -> Option<i64> {
        self.text(key).parse().ok()
    }
}

fn hex(digits: &str) -> Vec<u8> {
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.as_bytes().chunks(2).map(byte).collect()
}

fn base64(text: &str) -> Vec<u8> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = Vec::new();
    for four in text.as_bytes().chunks(4) {
        let digit = |byte: &u8| ALPHABET.iter().position(|letter| letter == byte).unwrap() as u32;
        let digits: Vec<u32> = four.iter().filter(|byte| **byte != b'=').map(digit).collect();
        let bits = digits.iter().fold(0, |bits, digit| bits << 6 | digit) << (6 * (4 - digits.len()));
        out.extend(&bits.to_be_bytes()[1..digits.len()]);
    }
    out
}
