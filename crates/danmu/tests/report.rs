//! `danmu report`: whatever a recording holds, the page is whole, the pictures show something, and what people wrote is
//! text.

#![cfg(feature = "report")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use danmu_proto::stt::Writer;
use danmu_proto::{Batch, LinkId, RoomId};
use danmu_sinks::{Filter, Recorder, RecorderOptions, Recording};
use quick_xml::events::Event;

use support::{Ran, danmu, run};

const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3600 * SECOND;
/// 2026-11-21 12:00:00 UTC.
const NOON: i64 = 1_795_262_400 * SECOND;

/// What every picture has but for its marks.
const PLAIN: [&str; 4] = ["#ffffff", "#1d2026", "#6a707b", "#e8e8e5"];

/// A recording under way.
struct Evening {
    path: PathBuf,
    recorder: Recorder,
    ids: u64,
}

impl Evening {
    /// Listens from `from_us` on.
    fn begin(folder: &Path, from_us: i64) -> Self {
        let path = folder.join("evening.db");
        let mut recorder = Recorder::open(&path, RecorderOptions::default(), from_us).unwrap();
        recorder.want(room(), from_us);
        Self { path, recorder, ids: 0 }
    }

    fn listen(&mut self, link: u64, at_us: i64) {
        self.recorder.link_opened(LinkId(link), room(), "tcp://127.0.0.1:1", at_us);
    }

    fn stop_listening(&mut self, link: u64, at_us: i64) {
        self.recorder.link_ended(LinkId(link), at_us, at_us, "closed");
    }

    fn say(&mut self, link: u64, at_us: i64, writer: Writer) {
        let mut batch = Batch::new();
        batch.push(writer.finish().as_bytes(), false);
        self.recorder.records(&batch.freeze(room(), LinkId(link), at_us));
        if self.ids.is_multiple_of(5000) {
            self.recorder.commit(at_us).unwrap();
        }
    }

    fn chat(&mut self, at_us: i64, uid: u64, name: &str, text: &str) {
        self.ids += 1;
        let writer = Writer::new().pair("type", "chatmsg").pair("rid", 9999).pair("uid", uid).pair("nn", name);
        let writer = writer.pair("txt", text).pair("level", uid % 60).pair("bnn", name).pair("bl", 3);
        self.say(1, at_us, writer.pair("cid", format!("{:032x}", self.ids)).pair("dms", 4));
    }

    fn gift(&mut self, at_us: i64, uid: u64, name: &str, number: u64, gift: &str) {
        let writer = Writer::new().pair("type", "dgb").pair("rid", 9999).pair("gfid", number).pair("gfn", gift);
        self.say(1, at_us, writer.pair("uid", uid).pair("nn", name).pair("gfcnt", 1).pair("hits", 1));
    }

    fn end(mut self, at_us: i64) -> PathBuf {
        self.recorder.commit(at_us).unwrap();
        self.recorder.finish(at_us).unwrap();
        self.path
    }
}

fn room() -> RoomId {
    RoomId::new(9999).unwrap()
}

/// An hour that `fill` fills while link 1 listens.
fn hour(folder: &Path, fill: impl FnOnce(&mut Evening)) -> PathBuf {
    let mut evening = Evening::begin(folder, NOON);
    evening.listen(1, NOON);
    fill(&mut evening);
    evening.stop_listening(1, NOON + HOUR);
    evening.end(NOON + HOUR)
}

/// A report: where it is, its page, and the names of its pictures.
struct Reported {
    folder: PathBuf,
    page: String,
    pictures: BTreeSet<String>,
}

/// Makes a report and looks at all of it: exit code, page, and every picture.
#[track_caller]
fn report(recording: &Path, arguments: &[&str]) -> Reported {
    let folder = recording.with_file_name("out");
    let ran = run(&[&["report", recording.to_str().unwrap(), "-o", folder.to_str().unwrap()], arguments].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(ran.out, "");
    let page = fs::read_to_string(folder.join("index.html")).unwrap();
    check_page(&page);
    let mut pictures = BTreeSet::new();
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        match path.extension().unwrap().to_str().unwrap() {
            "svg" => {
                check_picture(&fs::read_to_string(&path).unwrap(), &path);
                pictures.insert(path.file_stem().unwrap().to_str().unwrap().to_owned());
            }
            "png" => assert!(fs::read(&path).unwrap().starts_with(b"\x89PNG\r\n")),
            "html" => {}
            other => panic!("a .{other} file"),
        }
    }
    let has_png = pictures.iter().filter(|name| folder.join(format!("{name}.png")).exists()).count();
    if ran.err.contains("SVG only") {
        assert_eq!(has_png, 0);
    } else {
        assert_eq!(has_png, pictures.len());
    }
    Reported { folder, page, pictures }
}

