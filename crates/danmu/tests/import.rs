//! `danmu import`, as a user meets it.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::Path;

use assert_cmd::Command;

fn danmu(arguments: &[&str]) -> assert_cmd::assert::Assert {
    Command::cargo_bin("danmu").unwrap().args(arguments).assert()
}

fn stderr(assert: &assert_cmd::assert::Assert) -> String {
    String::from_utf8(assert.get_output().stderr.clone()).unwrap()
}

const XML: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><i>\n\
    <BililiveRecorderRecordInfo roomid=\"9999\" name=\"主播\" title=\"决赛\" start_time=\"2026-11-21T20:00:00+08:00\"/>\n\
    <d p=\"1.250,1,25,16777215,1795262401,0,a1b2c3d4,7\" user=\"观众甲\" uid=\"123\">主播好</d>\n</i>\n";

#[test]
fn an_archive_gains_search_and_what_is_cut_off_ends_with_5() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("whole.xml"), XML).unwrap();
    fs::write(path("cut.xml"), &XML[..XML.len() - 5]).unwrap();

    danmu(&["import", &path("whole.xml"), "-o", &path("whole.db")]).code(0);
    let found = danmu(&["search", &path("whole.db"), "主播"]).code(0);
    assert!(String::from_utf8_lossy(&found.get_output().stdout).contains("观众甲: 主播好"));

    let cut = danmu(&["import", &path("cut.xml"), "-o", &path("cut.db")]).code(5);
    assert!(stderr(&cut).contains("breaks off at byte"), "{}", stderr(&cut));
    danmu(&["verify", &path("cut.db")]).code(0);
}

#[test]
fn the_standard_input_may_be_imported_and_what_was_exported_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("a.xml"), XML).unwrap();
    danmu(&["import", &path("a.xml"), "-o", &path("a.db")]).code(0);
    let lines = danmu(&["export", &path("a.db"), "-o", "-", "--format", "jsonl"]).code(0);
    let lines = lines.get_output().stdout.clone();
    Command::cargo_bin("danmu")
        .unwrap()
        .args(["import", "-", "-o", &path("b.db")])
        .write_stdin(lines.clone())
        .assert()
        .code(0);
    let again = danmu(&["export", &path("b.db"), "-o", "-", "--format", "jsonl"]).code(0);
    assert_eq!(String::from_utf8(again.get_output().stdout.clone()), String::from_utf8(lines));
}

#[test]
fn of_what_is_left_out_the_most_frequent_is_named_and_the_rest_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let odd: Vec<String> = (0..500).map(|n| format!("<a{n}/><b/>")).collect();
    fs::write(path("odd.xml"), XML.replace("</i>", &format!("{}</i>", odd.concat()))).unwrap();
    let said = stderr(&danmu(&["import", &path("odd.xml"), "-o", &path("odd.db")]).code(0));
    assert!(said.contains("500 × b\n") && said.contains("491 more kinds"), "{said}");
    assert_eq!(said.lines().count(), 12, "{said}");
}

/// Needs a signal, and a file that is read for long enough to meet it: one that never ends.
#[cfg(unix)]
#[test]
fn an_import_that_is_interrupted_leaves_nothing() {
    use std::io::Write;
    use std::process::{Command, Stdio};

    let folder = tempfile::tempdir().unwrap();
    let mut import = Command::new(assert_cmd::cargo::cargo_bin("danmu"))
        .args(["import", "-", "-o"])
        .arg(folder.path().join("new.db"))
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = import.stdin.take().unwrap();
    input.write_all(XML.as_bytes()).unwrap();
    while !folder.path().join("new.db").exists() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let killed = Command::new("kill").args(["-INT", &import.id().to_string()]).status().unwrap();
    assert!(killed.success());
    // It notices with the next bytes; it may have gone before it has all of them.
    while input.write_all(&[b' '; 4096]).is_ok() {}
    let output = import.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(said.trim(), "error: interrupted: nothing of the standard input was imported");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "no recording, no lock");
}

#[test]
fn wrong_files_and_options_get_one_line_and_leave_no_recording() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("empty.xml"), "").unwrap();
    fs::write(path("hello.txt"), "hello\n").unwrap();
    fs::write(path("quote.xml"), "<i><d p=\"1,1,25,1,1795262401,0,1,1\" user=\"a\"b\">x</d></i>").unwrap();
    fs::write(path("no-room.xml"), "<i><d p=\"1,1,25,1,1795262401,0,1,1\">x</d></i>").unwrap();
    for (file, problem) in [
        ("none.xml", "cannot open"),
        ("empty.xml", "is empty"),
        ("quote.xml", "breaks off at byte 3, and holds no message before that"),
        ("hello.txt", "does not say what it is"),
        ("no-room.xml", "--room"),
        (".", "Is a directory"),
    ] {
        let assert = danmu(&["import", &path(file), "-o", &path("new.db")]).code(1);
        let said = stderr(&assert);
        assert!(said.contains(problem) && said.lines().count() == 1, "{file}: {said}");
        assert!(!Path::new(&path("new.db")).exists(), "{file}");
    }
    danmu(&["import", &path("hello.txt"), "-o", &path("new.db"), "--format", "docx"]).code(2);
    danmu(&["import", "-o", &path("new.db")]).code(2);
}
