//! What strangers write cannot reach the terminal: names, texts, gifts, types, reasons and titles go through every
//! command, and nothing that a terminal would obey comes out; also into a pipe.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

mod support;

use support::numbered::Served;
use support::{Ran, danmu, plays, run, simulate, url};

/// What is thrown at terminals.
const VECTORS: &[&str] = &[
    "\x1b]52;c;aGk=\x07",                                  // sets the clipboard
    "\x1b]8;;http://x\x1b\\y",                             // a link
    "\x1b]0;title\x07",                                    // the window's title
    "\x1b[2J\x1b[H",                                       // clears the screen
    "\u{9b}31m",                                           // a sequence that begins with one character of 8 bits
    "\u{90}q\u{9c}\u{9d}0;x\u{9c}",                        // others of them
    "\u{202e}txet\u{202c}",                                // runs backwards
    "\u{2066}a\u{2069}\u{200f}",                           // isolates, marks
    "a\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}b", // a pile of accents
    "a\u{200b}b\u{feff}c\u{200d}d\u{e0061}",               // nothing to be seen
    "one\u{2028}two\u{2029}three\u{85}four\x0b\x0cfive",
    "one\ntwo\rthree\tfour\x00five\x7f\x08",
];

/// Whether a terminal would do anything with it but show it.
#[track_caller]
fn is_harmless(what: &str, text: &str) {
    for c in text.chars() {
        let obeyed = (c.is_control() && c != '\n')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
                | '\u{e0000}'..='\u{e0fff}');
        assert!(!obeyed, "{what} prints {c:?}: {text:?}");
    }
    // JSON is for programs, and keeps its values.
    if text.starts_with('{') {
        return;
    }
    let marks = text.chars().fold((0, 0), |(run, most), c| {
        let run = if ('\u{300}'..='\u{36f}').contains(&c) { run + 1 } else { 0 };
        (run, most.max(run))
    });
    assert!(marks.1 <= 4, "{what} prints a pile of {} marks", marks.1);
}

#[track_caller]
fn both_harmless(what: &str, ran: &Ran) {
    is_harmless(what, &ran.out);
    is_harmless(what, &ran.err);
}

/// Each vector in each place that people can write in.
fn tape() -> Vec<String> {
    let mut tape = Vec::new();
    for (n, vector) in VECTORS.iter().enumerate() {
        let v = vector.replace('@', "@A").replace('/', "@S");
        tape.push(format!(
            "type@=chatmsg/rid@=9999/uid@={n}/nn@={v}/txt@={v}/cid@={:032x}/dms@=4/bnn@={v}/bl@=3/brid@=1/ic@={v}/",
            n + 1
        ));
        tape.push(format!("type@=dgb/rid@=9999/gfid@=1/gfn@={v}/uid@={n}/nn@={v}/gfcnt@=1/receive_nn@={v}/"));
        tape.push(format!("type@=uenter/rid@=9999/uid@={n}/nn@={v}/"));
        tape.push(format!("type@={v}/rid@=9999/uid@={n}/nn@={v}/txt@={v}/"));
        tape.push(format!("type@=anbc/rid@=9999/uid@={n}/unk@={v}/donk@={v}/nl@=3/"));
        tape.push(format!("type@=ssd/rid@=9999/content@={v}/url@={v}/"));
    }
    tape
}

