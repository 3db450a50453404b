//! Connection: a peer on a wire. One task each, which holds no buffer but what is on its way.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{sleep_until, timeout};

use crate::door::Handshake;
use crate::line::Line;
use crate::outbox::Outbox;
use crate::peer::{self, Output, Peer};
use crate::rooms::{Membership, Rooms, unix_ms};
use crate::wire::Wire;

/// How long a client may take to read the last words before the connection is dropped.
const GRACE: Duration = Duration::from_secs(1);

/// Serves one client until either side has enough.
pub(crate) async fn serve(
    stream: TcpStream,
    client: SocketAddr,
    handshake: Handshake,
    rooms: Rc<Rooms>,
    mut stop: watch::Receiver<bool>,
) {
    let session = rooms.ledger.accept();
    let line = Line::new(Rc::new(stream));
    let shaken = tokio::select! {
        shaken = timeout(rooms.config.silence, handshake.shake(line)) => shaken,
        _ = stop.changed() => return,
    };
    let Ok(Ok(wire)) = shaken else { return };
    let outbox = Rc::new(Outbox::new(rooms.config.backlog));
    converse(wire, client, session, &rooms, &outbox, stop).await;
    outbox.end();
}

/// Talks until either side has enough.
async fn converse(
    mut wire: Wire,
    client: SocketAddr,
    session: u64,
    rooms: &Rc<Rooms>,
    outbox: &Rc<Outbox>,
    mut stop: watch::Receiver<bool>,
) {
    let config =
        peer::Config { silence: rooms.config.silence, rooms: rooms.config.rooms, address: client.ip(), session };
    let mut peer = Peer::new(Instant::now(), config);
    let mut membership: Option<Membership> = None;
    loop {
        let deadline = match peer.poll() {
            Output::Send(bytes) => {
                outbox.answer(bytes);
                continue;
            }
            Output::Join(room) => {
                if membership.as_ref().is_none_or(|joined| joined.id != room) {
                    drop(membership.take());
                    membership = rooms.join(room, client, outbox);
                    if membership.is_none() {
                        peer.refuse(peer::WRONG_ROOM);
                    }
                }
                continue;
            }
            Output::Wait(at) => at,
            Output::Close => break,
        };
        // Writes on while it waits to hear; when all is written, the next push ends the wait.
        let exchange = poll_fn(|context| {
            let _ = outbox.poll_write(|burst| wire.poll_say(context, burst))?;
            wire.poll_hear(context, |bytes| peer.receive(Instant::now(), unix_ms(), bytes))
        });
        tokio::select! {
            more = exchange => if !more.unwrap_or(false) { return },
            () = outbox.pushed() => if outbox.is_overrun() { return },
            () = sleep_until(deadline.into()) => peer.tick(Instant::now()),
            _ = stop.changed() => peer.refuse(peer::SHUTTING_DOWN),
        }
    }
    drop(membership);
    // A client that does not want to read must not keep us.
    let _ = timeout(GRACE, part(&mut wire, outbox)).await;
}

/// Sends what is on its way, and waits for the client to close too: closing over unread bytes would reset the
/// connection, and could cost the client our last words.
async fn part(wire: &mut Wire, outbox: &Outbox) -> io::Result<()> {
    poll_fn(|context| outbox.poll_write(|burst| wire.poll_say(context, burst))).await?;
    poll_fn(|context| wire.poll_close(context)).await?;
    while poll_fn(|context| wire.poll_hear(context, |_| {})).await? {}
    Ok(())
}
