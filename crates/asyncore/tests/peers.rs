//! Programs of other people at the other end: netcat, and Python's own `asyncore`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::{
    io::Write,
    net::SocketAddr,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use asyncore::Loop;
use common::{children::*, *};

/// An echo server, by the book.
const PYTHON_SERVER: &str = r#"
import asyncore

class Handler(asyncore.dispatcher_with_send):
    def handle_read(self):
        self.send(self.recv(8192))

class Server(asyncore.dispatcher):
    def __init__(self):
        asyncore.dispatcher.__init__(self)
        self.create_socket()
        self.bind(("127.0.0.1", 0))
        self.listen(5)
        print(self.socket.getsockname()[1], flush=True)

    def handle_accepted(self, sock, addr):
        Handler(sock)

Server()
asyncore.loop(timeout=5)
"#;

/// The tutorial's client, made to say hello only once.
const PYTHON_CLIENT: &str = r#"
import asyncore, sys

class SocketClient(asyncore.dispatcher):
    def __init__(self, host, port):
        asyncore.dispatcher.__init__(self)
        self.create_socket()
        self.said = False
        self.connect((host, port))

    def handle_connect(self):
        print("连接成功", flush=True)

    def writable(self):
        return not self.said

    def handle_write(self):
        self.said = True
        self.send("hello world\n".encode("utf-8"))

    def handle_read(self):
        result = self.recv(1024)
        if result:
            print(result, flush=True)
            self.shutdown(1)

    def handle_close(self):
        print("连接关闭", flush=True)
        self.close()

    def shutdown(self, how):
        self.socket.shutdown(how)

sys.stdout.reconfigure(encoding="utf-8")
SocketClient("127.0.0.1", int(sys.argv[1]))
asyncore.loop(timeout=5)
"#;

#[test]
fn python_asyncore_echoes_what_we_send() {
    let Some(python) = python() else { return println!("skipped: no python3 here has the module asyncore") };
    let mut server = Child::start(Command::new(python).args(["-W", "ignore", "-c", PYTHON_SERVER]));
    let address = SocketAddr::from(([127, 0, 0, 1], server.line().trim().parse().unwrap()));
    let text: Vec<u8> = (0..1_000_000_u32).map(|i| (i % 251) as u8).collect();
    let mut event_loop = Loop::new().unwrap();
    let logs: Vec<Log> = (0..3).map(|_| Log::default()).collect();
    for log in &logs {
        event_loop.connect(address, Recorder::saying(log, text.clone()));
    }
    run_until(&mut event_loop, || logs.iter().all(|log| log.received_len() >= text.len()));
    assert!(logs.iter().all(|log| log.received() == text));
    drop(server);
    run_until(&mut event_loop, || logs.iter().all(|log| log.has("close")));
}

#[test]
fn python_asyncore_gets_our_echo() {
    let Some(python) = python() else { return println!("skipped: no python3 here has the module asyncore") };
    let mut event_loop = Loop::new().unwrap();
    let (_, address) = listen(&mut event_loop, Host(|| Echo));
    let handle = event_loop.handle();
    let port = address.port().to_string();
    let client = thread::spawn(move || {
        let mut client = Child::start(Command::new(python).args(["-W", "ignore", "-c", PYTHON_CLIENT, &port]));
        let output = client.output();
        handle.stop();
        output
    });
    event_loop.run(Duration::from_secs(5)).unwrap();
    assert_eq!(client.join().unwrap(), "连接成功\nb'hello world\\n'\n连接关闭\n");
}

#[test]
fn netcat_gets_our_echo() {
    let mut event_loop = Loop::new().unwrap();
    let (_, address) = listen(&mut event_loop, Host(|| Echo));
    let arguments = [address.ip().to_string(), address.port().to_string()];
    let mut netcat = match Command::new("nc").args(arguments).stdin(Stdio::piped()).piped() {
        Ok(child) => Child(child),
        Err(error) => return println!("skipped: nc: {error}"),
    };
    let handle = event_loop.handle();
    let typist = thread::spawn(move || {
        let mut lines = Vec::new();
        for line in ["one\n", "two\n"] {
            netcat.0.stdin.as_mut().unwrap().write_all(line.as_bytes()).unwrap();
            lines.push(netcat.line());
        }
        handle.stop();
        lines
    });
    run(&mut event_loop);
    assert_eq!(typist.join().unwrap(), ["one\n", "two\n"]);
}
