//! Searching, counting and highlights at the command line: what people see, what programs read, and odd recordings.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

mod support;

use std::fs;
use std::process::Command;

use danmu_proto::{Batch, LinkId, RoomId};
use danmu_sinks::recording::writer::CatalogGift;
use danmu_sinks::{Recorder, RecorderOptions};
use serde_json::Value;
use support::{danmu, run};
use unicode_width::UnicodeWidthStr;

const SECOND: i64 = 1_000_000;
/// 2026-11-21 12:00:00 UTC.
const NOON: i64 = 1_795_262_400 * SECOND;

/// A recording in a folder that goes away with the test.
struct Made {
    folder: tempfile::TempDir,
    recorder: Option<Recorder>,
}

impl Made {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let recorder = Recorder::open(folder.path().join("danmu.db"), RecorderOptions::default(), NOON).unwrap();
        let mut made = Self { folder, recorder: Some(recorder) };
        for room in [9999, 288_016] {
            made.recorder().want(RoomId::new(room).unwrap(), NOON);
            made.recorder().link_opened(LinkId(room), RoomId::new(room).unwrap(), "tcp://127.0.0.1:8601", NOON);
        }
        made
    }

    fn recorder(&mut self) -> &mut Recorder {
        self.recorder.as_mut().unwrap()
    }

    fn hears(&mut self, room: u64, second: i64, payload: &str) {
        let mut batch = Batch::new();
        batch.push(payload.as_bytes(), false);
        let records = batch.freeze(RoomId::new(room).unwrap(), LinkId(room), NOON + second * SECOND);
        self.recorder().records(&records);
    }

    fn says(&mut self, second: i64, user: u64, name: &str, text: &str) {
        self.hears(9999, second, &chat(user, name, text));
    }

    fn commit(&mut self, second: i64) {
        self.recorder().commit(NOON + second * SECOND).unwrap();
    }

    /// The recorder stops, and there is one file.
    fn finish(mut self, second: i64) -> Self {
        self.recorder.take().unwrap().finish(NOON + second * SECOND).unwrap();
        self
    }

    fn db(&self) -> String {
        self.folder.path().join("danmu.db").to_str().unwrap().to_owned()
    }
}

fn chat(user: u64, name: &str, text: &str) -> String {
    let mut writer = danmu_proto::stt::Writer::new();
    writer = writer.pair("type", "chatmsg").pair("rid", 9999).pair("uid", user).pair("nn", name).pair("txt", text);
    writer.pair("level", 24).pair("dms", 5).pair("bnn", "小丑").pair("bl", 7).pair("brid", 1).finish()
}

fn gift(user: u64, id: u64, count: u32) -> String {
    format!("type@=dgb/rid@=9999/uid@={user}/nn@=土豪{user}/gfid@={id}/gfcnt@={count}/hits@=1/")
}

/// Some talk, some gifts, a super chat.
fn talk() -> Made {
    let mut made = Made::new();
    let rocket = CatalogGift {
        kind: danmu_proto::summary::GiftKind::Gift,
        id: 20004,
        name: Some("火箭".into()),
        price_fen: Some(50_000),
    };
    made.recorder().gift(rocket);
    for (second, user, text) in
        [(0, 1, "主播好"), (1, 2, "666"), (2, 1, "播放器卡"), (3, 3, "1"), (4, 2, "111"), (5, 1, "2")]
    {
        made.says(second, user, &format!("观众{user}"), text);
    }
    made.hears(9999, 6, &gift(7, 20004, 2));
    made.hears(9999, 7, &gift(8, 824, 5));
    made.hears(
        9999,
        8,
        "type@=comm_chatmsg/rid@=9999/uid@=5/btype@=voiceDanmu/cprice@=3000/cet@=60/\
         chatmsg@=type@A=chatmsg@Snn@A=小红@Stxt@A=主播加油@Suid@A=5@S/",
    );
    made.hears(288_016, 9, &chat(9, "别处", "主播在吗").replace("9999", "288016"));
    made.says(10, 1, "观众1", "再见");
    made.commit(11);
    made
}

