//! The tutorial's `SocketClient`: says hello, and prints what comes back until the other end closes.
//!
//! ```text
//! nc -l 9000                                           # in one terminal
//! cargo run -p asyncore --example hello [HOST [PORT]]  # in another; 127.0.0.1 and 9000 if not given
//! ```

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it talks to its user")]

use std::{
    env,
    error::Error as _,
    io::{self, Write},
    process::ExitCode,
    time::Duration,
};

use asyncore::{Channel, Dispatcher, Error, Loop, Result};

struct SocketClient;

impl Dispatcher for SocketClient {
    fn handle_connect(&mut self, ch: &mut Channel) -> Result {
        println!("connected");
        // In the tutorial, `writable` is always true and `handle_write` says hello for ever, as fast as it can.
        ch.send(b"hello world\n");
        Ok(())
    }

    fn handle_read(&mut self, ch: &mut Channel) -> Result {
        let result = ch.recv(1024)?;
        let mut out = io::stdout().lock();
        out.write_all(&result)?;
        out.flush()?;
        Ok(())
    }

    fn handle_error(&mut self, ch: &mut Channel, error: Error) {
        match error.source() {
            Some(source) => eprintln!("{error}: {source}"),
            None => eprintln!("{error}"),
        }
        ch.close();
    }

    fn handle_close(&mut self, _: &mut Channel) {
        println!("closed");
    }
}

fn main() -> ExitCode {
    let mut args = env::args().skip(1);
    let host = args.next().unwrap_or_else(|| "127.0.0.1".to_owned());
    let Ok(port) = args.next().map_or(Ok(9000), |port| port.parse::<u16>()) else {
        eprintln!("usage: hello [HOST [PORT]]");
        return ExitCode::from(2);
    };
    match run(host, port) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(host: String, port: u16) -> io::Result<()> {
    let mut event_loop = Loop::new()?;
    event_loop.connect((host, port), SocketClient);
    event_loop.run(Duration::from_secs(5))
}
