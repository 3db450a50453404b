//! Peer: the server's side of one connection. A value without socket or clock.
//!
//! | request      | answer                                                                          |
//! |--------------|---------------------------------------------------------------------------------|
//! | `loginreq`   | `loginres` and `pingreq`, back to back; whatever else is or is not in it         |
//! | `joingroup`  | none: the room begins to be heard ([`Output::Join`])                             |
//! | `mrkl`       | `mrkl`                                                                          |
//! | `keeplive`   | `keeplive` with the same `tick`                                                 |
//! | `sub`        | `subres`                                                                        |
//! | `logout`     | none: the connection closes                                                     |
//! | any other    | none                                                                            |
//! | no packet    | `error` 51, and the connection closes                                           |
//! | none at all  | after [`Config::silence`], `error` 51, and the connection closes                 |
//!
//! It is as lenient as Douyu: a request may lack its last `/`, its `type` may stand anywhere, and fields that are not
//! needed are not looked at. Where no one has shown what Douyu does, this is what we do:
//!
//! - A join before the login is ignored. A client that needs more works here by luck.
//! - A connection hears one room: a join of another one leaves the first. Joining the same room again changes nothing.
//! - Every group hears all of its room. (Douyu gives others than −9999 a share.)
//! - A room that does not exist gets `error` 204, "wrong room" in Douyu's document, and the connection closes.
//! - Any whole request counts as a sign of life, half a packet does not.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use danmu_proto::stt::Writer;
use danmu_proto::{Fields, PacketDecoder, RoomId, Sender, packet};

use crate::write::WriteMore as _;

/// `error` code: data transfer. Said for a malformed packet and for silence.
pub const TRANSFER: u32 = 51;
/// `error` code: the server shuts down.
pub const SHUTTING_DOWN: u32 = 52;
/// `error` code: no such room.
pub const WRONG_ROOM: u32 = 204;

/// The longest request that is read. Douyu's own have less than 300 bytes; this leaves room for tokens and cookies.
const MAX_REQUEST: u32 = 64 * 1024;

/// A limit that is longer counts as this, so that every deadline is a time that exists.
const LONGEST: Duration = Duration::from_secs(365 * 86_400);

/// What one side of a conversation needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// How long a client may say nothing. Douyu wants a heartbeat every 45 s.
    pub silence: Duration,
    /// Which rooms exist: 1 to this number, or any.
    pub rooms: Option<u64>,
    /// The client's address, which `loginres` tells it.
    pub address: IpAddr,
    /// Tells the sessions of one server apart.
    pub session: u64,
    /// Whether logins are answered. If not, they count for nothing.
    pub answers_login: bool,
}

/// What the peer wants from the owner of its connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send these bytes after what is on its way already.
    Send(Vec<u8>),
    /// From now on the client is to hear this room, and no other.
    Join(RoomId),
    /// Nothing to do before this time or the next bytes.
    Wait(Instant),
    /// Send what is on its way, then close. Said again by every later call.
    Close,
}

/// One conversation with one client. After every call, [`poll`](Peer::poll) until it says [`Output::Wait`] or
/// [`Output::Close`].
#[derive(Debug)]
pub struct Peer {
    decoder: PacketDecoder,
    talk: Talk,
}

/// All but the decoder, which lends out payloads while this answers them.
#[derive(Debug)]
struct Talk {
    config: Config,
    /// When the last whole request came.
    heard: Instant,
    logged_in: bool,
    closing: bool,
    /// Packets to be sent, one after the other.
    unsent: Vec<u8>,
    /// A join that the owner has not been told of.
    join: Option<RoomId>,
}

impl Peer {
    /// A connection that stands as of `now`.
    pub const fn new(now: Instant, config: Config) -> Self {
        Self {
            decoder: PacketDecoder::with_limit(Sender::Client, MAX_REQUEST),
            talk: Talk { config, heard: now, logged_in: false, closing: false, unsent: Vec::new(), join: None },
        }
    }

