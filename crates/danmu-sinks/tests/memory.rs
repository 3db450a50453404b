//! Exports stream: the memory that they take does not grow with the recording.
//!
//! In a process of its own, because what is measured is that of the whole process.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

use std::fs;
use std::io;

use danmu_proto::{Batch, LinkId, RoomId};
use danmu_sinks::export::{ExportOptions, to_output};
use danmu_sinks::{Format, Recorder, RecorderOptions, Recording};

const MESSAGES: u32 = 60_000;

/// The most memory that this process held since [`forget_peak`], in KiB.
fn peak() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

fn forget_peak() -> bool {
    fs::write("/proc/self/clear_refs", "5").is_ok()
}

#[test]
fn exports_take_no_memory_for_messages() {
    if !forget_peak() || peak().is_none() {
        return println!("skipped: this system does not tell how much memory a process held");
    }
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let path = folder.path().join("danmu.db");
    let room = RoomId::new(9999).unwrap();
    let mut recorder = Recorder::open(&path, RecorderOptions::default(), 0).unwrap();
    recorder.link_opened(LinkId(1), room, "tcp://127.0.0.1:8601", 0);
    for block in 0..MESSAGES / 1000 {
        let mut batch = Batch::new();
        for n in block * 1000..(block + 1) * 1000 {
            let text = format!(
                "type@=chatmsg/rid@=9999/uid@={n}/nn@=观众{n}/txt@=第{n}条{}/cid@={n:032x}/",
                "弹幕".repeat(100)
            );
            batch.push(text.as_bytes(), false);
        }
        recorder.records(&batch.freeze(room, LinkId(1), i64::from(block) * 1_000_000));
        if block % 10 == 9 {
            recorder.commit(i64::from(block) * 1_000_000).unwrap();
        }
    }
    recorder.finish(1_000_000_000).unwrap();

    let recording = Recording::open(&path).unwrap();
    let mut options = ExportOptions::default();
    options.merge_repeats_us = Some(1_000_000);
    for format in
        ["jsonl", "csv", "parquet", "xml", "ass", "srt", "dandanplay"].map(|name| Format::by_name(name).unwrap())
    {
        forget_peak();
        let before = peak().unwrap();
        let exported = to_output(&recording, &options, format, Box::new(io::sink())).unwrap();
        let grown_kib = peak().unwrap().saturating_sub(before);
        // All texts together are 40 MiB and more.
        println!("{}: {grown_kib} KiB", format.name);
        assert_eq!(exported, u64::from(MESSAGES));
        assert!(grown_kib < 32 * 1024, "{}: {grown_kib} KiB", format.name);
    }
}
