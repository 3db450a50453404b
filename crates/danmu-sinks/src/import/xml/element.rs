//! Elements of the dialects, and the payloads that Douyu would have sent for them.
//!
//! | element | of | becomes |
//! |---|---|---|
//! | `d` | all | `chatmsg` |
//! | `sc`; `s` of type `super_chat` | `BililiveRecorder`, rust-srec, danmu; biliup | `comm_chatmsg` |
//! | `guard` with the name of a rank of Douyu's | danmu | `dfobc`, `anbc` |
//! | `gift`, other `guard`; `s` of type `gift`, `guard_buy` | the same | `dgb`, with its price in the catalogue |
//!
//! Prices are in yuan for super chats, and in thousandths of one, for the whole event, else.

use danmu_proto::RoomId;
use danmu_proto::stt::Writer;
use danmu_proto::summary::{GiftKind, colour_rgb, noble_name};

use crate::recording::writer::CatalogGift;

/// An element with its text, as far as it is of any interest.
#[derive(Debug, Default)]
pub(super) struct Element {
    pub(super) name: String,
    attributes: Vec<(String, String)>,
    pub(super) text: String,
}

/// What an element tells.
pub(super) struct Event {
    /// Its number in the file, if it has one.
    pub(super) seq: Option<i64>,
    /// Microseconds after the file begins, if it says so.
    pub(super) after_us: Option<i64>,
    /// When it was sent, in milliseconds since the Unix epoch, if it says so.
    pub(super) sent_ms: Option<i64>,
    pub(super) payload: Vec<u8>,
    pub(super) gift: Option<CatalogGift>,
}

impl Element {
    pub(super) fn new(name: &str, attributes: Vec<(String, String)>) -> Self {
        Self { name: name.to_owned(), attributes, text: String::new() }
    }