    /// Takes bytes as they came, in whatever pieces. `unix_ms` is the time of day, in milliseconds since the Unix epoch.
    pub fn receive(&mut self, now: Instant, unix_ms: i64, bytes: &[u8]) {
        let Self { decoder, talk } = self;
        if decoder.read(bytes, |payload| talk.hear(now, unix_ms, Fields::new(payload))).is_err() {
            talk.refuse(TRANSFER);
        }
    }

    /// Ends the conversation if the client has been silent for too long.
    pub fn tick(&mut self, now: Instant) {
        if now >= self.talk.silent_at() {
            self.talk.refuse(TRANSFER);
        }
    }

    /// Says `error` with this code, and closes.
    pub fn refuse(&mut self, code: u32) {
        self.talk.refuse(code);
    }

    /// What to do next.
    pub fn poll(&mut self) -> Output {
        let talk = &mut self.talk;
        if !talk.unsent.is_empty() {
            return Output::Send(std::mem::take(&mut talk.unsent));
        }
        if talk.closing {
            return Output::Close;
        }
        match talk.join.take() {
            Some(room) => Output::Join(room),
            None => Output::Wait(talk.silent_at()),
        }
    }
}

impl Talk {
    fn hear(&mut self, now: Instant, unix_ms: i64, request: Fields<'_>) {
        if self.closing {
            return;
        }
        self.heard = now;
        match &*request.kind() {
            "loginreq" if self.config.answers_login => {
                self.logged_in = true;
                self.say(&login_answer(&self.config));
                self.say(&Writer::new().pair("type", "pingreq").pair("tick", unix_ms).finish());
            }
            "joingroup" if self.logged_in => self.join(request),
            "mrkl" => self.say("type@=mrkl/"),
            "keeplive" => self.say(&heartbeat_answer(request)),
            "sub" => self.say("type@=subres/res@=0/"),
            "logout" => self.closing = true,
            _ => {}
        }
    }

    fn join(&mut self, request: Fields<'_>) {
        let room = request.text("rid").parse::<RoomId>().ok();
        match room.filter(|room| self.config.rooms.is_none_or(|rooms| room.get() <= rooms)) {
            Some(room) => self.join = Some(room),
            None => self.refuse(WRONG_ROOM),
        }
    }

    /// When the client has been silent for too long.
    fn silent_at(&self) -> Instant {
        self.heard + self.config.silence.min(LONGEST)
    }

    fn refuse(&mut self, code: u32) {
        if !self.closing {
            self.say(&Writer::new().pair("type", "error").pair("code", code).finish());
            self.closing = true;
        }
    }

    fn say(&mut self, payload: &str) {
        packet::encode(Sender::Server, payload.as_bytes(), &mut self.unsent);
    }
}

/// `loginres` for a guest, with the fields of 2026 in their order.
fn login_answer(config: &Config) -> String {
    // Differs from session to session, and no one knows what it is.
    let nrc = config.session.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    Writer::new()
        .pair("type", "loginres")
        .zeros(["userid", "roomgroup", "pg"])
        .pair("sessionid", config.session)
        .pair("username", "")
        .pair("nickname", "")
        .zeros(["live_stat", "is_illegal"])
        .pair("ill_ct", "")
        .pair("ill_ts", 0)
        .zeros(["now", "ps", "es", "it", "its", "npv", "best_dlev", "cur_lev"])
        .pair("nrc", nrc)
        .pair("ih", 0)
        .pair("sid", 70_001)
        .zeros(["sahf", "sceneid", "newrg", "regts"])
        .pair("ip", config.address)
        .zeros(["rn", "rct"])
        .finish()
}

/// The old heartbeat's answer, in the shape recorded in 2019.
fn heartbeat_answer(request: Fields<'_>) -> String {
    let answer = Writer::new().pair("type", "keeplive").pair("tick", request.text("tick"));
    answer.zeros(["uc", "rap", "hot", "ahot"]).finish()
}
