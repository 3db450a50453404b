//! How the cost grows: with the size of a message, with the links of a room, with its rows, with the rooms. Twice as much
//! should cost twice as much.
//!
//! The first two are measured here, the others in their own parts; all [note] their points in one file, of which
//! `chart.rs` makes a picture.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use danmu_client::standby::Merge;
use danmu_proto::session::Config;
use danmu_proto::{Batch, LinkId, Message, PacketDecoder, RoomId, Sender, Session, Summary, packet};

use crate::measure::{median, thread_cpu};
use crate::report::is_full;
use crate::traffic::Tape;

/// How much is measured.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    /// Bytes that a way takes in at its turn.
    bytes: usize,
    /// Messages that a room says.
    messages: usize,
    rounds: usize,
}

impl Size {
    pub(crate) const FULL: Self = Self { bytes: 4 << 20, messages: 30_000, rounds: 15 };
    pub(crate) const TINY: Self = Self { bytes: 4 << 10, messages: 100, rounds: 1 };
}

pub(crate) fn run(size: Size) {
    message(size);
    links(size);
}

/// Where the points are: a line each, panel, line, x and y between tabs.
///
/// | panel     | x                  | y                                                              |
/// |-----------|--------------------|----------------------------------------------------------------|
/// | `message` | bytes of a message | ns of CPU time for it                                          |
/// | `links`   | links to a room    | ns of CPU time for each message that the room says             |
/// | `rows`    | rows so far        | s of CPU time for all of them                                  |
/// | `rooms`   | rooms              | ms of CPU time a second, where each says one message a second  |
pub(crate) fn file() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("growth.tsv")
}

/// Notes a point of the chart of growth, in place of an earlier one with the same `x`. `line` says what is drawn, if there
/// is more than one line in the panel. See [`file`] for panels and units; a tiny run notes nothing.
pub(crate) fn note(panel: &str, line: &str, x: f64, y: f64) {
    if !is_full() {
        return;
    }
    let known = fs::read_to_string(file()).unwrap_or_default();
    let split = known.lines().filter_map(|point| point.rsplit_once('\t'));
    let mut points: BTreeMap<String, String> = split.map(|(at, y)| (at.to_owned(), y.to_owned())).collect();
    points.insert(format!("{panel}\t{line}\t{x}"), y.to_string());
    let lines: Vec<String> = points.iter().map(|(at, y)| format!("{at}\t{y}\n")).collect();
    fs::write(file(), lines.concat()).unwrap();
}

/// What is done with a stretch of wire. Gives something that depends on all of it.
type Way = fn(&[u8]) -> usize;

/// All of them, by name, and what is written beside their lines in the chart.
const WAYS: &[(&str, Way, Option<&str>)] = &[
    ("framing", framing, Some("cut out of the stream")),
    ("view", view, Some("read as chat")),
    ("owned", owned, None),
    ("summary", summary, Some("summed up for a recording")),
];

fn message(size: Size) {
    println!("message size: ns CPU a message, and a byte of it");
    print!("{:>12}", "bytes");
    for (name, ..) in WAYS {
        print!(" {name:>20}");
    }
    println!();
    for bytes in (3..=10).map(|power| 1_usize << (2 * power)) {
        let wire = chat_of(bytes).repeat((size.bytes / bytes).max(1));
        let messages = wire.len() / bytes;
        let turn = || WAYS.iter().map(|(_, way, _)| time(|| way(&wire))).collect();
        let rounds: Vec<Vec<Duration>> = (0..size.rounds).map(|_| turn()).collect();
        print!("{bytes:>12}");
        for (at, (_, _, drawn)) in WAYS.iter().enumerate() {
            let ns = median(rounds.iter().map(|round| round[at].as_secs_f64())) * 1e9 / messages as f64;
            print!(" {ns:>12.1} {:>7.3}", ns / bytes as f64);
            if let Some(drawn) = drawn {
                note("message", drawn, bytes as f64, ns);
            }
        }
        println!();
    }
}

