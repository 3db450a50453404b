//! Formats for players, understood by those who read them: whatever people typed, it is shown and does nothing.

use std::fs;
use std::path::{Path, PathBuf};

use danmu_proto::stt::Writer;
use danmu_proto::summary::GiftKind;
use danmu_sinks::export::{ExportOptions, to_file};
use danmu_sinks::format::ass::Density;
use danmu_sinks::recording::writer::{CatalogGift, RoomState};
use danmu_sinks::{Format, Recording};
use proptest::prelude::*;
use regex::Regex;
use serde_json::Value;
use tempfile::TempDir;

use crate::readers::{converts, system, understood};
use crate::support::*;

/// What people typed, each with what is seen of it where controls have no place.
const HOSTILE: &[(&str, &str)] = &[
    ("主播好 666", "主播好 666"),
    ("{\\p1}m 0 0 l 1900 0 1900 900 0 900", "{\\p1}m 0 0 l 1900 0 1900 900 0 900"),
    ("{\\fs999\\t(0,9,\\fs1)}大", "{\\fs999\\t(0,9,\\fs1)}大"),
    ("a\\Nb\\nc\\hd\\", "a\\Nb\\nc\\hd\\"),
    ("<b>&\"'</d><x/>]]>&amp;&#65;", "<b>&\"'</d><x/>]]>&amp;&#65;"),
    ("1 --> 2", "1 --> 2"),
    ("<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"),
    ("a\u{8}b\0c\u{1b}[2J\u{9b}1m\u{7f}", "abc[2J1m"),
    ("\u{feff}x\u{fffe}\u{ffff}", "x"),
    ("line\nbreak\r\nhere\tand\u{2028}there", "line break here and there"),
    ("👨‍👩‍👧 ❤️ [emot:dy110]", "👨‍👩‍👧 ❤️ [emot:dy110]"),
    ("=1+1,\"a\";b", "=1+1,\"a\";b"),
];

/// Chat of all that is hostile, with names as bad, a second apart from 1 s on; blank chat; then a gift at 20 s, a super
/// chat at 21 s, a diamond fan at 22 s, and nobles of this room and of another.
fn hostile() -> (TempDir, Recording) {
    let (folder, path) = folder();
    let mut recorder = listening(&path, NOON);
    recorder.gift(CatalogGift {
        kind: GiftKind::Gift,
        id: 20004,
        name: Some("超级 火箭<&>".into()),
        price_fen: Some(50_000),
    });
    let state = RoomState {
        live: Some(true),
        title: Some("标题 \"<&>\" {\\p1}\u{8}".into()),
        owner: Some("主播<>".into()),
        category: Some("英雄联盟".into()),
        ..RoomState::default()
    };
    recorder.room_state(room(9999), state, NOON);
    let says = |name: &str, text: &str| {
        let chat = Writer::new().pair("type", "chatmsg").pair("rid", 9999).pair("uid", 12).pair("nn", name);
        chat.pair("txt", text).pair("col", 1).pair("dms", 5).finish()
    };
    let mut at = NOON;
    let mut hear = |at_us: i64, payload: String| recorder.records(&heard(LINK, room(9999), at_us, &[payload]));
    for (text, _) in HOSTILE {
        hear(at, says(text, text));
        at += SECOND;
    }
    hear(at, says("x", " \u{8}\n "));
    hear(NOON + 20 * SECOND, gift(7, 20004, 2));
    hear(NOON + 21 * SECOND, superchat(8, 3000));
    let fan = "type@=dfobc/rid@=9999/uid@=9/nick@=钻石/mn@=3/price@=19800/rrid@=9999/rnick@=主播/";
    hear(NOON + 22 * SECOND, fan.into());
    hear(NOON + 23 * SECOND, "type@=anbc/rid@=0/uid@=1/unk@=皇帝甲/drid@=9999/donk@=主播/nl@=6/bt@=1/".into());
    hear(NOON + 24 * SECOND, "type@=anbc/rid@=0/uid@=1/unk@=elsewhere/drid@=7/donk@=别人/nl@=6/bt@=1/".into());
    recorder.commit(at).unwrap();
    drop(recorder);
    (folder, Recording::open(path).unwrap())
}

