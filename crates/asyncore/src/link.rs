//! One dispatcher's socket, and everything that the loop knows about it.
//!
//! mio reports edges: *became* readable, *became* writable, once. So readiness is remembered here until the socket
//! says `WouldBlock`, and a dispatcher that does not want to read now can be asked again later without losing an edge.

use std::{io, net::SocketAddr, time::Instant};

use mio::{
    event::Event,
    net::{TcpListener, TcpStream},
};

use crate::{Token, connect::Opening, send_queue::SendQueue};

/// epoll and kqueue give a new edge when data comes after a short read, or room after a short write, so the call that
/// would only say `WouldBlock` can be saved. Elsewhere that answer is what arms the next edge.
pub(crate) const SHORT_MEANS_DRAINED: bool = cfg!(unix);

pub(crate) struct Link {
    pub(crate) token: Token,
    pub(crate) socket: Socket,
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) queue: SendQueue,
    pub(crate) ready: Ready,
    pub(crate) asked: Asked,
    pub(crate) ending: Ending,
    /// The peer has said all it will say.
    pub(crate) eof: bool,
    /// Whether the callbacks of this round have moved a byte.
    pub(crate) moved: bool,
    /// When the timer rings for this dispatcher; never later than it should, perhaps earlier.
    pub(crate) armed: Option<Instant>,
    /// The last deadline that `handle_timeout` was called for.
    pub(crate) fired: Option<Instant>,
    /// A listener that could not accept tries again then.
    pub(crate) retry: Option<Instant>,
}

pub(crate) enum Socket {
    /// A name is looked up, or an address is tried.
    Opening(Box<Opening>),
    /// Open, but `handle_connect` has not been called yet.
    Adopted(TcpStream),
    Stream(TcpStream),
    Listener(TcpListener),
    Closed,
}

/// What the socket is ready for, as far as we know.
#[derive(Clone, Copy, Default)]
pub(crate) struct Ready {
    pub(crate) read: bool,
    pub(crate) write: bool,
    /// The end or an error waits behind the data. There is no further edge for it: only reading on finds it.
    pub(crate) hangup: bool,
}

/// Why the loop should visit this dispatcher.
#[derive(Clone, Copy, Default)]
pub(crate) struct Asked {
    /// It is in the list of those to visit.
    pub(crate) listed: bool,
    /// Its timer rang.
    pub(crate) due: bool,
    /// Another thread wants `handle_wake` called.
    pub(crate) woken: bool,
}

/// How far the channel is on its way out. It only ever moves forward.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ending {
    Open,
    /// Writing ends as soon as the queue is empty.
    ShutdownWhenSent,
    /// Writing has ended; reading goes on.
    Shutdown,
    CloseWhenSent,
    /// Only `handle_close` is left.
    Closed,
}

impl Link {
    pub(crate) fn new(token: Token, socket: Socket, peer: Option<SocketAddr>) -> Self {
        Self {
            token,
            socket,
            peer,
            queue: SendQueue::default(),
            ready: Ready::default(),
            asked: Asked::default(),
            ending: Ending::Open,
            eof: false,
            moved: false,
            armed: None,
            fired: None,
            retry: None,
        }
    }

    pub(crate) fn end(&mut self, ending: Ending) {
        self.ending = self.ending.max(ending);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.ending == Ending::Closed
    }

    /// Whether bytes may still be queued.
    pub(crate) fn takes_data(&self) -> bool {
        self.ending == Ending::Open && !matches!(self.socket, Socket::Listener(_))
    }

    pub(crate) fn may_read(&self) -> bool {
        self.ready.read && !self.eof && self.ending < Ending::CloseWhenSent
    }

    pub(crate) fn may_write(&self) -> bool {
        self.ready.write && !matches!(self.ending, Ending::Shutdown | Ending::Closed)
    }

    /// Remembers an edge.
    pub(crate) fn note(&mut self, event: &Event) {
        let hangup = event.is_error() || event.is_read_closed();
        self.ready.read |= event.is_readable() || hangup;
        self.ready.write |= event.is_writable() || event.is_error() || event.is_write_closed();
        self.ready.hangup |= hangup;
    }

    /// Reads once into `buffer`. Nothing to read now and nothing to read ever again are both 0; `eof` tells them apart.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Socket::Stream(stream) = &mut self.socket else { return Ok(0) };
        if !self.ready.read || self.eof || self.ending == Ending::Closed || buffer.is_empty() {
            return Ok(0);
        }
        match retry(|| io::Read::read(stream, buffer)) {
            Ok(0) => self.eof = true,
            Ok(count) => {
                self.moved = true;
                if SHORT_MEANS_DRAINED && count < buffer.len() && !self.ready.hangup {
                    self.ready.read = false;
                }
                return Ok(count);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.ready.read = false,
            Err(error) => {
                self.end(Ending::Closed);
                return Err(error);
            }
        }
        Ok(0)
    }

    /// Sends once from the queue. 0 if the socket takes nothing now.
    pub(crate) fn write_queue(&mut self) -> io::Result<usize> {
        let result = write(&self.socket, &mut self.ready, self.ending, self.queue.unsent());
        if let Ok(count) = result {
            self.queue.advance(count);
        }
        self.wrote(result)
    }

    /// Sends once, past the queue. 0 if the socket takes nothing now.
    pub(crate) fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let result = write(&self.socket, &mut self.ready, self.ending, data);
        self.wrote(result)
    }

    fn wrote(&mut self, result: io::Result<usize>) -> io::Result<usize> {
        match &result {
            Ok(count) => self.moved |= *count > 0,
            Err(_) => self.end(Ending::Closed),
        }
        result
    }
}

/// Writes once. Apart from `Link`, so that the queue can stay where it is while it is sent.
fn write(socket: &Socket, ready: &mut Ready, ending: Ending, data: &[u8]) -> io::Result<usize> {
    let Socket::Stream(stream) = socket else { return Ok(0) };
    if !ready.write || data.is_empty() || matches!(ending, Ending::Shutdown | Ending::Closed) {
        return Ok(0);
    }
    match retry(|| io::Write::write(&mut &*stream, data)) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            ready.write = false;
            Ok(0)
        }
        Ok(count) => {
            ready.write = count == data.len() || !SHORT_MEANS_DRAINED;
            Ok(count)
        }
        error => error,
    }
}

/// A signal is no reason to give up a system call.
fn retry<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
