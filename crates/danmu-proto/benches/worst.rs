//! The worst that can stand in a packet: how long a byte of it takes, whether a byte of more of it takes longer, and how
//! much memory it needs. What may come of it is asserted in `tests/worst.rs` and `ci/instructions`, over the same cases.
//!
//! ```text
//! cargo bench -p danmu-proto --bench worst                             the tables
//! cargo bench -p danmu-proto --bench worst -- --cases                  the names of all
//! cargo bench -p danmu-proto --bench worst -- --once CASE SIZE TIMES   one case in all ways, for a profiler
//! ```

#![allow(clippy::print_stdout, clippy::unwrap_used)] // A bench prints, and a broken case is its own fault.

#[path = "worst/cases.rs"]
mod cases;
#[path = "../../../benches/report.rs"]
#[allow(dead_code, reason = "others need more of it")]
mod report;

use std::hint::black_box;
use std::time::Instant;

use peak_alloc::PeakAlloc;

use cases::{CASES, Case, PACKETS, RECEIVE, WAYS, Way};
use report::{Target, line, size};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const MIB: usize = 1 << 20;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let has = |flag: &str| arguments.iter().position(|argument| argument == flag);
    if has("--cases").is_some() {
        CASES.iter().chain(PACKETS).for_each(|(name, _)| println!("{name}"));
    } else if let Some(at) = has("--once") {
        once(&arguments[at + 1], arguments[at + 2].parse().unwrap(), arguments[at + 3].parse().unwrap());
    } else {
        tables(size(MIB, MIB / 64), size(15, 1));
    }
}

/// Each case with what is done with it.
fn all() -> impl Iterator<Item = (&'static str, Case, Vec<Done>)> {
    let cases =
        CASES.iter().map(|(name, case)| (*name, *case, WAYS.iter().map(|(_, way, most)| (*way, *most)).collect()));
    cases.chain(PACKETS.iter().map(|(name, case)| (*name, *case, vec![RECEIVE])))
}

/// What is done, and its bound of memory.
type Done = (Way, f64);

fn once(name: &str, bytes: usize, times: usize) {
    let (_, case, ways) = all().find(|(known, ..)| *known == name).expect("the name of a case");
    let payload = case(bytes);
    for _ in 0..times {
        for (way, _) in &ways {
            black_box(way(black_box(&payload)));
        }
    }
}

fn tables(size: usize, rounds: usize) {
    table("ns a byte", size, |_, (way, _), payload| per_byte(way, payload, rounds));
    let mut growth = 0.0_f64;
    table("a byte of 8 times as much, as a multiple of a byte", size, |case, (way, _), payload| {
        let times = per_byte(way, payload, rounds) / per_byte(way, &case(size / 8), rounds);
        growth = growth.max(times);
        times
    });
    let mut memory = 0.0_f64;
    table("peak of memory, as a multiple of the payload", size, |_, (way, most), payload| {
        let times = peak(way, payload);
        memory = memory.max(times / most);
        times
    });
    println!("{}", report::heading());
    println!("{}", line("worst: a byte of 8 times as much, of a byte", Target::AtMost(2.5), growth, "×"));
    println!("{}", line("worst: memory, of its bound", Target::AtMost(1.0), memory, "×"));
}

fn table(what: &str, size: usize, mut cell: impl FnMut(Case, Done, &[u8]) -> f64) {
    println!("{what}");
    let names: Vec<String> = WAYS.iter().map(|(name, ..)| format!("{name:>10}")).collect();
    println!("  {:<16}{}", "", names.concat());
    for (name, case, ways) in all() {
        let payload = case(size);
        let cells: Vec<String> = ways.iter().map(|done| format!("{:>10.2}", cell(case, *done, &payload))).collect();
        println!("  {name:<16}{}", cells.concat());
    }
    println!();
}

/// The quickest of some rounds: the others were interrupted.
fn per_byte(way: Way, payload: &[u8], rounds: usize) -> f64 {
    let round = || {
        let begun = Instant::now();
        black_box(way(black_box(payload)));
        begun.elapsed().as_secs_f64()
    };
    (0..rounds).map(|_| round()).fold(f64::INFINITY, f64::min) * 1e9 / payload.len() as f64
}

fn peak(way: Way, payload: &[u8]) -> f64 {
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    black_box(way(payload));
    (MEMORY.peak_usage() - before) as f64 / payload.len() as f64
}
