//! All dispatchers of a loop, Python's `socket_map`: who there is, who wants a visit, whose timer rings when.

use std::{
    collections::{BTreeSet, VecDeque},
    io, mem,
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use mio::{Interest, Registry, event::Event, net};

use crate::{
    Address, Dispatcher, Handle,
    channel::Buffer,
    connect::{Opening, Place, after},
    handle::Command,
    link::{Ending, Link, Socket},
    resolve::Resolver,
};

/// The name of a dispatcher in its loop. Never used twice, so that nothing goes to the wrong one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token {
    index: u32,
    generation: u32,
}

/// All dispatchers of a loop, as callbacks see them, through [`Channel::dispatchers`](crate::Channel::dispatchers).
///
/// What is started here takes effect when the present callback is done: no callback runs inside another.
pub struct Dispatchers {
    registry: Registry,
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// Those in `slots`; the one whose callback runs just now is not.
    count: usize,
    ready: VecDeque<Token>,
    timers: BTreeSet<(Instant, Token)>,
    resolver: Resolver,
    handle: Handle,
    pub(crate) buffer: Buffer,
    pub(crate) stopping: bool,
}

#[derive(Default)]
struct Slot {
    generation: u32,
    entry: Option<Box<Entry>>,
}

/// A dispatcher and its socket.
pub(crate) struct Entry {
    pub(crate) link: Link,
    pub(crate) dispatcher: Box<dyn Dispatcher>,
}

/// # What callbacks and the owner of the loop can do
impl Dispatchers {
    /// Connects. Nothing fails here: whatever goes wrong comes to the dispatcher, at `handle_error` and `handle_close`.
    ///
    /// A name is looked up on another thread, and all its addresses are tried in order. There is no limit in time but
    /// the system's own, which is minutes.
    pub fn connect(&mut self, address: impl Into<Address>, dispatcher: impl Dispatcher + 'static) -> Token {
        self.open(address.into().0, None, Box::new(dispatcher))
    }

    /// Like [`connect`](Self::connect), within `timeout` from now, looking up the name included.
    pub fn connect_timeout(
        &mut self,
        address: impl Into<Address>,
        timeout: Duration,
        dispatcher: impl Dispatcher + 'static,
    ) -> Token {
        self.open(address.into().0, after(timeout), Box::new(dispatcher))
    }

    /// Listens. Port 0 lets the system choose; [`local_addr`](Self::local_addr) knows the choice.
    ///
    /// # Errors
    /// The address is in use or not ours, or descriptors have run out; the dispatcher is not called.
    pub fn listen(&mut self, address: SocketAddr, dispatcher: impl Dispatcher + 'static) -> io::Result<Token> {
        let mut listener = net::TcpListener::bind(address)?;
        let token = self.reserve();
        match self.registry.register(&mut listener, mio_token(token), Interest::READABLE) {
            Ok(()) => Ok(self.fill(token, Socket::Listener(listener), None, Box::new(dispatcher))),
            Err(error) => self.give_back(token, error),
        }
    }

    /// Takes over an open stream, most often from `handle_accept`. `handle_connect` is called for it, too.
    ///
    /// # Errors
    /// The stream is no longer connected or cannot be registered; the dispatcher is not called.
    pub fn adopt(&mut self, stream: TcpStream, dispatcher: impl Dispatcher + 'static) -> io::Result<Token> {
        let peer = stream.peer_addr()?;
        stream.set_nonblocking(true)?;
        let mut stream = net::TcpStream::from_std(stream);
        let token = self.reserve();
        match self.registry.register(&mut stream, mio_token(token), Interest::READABLE | Interest::WRITABLE) {
            Ok(()) => Ok(self.fill(token, Socket::Adopted(stream), Some(peer), Box::new(dispatcher))),
            Err(error) => self.give_back(token, error),
        }
    }

