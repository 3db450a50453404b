//! What the READMEs say runs.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use support::{danmu, evening, plays, run, url};

/// The commands in a README, without their comments.
fn commands(readme: &str) -> Vec<String> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(readme)).unwrap();
    let blocks = text.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap());
    let lines = blocks.flat_map(str::lines).map(|line| line.split(" # ").next().unwrap().trim().to_owned());
    lines.filter(|line| !line.is_empty()).collect()
}

#[test]
fn both_readmes_name_the_same_commands() {
    let english = commands("README.md");
    assert_eq!(english, commands("README.zh-CN.md"));
    assert!(english.len() > 15);
    assert!(
        english[0].starts_with("cargo run --release -- demo") && english[1] == "ci/check",
        "the two commands come first"
    );
}

#[test]
fn every_command_of_the_readme_is_understood() {
    for line in commands("README.md") {
        let words: Vec<_> = line.split_whitespace().collect();
        let (["danmu", arguments @ ..] | ["cargo", "run", "--release", "--", arguments @ ..]) = words.as_slice() else {
            continue;
        };
        // What comes before --help is checked, and nothing is done.
        let ran = danmu(&[arguments, &["--help"]].concat()).output().unwrap();
        assert!(ran.status.success(), "{line}: {}", String::from_utf8_lossy(&ran.stderr));
    }
}

#[test]
fn every_command_of_the_readme_about_a_recording_runs() {
    let folder = tempfile::tempdir().unwrap();
    let server = plays(evening(200));
    let db = folder.path().join("danmu.db");
    let db = db.to_str().unwrap();
    run(&["record", "9999", "--server", &url(&server), "-o", db, "--limit", "200"]);
    let mut ran = 0;
    // A replay serves until someone has heard it.
    let ends = |line: &&String| line.contains(".db") && !line.contains("record") && !line.contains("replay");
    for line in commands("README.md").iter().filter(ends) {
        let program = format!("danmu() {{ {} \"$@\"; }}; {line}", env!("CARGO_BIN_EXE_danmu"));
        if line.starts_with("sqlite3") && Command::new("sqlite3").arg("--version").output().is_err() {
            println!("skipped: no sqlite3 to run {line:?} with");
            continue;
        }
        let done = Command::new("bash").args(["-c", &program]).current_dir(folder.path()).output().unwrap();
        assert!(done.status.success(), "{line}: {}", String::from_utf8_lossy(&done.stderr));
        ran += 1;
    }
    assert!(ran >= 7, "only {ran} commands ran");
}
