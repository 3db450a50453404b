//! What several tests need: a dispatcher that writes down what happens to it, and ways to run a loop until something
//! holds.

#![allow(dead_code, unreachable_pub, reason = "every test file uses its own part of this")]

pub mod children;

use std::{
    cell::RefCell,
    fs, io,
    net::{SocketAddr, TcpListener, TcpStream},
    rc::Rc,
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use asyncore::{Channel, Dispatcher, Error, Loop, Result, Token};

/// Long enough for a machine that is busy with other things. Only a failing test waits this long.
pub const LONG: Duration = Duration::from_secs(30);

/// Runs `event_loop` until `done` says so. It is woken again and again to ask, but without a timeout, which would have
/// every dispatcher asked again and so hide a lost event.
#[track_caller]
pub fn run_until(event_loop: &mut Loop, mut done: impl FnMut() -> bool) {
    let (_running, stopped) = mpsc::channel::<()>();
    let handle = event_loop.handle();
    thread::spawn(move || {
        while stopped.recv_timeout(Duration::from_millis(5)) == Err(RecvTimeoutError::Timeout) {
            handle.post(|_| {});
        }
    });
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < LONG, "it does not happen");
        event_loop.run_once(None).unwrap();
    }
}

/// Runs `event_loop` until it ends by itself.
#[track_caller]
pub fn run(event_loop: &mut Loop) {
    let (running, stopped) = mpsc::channel::<()>();
    let handle = event_loop.handle();
    let watch = thread::spawn(move || {
        let late = stopped.recv_timeout(LONG) == Err(RecvTimeoutError::Timeout);
        if late {
            handle.stop();
        }
        late
    });
    event_loop.run(None).unwrap();
    drop(running);
    assert!(!watch.join().unwrap(), "it does not end");
}

/// What happened to a [`Recorder`], and what it received.
#[derive(Clone, Default)]
pub struct Log(Rc<RefCell<(Vec<String>, Vec<u8>)>>);

impl Log {
    pub fn add(&self, line: impl Into<String>) {
        self.0.borrow_mut().0.push(line.into());
    }

    pub fn lines(&self) -> Vec<String> {
        self.0.borrow().0.clone()
    }

    pub fn received(&self) -> Vec<u8> {
        self.0.borrow().1.clone()
    }

    pub fn received_len(&self) -> usize {
        self.0.borrow().1.len()
    }

    pub fn has(&self, line: &str) -> bool {
        self.0.borrow().0.iter().any(|l| l == line)
    }

    pub fn count(&self, line: &str) -> usize {
        self.0.borrow().0.iter().filter(|l| *l == line).count()
    }

    pub fn receive(&self, data: &[u8]) {
        self.0.borrow_mut().1.extend_from_slice(data);
    }
}

/// Writes down its callbacks, and says `greeting` when it is connected.
#[derive(Clone, Default)]
pub struct Recorder {
    pub log: Log,
    pub greeting: Vec<u8>,
}

impl Recorder {
    pub fn new(log: &Log) -> Self {
        Self { log: log.clone(), greeting: Vec::new() }
    }

    pub fn saying(log: &Log, greeting: impl Into<Vec<u8>>) -> Self {
        Self { log: log.clone(), greeting: greeting.into() }
    }
}

impl Dispatcher for Recorder {
    fn handle_connect(&mut self, ch: &mut Channel) -> Result {
        self.log.add("connect");
        ch.send(&self.greeting);
        Ok(())
    }

    fn handle_read(&mut self, ch: &mut Channel) -> Result {
        self.log.receive(&ch.recv(usize::MAX)?);
        Ok(())
    }

    fn handle_wake(&mut self, _: &mut Channel) -> Result {
        self.log.add("wake");
        Ok(())
    }

    fn handle_error(&mut self, ch: &mut Channel, error: Error) {
        self.log.add(describe(&error));
        ch.close();
    }

    fn handle_close(&mut self, _: &mut Channel) {
        self.log.add("close");
    }
}

/// Sends back what it receives.
pub struct Echo;

