//! What rooms say: repeatable, in the right mix, and readable as what it is.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, HashMap, HashSet};

use danmu_proto::stt::{self, Value, Writer};
use danmu_proto::summary::{Flags, GiftKind};
use danmu_proto::{Fields, Message, RoomId, message};
use danmu_sim::Scenario;

const NOW_MS: i64 = 1_795_000_000_000;
const MANY: usize = 30_000;
/// Types that rooms say though no one reads them.
const NO_VIEW: [&str; 2] = ["defAltLogin", "pdrinfo"];

fn room(number: u64) -> RoomId {
    RoomId::new(number).unwrap()
}

fn talk(seed: u64, number: u64, messages: usize) -> Vec<String> {
    let mut scenario = Scenario::new(seed, room(number));
    (0..messages).map(|_| scenario.next(NOW_MS)).collect()
}

/// Without the fields that hold times.
fn timeless(payload: &str) -> Vec<(String, String)> {
    const TIMES: [&str; 12] =
        ["cst", "now", "ts", "endtime", "cts", "bet", "bid", "bt", "time", "now_time", "expire_time", "tick"];
    stt::pairs(Value::from(payload))
        .map(|(key, value)| (key.text().into_owned(), value.text().into_owned()))
        .filter(|(key, _)| !TIMES.contains(&key.as_str()))
        .collect()
}

#[test]
fn the_same_seed_and_room_say_the_same() {
    assert_eq!(talk(7, 9999, 2000), talk(7, 9999, 2000));
    assert_ne!(talk(7, 9999, 20), talk(8, 9999, 20));
    assert_ne!(talk(7, 9999, 20), talk(7, 9998, 20));
}

#[test]
fn only_times_depend_on_the_time() {
    let mut later = Scenario::new(7, room(9999));
    for (at, payload) in talk(7, 9999, 5000).iter().enumerate() {
        let other = later.next(NOW_MS + 86_400_000 + at as i64 * 37);
        assert_eq!(timeless(payload), timeless(&other));
    }
}

#[test]
fn the_mix_is_that_of_a_large_room() {
    let mut counts: HashMap<String, f64> = HashMap::new();
    for payload in talk(1, 9999, MANY) {
        *counts.entry(message::kind(payload.as_bytes()).into_owned()).or_insert(0.0_f64) += 1.0;
    }
    let ratio = |of: &str, to: &str| counts[of] / counts[to];
    assert!((ratio("uenter", "chatmsg") / (265.0 / 147.0) - 1.0).abs() < 0.05, "{counts:?}");
    assert!((ratio("dgb", "chatmsg") / (125.0 / 147.0) - 1.0).abs() < 0.05, "{counts:?}");
    assert!(counts["uenter"] + counts["chatmsg"] + counts["dgb"] > 0.94 * MANY as f64, "{counts:?}");
}

#[test]
fn every_payload_is_what_it_says_and_writes_back_to_the_same_bytes() {
    let mut kinds = HashSet::new();
    for payload in talk(2, 9999, MANY) {
        let fields = Fields::new(payload.as_bytes());
        let written = fields.pairs().fold(Writer::new(), |writer, (key, value)| writer.pair(key.text(), value.text()));
        assert_eq!(written.finish(), payload);
        assert!(!fields.is_lossy());
        assert!(payload.len() < 16_000, "{} bytes", payload.len());
        let kind = fields.kind();
        assert!(!message::is_control(&kind), "{kind} is control");
        let has_no_view = matches!(Message::of(fields), Message::Other(_));
        assert_eq!(has_no_view, NO_VIEW.contains(&&*kind) || kind.starts_with("event_"), "{kind}");
        kinds.insert(kind.into_owned());
    }
    assert!(kinds.len() > 40, "{} types", kinds.len());
}

