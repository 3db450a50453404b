//! Line: a client's socket, as bytes in and bytes out, and as slow and as deaf as its fate will have it.
//!
//! It lies under TLS and WebSocket, so that their handshakes suffer too. The socket is shared with whoever decides when
//! the line is over.

use std::future::Future as _;
use std::io;
use std::net::Shutdown;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use crate::chaos::Fault;
use crate::faults::Faults;

/// Time between two bytes that trickle.
const TRICKLE: Duration = Duration::from_secs(1);

/// One end of a TCP connection. It takes bytes one by one where they are to trickle, or to be split.
#[derive(Debug)]
pub(crate) struct Line {
    stream: Rc<TcpStream>,
    faults: Rc<Faults>,
    /// Until the next byte may trickle.
    pause: Option<Pin<Box<Sleep>>>,
}

impl Line {
    pub(crate) const fn new(stream: Rc<TcpStream>, faults: Rc<Faults>) -> Self {
        Self { stream, faults, pause: None }
    }

    fn poll_write_some(&self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.stream.poll_write_ready(context))?;
            match self.stream.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return Poll::Ready(done),
            }
        }
    }
}

impl AsyncRead for Line {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.faults.has_come(Fault::NotReading) {
            return Poll::Pending;
        }
        loop {
            ready!(self.stream.poll_read_ready(context))?;
            match self.stream.try_read(into.initialize_unfilled()) {
                Ok(length) => {
                    into.advance(length);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if bytes.is_empty() {
            return self.poll_write_some(context, bytes);
        }
        if !self.faults.has_come(Fault::Trickle) {
            let most = if self.faults.has_come(Fault::Split) { 1 } else { bytes.len() };
            return self.poll_write_some(context, &bytes[..most]);
        }
        let pause = self.pause.get_or_insert_with(|| Box::pin(sleep(Duration::ZERO)));
        ready!(pause.as_mut().poll(context));
        let written = ready!(self.poll_write_some(context, &bytes[..1]));
        self.pause = Some(Box::pin(sleep(TRICKLE)));
        Poll::Ready(written)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(SockRef::from(&*self.stream).shutdown(Shutdown::Write))
    }
}
