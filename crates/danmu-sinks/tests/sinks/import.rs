//! Importing: every dialect becomes a sound recording, what was exported comes back, and what is no file of its kind leaves
//! everything as it was.

use std::fs;
use std::path::Path;

use danmu_proto::summary::GiftKind;
use danmu_sinks::export::{ExportOptions, to_output};
use danmu_sinks::import::{Dialect, End, ImportError, ImportOptions, Imported, Importer};
use danmu_sinks::recording::writer::{CatalogGift, RoomState};
use danmu_sinks::{Format, Recorder, RecorderOptions, Recording};

use crate::support::*;

fn import_with(options: ImportOptions, file: &[u8], into: &Path) -> Result<(Imported, End), ImportError> {
    // A small buffer, so that everything is split somewhere.
    let mut input = std::io::BufReader::with_capacity(64, file);
    let dialect = Dialect::by_beginning(&mut std::io::Cursor::new(file)).unwrap().expect("a dialect");
    let mut importer = Importer::open(into, "import:test", options)?;
    let end = (dialect.read)(&mut input, &mut |item| importer.take(item))?;
    Ok((importer.finish()?, end))
}

/// Imports a file that says everything itself, and checks that the recording is sound.
#[track_caller]
fn imported(file: impl AsRef<[u8]>, into: &Path) -> Imported {
    let (imported, end) = import_with(ImportOptions::default(), file.as_ref(), into).unwrap();
    assert_eq!(end, End::Whole);
    is_sound(into);
    imported
}

fn exported(path: &Path, format: &str) -> Vec<u8> {
    let mut options = ExportOptions::default();
    options.events = true;
    let mut out = Vec::new();
    to_output(&Recording::open(path).unwrap(), &options, Format::by_name(format).unwrap(), Box::new(&mut out)).unwrap();
    out
}

/// What is exported, imported and exported again is the same to the byte.
#[track_caller]
fn comes_back(path: &Path, formats: &[&str]) {
    for format in formats {
        let first = exported(path, format);
        let again = path.with_file_name(format!("{format}.db"));
        let mut options = ImportOptions::default();
        options.room = Some(room(9999));
        import_with(options, &first, &again).unwrap();
        is_sound(&again);
        assert!(exported(&again, format) == first, "{format}");
    }
}

/// A recording with two rooms, a gap, and messages of every odd kind that text can hold.
fn evening(path: &Path, raw: bool) {
    let mut options = RecorderOptions::default();
    options.raw = raw;
    let mut recorder = Recorder::open(path, options, NOON).unwrap();
    recorder.want(room(9999), NOON);
    recorder.link_opened(LINK, room(9999), "tcp://127.0.0.1:8601", NOON + SECOND);
    let odd = odd_payloads();
    // One a second; those that a line of text cannot hold have other formats.
    let odd = odd
        .iter()
        .filter(|payload| !payload.is_empty() && str::from_utf8(payload).is_ok_and(|text| !text.contains('\n')));
    for (n, payload) in (2..).zip(odd) {
        recorder.records(&heard(LINK, room(9999), NOON + n * SECOND, &[payload]));
    }
    recorder.link_ended(LINK, NOON + 30 * SECOND, NOON + 31 * SECOND, "silence");
    let other = danmu_proto::LinkId(2);
    recorder.link_opened(other, room(9999), "tcp://127.0.0.1:8602", NOON + 40 * SECOND);
    let talk = [chat(1, "小明", "回来了"), gift(2, 20004, 3), superchat(3, 3000)];
    recorder.records(&heard(other, room(9999), NOON + 41 * SECOND, &talk));
    recorder.finish(NOON + 60 * SECOND).unwrap();
}

#[test]
fn json_lines_come_back_with_their_gaps_whether_payloads_were_kept_or_not() {
    for raw in [true, false] {
        let (folder, path) = folder();
        evening(&path, raw);
        let first = exported(&path, "jsonl");
        let again = folder.path().join("again.db");
        let imported = imported(&first, &again);
        assert_eq!(imported.gaps, 3, "before the first link, between the two, and behind the second");
        assert_eq!(String::from_utf8(exported(&again, "jsonl")).unwrap(), String::from_utf8(first).unwrap());
        assert_eq!(Recording::open(&again).unwrap().gaps().unwrap(), Recording::open(&path).unwrap().gaps().unwrap());
        assert_eq!(ask::<i64>(&again, "SELECT count(*) FROM message WHERE flags & 8 = 0"), 0, "all are marked");
    }
}

