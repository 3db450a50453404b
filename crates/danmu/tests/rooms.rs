//! Rooms by any name: `room`, `doctor`, and names in `watch` and `record`, against a server that stands in for Douyu's.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

mod support;

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use support::{eventually, plays, run, signal, start, talks, url, wait};

/// Answers HTTP GETs by path, whatever the query; 404 for the rest.
struct Api {
    base: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Api {
    fn with(answers: &[(&str, &str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let answers: HashMap<String, String> =
            answers.iter().map(|(path, body)| ((*path).to_owned(), (*body).to_owned())).collect();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let _ = answer(&stream, &answers, &log);
            }
        });
        Self { base, asked }
    }

    fn was_asked(&self, path: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|asked| *asked == path).count()
    }
}

fn answer(stream: &TcpStream, answers: &HashMap<String, String>, log: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
    let target = request.split_whitespace().nth(1).unwrap_or_default();
    let path = target.split('?').next().unwrap_or_default().to_owned();
    let (status, body) = match answers.get(&path) {
        Some(body) => ("200 OK", body.as_str()),
        None => ("404 Not Found", ""),
    };
    log.lock().unwrap().push(path);
    write!(&mut &*stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}

const STATE: &str = r#"{"room":{"room_id":7777,"room_name":"周末开黑","nickname":"主播甲","owner_uid":12,
    "show_status":1,"videoLoop":0,"second_lvl_name":"英雄联盟"},"game":{"tag_name":"英雄联盟"}}"#;

fn douyu() -> Api {
    Api::with(&[("/m.douyu.com/66", r#"{"rid":7777,"vipId":66}"#), ("/www.douyu.com/betard/7777", STATE)])
}

#[test]
fn room_tells_which_room_a_name_means_and_what_goes_on_in_it() {
    let api = douyu();
    let told = run(&["room", "66", "--api", &api.base]);
    assert_eq!(told.code, 0, "{}", told.err);
    assert!(told.out.starts_with("7777  live") && told.out.contains("周末开黑  (主播甲, 英雄联盟)"), "{}", told.out);

    let told = run(&["room", "https://www.douyu.com/66?dyshid=0", "--api", &api.base, "--json"]).json();
    assert_eq!((&told[0]["room"], &told[0]["live"], &told[0]["owner_uid"]), (&7777.into(), &true.into(), &12.into()));
}

#[test]
fn room_tells_what_gifts_cost_as_a_table_that_stats_read() {
    let list = r#"{"error":0,"data":{"giftList":[
        {"id":20004,"name":"火箭","priceInfo":{"price":50000,"priceType":"YUCHI"}}]}}"#;
    let api = Api::with(&[("/m.douyu.com/66", r#"{"rid":7777}"#), ("/gift.douyucdn.cn/api/gift/v5/web/list", list)]);
    let told = run(&["room", "66", "--gifts", "--api", &api.base]);
    assert!(told.code == 0 && told.out.contains("火箭   20004   ¥500"), "{}{}", told.out, told.err);
    assert!(told.err.contains("some gifts are missing"), "the prop config did not answer: {}", told.err);
    let told = run(&["room", "66", "--gifts", "--json", "--api", &api.base]);
    let gifts = danmu_client::directory::read_gift_table(&told.out).unwrap();
    assert_eq!((gifts.len(), gifts[0].id, gifts[0].price_fen), (1, 20004, Some(50_000)));
}

#[test]
fn a_room_that_is_none_has_an_exit_code_of_its_own() {
    let api = douyu();
    let told = run(&["room", "404404", "--api", &api.base]);
    assert_eq!(told.code, 3, "{}", told.err);
    assert!(told.err.contains("knows no room 404404"), "{}", told.err);
    let watched = run(&["watch", "404404", "--api", &api.base, "--server", "tcp://127.0.0.1:1"]);
    assert_eq!(watched.code, 3, "{}", watched.err);
}

#[test]
fn watch_joins_the_room_that_a_vanity_number_means() {
    let api = douyu();
    let server = talks(50.0);
    let arguments = ["watch", "66", "--api", &api.base, "--server", &url(&server), "--limit", "3", "--json"];
    let watched = run(&arguments);
    assert_eq!(watched.code, 0, "{}", watched.err);
    assert!(watched.err.contains("66 is room 7777"), "{}", watched.err);
    assert!(watched.json().iter().all(|line| line["room"] == 7777));
}

#[test]
fn a_numeric_room_with_a_server_asks_nobody() {
    let api = douyu();
    let server = talks(50.0);
    let watched = run(&["watch", "66", "--no-resolve", "--api", &api.base, "--server", &url(&server), "--limit", "1"]);
    assert_eq!(watched.code, 0, "{}", watched.err);
    assert_eq!(api.asked.lock().unwrap().len(), 0);
    let watched = run(&["watch", "lpl", "--server", &url(&server)]);
    assert_eq!(watched.code, 1);
    assert!(watched.err.contains("lpl is no room number"), "{}", watched.err);
}

#[test]
fn a_look_up_that_fails_is_a_warning_where_the_name_is_a_number() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = talks(50.0);
    let api = format!("http://{nobody}");
    let watched = run(&["watch", "66", "--api", &api, "--server", &url(&server), "--limit", "1"]);
    assert_eq!(watched.code, 0, "{}", watched.err);
    assert!(watched.err.contains("room 66 is taken as it is"), "{}", watched.err);
}

#[test]
fn a_recording_knows_what_went_on_in_the_room() {
    let api = douyu();
    let server = plays(["type@=rss/rid@=7777/ss@=1/code@=0/", "type@=chatmsg/rid@=7777/txt@=hi/cid@=a1/dms@=4/"]);
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("x.db");
    let db = db.to_str().unwrap();
    let child = start(&["record", "66", "--api", &api.base, "--server", &url(&server), "-o", db]);
    // Once when the room was joined, and once because the stream started.
    eventually("the room is asked about twice", || api.was_asked("/www.douyu.com/betard/7777") >= 2);
    std::thread::sleep(std::time::Duration::from_millis(500));
    signal(&child, "-TERM");
    assert_eq!(wait(child).code, 0);
    let database = rusqlite::Connection::open(db).unwrap();
    let states: Vec<(i64, bool, String, String)> = database
        .prepare("select room, live, title, category from room_state")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(states, [(7777, true, "周末开黑".into(), "英雄联盟".into())], "what did not change is not told again");
}

/// A server that says what a web server would to something that is no request.
fn speaks_http() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("tcp://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
            let _ = stream.read(&mut [0; 100]);
        }
    });
    url
}

