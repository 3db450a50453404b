//! The loop: wait, note what happened, visit those to whom it happened.

use std::{
    collections::VecDeque,
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use mio::{Events, Poll, Waker};

use crate::{
    Address, Channel, Dispatcher, Dispatchers, Handle, Token,
    handle::Command,
    resolve::{self, Resolver},
    visit::{Outcome, visit},
};

/// mio's token for wake-ups by other threads. Dispatchers count from 0 and never get this far.
const WAKER: mio::Token = mio::Token(usize::MAX);

/// How many events one wait can bring; the rest come with the next.
const EVENTS: usize = 1024;

/// An event loop: a value, not a global, so there may be one a thread.
pub struct Loop {
    poll: Poll,
    events: Events,
    dispatchers: Dispatchers,
    /// What other threads have asked for and is not done yet: more than nothing between turns only after a panic.
    commands: VecDeque<Command>,
    /// When everybody was last asked without a reason.
    asked_all: Instant,
}

impl Loop {
    /// A loop without dispatchers.
    ///
    /// # Errors
    /// The system has no descriptors left.
    pub fn new() -> io::Result<Self> {
        Self::with_resolver(resolve::system)
    }

    /// A loop that looks up names in its own way: from a cache, or IPv4 only. The function may block; it is called on
    /// threads of its own.
    ///
    /// # Errors
    /// The system has no descriptors left.
    pub fn with_resolver(
        look_up: impl Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        let handle = Handle::new(Waker::new(poll.registry(), WAKER)?);
        let dispatchers = Dispatchers::new(poll.registry().try_clone()?, handle, Resolver::new(Box::new(look_up)));
        Ok(Self {
            poll,
            events: Events::with_capacity(EVENTS),
            dispatchers,
            commands: VecDeque::new(),
            asked_all: Instant::now(),
        })
    }

    /// See [`Dispatchers::connect`].
    pub fn connect(&mut self, address: impl Into<Address>, dispatcher: impl Dispatcher + 'static) -> Token {
        self.dispatchers.connect(address, dispatcher)
    }

    /// See [`Dispatchers::listen`].
    pub fn listen(&mut self, address: SocketAddr, dispatcher: impl Dispatcher + 'static) -> io::Result<Token> {
        self.dispatchers.listen(address, dispatcher)
    }

    /// Everything else that can be done to dispatchers.
    pub fn dispatchers(&mut self) -> &mut Dispatchers {
        &mut self.dispatchers
    }

    /// How many dispatchers there are: open, opening and listening.
    pub fn len(&self) -> usize {
        self.dispatchers.count()
    }

    /// Whether there is nothing to run for.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A handle for other threads.
    pub fn handle(&self) -> Handle {
        self.dispatchers.handle()
    }

    /// Runs until no dispatcher is left, or until stopped: Python's `asyncore.loop(timeout)`.
    ///
    /// As there, `timeout` is no limit to the whole but to one wait: after that long at the latest, every dispatcher is
    /// asked again whether it is `readable` and `writable` and what its `deadline` is, in case that was changed behind
    /// the loop's back. `None` waits for events, deadlines and [`Handle`]s alone, which is enough for whoever uses them.
    /// Less than a millisecond counts as one, so that this never spins.
    ///
    /// # Errors
    /// The system cannot wait any more; what goes wrong on a channel never ends up here.
    pub fn run(&mut self, timeout: impl Into<Option<Duration>>) -> io::Result<()> {
        let timeout = timeout.into().map(|timeout| timeout.max(Duration::from_millis(1)));
        self.ask_all(Instant::now());
        while !self.dispatchers.stopping && self.has_work() {
            let rest = timeout.map(|timeout| timeout.saturating_sub(self.asked_all.elapsed()));
            self.turn(rest, timeout)?;
        }
        self.dispatchers.stopping = false;
        Ok(())
    }

    /// Waits once, at most for `timeout`, and serves whoever is ready; says whether dispatchers are left.
    /// For a program with a loop of its own.
    ///
    /// # Errors
    /// As for [`run`](Self::run).
    pub fn run_once(&mut self, timeout: impl Into<Option<Duration>>) -> io::Result<bool> {
        let timeout = timeout.into();
        self.turn(timeout, timeout)?;
        Ok(!self.is_empty())
    }

    /// Closes all dispatchers there are now, and calls their `handle_close`. Dropping a loop does not call anybody.
    pub fn close_all(&mut self) {
        for token in self.dispatchers.tokens() {
            self.dispatchers.close(token);
            self.serve(token, Instant::now());
        }
    }

    fn turn(&mut self, wait: Option<Duration>, ask_all: Option<Duration>) -> io::Result<()> {
        let patience = self.patience(wait);
        match self.poll.poll(&mut self.events, patience) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            Err(_) => self.events.clear(),
            Ok(()) => {}
        }
        let now = Instant::now();
        for event in &self.events {
            if event.token() != WAKER {
                self.dispatchers.note(event);
            }
        }
        if self.events.iter().any(|event| event.token() == WAKER) {
            self.commands.extend(self.dispatchers.handle().take());
        }
        while let Some(command) = self.commands.pop_front() {
            self.dispatchers.apply(command);
        }
        self.dispatchers.ring(now);
        if ask_all.is_some_and(|every| now.saturating_duration_since(self.asked_all) >= every) {
            self.ask_all(now);
        }
        // Whoever is listed from here on has the next turn, after another look at the sockets.
        for _ in 0..self.dispatchers.ready_count() {
            if let Some(token) = self.dispatchers.next_ready() {
                self.serve(token, now);
            }
        }
        Ok(())
    }

    /// Whether there is anything to run for: a dispatcher, or something that another thread has asked for.
    fn has_work(&self) -> bool {
        !self.is_empty() || !self.commands.is_empty() || !self.handle().is_empty()
    }

    fn ask_all(&mut self, now: Instant) {
        self.asked_all = now;
        self.dispatchers.list_all();
    }

    /// How long to wait: not at all with work at hand, and never past a deadline.
    fn patience(&self, wait: Option<Duration>) -> Option<Duration> {
        if self.dispatchers.ready_count() > 0 || !self.commands.is_empty() {
            return Some(Duration::ZERO);
        }
        let timer = self.dispatchers.next_timer().map(|at| at.saturating_duration_since(Instant::now()));
        match (wait, timer) {
            (Some(wait), Some(timer)) => Some(wait.min(timer)),
            (wait, timer) => wait.or(timer),
        }
    }

    fn serve(&mut self, token: Token, now: Instant) {
        let Some(mut entry) = self.dispatchers.take(token) else { return };
        match visit(&mut entry, &mut self.dispatchers, now) {
            Outcome::Idle => self.dispatchers.put_back(entry, false),
            Outcome::More => self.dispatchers.put_back(entry, true),
            Outcome::Closed => {
                self.dispatchers.forget(&mut entry.link);
                let mut ch = Channel { link: &mut entry.link, dispatchers: &mut self.dispatchers };
                entry.dispatcher.handle_close(&mut ch);
            }
        }
    }
}
