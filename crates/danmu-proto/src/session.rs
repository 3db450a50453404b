//! The session: what a client says when, and when it gives up. A value without socket or clock.
//!
//! ```text
//!            loginreq                 loginres                logout()
//! new ─────────────────▶ logging in ───────────▶ in the room ──────────▶ leaving ──▶ closed
//!                             │     joingroup, Joined  │ ▲ mrkl every 45 s             ▲
//!                             └── no answer ───────────┴─┴── error, silence, bad packet ┘
//! ```
//!
//! Whoever owns a connection feeds it: bytes that came go into [`Session::receive`], the passing of time into
//! [`Session::tick`], and after each call [`Session::poll`] is asked until it says [`Output::Wait`] or
//! [`Output::Closed`]. Nothing here depends on how bytes travel, so the same session runs over TCP and WebSocket, under
//! tokio and under `asyncore`, and in tests under a clock of their own.

use std::fmt;
use std::time::{Duration, Instant};

use thiserror::Error;

use crate::fields::Fields;
use crate::message::{self, control};
use crate::packet::{self, MAX_LENGTH, PacketDecoder, PacketError, Sender};
use crate::record::{Batch, RoomId};
use crate::request;

/// What a session needs to know. A time of [`Duration::MAX`] never comes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The room to join.
    pub room: RoomId,
    /// The group to join. Default −9999: all of the room; other groups hear a share.
    pub group: i64,
    /// Whether to join as soon as the login is answered. Default true; if not, [`Session::join`] does it.
    pub auto_join: bool,
    /// Time between two heartbeats. Default 45 s, as the protocol document has it.
    pub heartbeat: Duration,
    /// How long the server may take to answer the login. Default 15 s.
    pub login: Duration,
    /// How long the server may say nothing before it counts as gone. Default 100 s: two heartbeats of 45 s, which it
    /// answers, and some patience.
    pub silence: Duration,
    /// How long one packet may take to arrive in full. Default 30 s.
    pub packet: Duration,
    /// How long to wait for the server to close after the logout. Default 1 s.
    pub logout: Duration,
    /// The largest packet length to accept. Default 1 MiB.
    pub max_length: u32,
}

impl Config {
    /// The defaults for a room.
    pub const fn new(room: RoomId) -> Self {
        Self {
            room,
            group: request::ALL_GROUPS,
            auto_join: true,
            heartbeat: Duration::from_secs(45),
            login: Duration::from_secs(15),
            silence: Duration::from_secs(100),
            packet: Duration::from_secs(30),
            logout: Duration::from_secs(1),
            max_length: MAX_LENGTH,
        }
    }
}

/// What the session wants from the owner of its connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send these bytes, in order, when the connection takes them.
    Send(Vec<u8>),
    /// The room was joined: from here on it is listened to.
    Joined,
    /// Nothing to do before this time or the next bytes.
    Wait(Instant),
    /// The session is over: close the connection. Said again by every later call.
    Closed(Reason),
}

/// Why a session ended.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// We logged out.
    #[error("logged out")]
    LoggedOut,
    /// The server closed the connection.
    #[error("the server closed the connection")]
    Closed,
    /// The login was not answered.
    #[error("the server did not answer the login within {}", seconds(.0))]
    NoLogin(Duration),
    /// The server said nothing at all for too long.
    #[error("the server was silent for {}", seconds(.0))]
    Silent(Duration),
    /// A packet began and did not end.
    #[error("a packet was not finished within {}", seconds(.0))]
    Unfinished(Duration),
    /// The byte stream is no longer made of packets.
    #[error(transparent)]
    Packet(#[from] PacketError),
    /// The server said why.
    #[error(transparent)]
    Server(#[from] ServerError),
}

impl Reason {
    /// A short name that does not change: for the ledger, metrics and programs.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::LoggedOut => "logout",
            Self::Closed => "closed",
            Self::NoLogin(_) => "login",
            Self::Silent(_) => "silence",
            Self::Unfinished(_) => "unfinished",
            Self::Packet(_) => "packet",
            Self::Server(_) => "server",
        }
    }
}

/// An `error` message, by its code. Codes without documents are known from clients that met them.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerError {
    /// 51: data could not be transferred; in practice a missed heartbeat, a malformed packet, or a channel that closes.
    #[error("the server ended the session (error 51: data transfer)")]
    Transfer,
    /// 52: the server shuts down.
    #[error("the server is shutting down (error 52)")]
    ShuttingDown,
    /// 59: the account logged in elsewhere.
    #[error("logged in elsewhere (error 59)")]
    LoggedInElsewhere,
    /// 204: there is no such room.
    #[error("the server knows no such room (error 204)")]
    WrongRoom,
    /// 207 and 4207: the server did not like what was sent.
    #[error("the server refused the login's fields (error {0})")]
    BadFields(u32),
    /// 252: the session left the room.
    #[error("the server says that we left the room (error 252)")]
    LeftRoom,
    /// 267: too many rooms are open for this address or account.
    #[error("too many rooms are open for this address (error 267)")]
    TooManyRooms,
    /// 4202 and 101010203: the login is not, or no longer, accepted.
    #[error("the server refused the login (error {0})")]
    Refused(u32),
    /// Any other.
    #[error("the server reports error {0}")]
    Other(u32),
}

