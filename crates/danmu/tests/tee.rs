//! `record --tee`: other formats beside the recording while it grows; and `repair` for what a crash leaves of them.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use support::{evening, eventually, plays, run, signal, simulate, start, url, wait};

fn text(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).unwrap_or_default()
}

#[test]
fn a_tee_has_what_the_recording_has_split_or_not_and_never_writes_into_a_file_that_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("a.jsonl"), "mine").unwrap();
    let server = plays(evening(500));
    let tee = |format: &str| format!("{format}:{}", path(&format!("a.{format}")));
    let (db, all, server_url) = (path("a.db"), path("all.jsonl"), url(&server));
    let tees: Vec<String> = ["xml", "ass", "csv", "jsonl"].map(tee).into();
    let tees = tees.iter().flat_map(|tee| ["--tee", tee]);
    let arguments: Vec<&str> =
        ["record", "9999", "--server", &server_url, "-o", &db, "--limit", "500"].into_iter().chain(tees).collect();
    let ran = run(&arguments);
    assert_eq!(ran.code, 0, "{}", ran.err);

    assert_eq!(text(folder.path(), "a.jsonl"), "mine");
    run(&["export", &db, "-o", &all]);
    assert_eq!(text(folder.path(), "a.002.jsonl"), text(folder.path(), "all.jsonl"));
    for format in ["xml", "ass", "csv"] {
        let exported = path(&format!("b.{format}"));
        run(&["export", &db, "-o", &exported]);
        let rows = |name: &str| text(folder.path(), name).lines().filter(|line| line.contains('第')).count();
        assert_eq!(rows(&format!("a.{format}")), 200, "{format}");
        assert_eq!(rows(&format!("b.{format}")), 200, "{format}");
        assert_eq!(
            run(&["repair", &path(&format!("a.{format}"))]).err.trim(),
            format!("{} is whole; nothing was changed", path(&format!("a.{format}")))
        );
    }
    assert!(!folder.path().join("a.db-wal").exists(), "the tee leaves one file");
}

#[test]
fn a_tee_is_a_file_and_no_pipe_device_or_folder() {
    for target in ["-", "/dev/stdout", ".", ""] {
        let ran = run(&["record", "9999", "-o", "never.db", "--tee", &format!("jsonl:{target}")]);
        assert!(ran.code == 2 && ran.err.contains("names no file to write"), "{target}: {}", ran.err);
    }
}

#[test]
fn after_a_kill_repair_makes_every_tee_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (mut server, url) = simulate(&["--tcp", "127.0.0.1:0", "--rate", "500"]);
    let (db, xml, csv) = (path("a.db"), path("a.xml"), path("a.csv"));
    let (tee_xml, tee_csv) = (format!("xml:{xml}"), format!("csv:{csv}"));
    let recorder = start(&["record", "9999", "--server", &url, "-o", &db, "--tee", &tee_xml, "--tee", &tee_csv]);
    eventually("both tees grow", || {
        text(folder.path(), "a.xml").len() > 20_000 && text(folder.path(), "a.csv").len() > 20_000
    });
    signal(&recorder, "-KILL");
    wait(recorder);
    // A crash of the machine may leave half a line too.
    for file in [&xml, &csv] {
        let length = fs::metadata(file).unwrap().len();
        fs::OpenOptions::new().write(true).open(file).unwrap().set_len(length - 7).unwrap();
    }
    for file in [&xml, &csv] {
        let ran = run(&["repair", file]);
        assert!(ran.code == 0 && ran.err.contains("is whole again"), "{}", ran.err);
        assert!(run(&["repair", file]).err.contains("nothing was changed"));
    }
    let imported = run(&["import", &xml, "-o", &path("b.db")]);
    assert_eq!(imported.code, 0, "not cut off any more: {}", imported.err);
    assert!(text(folder.path(), "a.csv").ends_with('\n'));
    signal(&server, "-TERM");
    server.wait().unwrap();
}

#[test]
fn a_tee_that_cannot_be_written_harms_nothing_and_catches_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (mut server, url) = simulate(&["--tcp", "127.0.0.1:0", "--rate", "200"]);
    let (db, tee) = (path("a.db"), path("later/a.jsonl"));
    let recorder = start(&["record", "9999", "--server", &url, "-o", &db, "--tee", &tee]);
    let stored = || {
        let stats = run(&["stats", &db, "--json"]);
        if stats.code == 0 { stats.json()[0]["messages"].as_u64().unwrap() } else { 0 }
    };
    eventually("messages are stored", || stored() > 200);
    fs::create_dir(folder.path().join("later")).unwrap();
    eventually("the tee catches up", || text(folder.path(), "later/a.jsonl").lines().count() > 200);
    signal(&recorder, "-TERM");
    let ran = wait(recorder);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.err.contains("the recording goes on") && ran.err.contains("can be written again"), "{}", ran.err);
    run(&["export", &db, "-o", &path("all.jsonl")]);
    assert_eq!(text(folder.path(), "later/a.jsonl"), text(folder.path(), "all.jsonl"));
    signal(&server, "-TERM");
    server.wait().unwrap();
}

#[test]
fn a_full_disk_ends_one_file_of_a_tee_whole_and_the_rest_goes_into_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let small = path("small");
    fs::create_dir(&small).unwrap();
    let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=256k", "none", &small]).output();
    if !mount.is_ok_and(|mount| mount.status.success()) {
        println!("skipped: no small disk could be mounted, which only root may");
        return;
    }
    let (mut server, url) = simulate(&["--tcp", "127.0.0.1:0", "--rate", "300"]);
    let db = path("a.db");
    let recorder = start(&["record", "9999", "--server", &url, "-o", &db, "--tee", &path("small/a.xml")]);
    eventually("the disk is full", || {
        let xml = text(folder.path(), "small/a.xml");
        xml.len() > 100_000 && xml.trim_end().ends_with("</i>")
    });
    // Room again, for another file.
    let first = path("first.xml");
    fs::copy(path("small/a.xml"), &first).unwrap();
    fs::write(path("small/a.xml"), "").unwrap();
    eventually("a second file is begun", || folder.path().join("small/a.002.xml").exists());
    signal(&recorder, "-TERM");
    let ran = wait(recorder);
    signal(&server, "-TERM");
    server.wait().unwrap();
    let second = path("second.xml");
    fs::copy(path("small/a.002.xml"), &second).unwrap();
    let unmounted = Command::new("umount").arg(&small).status().unwrap();
    assert!(unmounted.success());

    assert!(ran.err.contains("the recording goes on"), "{}", ran.err);
    assert_eq!(run(&["verify", &db]).code, 0);
    // Every line of chat of the first file stands in no second, and none is missing in between.
    run(&["repair", &second]);
    run(&["export", &db, "-o", &path("all.xml")]);
    let lines = |name: &str| -> Vec<String> {
        let number = |line: &str| line.split("p=\"").nth(1)?.split('"').next()?.split(',').nth(7).map(str::to_owned);
        text(folder.path(), name).lines().filter_map(number).collect()
    };
    let both = [lines("first.xml"), lines("second.xml")].concat();
    let all = lines("all.xml");
    assert!(both.len() > 100 && all.starts_with(&both), "{} of {}", both.len(), all.len());
}
