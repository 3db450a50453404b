//! One connection: a session in a dispatcher.
//!
//! Whatever happens ends in [`Link::settle`], which brings the session to what the user wants and does what the session
//! wants, until there is nothing to do but wait.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Instant;

use asyncore::{Channel, Dispatcher, Error, Result};
use danmu_proto::session::{self, Output, Reason};
use danmu_proto::{Batch, Session};

use super::DouyuClient;
use super::event::Closed;
use super::queue::Sender;

pub(super) struct Link {
    client: DouyuClient,
    out: Sender,
    connected: bool,
    /// From the login on.
    session: Option<Session>,
    /// What the session waits for.
    deadline: Option<Instant>,
    /// Whether the socket is not read, because the callback has enough to do.
    paused: bool,
    joined: Option<Instant>,
    /// Set as soon as it is known why this ends.
    reason: Option<Closed>,
    ended: Rc<Cell<Option<Ended>>>,
}

/// How a link ended.
pub(super) struct Ended {
    pub(super) reason: Closed,
    /// When it joined the room, if it did.
    pub(super) joined: Option<Instant>,
}

impl Link {
    /// A link, and where it will say how it ended.
    pub(super) fn new(client: DouyuClient, out: Sender) -> (Self, Rc<Cell<Option<Ended>>>) {
        let ended = Rc::default();
        let link = Self {
            client,
            out,
            connected: false,
            session: None,
            deadline: None,
            paused: false,
            joined: None,
            reason: None,
            ended: Rc::clone(&ended),
        };
        (link, ended)
    }

    fn settle(&mut self, ch: &mut Channel) {
        let now = Instant::now();
        self.fulfil(now);
        let Some(session) = &mut self.session else {
            // Whoever is not logged in need not log out.
            if self.client.wishes().leave {
                self.close(ch, Reason::LoggedOut);
            }
            return;
        };
        self.deadline = loop {
            match session.poll() {
                Output::Send(bytes) => ch.send(&bytes),
                Output::Joined => self.joined = Some(now),
                Output::Wait(at) => break Some(at),
                Output::Closed(reason) => return self.close(ch, reason),
            }
        };
    }

    /// Brings the session to what the user wants. Says nothing twice.
    fn fulfil(&mut self, now: Instant) {
        if !self.connected {
            return;
        }
        let mut wishes = self.client.wishes();
        let Some(room) = wishes.room else { return };
        let session = self.session.get_or_insert_with(|| {
            let settings = &self.client.0.config;
            let mut config = session::Config::new(room);
            config.auto_join = false;
            config.heartbeat = settings.heartbeat;
            config.login = settings.connect;
            config.silence = settings.silence;
            Session::new(now, config)
        });
        if self.paused && self.out.has_room() {
            self.paused = false;
            session.resume_reading(now);
        }
        if wishes.ping {
            session.resume_heartbeat(now);
        } else {
            session.pause_heartbeat();
        }
        if wishes.join {
            session.join();
        }
        for request in wishes.requests.drain(..) {
            session.send(&request);
        }
        if wishes.leave {
            session.logout(now);
        }
    }

    fn close(&mut self, ch: &mut Channel, reason: Reason) {
        self.reason.get_or_insert(reason.into());
        ch.close();
    }
}

impl Dispatcher for Link {
    fn handle_connect(&mut self, ch: &mut Channel) -> Result {
        self.connected = true;
        self.out.connected();
        self.settle(ch);
        Ok(())
    }

    fn readable(&self, _: &Channel) -> bool {
        self.session.is_some() && !self.paused
    }

    fn handle_read(&mut self, ch: &mut Channel) -> Result {
        let bytes = ch.recv(usize::MAX)?;
        let Some(session) = &mut self.session else { return Ok(()) };
        let now = Instant::now();
        let mut batch = Batch::new();
        session.receive(now, &bytes, &mut batch);
        self.out.packets(batch);
        if self.out.is_full() {
            self.paused = true;
            session.pause_reading(now);
        }
        self.settle(ch);
        Ok(())
    }

    fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    fn handle_timeout(&mut self, ch: &mut Channel) -> Result {
        if let Some(session) = &mut self.session {
            session.tick(Instant::now());
        }
        self.settle(ch);
        Ok(())
    }

    fn handle_wake(&mut self, ch: &mut Channel) -> Result {
        self.settle(ch);
        Ok(())
    }

    fn handle_error(&mut self, ch: &mut Channel, error: Error) {
        self.reason.get_or_insert(Closed::Connection(error.into()));
        ch.close();
    }

    fn handle_close(&mut self, _: &mut Channel) {
        let reason = match self.reason.take() {
            // However it came about, it is the end that was asked for.
            _ if self.client.wishes().leave => Reason::LoggedOut.into(),
            Some(reason) => reason,
            None => Reason::Closed.into(),
        };
        self.ended.set(Some(Ended { reason, joined: self.joined }));
    }
}