/// Exports into a file beside the recording.
#[track_caller]
fn export(recording: &Recording, format: &str, options: &ExportOptions) -> PathBuf {
    let path = recording.path().with_extension(format);
    to_file(recording, options, Format::by_name(format).unwrap(), &path).unwrap();
    path
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

#[test]
fn xml_is_laid_out_as_the_pickiest_readers_want_it() {
    let (_folder, recording) = hostile();
    let xml = text(&export(&recording, "xml", &ExportOptions::default()));
    assert!(xml.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?><i><BililiveRecorder version="), "{xml}");
    assert!(xml.ends_with("></guard>\n</i>\n"));
    let record_info = "<BililiveRecorderRecordInfo roomid=\"9999\" shortid=\"0\" name=\"主播&lt;&gt;\" \
        title=\"标题 &quot;&lt;&amp;&gt;&quot; {\\p1}\" areanameparent=\"\" areanamechild=\"英雄联盟\" \
        start_time=\"2026-11-21T12:00:00.0000000+00:00\"/>\n";
    assert!(xml.contains(record_info), "{xml}");
    assert!(
        xml.contains(
            "<d p=\"0.000,1,25,16711680,1795262400,0,4f5344cd,1\" user=\"主播好 666\" uid=\"12\">主播好 666</d>\n"
        ),
        "{xml}"
    );
    assert!(xml.contains("<gift ts=\"20.000\" user=\"小红\" uid=\"7\" giftname=\"超级\u{a0}火箭&lt;&amp;&gt;\" giftcount=\"2\" price=\"1000000\"></gift>\n"), "{xml}");
    assert!(xml.contains("<sc ts=\"21.000\" user=\"小红\" uid=\"8\" price=\"30\" time=\"60\">加油</sc>\n"), "{xml}");
    assert!(xml.contains("<guard ts=\"22.000\" user=\"钻石\" uid=\"9\" level=\"3\" count=\"3\" price=\"198000\" giftname=\"钻粉\"></guard>\n"), "{xml}");
    assert!(xml.contains("<guard ts=\"23.000\" user=\"皇帝甲\" uid=\"1\" level=\"1\" count=\"1\" price=\"0\" giftname=\"皇帝\"></guard>\n"), "{xml}");
    assert!(!xml.contains("elsewhere"));

    // Readers by regular expression: ArtPlayer's, and one like that of mpv's uosc_danmaku.
    let seen = |pattern: &str| {
        Regex::new(pattern).unwrap().captures_iter(&xml).map(|found| found[1].to_owned()).collect::<Vec<_>>()
    };
    for pattern in [r#"<d[^>]*?p="([^"]+)"[^>]*?>[\s\S]*?</d>"#, r#"<d p="([^"]+)"[^>]*>[^<]+</d>"#] {
        let found = seen(pattern);
        assert_eq!(found.len(), HOSTILE.len(), "{pattern}");
        let fields = found.iter().map(|p| p.split(',').filter(|field| !field.is_empty()).count());
        assert!(fields.min() == Some(8) && !xml.contains(",,"), "{found:?}");
    }
    let entities: Vec<_> = seen("&([^;]+);");
    assert!(entities.iter().all(|entity| ["amp", "lt", "gt", "quot"].contains(&&**entity)), "{entities:?}");
}

#[test]
fn xml_is_understood_by_parsers_and_converters() {
    let (folder, recording) = hostile();
    let mut options = ExportOptions::default();
    for raw in [false, true] {
        options.options.xml.raw = raw;
        let path = export(&recording, "xml", &options);
        let file = path.to_str().unwrap();
        let _ = system("xmllint", &["--noout", file]);
        let Some(elements) = understood("expat", &path) else { return };
        let elements = elements.as_array().unwrap();
        let chat: Vec<_> = elements.iter().filter(|e| e[0] == "d").collect();
        let seen: Vec<_> = chat.iter().map(|e| e[2].as_str().unwrap()).collect();
        assert_eq!(seen, HOSTILE.iter().map(|(_, seen)| *seen).collect::<Vec<_>>());
        let names: Vec<_> = chat.iter().map(|e| e[1]["user"].as_str().unwrap()).collect();
        assert_eq!(names, seen);
        let gift = elements.iter().find(|e| e[0] == "gift").unwrap();
        let raw_gift = gift[1].get("raw").map(|raw| serde_json::from_str::<Value>(raw.as_str().unwrap()).unwrap());
        assert_eq!(raw_gift.as_ref().map(|raw| raw["total_coin"] == 1_000_000), raw.then_some(true), "{raw_gift:?}");
        assert_eq!(raw_gift.map(|raw| raw["fields"]["gfid"] == "20004"), raw.then_some(true));

        let ass = folder.path().join("out.ass");
        converts("biliass", &[file, "-s", "1920x1080", "-o", ass.to_str().unwrap()]);
        assert_eq!(text(&ass).matches("\nDialogue:").count(), HOSTILE.len());
        converts("dmconvert", &["-i", file, "-o", ass.to_str().unwrap()]);
        let converted = text(&ass);
        assert!(converted.contains("加油") && converted.contains("超级") && converted.contains("钻粉"), "{converted}");
    }
}

#[test]
fn the_recorder_dialect_has_milliseconds_and_account_numbers() {
    let (_folder, recording) = hostile();
    let mut options = ExportOptions::default();
    options.options.xml.dialect = danmu_sinks::format::xml::Dialect::Recorder;
    let xml = text(&export(&recording, "xml", &options));
    assert!(xml.contains("<d p=\"0.000,1,25,16711680,1795262400000,0,12,1\""), "{xml}");
}

#[test]
fn ass_shows_what_was_typed_and_nothing_of_it_is_markup() {
    let (_folder, recording) = hostile();
    let mut options = ExportOptions::default();
    options.options.ass.names = true;
    let path = export(&recording, "ass", &options);
    let wide = |text: &str| text.replace('{', "｛").replace('}', "｝").replace('\\', "＼");
    let Some(events) = understood("pysubs2", &path) else { return };
    let events = events.as_array().unwrap();
    let chat: Vec<_> = events.iter().filter(|e| e[2] == "R2L").map(|e| e[3].as_str().unwrap()).collect();
    let shown: Vec<_> = HOSTILE.iter().map(|(_, seen)| format!("{0}: {0}", wide(seen))).collect();
    assert_eq!(chat, shown);
    let message = |start: i64| {
        let texts = events
            .iter()
            .filter(|e| (e[2] == "MSG" || e[2] == "GIFT") && e[0] == start)
            .map(|e| e[3].as_str().unwrap());
        texts.filter(|text| !text.starts_with("m 0 ") && !text.is_empty()).collect::<Vec<_>>()
    };
    assert_eq!(message(20_000), ["小红: 超级 火箭<&> ×2 ¥1000"]);
    assert_eq!(message(21_000), ["小红 ¥30", "加油"]);
    assert_eq!(message(22_000), ["钻石: 开通 钻粉 ×3"]);
    assert_eq!(message(23_000), ["皇帝甲: 开通 皇帝 ×1"]);
    let superchat = events.iter().find(|e| e[0] == 21_000).unwrap();
    assert_eq!(superchat[1], 81_000, "a super chat stands as long as was paid for");
}

#[test]
fn srt_and_webvtt_are_understood_line_by_line() {
    let (_folder, recording) = hostile();
    let mut options = ExportOptions::default();
    options.options.window.lines = 1;
    options.options.window.hold_ms = 900;
    let wide = |text: &str| {
        text.replace('{', "｛").replace('}', "｝").replace('\\', "＼").replace('<', "＜").replace('>', "＞")
    };
    let Some(cues) = understood("pysubs2", &export(&recording, "srt", &options)) else { return };
    let seen: Vec<_> = cues.as_array().unwrap().iter().map(|cue| cue[3].as_str().unwrap()).collect();
    let shown: Vec<_> = HOSTILE.iter().map(|(_, seen)| format!("{0}: {0}", wide(seen))).collect();
    assert_eq!(&seen[..HOSTILE.len()], shown);
    assert_eq!(cues[1][0], 1000);
    assert_eq!(cues[1][1], 1900);

    let Some(cues) = understood("webvtt", &export(&recording, "vtt", &options)) else { return };
    let cues = cues.as_array().unwrap();
    let entities = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let shown: Vec<_> = HOSTILE.iter().map(|(_, seen)| entities(seen)).collect();
    for (cue, shown) in cues.iter().zip(shown) {
        assert_eq!(cue[2][0], format!("<v {shown}>{shown}: {shown}</v>"), "{cue}");
        assert_eq!(cue[3], shown, "the voice");
    }
    assert_eq!(cues[1][0], "00:00:01.000");
    assert!(cues.len() >= HOSTILE.len() + 4);
}

#[test]
fn dplayer_shows_text_and_runs_nothing() {
    let (_folder, recording) = hostile();
    let Some(pages) = understood("dplayer", &export(&recording, "dplayer", &ExportOptions::default())) else { return };
    let pages = pages.as_array().unwrap();
    assert_eq!(pages.len(), HOSTILE.len() + 1);
    for (page, (_, shown)) in pages.iter().zip(HOSTILE) {
        assert_eq!(page[0], *shown);
        assert_eq!(page[1].as_array().unwrap().len(), 0, "{page}");
    }
}

#[test]
fn json_of_players_has_what_they_look_for() {
    let (_folder, recording) = hostile();
    let json =
        |format| serde_json::from_str::<Value>(&text(&export(&recording, format, &ExportOptions::default()))).unwrap();
    let comments = HOSTILE.len() + 1;
    assert!(
        text(&export(&recording, "dandanplay", &ExportOptions::default())).starts_with("{\"count\":13,\"comments\":[")
    );
    let dandan = json("dandanplay");
    assert_eq!(dandan["comments"].as_array().unwrap().len(), comments);
    assert_eq!(dandan["comments"][1]["p"], "1.00,1,16711680,12");
    assert_eq!(dandan["comments"][comments - 1]["p"], "21.00,5,16761095,8");
    let dplayer = json("dplayer");
    assert_eq!((&dplayer["code"], &dplayer["data"][1][0], &dplayer["data"][1][1]), (&0.into(), &1.0.into(), &0.into()));
    let art = json("artplayer");
    assert_eq!(art.as_array().unwrap().len(), comments);
    assert_eq!((&art[0]["color"], &art[0]["mode"], &art[0]["time"]), (&"#ff0000".into(), &0.into(), &0.0.into()));
    assert_eq!(art[comments - 1]["text"], "★ ¥30 小红: 加油");
    for (item, (_, shown)) in art.as_array().unwrap().iter().zip(HOSTILE) {
        assert_eq!(item["text"], *shown, "text of a page is not escaped");
    }
    let downloader = json("chat-downloader");
    let items = downloader.as_array().unwrap();
    assert_eq!(items.len(), comments + 3);
    assert_eq!(items[1]["timestamp"], NOON + SECOND);
    assert_eq!(items[1]["time_text"], "0:01");
    assert_eq!(items[1]["author"]["id"], "12");
    let money = &items.iter().find(|item| item["message_type"] == "paid_message").unwrap()["money"];
    assert_eq!((&money["amount"], &money["currency"], &money["text"]), (&30.0.into(), &"CNY".into(), &"¥30".into()));
}

#[test]
fn plain_text_is_a_line_a_message_for_people() {
    let (_folder, recording) = hostile();
    let log = text(&export(&recording, "txt", &ExportOptions::default()));
    let lines: Vec<_> = log.lines().collect();
    assert_eq!(lines[0], "2026-11-21 12:00:00 | 主播好 666: 主播好 666");
    assert_eq!(lines[9], "2026-11-21 12:00:09 | line break here and there: line break here and there");
    assert_eq!(
        lines[12..],
        [
            "2026-11-21 12:00:20 | ◆ 小红: 超级 火箭<&> ×2 ¥1000",
            "2026-11-21 12:00:21 | ★ ¥30 小红: 加油",
            "2026-11-21 12:00:22 | ◆ 钻石: 开通 钻粉 ×3",
            "2026-11-21 12:00:23 | ◆ 皇帝甲: 开通 皇帝 ×1",
        ]
    );
    assert!(!log.chars().any(|c| c.is_control() && c != '\n'));
}

/// A frame of a film of this colour with these subtitles at this second, as bytes of red, green and blue.
fn frame(ass: &Path, second: &str) -> Option<Vec<u8>> {
    let filter = format!("ass={}", ass.display());
    let film = "color=c=black:s=960x540:d=30:r=5";
    let arguments = ["-v", "error", "-f", "lavfi", "-i", film, "-vf", &filter, "-ss", second, "-frames:v", "1"];
    if !String::from_utf8_lossy(&system("ffmpeg", &["-hide_banner", "-filters"])?).contains(" ass ") {
        println!("skipped: this ffmpeg has no libass");
        return None;
    }
    if system("fc-list", &[":lang=zh"])?.is_empty() {
        println!("skipped: no font here has Chinese");
        return None;
    }
    system("ffmpeg", &[&arguments[..], &["-f", "rawvideo", "-pix_fmt", "rgb24", "-"]].concat())
}

/// The rows of a frame that are not black.
fn drawn(frame: &[u8]) -> Vec<usize> {
    frame
        .chunks_exact(960 * 3)
        .enumerate()
        .filter(|(_, row)| row.iter().any(|&byte| byte > 48))
        .map(|(y, _)| y)
        .collect()
}

#[test]
fn a_rendered_line_stays_in_its_lane_whatever_it_says() {
    let (_folder, recording) = hostile();
    let mut options = ExportOptions::default();
    options.filter.until_us = Some(NOON + 4 * SECOND);
    options.options.ass.resolution = "960x540".parse().unwrap();
    options.options.ass.font = "WenQuanYi Zen Hei".into();
    options.options.ass.opacity = 1.0;
    let ass = export(&recording, "ass", &options);
    // Four lines, the second and third of which ask for a drawing over all the screen and for letters of 999 pixels.
    let lanes = text(&ass)
        .lines()
        .filter_map(|line| line.split("\\move(").nth(1)?.split(',').nth(1)?.parse::<usize>().ok())
        .max();
    let Some(frame) = frame(&ass, "5") else { return };
    let rows = drawn(&frame);
    let bottom = (lanes.unwrap() + 1) * 38;
    assert!(rows.len() > 20, "text is drawn: {rows:?}");
    assert!(rows.iter().all(|&y| y < bottom + 2), "below {bottom}: {rows:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// What the file says, and not only what the lanes computed.
    #[test]
    fn in_the_file_too_no_two_comments_of_a_lane_ever_touch(
        said in prop::collection::vec((0..1500i64, "[a-z主播好 ]{1,40}"), 1..80),
        size in 10..200u32,
    ) {
        let (_folder, path) = folder();
        let mut recorder = listening(&path, NOON);
        let mut at = NOON;
        for (pause_ms, text) in said {
            at += pause_ms * 1000 + 333;
            recorder.records(&heard(LINK, room(9999), at, &[chat(1, "a", &text)]));
        }
        recorder.commit(at).unwrap();
        drop(recorder);
        let mut options = ExportOptions::default();
        options.options.ass.density = Density::NoOverlap;
        options.options.ass.font_size = size;
        let ass = text(&export(&Recording::open(path).unwrap(), "ass", &options));
        // Start, right edge at the start, left edge at the end; and the lane.
        let line = Regex::new(r"Dialogue: 0,0:(\d\d):(\d\d)\.(\d\d),.*\\move\((\d+),(\d+),-(\d+),").unwrap();
        let shown: Vec<(f64, f64, usize)> = line.captures_iter(&ass).map(|found| {
            let number = |n: usize| found[n].parse::<f64>().unwrap();
            (number(1) * 60.0 + number(2) + number(3) / 100.0, number(6) * 2.0, number(5) as usize)
        }).collect();
        prop_assert!(!shown.is_empty());
        for (n, &(start, length, lane)) in shown.iter().enumerate() {
            prop_assert!(lane + size as usize <= 1080);
            for &(before, other, _) in shown[..n].iter().filter(|earlier| earlier.2 == lane) {
                let left = |start: f64, length: f64, at: f64| 1920.0 - (at - start) * (1920.0 + length) / 12.0;
                for at in [start, before + 12.0] {
                    let apart = left(start, length, at) - left(before, other, at) - other;
                    prop_assert!(before + 12.0 <= start || apart >= -1e-6, "{apart} at {at}");
                }
            }
        }
    }
}
