//! See `checks/nested.rs`.

#![no_main]

#[path = "../checks/nested.rs"]
mod nested;

libfuzzer_sys::fuzz_target!(|data: &[u8]| nested::check(data));
