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
use tokio::task::yield_now;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::endpoint::Endpoint;
use crate::event::Lost;
use crate::outlet::Outlet;
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
    let mut passage = Passage::new(link, out);
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
        passage.pass_on(std::mem::take(&mut batch), heard_us, &mut session);
        let deadline = match deadline {
            Ok(deadline) => deadline,
            Err(reason) => {
                passage.report();
                return Ended { lost: first.explain(reason.into(), joined), connected: true, joined, heard_us };
            }
        };
        arm(timer.as_mut(), passage.deadline().map_or(deadline, |at| deadline.min(at)));
        let happened = {
            let mut turn = poll_fn(|cx| {
                let hear = |bytes: &[u8]| {
                    first.hear(bytes);
                    session.receive(Instant::now().into_std(), bytes, &mut batch);
                };
                turn(io, &mut unsent, &passage, hear, cx)
            });
            tokio::select! {
                biased;
                () = timer.as_mut() => {
                    // A process that stood still sees all its deadlines pass at once: first it looks at what came
                    // meanwhile. The runtime knows of that only when it has asked the system.
                    if timer.deadline().elapsed() >= LATE {
                        yield_now().await;
                    }
                    Happened::Deadline(poll_once(&mut turn).await)
                }
                () = stopped(stop), if !leaving => Happened::Stop,
                () = out.room(), if !passage.is_open() => Happened::Room,
                turn = &mut turn => Happened::Turn(turn),
            }
        };
        let is_due = matches!(happened, Happened::Deadline(_));
        match happened {
            Happened::Deadline(None) => {}
            Happened::Deadline(Some(turn)) | Happened::Turn(turn) => match turn {
                Ok(Turn::Wrote) => {}
                Ok(Turn::Heard) => heard_us = out.clock.now_us(),
                Ok(Turn::Full) => passage.block(&mut session),
                Ok(Turn::End) => {
                    // An orderly end is the server's last word: nothing is missing before it.
                    heard_us = out.clock.now_us();
                    session.end();
                }
                Err(_) if leaving => session.end(),
                Err(error) => {
                    passage.report();
                    let lost = first.explain(Lost::Io(Arc::new(error)), joined);
                    return Ended { lost, connected: true, joined, heard_us };
                }
            },
            Happened::Stop => {
                leaving = true;
                session.logout(Instant::now().into_std());
            }
            Happened::Room => passage.open(&mut session),
        }
        if is_due {
            passage.tick(&mut session);
            session.tick(Instant::now().into_std());
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
    /// Something may be due. If the connection did something too, then that comes first.
    Deadline(Option<io::Result<Turn>>),
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

/// Writes if there is something to write, else reads if reading is wanted. What is read is heard at once, since the
/// buffer belongs to all links of the thread.
fn turn(
    io: &mut (impl AsyncRead + AsyncWrite + Unpin),
    unsent: &mut Unsent,
    passage: &Passage<'_>,
    mut hear: impl FnMut(&[u8]),
    cx: &mut Context<'_>,
) -> Poll<io::Result<Turn>> {
    if let Poll::Ready(wrote) = unsent.poll_send(io, cx) {
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

/// What `future` gives, if it gives it at once.
async fn poll_once<T>(future: &mut (impl Future<Output = T> + Unpin)) -> Option<T> {
    poll_fn(|cx| match Pin::new(&mut *future).poll(cx) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
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
