//! Connection: a peer on a socket. One task each, which holds no buffer but what is on its way.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::io::AsyncWrite as _;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{sleep_until, timeout};

use crate::outbox::Outbox;
use crate::peer::{self, Output, Peer};
use crate::rooms::{Membership, Rooms, unix_ms};

/// How long a client may take to read the last words before the connection is dropped.
const GRACE: Duration = Duration::from_secs(1);

/// Serves one client until either side has enough.
pub(crate) async fn serve(
    mut stream: TcpStream,
    client: SocketAddr,
    rooms: Rc<Rooms>,
    mut stop: watch::Receiver<bool>,
) {
    let config = peer::Config {
        silence: rooms.config.silence,
        rooms: rooms.config.rooms,
        address: client.ip(),
        session: rooms.ledger.accept(),
    };
    let mut peer = Peer::new(Instant::now(), config);
    let outbox = Rc::new(Outbox::new(rooms.config.backlog));
    let mut membership: Option<Membership> = None;
    let closing = loop {
        let deadline = match peer.poll() {
            Output::Send(bytes) => {
                outbox.answer(bytes);
                continue;
            }
            Output::Join(room) => {
                if membership.as_ref().is_none_or(|joined| joined.id != room) {
                    drop(membership.take());
                    membership = rooms.join(room, client, &outbox);
                    if membership.is_none() {
                        peer.refuse(peer::WRONG_ROOM);
                    }
                }
                continue;
            }
            Output::Wait(at) => at,
            Output::Close => break true,
        };
        if outbox.write(|bytes| stream.try_write(bytes)).is_err() || outbox.is_overrun() {
            break false;
        }
        tokio::select! {
            ready = stream.readable() => if ready.is_err() || !hear(&stream, &mut peer) { break false },
            ready = stream.writable(), if !outbox.is_empty() => if ready.is_err() { break false },
            () = outbox.pushed() => {}
            () = sleep_until(deadline.into()) => peer.tick(Instant::now()),
            _ = stop.changed() => peer.refuse(peer::SHUTTING_DOWN),
        }
    };
    drop(membership);
    if closing {
        // A client that does not want to read must not keep us.
        let _ = timeout(GRACE, part(&mut stream, &outbox)).await;
    }
    outbox.end();
}

/// Reads what is there. Whether the client is still there.
fn hear(stream: &TcpStream, peer: &mut Peer) -> bool {
    match read(stream, |bytes| peer.receive(Instant::now(), unix_ms(), bytes)) {
        Ok(length) => length > 0,
        Err(error) => error.kind() == io::ErrorKind::WouldBlock,
    }
}

/// Sends what is on its way, and waits for the client to close too: closing over unread bytes would reset the
/// connection, and could cost the client our last words.
async fn part(stream: &mut TcpStream, outbox: &Outbox) -> io::Result<()> {
    loop {
        outbox.write(|bytes| stream.try_write(bytes))?;
        if outbox.is_empty() {
            break;
        }
        stream.writable().await?;
    }
    std::future::poll_fn(|context| Pin::new(&mut *stream).poll_shutdown(context)).await?;
    loop {
        stream.readable().await?;
        match read(stream, |_| {}) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

/// Reads once, into a buffer that no task has to hold while it waits.
fn read(stream: &TcpStream, each: impl FnOnce(&[u8])) -> io::Result<usize> {
    let mut bytes = [0; 4096];
    let length = stream.try_read(&mut bytes)?;
    if length > 0 {
        each(&bytes[..length]);
    }
    Ok(length)
}
