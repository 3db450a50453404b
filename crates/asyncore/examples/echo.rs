//! An echo server, and a client that has its lines echoed.
//!
//! ```text
//! cargo run -p asyncore --example echo server [ADDRESS]           # 127.0.0.1:7007 if not given; prints where it listens
//! cargo run -p asyncore --example echo client [ADDRESS] < lines   # prints every line when it has come back
//! ```
//!
//! The client shows a loop with a second thread: standard input blocks, so it is read elsewhere and sent by a [`Handle`].

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it talks to its user")]

use std::{
    env,
    error::Error as _,
    io::{self, BufRead, Write},
    net::{SocketAddr, TcpStream},
    process::ExitCode,
    thread,
};

use asyncore::{Channel, Dispatcher, Error, Handle, Loop, Result, Token};

struct Server;

impl Dispatcher for Server {
    fn handle_accept(&mut self, ch: &mut Channel, stream: TcpStream, peer: SocketAddr) -> Result {
        eprintln!("{peer} came");
        ch.dispatchers().adopt(stream, Guest)?;
        Ok(())
    }

    fn handle_error(&mut self, _: &mut Channel, error: Error) {
        report(&error); // and go on listening
    }
}

struct Guest;

/// A guest who sends without reading gets no more than this ahead of what it reads.
const AHEAD_BYTES: usize = 1024 * 1024;

impl Dispatcher for Guest {
    fn readable(&self, ch: &Channel) -> bool {
        ch.unsent() < AHEAD_BYTES
    }

    fn handle_read(&mut self, ch: &mut Channel) -> Result {
        let data = ch.recv(usize::MAX)?;
        ch.send(&data);
        Ok(())
    }

    fn handle_close(&mut self, ch: &mut Channel) {
        if let Some(peer) = ch.peer_addr() {
            eprintln!("{peer} went");
        }
    }
}

struct Client;

impl Dispatcher for Client {
    fn handle_connect(&mut self, ch: &mut Channel) -> Result {
        let (handle, token) = (ch.dispatchers().handle(), ch.token());
        thread::spawn(move || send_lines(&handle, token));
        Ok(())
    }

    fn handle_wake(&mut self, ch: &mut Channel) -> Result {
        ch.shutdown(); // no more lines: the server sends back what is left, and closes
        Ok(())
    }

    fn handle_read(&mut self, ch: &mut Channel) -> Result {
        let data = ch.recv(usize::MAX)?;
        let mut out = io::stdout().lock();
        out.write_all(&data)?;
        out.flush()?;
        Ok(())
    }

    fn handle_error(&mut self, ch: &mut Channel, error: Error) {
        report(&error);
        ch.close();
    }
}

fn send_lines(handle: &Handle, token: Token) {
    for line in io::stdin().lock().lines().map_while(io::Result::ok) {
        handle.send(token, line + "\n");
    }
    handle.wake(token);
}

fn report(error: &Error) {
    match error.source() {
        Some(source) => eprintln!("{error}: {source}"),
        None => eprintln!("{error}"),
    }
}

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let address = args.get(1).map_or("127.0.0.1:7007", String::as_str);
    let (Some(mode), Ok(address)) = (args.first(), address.parse::<SocketAddr>()) else {
        eprintln!("usage: echo server|client [ADDRESS]");
        return ExitCode::from(2);
    };
    match run(mode, address) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(mode: &str, address: SocketAddr) -> io::Result<()> {
    let mut event_loop = Loop::new()?;
    if mode == "server" {
        let token = event_loop.listen(address, Server)?;
        if let Some(address) = event_loop.dispatchers().local_addr(token) {
            println!("listening on {address}");
        }
    } else {
        event_loop.connect(address, Client);
    }
    event_loop.run(None)
}
