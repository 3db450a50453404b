//! How long a message takes from the wire to its meaning, and how much longer a naive decoder takes.
//!
//! Times are criterion's. The table of ratios comes from rounds of its own, in which all ways take turns: on a machine
//! that others use too, ratios within one run can be compared, times of different runs cannot.
//!
//! The corpus is made up, and the same on every run: ordinary chat of 34 fields and about 500 bytes a message, as in
//! recorded traffic.

#![allow(clippy::print_stdout, clippy::unwrap_used)] // A bench prints, and a broken corpus is its own fault.

use std::collections::HashMap;
use std::hint::black_box;
use std::time::Instant;

use criterion::{Criterion, Throughput};
use danmu_proto::packet::{self, PacketDecoder, Sender};
use danmu_proto::stt::{self, Value, Writer};
use danmu_proto::{Message, RoomId};

const MESSAGES: usize = 1000;
const ROUNDS: usize = 101;

/// What a way does with a stretch of wire. It gives back something that needs all its work.
type Way = fn(&[u8]) -> usize;

/// What is compared.
const WAYS: &[(&str, Way)] = &[
    ("packets", packets),
    ("packets and all pairs", all_pairs),
    ("packets and chat views", chat_views),
    ("packets and summaries", summaries),
    ("naive: split into a HashMap", naive),
];

fn main() {
    let wire = corpus();
    println!("corpus: {MESSAGES} messages, {} bytes each with header\n", wire.len() / MESSAGES);
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Bytes(wire.len() as u64));
    for (name, way) in WAYS {
        group.bench_function(*name, |bencher| bencher.iter(|| way(black_box(&wire))));
    }
    group.finish();
    criterion.final_summary();
    if !std::env::args().any(|arg| arg == "--test" || arg == "--list") {
        ratios(&wire);
    }
}