/// Nothing in it runs, is fetched, or is no number; what is opened is closed.
#[track_caller]
fn check_page(page: &str) {
    for (part, times) in [("</style>", 1), ("<script", 0), ("NaN", 0), ("inf\"", 0), ("</html>", 1), ("<title>", 1)] {
        assert_eq!(page.matches(part).count(), times, "{part}");
    }
    // Empty elements of HTML are no XML.
    let (_, body) = page.split_once("</head>").unwrap();
    well_formed(&format!("<html>{body}"));
}

/// It is XML, and there is something on it beside paper, text and lines.
#[track_caller]
fn check_picture(svg: &str, path: &Path) {
    well_formed(svg);
    assert!(!svg.contains("NaN") && !svg.contains("inf"), "{}", path.display());
    let marks = svg.split("fill=\"#").skip(1).filter(|rest| !PLAIN.contains(&&*format!("#{}", &rest[..6]))).count();
    let marks = marks + svg.matches("fill=\"none\" stroke=\"#").count();
    assert!(marks > 0, "{} is blank", path.display());
}

#[track_caller]
fn well_formed(xml: &str) {
    let mut reader = quick_xml::Reader::from_str(xml);
    reader.config_mut().check_end_names = true;
    let mut depth = 0_i64;
    loop {
        match reader.read_event().unwrap_or_else(|error| panic!("{error} at {}", reader.error_position())) {
            Event::Start(start) => {
                check_attributes(&start);
                depth += 1;
            }
            Event::Empty(start) => check_attributes(&start),
            Event::End(_) => depth -= 1,
            Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!(depth, 0);
}

/// What is there is drawn, and neither runs nor leads anywhere.
#[track_caller]
fn check_attributes(start: &quick_xml::events::BytesStart<'_>) {
    for attribute in start.attributes() {
        let attribute = attribute.unwrap();
        let (key, value): (&str, &str) = (attribute.key.as_ref(), &attribute.value);
        assert!(!key.starts_with("on") && !["src", "href", "xlink:href", "srcdoc", "action"].contains(&key), "{key}");
        assert!(!value.contains("url(") || value.starts_with("url(#"), "{key}={value}");
    }
}

fn names(names: &BTreeSet<String>) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

#[test]
fn an_hour_has_all_its_pictures_in_both_languages_and_all_colours() {
    let folder = tempfile::tempdir().unwrap();
    let path = hour(folder.path(), |evening| {
        for n in 0..3000 {
            let at = NOON + n * SECOND;
            evening.chat(
                at,
                n as u64 % 100,
                &format!("观众{}", n % 100),
                ["主播好", "666", "这波操作太秀了[emot:dy110]"][n as usize % 3],
            );
            if n % 20 == 0 {
                evening.gift(at, 7, "土豪", 20_004, "火箭");
            }
            if n % 500 == 0 {
                let inner = Writer::new().pair("nn", "寿星").pair("txt", "生日快乐").pair("uid", 5).finish();
                let paid = Writer::new().pair("type", "comm_chatmsg").pair("rid", 9999).pair("uid", 5);
                let paid = paid.pair("btype", "voiceDanmu").pair("chatmsg", inner);
                evening.say(1, at, paid.pair("cprice", 3000).pair("crealPrice", 3000).pair("cet", 60));
            }
        }
        for n in 0..300 {
            evening.chat(NOON + 1800 * SECOND, 200 + n, &format!("围观{n}"), &format!("五杀！{n}"));
        }
    });
    let all =
        ["cloud", "density", "emotes", "gifts", "givers", "levels", "medals", "money", "talkers", "week", "words"];
    let zh = report(&path, &["--lang", "zh"]);
    assert_eq!(names(&zh.pictures), all);
    for part in ["lang=\"zh-CN\"", "弹幕密度", "9999 房间", "高能时刻", "土豪", "录制完整度", "100%", "没有缺口"]
    {
        assert!(zh.page.contains(part), "{part}");
    }
    assert!(zh.page.contains("(prefers-color-scheme: dark)") && zh.page.contains("@media print"));
    let en = report(&path, &["--lang", "en", "--theme", "dark"]);
    assert_eq!(names(&en.pictures), all);
    for part in ["lang=\"en\"", "lines a minute", "room 9999", "nothing was missed"] {
        assert!(en.page.contains(part), "{part}");
    }
    assert!(!en.page.contains("(prefers-color-scheme"));
    assert!(fs::read_to_string(en.folder.join("density.svg")).unwrap().contains("#1b1e24"));
}

#[test]
fn the_language_is_that_of_the_system() {
    let folder = tempfile::tempdir().unwrap();
    let path = hour(folder.path(), |evening| evening.chat(NOON, 1, "a", "你好世界"));
    for (locale, tag) in [("zh_CN.UTF-8", "zh-CN"), ("C.UTF-8", "en"), ("", "en")] {
        let out = folder.path().join("out");
        let arguments = ["report", path.to_str().unwrap(), "-o", out.to_str().unwrap()];
        let done =
            danmu(&arguments).env("LC_ALL", locale).env_remove("LC_MESSAGES").env_remove("LANG").output().unwrap();
        assert!(done.status.success());
        let page = fs::read_to_string(out.join("index.html")).unwrap();
        assert!(page.contains(&format!("<html lang=\"{tag}\">")), "{locale}");
    }
}

#[test]
fn an_empty_recording_is_refused_in_one_line_and_one_in_which_nobody_spoke_tells_what_was_missed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("empty.db");
    Recorder::open(&path, RecorderOptions::default(), NOON).unwrap().finish(NOON).unwrap();
    let out = folder.path().join("out");
    let ran = run(&["report", path.to_str().unwrap(), "-o", out.to_str().unwrap()]);
    assert_eq!((ran.code, ran.err.lines().count()), (1, 1), "{}", ran.err);
    assert!(ran.err.contains("empty.db has no messages to report"), "{}", ran.err);
    assert!(!out.exists());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left lying about");

    let silent = report(&hour(folder.path(), |_| {}), &["--lang", "en"]);
    assert!(silent.pictures.is_empty());
    assert!(silent.page.contains("nothing was said") && silent.page.contains("Nothing to show for: "));
}

#[test]
fn one_message_is_a_report() {
    let folder = tempfile::tempdir().unwrap();
    let path = hour(folder.path(), |evening| evening.chat(NOON, 1, "小明", "你好世界"));
    let one = report(&path, &[]);
    assert_eq!(names(&one.pictures), ["cloud", "density", "levels", "medals", "talkers", "week", "words"]);
}

#[test]
fn one_person_is_a_report() {
    let folder = tempfile::tempdir().unwrap();
    let path = hour(folder.path(), |evening| {
        (0..500).for_each(|n| evening.chat(NOON + n * SECOND, 1, "小明", "666"));
    });
    assert!(report(&path, &[]).page.contains("小明"));
}

#[test]
fn all_at_the_same_second_is_a_report() {
    let folder = tempfile::tempdir().unwrap();
    let path = hour(folder.path(), |evening| {
        (0..500).for_each(|n| evening.chat(NOON, n, "同时", "一起说话"));
    });
    assert!(report(&path, &[]).pictures.contains("density"));
}

#[test]
fn a_year_of_gaps_is_a_report() {
    let folder = tempfile::tempdir().unwrap();
    let mut evening = Evening::begin(folder.path(), NOON);
    for day in 0..365 {
        let at = NOON + day * 24 * HOUR;
        evening.listen(1, at);
        evening.chat(at + SECOND, 1, "小明", "今天也来了");
        evening.stop_listening(1, at + 60 * SECOND);
    }
    let path = evening.end(NOON + 365 * 24 * HOUR);
    let year = report(&path, &["--lang", "en"]);
    assert!(year.pictures.contains("density"));
    assert!(year.page.contains("365 gaps") && year.page.contains("and 165 more"));
}

#[test]
fn a_clock_that_jumped_is_a_report() {
    let folder = tempfile::tempdir().unwrap();
    let mut evening = Evening::begin(folder.path(), NOON);
    evening.listen(1, NOON);
    for at in [NOON, NOON + 60 * SECOND, NOON + 200 * 365 * 24 * HOUR, 253_402_300_799 * SECOND, i64::MAX / 2] {
        (0..20).for_each(|n| evening.chat(at, n, "时钟", "几点了现在"));
    }
    evening.stop_listening(1, i64::MAX / 2);
    let jumped = report(&evening.end(i64::MAX / 2), &[]);
    assert!(jumped.pictures.contains("density"));
}

#[test]
fn without_prices_gifts_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = hour(folder.path(), |evening| {
        (0..50).for_each(|n| evening.gift(NOON + n * SECOND, n as u64 % 3, "土豪", 99_999, "没有价格的礼物"));
    });
    let unpriced = report(&path, &["--lang", "en"]);
    assert_eq!(names(&unpriced.pictures), ["gifts", "givers", "money"]);
    assert!(unpriced.page.contains("Gifts over time") && !unpriced.page.contains("¥"));

    let table = folder.path().join("gifts.json");
    fs::write(&table, r#"{"99999": {"name": "有价格了", "pc": 600}}"#).unwrap();
    let priced = report(&path, &["--lang", "en", "--gift-table", table.to_str().unwrap()]);
    assert!(priced.page.contains("Gifts and money over time") && priced.page.contains("¥300"), "50 of 6 yuan");
}

#[test]
fn what_people_wrote_is_text_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let zalgo: String = std::iter::once('鬼').chain(std::iter::repeat_n('\u{301}', 300)).collect();
    let hostile = [
        "<script>alert(1)</script>".to_owned(),
        "</style></svg><img src=x onerror=alert(1)>".to_owned(),
        "\"><svg onload='x'>&amp;&#60;".to_owned(),
        "]]><!--".to_owned(),
        "\u{202e}倒着写\u{2066}名字".to_owned(),
        "العربية مرحبا".to_owned(),
        "名".repeat(10_000),
        zalgo,
        "😀👨‍👩‍👧🇨🇳🐟".to_owned(),
        "\u{0}\u{1b}[31m\u{FFFF}\u{85}".to_owned(),
        "   ".to_owned(),
        "%s${x}{{x}}".to_owned(),
    ];
    let path = hour(folder.path(), |evening| {
        for (at, text) in (0..).zip(hostile.iter().cycle().take(1200)) {
            let at_us = NOON + at * SECOND;
            evening.chat(at_us, at as u64 % 12, text, &format!("{text} 一二三 {text}"));
            evening.gift(at_us, at as u64 % 12, text, at as u64 % 12, text);
        }
        // A peak, for these lines to be its samples.
        for (n, text) in (0..600).zip(hostile.iter().cycle()) {
            evening.chat(NOON + 2400 * SECOND + n as i64 * 20_000, 1000 + n, text, text);
        }
    });
    let reported = report(&path, &["--lang", "zh"]);
    assert!(reported.page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert!(!reported.page.contains('\u{202e}') && !reported.page.contains('\u{2066}'));
    assert!(reported.page.len() < 400_000, "{} bytes", reported.page.len());
    // On the page, emoji are the reader's; in pixels, they would be boxes.
    assert!(reported.page.contains("😀"));
}

#[test]
fn without_a_font_the_pictures_are_svg_and_one_line_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("fonts.conf");
    fs::create_dir(folder.path().join("fonts")).unwrap();
    let fonts = folder.path().join("fonts");
    fs::write(&config, format!("<?xml version=\"1.0\"?><fontconfig><dir>{}</dir></fontconfig>", fonts.display()))
        .unwrap();
    let path = hour(folder.path(), |evening| evening.chat(NOON, 1, "小明", "你好世界"));
    let out = folder.path().join("out");
    let arguments = ["report", path.to_str().unwrap(), "-o", out.to_str().unwrap(), "-q"];
    let done = Ran::of(danmu(&arguments).env("FONTCONFIG_FILE", &config).output().unwrap());
    assert_eq!(done.code, 0, "{}", done.err);
    if done.err.is_empty() {
        println!("skipped: fonts are not found through fontconfig on this system");
        return;
    }
    assert_eq!(done.err.lines().count(), 1, "{}", done.err);
    assert!(done.err.contains("the pictures are SVG only") && done.err.contains("--font"), "{}", done.err);
    assert!(out.join("density.svg").exists() && !out.join("density.png").exists());
}

