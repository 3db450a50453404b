//! Connection: a client from its accept to its end, with all that its fate has in store. One task each, which holds no
//! buffer but what is on its way.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{sleep, sleep_until, timeout};

use crate::chaos::Fault;
use crate::door::Handshake;
use crate::extras::Extras;
use crate::faults::Faults;
use crate::line::Line;
use crate::outbox::Outbox;
use crate::peer::{self, Output, Peer};
use crate::rooms::{Membership, unix_ms};
use crate::server::Server;
use crate::wire::Wire;

/// How long a client may take to read the last words before the connection is dropped.
const GRACE: Duration = Duration::from_secs(1);
/// How often we look whether a client is gone that we no longer listen to.
const LOOK: Duration = Duration::from_secs(1);

/// Faults that end in an `error`.
const ERRORS: [(Fault, u32); 3] =
    [(Fault::Error51, peer::TRANSFER), (Fault::Error52, peer::SHUTTING_DOWN), (Fault::Error204, peer::WRONG_ROOM)];

/// A client that was let in.
pub(crate) struct Guest {
    pub(crate) session: u64,
    pub(crate) stream: Rc<TcpStream>,
    pub(crate) address: SocketAddr,
    pub(crate) handshake: Handshake,
    pub(crate) faults: Rc<Faults>,
}

/// Serves one client until either side has enough, or its fate catches up with it.
pub(crate) async fn serve(guest: Guest, server: Rc<Server>, stop: watch::Receiver<bool>) {
    let hold = guest.faults.time(Fault::Coalesce);
    let outbox = Rc::new(Outbox::new(server.rooms.config.backlog, hold));
    let mut kicked = server.kick.subscribe();
    let faults = Rc::clone(&guest.faults);
    let end = tokio::select! {
        // Of many whose time it is to kick all, one does.
        biased;
        _ = kicked.changed() => None,
        fault = faults.end() => Some(fault),
        () = live(&guest, &server, &outbox, stop.clone()) => None,
    };
    outbox.end();
    match end {
        Some(Fault::KickAll) => server.kick.send_replace(()),
        Some(Fault::Reset) => reset(&guest),
        Some(fault) => abandon(&guest.stream, fault, kicked, stop).await,
        None => {}
    }
}

/// From the accept to the goodbye.
async fn live(guest: &Guest, server: &Server, outbox: &Rc<Outbox>, mut stop: watch::Receiver<bool>) {
    let faults = &guest.faults;
    if faults.has_come(Fault::AcceptAndClose) {
        return;
    }
    let opening = async {
        if let Some(over) = faults.at(Fault::SlowAccept) {
            faults.count(Fault::SlowAccept);
            sleep_until(over.into()).await;
        }
        let line = Line::new(Rc::clone(&guest.stream), Rc::clone(faults));
        timeout(server.rooms.config.silence, guest.handshake.clone().shake(line)).await
    };
    let opened = tokio::select! {
        opened = opening => opened,
        _ = stop.changed() => return,
    };
    if let Ok(Ok(wire)) = opened {
        converse(wire, guest, server, outbox, stop).await;
    }
}

/// Talks until either side has enough.
async fn converse(
    mut wire: Wire,
    guest: &Guest,
    server: &Server,
    outbox: &Rc<Outbox>,
    mut stop: watch::Receiver<bool>,
) {
    let Server { rooms, .. } = server;
    let faults = &guest.faults;
    let config = peer::Config {
        silence: rooms.config.silence,
        rooms: rooms.config.rooms,
        address: guest.address.ip(),
        session: guest.session,
        answers_login: !faults.has_come(Fault::NoLoginAnswer),
    };
    let mut peer = Peer::new(Instant::now(), config);
    let mut membership: Option<Membership> = None;
    let mut extras: Option<Extras> = None;
    loop {
        if let (Some(joined), Some(extras)) = (&membership, &mut extras) {
            while let Some((fault, burst)) = extras.due(Instant::now(), joined.id) {
                if joined.say(burst) {
                    faults.count(fault);
                }
            }
        }
        if let Some((_, code)) = ERRORS.into_iter().find(|&(fault, _)| faults.has_come(fault)) {
            peer.refuse(code);
        }
        let deadline = match peer.poll() {
            Output::Send(bytes) => {
                outbox.answer(bytes);
                continue;
            }
            Output::Join(room) => {
                if membership.as_ref().is_none_or(|joined| joined.id != room) {
                    drop(membership.take());
                    membership = rooms.join(room, guest, outbox);
                    extras.get_or_insert_with(|| Extras::new(faults, Instant::now()));
                    if membership.is_none() {
                        peer.refuse(peer::WRONG_ROOM);
                    }
                }
                continue;
            }
            Output::Wait(at) => {
                let errors = ERRORS.into_iter().filter_map(|(fault, _)| faults.at(fault));
                if outbox.held_until().is_some() {
                    faults.count(Fault::Coalesce);
                }
                let extra = extras.as_ref().and_then(Extras::next);
                errors.chain(extra).chain(outbox.held_until()).fold(at, Instant::min)
            }
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
    outbox.let_go();
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

/// Sends half a packet, if there is room for it, and has the connection reset once it is dropped.
fn reset(guest: &Guest) {
    let _ = guest.stream.try_write(&guest.handshake.torso());
    let _ = SockRef::from(&*guest.stream).set_linger(Some(Duration::ZERO));
}

/// Sends nothing more, and keeps the connection until the client gives up.
async fn abandon(stream: &TcpStream, fault: Fault, mut kicked: watch::Receiver<()>, mut stop: watch::Receiver<bool>) {
    let abandoned = async {
        match fault {
            Fault::Stall => drain(stream).await,
            _ => ignore(stream).await,
        }
    };
    tokio::select! {
        _ = abandoned => {}
        _ = kicked.changed() => {}
        _ = stop.changed() => {}
    }
}

/// Reads all that comes, and forgets it.
async fn drain(stream: &TcpStream) -> io::Result<()> {
    loop {
        stream.readable().await?;
        match stream.try_read(&mut [0; 4096]) {
            Ok(0) => return Ok(()),
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
            _ => {}
        }
    }
}

/// Reads nothing, and only looks whether the client is still there.
async fn ignore(stream: &TcpStream) -> io::Result<()> {
    while !stream.ready(Interest::READABLE).await?.is_read_closed() {
        sleep(LOOK).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[tokio::test]
    async fn a_client_that_is_ignored_may_leave_with_its_words_unread() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        client.write_all(b"anyone there?").unwrap();
        timeout(Duration::from_millis(300), ignore(&stream)).await.unwrap_err();
        drop(client);
        timeout(Duration::from_secs(10), ignore(&stream)).await.unwrap().unwrap();
    }
}