    /// Queues `data` on a channel, as [`Channel::send`](crate::Channel::send) does.
    pub fn send(&mut self, token: Token, data: &[u8]) {
        match self.entry(token) {
            Some(entry) if entry.link.takes_data() => entry.link.queue.push(data),
            Some(_) => return,
            // It is the one whose callback runs just now, or it is gone.
            None => self.handle.send(token, data),
        }
        self.list(token);
    }

    /// Has a dispatcher's `handle_wake` called, and its `readable`, `writable` and `deadline` asked again.
    pub fn wake(&mut self, token: Token) {
        self.apply_or_defer(Command::Wake(token), token);
    }

    /// Closes a channel and drops what it has queued; its `handle_close` follows.
    pub fn close(&mut self, token: Token) {
        self.apply_or_defer(Command::Close(token), token);
    }

    /// The local address of a channel, once it has one. For the one whose callback runs just now, ask its channel.
    pub fn local_addr(&self, token: Token) -> Option<SocketAddr> {
        let slot = self.slots.get(token.index as usize).filter(|slot| slot.generation == token.generation)?;
        slot.entry.as_ref()?.link.socket.local_addr()
    }

    /// A handle for other threads.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Has [`Loop::run`](crate::Loop::run) return after this turn; the dispatchers stay for its next call.
    pub fn stop(&mut self) {
        self.stopping = true;
    }

    fn open(&mut self, place: Place, until: Option<Instant>, dispatcher: Box<dyn Dispatcher>) -> Token {
        let token = self.reserve();
        if let Place::Named(host, port) = &place {
            self.resolver.start(host.clone(), *port, token, self.handle.clone());
        }
        self.fill(token, Socket::Opening(Box::new(Opening::new(place, until))), None, dispatcher)
    }
}

/// # What the loop does
impl Dispatchers {
    pub(crate) fn new(registry: Registry, handle: Handle, resolver: Resolver) -> Self {
        Self {
            registry,
            slots: Vec::new(),
            free: Vec::new(),
            count: 0,
            ready: VecDeque::new(),
            timers: BTreeSet::new(),
            resolver,
            handle,
            buffer: Buffer::default(),
            stopping: false,
        }
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }

    pub(crate) fn ready_count(&self) -> usize {
        self.ready.len()
    }

    pub(crate) fn next_ready(&mut self) -> Option<Token> {
        self.ready.pop_front()
    }

    pub(crate) fn next_timer(&self) -> Option<Instant> {
        self.timers.first().map(|(at, _)| *at)
    }

    pub(crate) fn tokens(&self) -> Vec<Token> {
        self.slots.iter().filter_map(|slot| Some(slot.entry.as_ref()?.link.token)).collect()
    }

    /// Asks everybody everything again.
    pub(crate) fn list_all(&mut self) {
        for index in 0..self.slots.len() {
            let token = Token { index: index as u32, generation: self.slots[index].generation };
            self.list(token);
        }
    }

    /// Remembers what the system said about a socket. All events of a turn are taken before the first callback runs,
    /// so an index cannot have changed hands since.
    pub(crate) fn note(&mut self, event: &Event) {
        let Some(slot) = self.slots.get_mut(event.token().0) else { return };
        let Some(entry) = &mut slot.entry else { return };
        entry.link.note(event);
        if !mem::replace(&mut entry.link.asked.listed, true) {
            self.ready.push_back(entry.link.token);
        }
    }

    /// Lists everybody whose timer has rung.
    pub(crate) fn ring(&mut self, now: Instant) {
        while let Some(&(at, token)) = self.timers.first()
            && at <= now
        {
            self.timers.pop_first();
            if let Some(entry) = self.entry(token) {
                entry.link.armed = None;
                entry.link.asked.due = true;
            }
            self.list(token);
        }
    }