impl ServerError {
    /// The error with this code. Code 0 means success and is none.
    pub const fn new(code: u32) -> Option<Self> {
        Some(match code {
            0 => return None,
            51 => Self::Transfer,
            52 => Self::ShuttingDown,
            59 => Self::LoggedInElsewhere,
            204 => Self::WrongRoom,
            207 | 4207 => Self::BadFields(code),
            252 => Self::LeftRoom,
            267 => Self::TooManyRooms,
            4202 | 101_010_203 => Self::Refused(code),
            other => Self::Other(other),
        })
    }
}

/// One session with one server over one connection.
pub struct Session {
    config: Config,
    decoder: PacketDecoder,
    state: State,
    /// Packets to be sent, one after the other.
    unsent: Vec<u8>,
    /// Whether [`Output::Joined`] is due.
    joined: bool,
    /// When the last heartbeat went out, or would have.
    last_beat: Instant,
    beating: bool,
    /// When the last byte came. While reading is paused, time stands still for this and the next.
    heard: Instant,
    /// When the packet began that is not finished yet.
    began: Option<Instant>,
    paused: Option<Instant>,
    /// The last tick: the latest time that is surely over.
    ticked: Instant,
}

/// How long to wait if nothing at all is due.
const FAR: Duration = Duration::from_secs(3600);

/// `until` is absent where the time allowed is longer than clocks can say: for ever.
#[derive(Clone, Debug)]
enum State {
    LoggingIn { until: Option<Instant> },
    LoggedIn { joined: bool },
    Leaving { until: Option<Instant>, joined: bool },
    Closed(Reason),
}

impl Session {
    /// Begins with a login: the connection stands as of `now`.
    pub fn new(now: Instant, config: Config) -> Self {
        let mut session = Self {
            decoder: PacketDecoder::with_limit(Sender::Server, config.max_length),
            state: State::LoggingIn { until: now.checked_add(config.login) },
            unsent: Vec::new(),
            joined: false,
            last_beat: now,
            beating: true,
            heard: now,
            began: None,
            paused: None,
            ticked: now,
            config,
        };
        session.send(&request::login(session.config.room));
        session
    }

    /// Takes bytes as they came, in whatever pieces. Every payload goes into `batch`, control marked as such.
    pub fn receive(&mut self, now: Instant, bytes: &[u8], batch: &mut Batch) {
        if bytes.is_empty() || matches!(self.state, State::Closed(_)) {
            return;
        }
        self.heard = now;
        let was_mid_packet = self.decoder.is_mid_packet();
        let mut answers = Vec::new();
        let mut whole = 0_usize;
        batch.reserve(bytes.len());
        let cut = self.decoder.read(bytes, |payload| {
            whole += 1;
            let kind = message::plain_kind(payload);
            let control = message::is_control(kind);
            if matches!(kind, "loginres" | "error") {
                answers.push(Answer::of(payload, kind));
            }
            batch.push(payload, control);
        });
        for answer in answers {
            self.hear(now, answer);
        }
        if let Err(error) = cut {
            self.close(error.into());
        }
        self.began = match (self.decoder.is_mid_packet(), self.began) {
            (false, _) => None,
            (true, Some(began)) if was_mid_packet && whole == 0 => Some(began),
            (true, _) => Some(now),
        };
    }

    /// Does what is due at `now`: heartbeats and deadlines. Calling it early or often harms nothing.
    pub fn tick(&mut self, now: Instant) {
        self.ticked = now;
        match self.state {
            State::Closed(_) => return,
            State::Leaving { until: Some(until), .. } if now >= until => return self.close(Reason::LoggedOut),
            State::LoggingIn { until: Some(until) } if self.paused.is_none() && now >= until => {
                return self.close(Reason::NoLogin(self.config.login));
            }
            _ => {}
        }
        if self.unfinished_at().is_some_and(|at| now >= at) {
            return self.close(Reason::Unfinished(self.config.packet));
        }
        if self.silent_at().is_some_and(|at| now >= at) {
            return self.close(Reason::Silent(self.config.silence));
        }
        if self.beat_at().is_some_and(|at| now >= at) {
            self.send(&request::heartbeat());
            self.last_beat = now;
        }
    }

    /// What to do next. Ask again until the answer is [`Output::Wait`] or [`Output::Closed`].
    pub fn poll(&mut self) -> Output {
        if let State::Closed(reason) = &self.state {
            return Output::Closed(reason.clone());
        }
        if !self.unsent.is_empty() {
            return Output::Send(std::mem::take(&mut self.unsent));
        }
        if std::mem::take(&mut self.joined) {
            return Output::Joined;
        }
        let own = match self.state {
            State::LoggingIn { until } if self.paused.is_none() => until,
            State::Leaving { until, .. } => until,
            _ => None,
        };
        let next = [own, self.beat_at(), self.silent_at(), self.unfinished_at()].into_iter().flatten().min();
        // Nothing is due while the heartbeat is paused. Any far time will do, but it must move on with each tick.
        Output::Wait(next.unwrap_or(self.ticked + FAR))
    }

