//! What may be chosen of every export: its clock, its files, repeats, pseudonyms, and who watches.

use std::collections::HashSet;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use danmu_proto::LinkId;
use danmu_proto::stt::Writer;
use danmu_sinks::export::split::Split;
use danmu_sinks::export::{ExportError, ExportOptions, Start, Watch, to_file, to_output};
use danmu_sinks::recording::writer::RoomState;
use danmu_sinks::{Format, Recorder, Recording};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::*;

/// Chat of these texts at these seconds.
fn said(lines: &[(i64, &str)]) -> (TempDir, Recording) {
    recorded(|recorder| {
        for (n, (second, text)) in (1..).zip(lines) {
            recorder.records(&heard(
                LINK,
                room(9999),
                NOON + second * SECOND,
                &[chat(n, &format!("viewer {n}"), text)],
            ));
        }
    })
}

fn recorded(record: impl FnOnce(&mut Recorder)) -> (TempDir, Recording) {
    let (folder, path) = folder();
    let mut recorder = listening(&path, NOON);
    record(&mut recorder);
    recorder.finish(NOON + 3600 * SECOND).unwrap();
    (folder, Recording::open(path).unwrap())
}

fn exported(recording: &Recording, format: &str, options: &ExportOptions) -> String {
    let mut out = Vec::new();
    to_output(recording, options, Format::by_name(format).unwrap(), Box::new(&mut out)).unwrap();
    String::from_utf8(out).unwrap()
}

/// What flies when, in seconds.
fn flying(json: &str) -> Vec<(f64, String)> {
    let items: Value = serde_json::from_str(json).unwrap();
    let of = |item: &Value| (item["time"].as_f64().unwrap(), item["text"].as_str().unwrap().to_owned());
    items.as_array().unwrap().iter().map(of).collect()
}

#[track_caller]
fn flies(recording: &Recording, options: &ExportOptions, expected: &[(f64, &str)]) {
    let expected: Vec<_> = expected.iter().map(|(at, text)| (*at, (*text).to_owned())).collect();
    assert_eq!(flying(&exported(recording, "artplayer", options)), expected);
}

#[test]
fn the_clock_begins_with_the_first_message_or_where_it_is_told_to() {
    let (_folder, recording) = said(&[(5, "a"), (7, "b"), (9, "c")]);
    let mut options = ExportOptions::default();
    flies(&recording, &options, &[(0.0, "a"), (2.0, "b"), (4.0, "c")]);
    options.offset_us = 1_500_000;
    flies(&recording, &options, &[(1.5, "a"), (3.5, "b"), (5.5, "c")]);
    options.offset_us = -2 * SECOND;
    flies(&recording, &options, &[(0.0, "b"), (2.0, "c")]);
    options.start = Start::At(NOON);
    flies(&recording, &options, &[(3.0, "a"), (5.0, "b"), (7.0, "c")]);
    options.start = Start::At(NOON + 8 * SECOND);
    options.offset_us = 0;
    flies(&recording, &options, &[(1.0, "c")]);
    // The count of the format that says it first agrees.
    let json: Value = serde_json::from_str(&exported(&recording, "dandanplay", &options)).unwrap();
    assert_eq!((&json["count"], json["comments"].as_array().unwrap().len()), (&1.into(), 1));
    options.start = Start::Live;
    let error = to_output(&recording, &options, Format::by_name("xml").unwrap(), Box::new(Vec::new())).unwrap_err();
    assert_eq!(error.to_string(), "the recording does not say when the stream began; give the time");
}

/// The stream is on from 10 s, off at 20 s, on again from 30 s.
fn two_streams() -> (TempDir, Recording) {
    recorded(|recorder| {
        for (second, live) in [(2, false), (10, true), (15, true), (20, false), (30, true)] {
            let state = RoomState { live: Some(live), title: Some(format!("at {second}")), ..RoomState::default() };
            recorder.room_state(room(9999), state, NOON + second * SECOND);
        }
        for (second, text) in [(5, "before"), (12, "first"), (25, "between"), (31, "second")] {
            recorder.records(&heard(LINK, room(9999), NOON + second * SECOND, &[chat(1, "a", text)]));
        }
    })
}

#[test]
fn the_clock_may_begin_with_the_stream() {
    let (_folder, recording) = two_streams();
    let mut options = ExportOptions::default();
    options.start = Start::Live;
    flies(&recording, &options, &[(2.0, "first"), (15.0, "between"), (21.0, "second")]);
    options.filter.since_us = Some(NOON + 31 * SECOND);
    flies(&recording, &options, &[(1.0, "second")]);
}

