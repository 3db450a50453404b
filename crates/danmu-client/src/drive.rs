//! Driving: a session on a connection until either ends. One task, one select, and nothing else that waits.
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
use danmu_proto::{Batch, LinkId, Session};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::endpoint::Endpoint;
use crate::event::Lost;
use crate::room::Outlet;
use crate::speaks::FirstBytes;

/// How much one read takes at most.
const READ: usize = 64 * 1024;

thread_local! {
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ].into());
}

/// How a link ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) lost: Lost,
    /// When it joined, if it did.
    pub(crate) joined: Option<Instant>,
    /// When the last byte came; by the wall clock, in microseconds.
    pub(crate) heard_us: i64,
}

/// Runs `session` over `io`. When `stop` turns true, logs out first.
pub(crate) async fn drive(
    io: &mut (impl AsyncRead + AsyncWrite + Unpin),
    mut session: Session,
    link: LinkId,
    server: &Arc<Endpoint>,
    out: &Outlet,
    stop: &mut watch::Receiver<bool>,
) -> Ended {
    let mut unsent = Unsent::default();
    let mut batch = Batch::new();
    let mut first = FirstBytes::default();
    let mut flow = Flow::Open;
    let mut joined = None;
    let mut heard_us = out.clock.now_us();
    let mut leaving = false;
    let mut timer = pin!(sleep_until(Instant::now()));
    loop {
        let deadline = loop {
            match session.poll() {
                Output::Send(bytes) => unsent.push(bytes),
                Output::Joined => {
                    joined = Some(Instant::now());
                    out.joined(link, server);
                }
                Output::Wait(at) => break Ok(at.into()),
                Output::Closed(reason) => break Err(reason),
            }
        };
        // After `Joined`, so that a subscriber knows the link before it hears of it.
        flow.pass_on(std::mem::take(&mut batch), link, heard_us, out, &mut session);
        let deadline = match deadline {
            Ok(deadline) => deadline,
            Err(reason) => {
                flow.report(link, out);
                return Ended { lost: first.explain(reason.into(), joined), joined, heard_us };
            }
        };
        arm(timer.as_mut(), flow.deadline(out.blocked).map_or(deadline, |at| deadline.min(at)));
        let turn = poll_fn(|cx| {
            let hear = |bytes: &[u8]| {
                first.hear(bytes);
                session.receive(Instant::now().into_std(), bytes, &mut batch);
            };
            turn(io, &mut unsent, flow.is_reading(), hear, cx)
        });
        tokio::select! {
            biased;
            () = timer.as_mut() => {
                flow.tick(out, &mut session);
                session.tick(Instant::now().into_std());
            }
            () = stopped(stop), if !leaving => {
                leaving = true;
                session.logout(Instant::now().into_std());
            }
            () = out.room(), if !flow.is_open() => flow.open(link, out, &mut session),
            turn = turn => match turn {
                Ok(Turn::Wrote) => {}
                Ok(Turn::Heard) => heard_us = out.clock.now_us(),
                Ok(Turn::End) => {
                    // An orderly end is the server's last word: nothing is missing before it.
                    heard_us = out.clock.now_us();
                    session.end();
                }
                Err(_) if leaving => session.end(),
                Err(error) => {
                    flow.report(link, out);
                    return Ended { lost: first.explain(Lost::Io(Arc::new(error)), joined), joined, heard_us };
                }
            },
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

/// What the connection did.
enum Turn {
    Wrote,
    Heard,
    End,
}

/// Writes if there is something to write, else reads if reading is wanted. What is read is heard at once, since the
/// buffer belongs to all links of the thread.
fn turn(
    io: &mut (impl AsyncRead + AsyncWrite + Unpin),
    unsent: &mut Unsent,
    reading: bool,
    mut hear: impl FnMut(&[u8]),
    cx: &mut Context<'_>,
) -> Poll<io::Result<Turn>> {
    if let Poll::Ready(wrote) = unsent.poll_send(io, cx) {
        return Poll::Ready(wrote);
    }
    if !reading {
        return Poll::Pending;
    }
    BUFFER.with_borrow_mut(|buffer| {
        let mut buffer = ReadBuf::new(buffer);
        ready!(Pin::new(io).poll_read(cx, &mut buffer))?;
        hear(buffer.filled());
        Poll::Ready(Ok(if buffer.filled().is_empty() { Turn::End } else { Turn::Heard }))
    })
}

/// Moves the timer to `deadline`, if it would ring too late. One that rings early costs a look, one that is moved with
/// every packet costs more.
fn arm(timer: Pin<&mut Sleep>, deadline: Instant) {
    if timer.is_elapsed() || timer.deadline() > deadline {
        timer.reset(deadline);
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // A sender that is gone means the same as one that says stop.
    let _ = stop.wait_for(|&stop| stop).await;
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

/// Whether what is heard gets through to the subscribers.
#[derive(Debug)]
enum Flow {
    /// It does.
    Open,
    /// A subscriber is full: nothing is read.
    Blocked { since: Instant },
    /// It was full for too long: what is read is dropped and counted.
    Dropping { from_us: i64, messages: u64, control: u64 },
}

impl Flow {
    const fn is_open(&self) -> bool {
        matches!(self, Self::Open)
    }

    const fn is_reading(&self) -> bool {
        !matches!(self, Self::Blocked { .. })
    }

    fn deadline(&self, blocked: Duration) -> Option<Instant> {
        match self {
            Self::Blocked { since } => since.checked_add(blocked),
            Self::Open | Self::Dropping { .. } => None,
        }
    }

    /// Hands a batch to the subscribers, or drops and counts it.
    fn pass_on(&mut self, batch: Batch, link: LinkId, heard_us: i64, out: &Outlet, session: &mut Session) {
        if batch.is_empty() {
            return;
        }
        let records = batch.freeze(out.room, link, heard_us);
        if let Self::Dropping { messages, control, .. } = self {
            *messages += records.messages().count() as u64;
            *control += records.control().count() as u64;
            return;
        }
        out.records(records);
        if !out.has_room() {
            *self = Self::Blocked { since: Instant::now() };
            session.pause_reading(Instant::now().into_std());
        }
    }

    /// Blocked for too long: reads on, lest the server cut the link off as a slow reader.
    fn tick(&mut self, out: &Outlet, session: &mut Session) {
        if self.deadline(out.blocked).is_some_and(|at| Instant::now() >= at) {
            *self = Self::Dropping { from_us: out.clock.now_us(), messages: 0, control: 0 };
            session.resume_reading(Instant::now().into_std());
        }
    }

    /// There is room again.
    fn open(&mut self, link: LinkId, out: &Outlet, session: &mut Session) {
        self.report(link, out);
        *self = Self::Open;
        session.resume_reading(Instant::now().into_std());
    }

    /// Tells the subscribers what was dropped, and goes on as if nothing was.
    fn report(&mut self, link: LinkId, out: &Outlet) {
        if let Self::Dropping { from_us, messages, control } = std::mem::replace(self, Self::Open)
            && messages + control > 0
        {
            out.dropped(link, messages, control, from_us, out.clock.now_us());
        }
    }
}