impl Dispatcher for Echo {
    fn handle_read(&mut self, ch: &mut Channel) -> Result {
        let data = ch.recv(usize::MAX)?;
        ch.send(&data);
        Ok(())
    }
}

/// Adopts everybody who comes, each with a dispatcher that `make` gives.
pub struct Host<F>(pub F);

impl<D: Dispatcher + 'static, F: FnMut() -> D> Dispatcher for Host<F> {
    fn handle_accept(&mut self, ch: &mut Channel, stream: TcpStream, _: SocketAddr) -> Result {
        let dispatcher = (self.0)();
        ch.dispatchers().adopt(stream, dispatcher)?;
        Ok(())
    }
}

/// Adds a listener on a free port.
pub fn listen(event_loop: &mut Loop, dispatcher: impl Dispatcher + 'static) -> (Token, SocketAddr) {
    let token = event_loop.listen("127.0.0.1:0".parse().unwrap(), dispatcher).unwrap();
    (token, event_loop.dispatchers().local_addr(token).unwrap())
}

/// A blocking listener on a free port, for a peer that the test plays itself.
pub fn peer() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Connects a dispatcher and waits until the peer's side of it is there.
pub fn connect(event_loop: &mut Loop, dispatcher: impl Dispatcher + 'static) -> (Token, TcpStream) {
    let (listener, address) = peer();
    let token = event_loop.connect(address, dispatcher);
    event_loop.run_once(Duration::ZERO).unwrap();
    (token, listener.accept().unwrap().0)
}

/// Closes as a crashed program's machine does: the other side gets a reset.
pub fn reset(stream: TcpStream) {
    let socket = socket2::Socket::from(stream);
    socket.set_linger(Some(Duration::ZERO)).unwrap();
}

/// The loop is alive: somebody new comes in, and is answered.
#[track_caller]
pub fn still_serves(event_loop: &mut Loop) {
    let (server, address) = listen(event_loop, Host(|| Echo));
    let log = Log::default();
    let client = event_loop.connect(address, Recorder::saying(&log, "still there?"));
    run_until(event_loop, || log.received() == b"still there?");
    event_loop.dispatchers().close(client);
    event_loop.dispatchers().close(server);
    run_until(event_loop, || log.has("close"));
}

/// Which error, and the system's reason.
pub fn describe(error: &Error) -> String {
    let kind = |source: &io::Error| source.kind().to_string();
    match error {
        Error::Resolve { host, source } => format!("resolve {host}: {}", kind(source)),
        Error::Connect { source, .. } => format!("connect: {}", kind(source)),
        Error::Accept(source) => format!("accept: {source}"),
        Error::Recv(source) => format!("recv: {}", kind(source)),
        Error::Send(source) => format!("send: {}", kind(source)),
        other => format!("callback: {other}"),
    }
}

/// The processor time of this thread so far. None where there is no /proc.
pub fn thread_time() -> Option<Duration> {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(Duration::from_nanos(stat.split_whitespace().next()?.parse().ok()?))
}

/// How long `busy_time` watches.
pub const WATCH: Duration = Duration::from_millis(400);

/// Runs the loop for a while, and says how much processor time that took. None where there is no /proc.
pub fn busy_time(event_loop: &mut Loop, timeout: Duration) -> Option<Duration> {
    // What a new connection brings is not idleness.
    for _ in 0..10 {
        event_loop.run_once(Duration::from_millis(5)).unwrap();
    }
    let handle = event_loop.handle();
    let stopper = thread::spawn(move || {
        thread::sleep(WATCH);
        handle.stop();
    });
    let before = thread_time()?;
    event_loop.run(timeout).unwrap();
    stopper.join().unwrap();
    Some(thread_time()?.saturating_sub(before))
}

/// The loop takes no time while nothing happens, though everybody is asked four times.
#[track_caller]
pub fn is_idle(event_loop: &mut Loop) {
    if let Some(time) = busy_time(event_loop, WATCH / 4) {
        assert!(time < WATCH / 20, "{time:?} of processor time in {WATCH:?}");
    }
}