#[test]
fn nothing_that_people_write_reaches_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (db, tape) = (path("x.db"), tape());
    let count = tape.len().to_string();
    let server = plays(&tape);
    let recorded = run(&["record", "9999", "--server", &url(&server), "-o", &db, "--limit", &count]);
    assert_eq!(recorded.code, 0, "{}", recorded.err);
    both_harmless("record", &recorded);
    let watch = ["watch", "9999", "--all", "--limit", &count, "--server"];
    for more in [&[][..], &["--color", "never"]] {
        both_harmless("watch", &run(&[&watch[..], &[&url(&server)], more].concat()));
    }
    let json = run(&["watch", "9999", "--json", "--events", "--limit", &count, "--server", &url(&server)]);
    both_harmless("watch --json", &json);
    let texts: Vec<_> = json.json().iter().filter_map(|line| Some(line["text"].as_str()?.to_owned())).collect();
    assert!(VECTORS.iter().all(|vector| texts.iter().any(|text| text == vector)), "JSON keeps all: {texts:?}");

    let all = ["search", &db, "--limit", "10000"];
    let found = run(&all);
    assert!(found.out.lines().count() >= 12, "{}", found.out);
    both_harmless("search", &found);
    both_harmless("search --json", &run(&[&all[..], &["--json"]].concat()));
    both_harmless("stats", &run(&["stats", &db]));
    both_harmless("stats --json", &run(&["stats", &db, "--json"]));

    // What is in the ledger and in what is found wrong may come from anywhere too.
    let conn = rusqlite::Connection::open(&db).unwrap();
    for (n, vector) in VECTORS.iter().enumerate() {
        conn.execute("INSERT INTO link VALUES (?1, 1, 9999, ?2, 1, 2, 3, ?2, 5, 0, 0, 0, 4)", (n as i64 + 100, vector))
            .unwrap();
        conn.execute("INSERT INTO dropped VALUES (?1, ?2, 4)", (n as i64 + 100, vector)).unwrap();
        conn.execute("INSERT INTO wanted VALUES (1, 9999, ?1, ?1 + 1)", [2 + 10 * n as i64]).unwrap();
    }
    drop(conn);
    let stats = run(&["stats", &db]);
    assert!(stats.out.contains("dropped: \u{FFFD}]52"), "{}", stats.out);
    both_harmless("stats", &stats);
    both_harmless("verify", &run(&["verify", &db]));
}

#[test]
fn a_pipe_gets_text_as_it_came_for_who_asks_for_that_and_a_terminal_never() {
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("x.db").to_str().unwrap().to_owned();
    let server =
        plays(["type@=chatmsg/rid@=9999/uid@=1/nn@=a\u{202e}b/txt@=\x1b[31mred\u{9b}/cid@=a1/dms@=4/bnn@=\x07/bl@=1/"]);
    let raw = ["--limit", "1", "--raw-text", "--color", "always"];
    let watched = run(&[&["watch", "9999", "--server", &url(&server), "-q"], &raw[..]].concat());
    assert!(watched.out.ends_with(" [\x07 1] a\u{202e}b: \x1b[31mred\u{9b}\n"), "{:?}", watched.out);
    run(&["record", "9999", "--server", &url(&server), "-o", &db, "--limit", "1"]);
    let found = run(&[&["search", &db], &raw[..]].concat());
    assert!(found.out.ends_with("\x1b[31mred\u{9b}\n"), "{:?}", found.out);
    // `script` gives it a terminal, where there is such a program.
    let command = format!("{} search {db} --raw-text", env!("CARGO_BIN_EXE_danmu"));
    let log = folder.path().join("typescript");
    match std::process::Command::new("script").args(["-qec", &command]).arg(&log).output() {
        Ok(ran) => {
            let said = String::from_utf8_lossy(&ran.stdout).into_owned();
            assert!(said.contains("--raw-text is not for terminals") && !said.contains("red"), "{said:?}");
        }
        Err(error) => println!("skipped: no script to make a terminal with: {error}"),
    }
}

#[test]
fn what_a_server_and_a_list_of_rooms_say_is_no_safer() {
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("x.db").to_str().unwrap().to_owned();
    let server = plays(["type@=error/code@=\x1b[2J\u{9b}31m/", "type@=error/code@=51/msg@=\x1b[2J/"]);
    both_harmless("a server's error", &run(&["record", "9999", "--server", &url(&server), "-o", &db, "--for", "1s"]));
    let list = folder.path().join("rooms.txt");
    std::fs::write(&list, "9999\n\x1b[2J\u{202e}room\n").unwrap();
    both_harmless("a list of rooms", &run(&["record", "--rooms", list.to_str().unwrap(), "-o", &db]));
    let named = folder.path().join("\x1b[2J\u{202e}.db");
    both_harmless("a file's name", &run(&["stats", named.to_str().unwrap()]));
    let input = danmu(&["decode", "--input", "stt", list.to_str().unwrap()]).output().unwrap();
    both_harmless("decode", &Ran::of(input));
    let (server, other) = simulate(&["--ws", "127.0.0.1:0"]);
    let _server = Served(server);
    both_harmless(
        "another protocol",
        &run(&["watch", "9999", "--server", &other.replace("ws:", "tcp:"), "--for", "1s"]),
    );
}
