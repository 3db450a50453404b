//! What the tests of the program share: running it, and a server for it.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "each test file uses a part of this, in tests"
)]

pub mod numbered;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use danmu_sim::{Config, Feed, Simulator, Tape};
use serde_json::Value;

/// The program, far from the user's settings and time zone.
pub fn danmu(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_danmu"));
    command
        .args(arguments)
        .env("TZ", "UTC")
        .env_remove("NO_COLOR")
        .env_remove("CLICOLOR_FORCE")
        .env_remove("DANMU_LOG");
    command.env_remove("DANMU_PROXY");
    command.env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR")).stdin(Stdio::null());
    command
}

/// How a run ended.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    pub fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8 is printed");
        let ran = Self { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) };
        assert!(!ran.err.contains("panicked"), "{}", ran.err);
        ran
    }

    /// The data, line by line, as JSON.
    pub fn json(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
    }
}

/// Runs it to its end. More than a minute is a failure.
#[track_caller]
pub fn run(arguments: &[&str]) -> Ran {
    wait(start(arguments))
}

#[track_caller]
pub fn start(arguments: &[&str]) -> Child {
    danmu(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[track_caller]
pub fn wait(mut child: Child) -> Ran {
    // Read on threads of their own, or a full pipe would hold the child up.
    let out = read(child.stdout.take().unwrap());
    let err = read(child.stderr.take().unwrap());
    let until = Instant::now() + Duration::from_secs(60);
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if Instant::now() >= until {
            child.kill().unwrap();
            panic!("still running after a minute: {}", String::from_utf8_lossy(&err.join().unwrap()));
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    Ran::of(Output { status, stdout: out.join().unwrap(), stderr: err.join().unwrap() })
}

fn read(mut from: impl std::io::Read + Send + 'static) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).map(|_| bytes).unwrap_or_default()
    })
}

/// A server in a process of its own, for a minute at most, and its address.
#[track_caller]
pub fn simulate(arguments: &[&str]) -> (Child, String) {
    let mut server = start(&[&["simulate", "--for", "60s"], arguments].concat());
    let address = line(&mut server);
    (server, address)
}

/// The next line that a process prints.
#[track_caller]
pub fn line(child: &mut Child) -> String {
    let mut line = Vec::new();
    // Byte by byte, so that nothing of what comes later is taken out of the pipe.
    let mut byte = [0];
    while std::io::Read::read(child.stdout.as_mut().unwrap(), &mut byte).unwrap() > 0 && byte[0] != b'\n' {
        line.extend(byte);
    }
    String::from_utf8(line).unwrap()
}

/// Sends a signal to a process that this test started.
pub fn signal(child: &Child, signal: &str) {
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

/// Waits until `holds`, which it must within a minute.
#[track_caller]
pub fn eventually(what: &str, holds: impl FnMut() -> bool) {
    within(Duration::from_secs(60), what, holds);
}

/// The same with another patience.
#[track_caller]
pub fn within(patience: Duration, what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + patience;
    while !holds() {
        assert!(Instant::now() < until, "it never came to pass that {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A server that plays these payloads to every client.
pub fn plays<P: AsRef<[u8]>>(payloads: impl IntoIterator<Item = P>) -> Simulator {
    let mut config = Config::default();
    config.feed = Feed::Tape(Tape::new(payloads));
    config.rate = 10_000.0;
    Simulator::start(config).unwrap()
}

/// A server with made-up rooms.
pub fn talks(rate: f64) -> Simulator {
    let mut config = Config::default();
    config.rate = rate;
    Simulator::start(config).unwrap()
}

/// What to say after `--server`.
pub fn url(server: &Simulator) -> String {
    format!("tcp://{}", server.addresses()[0])
}

/// Payloads of an evening: `n` messages, with control in between as in a real capture.
pub fn evening(n: usize) -> Vec<String> {
    let mut payloads = Vec::new();
    for i in 0..n {
        payloads.push(match i % 5 {
            0 => format!("type@=uenter/rid@=9999/uid@={i}/nn@=观众{i}/level@={}/", i % 60),
            1 => format!("type@=dgb/rid@=9999/gfid@=20004/gfn@=火箭/uid@={i}/nn@=土豪{i}/gfcnt@=1/hits@={i}/"),
            2 => format!("rid@=9999/sc@={i}/sctn@=0/rid@=-1/type@=qausrespond/"),
            _ => format!(
                "type@=chatmsg/rid@=9999/uid@={i}/nn@=观众{i}/txt@=第{i}条 1@S2 @Aall/cid@={:032x}/cst@=1763700000{:03}/dms@=4/",
                i + 1,
                i % 1000
            ),
        });
        if i % 50 == 0 {
            payloads.push("type@=mrkl/".to_owned());
        }
    }
    payloads
}

/// The recorded samples, where they are at hand.
pub fn samples() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/samples");
    if path.is_dir() {
        return Some(path);
    }
    println!("skipped: no recorded samples beside this repository");
    None
}
