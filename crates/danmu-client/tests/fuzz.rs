//! What the fuzz targets check, over their seeds and mutations of them, for moments: see `fuzz/Cargo.toml` for longer.
//!
//! ```sh
//! FUZZ_SECONDS=600 cargo test --release -p danmu-client --test fuzz -- --nocapture
//! ```

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

use std::path::Path;

#[path = "../../../fuzz/drive.rs"]
mod drive;
#[path = "../../../fuzz/checks/merge.rs"]
mod merge;

fn drive(name: &str, check: impl Fn(&[u8])) {
    drive::drive(name, &Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(name), check);
}

#[test]
fn any_script_of_links_merges_as_it_is_said_in_a_sentence() {
    drive("merge", merge::check);
}
