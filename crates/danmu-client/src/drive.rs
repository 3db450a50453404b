//! Driving: a session on a connection until either ends. One task, one place where it waits, and nothing else that does.
//!
//! Output waits in a buffer until the connection takes it, so a peer that does not read cannot hold up deadlines, and a
//! heartbeat that falls due in the middle of a half-read packet goes out at once. Input is read into a buffer that all
//! links of a thread share, so that a link holds no more than its partial packet.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use danmu_proto::session::Output;
use danmu_proto::{Batch, Session};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::yield_now;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::event::Lost;
use crate::passage::Passage;
use crate::speaks::FirstBytes;

/// How much one read takes at most.
const READ: usize = 64 * 1024;

/// A deadline that is noticed so late was slept through: this process or its machine stood still.
const LATE: Duration = Duration::from_secs(1);

thread_local! {
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ].into());
}

/// How a link ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) lost: Lost,
    /// Whether there was a connection.
    pub(crate) connected: bool,
    /// When it joined, if it did.
    pub(crate) joined: Option<Instant>,
    /// When the last byte came; by the wall clock, in microseconds.
    pub(crate) heard_us: i64,
}

/// Runs `session` over `io`, and passes on what it hears. When the room is to be closed, logs out first.
pub(crate) async fn drive(
    io: &mut (impl AsyncRead + AsyncWrite + Unpin),
    session: &mut Session,
    passage: &mut Passage<'_>,
) -> Ended {
    let mut talk = Talk { io, session, unsent: Unsent::default(), batch: Batch::new(), first: FirstBytes::default() };
    let mut joined = None;
    let mut heard_us = passage.out().clock.now_us();
    let mut stop = passage.out().stop.ear();
    let mut leaving = false;
    let mut room = None;
    let mut timer = pin!(sleep_until(Instant::now()));
    loop {
        let deadline = loop {
            match talk.session.poll() {
                Output::Send(bytes) => talk.unsent.push(bytes),
                Output::Joined => {
                    joined = Some(Instant::now());
                    passage.joined();
                }
                Output::Wait(at) => break Ok(at.into()),
                Output::Closed(reason) => break Err(reason),
            }
        };
        // After `Joined`, so that a subscriber knows the link before it hears of it.
        passage.pass_on(std::mem::take(&mut talk.batch), heard_us, talk.session);
        match deadline {
            Ok(deadline) => arm(timer.as_mut(), passage.deadline().map_or(deadline, |at| deadline.min(at))),
            Err(reason) => {
                passage.report();
                let lost = talk.first.explain(reason.into(), joined);
                return Ended { lost, connected: true, joined, heard_us };
            }
        }
        // By hand and not by `select!`, whose futures would take more memory than all that a link knows.
        let happened = poll_fn(|cx| {
            if timer.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Happened::Deadline);
            }
            if !leaving && stop.poll(cx).is_ready() {
                return Poll::Ready(Happened::Stop);
            }
            if !passage.is_open() {
                let waiting = room.get_or_insert_with(|| Box::pin(passage.out().room()));
                if waiting.as_mut().poll(cx).is_ready() {
                    room = None;
                    return Poll::Ready(Happened::Room);
                }
            }
            talk.poll(passage, cx).map(Happened::Turn)
        })
        .await;
        let is_due = matches!(happened, Happened::Deadline);
        let turn = match happened {
            Happened::Turn(turn) => Some(turn),
            // If the connection did something too, then that comes first.
            Happened::Deadline => {
                // A process that stood still sees all its deadlines pass at once: first it looks at what came
                // meanwhile. The runtime knows of that only when it has asked the system.
                if timer.deadline().elapsed() >= LATE {
                    yield_now().await;
                }
                talk.at_once(passage).await
            }
            Happened::Stop => {
                leaving = true;
                talk.session.logout(Instant::now().into_std());
                None
            }
            Happened::Room => {
                passage.open(talk.session);
                None
            }
        };
        match turn {
            None | Some(Ok(Turn::Wrote)) => {}
            Some(Ok(Turn::Heard)) => heard_us = passage.out().clock.now_us(),
            Some(Ok(Turn::Full)) => passage.block(talk.session),
            Some(Ok(Turn::End)) => {
                // An orderly end is the server's last word: nothing is missing before it.
                heard_us = passage.out().clock.now_us();
                talk.session.end();
            }
            Some(Err(_)) if leaving => talk.session.end(),
            Some(Err(error)) => {
                passage.report();
                let lost = talk.first.explain(Lost::Io(Arc::new(error)), joined);
                return Ended { lost, connected: true, joined, heard_us };
            }
        }
        if is_due {
            passage.tick(talk.session);
            talk.session.tick(Instant::now().into_std());
        }
    }
}