fn files(recording: &Recording, format: &str, options: &ExportOptions) -> Vec<(String, String)> {
    let path = recording.path().with_extension(format);
    let exported = to_file(recording, options, Format::by_name(format).unwrap(), &path).unwrap();
    let read =
        |path: &PathBuf| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(path).unwrap());
    exported.files.iter().map(read).collect()
}

#[track_caller]
fn splits(recording: &Recording, options: &ExportOptions, expected: &[(&str, &[(f64, &str)])]) {
    let files = files(recording, "artplayer", options);
    let found: Vec<_> = files.iter().map(|(name, json)| (name.as_str(), flying(json))).collect();
    let expected: Vec<_> = expected
        .iter()
        .map(|(name, items)| (*name, items.iter().map(|(at, text)| (*at, (*text).to_owned())).collect::<Vec<_>>()))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn a_split_by_time_numbers_its_files_by_time_and_each_has_its_own_clock() {
    let (_folder, recording) = said(&[(0, "a"), (9, "b"), (10, "c"), (35, "d")]);
    let mut options = ExportOptions::default();
    options.split = Some(Split::Every(10 * SECOND));
    splits(
        &recording,
        &options,
        &[
            ("danmu.001.artplayer", &[(0.0, "a"), (9.0, "b")]),
            ("danmu.002.artplayer", &[(0.0, "c")]),
            ("danmu.004.artplayer", &[(5.0, "d")]),
        ],
    );
    for (n, (_, json)) in files(&recording, "dandanplay", &options).iter().enumerate() {
        let json: Value = serde_json::from_str(json).unwrap();
        assert_eq!((&json["count"], json["comments"].as_array().unwrap().len()), (&[2, 1, 1][n].into(), [2, 1, 1][n]));
    }
    let error = to_output(&recording, &options, Format::by_name("xml").unwrap(), Box::new(Vec::new())).unwrap_err();
    assert!(matches!(error, ExportError::SplitStream), "{error}");
}

#[test]
fn a_split_by_stream_has_a_file_for_each() {
    let (_folder, recording) = two_streams();
    let mut options = ExportOptions::default();
    options.split = Some(Split::Live);
    splits(
        &recording,
        &options,
        &[
            ("danmu.001.artplayer", &[(0.0, "before")]),
            ("danmu.002.artplayer", &[(2.0, "first"), (15.0, "between")]),
            ("danmu.003.artplayer", &[(1.0, "second")]),
        ],
    );
    // Each says what was known when it began.
    let titles: Vec<_> = files(&recording, "xml", &options)
        .iter()
        .map(|(_, xml)| xml.split("title=\"").nth(1).unwrap().split('"').next().unwrap().to_owned())
        .collect();
    assert_eq!(titles, ["at 2", "at 10", "at 30"]);
}

#[test]
fn a_split_by_gap_begins_where_someone_listens_again() {
    let (_folder, recording) = recorded(|recorder| {
        recorder.records(&heard(LINK, room(9999), NOON + SECOND, &[chat(1, "a", "before")]));
        recorder.link_ended(LINK, NOON + 2 * SECOND, NOON + 2 * SECOND, "closed");
        recorder.link_opened(LinkId(2), room(9999), "tcp://a:1", NOON + 8 * SECOND);
        recorder.records(&heard(LinkId(2), room(9999), NOON + 9 * SECOND, &[chat(1, "a", "after")]));
    });
    let mut options = ExportOptions::default();
    options.split = Some(Split::Gap);
    options.filter.until_us = Some(NOON + 60 * SECOND);
    splits(
        &recording,
        &options,
        &[("danmu.001.artplayer", &[(0.0, "before")]), ("danmu.002.artplayer", &[(1.0, "after")])],
    );
    options.split = None;
    options.events = true;
    let log = exported(&recording, "txt", &options);
    let gap = "\n2026-11-21 12:00:02 | … nobody listened until 2026-11-21 12:00:08 (closed)\n2026-11-21 12:00:09 | a: after\n";
    assert!(log.contains(gap), "{log}");
    let ass = exported(&recording, "ass", &options);
    assert!(ass.contains("\nComment: 0,0:00:01.00,0:00:07.00,MSG,,0000,0000,0000,,gap:\\hclosed\n"), "{ass}");
}

#[test]
fn a_split_export_is_whole_or_not_there() {
    let (folder, recording) = said(&[(0, "a"), (10, "b\nc")]);
    let mut options = ExportOptions::default();
    options.split = Some(Split::Every(10 * SECOND));
    let stt = Format::by_name("stt").unwrap();
    let out = folder.path().join("out.stt");
    to_file(&recording, &options, stt, &out).unwrap_err();
    assert_eq!(left(folder.path()), ["danmu.db"]);
}

/// All files of a folder.
fn left(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn repeats_within_the_window_are_one_with_their_number() {
    let (_folder, recording) =
        said(&[(0, "666"), (1, "主播好"), (2, " 666 "), (3, "666"), (9, "666"), (10, "666"), (11, "主播好")]);
    let mut options = ExportOptions::default();
    options.merge_repeats_us = Some(10 * SECOND);
    flies(&recording, &options, &[(0.0, "666 ×4"), (1.0, "主播好"), (10.0, "666"), (11.0, "主播好")]);
    options.merge_repeats_us = Some(1);
    assert_eq!(flying(&exported(&recording, "artplayer", &options)).len(), 7);

    let (_folder, recording) = recorded(|recorder| {
        for (n, (user, id)) in [(1, 7), (2, 7), (1, 7), (1, 8), (1, 7)].into_iter().enumerate() {
            recorder.records(&heard(LINK, room(9999), NOON + n as i64 * SECOND, &[gift(user, id, 2)]));
        }
    });
    options.merge_repeats_us = Some(10 * SECOND);
    let log = exported(&recording, "txt", &options);
    let gifts: Vec<_> = log.lines().map(|line| line.split(": ").nth(1).unwrap()).collect();
    assert_eq!(gifts, ["gift 7 ×6", "gift 7 ×2", "gift 8 ×2"]);
}

/// In all formats: nothing of who people are is left, and who is who is still clear.
#[test]
fn an_anonymous_export_names_nobody() {
    let (_folder, recording) = recorded(|recorder| {
        recorder.room_state(room(9999), RoomState { owner: Some("secret owner".into()), ..RoomState::default() }, NOON);
        let says = |user: u64, text: &str| {
            let chat = Writer::new().pair("type", "chatmsg").pair("rid", 9999).pair("uid", 880_000 + user);
            let chat = chat.pair("nn", format!("secret{user}")).pair("ic", "avatar_v3/secret").pair("cid", "5ec4e7");
            chat.pair("txt", text).pair("dms", 5).pair("list", "uid@A=880001@Snn@A=secret1@S").finish()
        };
        let payloads = [
            says(1, "hello"),
            says(2, "@secret1 hi"),
            says(1, "again"),
            "type@=dgb/rid@=9999/uid@=880001/nn@=secret1/gfid@=1/receive_uid@=880009/receive_nn@=secret9/".into(),
            "type@=comm_chatmsg/rid@=9999/uid@=880002/cprice@=3000/cet@=60/chatmsg@=nn@A=secret2@Stxt@A=super@Suid@A=880002@S/".into(),
            "type@=somethingnew/rid@=9999/who@=secret1/uid@=880001/".into(),
        ];
        recorder.records(&heard(LINK, room(9999), NOON, &payloads));
    });
    let mut options = ExportOptions::default();
    options.anonymize = true;
    options.options.xml.raw = true;
    options.options.ass.names = true;
    for format in danmu_sinks::FORMATS {
        let mut out = Vec::new();
        to_output(&recording, &options, format, Box::new(&mut out)).unwrap();
        let text = String::from_utf8_lossy(&out);
        for secret in ["secret", "8800", "5ec4e7", "avatar"] {
            assert!(!text.contains(secret), "{} has {secret}: {text}", format.name);
        }
    }
    let lines: Vec<Value> =
        exported(&recording, "jsonl", &options).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let who = |n: usize| lines[n]["user"]["id"].as_u64().unwrap();
    assert!(who(0) == who(2) && who(0) == who(3) && who(0) != who(1) && who(1) == who(4));
    assert_eq!(lines[0]["user"]["name"], lines[0]["fields"]["nn"]);
    assert_eq!(lines[0]["fields"]["uid"], who(0).to_string());
    assert_eq!((&lines[1]["text"], &lines[1]["fields"]["txt"]), (&"@… hi".into(), &"@… hi".into()));
    assert_eq!((&lines[4]["text"], &lines[4]["superchat"]["price_fen"]), (&"super".into(), &3000.into()));
    assert_eq!(lines[5]["fields"], serde_json::json!({"type": "somethingnew", "rid": "9999"}));
    // The next export has other pseudonyms.
    let again: Value = serde_json::from_str(exported(&recording, "jsonl", &options).lines().next().unwrap()).unwrap();
    assert_ne!(again["user"]["id"], lines[0]["user"]["id"]);
    // Two people never share one.
    let (_folder, recording) = recorded(|recorder| {
        let many: Vec<_> = (1..5000).map(|user| chat(user, "same name", "x")).collect();
        recorder.records(&heard(LINK, room(9999), NOON, &many));
    });
    let text = exported(&recording, "jsonl", &options);
    let people: HashSet<_> =
        text.lines().map(|line| line.split("\"name\":\"").nth(1).unwrap().split('"').next()).collect();
    assert_eq!(people.len(), 4999);
}

#[test]
fn names_and_prices_of_gifts_come_from_the_catalogue_where_the_message_has_none() {
    use danmu_proto::summary::GiftKind;
    use danmu_sinks::recording::writer::CatalogGift;
    let (_folder, recording) = recorded(|recorder| {
        recorder
            .gift(CatalogGift { kind: GiftKind::Gift, id: 7, name: Some("飞机".into()), price_fen: Some(10_000) });
        let named = "type@=dgb/rid@=9999/uid@=1/nn@=a/gfid@=7/gfn@=大飞机/gfcnt@=1/".to_owned();
        recorder.records(&heard(LINK, room(9999), NOON, &[gift(1, 7, 2), named, gift(1, 8, 1)]));
    });
    let log = exported(&recording, "txt", &ExportOptions::default());
    let gifts: Vec<_> = log.lines().map(|line| line.split(": ").nth(1).unwrap()).collect();
    assert_eq!(gifts, ["飞机 ×2 ¥200", "大飞机 ×1 ¥100", "gift 8 ×1"]);
    let line: Value =
        serde_json::from_str(exported(&recording, "jsonl", &ExportOptions::default()).lines().next().unwrap()).unwrap();
    assert_eq!((&line["gift"]["name"], &line["gift"]["price_fen"]), (&"飞机".into(), &10_000.into()));
}

#[test]
fn who_watches_is_told_how_far_it_is_and_may_end_it() {
    let (folder, recording) = recorded(|recorder| {
        let many: Vec<_> = (0..1000).map(|n| chat(n, "a", "b")).collect();
        for n in 0..40 {
            recorder.records(&heard(LINK, room(9999), NOON + n, &many));
        }
    });
    let told = Arc::new(AtomicU64::new(0));
    let mut options = ExportOptions::default();
    // Nothing is found, and it is told all the same.
    options.filter.words = vec!["nowhere".into()];
    options.watch = Watch::new({
        let told = Arc::clone(&told);
        move |progress| {
            assert!(progress.total == 40_000 && progress.done >= told.swap(progress.done, Ordering::Relaxed));
            ControlFlow::Continue(())
        }
    });
    exported(&recording, "csv", &options);
    assert_eq!(told.load(Ordering::Relaxed), 40_000);

    options.filter.words.clear();
    options.watch =
        Watch::new(|progress| if progress.done > 20_000 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) });
    let path = folder.path().join("out.csv");
    let error = to_file(&recording, &options, Format::by_name("csv").unwrap(), &path).unwrap_err();
    assert!(matches!(error, ExportError::Interrupted), "{error}");
    assert_eq!(left(folder.path()), ["danmu.db"]);
}

#[test]
fn an_export_of_nothing_is_a_whole_file_without_messages() {
    let (_folder, recording) = recorded(|_| {});
    let options = ExportOptions::default();
    assert_eq!(exported(&recording, "artplayer", &options), "[\n]\n");
    assert_eq!(exported(&recording, "dandanplay", &options), "{\"count\":0,\"comments\":[\n]}\n");
    assert!(exported(&recording, "xml", &options).ends_with("/>\n</i>\n"));
    assert_eq!(exported(&recording, "srt", &options), "");
    assert_eq!(exported(&recording, "vtt", &options), "WEBVTT\n\n");
    let mut split = options.clone();
    split.split = Some(Split::Every(SECOND));
    assert_eq!(files(&recording, "artplayer", &split), [("danmu.001.artplayer".to_owned(), "[\n]\n".to_owned())]);
}