#[test]
fn doctor_says_what_works_and_what_to_do_about_the_rest() {
    let api = douyu();
    let server = talks(20.0);
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let closed = format!("tcp://{closed}");
    let web = speaks_http();
    let base = ["doctor", "66", "--api", &api.base, "--server", &url(&server), "--server", &closed, "--server", &web];
    let told = run(&base);
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    for words in
        ["ok   127.0.0.1", "joined; ", "FAIL tcp://", "refused", "what to do:", "HTTP", "Chat works (1 of 3 servers)"]
    {
        assert!(told.out.contains(words), "no {words:?} in {}", told.out);
    }

    let told: Value = serde_json::from_str(&run(&[&base[..], &["--json"]].concat()).out).unwrap();
    let chat: Vec<_> = told["checks"].as_array().unwrap().iter().filter(|check| check["area"] == "chat").collect();
    assert_eq!(chat.iter().map(|check| &check["ok"]).collect::<Vec<_>>(), [true, false, false]);
    assert_eq!(chat[1]["fault"], "refused");
    assert!(chat.iter().all(|check| check["ms"].is_u64()));
}

#[test]
fn doctor_without_a_way_says_so_and_fails() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let told = run(&["doctor", "9999", "--server", &format!("tcp://{closed}")]);
    assert_eq!(told.code, 4);
    assert!(told.out.contains("No chat server can be reached"), "{}", told.out);
}

#[test]
fn ctrl_c_ends_it_also_while_a_room_is_being_looked_up() {
    // Takes every question, and answers none.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let api = format!("http://{}", listener.local_addr().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("x.db");
    for command in [&["watch", "lpl"][..], &["record", "lpl", "-o", db.to_str().unwrap()]] {
        let child = start(&[command, &["--api", &api]].concat());
        let _asks = listener.accept().unwrap();
        let begun = Instant::now();
        signal(&child, "-INT");
        assert_eq!(wait(child).code, 0);
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    }
    assert!(!db.exists(), "nothing was begun");
}