#[test]
fn payloads_come_back_byte_for_byte_through_stt_and_packets() {
    let (_folder, path) = folder();
    evening(&path, true);
    comes_back(&path, &["stt", "packets"]);
}

#[test]
fn xml_of_ours_comes_back_to_the_byte_with_gifts_super_chats_and_ranks() {
    let (folder, path) = folder();
    let mut recorder = listening(&path, NOON);
    let talk = [
        chat(1, "小明 & <co>", "一 \"二\" ]]> &amp;"),
        "type@=chatmsg/rid@=9999/txt@=no name, no number/col@=2/".to_owned(),
        gift(2, 20004, 3),
        superchat(3, 3000),
        "type@=dfobc/rid@=9999/uid@=4/nick@=小红/mn@=3/price@=45000/".to_owned(),
        "type@=anbc/rid@=0/uid@=5/unk@=小刚/nl@=5/drid@=9999/".to_owned(),
        "type@=anbc/rid@=0/uid@=5/unk@=elsewhere/nl@=5/drid@=7/".to_owned(),
    ];
    for (n, payload) in (1..).zip(&talk) {
        recorder.records(&heard(LINK, room(9999), NOON + n * 1_234_567, &[payload]));
    }
    let state = RoomState { title: Some("决赛 <1>".into()), owner: Some("主播".into()), ..RoomState::default() };
    recorder.room_state(room(9999), state, NOON);
    recorder.gift(CatalogGift {
        kind: GiftKind::Gift,
        id: 20004,
        name: Some("大 火箭".into()),
        price_fen: Some(50_000),
    });
    recorder.finish(NOON + 60 * SECOND).unwrap();
    let first = String::from_utf8(exported(&path, "xml")).unwrap();
    assert!(
        first.contains("<guard") && first.contains("国王") && first.contains("<sc") && first.contains("<gift"),
        "{first}"
    );
    let again = folder.path().join("again.db");
    imported(&first, &again);
    assert_eq!(String::from_utf8(exported(&again, "xml")).unwrap(), first);
}

#[test]
fn genuine_messages_come_back_through_every_exact_format() {
    let Some(samples) = samples() else { return };
    let (_folder, path) = folder();
    let mut recorder = listening(&path, NOON);
    for (n, payload) in (1..).zip(&samples) {
        recorder.records(&heard(LINK, room(9999), NOON + n * SECOND, &[payload]));
    }
    recorder.finish(NOON + 10_000 * SECOND).unwrap();
    comes_back(&path, &["jsonl", "stt", "packets"]);
}

#[test]
fn what_aiodouyu_recorded_keeps_its_times_and_loses_its_own_events() {
    let (_folder, path) = folder();
    imported(
        concat!(
            r#"{"format": "aiodouyu-record", "version": 1, "room_id": 9999, "recorded_at": 1795262399.0}"#,
            "\n",
            r#"{"ts": 1795262400.25, "msg": {"type": "aiodouyu.connected"}}"#,
            "\n",
            r#"{"ts": 1795262400.5, "msg": {"type": "loginres"}}"#,
            "\n",
            r#"{"ts": 1795262401.5, "msg": {"type": "chatmsg", "rid": "9999", "nn": "小明", "txt": "1/2 @a"}}"#,
            "\n",
            r#"{"ts": 1795262402, "msg": {"type": "dgb", "rid": "9999", "gfid": "20004", "gfcnt": "2"}}"#,
            "\n",
        ),
        &path,
    );
    let rows = all(&Recording::open(&path).unwrap());
    assert_eq!(texts(&rows), ["1/2 @a", ""]);
    assert_eq!(rows[0].received_us, NOON + 1_500_000);
    assert_eq!(rows[1].payload.as_deref(), Some(&b"type@=dgb/rid@=9999/gfid@=20004/gfcnt@=2/"[..]));
}

