//! Formats: what a line looks like, and that an export is whole or not there.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use danmu_proto::{Message, PacketDecoder, Sender, Summary, stt};
use danmu_sinks::export::{ExportOptions, to_file, to_output};
use danmu_sinks::format::jsonl;
use danmu_sinks::sink::Opening;
use danmu_sinks::{Entry, Event, FORMATS, Filter, Format, Gap, Recording};

use crate::support::*;

/// A recording of these payloads in room 9999, a second apart.
fn recorded<P: AsRef<[u8]>>(payloads: &[P]) -> (tempfile::TempDir, Recording) {
    let (folder, path) = folder();
    let mut recorder = listening(&path, NOON);
    for (n, payload) in (1..).zip(payloads) {
        recorder.records(&heard(LINK, room(9999), NOON + n * SECOND, &[payload]));
    }
    recorder.commit(NOON).unwrap();
    drop(recorder);
    (folder, Recording::open(path).unwrap())
}

fn exported(recording: &Recording, options: &ExportOptions, format: &str) -> Vec<u8> {
    let mut out = Vec::new();
    to_output(recording, options, Format::by_name(format).unwrap(), Box::new(&mut out)).unwrap();
    out
}

#[test]
fn a_line_has_every_key_in_the_documented_order() {
    let line = json_of(
        "type@=chatmsg/rid@=7/uid@=12/nn@=小明/txt@=1@S2/cid@=a589/level@=24/rg@=4/bnn@=火箭/bl@=13/brid@=5/col@=2/nl@=3/\
         ct@=1/cst@=1795262399584/"
            .as_bytes(),
    );
    assert_eq!(
        line,
        concat!(
            r#"{"v":1,"room":9999,"type":"chatmsg","received_at":"2026-11-21T12:00:00.123456Z","#,
            r#""sent_at":"2026-11-21T11:59:59.584Z","id":"a589","#,
            r#""user":{"id":12,"name":"小明","level":24,"role":"admin","noble":3,"#,
            r#""medal":{"name":"火箭","level":13,"room":5}},"text":"1/2","colour":"#,
            "\"#1e87f0\"",
            r#","client":"android","foreign":true,"suspect":true,"fields":{"type":"chatmsg","rid":"7","uid":"12","#,
            r#""nn":"小明","txt":"1/2","cid":"a589","level":"24","rg":"4","bnn":"火箭","bl":"13","brid":"5","col":"2","#,
            r#""nl":"3","ct":"1","cst":"1795262399584"}}"#,
            "\n"
        )
    );
    let line = json_of(gift(1, 20004, 2).as_bytes());
    assert!(line.contains(r#""gift":{"kind":"gift","id":20004,"count":2,"hits":3},"fields""#), "{line}");
    let line = json_of(superchat(1, 3000).as_bytes());
    assert!(line.contains(r#""text":"加油","superchat":{"price_fen":3000,"seconds":60},"fields""#), "{line}");
}

#[test]
fn what_does_not_apply_is_left_out() {
    let summary = Summary::default();
    let entry = Entry { seq: None, room: None, received_us: None, summary: &summary, payload: None };
    assert_eq!(json(&entry), "{\"v\":1,\"type\":\"\"}\n");
    let entry = Entry { seq: Some(42), room: Some(room(9999)), payload: Some(b"x@=1/"), ..entry };
    assert_eq!(json(&entry), "{\"v\":1,\"seq\":42,\"room\":9999,\"type\":\"\",\"fields\":{\"x\":\"1\"}}\n");
    // A time that no calendar has is no time.
    let summary = Summary { sent_ms: Some(i64::MAX), ..Summary::default() };
    let entry = Entry { seq: None, room: None, received_us: Some(i64::MIN), summary: &summary, payload: None };
    assert_eq!(json(&entry), "{\"v\":1,\"type\":\"\"}\n");
}

#[test]
fn a_key_that_repeats_has_its_values_in_order_at_the_place_of_the_first() {
    let fields = |payload: &str| {
        let line = json_of(payload.as_bytes());
        line[line.find("\"fields\":").unwrap() + 9..].trim_end().strip_suffix('}').unwrap().to_owned()
    };
    assert_eq!(
        fields("type@=x/b@=1/a@=2/b@=3/c@=/b@=1/a@=4/"),
        r#"{"type":"x","b":["1","3","1"],"a":["2","4"],"c":""}"#
    );
    assert_eq!(fields("type@=x/@Sk@=1/@Sk@=@S/"), r#"{"type":"x","/k":["1","/"]}"#);
    // Two spellings of one key are one key: a parser would keep only the last of them.
    assert_eq!(fields("type@=x/@k@=1/@Ak@=2/"), r#"{"type":"x","@k":["1","2"]}"#);
    assert_eq!(fields("type@=x/list@=a@AA=1@AS@S/"), r#"{"type":"x","list":"a@A=1@S/"}"#);
    assert_eq!(fields("type@=x/@=empty key/"), r#"{"type":"x","":"empty key"}"#);
}

#[test]
fn every_line_is_one_line_of_json_whatever_is_in_the_payload() {
    let mut payloads = odd_payloads();
    payloads.extend(samples().unwrap_or_default());
    for payload in payloads {
        if danmu_proto::message::is_control(&danmu_proto::message::kind(&payload)) {
            continue;
        }
        let line = json_of(&payload);
        assert_eq!(line.matches('\n').count(), 1);
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["v"], 1);
        let lossy = std::str::from_utf8(&payload).is_err();
        assert_eq!(value.get("lossy").is_some(), lossy);
        // Nothing is gained or lost on the way into `fields`.
        let pairs = danmu_proto::Fields::new(&payload).pairs().count();
        let values = value["fields"].as_object().unwrap().values();
        assert_eq!(values.map(|value| value.as_array().map_or(1, Vec::len)).sum::<usize>(), pairs);
    }
}

#[test]
fn live_messages_and_stored_ones_give_the_same_line() {
    let mut payloads = odd_payloads();
    payloads.extend(samples().unwrap_or_default());
    payloads.retain(|payload| !danmu_proto::message::is_control(&danmu_proto::message::kind(payload)));
    let (_folder, recording) = recorded(&payloads);
    let stored = all(&recording);
    assert_eq!(stored.len(), payloads.len());
    for (row, payload) in stored.iter().zip(&payloads) {
        let message = Message::read(payload);
        let summary = message.summary(row.room);
        let live = Entry { summary: &summary, payload: Some(payload), ..row.entry() };
        assert_eq!(json(&row.entry()), json(&live));
    }
}

#[test]
fn a_million_keys_take_moments() {
    let different = (0..150_000).fold(stt::Writer::new(), |writer, n| writer.pair(n, 1)).finish();
    for payload in ["a@=1/".repeat(200_000), different, "/".repeat(1 << 20)] {
        let begun = Instant::now();
        json_of(payload.as_bytes());
        assert!(begun.elapsed().as_secs() < 30, "{:?}", begun.elapsed());
    }
}

#[test]
fn events_are_lines_of_their_own() {
    let line = |event: &Event| {
        let mut line = Vec::new();
        jsonl::push_event(&mut line, event);
        String::from_utf8(line).unwrap()
    };
    let (room, at_us) = (room(9999), NOON);
    assert_eq!(
        line(&Event::Gap(Gap { room, from_us: NOON, to_us: NOON + 1_500_000, reason: "silence".into() })),
        "{\"v\":1,\"event\":\"gap\",\"room\":9999,\"from\":\"2026-11-21T12:00:00.000000Z\",\
         \"to\":\"2026-11-21T12:00:01.500000Z\",\"reason\":\"silence\"}\n"
    );
    assert_eq!(
        line(&Event::Joined { room, at_us, server: "tcp://a:1".into() }),
        "{\"v\":1,\"event\":\"joined\",\"room\":9999,\"at\":\"2026-11-21T12:00:00.000000Z\",\"server\":\"tcp://a:1\"}\n"
    );
    assert_eq!(
        line(&Event::Lost { room, at_us, reason: "closed".into() }),
        "{\"v\":1,\"event\":\"lost\",\"room\":9999,\"at\":\"2026-11-21T12:00:00.000000Z\",\"reason\":\"closed\"}\n"
    );
    assert_eq!(
        line(&Event::Status { room, at_us, status: "connecting".into() }),
        "{\"v\":1,\"event\":\"status\",\"room\":9999,\"at\":\"2026-11-21T12:00:00.000000Z\",\"status\":\"connecting\"}\n"
    );
    assert_eq!(line(&Event::Lagged { lost: 7 }), "{\"v\":1,\"event\":\"lagged\",\"lost\":7}\n");
}

#[test]
fn every_format_of_payloads_reads_back_exactly() {
    let mut payloads = odd_payloads();
    payloads.retain(|payload| !payload.contains(&b'\n'));
    let (_folder, recording) = recorded(&payloads);
    let options = ExportOptions::default();

    let stt = exported(&recording, &options, "stt");
    let lines: Vec<&[u8]> = stt.strip_suffix(b"\n").unwrap().split(|&byte| byte == b'\n').collect();
    assert_eq!(lines, payloads);

    let packets = exported(&recording, &options, "packets");
    let mut read = Vec::new();
    PacketDecoder::new(Sender::Server).read(&packets, |payload| read.push(payload.to_vec())).unwrap();
    assert_eq!(read, payloads);

    assert_eq!(exported(&recording, &options, "jsonl").split(|&byte| byte == b'\n').count(), payloads.len() + 1);
}

#[test]
fn gaps_stand_where_they_were() {
    let (_folder, path) = folder();
    let mut recorder = listening(&path, NOON);
    recorder.records(&heard(LINK, room(9999), NOON + SECOND, &[chat(1, "a", "before")]));
    recorder.link_ended(LINK, NOON + SECOND, NOON + 2 * SECOND, "closed");
    let again = danmu_proto::LinkId(2);
    recorder.link_opened(again, room(9999), "tcp://a:1", NOON + 3 * SECOND);
    recorder.records(&heard(again, room(9999), NOON + 4 * SECOND, &[chat(1, "a", "after")]));
    recorder.finish(NOON + 5 * SECOND).unwrap();
    let recording = Recording::open(path).unwrap();
    let mut options = ExportOptions::default();
    options.events = true;
    let what = |options: &ExportOptions| -> Vec<String> {
        let text = String::from_utf8(exported(&recording, options, "jsonl")).unwrap();
        let words = |line: &str| {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            value.get("text").or(value.get("reason")).unwrap().as_str().unwrap().to_owned()
        };
        text.lines().map(words).collect()
    };
    assert_eq!(what(&options), ["before", "closed", "after", "stop"]);
    options.filter.until_us = Some(NOON + 3 * SECOND);
    assert_eq!(what(&options), ["before", "closed"]);
    options.filter.rooms = vec![room(1)];
    assert_eq!(what(&options), [""; 0]);
    // A format without a place for events leaves them out.
    options.filter = Filter::default();
    assert_eq!(exported(&recording, &options, "stt").split(|&byte| byte == b'\n').count(), 3);
}

#[test]
fn an_export_is_whole_or_not_there() {
    let (folder, recording) = recorded(&["type@=chatmsg/txt@=fine/", "type@=chatmsg/txt@=two\nlines/"]);
    let (options, stt) = (ExportOptions::default(), Format::by_name("stt").unwrap());
    let out = folder.path().join("out.stt");
    let words = "message 2 has a line break, which this format cannot hold; .packets can";
    let export = || to_file(&recording, &options, stt, &out).unwrap_err().to_string();
    assert_eq!(export(), words);
    assert!(!out.exists());
    fs::write(&out, "what was there").unwrap();
    assert_eq!(export(), words);
    assert_eq!(fs::read_to_string(&out).unwrap(), "what was there");

    let jsonl = Format::by_path(&out.with_extension("JSONL")).unwrap();
    assert_eq!(to_file(&recording, &options, jsonl, &out).unwrap().messages, 2);
    assert_eq!(fs::read_to_string(&out).unwrap().lines().count(), 2);
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().ends_with(".part")), "{left:?}");

    let log = PathBuf::from(format!("{}-wal", recording.path().display()));
    fs::write(&log, "").unwrap();
    for path in [recording.path(), &log] {
        let error = to_file(&recording, &options, jsonl, path).unwrap_err();
        assert!(error.to_string().ends_with("is of the recording itself; export into another file"), "{error}");
    }
    let error = to_file(&recording, &options, jsonl, &folder.path().join("no/such/folder.jsonl")).unwrap_err();
    assert!(error.to_string().ends_with("cannot be written"), "{error}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_device_is_written_into_and_never_replaced() {
    let (_folder, recording) = recorded(&["type@=chatmsg/txt@=666/"]);
    let (options, jsonl) = (ExportOptions::default(), Format::by_name("jsonl").unwrap());
    let error = to_file(&recording, &options, jsonl, "/dev/full".as_ref()).unwrap_err();
    assert_eq!(error.to_string(), "the output cannot be written");
    assert_eq!(to_file(&recording, &options, jsonl, "/dev/null".as_ref()).unwrap().messages, 1);
    assert!(!fs::metadata("/dev/null").unwrap().is_file());
}

#[test]
fn a_recording_without_payloads_cannot_become_payloads() {
    let (_folder, path) = folder();
    let mut options = danmu_sinks::RecorderOptions::default();
    options.raw = false;
    let mut recorder = danmu_sinks::Recorder::open(&path, options, NOON).unwrap();
    recorder.records(&heard(LINK, room(9999), NOON, &[chat(1, "小明", "666")]));
    recorder.finish(NOON).unwrap();
    let recording = Recording::open(&path).unwrap();
    for format in ["stt", "packets"] {
        let format = Format::by_name(format).unwrap();
        let error = to_output(&recording, &ExportOptions::default(), format, Box::new(Vec::new())).unwrap_err();
        assert!(error.to_string().starts_with("message 1 has no raw payload"), "{error}");
    }
    let line = String::from_utf8(exported(&recording, &ExportOptions::default(), "jsonl")).unwrap();
    assert!(line.contains("\"text\":\"666\"") && !line.contains("fields"), "{line}");
}

#[test]
fn formats_have_names_of_their_own() {
    for format in FORMATS {
        assert!(std::ptr::eq(Format::by_name(format.name).unwrap(), format));
        assert!(std::ptr::eq(Format::by_path(format!("x.{}", format.name).as_ref()).unwrap(), format));
    }
    assert!(Format::by_name("docx").is_none() && Format::by_path("noextension".as_ref()).is_none());
}

/// A stream hands each message on when it is asked to.
#[test]
fn a_flushed_sink_keeps_nothing_back() {
    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);
    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let records = heard(LINK, room(9999), NOON, &[chat(1, "小明", "666")]);
    let record = records.messages().next().unwrap();
    let message = Message::read(&record.payload);
    let summary = message.summary(record.room);
    for format in FORMATS.iter().filter(|format| format.grows) {
        let out = Shared::default();
        let mut sink = (format.open)(Box::new(io::BufWriter::new(out.clone())), &Opening::default()).unwrap();
        sink.flush().unwrap();
        let before = out.0.lock().unwrap().len();
        sink.message(&Entry::live(&record, &summary)).unwrap();
        sink.flush().unwrap();
        assert!(out.0.lock().unwrap().len() > before, "{}", format.name);
        sink.finish().unwrap();
    }
}
