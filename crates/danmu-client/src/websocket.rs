//! WebSocket as a stream of bytes, so that a session is driven over it as over TCP.
//!
//! Servers put several packets into one message, and may split one over several: what they send is a stream of bytes, and
//! the bounds of messages mean nothing. What we send goes one packet a message, as they expect it. Pings are answered on
//! the way and are nothing heard: they come from whatever stands in front of the danmu server, which answers heartbeats
//! itself. There is no compression and no subprotocol.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_sink::Sink;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::endpoint::Endpoint;
use crate::speaks::{Speaks, Tap};

/// The largest message, and the largest piece of one. Servers gather 120 ms of a room in one, which is some kilobytes.
const MESSAGE: usize = 16 << 20;
/// How much a link reads at once. It keeps a buffer of this size, and there may be thousands of links.
const READ: usize = 8 * 1024;
/// How much may wait to be sent: heartbeats, and answers to the pings of a server that reads none of them.
const UNSENT: usize = 64 * 1024;

/// Why there is no WebSocket.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WebSocketError {
    /// A web server that answers something else.
    #[error("it answers HTTP {0} to the WebSocket handshake: are port and path right?")]
    Status(u16),
    /// A redirect, which no danmu server has a use for.
    #[error("it answers with a redirect (HTTP {0}), which is not followed: are port and path right?")]
    Redirect(u16),
    /// It speaks something else.
    #[error("it speaks {0} and not plain WebSocket: is the port right, or is it wss:// and not ws://?")]
    Speaks(Speaks),
    /// It closes instead of answering.
    #[error("it closes instead of answering the WebSocket handshake: does it speak WebSocket on this port?")]
    Closed,
    /// Its answer does not end.
    #[error("its answer to the handshake does not end")]
    Endless,
    /// Anything else.
    #[error("the WebSocket handshake failed: {0}")]
    Other(#[source] Box<Error>),
}

impl WebSocketError {
    fn new(error: Error, speaks: Option<Speaks>) -> Self {
        match (error, speaks) {
            (Error::Http(response), _) if response.status().is_redirection() => {
                Self::Redirect(response.status().as_u16())
            }
            (Error::Http(response), _) => Self::Status(response.status().as_u16()),
            (Error::AttackAttempt | Error::Capacity(_), _) => Self::Endless,
            (_, Some(speaks)) if speaks != Speaks::Http => Self::Speaks(speaks),
            (Error::Protocol(ProtocolError::HandshakeIncomplete), _) => Self::Closed,
            (Error::Io(error), _) if is_end(&error) || error.kind() == io::ErrorKind::ConnectionReset => Self::Closed,
            (error, _) => Self::Other(Box::new(error)),
        }
    }
}

/// A connection whose bytes travel in WebSocket messages.
#[derive(Debug)]
pub(crate) struct WebSocket<S> {
    io: WebSocketStream<Tap<S>>,
    /// What of the last message was not read yet.
    unread: Bytes,
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    /// Shakes hands as a client of `endpoint`. The caller sets the deadline.
    pub(crate) async fn connect(endpoint: &Endpoint, io: S) -> Result<Self, WebSocketError> {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ)
            .write_buffer_size(0)
            .max_write_buffer_size(UNSENT)
            .max_message_size(Some(MESSAGE))
            .max_frame_size(Some(MESSAGE));
        let (io, heard) = Tap::new(io);
        match client_async_with_config(endpoint.to_string(), io, Some(config)).await {
            Ok((io, _)) => Ok(Self { io, unread: Bytes::new() }),
            Err(error) => Err(WebSocketError::new(error, heard.speak())),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for WebSocket<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        while self.unread.is_empty() {
            match ready!(Pin::new(&mut self.io).poll_next(cx)) {
                Some(Ok(Message::Binary(bytes))) => self.unread = bytes,
                Some(Ok(Message::Close(_))) => {
                    // The answer to it is ready; whether it gets through no longer matters.
                    let _ = Pin::new(&mut self.io).poll_flush(cx);
                    return Poll::Ready(Ok(()));
                }
                // Pings are answered by now. Text cannot hold packets, since their kind is no UTF-8.
                Some(Ok(_)) => {}
                Some(Err(error)) => match broken(error) {
                    error if is_end(&error) => return Poll::Ready(Ok(())),
                    error => return Poll::Ready(Err(error)),
                },
                None => return Poll::Ready(Ok(())),
            }
        }
        let n = buf.remaining().min(self.unread.len());
        buf.put_slice(&self.unread.split_to(n));
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for WebSocket<S> {
    /// Takes the first packet in `buf`.
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        ready!(Pin::new(&mut self.io).poll_ready(cx)).map_err(broken)?;
        let n = first_packet(buf);
        Pin::new(&mut self.io).start_send(Message::binary(buf[..n].to_vec())).map_err(broken)?;
        Poll::Ready(Ok(n))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx).map_err(broken)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_close(cx).map_err(broken)
    }
}

/// How long the first packet in `bytes` is.
fn first_packet(bytes: &[u8]) -> usize {
    let length = bytes.first_chunk().map_or(usize::MAX, |length| u32::from_le_bytes(*length) as usize);
    length.saturating_add(4).min(bytes.len())
}

fn broken(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => io::ErrorKind::UnexpectedEof.into(),
        error => io::Error::new(io::ErrorKind::InvalidData, error),
    }
}

/// Servers close as they like: without a close frame, or without TLS's good-bye.
fn is_end(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::UnexpectedEof
}

#[cfg(test)]
mod tests {
    use danmu_proto::{Sender, packet};
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use tokio_tungstenite::accept_async;

    use super::*;

    #[tokio::test]
    async fn bytes_pass_whole_whatever_the_messages_are() {
        let (near, far) = duplex(4096);
        let endpoint: Endpoint = "ws://server:1".parse().unwrap();
        let (near, far) = tokio::join!(WebSocket::connect(&endpoint, near), accept_async(far));
        let (mut near, mut far) = (near.unwrap(), far.unwrap());

        let packets = ["type@=mrkl/", "type@=logout/"].map(|payload| {
            let mut wire = Vec::new();
            packet::encode(Sender::Client, payload.as_bytes(), &mut wire);
            wire
        });
        near.write_all(&packets.concat()).await.unwrap();
        near.flush().await.unwrap();
        for packet in packets {
            let message = std::future::poll_fn(|cx| Pin::new(&mut far).poll_next(cx)).await;
            assert_eq!(message.unwrap().unwrap().into_data(), packet, "one packet a message");
        }

        let said: Vec<u8> = (0..100).collect();
        Pin::new(&mut far).start_send(Message::binary(said.clone())).unwrap();
        std::future::poll_fn(|cx| Pin::new(&mut far).poll_flush(cx)).await.unwrap();
        let mut heard = Vec::new();
        while heard.len() < said.len() {
            let mut piece = [0; 7];
            let n = near.read(&mut piece).await.unwrap();
            heard.extend_from_slice(&piece[..n]);
        }
        assert_eq!(heard, said);
    }
}