#[test]
fn a_wrong_font_or_folder_is_refused_and_what_is_there_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = hour(folder.path(), |evening| evening.chat(NOON, 1, "小明", "你好世界"));
    let path = path.to_str().unwrap();
    let refused = |output: &Path, arguments: &[&str], why: &str| {
        let ran = run(&[&["report", path, "-o", output.to_str().unwrap()], arguments].concat());
        assert_eq!((ran.code, ran.err.lines().count()), (1, 1), "{}", ran.err);
        assert!(ran.err.contains(why), "{}", ran.err);
    };
    refused(&folder.path().join("out"), &["--font", path], "evening.db is no font");
    refused(&folder.path().join("out"), &["--since", "2030-01-01", "--room", "5"], "none that were asked for");
    refused(folder.path(), &[], "evening.db, which is of no report");
    refused(Path::new(path), &[], "is a file; name a folder");
    assert!(!folder.path().join("out").exists());
    assert_eq!(Recording::open(path).unwrap().messages(&Filter::default()).unwrap().count(), 1);
}

#[test]
fn an_interrupted_report_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = hour(folder.path(), |evening| {
        (0..2000).for_each(|n| evening.chat(NOON + n * SECOND, n as u64, "观众", &format!("第{n}句")));
    });
    let out = folder.path().join("out");
    let child = support::start(&["report", path.to_str().unwrap(), "-o", out.to_str().unwrap()]);
    let part = folder.path().join(format!("out.{}.part", child.id()));
    support::eventually("it writes", || part.exists() || out.exists());
    support::signal(&child, "-INT");
    let ran = support::wait(child);
    assert!(!part.exists());
    // It may have been done just before.
    assert_eq!((ran.code, out.exists()), if ran.code == 0 { (0, true) } else { (1, false) }, "{}", ran.err);
    assert!(ran.code == 0 || ran.err.contains("interrupted: nothing was written"), "{}", ran.err);
}

