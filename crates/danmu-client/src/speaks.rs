//! What a server speaks that does not speak what it should, by the first bytes that it says.

use std::fmt;

/// A protocol that gives itself away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Speaks {
    /// A web server.
    Http,
    /// TLS, where plain bytes were due.
    Tls,
    /// A shell server.
    Ssh,
}

impl fmt::Display for Speaks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "HTTP",
            Self::Tls => "TLS",
            Self::Ssh => "SSH",
        })
    }
}

/// The first bytes that came over a connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct FirstBytes {
    bytes: [u8; 5],
    len: u8,
}

impl FirstBytes {
    /// Takes note of more bytes, as long as they are the first.
    pub(crate) fn hear(&mut self, bytes: &[u8]) {
        let free = &mut self.bytes[self.len.into()..];
        let n = free.len().min(bytes.len());
        free[..n].copy_from_slice(&bytes[..n]);
        self.len += n as u8;
    }

    /// What they look like.
    pub(crate) fn speak(&self) -> Option<Speaks> {
        match self.bytes[..self.len.into()] {
            [b'H', b'T', b'T', b'P', ..] => Some(Speaks::Http),
            [b'S', b'S', b'H', b'-', ..] => Some(Speaks::Ssh),
            // An alert or a handshake, and a version. As the length of a danmu packet it would be over 64 KiB, which no
            // answer to a login is.
            [0x15 | 0x16, 3, 1..=4, ..] => Some(Speaks::Tls),
            _ => None,
        }
    }
}

#[cfg(feature = "wss")]
pub(crate) use tap::Tap;

#[cfg(feature = "wss")]
mod tap {
    use std::io;
    use std::pin::Pin;
    use std::sync::{Arc, Mutex, PoisonError};
    use std::task::{Context, Poll, ready};

    use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

    use super::{FirstBytes, Speaks};

    /// A connection that keeps its first bytes, for when a handshake fails and takes the connection with it.
    #[derive(Debug)]
    pub(crate) struct Tap<S> {
        io: S,
        first: Option<Arc<Mutex<FirstBytes>>>,
    }

    /// What a [`Tap`] keeps.
    pub(crate) struct Heard(Arc<Mutex<FirstBytes>>);

    impl Heard {
        pub(crate) fn speak(&self) -> Option<Speaks> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).speak()
        }
    }

    impl<S> Tap<S> {
        pub(crate) fn new(io: S) -> (Self, Heard) {
            let first = Arc::default();
            (Self { io, first: Some(Arc::clone(&first)) }, Heard(first))
        }
    }

    impl<S: AsyncRead + Unpin> AsyncRead for Tap<S> {
        fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            let before = buf.filled().len();
            ready!(Pin::new(&mut self.io).poll_read(cx, buf))?;
            if let Some(first) = &self.first {
                // Once nobody asks any more there is no need to keep them.
                if Arc::strong_count(first) > 1 {
                    first.lock().unwrap_or_else(PoisonError::into_inner).hear(&buf.filled()[before..]);
                } else {
                    self.first = None;
                }
            }
            Poll::Ready(Ok(()))
        }
    }

    impl<S: AsyncWrite + Unpin> AsyncWrite for Tap<S> {
        fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
            Pin::new(&mut self.io).poll_write(cx, buf)
        }

        fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.io).poll_flush(cx)
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.io).poll_shutdown(cx)
        }
    }
}

#[cfg(test)]
mod tests {
    use danmu_proto::{Sender, packet};

    use super::*;

    fn speak(bytes: &[u8]) -> Option<Speaks> {
        let whole = {
            let mut first = FirstBytes::default();
            first.hear(bytes);
            first.speak()
        };
        let mut first = FirstBytes::default();
        bytes.chunks(1).for_each(|byte| first.hear(byte));
        assert_eq!(first.speak(), whole, "the split does not matter");
        whole
    }

    #[test]
    fn first_bytes_give_protocols_away() {
        assert_eq!(speak(b"HTTP/1.1 400 Bad Request\r\n"), Some(Speaks::Http));
        assert_eq!(speak(b"SSH-2.0-OpenSSH_9.9"), Some(Speaks::Ssh));
        assert_eq!(speak(&[0x15, 3, 3, 0, 2, 2, 40]), Some(Speaks::Tls));
        assert_eq!(speak(b"220 mail"), None);
        assert_eq!(speak(b""), None);
    }

    #[test]
    fn no_danmu_packet_looks_like_another_protocol() {
        for length in [0, 28, 0x0315 - 9, 0x0316 - 9, 5000] {
            let mut wire = Vec::new();
            packet::encode(Sender::Server, &vec![b'x'; length], &mut wire);
            assert_eq!(speak(&wire), None, "{length}");
        }
    }
}