const XML: &str = concat!(
    r#"<?xml version="1.0" encoding="UTF-8"?><i><BililiveRecorder version="2.0"/>"#,
    "\n",
    "<chatserver>chat.bilibili.com</chatserver><maxlimit>1000</maxlimit>\n",
    r#"<BililiveRecorderRecordInfo roomid="9999" name="主播" title="决赛 &amp; 更多" areanamechild="游戏""#,
    r#" start_time="2026-11-21T20:00:00.0000000+08:00"/>"#,
    "\n",
    r#"<d p="1.250,1,25,2000880,1795262401,0,a1b2c3d4,7" user="观众甲" uid="123">主播好 &amp; &lt;6666&gt; &nbsp;</d>"#,
    "\n",
    r#"<gift ts="3.000" user="土豪" uid="5" giftname="火箭" giftcount="2" price="1000000"></gift>"#,
    "\n",
    r#"<gift ts="3.5" user="路人" uid="6" giftname="辣条" giftcount="5" price="100" cointype="银瓜子"/>"#,
    "\n",
    r#"<sc ts="4.000" user="土豪" uid="5" price="30" time="60">超级弹幕</sc>"#,
    "\n",
    r#"<guard ts="5" user="舰长" uid="8" level="3" count="1" price="198000" giftname="舰长"></guard>"#,
    "\n",
    r#"<d p="0.5,1,25,16777215,1795262400,0,99,8" user="早">早来的</d>"#,
    "\n",
    "<o timestamp=\"1\">{}</o></i>\n",
);

#[test]
fn xml_of_recorders_becomes_messages_with_times_people_gifts_and_prices() {
    let (_folder, path) = folder();
    let imported = imported(XML, &path);
    assert_eq!((imported.messages, imported.unknown.get("o")), (6, Some(&1)));
    let rows = all(&Recording::open(&path).unwrap());
    assert_eq!(texts(&rows), ["早来的", "主播好 & <6666> &nbsp;", "", "", "超级弹幕", ""], "in the order of time");
    let chat = &rows[1].summary;
    assert_eq!(rows[1].received_us, NOON + 1_250_000);
    assert_eq!((chat.user, chat.name.as_deref(), chat.sent_ms), (Some(123), Some("观众甲"), Some(NOON / 1000 + 1000)));
    assert_eq!((rows[0].summary.user, rows[0].seq, rows[1].seq), (Some(99), 8, 9), "numbers rise");
    let rocket = rows[2].summary.gift.as_ref().unwrap();
    assert_eq!((rocket.name.as_deref(), rocket.count), (Some("火箭"), 2));
    let price = |name| ask::<i64>(&path, &format!("SELECT price_fen FROM gift WHERE name = '{name}'"));
    assert_eq!((price("火箭"), price("辣条"), price("舰长")), (50_000, 0, 19_800));
    let superchat = &rows[4].summary;
    assert!(superchat.is_superchat());
    assert_eq!((superchat.price_fen, superchat.duration_s), (Some(3000), Some(60)));
    assert_eq!(ask::<String>(&path, "SELECT title || '|' || owner FROM room_state"), "决赛 & 更多|主播");
    assert_eq!(ask::<i64>(&path, "SELECT count(*) FROM wanted"), 0, "nobody knows when someone listened");
}

