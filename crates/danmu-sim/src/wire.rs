//! Wire: how packets travel between a peer and its client: as they are, or in WebSocket messages.
//!
//! Like Douyu's, our WebSocket sends each burst as one binary message, however many packets are in it, and takes what it
//! is sent as a stream of bytes: a packet may be split over messages, and a message may hold many. There is no
//! compression and no subprotocol.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream as _;
use futures_sink::Sink as _;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use crate::line::Line;

/// Bytes that are read at once. Requests are small, and there may be thousands of clients.
const READ: usize = 4096;
/// The longest WebSocket message that is read.
const MAX_MESSAGE: usize = 64 * 1024;

/// A stream of bytes under a WebSocket: bare, or TLS.
pub(crate) trait Carrier: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Carrier for T {}

/// A connection that is ready to be talked on.
pub(crate) enum Wire {
    Tcp(Line),
    WebSocket(Box<WebSocket>),
}

pub(crate) struct WebSocket {
    stream: WebSocketStream<Box<dyn Carrier>>,
    /// Whether the burst that is said was handed over, and only waits to be written.
    said: bool,
}

impl Wire {
    /// Shakes hands as a WebSocket server, whatever the path.
    pub(crate) async fn web_socket(carrier: Box<dyn Carrier>) -> io::Result<Self> {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ)
            .write_buffer_size(0)
            .max_message_size(Some(MAX_MESSAGE))
            .max_frame_size(Some(MAX_MESSAGE));
        let stream = tokio_tungstenite::accept_async_with_config(carrier, Some(config)).await;
        Ok(Self::WebSocket(Box::new(WebSocket { stream: stream.map_err(io::Error::other)?, said: false })))
    }

    /// Reads once, and hands on what is there. Gives whether the client may say more.
    pub(crate) fn poll_hear(&mut self, context: &mut Context<'_>, each: impl FnOnce(&[u8])) -> Poll<io::Result<bool>> {
        match self {
            Self::Tcp(line) => {
                let mut bytes = [0; READ];
                let mut bytes = ReadBuf::new(&mut bytes);
                ready!(Pin::new(line).poll_read(context, &mut bytes))?;
                if !bytes.filled().is_empty() {
                    each(bytes.filled());
                }
                Poll::Ready(Ok(!bytes.filled().is_empty()))
            }
            Self::WebSocket(socket) => {
                let message = ready!(Pin::new(&mut socket.stream).poll_next(context));
                let message = message.transpose().map_err(io::Error::other)?;
                if let Some(Message::Binary(bytes)) = &message {
                    each(bytes);
                }
                // Pings are answered by the library while it reads.
                Poll::Ready(Ok(message.is_some()))
            }
        }
    }

    /// Writes what can be written of a burst. Once some of it was, the next call is to bring the rest, and after
    /// [`Poll::Pending`] the same again.
    pub(crate) fn poll_say(&mut self, context: &mut Context<'_>, burst: Bytes) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(line) => Pin::new(line).poll_write(context, &burst),
            Self::WebSocket(socket) => socket.poll_say(context, burst).map_err(io::Error::other),
        }
    }

    /// Says that nothing more is said.
    pub(crate) fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(line) => Pin::new(line).poll_shutdown(context),
            Self::WebSocket(socket) => Pin::new(&mut socket.stream).poll_close(context).map_err(io::Error::other),
        }
    }
}

impl WebSocket {
    /// Takes a burst whole or not at all, and only once its last byte is in the socket, so that what is counted was sent.
    fn poll_say(
        &mut self,
        context: &mut Context<'_>,
        burst: Bytes,
    ) -> Poll<Result<usize, tokio_tungstenite::tungstenite::Error>> {
        let length = burst.len();
        let mut stream = Pin::new(&mut self.stream);
        if !self.said {
            ready!(stream.as_mut().poll_ready(context))?;
            stream.as_mut().start_send(Message::Binary(burst))?;
            self.said = true;
        }
        ready!(stream.poll_flush(context))?;
        self.said = false;
        Poll::Ready(Ok(length))
    }
}
