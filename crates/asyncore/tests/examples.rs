//! The examples, run as a reader of the tutorial runs them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::{
    io::{Read, Write},
    net::SocketAddr,
    process::{Command, Stdio},
};

use common::{children::*, *};

fn hello(address: SocketAddr) -> Child {
    Child::start(Command::new(example("hello")).args([address.ip().to_string(), address.port().to_string()]))
}

#[test]
fn hello_says_hello_prints_the_answer_and_reports_the_end() {
    let (listener, address) = peer();
    let mut client = hello(address);
    let mut stream = listener.accept().unwrap().0;
    let mut greeting = [0; 12];
    stream.read_exact(&mut greeting).unwrap();
    assert_eq!(&greeting, b"hello world\n");
    assert_eq!(client.line(), "connected\n");
    stream.write_all("你好\n".as_bytes()).unwrap();
    assert_eq!(client.line(), "你好\n");
    drop(stream);
    assert_eq!(client.line(), "closed\n");
    assert_eq!(client.errors(), "");
}

#[test]
fn hello_reports_a_refused_connection() {
    let address = peer().1;
    let mut client = hello(address);
    assert_eq!(client.line(), "closed\n");
    let errors = client.errors();
    assert!(errors.starts_with(&format!("cannot connect to {address}: Connection refused")), "{errors}");
}

#[test]
fn hello_reports_a_broken_connection() {
    let (listener, address) = peer();
    let mut client = hello(address);
    let stream = listener.accept().unwrap().0;
    assert_eq!(client.line(), "connected\n");
    reset(stream);
    assert_eq!(client.line(), "closed\n");
    let errors = client.errors();
    assert!(errors.contains("Connection reset"), "{errors}");
}

#[test]
fn hello_works_against_netcat() {
    let port = peer().1.port();
    // As in the tutorial: `nc -l 9000`.
    let mut netcat = match Command::new("nc").args(["-l", &port.to_string()]).stdin(Stdio::piped()).piped() {
        Ok(child) => Child(child),
        Err(error) => return println!("skipped: nc: {error}"),
    };
    let mut client = hello(([127, 0, 0, 1], port).into());
    while client.line() != "connected\n" {
        if let Some(status) = netcat.0.try_wait().unwrap() {
            return println!("skipped: this nc does not know -l PORT ({status}): {}", netcat.errors());
        }
        std::thread::sleep(std::time::Duration::from_millis(50)); // it is not listening yet
        client = hello(([127, 0, 0, 1], port).into());
    }
    assert_eq!(netcat.line(), "hello world\n");
    netcat.0.stdin.as_mut().unwrap().write_all(b"from netcat\n").unwrap();
    assert_eq!(client.line(), "from netcat\n");
    netcat.0.kill().unwrap();
    assert_eq!(client.line(), "closed\n");
}

#[test]
fn echo_sends_every_line_back_and_ends_when_its_input_ends() {
    let mut server = Child::start(Command::new(example("echo")).args(["server", "127.0.0.1:0"]));
    let line = server.line();
    let address = line.trim().strip_prefix("listening on ").unwrap();
    for _ in 0..2 {
        let mut client =
            Child(Command::new(example("echo")).args(["client", address]).stdin(Stdio::piped()).piped().unwrap());
        client.0.stdin.take().unwrap().write_all("one\n二\nthree\n".as_bytes()).unwrap();
        assert_eq!(client.output(), "one\n二\nthree\n");
        assert!(client.0.wait().unwrap().success());
    }
}