/// Runs all ways in turns and prints for each the median time, and how many times as long the naive one took in the same
/// round, as a median too.
fn ratios(wire: &[u8]) {
    let rounds: Vec<Vec<f64>> = (0..ROUNDS)
        .map(|_| {
            let seconds = |way: &Way| {
                let begun = Instant::now();
                black_box(way(black_box(wire)));
                begun.elapsed().as_secs_f64()
            };
            WAYS.iter().map(|(_, way)| seconds(way)).collect()
        })
        .collect();
    println!("{:<30} {:>10} {:>8} {:>14}", "", "ns/message", "GB/s", "naive / this");
    for (at, (name, _)) in WAYS.iter().enumerate() {
        let seconds = median(rounds.iter().map(|round| round[at]));
        let ratio = median(rounds.iter().map(|round| round[WAYS.len() - 1] / round[at]));
        let per_message = seconds * 1e9 / MESSAGES as f64;
        let rate = wire.len() as f64 / seconds / 1e9;
        println!("{name:<30} {per_message:>10.0} {rate:>8.2} {ratio:>13.1}×");
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn each_payload(wire: &[u8], each: impl FnMut(&[u8])) {
    PacketDecoder::new(Sender::Server).read(wire, each).unwrap();
}

fn packets(wire: &[u8]) -> usize {
    let mut bytes = 0;
    each_payload(wire, |payload| bytes += payload.len());
    bytes
}

fn all_pairs(wire: &[u8]) -> usize {
    let mut bytes = 0;
    each_payload(wire, |payload| {
        for (key, value) in stt::pairs(Value::new(payload)) {
            bytes += key.raw().len() + value.text().len();
        }
    });
    bytes
}

fn chat_views(wire: &[u8]) -> usize {
    let mut bytes = 0;
    each_payload(wire, |payload| {
        if let Message::Chat(chat) = Message::read(payload) {
            bytes += chat.name.len() + chat.text.len() + chat.level.unwrap() as usize;
            black_box(&chat);
        }
    });
    bytes
}

fn summaries(wire: &[u8]) -> usize {
    let room = RoomId::new(9999).unwrap();
    let mut bytes = 0;
    each_payload(wire, |payload| {
        let message = Message::read(payload);
        let summary = message.summary(room);
        bytes += summary.text.as_ref().map_or(0, |text| text.len());
        black_box(&summary);
    });
    bytes
}

/// What most programs do.
fn naive(wire: &[u8]) -> usize {
    let mut bytes = 0;
    let mut rest = wire;
    while rest.len() > 12 {
        let size = u32::from_le_bytes([rest[0], rest[1], rest[2], rest[3]]) as usize + 4;
        let body = String::from_utf8_lossy(&rest[12..size - 1]).into_owned();
        let mut map = HashMap::new();
        for segment in body.split('/') {
            let parts: Vec<&str> = segment.split("@=").collect();
            if parts.len() > 1 {
                let unescape = |part: &str| part.replace("@S", "/").replace("@A", "@");
                map.insert(unescape(parts[0]), unescape(parts[1]));
            }
        }
        bytes += map["nn"].len() + map["txt"].len();
        rest = &rest[size..];
    }
    bytes
}

/// The same made-up chat on every run.
fn corpus() -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(9999);
    let mut wire = Vec::new();
    for number in 0..MESSAGES {
        packet::encode(Sender::Server, chat(&mut random, number).as_bytes(), &mut wire);
    }
    wire
}

fn chat(random: &mut fastrand::Rng, number: usize) -> String {
    const SAID: &[&str] = &[
        "哈哈哈哈哈哈",
        "主播晚上好",
        "666",
        "这波操作可以的，我给满分",
        "[emot:dy101][emot:dy110]",
        "gg",
        "1/2 还是 2/3？",
        "😂😂太好笑了",
        "@主播 能听见吗 http://x.example/a",
        "来了来了，今天怎么这么晚才开播，等了好久了",
    ];
    let mut text = SAID[random.usize(..SAID.len())].to_owned();
    if random.u8(..3) == 0 {
        text.push_str(SAID[random.usize(..SAID.len())]);
    }
    let effects = (0..random.usize(1..4)).fold(Writer::new(), |list, _| {
        let effect =
            Writer::new().pair("eid", 1_500_000_000 + random.u32(..200)).pair("etp", 1).pair("sc", 1).pair("ef", 0);
        list.item(effect.finish())
    });
    let picture = format!("avatar_v3/2026{:02}/{:032x}", random.u8(1..13), random.u128(..));
    Writer::new()
        .pair("type", "chatmsg")
        .pair("rid", 9999)
        .pair("ct", random.u8(..3))
        .pair("uid", random.u32(1_000_000..500_000_000))
        .pair("nn", format!("测试用户{}", random.u32(..100_000)))
        .pair("txt", text)
        .pair("cid", format!("{:016x}{number:016x}", 0x00a5_89a1_c28c_3b4c_u64))
        .pair("ic", picture)
        .pair("level", random.u8(1..80))
        .pair("sahf", 0)
        .pair("nl", random.u8(..8))
        .pair("col", random.u8(..7))
        .pair("rg", 1)
        .pair("cst", 1_790_000_000_000 + number)
        .pair("bnn", "测试牌")
        .pair("bl", random.u8(1..30))
        .pair("brid", 9999)
        .pair("hc", format!("{:032x}", random.u128(..)))
        .pair("diaf", 1)
        .pair("dfgm", 4)
        .pair("diafid", 126)
        .pair("hl", 1)
        .pair("ifs", 1)
        .pair("el", effects.finish())
        .pair("lk", "")
        .pair("fl", random.u8(1..30))
        .pair("urlev", random.u8(1..20))
        .pair("dms", random.u8(3..11))
        .pair("pdg", random.u8(..100))
        .pair("pdk", random.u8(..100))
        .pair("ail", Writer::new().item(6065).item(4144).finish())
        .pair("ext", "")
        .pair("if", 1)
        .pair("cdiaf", 1)
        .finish()
}
