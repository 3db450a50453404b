//! Rooms through proxies, on loopback.

#![expect(clippy::unwrap_used, reason = "what goes wrong here fails the test")]

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use danmu_client::{Config, Endpoint, Event, Proxy, Room, RoomId};
use danmu_proto::{Sender, packet};
use tokio::time::timeout;

/// What the proxy is to hear, and to answer, step by step.
type Script = Vec<(Vec<u8>, Vec<u8>)>;

/// A proxy that holds one such conversation and then is the server itself. Gives its port, and what it heard at each step.
fn serve(script: Script, server: fn(TcpStream) -> io::Result<()>) -> (u16, Receiver<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (steps, heard) = mpsc::channel();
    thread::spawn(move || {
        let (mut io, _) = listener.accept()?;
        for (expected, answer) in script {
            let mut bytes = vec![0; expected.len()];
            io.read_exact(&mut bytes)?;
            steps.send(bytes).map_err(io::Error::other)?;
            io.write_all(&answer)?;
        }
        server(io)
    });
    (port, heard)
}

fn welcome(mut io: TcpStream) -> io::Result<()> {
    let mut login = Vec::new();
    packet::encode(Sender::Client, b"type@=loginreq/roomid@=9999/", &mut login);
    let mut bytes = vec![0; login.len()];
    io.read_exact(&mut bytes)?;
    assert_eq!(bytes, login);
    let mut answer = Vec::new();
    packet::encode(Sender::Server, b"type@=loginres/", &mut answer);
    io.write_all(&answer)?;
    io::copy(&mut io, &mut io::sink()).map(drop)
}

/// How the first link ends that goes through this proxy, or `joined`.
async fn outcome(proxy: &str, endpoint: Endpoint) -> String {
    let mut config = Config::default();
    config.endpoints = vec![endpoint];
    config.proxy = Some(proxy.parse().unwrap());
    let mut room = Room::open(RoomId::new(9999).unwrap(), config);
    loop {
        match timeout(Duration::from_secs(30), room.next()).await.unwrap().unwrap() {
            Event::Joined { .. } => return "joined".into(),
            Event::Lost { reason, .. } => {
                assert_eq!(reason.name(), "proxy", "{reason}");
                return reason.to_string();
            }
            _ => {}
        }
    }
}

fn named() -> Endpoint {
    Endpoint::tcp("danmu.invalid", 8601)
}

/// Has the proxy hold this conversation. Gives the outcome, and checks that the proxy heard what it was to hear.
async fn through(scheme_and_user: &str, endpoint: Endpoint, script: &[(&[u8], &[u8])]) -> String {
    let script: Script = script.iter().map(|(heard, answer)| (heard.to_vec(), answer.to_vec())).collect();
    let (port, heard) = serve(script.clone(), welcome);
    let outcome = outcome(&format!("{scheme_and_user}127.0.0.1:{port}"), endpoint).await;
    let heard: Vec<Vec<u8>> = heard.try_iter().collect();
    assert_eq!(heard, script.into_iter().map(|step| step.0).collect::<Vec<_>>());
    outcome
}

const NAME: &[u8] = b"\x05\x01\x00\x03\x0ddanmu.invalid\x21\x99";
const DONE: &[u8] = &[5, 0, 0, 1, 0, 0, 0, 0, 0, 0];

#[tokio::test]
async fn socks5_looks_names_up_for_us() {
    for done in [DONE, &[5, 0, 0, 3, 2, b'a', b'b', 1, 2], &[[5, 0, 0, 4].as_slice(), &[0; 18]].concat()] {
        let outcome = through("socks5://", named(), &[(&[5, 1, 0], &[5, 0]), (NAME, done)]).await;
        assert_eq!(outcome, "joined");
    }
}

#[tokio::test]
async fn socks5_takes_addresses() {
    let v4: &[u8] = &[5, 1, 0, 1, 192, 0, 2, 1, 0x21, 0x99];
    let outcome = through("socks5h://", Endpoint::tcp("192.0.2.1", 8601), &[(&[5, 1, 0], &[5, 0]), (v4, DONE)]).await;
    assert_eq!(outcome, "joined");
    let v6 = [[5, 1, 0, 4].as_slice(), &[0; 15], &[1, 0x21, 0x99]].concat();
    let outcome = through("socks5://", Endpoint::tcp("::1", 8601), &[(&[5, 1, 0], &[5, 0]), (&v6, DONE)]).await;
    assert_eq!(outcome, "joined");
}

const OFFERS: &[u8] = &[5, 2, 0, 2];
const LOGIN: &[u8] = b"\x01\x02me\x03a:b";

#[tokio::test]
async fn socks5_is_told_user_and_password_if_it_asks() {
    let asked: &[(&[u8], &[u8])] = &[(OFFERS, &[5, 2]), (LOGIN, &[1, 0]), (NAME, DONE)];
    assert_eq!(through("socks5://me:a%3Ab@", named(), asked).await, "joined");
    assert_eq!(through("socks5://me:a%3Ab@", named(), &[(OFFERS, &[5, 0]), (NAME, DONE)]).await, "joined");
}

