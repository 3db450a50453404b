//! What merging the links of a room costs: for each message heard, against an insertion into `HashSet<u128>` with the
//! standard library's own hasher, which is the least that could tell whether a random id was heard before; and for a
//! second link as a whole, against the first.
//!
//! Prints ratios of one run, in which all take turns.
//!
//! ```text
//! cargo bench -p danmu-client --bench merge
//! cargo bench -p danmu-client --bench merge -- --once WAY TIMES    one way alone, for a profiler
//! ```

#![allow(clippy::print_stdout, clippy::unwrap_used)] // A bench prints, and a broken corpus is its own fault.

#[path = "../../../benches/report.rs"]
#[allow(dead_code, reason = "others need more of it")]
mod report;

use std::collections::HashSet;
use std::hint::black_box;
use std::time::{Duration, Instant};

use danmu_client::standby::Merge;
use danmu_client::{LinkId, RoomId};
use danmu_proto::session::Config;
use danmu_proto::{Batch, Sender, Session, message, packet};
use danmu_sim::Scenario;

use report::{Target, line, median, size};

/// How often all take their turn.
const ROUNDS: usize = 31;
/// What a room says in the two minutes for which ids are known: 250 messages a second, as the busiest do.
const MESSAGES: u32 = 30_000;
/// How many messages one read gives.
const READ: usize = 2;
const LINKS: [LinkId; 2] = [LinkId(1), LinkId(2)];

/// What a room says.
struct Room {
    all: Vec<Vec<u8>>,
    chat: Vec<Vec<u8>>,
    other: Vec<Vec<u8>>,
    /// Packets, as each read gives them.
    reads: Vec<Vec<u8>>,
    ids: Vec<u128>,
    start: Instant,
}

/// One way to treat all that the room says. Gives something that depends on all of it.
type Way = fn(&Room) -> usize;

const WAYS: &[(&str, Way)] = &[
    ("HashSet<u128>", set),
    ("chat, one link", |room| merge(room, &room.chat, 1)),
    ("chat, two links", |room| merge(room, &room.chat, 2)),
    ("other, one link", |room| merge(room, &room.other, 1)),
    ("other, two links", |room| merge(room, &room.other, 2)),
    ("all, one link", |room| merge(room, &room.all, 1)),
    ("all, two links", |room| merge(room, &room.all, 2)),
    ("read and decode", read),
    ("one link", |room| hear(room, 1)),
    ("two links", |room| hear(room, 2)),
];

fn main() {
    let room = Room::new();
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "--once") {
        let (_, way) = WAYS.iter().find(|(known, _)| *known == arguments[at + 1]).expect("the name of a way");
        for _ in 0..arguments[at + 2].parse().unwrap() {
            black_box(way(black_box(&room)));
        }
        return;
    }
    let seconds = |way: Way| {
        let begun = Instant::now();
        black_box(way(black_box(&room)));
        begun.elapsed().as_secs_f64()
    };
    let rounds: Vec<Vec<f64>> =
        (0..size(ROUNDS, 1)).map(|_| WAYS.iter().map(|(_, way)| seconds(*way)).collect()).collect();
    let [all, chat, other] = [&room.all, &room.chat, &room.other].map(Vec::len);
    let bytes = room.all.iter().map(Vec::len).sum::<usize>();
    println!("{all} messages of {} bytes, {chat} of them chat", bytes / all);
    // How many messages are heard in all, on all links.
    let heard = [all, chat, 2 * chat, other, 2 * other, all, 2 * all, all, all, 2 * all];
    let per_message = |round: &Vec<f64>, way: usize| round[way] / heard[way] as f64;
    println!("  {:<18} {:>10} {:>8}", "", "ns/message", "× set");
    for (way, (name, _)) in WAYS.iter().enumerate() {
        let ns = median(rounds.iter().map(|round| per_message(round, way) * 1e9));
        let ratio = median(rounds.iter().map(|round| per_message(round, way) / per_message(round, 0)));
        println!("  {name:<18} {ns:>10.1} {ratio:>8.2}");
    }
    let merged = median(rounds.iter().map(|round| per_message(round, 6) / per_message(round, 0)));
    let second = median(rounds.iter().map(|round| (round[9] - round[7]) / round[8]));
    println!("{}", report::heading());
    println!("{}", line("merge: a message of all, as an insertion into a set", Target::AtMost(4.0), merged, "×"));
    println!("{}", line("merge: two links without reading one, as one link", Target::AtMost(1.3), second, "×"));
}

impl Room {
    fn new() -> Self {
        let mut scenario = Scenario::new(1, RoomId::new(9999).unwrap());
        let all: Vec<Vec<u8>> =
            (0..size(MESSAGES, 300)).map(|n| scenario.next(i64::from(n) * 4).into_bytes()).collect();
        let (chat, other) = all.iter().cloned().partition(|payload| message::id(payload).is_some());
        let read = |payloads: &[Vec<u8>]| {
            let mut wire = Vec::new();
            for payload in payloads {
                packet::encode(Sender::Server, payload, &mut wire);
            }
            wire
        };
        let reads = all.chunks(READ).map(read).collect();
        let mut rng = fastrand::Rng::with_seed(1);
        let ids = all.iter().map(|_| rng.u128(..)).collect();
        Self { all, chat, other, reads, ids, start: Instant::now() }
    }

    /// When the nth of the messages is heard.
    fn at(&self, nth: usize) -> Instant {
        self.start + Duration::from_secs(120) * nth as u32 / MESSAGES
    }
}

fn set(room: &Room) -> usize {
    let mut set = HashSet::new();
    room.ids.iter().filter(|id| set.insert(**id)).count()
}

/// Messages that are heard by so many links, one after the other.
fn merge(room: &Room, payloads: &[Vec<u8>], links: usize) -> usize {
    let mut merge = listening(links);
    let mut new = 0;
    for (nth, payloads) in payloads.chunks(READ).enumerate() {
        for link in &LINKS[..links] {
            let mut news = merge.news(*link, room.at(nth * READ));
            new += payloads.iter().filter(|payload| news(payload)).count();
        }
    }
    new
}

/// What a link does with what it reads before it is merged.
fn read(room: &Room) -> usize {
    let mut session = Session::new(room.start, Config::new(RoomId::new(9999).unwrap()));
    let batches = room.reads.iter().enumerate().map(|(nth, bytes)| {
        let mut batch = Batch::new();
        session.receive(room.at(nth * READ), bytes, &mut batch);
        batch.payloads().count()
    });
    batches.sum()
}

/// What links do with what they read until it is merged, shared and made into what a writer stores.
fn hear(room: &Room, links: usize) -> usize {
    let mut merge = listening(links);
    let id = RoomId::new(9999).unwrap();
    let mut sessions = [(); 2].map(|()| Session::new(room.start, Config::new(id)));
    let mut size = 0;
    for (nth, bytes) in room.reads.iter().enumerate() {
        for (link, session) in LINKS.iter().zip(&mut sessions).take(links) {
            let now = room.at(nth * READ);
            let mut batch = Batch::new();
            session.receive(now, bytes, &mut batch);
            batch.retain(merge.news(*link, now));
            if !batch.is_empty() {
                let records = batch.freeze(id, *link, 0);
                size += records.size_bytes();
                size += records.messages().map(|record| record.message().summary(id).kind.len()).sum::<usize>();
            }
        }
    }
    size
}

fn listening(links: usize) -> Merge {
    let mut merge = Merge::new(8 << 20);
    for link in &LINKS[..links] {
        merge.joined(*link);
    }
    merge
}