/// Reading alone against the whole report, in one run each; a million messages with `DANMU_REPORT_MESSAGES=1000000`.
#[test]
fn a_report_takes_a_few_times_as_long_as_reading_and_bounded_memory() {
    let messages: i64 = std::env::var("DANMU_REPORT_MESSAGES").ok().and_then(|n| n.parse().ok()).unwrap_or(20_000);
    let folder = tempfile::tempdir().unwrap();
    let path = hour(folder.path(), |evening| {
        for n in 0..messages {
            let at = NOON + n * HOUR / messages;
            let uid = (n * n % 49_999) as u64;
            match n % 5 {
                0 => evening.gift(at, uid, &format!("观众{uid}"), n as u64 % 40, "火箭"),
                1 => evening.chat(at, uid, &format!("观众{uid}"), "666"),
                _ => evening.chat(
                    at,
                    uid,
                    &format!("观众{uid}"),
                    &format!("主播第{n}次说这波操作太秀了，下一把打野{}", n % 977),
                ),
            }
        }
    });
    let begin = Instant::now();
    assert_eq!(Recording::open(&path).unwrap().messages(&Filter::default()).unwrap().count(), messages as usize);
    let reading = begin.elapsed();
    let begin = Instant::now();
    let out = folder.path().join("out");
    let mut child = support::start(&["report", path.to_str().unwrap(), "-o", out.to_str().unwrap()]);
    let mut peak_kib = 0;
    while child.try_wait().unwrap().is_none() {
        peak_kib = peak_kib.max(peak_memory_kib(child.id()).unwrap_or(0));
        std::thread::sleep(Duration::from_millis(5));
    }
    let reporting = begin.elapsed();
    let ran = support::wait(child);
    assert!(ran.code == 0 && ran.err.contains("files in"), "{}", ran.err);
    println!(
        "{messages} messages: reading {reading:.2?}, report {reporting:.2?}, {:.1} times as long, {} MiB",
        reporting.as_secs_f64() / reading.as_secs_f64(),
        peak_kib >> 10,
    );
    assert!(peak_kib < 200 << 10, "{peak_kib} KiB");
}

/// The most memory that a process had, where the system tells.
fn peak_memory_kib(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}