    /// The value of the first attribute that has one of these names, if it says something.
    pub(super) fn get(&self, names: &[&str]) -> Option<&str> {
        let found = self.attributes.iter().find(|(name, _)| names.contains(&name.as_str()));
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    fn number<T: std::str::FromStr>(&self, names: &[&str]) -> Option<T> {
        self.get(names)?.trim().parse().ok()
    }

    /// What it tells, in a file of the client's dialect "2.0" or of the others. `Err` says what is wrong with it; `None` is
    /// for what has no place in a recording.
    pub(super) fn event(&self, room: Option<RoomId>, version_2: bool) -> Result<Option<Event>, String> {
        Ok(match &*self.name {
            "d" => Some(self.chat(room, version_2)?),
            "sc" => Some(self.superchat(room)),
            "gift" => Some(self.gift(room)),
            "guard" => Some(self.rank(room).unwrap_or_else(|| self.gift(room))),
            "s" => match self.get(&["type"]) {
                Some("super_chat") => Some(self.superchat(room)),
                Some("gift" | "guard_buy") => Some(self.gift(room)),
                _ => None,
            },
            _ => None,
        })
    }

    fn chat(&self, room: Option<RoomId>, version_2: bool) -> Result<Event, String> {
        let p = self.get(&["p"]).ok_or("a <d> without p, which says when it is")?;
        let fields: Vec<&str> = p.split(',').map(str::trim).collect();
        let field = |at: usize| fields.get(at).copied().filter(|field| !field.is_empty());
        // p is time, mode, size, colour, sent, pool, user, number; in "2.0" number, 0, time, mode, size, colour, sent, 0, user.
        let (time, colour, sent, user, number) = if version_2 {
            (field(2), field(5), field(6), field(8), field(0))
        } else {
            (field(0), field(3), field(4), field(6), field(7))
        };
        let time: f64 = time.and_then(|time| time.parse().ok()).ok_or_else(|| format!("p={p:?} says no time"))?;
        let seconds = if version_2 { time / 1000.0 } else { time };
        let sent_ms = self.number(&["timestamp"]).or_else(|| sent?.parse().ok()).and_then(milliseconds);
        // A hash of an account number is none; a plain number of more than a hash's digits, or with the attribute, is.
        let plain = || user?.parse().ok().filter(|&number| number > 0 && user.is_some_and(|user| user.len() != 8));
        let user = self.user().or_else(plain);
        let code = colour.and_then(|colour| colour.parse().ok()).and_then(code_of);
        let payload = optional(begin("chatmsg", room), "uid", user);
        let payload = optional(payload, "nn", self.get(&["user", "username"]));
        let payload = payload.pair("txt", &self.text);
        let payload = optional(payload, "cst", sent_ms);
        let payload = optional(payload, "col", code);
        // Not to look like a robot's for want of what other sites do not have.
        let payload = payload.pair("if", 1);
        Ok(Event {
            seq: number.and_then(|number| number.parse().ok()),
            after_us: Some(micros(seconds)),
            sent_ms,
            payload: payload.finish().into_bytes(),
            gift: None,
        })
    }

    fn superchat(&self, room: Option<RoomId>) -> Event {
        let (after_us, sent_ms) = self.when();
        let fen = self.number::<f64>(&["price"]).map_or(0, |yuan| (yuan * 100.0).round() as u64);
        let user = self.user();
        let inner = optional(begin("chatmsg", room), "uid", user);
        let inner = optional(inner, "nn", self.get(&["user", "username"])).pair("txt", &self.text).finish();
        let payload = begin("comm_chatmsg", room).pair("btype", "voiceDanmu");
        let payload = optional(payload, "uid", user).pair("chatmsg", inner).pair("cprice", fen).pair("crealPrice", fen);
        // Some dialects do not say how long it is shown: a minute, as the cheapest are.
        let payload = payload.pair("cet", self.number::<u64>(&["time"]).filter(|&seconds| seconds > 0).unwrap_or(60));
        let payload = optional(payload, "now", sent_ms);
        Event { seq: None, after_us, sent_ms, payload: payload.finish().into_bytes(), gift: None }
    }

    fn gift(&self, room: Option<RoomId>) -> Event {
        let (after_us, sent_ms) = self.when();
        let name = self.get(&["giftname"]).map(|name| name.replace('\u{a0}', " ")).unwrap_or_default();
        let count = self.number::<u32>(&["giftcount", "count", "num"]).filter(|&count| count > 0).unwrap_or(1);
        // Silver cost nobody anything.
        let free = self.get(&["cointype"]).is_some_and(|coin| coin != "金瓜子" && coin != "gold");
        let fen = self.number::<f64>(&["price"]).filter(|_| !free).map_or(0, |li| (li / 10.0).round() as u64);
        let price_fen = fen / u64::from(count);
        let id = number_of(&name, price_fen);
        let payload = begin("dgb", room).pair("gfid", id).pair("gfn", &name);
        let payload = optional(payload, "uid", self.user());
        let payload = optional(payload, "nn", self.get(&["user", "username"])).pair("gfcnt", count);
        let gift = CatalogGift { kind: GiftKind::Gift, id, name: Some(name), price_fen: Some(price_fen) };
        Event { seq: None, after_us, sent_ms, payload: payload.finish().into_bytes(), gift: Some(gift) }
    }

    /// A rank that Douyu has. Those of other sites are gifts here.
    fn rank(&self, room: Option<RoomId>) -> Option<Event> {
        let (after_us, sent_ms) = self.when();
        let name = self.get(&["giftname"])?;
        let (user, nick) = (self.user(), self.get(&["user", "username"]));
        let payload = if name == "钻粉" {
            let fen = self.number::<u64>(&["price"]).map(|li| li / 10);
            let payload = optional(optional(begin("dfobc", room), "uid", user), "nick", nick);
            optional(optional(payload, "mn", self.number::<u32>(&["count"])), "price", fen)
        } else {
            let rank = (1..10).find(|&rank| noble_name(rank) == Some(name))?;
            let payload = optional(optional(begin("anbc", room), "uid", user), "unk", nick);
            payload.pair("nl", rank).pair("drid", room?.get())
        };
        Some(Event { seq: None, after_us, sent_ms, payload: payload.finish().into_bytes(), gift: None })
    }

    /// The account number; 0 stands for none.
    fn user(&self) -> Option<u64> {
        self.number(&["uid"]).filter(|&user| user > 0)
    }

    /// Microseconds after the file begins, and when it was sent in milliseconds since the Unix epoch.
    fn when(&self) -> (Option<i64>, Option<i64>) {
        let seconds: Option<f64> = self.number(&["ts"]);
        (seconds.map(micros), self.number(&["timestamp"]).and_then(milliseconds))
    }
}

/// Seconds in microseconds, so that they can be added to a time.
fn micros(seconds: f64) -> i64 {
    (seconds * 1e6).round().clamp(-1e18, 1e18) as i64
}

fn begin(kind: &str, room: Option<RoomId>) -> Writer {
    optional(Writer::new().pair("type", kind), "rid", room.map(RoomId::get))
}

fn optional(payload: Writer, key: &str, value: Option<impl std::fmt::Display>) -> Writer {
    match value {
        Some(value) => payload.pair(key, value),
        None => payload,
    }
}

/// Programs write seconds or milliseconds: nothing in milliseconds was sent before 1973, and nothing will be after 5138.
fn milliseconds(time: i64) -> Option<i64> {
    match time {
        1..100_000_000_000 => Some(time * 1000),
        100_000_000_000..100_000_000_000_000 => Some(time),
        _ => None,
    }
}

/// The wire code of a colour; none for white, and for a colour that Douyu does not have.
fn code_of(rgb: u32) -> Option<u32> {
    (1..=6).find(|&code| colour_rgb(code) == rgb)
}

/// A gift of another site has no number here: one that follows from name and price, above all of Douyu's.
fn number_of(name: &str, price_fen: u64) -> u64 {
    1 << 40 | u64::from(crc32fast::hash(format!("{price_fen} {name}").as_bytes()))
}
