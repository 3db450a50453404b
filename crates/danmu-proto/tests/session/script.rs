//! A session, and a made-up server under a clock of its own.

use std::time::{Duration, Instant};

use danmu_proto::packet::{self, PacketDecoder, Sender};
use danmu_proto::session::{Config, Output, Reason};
use danmu_proto::{Batch, RoomId, Session};

pub(crate) const LOGIN: &str = "> type@=loginreq/roomid@=9999/";
pub(crate) const JOIN: &str = "> type@=joingroup/rid@=9999/gid@=-9999/";
pub(crate) const BEAT: &str = "> type@=mrkl/";
pub(crate) const SILENT: &str = "the server was silent for 100s";

/// A session, its server and its clock. Each step lets the session say what it has to say; [`Script::gives`] compares.
///
/// `> payload` was sent, `< payload` received; the rest is in the session's own words. At every step it is checked that
/// what is sent is whole packets of a client, that the end is final, and that no deadline lies in the past after a tick.
pub(crate) struct Script {
    pub(crate) session: Session,
    now: Instant,
    said: Vec<String>,
    pub(crate) ended: Option<Reason>,
    joined: usize,
}

impl Script {
    /// Room 9999, as it is by default.
    #[track_caller]
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    #[track_caller]
    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::new(RoomId::new(9999).unwrap());
        change(&mut config);
        let now = Instant::now();
        Self { session: Session::new(now, config), now, said: Vec::new(), ended: None, joined: 0 }.listen()
    }

    /// A session that is in its room.
    #[track_caller]
    pub(crate) fn joined() -> Self {
        Self::new().server_says("type@=loginres/").clear()
    }

    #[track_caller]
    pub(crate) fn server_says(self, payload: &str) -> Self {
        self.server_sends(&wire(payload))
    }

    #[track_caller]
    pub(crate) fn server_sends(mut self, bytes: &[u8]) -> Self {
        let mut batch = Batch::new();
        self.session.receive(self.now, bytes, &mut batch);
        assert!(self.ended.is_none() || batch.is_empty(), "received after the end");
        self.said.extend(batch.payloads().map(|payload| format!("< {}", String::from_utf8_lossy(payload))));
        self.listen()
    }

    #[track_caller]
    pub(crate) fn server_closes(self) -> Self {
        self.call(|session, _| session.end())
    }

    #[track_caller]
    pub(crate) fn call(mut self, act: impl FnOnce(&mut Session, Instant)) -> Self {
        act(&mut self.session, self.now);
        self.listen()
    }

    #[track_caller]
    pub(crate) fn after(self, seconds: u64) -> Self {
        self.after_ms(seconds * 1000)
    }

    /// Lets time pass as an owner does who ticks when a deadline comes.
    #[track_caller]
    pub(crate) fn after_ms(mut self, ms: u64) -> Self {
        let until = self.now + Duration::from_millis(ms);
        while let Output::Wait(at) = self.session.poll() {
            if at > until {
                break;
            }
            self.now = self.now.max(at);
            self.session.tick(self.now);
            self = self.listen();
            if let Output::Wait(next) = self.session.poll() {
                assert!(next > self.now, "a deadline of {:?} ago after a tick", self.now - next);
            }
        }
        self.now = until;
        self
    }

    /// Lets time pass without a tick.
    pub(crate) fn later(mut self, by: Duration) -> Self {
        self.now += by;
        self
    }

    /// What was said since the last comparison.
    #[track_caller]
    pub(crate) fn gives(mut self, expected: &[&str]) -> Self {
        assert_eq!(std::mem::take(&mut self.said), expected);
        self
    }

    pub(crate) fn clear(mut self) -> Self {
        self.said.clear();
        self
    }

    /// What holds after any script.
    #[track_caller]
    pub(crate) fn check(mut self) {
        assert!(self.joined <= 1, "joined {} times", self.joined);
        self.session.tick(self.now);
        self = self.listen();
        if let Output::Wait(at) = self.session.poll() {
            assert!(at > self.now, "a deadline of {:?} ago after a tick", self.now - at);
        }
        // Unless someone paused it, every session without a server ends.
        self.call(|session, now| {
            session.resume_heartbeat(now);
            session.resume_reading(now);
        })
        .after(101)
        .call(|session, _| assert!(matches!(session.poll(), Output::Closed(_)), "{session:?} goes on for ever"));
    }

    /// Polls until there is nothing more to say.
    #[track_caller]
    pub(crate) fn listen(mut self) -> Self {
        loop {
            let output = self.session.poll();
            assert!(self.ended.is_none() || matches!(output, Output::Closed(_)), "{output:?} after the end");
            match output {
                Output::Send(bytes) => {
                    let mut decoder = PacketDecoder::new(Sender::Client);
                    decoder
                        .read(&bytes, |payload| self.said.push(format!("> {}", String::from_utf8_lossy(payload))))
                        .unwrap();
                    assert!(!decoder.is_mid_packet(), "sent a part of a packet");
                }
                Output::Joined => {
                    self.joined += 1;
                    self.said.push("Joined".to_owned());
                }
                Output::Wait(_) => return self,
                Output::Closed(reason) => {
                    match &self.ended {
                        None => self.said.push(reason.to_string()),
                        Some(before) => assert_eq!(&reason, before, "another end"),
                    }
                    self.ended = Some(reason);
                    return self;
                }
            }
        }
    }
}

pub(crate) fn wire(payload: &str) -> Vec<u8> {
    let mut wire = Vec::new();
    packet::encode(Sender::Server, payload.as_bytes(), &mut wire);
    wire
}
