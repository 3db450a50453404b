//! The channel: what a callback can do with its own connection.

use std::{cell::Cell, fmt, net::SocketAddr, ops::Deref, rc::Rc};

use crate::{
    Dispatchers, Error, Token,
    link::{Ending, Link, Socket},
};

/// The most that one [`recv`](Channel::recv) can bring: the size of the read buffer that all channels of a loop share.
const BUFFER_BYTES: usize = 64 * 1024;

/// A dispatcher's own connection or listener, lent to each of its callbacks.
///
/// Sending only queues; the loop sends as soon as the callback is done, so several small `send`s leave as one packet.
/// (Nagle's algorithm, which serves the same end, is therefore switched off.)
pub struct Channel<'a> {
    pub(crate) link: &'a mut Link,
    pub(crate) dispatchers: &'a mut Dispatchers,
}

impl Channel<'_> {
    /// Which dispatcher of the loop this is; the name by which others send to it, wake it and close it.
    pub fn token(&self) -> Token {
        self.link.token
    }

    /// All dispatchers of the loop: to add some, to send to others, to close them, to stop the loop.
    pub fn dispatchers(&mut self) -> &mut Dispatchers {
        self.dispatchers
    }

    /// The other end, as soon as the connection is open.
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.link.peer
    }

    /// Our end, while there is a socket.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.link.socket.local_addr()
    }

    /// Queues `data`, all of it. Before the connection is open too: then it is sent first. Once the channel is closing
    /// or [shut down](Self::shutdown), it is dropped.
    ///
    /// Nothing bounds the queue but what you do: whoever sends much to a peer that may be slow watches [`unsent`](Self::unsent).
    pub fn send(&mut self, data: &[u8]) {
        if self.link.takes_data() {
            self.link.queue.push(data);
        }
    }

    /// How many bytes wait in the send queue.
    pub fn unsent(&self) -> usize {
        self.link.queue.unsent().len()
    }

    /// Sends from the queue what the socket takes at once, and says how much that was. The default `handle_write` does this.
    pub fn flush(&mut self) -> Result<usize, Error> {
        self.link.write_queue().map_err(Error::Send)
    }

    /// Sends what the socket takes at once, without a copy, and says how much that was: Python's own `send`, for a
    /// dispatcher that keeps its data itself and overrides `writable` and `handle_write`. What is queued goes first.
    pub fn try_send(&mut self, data: &[u8]) -> Result<usize, Error> {
        if self.unsent() > 0 {
            self.flush()?;
        }
        if self.unsent() > 0 || self.link.ending != Ending::Open {
            return Ok(0);
        }
        self.link.write(data).map_err(Error::Send)
    }

    /// Receives at most `max` bytes, and never more than 64 KiB. Empty if there is nothing, which is no error: either
    /// all has been received for now, or the peer closed, and then `handle_close` follows.
    pub fn recv(&mut self, max: usize) -> Result<Received, Error> {
        let mut received = self.dispatchers.buffer.lend();
        let max = max.min(BUFFER_BYTES);
        received.len = self.link.read(&mut received.bytes[..max]).map_err(Error::Recv)?;
        Ok(received)
    }

    /// Ends writing once the queue is sent: the peer reads everything and then the end. Reading goes on until the peer
    /// ends too. The polite good-bye, and the one that loses nothing on the way.
    pub fn shutdown(&mut self) {
        self.link.end(Ending::ShutdownWhenSent);
    }

    /// Closes once the queue is sent, without waiting for the peer's end. Nothing more is read. A peer that does not
    /// read keeps this from ending; a deadline helps.
    pub fn close_when_sent(&mut self) {
        self.link.end(Ending::CloseWhenSent);
    }

    /// Closes now; what is still queued is dropped. `handle_close` comes as soon as this callback is done.
    pub fn close(&mut self) {
        self.link.end(Ending::Closed);
    }
}

impl Socket {
    pub(crate) fn local_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Adopted(stream) | Self::Stream(stream) => stream.local_addr().ok(),
            Self::Listener(listener) => listener.local_addr().ok(),
            Self::Opening(_) | Self::Closed => None,
        }
    }
}

/// What one [`recv`](Channel::recv) brought: a slice of bytes.
///
/// It lies in the loop's one read buffer, which goes back when this is dropped. To keep the bytes, copy them.
pub struct Received {
    bytes: Box<[u8]>,
    len: usize,
    home: Buffer,
}

impl Deref for Received {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl Drop for Received {
    fn drop(&mut self) {
        self.home.0.set(Some(std::mem::take(&mut self.bytes)));
    }
}

/// The read buffer's place: empty while it is lent out. Who asks meanwhile gets a new one.
#[derive(Clone, Default)]
pub(crate) struct Buffer(Rc<Cell<Option<Box<[u8]>>>>);

impl Buffer {
    fn lend(&self) -> Received {
        let bytes = self.0.take().unwrap_or_else(|| vec![0; BUFFER_BYTES].into_boxed_slice());
        Received { bytes, len: 0, home: self.clone() }
    }
}