/// Twenty minutes of little, and a minute of much.
fn moment() -> Made {
    let mut made = Made::new();
    for second in 0..1200 {
        if second % 3 == 0 {
            made.says(second, second as u64 % 50, &format!("观众{second}"), &format!("闲聊{second}"));
        }
        if (600..640).contains(&second) {
            for n in 0..6_u64 {
                made.says(
                    second,
                    100 + n * 41 + second as u64,
                    &format!("路人{second}{n}"),
                    &format!("五杀{n}{second}"),
                );
            }
        }
    }
    made.commit(1200);
    made.finish(1200)
}

#[track_caller]
fn finds(db: &str, arguments: &[&str], texts: &[&str]) {
    let ran = run(&[&["search", db, "-q"], arguments].concat());
    assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.err);
    let found: Vec<_> = ran.out.lines().map(|line| line.rsplit_once(": ").map_or(line, |(_, text)| text)).collect();
    assert_eq!(found, texts, "{arguments:?}: {}", ran.out);
}

#[test]
fn search_finds_words_of_any_length_people_medals_gifts_prices_times_rooms_and_types() {
    let made = talk();
    let db = made.db();
    finds(&db, &["播"], &["主播在吗", "主播加油 (60 s)", "播放器卡", "主播好"]);
    finds(&db, &["主播", "加"], &["主播加油 (60 s)"]);
    finds(&db, &["--oldest-first", "主播", "--type", "chat"], &["主播好", "主播在吗"]);
    finds(&db, &["--match", "^1+$"], &["111", "1"]);
    finds(&db, &["--match", "(a+)+$|(x*)*y", "--room", "9999"], &[]);
    finds(&db, &["--user", "3"], &["1"]);
    finds(&db, &["--user", "观众2"], &["111", "666"]);
    finds(&db, &["--medal", "小丑", "--room", "288016"], &["主播在吗"]);
    finds(&db, &["--gift", "火箭"], &["gift 20004 ×2"]);
    finds(&db, &["--gift", "824"], &["gift 824 ×5"]);
    finds(&db, &["--gift", "无此礼物"], &[]);
    finds(&db, &["--min-price", "30"], &["主播加油 (60 s)", "gift 20004 ×2"]);
    finds(&db, &["--min-price", "100"], &["gift 20004 ×2"]);
    finds(&db, &["--since", "2026-11-21T12:00:05Z", "--until", "2026-11-21T12:00:06Z"], &["2"]);
    finds(&db, &["--limit", "1"], &["再见"]);
    finds(&db, &["主播", "--limit", "0"], &[]);
    finds(&db, &["没有人说过"], &[]);
}

#[test]
fn search_works_while_the_recording_grows() {
    let mut made = talk();
    let db = made.db();
    finds(&db, &["新的"], &[]);
    made.says(20, 1, "观众1", "新的一句");
    made.commit(20);
    finds(&db, &["新的"], &["新的一句"]);
    let made = made.finish(30);
    finds(&made.db(), &["新的"], &["新的一句"]);
}

