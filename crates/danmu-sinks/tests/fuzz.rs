//! What the fuzz targets check, over their seeds and mutations of them, for moments: see `fuzz/Cargo.toml` for longer.
//!
//! ```sh
//! FUZZ_SECONDS=600 cargo test --release -p danmu-sinks --test fuzz -- --nocapture
//! ```

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

use std::path::Path;

#[path = "../../../fuzz/drive.rs"]
mod drive;
#[path = "../../../fuzz/checks/formats.rs"]
mod formats;
#[path = "../../../fuzz/checks/text.rs"]
mod text;

fn drive(name: &str, check: impl Fn(&[u8])) {
    drive::drive(name, &Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(name), check);
}

#[test]
fn every_format_stays_what_it_is_whatever_people_write() {
    drive("formats", formats::check);
}

#[test]
fn a_terminal_shows_any_text_and_obeys_none() {
    drive("text", text::check);
}
