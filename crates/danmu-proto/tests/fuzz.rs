//! What the fuzz targets check, over their seeds and mutations of them, for moments: see `fuzz/Cargo.toml` for longer.
//!
//! ```sh
//! FUZZ_SECONDS=600 cargo test --release -p danmu-proto --test fuzz -- --nocapture
//! ```

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

use std::path::Path;

#[path = "../../../fuzz/drive.rs"]
mod drive;
#[path = "../../../fuzz/checks/nested.rs"]
mod nested;
#[path = "../../../fuzz/checks/packet.rs"]
mod packet;
#[path = "../../../fuzz/checks/session.rs"]
mod session;
#[path = "../../../fuzz/checks/stt.rs"]
mod stt;

fn drive(name: &str, check: impl Fn(&[u8])) {
    drive::drive(name, &Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(name), check);
}

#[test]
fn any_bytes_are_packets_or_an_error_whatever_they_are_cut_into() {
    drive("packet", packet::check);
}

#[test]
fn any_payload_reads_as_a_naive_reader_reads_it() {
    drive("stt", stt::check);
}

#[test]
fn any_value_opens_layer_by_layer() {
    drive("nested", nested::check);
}

#[test]
fn any_script_leaves_a_session_in_order() {
    drive("session", session::check);
}