#[test]
fn search_counts_and_shows_context_and_marks() {
    let made = talk();
    let db = made.db();
    assert_eq!(run(&["search", &db, "主播", "--count"]).out, "3\n");
    let count: Value = serde_json::from_str(&run(&["search", &db, "没有", "--count", "--json"]).out).unwrap();
    assert_eq!(count["count"], 0);

    let ran = run(&["search", &db, "播放", "再见", "-C1"]);
    assert_eq!((ran.out.as_str(), ran.code), ("", 0));
    assert!(ran.err.contains("nothing found"), "{}", ran.err);
    let ran = run(&["search", &db, "--match", "播放|再见", "-C1"]).out;
    let lines: Vec<_> = ran.lines().map(|line| (&line[..2], line.rsplit(": ").next().unwrap())).collect();
    assert_eq!(
        lines,
        [("  ", "主播加油 (60 s)"), ("> ", "再见"), ("--", "--"), ("  ", "666"), ("> ", "播放器卡"), ("  ", "1"),]
    );
    let ran = run(&["search", &db, "--match", "^1", "-B2", "-A1"]).out;
    let lines: Vec<_> = ran.lines().map(|line| (&line[..2], line.rsplit(": ").next().unwrap())).collect();
    assert_eq!(
        lines,
        [("  ", "666"), ("  ", "播放器卡"), ("> ", "1"), ("> ", "111"), ("  ", "2")],
        "hits whose surroundings meet are one group, in the order of time"
    );
    let lines: Vec<Value> = run(&["search", &db, "播放", "-C1", "--json"])
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let context: Vec<_> = lines.iter().map(|line| line["context"] == true).collect();
    assert_eq!(context, [true, false, true]);
    assert_eq!(lines[1]["fields"]["txt"], "播放器卡", "what programs get is whole");

    let marked = run(&["search", &db, "放器", "--color", "always"]).out;
    assert!(marked.contains("\u{1b}[7m放器\u{1b}[0m"), "{marked:?}");
    assert!(!run(&["search", &db, "放器"]).out.contains('\u{1b}'));
}

#[test]
fn no_pattern_and_no_word_hangs_a_search() {
    let mut made = Made::new();
    made.says(0, 1, "甲", &"a".repeat(300_000));
    made.commit(1);
    let db = made.db();
    for pattern in ["(a+)+$", "(a|a)*b", "(.*)*.*=.*", "^(([a-z])+.)+[A-Z]([a-z])+$", "(?:a?){500}a{500}"] {
        let ran = run(&["search", &db, "--count", "--match", pattern]);
        assert_eq!(ran.code, 0, "{pattern}: {}", ran.err);
    }
    let word = format!("{}b", "a".repeat(999));
    assert_eq!(run(&["search", &db, "--count", &word]).out, "0\n");
    assert_eq!(run(&["search", &db, "--count", "%%%%%%%%%%_"]).out, "0\n");
}

#[test]
fn search_composes() {
    let mut made = talk();
    for n in 0..300 {
        made.says(100 + n, 1, "观众1", "很多");
    }
    let made = made.finish(500);
    let db = made.db();
    assert_eq!(run(&["search", &db, "很多"]).out.lines().count(), 100);
    assert_eq!(run(&["search", &db, "很多", "--json"]).out.lines().count(), 300, "programs want all");
    let head = Command::new("bash")
        .args(["-c", &format!("'{}' search '{db}' --json | head -n 1", env!("CARGO_BIN_EXE_danmu"))])
        .output()
        .unwrap();
    assert!(head.status.success() && head.stderr.is_empty(), "{}", String::from_utf8_lossy(&head.stderr));
    let none = run(&["search", &db, "很多", "--limit", "0"]);
    assert!(none.out.is_empty() && none.err.contains("there are more"), "{}", none.err);
    for (arguments, problem) in [
        (vec!["--match", "("], "is no regular expression"),
        (vec!["--match", "(((a{100}){100}){100})"], "is no regular expression"),
        (vec!["--since", "soon"], "is no time"),
        (vec!["--count", "--limit", "5"], "cannot be used"),
    ] {
        let ran = run(&[&["search", db.as_str()], &*arguments].concat());
        assert!(ran.code == 2 && ran.err.contains(problem), "{arguments:?}: {} {}", ran.code, ran.err);
    }
    let long = "长".repeat(5000);
    let ran = run(&["search", &db, &long]);
    assert!(ran.code == 2 && ran.err.contains("too long to look for"), "{}", ran.err);
}