    /// Joins the room: for sessions without `auto_join`. Does nothing before the login is answered, or a second time.
    pub fn join(&mut self) {
        if let State::LoggedIn { joined } = &mut self.state
            && !*joined
        {
            *joined = true;
            self.joined = true;
            self.send(&request::join(self.config.room, self.config.group));
        }
    }

    /// Sends any other request.
    pub fn send(&mut self, payload: &str) {
        if !matches!(self.state, State::Closed(_)) {
            packet::encode(Sender::Client, payload.as_bytes(), &mut self.unsent);
        }
    }

    /// Says good-bye, and waits a moment for the server to close. What it still sends is received as before.
    pub fn logout(&mut self, now: Instant) {
        match self.state {
            State::Closed(_) | State::Leaving { .. } => {}
            State::LoggingIn { .. } | State::LoggedIn { .. } => {
                self.send(&request::logout());
                self.state = State::Leaving { until: now.checked_add(self.config.logout), joined: self.is_joined() };
            }
        }
    }

    /// The server closed the connection.
    pub fn end(&mut self) {
        self.close(Reason::Closed);
    }

    /// Stops the heartbeat. Since an unanswered server may well say nothing, silence no longer ends the session.
    pub const fn pause_heartbeat(&mut self) {
        self.beating = false;
    }

    /// Goes on with the heartbeat: the next one is due when it would have been, or at once.
    pub const fn resume_heartbeat(&mut self, now: Instant) {
        if !self.beating {
            self.beating = true;
            // Silence counts from here: what was allowed during the pause is no fault after it.
            self.heard = now;
        }
    }

    /// The owner reads no more for now. What the server cannot get through is not its silence: deadlines stand still.
    pub const fn pause_reading(&mut self, now: Instant) {
        if self.paused.is_none() {
            self.paused = Some(now);
        }
    }

    /// The owner reads again: deadlines go on where they stood.
    pub fn resume_reading(&mut self, now: Instant) {
        let Some(since) = self.paused.take() else { return };
        let pause = now.saturating_duration_since(since);
        self.heard = (self.heard + pause).min(now);
        self.began = self.began.map(|began| (began + pause).min(now));
        if let State::LoggingIn { until } = &mut self.state {
            *until = until.and_then(|until| until.checked_add(pause));
        }
    }

    /// Whether the session is in the room: joined, and not over.
    pub const fn is_joined(&self) -> bool {
        matches!(self.state, State::LoggedIn { joined: true } | State::Leaving { joined: true, .. })
    }

    fn hear(&mut self, now: Instant, answer: Answer) {
        match answer {
            Answer::Login => {
                if matches!(self.state, State::LoggingIn { .. }) {
                    self.state = State::LoggedIn { joined: false };
                    self.last_beat = now;
                    if self.config.auto_join {
                        self.join();
                    }
                }
            }
            Answer::Error(error) => self.close(error.into()),
            Answer::Nothing => {}
        }
    }

    fn close(&mut self, reason: Reason) {
        let reason = match self.state {
            State::Closed(_) => return,
            // However the server takes our leave, it is the end that we asked for.
            State::Leaving { .. } => Reason::LoggedOut,
            State::LoggingIn { .. } | State::LoggedIn { .. } => reason,
        };
        self.state = State::Closed(reason);
        self.unsent = Vec::new();
    }

    fn beat_at(&self) -> Option<Instant> {
        let due = self.beating && matches!(self.state, State::LoggedIn { .. });
        self.last_beat.checked_add(self.config.heartbeat).filter(|_| due)
    }

    fn silent_at(&self) -> Option<Instant> {
        let due = self.beating && self.paused.is_none() && matches!(self.state, State::LoggedIn { .. });
        self.heard.checked_add(self.config.silence).filter(|_| due)
    }

    fn unfinished_at(&self) -> Option<Instant> {
        self.began?.checked_add(self.config.packet).filter(|_| self.paused.is_none())
    }
}

/// Shows where the session stands.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("room", &self.config.room).field("state", &self.state).finish_non_exhaustive()
    }
}

/// Control that changes the session.
#[derive(Clone, Copy)]
enum Answer {
    Login,
    Error(ServerError),
    Nothing,
}

impl Answer {
    fn of(payload: &[u8], kind: &str) -> Self {
        match kind {
            "loginres" => Self::Login,
            _ => control::Error::read(Fields::new(payload))
                .code
                .map_or(Some(ServerError::Other(0)), ServerError::new)
                .map_or(Self::Nothing, Self::Error),
        }
    }
}

fn seconds(duration: &Duration) -> String {
    format!("{}s", duration.as_secs_f64())
}