    pub(crate) fn apply(&mut self, command: Command) {
        let token = match command {
            Command::Post(work) => return work(self),
            Command::Stop => return self.stop(),
            Command::Send(token, ..) | Command::Wake(token) | Command::Close(token) | Command::Resolved(token, _) => {
                token
            }
        };
        let Some(entry) = self.entry(token) else { return };
        let link = &mut entry.link;
        match command {
            Command::Send(_, data) if link.takes_data() => link.queue.push_vec(data),
            Command::Wake(_) => link.asked.woken = true,
            Command::Close(_) => link.end(Ending::Closed),
            Command::Resolved(_, result) => {
                if let Socket::Opening(opening) = &mut link.socket {
                    opening.resolved(result);
                }
            }
            Command::Send(..) | Command::Post(_) | Command::Stop => {}
        }
        self.list(token);
    }

    /// Takes a dispatcher out, so that its callbacks can have everything else.
    pub(crate) fn take(&mut self, token: Token) -> Option<Box<Entry>> {
        let slot = self.slots.get_mut(token.index as usize)?;
        let entry = if slot.generation == token.generation { slot.entry.take() } else { None };
        self.count -= usize::from(entry.is_some());
        entry
    }

    /// Puts it back, and sees to it that its timer rings in time. `more` work at hand lists it again.
    pub(crate) fn put_back(&mut self, mut entry: Box<Entry>, more: bool) {
        let link = &mut entry.link;
        let token = link.token;
        let own = entry.dispatcher.deadline().filter(|&at| link.fired != Some(at));
        let opening = if let Socket::Opening(opening) = &link.socket { opening.deadline() } else { None };
        // A deadline that moves further away, as most do all the time, costs nothing: the old timer rings once in vain.
        if let Some(at) = [own, opening, link.retry].into_iter().flatten().min()
            && link.armed.is_none_or(|armed| at < armed)
        {
            if let Some(armed) = link.armed.replace(at) {
                self.timers.remove(&(armed, token));
            }
            self.timers.insert((at, token));
        }
        self.slots[token.index as usize].entry = Some(entry);
        self.count += 1;
        if more {
            self.list(token);
        }
    }

    /// Forgets a dispatcher that was taken out.
    pub(crate) fn forget(&mut self, link: &mut Link) {
        if let Some(armed) = link.armed.take() {
            self.timers.remove(&(armed, link.token));
        }
        link.socket = Socket::Closed;
        self.release(link.token);
    }

    fn entry(&mut self, token: Token) -> Option<&mut Entry> {
        let slot = self.slots.get_mut(token.index as usize)?;
        if slot.generation == token.generation { slot.entry.as_deref_mut() } else { None }
    }

    /// Has a dispatcher visited in this turn or the next.
    fn list(&mut self, token: Token) {
        if let Some(entry) = self.entry(token)
            && !mem::replace(&mut entry.link.asked.listed, true)
        {
            self.ready.push_back(token);
        }
    }

    /// Does it now, or after the callback that runs now if it is about the very same dispatcher.
    fn apply_or_defer(&mut self, command: Command, token: Token) {
        if self.entry(token).is_some() {
            self.apply(command);
        } else {
            self.handle.push(command);
        }
    }

    fn reserve(&mut self) -> Token {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            self.slots.len() as u32 - 1
        });
        Token { index, generation: self.slots[index as usize].generation }
    }

    fn release(&mut self, token: Token) {
        let slot = &mut self.slots[token.index as usize];
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(token.index);
    }

    fn give_back(&mut self, token: Token, error: io::Error) -> io::Result<Token> {
        self.release(token);
        Err(error)
    }

    fn fill(
        &mut self,
        token: Token,
        socket: Socket,
        peer: Option<SocketAddr>,
        dispatcher: Box<dyn Dispatcher>,
    ) -> Token {
        let entry = Entry { link: Link::new(token, socket, peer), dispatcher };
        self.slots[token.index as usize].entry = Some(Box::new(entry));
        self.count += 1;
        self.list(token);
        token
    }
}

/// mio's name for it: the index alone.
pub(crate) fn mio_token(token: Token) -> mio::Token {
    mio::Token(token.index as usize)
}
