//! Made-up traffic, and short ways to record it and to ask SQLite about it.

use std::path::{Path, PathBuf};

use danmu_proto::{Batch, LinkId, Message, Records, RoomId, message};
use danmu_sinks::{Entry, Filter, Recorder, RecorderOptions, Recording, Row};
use rusqlite::Connection;
use rusqlite::types::FromSql;
use tempfile::TempDir;

pub(crate) const SECOND: i64 = 1_000_000;
/// When the tests begin: 2026-11-21 12:00:00 UTC.
pub(crate) const NOON: i64 = 1_795_262_400 * SECOND;
pub(crate) const LINK: LinkId = LinkId(1);

pub(crate) fn room(number: u64) -> RoomId {
    RoomId::new(number).unwrap()
}

/// A folder that goes away with the test, and the path of a recording in it.
pub(crate) fn folder() -> (TempDir, PathBuf) {
    // In memory where there is such a place: thousands of synced commits would wait for the disk.
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let path = folder.path().join("danmu.db");
    (folder, path)
}

pub(crate) fn recorder(path: &Path) -> Recorder {
    Recorder::open(path, RecorderOptions::default(), NOON).unwrap()
}

/// A recorder of room 9999 with a link that has joined.
pub(crate) fn listening(path: &Path, now_us: i64) -> Recorder {
    let mut recorder = Recorder::open(path, RecorderOptions::default(), now_us).unwrap();
    recorder.want(room(9999), now_us);
    recorder.link_opened(LINK, room(9999), "tcp://127.0.0.1:8601", now_us);
    recorder
}

/// What one read of a link gave. Control is told from messages as the session does it.
pub(crate) fn heard<P: AsRef<[u8]>>(link: LinkId, room: RoomId, at_us: i64, payloads: &[P]) -> Records {
    let mut batch = Batch::new();
    for payload in payloads.iter().map(AsRef::as_ref) {
        batch.push(payload, message::is_control(&message::kind(payload)));
    }
    batch.freeze(room, link, at_us)
}

pub(crate) fn chat(user: u64, name: &str, text: &str) -> String {
    danmu_proto::stt::Writer::new()
        .pair("type", "chatmsg")
        .pair("rid", 9999)
        .pair("uid", user)
        .pair("nn", name)
        .pair("txt", text)
        .pair("cid", format_args!("{user:032x}"))
        .pair("level", 24)
        .pair("cst", 1_795_262_399_584_i64)
        .pair("dms", 5)
        .finish()
}

pub(crate) fn gift(user: u64, id: u32, count: u32) -> String {
    format!("type@=dgb/rid@=9999/uid@={user}/nn@=小红/gfid@={id}/gfcnt@={count}/hits@=3/")
}

pub(crate) fn superchat(user: u64, fen: u32) -> String {
    format!(
        "type@=comm_chatmsg/rid@=9999/uid@={user}/btype@=voiceDanmu/cprice@={fen}/cet@=60/now@=1795262399584/\
         chatmsg@=type@A=chatmsg@Snn@A=小红@Stxt@A=加油@Suid@A={user}@S/"
    )
}

/// Payloads of every odd kind: they must come back byte for byte.
pub(crate) fn odd_payloads() -> Vec<Vec<u8>> {
    let mut odd: Vec<Vec<u8>> = [
        "type@=chatmsg/rid@=1/txt@=/",
        "",
        "no pairs at all",
        "rid@=9999/txt@=no type/",
        "type@=chatmsg/txt@=1@S2 @AAlice a@A=b @S@S '; DROP TABLE message; --/",
        "type@=chatmsg/txt@=a\nb\u{0}c\u{2028}\u{202e}\u{7}/",
        "type@=chatmsg/uid@=18446744073709551615/cst@=9223372036854775807/level@=4294967295/",
        "type@=chatmsg/cid@=NOTHEX/nn@=@/",
        "type@=chatmsg/cid@=A589A589A589A589A589A589A589A589/",
        "type@=qausrespond/rid@=9999/rid@=-1/k@=1/k@=2/k@=3/",
        "type@=dgb/gfid@=0/pid@=192/gfcnt@=7/receive_nn@=某某/",
        "type@=somethingnew/list@=a@AA=1@AS@S/",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into();
    odd.push(b"type@=chatmsg/txt@=\xed\xa0\xbd\xed\xb8\x80 \xff/".to_vec());
    odd.push([b"type@=chatmsg/txt@=".to_vec(), vec![b'x'; 700_000]].concat());
    odd
}

pub(crate) fn all(recording: &Recording) -> Vec<Row> {
    some(recording, &Filter::default())
}

pub(crate) fn some(recording: &Recording, filter: &Filter) -> Vec<Row> {
    recording.messages(filter).unwrap().with_payloads().map(Result::unwrap).collect()
}

pub(crate) fn texts(rows: &[Row]) -> Vec<&str> {
    rows.iter().map(|row| row.summary.text.as_deref().unwrap_or_default()).collect()
}

/// A single value, asked of SQLite itself.
#[track_caller]
pub(crate) fn ask<T: FromSql>(path: &Path, sql: &str) -> T {
    Connection::open(path).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
}

/// Changes a recording behind its back.
#[track_caller]
pub(crate) fn tamper(path: &Path, sql: &str) {
    Connection::open(path).unwrap().execute_batch(sql).unwrap();
}

#[track_caller]
pub(crate) fn is_sound(path: &Path) {
    let verified = Recording::open(path).unwrap().verify().unwrap();
    assert_eq!(verified.findings, [], "{}", path.display());
}

pub(crate) fn json(entry: &Entry<'_>) -> String {
    let mut line = Vec::new();
    danmu_sinks::format::jsonl::Lines::default().message(&mut line, entry);
    String::from_utf8(line).unwrap()
}

/// The line of a message that was just heard in room 9999.
pub(crate) fn json_of(payload: &[u8]) -> String {
    let records = heard(LINK, room(9999), NOON + 123_456, &[payload]);
    let record = records.messages().next().unwrap();
    let message = Message::read(&record.payload);
    let summary = message.summary(record.room);
    json(&Entry::live(&record, &summary))
}

/// Genuine messages that others recorded, where they are at hand.
pub(crate) fn samples() -> Option<Vec<Vec<u8>>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/samples/real-messages.stt");
    let Ok(text) = std::fs::read(&path) else {
        println!("skipped: {} is not there", path.display());
        return None;
    };
    Some(text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect())
}