impl FirstBytes {
    /// Why a link was lost: a server that never answered the login, but in another protocol, is no danmu server.
    fn explain(&self, lost: Lost, joined: Option<Instant>) -> Lost {
        match self.speak() {
            Some(speaks) if joined.is_none() && !lost.is_logout() => Lost::Speaks(speaks),
            _ => lost,
        }
    }
}

/// What a link waited for.
enum Happened {
    /// Something may be due.
    Deadline,
    Turn(io::Result<Turn>),
    /// A subscriber that was full has room.
    Room,
    Stop,
}

/// What the connection did.
enum Turn {
    Wrote,
    Heard,
    /// Nothing: there is no room for what it may have to say.
    Full,
    End,
}

/// What is said and heard over one connection.
struct Talk<'t, Io> {
    io: &'t mut Io,
    session: &'t mut Session,
    unsent: Unsent,
    /// What was heard and not passed on yet.
    batch: Batch,
    first: FirstBytes,
}

impl<Io: AsyncRead + AsyncWrite + Unpin> Talk<'_, Io> {
    /// Writes if there is something to write, else reads if reading is wanted. What is read is heard at once, since the
    /// buffer belongs to all links of the thread.
    fn poll(&mut self, passage: &Passage<'_>, cx: &mut Context<'_>) -> Poll<io::Result<Turn>> {
        if let Poll::Ready(wrote) = self.unsent.poll_send(self.io, cx) {
            return Poll::Ready(wrote);
        }
        if !passage.is_reading() {
            return Poll::Pending;
        }
        if !passage.has_room() {
            return Poll::Ready(Ok(Turn::Full));
        }
        BUFFER.with_borrow_mut(|buffer| {
            let mut buffer = ReadBuf::new(buffer);
            ready!(Pin::new(&mut *self.io).poll_read(cx, &mut buffer))?;
            let bytes = buffer.filled();
            self.first.hear(bytes);
            self.session.receive(Instant::now().into_std(), bytes, &mut self.batch);
            Poll::Ready(Ok(if bytes.is_empty() { Turn::End } else { Turn::Heard }))
        })
    }

    /// The same, if there is something to do at once.
    async fn at_once(&mut self, passage: &Passage<'_>) -> Option<io::Result<Turn>> {
        poll_fn(|cx| match self.poll(passage, cx) {
            Poll::Ready(turn) => Poll::Ready(Some(turn)),
            Poll::Pending => Poll::Ready(None),
        })
        .await
    }
}

/// Moves the timer to `deadline`, if it would ring too late. One that rings early costs a look, one that is moved with
/// every packet costs more.
fn arm(timer: Pin<&mut Sleep>, deadline: Instant) {
    if timer.is_elapsed() || timer.deadline() > deadline {
        timer.reset(deadline);
    }
}

/// Bytes that the connection did not take yet.
#[derive(Debug, Default)]
struct Unsent {
    bytes: Vec<u8>,
    sent: usize,
    /// Whether the connection may keep some of what it took to itself.
    unflushed: bool,
}

impl Unsent {
    fn push(&mut self, bytes: Vec<u8>) {
        if self.bytes.is_empty() {
            self.bytes = bytes;
        } else {
            self.bytes.extend_from_slice(&bytes);
        }
    }

    /// Sends on. Pending also if there is nothing to send.
    fn poll_send(
        &mut self,
        io: &mut (impl AsyncRead + AsyncWrite + Unpin),
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Turn>> {
        let mut io = Pin::new(io);
        if self.sent < self.bytes.len() {
            let n = ready!(io.as_mut().poll_write(cx, &self.bytes[self.sent..]))?;
            if n == 0 {
                return Poll::Ready(Ok(Turn::End));
            }
            self.sent += n;
            self.unflushed = true;
            if self.sent == self.bytes.len() {
                (self.bytes, self.sent) = (Vec::new(), 0);
            }
            return Poll::Ready(Ok(Turn::Wrote));
        }
        if self.unflushed {
            ready!(io.poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Pending
    }
}
