//! See `checks/stt.rs`.

#![no_main]

#[path = "../checks/stt.rs"]
mod stt;

libfuzzer_sys::fuzz_target!(|data: &[u8]| stt::check(data));