#[test]
fn xml_of_biliup_rust_srec_and_the_pc_client_is_read_too() {
    let (folder, path) = folder();
    let mut options = ImportOptions::default();
    options.room = Some(room(7));
    let biliup = concat!(
        r#"<?xml version="1.0" encoding="utf-8"?><i>"#,
        r#"<d p="2.0,1,25,16777215,1795262402000,0,0,0" timestamp="1795262402" user="甲" uid="1">一</d>"#,
        r#"<s timestamp="1795262403" uid="2" username="乙" price="50" type="super_chat">二</s>"#,
        r#"<s timestamp="1795262404" uid="3" username="丙" price="1000" type="gift" num="2" giftname="花"></s></i>"#,
    );
    import_with(options.clone(), biliup.as_bytes(), &path).unwrap();
    is_sound(&path);
    let rows = all(&Recording::open(&path).unwrap());
    assert_eq!(texts(&rows), ["一", "二", ""]);
    assert_eq!(rows.iter().map(|row| row.received_us).collect::<Vec<_>>(), [2, 3, 4].map(|s| NOON + s * SECOND));

    let srec = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<!-- made -->\n<i>\n\
        <d p=\"1.000,1,25,16777215,1795262401000,0,00c0ffee,1\" user=\"甲\">一</d>\n</i>";
    import_with(options.clone(), srec.as_bytes(), &folder.path().join("srec.db")).unwrap();

    let client = "<?xml version=\"2.0\" encoding=\"utf-8\"?><i>\
        <d p=\"41,0,1500,1,25,16777215,1795262401,0,hash\">一</d></i>";
    let path = folder.path().join("client.db");
    import_with(options, client.as_bytes(), &path).unwrap();
    let rows = all(&Recording::open(&path).unwrap());
    assert_eq!((rows[0].seq, rows[0].received_us, texts(&rows)), (41, NOON + SECOND, vec!["一"]));
}

#[test]
fn what_comes_before_the_file_says_when_it_begins_is_dated_too() {
    let (_folder, path) = folder();
    let file = concat!(
        r#"<i><gift ts="0.5" user="甲" uid="1" giftname="花" giftcount="1" price="0"/><sc ts="1" price="30" time="60">二</sc>"#,
        r#"<d p="2.0,1,25,16777215,1795262402,0,0,1" user="甲" uid="0">一</d></i>"#,
    );
    let mut options = ImportOptions::default();
    options.room = Some(room(7));
    import_with(options, file.as_bytes(), &path).unwrap();
    let rows = all(&Recording::open(&path).unwrap());
    assert_eq!(rows.iter().map(|row| (row.received_us - NOON) / 1000).collect::<Vec<_>>(), [500, 1000, 2000]);
    assert_eq!(rows[2].summary.user, None, "0 is nobody's number");
}

#[test]
fn payloads_keep_their_order_also_if_they_were_sent_before_the_time_that_is_said() {
    let (_folder, path) = folder();
    let sent = NOON / 1000;
    let file: Vec<String> =
        (0..3).map(|n| format!("type@=chatmsg/rid@=7/txt@={n}/cst@={}/\n", sent + 1000 * n)).collect();
    let mut options = ImportOptions::default();
    options.start_us = Some(NOON + 3600 * SECOND);
    import_with(options, file.concat().as_bytes(), &path).unwrap();
    assert_eq!(texts(&all(&Recording::open(&path).unwrap())), ["0", "1", "2"]);
}

#[test]
fn a_file_that_a_crash_cut_off_is_imported_up_to_there() {
    let (folder, path) = folder();
    let whole = XML.find("<sc").unwrap();
    for (n, end) in
        [whole, whole + 2, whole + 20, XML.find("</sc").unwrap(), XML.find("</sc").unwrap() - 1].into_iter().enumerate()
    {
        let path = folder.path().join(format!("{n}.db"));
        let (imported, how) = import_with(ImportOptions::default(), &XML.as_bytes()[..end], &path).unwrap();
        assert_eq!(imported.messages, 3, "cut at {end}");
        assert!(matches!(how, End::CutOff(how) if how.contains("byte")), "cut at {end}");
        is_sound(&path);
    }
    evening(&path, true);
    let lines = exported(&path, "jsonl");
    let (_, how) =
        import_with(ImportOptions::default(), &lines[..lines.len() - 20], &folder.path().join("j.db")).unwrap();
    assert!(matches!(how, End::CutOff(how) if how.contains("line")));
    let zeros = [&lines[..], &[0; 512]].concat();
    let (_, how) = import_with(ImportOptions::default(), &zeros, &folder.path().join("z.db")).unwrap();
    assert!(matches!(how, End::CutOff(_)), "a power cut");
}

