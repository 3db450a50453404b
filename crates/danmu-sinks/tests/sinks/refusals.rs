//! What is no recording is turned down with one clear line, and not touched.

use std::fs;
use std::path::Path;

use danmu_sinks::recording::{OpenError, optimize, reindex};
use danmu_sinks::{Recorder, RecorderOptions, Recording};
use rusqlite::Connection;

use crate::support::*;

/// The words that reading and writing turn `path` down with; `{}` stands for the path.
#[track_caller]
fn turned_down(path: &Path, to_read: &str, to_write: &str) {
    let said = |words: &str| words.replace("{}", &path.display().to_string());
    assert_eq!(Recording::open(path).unwrap_err().to_string(), said(to_read));
    let before = fs::read(path).ok();
    let error = Recorder::open(path, RecorderOptions::default(), NOON).err().expect("turned down");
    assert_eq!(error.to_string(), said(to_write));
    assert_eq!(fs::read(path).ok(), before, "it was touched");
    assert!(!path.with_file_name(format!("{}.lock", path.file_name().unwrap().display())).exists(), "a lock is left");
}

#[test]
fn what_is_no_recording_is_turned_down() {
    let (folder, path) = folder();
    let at = |name: &str| folder.path().join(name);

    turned_down(folder.path(), "{} is a folder; name a file in it", "{} is a folder; name a file in it");

    let text = at("notes.txt");
    fs::write(&text, "type@=chatmsg/txt@=666/\n".repeat(100)).unwrap();
    let words = "{} is no recording: it is not an SQLite file";
    turned_down(&text, words, words);

    let foreign = at("contacts.db");
    tamper(&foreign, "CREATE TABLE meta (key, value); CREATE TABLE message (id)");
    let words = "{} is no recording: it is an SQLite file of another program";
    turned_down(&foreign, words, words);

    listening(&path, NOON).finish(NOON).unwrap();
    for (name, value, words) in [
        ("newer.db", "999", "{} has schema 999, and this program knows up to 1: use a newer danmu"),
        ("zero.db", "0", "{} is no recording: it is an SQLite file of another program"),
        ("text.db", "'x'", "{} is no recording: it is an SQLite file of another program"),
    ] {
        fs::copy(&path, at(name)).unwrap();
        tamper(&at(name), &format!("UPDATE meta SET value = {value} WHERE key = 'schema'"));
        turned_down(&at(name), words, words);
    }
    fs::copy(&path, at("lost.db")).unwrap();
    tamper(&at("lost.db"), "ALTER TABLE meta RENAME COLUMN value TO worth");
    let words = "{} is no recording: it is an SQLite file of another program";
    turned_down(&at("lost.db"), words, words);

    let damaged = at("damaged.db");
    let mut bytes = fs::read(&path).unwrap();
    bytes[100..4096].fill(0xa5);
    fs::write(&damaged, bytes).unwrap();
    let words = "{} is damaged; the `.recover` of the sqlite3 shell may save what is left";
    turned_down(&damaged, words, words);

    turned_down(
        &at("no/such/folder.db"),
        "{} does not exist",
        "{} cannot be opened or created: check that its folder exists and may be written",
    );
    turned_down(
        &text.join("below-a-file.db"),
        "{} cannot be opened or created: check that its folder exists and may be written",
        "{} cannot be opened or created: check that its folder exists and may be written",
    );
}

#[test]
fn an_empty_file_can_be_recorded_into_and_not_read() {
    let (folder, path) = folder();
    fs::write(&path, "").unwrap();
    assert!(matches!(Recording::open(&path), Err(OpenError::Empty { .. })));
    // What a crash leaves that comes before the tables are made.
    let fresh = folder.path().join("fresh.db");
    tamper(&fresh, "PRAGMA journal_mode = wal; CREATE TABLE x (y); DROP TABLE x");
    assert!(matches!(Recording::open(&fresh), Err(OpenError::Empty { .. })));
    for path in [path, fresh] {
        listening(&path, NOON).finish(NOON).unwrap();
        is_sound(&path);
    }
}

#[test]
fn a_read_only_file_can_be_read_and_not_recorded_into() {
    let (folder, path) = folder();
    listening(&path, NOON).finish(NOON).unwrap();
    let mut permissions = fs::metadata(&path).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&path, permissions).unwrap();
    if fs::OpenOptions::new().append(true).open(&path).is_ok() {
        println!("skipped: this user may write read-only files");
        return;
    }
    is_sound(&path);
    let error = Recorder::open(&path, RecorderOptions::default(), NOON).err().unwrap();
    assert_eq!(error.to_string(), format!("{} cannot be written: it is read-only", path.display()));
    drop(folder);
}

#[test]
fn a_second_recorder_is_told_who_the_first_is() {
    let (_folder, path) = folder();
    let recorder = listening(&path, NOON);
    let words =
        format!("{} is in use by process {}: stop that first, or use another file", path.display(), std::process::id());
    let second = Recorder::open(&path, RecorderOptions::default(), NOON).err().unwrap();
    assert_eq!(second.to_string(), words);
    assert_eq!(optimize::optimize(&path).unwrap_err().to_string(), words);
    assert_eq!(reindex::reindex(&path).unwrap_err().to_string(), words);
    drop(recorder);
    listening(&path, NOON).finish(NOON).unwrap();
}