#[test]
fn stats_tell_of_people_gifts_money_and_votes() {
    let made = talk().finish(60);
    let db = made.db();
    let out = run(&["stats", &db, "--vote", "1,2"]).out;
    for line in [
        "11 messages from",
        "people",
        "super chats",
        "¥1000+",
        "top talkers",
        "观众1 [小丑 7]",
        "火箭",
        "level",
        "room 9999: listened ",
    ] {
        assert!(out.contains(line), "no {line:?} in {out}");
    }
    let votes: Vec<_> = out.lines().skip_while(|line| !line.contains("vote")).skip(1).take(2).collect();
    assert!(
        votes[0].starts_with("  1          2  66.7 %") && votes[1].starts_with("  2          1  33.3 %"),
        "{votes:?}"
    );

    let table = made.folder.path().join("gifts.json");
    fs::write(
        &table,
        r#"{"gfid":{"824":{"name":"荧光棒","value_rmb":0.0},"20004":{"name":"大火箭","value_rmb":1.0}}}"#,
    )
    .unwrap();
    let stats = run(&["stats", &db, "--json", "--gift-table", table.to_str().unwrap()]).out;
    let stats: Value = serde_json::from_str(&stats).unwrap();
    assert_eq!((&stats["gift_fen"], &stats["unpriced"]), (&200.into(), &0.into()));
    assert_eq!(stats["gifts_given"][0]["name"], "大火箭");
    assert_eq!((&stats["people"], &stats["superchat_fen"], &stats["messages"]), (&7.into(), &3000.into(), &11.into()));

    for (file, problem) in [("none.json", "cannot be read"), ("bad.json", "is no gift table")] {
        fs::write(made.folder.path().join("bad.json"), "[]").unwrap();
        let path = made.folder.path().join(file);
        let ran = run(&["stats", &db, "--gift-table", path.to_str().unwrap()]);
        assert!(ran.code == 1 && ran.err.contains(problem) && ran.err.contains(file), "{} {}", ran.code, ran.err);
    }
}

#[test]
fn stats_make_a_table_of_hours_rooms_types_or_people() {
    let made = talk().finish(60);
    let db = made.db();
    for (by, head, rows, row) in [
        ("hour", "hour", 1, "2026-11-21"),
        ("room", "room", 2, "288016"),
        ("type", "type", 3, "chatmsg"),
        ("user", "who", 7, "观众1"),
    ] {
        let out = run(&["stats", &db, "--by", by]).out;
        assert!(out.lines().next().unwrap().contains(head) && out.contains(row), "{by}: {out}");
        assert_eq!(out.lines().count(), rows + 1, "{by}: {out}");
        let json = run(&["stats", &db, "--by", by, "--json"]).out;
        let lines: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), rows, "{by}: {json}");
        assert_eq!(lines.iter().map(|line| line["messages"].as_u64().unwrap()).sum::<u64>(), 11, "{by}");
    }
    assert_eq!(run(&["stats", &db, "--by", "user", "--top", "2"]).out.lines().count(), 3);
    for (arguments, problem) in [
        (&["--by", "hour", "--vote", "1"][..], "cannot be used with"),
        (&["--vote", "1,扣1"], "\"扣1\" cannot be voted for"),
        (&["--vote", "1,"], "\"\" cannot be voted for"),
    ] {
        let ran = run(&[&["stats", db.as_str()], arguments].concat());
        assert!(ran.code == 2 && ran.err.contains(problem), "{arguments:?}: {}", ran.err);
    }
}