#[test]
fn what_is_wrong_is_named_and_leaves_everything_as_it_was() {
    let (folder, path) = folder();
    evening(&path, true);
    let state = |path: &Path| (exported(path, "jsonl"), ask::<i64>(path, "SELECT count(*) FROM run"));
    let before = state(&path);
    let huge = format!("<i><d p=\"1,1,25,1,1,0,1,1\" user=\"{}\">x</d></i>", "x".repeat(9 << 20));
    let bomb = "<!DOCTYPE i [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]>\
                <i><BililiveRecorderRecordInfo roomid=\"9999\"/><d p=\"x\">&b;</d></i>";
    let pieces = format!("<i><d p=\"1,1,25,1,1,0,1,1\">{}</d></i>", format!("{}&amp;", "x".repeat(4096)).repeat(1200));
    let never = "<i><BililiveRecorderRecordInfo roomid=\"9999\" start_time=\"2026-11-21T20:00:00+08:00\"/>\
                 <d p=\"1e300,1,25,1,1795262401,0,1,1\">x</d></i>";
    let cases: [(&str, &str); 11] = [
        ("{\"v\":1,\"room\":1}\nnonsense\n{\"v\":1}\n", "line 2: expected ident (column 2)"),
        ("{\"v\":2,\"type\":\"chatmsg\"}\n", "schema is version 2"),
        ("{\"v\":1,\"type\":\"chatmsg\",\"received_at\":\"yesterday\"}\n", "line 1"),
        ("{\"v\":1,\"room\":9999,\"type\":\"loginres\"}\n", "no message"),
        ("{\"v\":1,\"type\":\"chatmsg\",\"received_at\":\"2027-01-01T00:00:00Z\"}\n", "--room"),
        ("type@=chatmsg/rid@=9999/txt@=when/\n", "--start"),
        (
            "{\"v\":1,\"room\":9999,\"type\":\"chatmsg\",\"received_at\":\"2020-01-01T00:00:00Z\"}\n",
            "older files first",
        ),
        (&huge, "more than 4 MiB"),
        (&pieces, "more than 4 MiB"),
        (never, "which is no time"),
        (bomb, "says no time"),
    ];
    for (file, problem) in cases {
        let start = &file[..file.len().min(60)];
        for path in [&path, &folder.path().join("new.db")] {
            // Only what the other recording holds can be too old.
            if problem == "older files first" && path.ends_with("new.db") {
                continue;
            }
            let error = import_with(ImportOptions::default(), file.as_bytes(), path).unwrap_err();
            assert!(error.to_string().contains(problem), "{start}: {error}");
        }
        assert!(state(&path) == before, "{start}");
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
        assert!(
            !left
                .iter()
                .any(|name| name.to_string_lossy().starts_with("new.db") && !name.to_string_lossy().ends_with("lock")),
            "{start}: {left:?}"
        );
    }
}

#[test]
fn entities_that_a_file_declares_are_not_expanded() {
    let (_folder, path) = folder();
    let bomb = "<!DOCTYPE i [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]>\
                <i><BililiveRecorderRecordInfo roomid=\"9999\" start_time=\"2026-11-21T12:00:00Z\"/>\
                <d p=\"1,1,25,1,1,0,1,1\" user=\"&b;\">&b;&#65;&bogus;</d></i>";
    imported(bomb, &path);
    assert_eq!(texts(&all(&Recording::open(&path).unwrap())), ["&b;A&bogus;"]);
}

#[test]
fn files_are_added_one_after_the_other_and_recording_goes_on_behind_them() {
    let (_folder, path) = folder();
    let line = |at: &str, text: &str| {
        format!(
            "{{\"v\":1,\"seq\":5,\"room\":9999,\"type\":\"chatmsg\",\"received_at\":\"{at}\",\"text\":\"{text}\"}}\n"
        )
    };
    imported(line("2026-11-21T11:00:00Z", "一"), &path);
    imported(line("2026-11-21T11:30:00Z", "二"), &path);
    let mut recorder = listening(&path, NOON);
    recorder.records(&heard(LINK, room(9999), NOON + SECOND, &[chat(1, "小明", "三")]));
    recorder.finish(NOON + 2 * SECOND).unwrap();
    is_sound(&path);
    let rows = all(&Recording::open(&path).unwrap());
    assert_eq!(texts(&rows), ["一", "二", "三"]);
    assert_eq!(rows.iter().map(|row| row.seq).collect::<Vec<_>>(), [5, 6, 7]);
}
