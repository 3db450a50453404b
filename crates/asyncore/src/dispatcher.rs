//! The callbacks of one connection or listener.

use std::{net::SocketAddr, net::TcpStream, time::Instant};

use crate::{Channel, Error, Result};

/// One connection or listener: what to do when something happens to it.
///
/// Every method has a default, so a dispatcher says only what it cares about. The order: `handle_connect` first and
/// once, if the connection comes about (listeners: never); then any of the others; `handle_close` once and last,
/// whatever ended it. Only `handle_timeout` and `handle_wake` may come earlier, while the connection is being made.
///
/// [`readable`](Self::readable), [`writable`](Self::writable) and [`deadline`](Self::deadline) are questions. They are
/// asked when something happened to this dispatcher: its socket got ready, one of its callbacks ran, its deadline came,
/// another thread sent or called [`Handle::wake`](crate::Handle::wake), and at the latest after the `timeout` given to
/// [`Loop::run`](crate::Loop::run). Whoever changes an answer from outside calls `wake`, to be heard at once.
///
/// A callback that makes no progress (`handle_read` receives nothing, `handle_write` sends nothing) is not called again
/// before something else happens to its dispatcher. In Python's `asyncore` it would be called again at once, and spin.
///
/// A panic in a callback goes through `run` to its caller and takes this dispatcher with it; the loop may be run again.
pub trait Dispatcher {
    /// The connection is open. For an adopted stream, this is the first callback too.
    fn handle_connect(&mut self, ch: &mut Channel) -> Result {
        let _ = ch;
        Ok(())
    }

    /// Whether to read, or to accept. While this is false, what arrives waits in the system's buffers, and when those
    /// are full the peer has to wait: back-pressure. Nothing is lost, but the end of the connection is not noticed either.
    fn readable(&self, ch: &Channel) -> bool {
        let _ = ch;
        true
    }

    /// There is something to receive, or the peer closed. Calling [`recv`](Channel::recv) once is enough: if there is
    /// more, this is called again, after others had their turn. The default receives and drops.
    fn handle_read(&mut self, ch: &mut Channel) -> Result {
        ch.recv(usize::MAX)?;
        Ok(())
    }

    /// Whether there is something to send. The default: while the send queue holds data.
    fn writable(&self, ch: &Channel) -> bool {
        ch.unsent() > 0
    }

    /// The socket takes data, and `writable` says that there is some. The default sends from the queue. An override
    /// that uses the queue calls [`flush`](Channel::flush) itself.
    fn handle_write(&mut self, ch: &mut Channel) -> Result {
        ch.flush()?;
        Ok(())
    }

    /// Somebody connected to this listener. The stream is ours: [`adopt`](crate::Dispatchers::adopt) it, or hand it to
    /// another thread. The default drops it, which closes it.
    fn handle_accept(&mut self, ch: &mut Channel, stream: TcpStream, peer: SocketAddr) -> Result {
        let _ = (ch, stream, peer);
        Ok(())
    }

    /// When to call `handle_timeout`, if nothing changes until then. A heartbeat, a silence limit, a pause.
    fn deadline(&self) -> Option<Instant> {
        None
    }

    /// The deadline came. It is called once for each value of `deadline`: leaving the past one in place is harmless.
    fn handle_timeout(&mut self, ch: &mut Channel) -> Result {
        let _ = ch;
        Ok(())
    }

    /// Another thread called [`Handle::wake`](crate::Handle::wake): look at whatever is shared with it. Calls may be
    /// merged: one `handle_wake` can answer several `wake`s.
    fn handle_wake(&mut self, ch: &mut Channel) -> Result {
        let _ = ch;
        Ok(())
    }

    /// Something failed, or a callback returned an error. The default closes the channel, unless the error is
    /// [`Error::Accept`]: a listener that is out of file descriptors will soon have some again.
    fn handle_error(&mut self, ch: &mut Channel, error: Error) {
        if !matches!(error, Error::Accept(_)) {
            ch.close();
        }
    }

    /// It is over, whoever ended it; the socket is closed already. Called once, and nothing is called after it.
    /// Connecting anew from here, with a fresh dispatcher, is fine.
    fn handle_close(&mut self, ch: &mut Channel) {
        let _ = ch;
    }
}
