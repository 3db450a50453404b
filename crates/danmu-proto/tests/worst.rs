//! The worst that can stand in a packet costs in proportion to its size: time, and memory. `benches/worst.rs` prints both.

#![allow(missing_docs, unreachable_pub, reason = "tests")]

#[path = "../benches/worst/cases.rs"]
mod cases;

use std::hint::black_box;
use std::time::{Duration, Instant};

use peak_alloc::PeakAlloc;

use cases::{CASES, PACKETS, RECEIVE, WAYS, Way};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// One test, for two at once would count each other's memory and time.
#[test]
fn twice_as_much_takes_twice_the_time_at_most_and_memory_within_the_bound() {
    const SIZE: usize = 64 * 1024;
    for (name, case) in CASES {
        let (part, whole) = (case(SIZE / 8), case(SIZE));
        for (done, way, most) in WAYS {
            check(&format!("{name}, {done}"), *way, *most, &part, &whole);
        }
    }
    let (receive, most) = RECEIVE;
    for (name, packets) in PACKETS {
        check(name, receive, most, &packets(SIZE / 8), &packets(SIZE));
    }
}

fn check(what: &str, way: Way, most: f64, part: &[u8], whole: &[u8]) {
    let peak = peak(way, whole) as f64 / whole.len() as f64;
    assert!(peak <= most, "{what}: {peak:.2} times its size in memory");
    // Twice as long is the machine, eight times as long would be quadratic.
    let growth = quickest(way, whole).as_secs_f64() / quickest(way, part).as_secs_f64() / 8.0;
    assert!(growth < 4.0, "{what}: a byte of 8 times as much takes {growth:.1} times as long");
}

fn peak(way: Way, payload: &[u8]) -> usize {
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    black_box(way(payload));
    MEMORY.peak_usage() - before
}

/// Of some rounds: the others were interrupted.
fn quickest(way: Way, payload: &[u8]) -> Duration {
    let round = || {
        let begun = Instant::now();
        black_box(way(payload));
        begun.elapsed()
    };
    (0..5).map(|_| round()).min().unwrap_or_default()
}
