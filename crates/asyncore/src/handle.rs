//! The handle: how other threads reach into a loop, and are served at once.
//!
//! A mutex around a list of commands, and mio's waker. Only the command that finds the list empty has to wake the loop.

use std::{
    fmt, io, mem,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
};

use mio::Waker;

use crate::{Dispatchers, Token};

/// Acts on a loop from any thread; cheap to clone. What is asked here happens on the loop's own thread, in order and
/// without delay, even in the middle of its longest wait.
///
/// Asking for a dispatcher that is gone, or a loop that is gone, does nothing. Nothing bounds what is asked ahead of a
/// slow loop: a thread that sends much shares a count with its dispatcher, and waits.
///
/// ```
/// use asyncore::{Channel, Dispatcher, Loop, Result};
/// use std::{io::Read, net::TcpListener, thread};
///
/// struct Quiet; // sends what others give it
/// impl Dispatcher for Quiet {
///     fn handle_wake(&mut self, ch: &mut Channel) -> Result {
///         ch.close_when_sent();
///         Ok(())
///     }
/// }
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let mut event_loop = Loop::new()?;
/// let token = event_loop.connect(listener.local_addr()?, Quiet);
/// let handle = event_loop.handle();
/// let other = thread::spawn(move || {
///     handle.send(token, "from another thread");
///     handle.wake(token);
///     let mut text = String::new();
///     listener.accept()?.0.read_to_string(&mut text)?;
///     std::io::Result::Ok(text)
/// });
/// event_loop.run(None)?;
/// assert_eq!(other.join().expect("it does not panic")?, "from another thread");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct Handle(Arc<Shared>);

struct Shared {
    commands: Mutex<Vec<Command>>,
    waker: Waker,
}

pub(crate) enum Command {
    Send(Token, Vec<u8>),
    Wake(Token),
    Close(Token),
    Resolved(Token, io::Result<Vec<SocketAddr>>),
    Post(Box<dyn FnOnce(&mut Dispatchers) + Send>),
    Stop,
}

impl Handle {
    pub(crate) fn new(waker: Waker) -> Self {
        Self(Arc::new(Shared { commands: Mutex::default(), waker }))
    }

    /// Queues `data` on a channel, as [`Channel::send`](crate::Channel::send) does.
    pub fn send(&self, token: Token, data: impl Into<Vec<u8>>) {
        self.push(Command::Send(token, data.into()));
    }

    /// Has a dispatcher's `handle_wake` called, and its `readable`, `writable` and `deadline` asked again.
    pub fn wake(&self, token: Token) {
        self.push(Command::Wake(token));
    }

    /// Closes a channel; its `handle_close` follows.
    pub fn close(&self, token: Token) {
        self.push(Command::Close(token));
    }

    /// Runs `work` on the loop's thread, where it can add dispatchers and do everything else that callbacks can.
    pub fn post(&self, work: impl FnOnce(&mut Dispatchers) + Send + 'static) {
        self.push(Command::Post(Box::new(work)));
    }

    /// Has [`Loop::run`](crate::Loop::run) return. If it is not running, its next call returns at once.
    pub fn stop(&self) {
        self.push(Command::Stop);
    }

    pub(crate) fn push(&self, command: Command) {
        let mut commands = self.commands();
        commands.push(command);
        if commands.len() == 1 {
            // Writing to the waker can fail only after its loop is gone, and then nobody is left to hear of it.
            let _ = self.0.waker.wake();
        }
    }

    pub(crate) fn take(&self) -> Vec<Command> {
        mem::take(&mut self.commands())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.commands().is_empty()
    }

    fn commands(&self) -> MutexGuard<'_, Vec<Command>> {
        self.0.commands.lock().expect("nothing panics while it holds this lock")
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handle")
    }
}
