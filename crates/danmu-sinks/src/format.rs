//! Formats: one a file. [`FORMATS`](crate::sink::FORMATS) lists them.

pub mod artplayer;
pub mod ass;
pub mod chat_downloader;
pub(crate) mod clean;
mod columns;
pub mod csv;
pub mod dandanplay;
pub mod dplayer;
mod json;
pub mod jsonl;
mod list;
pub mod packets;
#[cfg(feature = "parquet")]
pub mod parquet;
pub mod srt;
mod stamp;
pub mod stt;
pub mod txt;
pub mod vtt;
pub mod window;
pub mod xml;
