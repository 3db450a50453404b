//! Formats: one a file. [`FORMATS`](crate::sink::FORMATS) lists them.

pub mod jsonl;
pub mod packets;
pub mod stt;