#[test]
fn chat_has_all_that_chat_can_have() {
    let talk = talk(3, 9999, MANY);
    let mut ids = HashSet::new();
    let mut talkers: BTreeMap<u64, u32> = BTreeMap::new();
    let mut seen = HashMap::new();
    let mut see = |what: &'static str, is: bool| *seen.entry(what).or_insert(0) += u32::from(is);
    for payload in &talk {
        let Message::Chat(chat) = Message::read(payload.as_bytes()) else { continue };
        assert_eq!(chat.id.len(), 32);
        assert!(chat.id.ends_with("0000000000"), "{} is a counter, lowest byte first", chat.id);
        assert!(ids.insert(chat.id.to_string()), "{} comes twice", chat.id);
        *talkers.entry(chat.user.unwrap()).or_default() += 1;
        assert!(chat.sent_ms().is_none_or(|sent| sent == NOW_MS));
        let message = Message::read(payload.as_bytes());
        let summary = message.summary(room(9999));
        see("chat", true);
        see("suspect", summary.flags.has(Flags::SUSPECT));
        see("foreign", summary.flags.has(Flags::FOREIGN));
        see("without a time", chat.sent.is_none());
        see("coloured", summary.colour.is_some());
        see("with a medal", summary.medal.is_some());
        see("with another room's medal", summary.medal.is_some_and(|medal| medal.room != Some(9999)));
        see("noble", summary.noble.is_some());
        see("by an admin", summary.role.is_some());
        see("relayed", chat.client == Some(16));
        see("with an emote", chat.text.contains("[emot:dy110]"));
        see("with an emoji", chat.text.contains('😀'));
        see("with a slash", chat.text.contains('/'));
        see("that looks like a pair", chat.text == "a@=b");
        see("that looks escaped", chat.text == "@S");
        see("with a line break", chat.text.contains('\n'));
        see("that addresses someone", chat.text.starts_with("@Alice"));
    }
    let chats = seen["chat"];
    for (what, count) in &seen {
        assert!(*count > 0, "no chat {what} among {chats}");
    }
    assert!(seen["suspect"] * 100 < chats * 8, "few are suspect: {seen:?}");
    assert!(seen["foreign"] * 100 < chats, "very few are foreign: {seen:?}");

    let mut by_talk: Vec<u32> = talkers.into_values().collect();
    by_talk.sort_unstable_by(|a, b| b.cmp(a));
    assert!(by_talk.len() > 1000, "{} people", by_talk.len());
    assert!(by_talk[0] > 20 * by_talk[by_talk.len() / 2], "some talk much more than most");
}

#[test]
fn gifts_come_in_runs_with_growing_hits() {
    let mut last = HashMap::new();
    let (mut steps, mut props) = (0, 0);
    for payload in talk(4, 9999, MANY) {
        let message = Message::read(payload.as_bytes());
        let Message::Gift(gift) = &message else { continue };
        let given = message.summary(room(9999)).gift.unwrap();
        assert!(given.id > 0 && given.name.is_some());
        props += u32::from(given.kind == GiftKind::Prop);
        let run = (gift.user, gift.gift, gift.prop, gift.count());
        let hits = gift.hits.unwrap();
        let before = last.insert(run, hits).unwrap_or(0);
        steps += u32::from(hits == before + gift.count());
        assert!(hits >= gift.count());
    }
    assert!(steps > 4000, "{steps} steps of runs");
    assert!(props > 0);
}

#[test]
fn super_chats_have_price_and_time_and_box_notices_have_neither() {
    let talk = talk(5, 9999, MANY);
    let mut prices = BTreeMap::new();
    for payload in &talk {
        let Message::WrappedChat(wrapped) = Message::read(payload.as_bytes()) else { continue };
        *prices.entry((wrapped.price_fen, wrapped.seconds)).or_insert(0) += 1;
        assert_eq!(wrapped.is_superchat(), wrapped.kind == "voiceDanmu");
        assert_eq!(wrapped.chat().user, wrapped.user);
    }
    let paid = [(0, 0), (1000, 30), (3000, 60), (5000, 120), (10_000, 300)];
    assert_eq!(prices.keys().copied().collect::<Vec<_>>(), paid.map(|(price, seconds)| (Some(price), Some(seconds))));
}

#[test]
fn the_longest_messages_are_rankings_of_about_10_kb() {
    let longest = talk(6, 9999, MANY).into_iter().max_by_key(String::len).unwrap();
    assert_eq!(message::kind(longest.as_bytes()), "fswrank");
    assert!((9000..14_000).contains(&longest.len()), "{} bytes", longest.len());
}

#[test]
fn the_type_may_come_late_and_keys_twice() {
    let talk = talk(7, 9999, MANY);
    let heat = talk.iter().find(|payload| payload.ends_with("type@=qausrespond/")).unwrap();
    let rooms: Vec<_> = Fields::new(heat.as_bytes()).all("rid").map(Value::number::<i64>).collect();
    assert_eq!(rooms, [Some(9999), Some(-1)]);
}
