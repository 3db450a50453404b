//! One dispatcher's turn: everything that its callbacks are owed now, but no more than is fair to the others.

use std::{
    io, mem,
    time::{Duration, Instant},
};

use crate::{
    Channel, Dispatcher, Dispatchers, Error, Result,
    connect::Step,
    dispatchers::{Entry, mio_token},
    link::{Ending, Ready, Socket},
};

/// How many reads and writes, or accepts, one dispatcher has before the others have their turn. Few: four full read
/// buffers still fit into a processor's cache when whoever they are meant for comes to them.
const ROUNDS: usize = 4;

/// How long a listener rests that could not accept. The backlog keeps who is waiting.
const RETRY: Duration = Duration::from_millis(100);

/// What a visit found.
pub(crate) enum Outcome {
    /// Everything is done until something happens.
    Idle,
    /// There is more to do at once, in the next turn.
    More,
    /// Only `handle_close` is left.
    Closed,
}

pub(crate) fn visit(entry: &mut Entry, dispatchers: &mut Dispatchers, now: Instant) -> Outcome {
    let ch = Channel { link: &mut entry.link, dispatchers };
    let mut visit = Visit { dispatcher: &mut *entry.dispatcher, ch, now };
    let more = visit.run();
    match more {
        _ if entry.link.is_closed() => Outcome::Closed,
        true => Outcome::More,
        false => Outcome::Idle,
    }
}

struct Visit<'a> {
    dispatcher: &'a mut dyn Dispatcher,
    ch: Channel<'a>,
    now: Instant,
}

impl Visit<'_> {
    fn run(&mut self) -> bool {
        let asked = mem::take(&mut self.ch.link.asked);
        if matches!(self.ch.link.socket, Socket::Opening(_) | Socket::Adopted(_)) {
            self.open();
        }
        if asked.woken {
            self.call(|dispatcher, ch| dispatcher.handle_wake(ch));
        }
        if asked.due {
            self.time_out();
        }
        let more = match self.ch.link.socket {
            Socket::Stream(_) => self.transfer(),
            Socket::Listener(_) => self.accept(),
            _ => false,
        };
        self.wind_up(more);
        more
    }

    /// Calls back, unless all is over.
    fn call(&mut self, callback: impl FnOnce(&mut dyn Dispatcher, &mut Channel) -> Result) {
        if !self.ch.link.is_closed()
            && let Err(error) = callback(self.dispatcher, &mut self.ch)
        {
            self.dispatcher.handle_error(&mut self.ch, Error::from_callback(error));
        }
    }

    /// Brings a connection into being, as far as it goes without waiting.
    fn open(&mut self) {
        let link = &mut *self.ch.link;
        if link.is_closed() {
            return;
        }
        link.socket = match mem::replace(&mut link.socket, Socket::Closed) {
            Socket::Opening(mut opening) => {
                match opening.advance(self.ch.dispatchers.registry(), mio_token(link.token), self.now) {
                    Step::Wait => {
                        // What is known so far was about an attempt that failed.
                        link.ready = Ready::default();
                        link.socket = Socket::Opening(opening);
                        return;
                    }
                    Step::Failed(error) => {
                        link.end(Ending::Closed);
                        return self.dispatcher.handle_error(&mut self.ch, error);
                    }
                    Step::Open(stream, peer) => {
                        link.peer = Some(peer);
                        Socket::Stream(stream)
                    }
                }
            }
            Socket::Adopted(stream) => Socket::Stream(stream),
            other => {
                link.socket = other;
                return;
            }
        };
        if let Socket::Stream(stream) = &link.socket {
            // Not worth failing for: it only makes small packets slower.
            let _ = stream.set_nodelay(true);
        }
        // A fresh connection takes data, so what `handle_connect` queues need not wait for the event that says so.
        link.ready.write = true;
        self.call(|dispatcher, ch| dispatcher.handle_connect(ch));
    }

    fn time_out(&mut self) {
        if let Some(at) = self.dispatcher.deadline()
            && at <= self.now
            && self.ch.link.fired != Some(at)
        {
            self.ch.link.fired = Some(at);
            self.call(|dispatcher, ch| dispatcher.handle_timeout(ch));
        }
    }

    /// Reads and writes in turns while bytes move. When a turn moves none, nobody is asked again until something
    /// happens: a callback that makes no progress does not spin.
    fn transfer(&mut self) -> bool {
        for _ in 0..ROUNDS {
            self.ch.link.moved = false;
            if self.ch.link.may_read() && self.dispatcher.readable(&self.ch) {
                self.call(|dispatcher, ch| dispatcher.handle_read(ch));
            }
            if self.ch.link.may_write() && self.dispatcher.writable(&self.ch) {
                self.call(|dispatcher, ch| dispatcher.handle_write(ch));
            }
            if !self.ch.link.moved {
                return false;
            }
        }
        true
    }

    fn accept(&mut self) -> bool {
        if self.ch.link.retry.is_some_and(|at| self.now < at) {
            return false;
        }
        self.ch.link.retry = None;
        for _ in 0..ROUNDS {
            if !self.ch.link.may_read() || !self.dispatcher.readable(&self.ch) {
                return false;
            }
            let Socket::Listener(listener) = &self.ch.link.socket else { return false };
            match listener.accept() {
                Ok((stream, peer)) => self.call(|dispatcher, ch| dispatcher.handle_accept(ch, stream.into(), peer)),
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => self.ch.link.ready.read = false,
                    // Whoever it was has gone again.
                    io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted => {}
                    _ => {
                        self.ch.link.retry = Some(self.now + RETRY);
                        self.dispatcher.handle_error(&mut self.ch, Error::Accept(error));
                        return false;
                    }
                },
            }
        }
        true
    }

    /// Ends what is due to end: after the peer's end, when nothing is left to say to it; after our own, when all is sent.
    fn wind_up(&mut self, more: bool) {
        if self.ch.link.is_closed() {
            return;
        }
        if self.ch.link.eof && !more {
            // Of two that do not move, one waits for room in the socket, and the other just has nothing to send.
            let waits = !self.ch.link.ready.write && self.dispatcher.writable(&self.ch);
            if !waits {
                return self.ch.close();
            }
        }
        let link = &mut *self.ch.link;
        if link.queue.unsent().is_empty() {
            match (link.ending, &link.socket) {
                (Ending::CloseWhenSent, _) => link.end(Ending::Closed),
                (Ending::ShutdownWhenSent, Socket::Stream(stream)) => {
                    // Fails only if the connection is broken; reading finds out why.
                    let _ = stream.shutdown(std::net::Shutdown::Write);
                    link.end(Ending::Shutdown);
                }
                _ => {}
            }
        }
    }
}
