//! A disk that is full, fails or is gone, under a real recorder: it says so, keeps what it can, counts what it cannot, and
//! goes on by itself.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

#[path = "../../danmu-sinks/tests/disk/disk.rs"]
mod disk;
mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

use disk::{Disk, EIO, ENOSPC, EROFS};
use support::numbered::{Progress, Served, plays, record, stored, tape};
use support::{Ran, eventually, run, signal, simulate};

/// A recorder at work, and what it says.
struct Recording {
    child: Child,
    progress: Progress,
    reader: JoinHandle<()>,
}

impl Recording {
    fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let (progress, reader) = Progress::of(child.stdout.take().unwrap());
        Self { child, progress, reader }
    }

    #[track_caller]
    fn says(&self, event: &str) {
        eventually(&format!("it says {event:?}"), || !self.progress.of_event(event).is_empty());
    }

    #[track_caller]
    fn goes_on(&self) {
        let safe = self.progress.safe();
        eventually("more is safe", || self.progress.safe() > safe);
    }

    /// Ends it, and gives how it ended with what it said to people.
    fn end(self) -> Ran {
        signal(&self.child, "-TERM");
        let ended = wait_for(self.child);
        self.reader.join().unwrap();
        ended
    }
}

fn wait_for(mut child: Child) -> Ran {
    // `wait` reads both streams, and one is read already.
    let mut err = child.stderr.take().unwrap();
    let mut text = String::new();
    std::io::Read::read_to_string(&mut err, &mut text).unwrap();
    Ran { code: child.wait().unwrap().code().unwrap_or(-1), out: String::new(), err: text }
}

#[track_caller]
fn is_sound(db: &Path) {
    let verified = run(&["verify", db.to_str().unwrap()]);
    assert_eq!(verified.code, 0, "{}{}", verified.out, verified.err);
}

/// A room of a few megabytes, if this machine gives us one: unmounted when it is dropped.
struct Small(PathBuf, tempfile::TempDir);

impl Small {
    fn new() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("small");
        fs::create_dir(&path).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=6m", "none"]).arg(&path).output();
        if mounted.is_ok_and(|ran| ran.status.success()) {
            return Some(Self(path, folder));
        }
        println!("skipped: a small disk can be mounted by root only");
        None
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
        let _ = &self.1;
    }
}

#[test]
fn a_disk_that_is_full_for_a_while_costs_nothing_and_is_warned_of_before() {
    let Some(small) = Small::new() else { return };
    let db = small.0.join("x.db");
    let (server, url) = plays(&tape(small.1.path(), 200_000), 2000.0);
    let _server = Served(server);
    let filler = small.0.join("filler");
    fs::write(&filler, vec![1; 4 << 20]).unwrap();
    let recording = Recording::start(record(&["7"], &url, &db));
    recording.says("low");
    recording.says("failing");
    let failing = &recording.progress.of_event("failing")[0];
    assert_eq!(failing["error"], "full", "{failing}");
    let safe = recording.progress.safe();
    assert!(stored(&db, 0).values().map(|link| link.next).sum::<i64>() >= safe, "what is safe can be read meanwhile");
    fs::remove_file(filler).unwrap();
    recording.says("working");
    recording.goes_on();
    let ended = recording.end();
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert!(ended.err.contains("the disk is full: ") && ended.err.contains("messages wait in memory"), "{}", ended.err);
    assert!(ended.err.contains("can be written again") && ended.err.contains(" MiB left"), "{}", ended.err);
    let links: Vec<_> = stored(&db, 0).into_values().collect();
    assert_eq!((links.len(), links[0].first), (1, 0), "all that was sent is there");
    is_sound(&db);
}

#[test]
fn a_file_that_may_not_grow_any_more_keeps_what_it_has_and_the_rest_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("x.db");
    let (server, url) = plays(&tape(folder.path(), 100_000), 1000.0);
    let _server = Served(server);
    // 512 blocks of 1 KiB a file: past that, the system says so, and would kill who does not ignore the signal.
    let mut command = Command::new("bash");
    command.args(["-c", "trap '' XFSZ; ulimit -f 512; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_danmu")]);
    command.args(["record", "7", "--progress", "--server", &url, "-o", db.to_str().unwrap()]);
    let recording = Recording::start({
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    });
    recording.says("failing");
    let safe = recording.progress.safe();
    let progress = recording.progress.clone();
    let ended = recording.end();
    assert_eq!(ended.code, 5, "{}", ended.err);
    let left = progress.of_event("left")[0]["messages"].as_u64().unwrap();
    assert!(left > 0 && ended.err.contains(&format!("{left} messages that waited for ")), "{}", ended.err);
    assert_eq!(stored(&db, 0).values().map(|link| link.next).sum::<i64>(), safe);
    is_sound(&db);
}

