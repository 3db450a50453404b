//! Answers that nobody should have to read: too long, too slow, leading astray, or not HTTP at all.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use danmu_client::directory::{Directory, Options};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::server::{Answer, Connection, Server, html, json, raw, redirect, silence};
use crate::{directory, options, room, tried};

const MIB: usize = 1 << 20;

/// How betard and the open API fail to give the state of a room.
fn fails(options: Options) -> Vec<&'static str> {
    let error = Directory::new(options).unwrap().state(room(9999)).unwrap_err();
    tried(&error).iter().map(|(_, error)| *error).collect()
}

#[track_caller]
fn both_fail(answer: impl Fn() -> Answer + Send + Sync + 'static, name: &str) {
    let server = Server::new(move |_| answer());
    assert_eq!(fails(options(&server)), [name, name]);
}

#[test]
fn redirects_end_after_five() {
    let server = Server::new(|request| redirect(302, &format!("/betard/9999?{}", request.target().len())));
    assert_eq!(fails(options(&server)), ["redirects", "redirects"]);
    assert_eq!(server.requests().len(), 2 * 6);
    let server = Server::new(|request| match request.path() {
        "/m.douyu.com/hop/5" => html(r#"斗鱼 {"rid":7}"#),
        "/m.douyu.com/6657" => redirect(302, "/hop/1"),
        path => redirect(302, &(path[path.len() - 1..].parse::<u32>().unwrap() + 1).to_string()),
    });
    assert_eq!(directory(&server).resolve(&"6657".parse().unwrap()).unwrap().room, room(7), "five are followed");
}

#[test]
fn nothing_is_asked_of_hosts_that_are_not_douyus() {
    let other = Server::new(|_| json(r#"{"room":{},"data":{}}"#));
    let port = other.port;
    let locations = [
        format!("http://127.0.0.1:{port}/x"),
        format!("//127.0.0.1:{port}/x"),
        format!("http://www.douyu.com@127.0.0.1:{port}/x"),
        format!("https://www.douyu.com:{port}/x"),
        "https://www.douyu.com.evil.example/".to_owned(),
        "file:///etc/passwd".to_owned(),
        "http://".to_owned(),
        "/斗 鱼".to_owned(),
        format!("http://{}/", "a".repeat(8000)),
    ];
    for location in locations {
        let from = location.clone();
        let server = Server::new(move |_| redirect(302, &from));
        let error = directory(&server).state(room(9999)).unwrap_err();
        assert_eq!(tried(&error), [("betard", "portal"), ("room_api", "portal")], "{location}");
        assert!(error.to_string().len() < 800, "{error}");
    }
    assert_eq!(other.requests().len(), 0);
}

#[test]
fn a_hundred_mebibytes_are_not_read() {
    let sent = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&sent);
    let pour = move |head: &'static str| {
        let counter = Arc::clone(&counter);
        raw(move |connection| {
            connection.write_all(head.as_bytes()).unwrap();
            let piece = vec![b' '; 64 << 10];
            for _ in 0..100 * MIB / piece.len() {
                if connection.write_all(&piece).is_err() {
                    break;
                }
                counter.fetch_add(piece.len() as u64, Ordering::SeqCst);
            }
        })
    };
    let server = Server::new(move |request| match request.path() {
        // One tells how long it is, the other does not.
        path if path.contains("betard") => pour("HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n"),
        _ => pour("HTTP/1.1 200 OK\r\n\r\n"),
    });
    assert_eq!(fails(options(&server)), ["too_long", "too_long"]);
    // Two limits of 2 MiB, and what fits into the buffers of sockets.
    let sent = sent.load(Ordering::SeqCst);
    assert!(sent < 24 * MIB as u64, "{sent} bytes");
}

#[test]
fn a_small_answer_that_unpacks_to_a_huge_one_is_cut_off() {
    let zip = |text: &[u8], times: usize| {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        for _ in 0..times {
            gzip.write_all(text).unwrap();
        }
        gzip.finish().unwrap()
    };
    let zipped = |body| Answer::Text { status: 200, headers: "Content-Encoding: gzip\r\n".to_owned(), body };
    let server = Server::new(move |_| zipped(zip(br#"{"room":{"room_name":"x","show_status":2}}"#, 1)));
    assert_eq!(directory(&server).state(room(9999)).unwrap().live, Some(false), "gzip is understood");
    let bomb = zip(&vec![b' '; MIB], 100);
    assert!(bomb.len() < 2 * MIB);
    both_fail(move || zipped(bomb.clone()), "too_long");
    both_fail(move || zipped(b"no gzip at all".to_vec()), "not_http");
}

#[test]
fn an_answer_that_does_not_come_costs_its_deadline_and_all_of_them_no_more_than_the_lookups() {
    let server = Server::new(|_| silence());
    let mut options = options(&server);
    options.request = Duration::from_secs(1);
    options.lookup = Duration::from_millis(1800);
    let start = Instant::now();
    let error = Directory::new(options).unwrap().resolve(&"6657".parse().unwrap()).unwrap_err();
    let names: Vec<_> = tried(&error).iter().map(|(_, error)| *error).collect();
    assert_eq!(names, ["timeout", "timeout", "not_asked", "not_asked"]);
    let took = start.elapsed();
    assert!((1800..6000).contains(&took.as_millis()), "{took:?}");
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn an_answer_that_trickles_does_not_outlive_its_deadline() {
    for head in ["HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", "HTTP/1.1 302 X\r\nA: "]
    {
        let trickle = move || {
            raw(move |connection| {
                let _ = connection.write_all(head.as_bytes());
                while connection.write_all(b" ").is_ok() {
                    thread::sleep(Duration::from_millis(50));
                }
            })
        };
        let server = Server::new(move |_| trickle());
        let mut options = options(&server);
        options.request = Duration::from_millis(400);
        let start = Instant::now();
        assert_eq!(fails(options), ["timeout", "timeout"], "{head}");
        let took = start.elapsed();
        assert!(took < Duration::from_secs(5), "{head}: {took:?}");
    }
}

#[test]
fn what_is_not_http_is_named() {
    let says =
        |text: &'static [u8]| move || raw(move |connection: &mut dyn Connection| drop(connection.write_all(text)));
    both_fail(says(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), "not_http");
    both_fail(says(b"\x29\0\0\0\x29\0\0\0\xb2\x02\0\0type@=error/code@=51/\0\r\n\r\n"), "not_http");
    both_fail(says(b"HTTP/9.9 banana\r\n\r\n"), "not_http");
    both_fail(says(b""), "connection");
    both_fail(says(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"room\""), "connection");
    both_fail(says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), "not_http");
    both_fail(says(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), "empty");
    both_fail(says(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"), "status");
    both_fail(says(b"HTTP/1.1 511 Network Authentication Required\r\nContent-Length: 0\r\n\r\n"), "portal");
    both_fail(says(format!("HTTP/1.1 200 OK\r\nX: {}\r\n", "x".repeat(MIB)).leak().as_bytes()), "not_http");
}

#[test]
fn garbage_in_an_answer_is_no_state() {
    both_fail(|| json("\u{0}\u{1}garbage"), "unreadable");
    both_fail(|| Answer::Text { status: 200, headers: String::new(), body: vec![0xff; 4096] }, "unreadable");
    both_fail(|| json("[".repeat(100_000)), "unreadable");
    both_fail(|| json(" "), "empty");
}

#[test]
fn bad_bytes_in_a_title_cost_the_title_and_nothing_else() {
    let body =
        [br#"{"room":{"room_name":"a"#.as_slice(), b"\xff\xfe", br#"b","show_status":1,"videoLoop":"0"}}"#].concat();
    let server = Server::new(move |_| Answer::Text { status: 200, headers: String::new(), body: body.clone() });
    let state = directory(&server).state(room(9999)).unwrap();
    assert_eq!((state.title.as_deref(), state.live), (Some("a\u{fffd}\u{fffd}b"), Some(true)));
}