#[test]
fn highlights_are_a_table_json_csv_a_cut_list_and_chapters() {
    let made = moment();
    let db = made.db();
    let table = run(&["highlights", &db]).out;
    assert!(table.starts_with("2026-11-2") && table.contains("room 9999") && table.contains("五杀"), "{table}");
    let json: Value = serde_json::from_str(&run(&["highlights", &db, "--json"]).out).unwrap();
    let (from, to) = (json["clip"]["from_s"].as_f64().unwrap(), json["clip"]["to_s"].as_f64().unwrap());
    assert!((570.0..=590.0).contains(&from) && (635.0..=650.0).contains(&to), "{from} to {to}");
    assert_eq!((&json["v"], &json["room"], &json["phrases"][0]), (&1.into(), &9999.into(), &"五杀".into()));

    let csv = run(&["highlights", &db, "--as", "csv"]).out;
    assert_eq!(csv.lines().count(), 2);
    assert_eq!(csv.lines().next().unwrap().split(',').count(), csv.lines().nth(1).unwrap().split(',').count());
    let vtt = run(&["highlights", &db, "--as", "vtt"]).out;
    assert!(vtt.starts_with("WEBVTT\n\n1\n00:09:") && vtt.contains(" --> 00:10:"), "{vtt}");
    let ogm = run(&["highlights", &db, "--as", "ogm"]).out;
    assert!(ogm.starts_with("CHAPTER01=00:00:00.000\nCHAPTER01NAME=…\nCHAPTER02=00:09:"), "{ogm}");

    // The video began when the moment did, and when it was over.
    let start = ["--start", "2026-11-21T12:10:00Z", "--lead", "0"];
    let vtt = run(&[&["highlights", &db, "--as", "vtt"], &start[..]].concat()).out;
    assert!(vtt.contains("00:00:00.000 --> 00:00:4"), "{vtt}");
    let late = run(&["highlights", &db, "--as", "vtt", "--start", "2026-11-21T13:00:00Z"]);
    assert!(late.code == 0 && late.err.contains("before the video begins"), "{}", late.err);
    let never = run(&["highlights", &db, "--as", "vtt", "--start", "live"]);
    assert!(never.code == 1 && never.err.contains("began"), "{}", never.err);

    for (arguments, problem) in [
        (["--min-score", "nan"], "is no score"),
        (["--min-score=-1", "--json"], "is no score"),
        (["--video", "a\nb.mp4"], "cannot name such a file"),
        (["--as=vtt", "--json"], "cannot be used with"),
    ] {
        let ran = run(&[&["highlights", db.as_str()], &arguments[..]].concat());
        assert!(ran.code == 2 && ran.err.contains(problem), "{arguments:?}: {}", ran.err);
    }
}

#[test]
fn the_video_of_a_room_begins_with_the_first_message_of_that_room() {
    let mut made = Made::new();
    made.hears(288_016, 0, &chat(1, "早", "早").replace("9999", "288016"));
    for second in 300..1200 {
        let crowd = if (700..730).contains(&second) { 8 } else { u64::from(second % 4 == 0) };
        for n in 0..crowd {
            made.says(second, n + second as u64 * 9, "甲", &format!("五杀{n}{second}"));
        }
    }
    made.commit(1200);
    let made = made.finish(1200);
    let of_all = run(&["highlights", &made.db(), "--as", "vtt"]).out;
    assert!(of_all.contains("\n00:06:"), "{of_all}");
    assert_eq!(run(&["highlights", &made.db(), "--as", "vtt", "--room", "9999"]).out, of_all);
}

#[test]
fn ffmpeg_cuts_along_the_cut_list() {
    if Command::new("ffmpeg").arg("-version").output().is_err() {
        return println!("skipped: no ffmpeg to cut with");
    }
    let made = moment();
    let video = made.folder.path().join("a video's.mp4");
    let ffmpeg = |arguments: &[&str]| {
        let ran = Command::new("ffmpeg").args(["-v", "error", "-y"]).args(arguments).output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    };
    let source = "color=size=32x32:rate=1:duration=1200";
    ffmpeg(&["-f", "lavfi", "-i", source, "-g", "1", "-c:v", "mpeg4", video.to_str().unwrap()]);
    let list = made.folder.path().join("cuts.txt");
    let cuts = run(&["highlights", &made.db(), "--as", "ffmpeg", "--video", "a video's.mp4"]).out;
    fs::write(&list, &cuts).unwrap();
    let best = made.folder.path().join("best.mp4");
    ffmpeg(&["-f", "concat", "-safe", "0", "-i", list.to_str().unwrap(), "-c", "copy", best.to_str().unwrap()]);
    let probe = Command::new("ffprobe")
        .args(["-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0"])
        .arg(&best)
        .output()
        .unwrap();
    let seconds: f64 = String::from_utf8_lossy(&probe.stdout).trim().parse().unwrap();
    assert!((40.0..90.0).contains(&seconds), "{seconds} s: {cuts}");
}