/// Records on a disk that fails with `error` for a while.
fn bears(error: i32, name: &str) {
    let Some(disk) = Disk::new() else { return };
    let folder = tempfile::tempdir().unwrap();
    let db = disk.file("x.db");
    let (server, url) = plays(&tape(folder.path(), 100_000), 500.0);
    let _server = Served(server);
    let mut command = record(&["7"], &url, &db);
    disk.under(&mut command);
    let recording = Recording::start(command);
    recording.says("committed");
    for _ in 0..2 {
        recording.goes_on();
        let failures = recording.progress.of_event("failing").len();
        disk.fail(error, 0, None);
        eventually("it fails", || recording.progress.of_event("failing").len() > failures);
        disk.heal();
        eventually("it works again", || recording.progress.of_event("working").len() > failures);
    }
    recording.goes_on();
    assert!(recording.progress.of_event("failing").iter().all(|line| line["error"] == name));
    let ended = recording.end();
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert_eq!(ended.err.matches("messages wait in memory").count(), 2, "said once each time: {}", ended.err);
    assert_eq!(stored(&db, 0).len(), 1);
    is_sound(&db);
}

#[test]
fn a_disk_that_fails_for_a_while_costs_nothing() {
    bears(EIO, "io");
}

#[test]
fn a_disk_that_becomes_read_only_for_a_while_costs_nothing() {
    bears(EROFS, "io");
}

#[test]
fn what_there_is_no_memory_for_is_dropped_counted_and_a_gap_and_the_exit_code_says_so() {
    let Some(disk) = Disk::new() else { return };
    let folder = tempfile::tempdir().unwrap();
    let db = disk.file("x.db");
    // 64 MiB may wait: some 700 of these.
    let large = format!("type@=uenter/rid@=7/uid@=1/nn@=a/pad@={}/\n", "x".repeat(100_000));
    let tape = folder.path().join("large.stt");
    fs::write(&tape, large.repeat(10)).unwrap();
    let feed = ["--tcp", "127.0.0.1:0", "--feed", tape.to_str().unwrap(), "--loop", "--rate", "300"];
    let (server, url) = simulate(&feed);
    let _server = Served(server);
    let mut command = record(&["7"], &url, &db);
    disk.under(&mut command);
    let recording = Recording::start(command);
    recording.goes_on();
    disk.fail(ENOSPC, 0, None);
    recording.says("dropped");
    disk.heal();
    recording.says("working");
    recording.goes_on();
    let progress = recording.progress.clone();
    let ended = recording.end();
    let dropped: u64 = progress.of_event("dropped").iter().map(|line| line["messages"].as_u64().unwrap()).sum();
    assert_eq!(ended.code, 5, "{}", ended.err);
    assert!(ended.err.contains(&format!("{dropped} messages are missing")), "{}", ended.err);
    let stats = run(&["stats", db.to_str().unwrap(), "--json"]);
    let stats: serde_json::Value = serde_json::from_str(&stats.out).unwrap();
    assert_eq!(stats["dropped"]["storage"], dropped, "{stats}");
    let sums = &stats["sums"];
    let sum = |name: &str| sums[name].as_u64().unwrap();
    assert_eq!(sum("received"), sum("stored") + sum("control") + sum("duplicates") + sum("dropped"), "{sums}");
    assert!(stats["gaps"].as_array().unwrap().iter().any(|gap| gap["reason"] == "storage"), "{stats}");
    assert!(stats["rooms"][0]["listened"].as_f64().unwrap() < 1.0, "{stats}");
    is_sound(&db);
}

#[test]
fn a_recording_that_is_removed_is_followed_by_a_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("x.db");
    let (server, url) = plays(&tape(folder.path(), 100_000), 300.0);
    let _server = Served(server);
    let recording = Recording::start(record(&["7"], &url, &db));
    recording.goes_on();
    fs::remove_file(&db).unwrap();
    let before = recording.progress.safe();
    recording.says("failing");
    assert_eq!(recording.progress.of_event("failing")[0]["error"], "gone");
    recording.says("renewed");
    eventually("the new one is written", || {
        recording.progress.of_event("committed").last().unwrap()["run"] == 1 && db.exists()
    });
    recording.says("working");
    let ended = recording.end();
    assert_eq!(ended.code, 5, "{}", ended.err);
    assert!(ended.err.contains(" messages are in a file that was removed or renamed"), "{}", ended.err);
    assert!(ended.err.contains("was removed or renamed; a new one takes its place"), "{}", ended.err);
    let link = *stored(&db, 0).values().next().unwrap();
    assert!((1..=before + 300).contains(&link.first), "what waited is there too: {link:?} after {before}");
    is_sound(&db);
}
