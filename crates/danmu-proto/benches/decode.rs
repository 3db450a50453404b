//! How long a message takes from the wire to its meaning, as a share of the limit: the least that any reader must do.
//!
//! Prints a table of ratios. What they mean is in `README.md` beside this file.
//!
//! ```text
//! cargo bench -p danmu-proto --bench decode                      all of it
//! cargo bench -p danmu-proto --bench decode -- --wire FILE       packets from a file in place of the made-up corpus
//! cargo bench -p danmu-proto --bench decode -- --once WAY TIMES  one way alone, for a profiler: see `ci/instructions`
//! cargo bench -p danmu-proto --bench decode -- --bytes           the size of the corpus
//! ```

#![allow(clippy::print_stdout, clippy::unwrap_used)] // A bench prints, and a broken corpus is its own fault.

#[path = "decode/corpus.rs"]
mod corpus;
#[path = "decode/paths.rs"]
mod paths;
#[path = "../../../benches/report.rs"]
#[allow(dead_code, reason = "others need more of it")]
mod report;

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use danmu_proto::{PacketDecoder, Sender, packet, scan};

use paths::Way;
use report::{Target, line_with_goal, median, size};

/// How often all take their turn; once where nothing is measured.
const ROUNDS: usize = 61;
/// How often one does its work at its turn, after once to warm up.
const TIMES: usize = 5;
/// The part of the work that the naive way does at its turn is one in so many.
const PART: usize = 16;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let after = |flag: &str, at: usize| {
        arguments.iter().position(|argument| argument == flag).map(|found| arguments[found + at].clone())
    };
    let wire = after("--wire", 1).map_or_else(corpus::wire, |file| std::fs::read(file).unwrap());
    if arguments.iter().any(|argument| argument == "--bytes") {
        println!("{}", wire.len());
        return;
    }
    if let Some(name) = after("--once", 1) {
        let (_, way) = paths::WAYS.iter().find(|(known, ..)| *known == name).expect("the name of a way");
        for _ in 0..after("--once", 2).unwrap().parse().unwrap() {
            black_box(way(black_box(&wire)));
        }
        return;
    }
    compare("made-up chat", &wire);
    if let Some(genuine) = genuine() {
        compare("genuine chat", &genuine);
    }
}

/// Lets all take turns, and prints what came of it. On a machine that others use too, times of two runs cannot be
/// compared; ratios of one run can.
fn compare(what: &str, wire: &[u8]) {
    let mut messages = 0;
    PacketDecoder::new(Sender::Server).read(wire, |_| messages += 1).unwrap();
    println!("{what}: {messages} messages of {} bytes with header, {:?}", wire.len() / messages, scan::level());
    let seconds = |way: Way, wire: &[u8], times: usize| {
        black_box(way(black_box(wire)));
        let begun = Instant::now();
        for _ in 0..times {
            black_box(way(black_box(wire)));
        }
        begun.elapsed().as_secs_f64() / times as f64
    };
    // A slow way does a part of the work, so that its turn is no longer than another's, nor more often interrupted.
    let turn = |name: &str, way: Way| match name {
        "naive" => seconds(way, &wire[..wire.len() / PART], 1) * PART as f64,
        _ => seconds(way, wire, TIMES),
    };
    let round = || -> Vec<f64> { paths::WAYS.iter().map(|(name, way)| turn(name, *way)).collect() };
    let rounds: Vec<Vec<f64>> = (0..size(ROUNDS, 1)).map(|_| round()).collect();
    let at = |name: &str| paths::WAYS.iter().position(|(known, _)| *known == name).unwrap();
    let ratio = |of: &str, to: &str| median(rounds.iter().map(|round| round[at(of)] / round[at(to)]));

    println!("  {:<18} {:>10} {:>8} {:>10}", "", "ns/message", "GB/s", "× limit");
    for (name, _) in paths::WAYS {
        let seconds = median(rounds.iter().map(|round| round[at(name)]));
        let per_message = seconds * 1e9 / messages as f64;
        println!(
            "  {name:<18} {per_message:>10.1} {:>8.2} {:>10.3}",
            wire.len() as f64 / seconds / 1e9,
            ratio("limit", name)
        );
    }
    println!("{}", report::heading());
    for (name, of, must, goal) in paths::TARGETS {
        let told = format!("decode: {name} of {what}, as fast as {of}");
        println!("{}", line_with_goal(&told, Target::AtLeast(*must), *goal, ratio(of, name), "×"));
    }
    println!();
}

/// Chat that was recorded, beside the repository; not everyone has it.
fn genuine() -> Option<Vec<u8>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/samples/real-messages.stt");
    let Ok(lines) = std::fs::read(&file) else {
        println!("skipped: genuine chat, for there is no ../shared/samples beside the repository");
        return None;
    };
    let mut wire = Vec::new();
    let chat = lines.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"type@=chatmsg/"));
    chat.for_each(|payload| packet::encode(Sender::Server, payload, &mut wire));
    Some(wire)
}