#[test]
fn a_cut_list_of_several_rooms_asks_which() {
    let mut made = Made::new();
    for room in [9999, 288_016] {
        for second in 0..900 {
            let crowd = if (400..430).contains(&second) { 8 } else { u64::from(second % 4 == 0) };
            for n in 0..crowd {
                made.hears(
                    room,
                    second,
                    &chat(n + second as u64 * 9, "甲", &format!("五杀{n}{second}")).replace("9999", &room.to_string()),
                );
            }
        }
        made.commit(900);
    }
    let made = made.finish(900);
    let ran = run(&["highlights", &made.db(), "--as", "vtt"]);
    assert!(ran.code == 1 && ran.err.contains("choose it with --room"), "{}", ran.err);
    let one = run(&["highlights", &made.db(), "--as", "vtt", "--room", "9999"]);
    assert!(one.code == 0 && one.out.lines().count() > 3, "{}{}", one.out, one.err);
}

#[test]
fn odd_recordings_give_sensible_output_or_one_clear_line() {
    let year = 365 * 86_400;
    let mut cases: Vec<(&str, Made)> = Vec::new();
    cases.push(("nothing", Made::new().finish(5)));
    let mut one = Made::new();
    one.says(0, 1, "甲", "一");
    cases.push(("one message", one.finish(5)));
    let mut person = Made::new();
    for n in 0..50 {
        person.says(n, 1, "甲", "一");
    }
    cases.push(("one person", person.finish(60)));
    let mut second = Made::new();
    for n in 0..500 {
        second.says(1, n, "甲", "一");
    }
    cases.push(("all in one second", second.finish(2)));
    let mut gaps = Made::new();
    for at in [0, year, 80 * year] {
        gaps.says(at, 1, "甲", "一");
    }
    cases.push(("a year of gaps and a clock that jumps", gaps.finish(80 * year + 1)));
    let mut names = Made::new();
    for n in 0..30 {
        names.says(n, n as u64, &format!("\u{202E}{}\u{1b}[2J{n}", "长".repeat(3400)), "\u{2067}一\n二");
    }
    cases.push(("names of ten kilobytes and from right to left", names.finish(60)));
    for (case, made) in cases {
        let db = made.db();
        for arguments in [
            &["stats", &db][..],
            &["stats", &db, "--vote", "1"],
            &["stats", &db, "--by", "hour"],
            &["stats", &db, "--by", "room"],
            &["stats", &db, "--by", "type"],
            &["stats", &db, "--by", "user"],
            &["stats", &db, "--json"],
            &["search", &db, "一", "-C2"],
            &["highlights", &db, "--min-score", "0"],
            &["highlights", &db, "--as", "vtt", "--room", "9999"],
            &["highlights", &db, "--json"],
        ] {
            let ran = run(arguments);
            assert_eq!(ran.code, 0, "{case} {arguments:?}: {}", ran.err);
            assert!(
                !ran.err.contains("panicked") && !ran.out.contains("NaN") && !ran.out.contains("inf"),
                "{}",
                ran.out
            );
            let hidden = |c: char| c == '\u{202E}' || c == '\u{2067}' || c == '\u{1b}';
            assert!(!ran.out.contains(hidden) && !ran.err.contains(hidden), "{case} {arguments:?}: {}", ran.out);
            let is_table = arguments[0] != "search" && !arguments.contains(&"--json");
            let widest = ran.out.lines().map(UnicodeWidthStr::width).max().unwrap_or(0);
            assert!(!is_table || widest <= 82, "{case} {arguments:?}: {widest} columns: {}", ran.out);
        }
    }
    let empty = Made::new().finish(5);
    assert!(run(&["stats", &empty.db()]).out.starts_with("no messages\n"));
    assert!(run(&["highlights", &empty.db()]).err.contains("no highlights"));
    let help = danmu(&["highlights", "--help"]).output().unwrap();
    assert!(String::from_utf8_lossy(&help.stdout).contains("ffmpeg -f concat"));
}
