//! A client and a server that others wrote agree with ours: aiodouyu, installed by pip in a virtual environment of its own.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

mod support;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use danmu_proto::Fields;
use serde_json::Value;
use support::{evening, plays, run, samples};

/// Its version: what the test was written against.
const AIODOUYU: &str = "aiodouyu==0.4.11";

/// A Python that has aiodouyu, or why there is none.
fn python() -> Option<&'static Path> {
    static PYTHON: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let found = PYTHON.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("aiodouyu");
        let python = folder.join("bin/python");
        let has_it = |python: &Path| tried(Command::new(python).args(["-c", "import aiodouyu"])).is_ok();
        if !has_it(&python) {
            tried(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
            tried(Command::new(&python).args(["-m", "pip", "install", "--quiet", "--timeout", "15", AIODOUYU]))?;
        }
        has_it(&python).then_some(python).ok_or_else(|| "aiodouyu cannot be imported".to_owned())
    });
    match found {
        Ok(python) => Some(python),
        Err(why) => {
            println!("skipped: no aiodouyu to compare with: {why}");
            None
        }
    }
}

fn tried(command: &mut Command) -> Result<(), String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
    let last = || String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or_default().to_owned();
    output.status.success().then_some(()).ok_or_else(last)
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python").join(name)
}

/// What a payload is to aiodouyu, where of a repeated key the last value counts.
fn as_object(payload: &[u8]) -> Value {
    let pairs =
        Fields::new(payload).pairs().map(|(key, value)| (key.text().into_owned(), value.text().into_owned().into()));
    Value::Object(pairs.collect())
}

#[track_caller]
fn hears_all(tape: &[Vec<u8>]) {
    let Some(python) = python() else { return };
    let is_control = |payload: &[u8]| danmu_proto::message::is_control(&danmu_proto::message::kind(payload));
    let messages: Vec<_> = tape.iter().filter(|payload| !is_control(payload)).collect();
    let server = plays(tape);
    let port = server.addresses()[0].port().to_string();
    let collected = Command::new(python)
        .arg(script("collect.py"))
        .args([&port, "9999", &messages.len().to_string()])
        .output()
        .unwrap();
    assert!(collected.status.success(), "{}", String::from_utf8_lossy(&collected.stderr));
    let lines = String::from_utf8(collected.stdout).unwrap();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), messages.len());
    for (line, payload) in lines.iter().zip(messages) {
        assert_eq!(*line, as_object(payload));
    }
}

#[test]
fn aiodouyu_hears_every_message_of_our_server() {
    hears_all(&evening(700).into_iter().map(String::into_bytes).collect::<Vec<_>>());
}

#[test]
fn aiodouyu_hears_recorded_traffic_from_our_server() {
    let Some(samples) = samples() else { return };
    let tape = fs::read(samples.join("real-messages.stt")).unwrap();
    hears_all(&tape.split(|&b| b == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect::<Vec<_>>());
}

#[test]
fn our_watch_hears_every_message_of_its_server() {
    let Some(python) = python() else { return };
    let mut server = Command::new(python).arg(script("serve.py")).arg("300").stdout(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(server.stdout.take().unwrap()).lines();
    let address = format!("tcp://127.0.0.1:{}", said.next().unwrap().unwrap());
    let watched = run(&["watch", "9999", "--json", "--limit", "300", "--server", &address]);
    assert_eq!(watched.code, 0, "{}", watched.err);
    for (n, line) in watched.json().iter().enumerate() {
        assert_eq!((&line["text"], &line["user"]["id"]), (&format!("a/b@c {n}").into(), &n.into()));
    }
    assert!(server.wait().unwrap().success());
    let heard: Value = serde_json::from_str(&said.next().unwrap().unwrap()).unwrap();
    assert_eq!(heard["errors"], serde_json::json!([]));
    assert_eq!(heard["received"][0], serde_json::json!({"type": "loginreq", "roomid": "9999"}));
    assert_eq!(heard["received"][1], serde_json::json!({"type": "joingroup", "rid": "9999", "gid": "-9999"}));
    assert_eq!(heard["received"].as_array().unwrap().last().unwrap()["type"], "logout");
}
