//! The whole program against what the machine allows: `cargo bench -p danmu --bench limits [-- PART…]`.
//!
//! Every part compares, in one run and in turns, and prints its targets; `benches/README.md` says how to read them.
//! Without `--bench`, as `cargo test --benches` runs it, everything is tiny and only shows that it works.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::unchecked_time_subtraction,
    reason = "a benchmark prints, fails by panicking, and CPU time never goes back"
)]

mod bare;
mod chart;
mod client;
mod growth;
mod ingest;
mod latency;
mod measure;
mod peers;
#[path = "../../../../benches/report.rs"]
#[allow(dead_code, reason = "others need more of it")]
mod report;
mod rooms;
mod rows;
mod traffic;

use measure::Report;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|word| word == client::WORD) {
        return client::main(&arguments[1..]);
    }
    let full = report::is_full();
    let parts: Vec<&str> = arguments.iter().map(String::as_str).filter(|part| !part.starts_with('-')).collect();
    let asked_for = |part| parts.is_empty() || parts.contains(&part);
    let mut report = Report::default();
    if asked_for("growth") {
        growth::run(if full { growth::Size::FULL } else { growth::Size::TINY });
    }
    if asked_for("ingest") {
        ingest::run(if full { ingest::Size::FULL } else { ingest::Size::TINY }, &mut report);
    }
    if asked_for("peers") {
        peers::run(if full { peers::Size::FULL } else { peers::Size::TINY }, &mut report);
    }
    if asked_for("rows") {
        rows::run(if full { rows::Size::FULL } else { rows::Size::TINY }, &mut report);
    }
    if asked_for("latency") {
        latency::run(if full { latency::Size::FULL } else { latency::Size::TINY }, &mut report);
    }
    if asked_for("rooms") {
        rooms::run(if full { rooms::Size::FULL } else { rooms::Size::TINY }, &mut report);
    }
    if parts.contains(&"chart") || (parts.is_empty() && !full) {
        chart::run();
    }
    report.print();
}