/// The packet of a line of chat, of so many bytes in all: the longer it is, the more fields of the usual length it has.
fn chat_of(bytes: usize) -> Vec<u8> {
    const AROUND: usize = 13;
    let mut payload = "type@=chatmsg/uid@=1/nn@=某人/txt@=666/".to_owned();
    let mut fields = 0;
    while payload.len() + AROUND < bytes {
        let left = bytes - AROUND - payload.len();
        let key = format!("k{fields:x}@=");
        let field = if left < 40 { left } else { 20 };
        write!(payload, "{key:x<width$}/", width = field - 1).unwrap();
        fields += 1;
    }
    let mut wire = Vec::new();
    packet::encode(Sender::Server, payload.as_bytes(), &mut wire);
    assert_eq!(wire.len(), bytes);
    wire
}

fn each_payload(wire: &[u8], each: impl FnMut(&[u8])) {
    PacketDecoder::new(Sender::Server).read(wire, each).unwrap();
}

fn framing(wire: &[u8]) -> usize {
    let mut sum = 0;
    each_payload(wire, |payload| sum += payload.len());
    sum
}

fn view(wire: &[u8]) -> usize {
    let mut sum = 0;
    each_payload(wire, |payload| sum += text_of(&Message::read(payload)));
    sum
}

fn owned(wire: &[u8]) -> usize {
    let mut batch = Batch::new();
    each_payload(wire, |payload| batch.push(payload, false));
    batch.freeze(room(), LinkId(1), 0).messages().map(|record| text_of(&record.message())).sum()
}

fn summary(wire: &[u8]) -> usize {
    let mut sum = 0;
    each_payload(wire, |payload| {
        sum += black_box(&Summary::read(payload, room())).text.as_ref().map_or(0, |text| text.len());
    });
    sum
}

fn text_of(message: &Message<'_>) -> usize {
    match black_box(message) {
        Message::Chat(chat) => chat.text.len(),
        other => panic!("chat was read as {other:?}"),
    }
}

/// What `danmu-client` does with what the links of a room read: cut, merged, shared, and made into what a writer stores.
fn links(size: Size) {
    const MOST: u64 = 4;
    let tape = Tape::new(size.messages, true);
    let mut wire = Vec::new();
    tape.payloads(|payload| packet::encode(Sender::Server, payload, &mut wire));
    println!("links of a room: ns CPU for each message that it says, of {} bytes", wire.len() / size.messages);
    let rounds: Vec<Vec<f64>> =
        (0..size.rounds).map(|_| (1..=MOST).map(|links| time(|| hear(&wire, links)).as_secs_f64()).collect()).collect();
    for links in 1..=MOST {
        let ns = median(rounds.iter().map(|round| round[links as usize - 1])) * 1e9 / size.messages as f64;
        println!("{links:>12} links: {ns:.1}");
        note("links", "", links as f64, ns);
    }
}

fn hear(wire: &[u8], links: u64) -> usize {
    /// As much as two messages, which is what a read of a busy room gives.
    const READ: usize = 700;
    let start = Instant::now();
    let mut merge = Merge::new(8 << 20);
    (1..=links).for_each(|link| merge.joined(LinkId(link)));
    let mut sessions: Vec<Session> = (1..=links).map(|_| Session::new(start, Config::new(room()))).collect();
    let mut sum = 0;
    for (nth, bytes) in wire.chunks(READ).enumerate() {
        let now = start + Duration::from_millis(8) * nth as u32;
        for (link, session) in (1..=links).map(LinkId).zip(&mut sessions) {
            let mut batch = Batch::new();
            session.receive(now, bytes, &mut batch);
            batch.retain(merge.news(link, now));
            if !batch.is_empty() {
                let records = batch.freeze(room(), link, 0);
                sum += records.messages().map(|record| record.summary().kind.len()).sum::<usize>();
            }
        }
    }
    sum
}

fn room() -> RoomId {
    RoomId::new(9999).unwrap()
}

/// CPU time of this thread for `work`.
fn time(work: impl FnOnce() -> usize) -> Duration {
    let begun = thread_cpu();
    black_box(work());
    thread_cpu() - begun
}
