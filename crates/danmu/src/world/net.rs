//! The network of the world: connections without sockets, in simulated time. What is sent arrives later, in the pieces in
//! which it was sent, and what has not arrived when a connection breaks never does.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// A connection as its client has it.
#[derive(Debug)]
pub(super) struct Near {
    wire: Arc<Mutex<Wire>>,
    arrival: Option<Pin<Box<Sleep>>>,
}

/// A connection as the server has it.
#[derive(Clone, Debug)]
pub(super) struct Far(Arc<Mutex<Wire>>);

#[derive(Debug, Default)]
struct Wire {
    /// On its way to the client, by its arrival.
    down: VecDeque<(Instant, Vec<u8>)>,
    /// On its way to the server.
    up: Vec<u8>,
    state: State,
    near_waker: Option<Waker>,
    far_waker: Option<Waker>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Open,
    /// The server has said all.
    Closed,
    /// The server, or the network, has cut it off.
    Reset,
    /// The client is gone.
    Left,
    /// Nothing passes any more, and nobody is told.
    Vanished,
}

/// Both ends of a new connection.
pub(super) fn connection() -> (Near, Far) {
    let wire = Arc::new(Mutex::new(Wire::default()));
    (Near { wire: Arc::clone(&wire), arrival: None }, Far(wire))
}

fn lock(wire: &Mutex<Wire>) -> MutexGuard<'_, Wire> {
    wire.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Wire {
    const fn is_broken(&self) -> bool {
        matches!(self.state, State::Reset | State::Left)
    }

    fn wake(waker: &mut Option<Waker>) {
        if let Some(waker) = waker.take() {
            waker.wake();
        }
    }

    /// The connection is over for both.
    fn end(&mut self, state: State) {
        self.state = state;
        Self::wake(&mut self.near_waker);
        Self::wake(&mut self.far_waker);
    }
}

impl Far {
    /// Sends bytes that arrive at some time, which must not be before that of those sent before.
    pub(super) fn send(&self, arrival: Instant, bytes: Vec<u8>) {
        let mut wire = lock(&self.0);
        if wire.state == State::Open {
            wire.down.push_back((arrival, bytes));
            Wire::wake(&mut wire.near_waker);
        }
    }

    /// What the client says next; `None` if it is gone.
    pub(super) async fn hear(&self) -> Option<Vec<u8>> {
        std::future::poll_fn(|context| {
            let mut wire = lock(&self.0);
            if wire.state == State::Left {
                return Poll::Ready(None);
            }
            if wire.up.is_empty() || wire.state == State::Vanished {
                wire.far_waker = Some(context.waker().clone());
                return Poll::Pending;
            }
            Poll::Ready(Some(std::mem::take(&mut wire.up)))
        })
        .await
    }

    /// Says nothing more. What is on its way arrives.
    pub(super) fn close(&self) {
        lock(&self.0).end(State::Closed);
    }

    /// Breaks the connection: what has not been read yet is lost.
    pub(super) fn reset(&self) {
        let mut wire = lock(&self.0);
        wire.down.clear();
        wire.end(State::Reset);
    }

    /// Has nothing arrive any more, and tells nobody.
    pub(super) fn vanish(&self) {
        let mut wire = lock(&self.0);
        if wire.state == State::Open {
            let now = Instant::now();
            wire.down.retain(|(arrival, _)| *arrival <= now);
            wire.state = State::Vanished;
        }
    }

    /// The client's machine is off: it neither says nor hears anything more.
    pub(super) fn cut(&self) {
        lock(&self.0).end(State::Left);
    }

    /// Whether the client still hears what arrives.
    pub(super) fn is_open(&self) -> bool {
        lock(&self.0).state == State::Open
    }
}

impl AsyncRead for Near {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Self { wire, arrival: timer } = self.get_mut();
        let mut wire = lock(wire);
        if wire.is_broken() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        wire.near_waker = Some(context.waker().clone());
        let closed = wire.state == State::Closed;
        loop {
            let Some((arrival, bytes)) = wire.down.front_mut() else {
                return if closed { Poll::Ready(Ok(())) } else { Poll::Pending };
            };
            if *arrival > Instant::now() {
                let timer = timer.get_or_insert_with(|| Box::pin(sleep_until(*arrival)));
                if timer.deadline() != *arrival {
                    timer.as_mut().reset(*arrival);
                }
                ready!(timer.as_mut().poll(context));
                continue;
            }
            let taken = bytes.len().min(into.remaining());
            into.put_slice(&bytes[..taken]);
            bytes.drain(..taken);
            if bytes.is_empty() {
                wire.down.pop_front();
            }
            return Poll::Ready(Ok(()));
        }
    }
}

impl AsyncWrite for Near {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut wire = lock(&self.wire);
        if wire.is_broken() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        wire.up.extend_from_slice(bytes);
        Wire::wake(&mut wire.far_waker);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Drop for Near {
    fn drop(&mut self) {
        lock(&self.wire).end(State::Left);
    }
}