#[cfg(unix)]
#[test]
fn a_second_recorder_is_turned_down_by_whatever_name_it_comes() {
    let (folder, path) = folder();
    let recorder = listening(&path, NOON);
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let second = Recorder::open(&link, RecorderOptions::default(), NOON).err().unwrap();
    assert!(matches!(second, OpenError::InUse { pid: Some(_), .. }), "{second}");
    recorder.finish(NOON).unwrap();
    listening(&link, NOON).finish(NOON).unwrap();
}

#[test]
fn a_lock_file_that_a_crash_left_locks_nobody_out() {
    let (_folder, path) = folder();
    fs::write(path.with_file_name("danmu.db.lock"), "4294967295").unwrap();
    listening(&path, NOON).finish(NOON).unwrap();
    assert!(!path.with_file_name("danmu.db.lock").exists());
}

#[test]
fn of_many_recorders_at_once_one_gets_the_file() {
    let (_folder, path) = folder();
    // Locks are taken and let go all the time, so that taking falls into removing.
    let inside = std::sync::atomic::AtomicU32::new(0);
    let (path, inside) = (&path, &inside);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(move || {
                for _ in 0..40 {
                    if let Ok(recorder) = Recorder::open(path, RecorderOptions::default(), NOON) {
                        assert_eq!(inside.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
                        inside.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                        drop(recorder);
                    }
                }
            });
        }
    });
    is_sound(path);
}

#[test]
fn a_recording_whose_ids_cannot_go_on_is_turned_down() {
    let (_folder, path) = folder();
    listening(&path, NOON).finish(NOON).unwrap();
    for sql in [
        "INSERT INTO message (id, room, link, received_us, type, flags) VALUES (9223372036854775807, 1, 1, 0, '', 0)",
        "DELETE FROM message; UPDATE link SET id = 9223372036854775807",
    ] {
        tamper(&path, sql);
        let error = Recorder::open(&path, RecorderOptions::default(), NOON).err().unwrap();
        assert_eq!(error.to_string(), format!("{} cannot be opened", path.display()));
    }
}

#[test]
fn a_recording_is_written_as_safely_as_it_says() {
    let (_folder, path) = folder();
    let recorder = listening(&path, NOON);
    assert_eq!(ask::<String>(&path, "PRAGMA journal_mode"), "wal");
    assert_eq!(ask::<i64>(&path, "PRAGMA page_size"), 4096);
    assert_eq!(ask::<i64>(&path, "SELECT value FROM meta WHERE key = 'schema'"), 1);
    assert_eq!(ask::<String>(&path, "SELECT value FROM meta WHERE key = 'program'"), env!("CARGO_PKG_VERSION"));
    drop(recorder);
}

#[test]
fn where_there_is_no_write_ahead_log_nothing_is_recorded() {
    // Exclusive access without a log is what a database in memory is like: SQLite says so, and we listen.
    let error = Recorder::open(":memory:", RecorderOptions::default(), NOON).err();
    assert!(
        matches!(&error, Some(OpenError::Pragma { pragma: "journal_mode", found, .. }) if found == "memory"),
        "{error:?}"
    );
}

#[test]
fn an_sqlite_tool_sees_the_tables_and_views_of_the_design() {
    let (_folder, path) = folder();
    listening(&path, NOON).finish(NOON).unwrap();
    let conn = Connection::open(&path).unwrap();
    let columns = |table: &str| -> String {
        let mut names = conn.prepare("SELECT name FROM pragma_table_info(?1)").unwrap();
        let names = names.query_map([table], |row| row.get::<_, String>(0)).unwrap();
        names.map(Result::unwrap).collect::<Vec<_>>().join(", ")
    };
    for (table, expected) in [
        ("meta", "key, value"),
        ("run", "id, from_us, to_us, version, reason"),
        ("wanted", "run, room, from_us, to_us"),
        (
            "link",
            "id, run, room, server, joined_us, heard_us, ended_us, reason, received, control, stored, duplicates, dropped",
        ),
        ("dropped", "link, cause, count"),
        (
            "message",
            "id, room, link, received_us, sent_ms, type, cid, uid, name, text, level, role, medal, medal_level, \
             medal_room, colour, noble, client, gift_kind, gift_id, gift_name, count, hits, price_fen, duration_s, \
             receiver, flags",
        ),
        ("raw_block", "first_id, count, crc, body"),
        ("room_state", "room, at_us, live, title, owner, owner_uid, category"),
        ("gift", "kind, id, name, price_fen"),
        ("gap", "room, from_us, to_us, reason"),
    ] {
        assert_eq!(columns(table), expected, "{table}");
    }
    for view in ["chat", "gift_message", "superchat", "enter"] {
        assert_eq!(ask::<i64>(&path, &format!("SELECT count(*) FROM {view}")), 0);
    }
}