#[tokio::test]
async fn socks5_that_refuses_says_why() {
    let hello: (&[u8], &[u8]) = (&[5, 1, 0], &[5, 0]);
    for (user, script, text) in [
        ("", &[(hello.0, &[5, 2][..])][..], "it asks for a user and a password"),
        ("", &[(hello.0, &[5, 0xff])], "it asks for a user and a password"),
        ("me:a%3Ab@", &[(OFFERS, &[5, 0xff])], "it does not accept the user"),
        ("me:a%3Ab@", &[(OFFERS, &[5, 2]), (LOGIN, &[1, 1])], "it does not accept the user"),
        ("", &[hello, (NAME, &[5, 2, 0, 1])], "its rules do not allow this connection"),
        ("", &[hello, (NAME, &[5, 5, 0, 1])], "the server refuses connections"),
        ("", &[hello, (NAME, &[5, 99, 0, 1])], "it failed"),
        ("", &[(hello.0, b"HTTP/1.1 400 Bad Request\r\n\r\n")], "it does not speak SOCKS5"),
    ] {
        let outcome = through(&format!("socks5://{user}"), named(), script).await;
        assert!(outcome.contains(text) && outcome.contains("through the proxy socks5://127.0.0.1:"), "{outcome}");
        assert!(!outcome.contains("me") || !outcome.contains("a:b"), "{outcome}");
    }
}

const CONNECT: &[u8] = b"CONNECT danmu.invalid:8601 HTTP/1.1\r\nHost: danmu.invalid:8601\r\n\r\n";
/// `bWU6YTpi` is `me:a:b` in Base64.
const CONNECT_AS: &[u8] = b"CONNECT danmu.invalid:8601 HTTP/1.1\r\nHost: danmu.invalid:8601\r\n\
    Proxy-Authorization: Basic bWU6YTpi\r\n\r\n";

#[tokio::test]
async fn http_connect_opens_a_tunnel() {
    for answer in [&b"HTTP/1.1 200 Connection established\r\n\r\n"[..], b"HTTP/1.0 200\r\nVia: someone\r\n\r\n"] {
        assert_eq!(through("http://", named(), &[(CONNECT, answer)]).await, "joined");
    }
    let answer: &[u8] = b"HTTP/1.1 200 OK\r\n\r\n";
    assert_eq!(through("http://me:a%3Ab@", named(), &[(CONNECT_AS, answer)]).await, "joined");
}

#[tokio::test]
async fn http_connect_that_is_refused_says_why() {
    let endless = [b"HTTP/1.1 200 OK\r\n".as_slice(), &b"X: y\r\n".repeat(100_000)].concat();
    for (user, connect, answer, text) in [
        ("", CONNECT, &b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"[..], "it asks for a user and a password"),
        ("me:a%3Ab@", CONNECT_AS, b"HTTP/1.1 407 No\r\n\r\n", "it does not accept the user"),
        ("", CONNECT, b"HTTP/1.1 403 Forbidden\r\n\r\n", "it answers 403"),
        ("", CONNECT, b"HTTP/1.1 100 Continue\r\n\r\n", "it answers 100"),
        ("", CONNECT, b"HTTP/1.1 2x0 OK\r\n\r\n", "it does not speak HTTP"),
        ("", CONNECT, b"SSH-2.0-OpenSSH_9.9\r\n", "it does not speak HTTP"),
        ("", CONNECT, &endless, "it does not speak HTTP"),
        ("", CONNECT, b"\x05\x00", "there is no connection to it"),
    ] {
        let script: Script = vec![(connect.to_vec(), answer.to_vec())];
        let (port, heard) = serve(script, |_| Ok(()));
        let outcome = outcome(&format!("http://{user}127.0.0.1:{port}"), named()).await;
        assert!(outcome.contains(text) && outcome.contains("through the proxy http://127.0.0.1:"), "{outcome}");
        assert_eq!(heard.recv().unwrap(), connect);
    }
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_said() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut config = Config::default();
    config.endpoints = vec![named()];
    config.proxy = Some(format!("socks5://me:secret@127.0.0.1:{port}").parse().unwrap());
    let mut room = Room::open(RoomId::new(9999).unwrap(), config);
    let reason = loop {
        if let Event::Lost { reason, .. } = room.next().await.unwrap() {
            break reason;
        }
    };
    assert_eq!(reason.name(), "proxy");
    assert!(reason.to_string().contains(&format!("socks5://127.0.0.1:{port}")), "{reason}");
}

#[test]
fn a_proxy_never_shows_its_user() {
    for text in ["socks5://me:secret@[::1]:1080", "http://me:secret@proxy:8080"] {
        let mut config = Config::default();
        let proxy: Proxy = text.parse().unwrap();
        assert_eq!(proxy.to_string(), text.replace("me:secret@", ""));
        config.proxy = Some(proxy);
        assert!(!format!("{config:?}").contains("secret"));
    }
    for (text, problem) in [
        ("proxy:1080", "the scheme is missing"),
        ("ftp://me:secret@proxy:1", "the scheme is unknown"),
        ("https://me:secret@proxy:1", "TLS to the proxy itself is not supported"),
        ("socks5://me:secret@proxy", "the port is"),
        ("socks5://me:secret@:1", "the host is missing"),
        ("socks5://:secret@proxy:1", "the user is missing"),
        ("socks5://me:sec%ret@proxy:1", "two hexadecimal digits"),
        ("http://me:secret@proxy:1/path", "a proxy has no path"),
    ] {
        let error = text.parse::<Proxy>().unwrap_err();
        assert!(error.to_string().contains(problem), "{text}: {error}");
        assert!(!error.to_string().contains("sec") && !format!("{error:?}").contains("sec"), "{error:?}");
    }
}
