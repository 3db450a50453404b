//! `danmu watch --json` against aiodouyu, Python's fastest: messages a second from the same server, printed as JSON.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::measure::{Report, Target, anonymous_bytes, median};
use crate::traffic::{Server, Tape};

/// How much is measured.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    messages: usize,
    rounds: usize,
}

impl Size {
    pub(crate) const FULL: Self = Self { messages: 200_000, rounds: 5 };
    pub(crate) const TINY: Self = Self { messages: 1000, rounds: 1 };
}

pub(crate) fn run(size: Size, report: &mut Report) {
    let tape = Tape::new(size.messages, true);
    let python = python();
    let mut ratios = Vec::new();
    let mut peaks = Vec::new();
    for _ in 0..size.rounds {
        let (ours, peak) = ours(&tape);
        peaks.push(peak as f64 / 1e6);
        print!("peers: ours {:>9.0} messages/s", tape.messages as f64 / ours.as_secs_f64());
        match &python {
            Ok(python) => {
                let theirs = theirs(&tape, python);
                println!(", aiodouyu {:>9.0}", tape.messages as f64 / theirs.as_secs_f64());
                ratios.push(theirs.as_secs_f64() / ours.as_secs_f64());
            }
            Err(why) => println!("; skipped: no aiodouyu: {why}"),
        }
    }
    if !ratios.is_empty() {
        report.target("peers: messages a second, of aiodouyu's", Target::AtLeast(5.0), median(ratios), "×");
    }
    report.target("peers: anonymous memory of watch with one room", Target::AtMost(6.0), median(peaks), "MB");
}

fn ours(tape: &Tape) -> (Duration, u64) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_danmu"));
    collect(tape, |server, limit| {
        command.args(["watch", "9999", "--quiet", "--json", "--limit", limit, "--server", &server.url()])
    })
}

fn theirs(tape: &Tape, python: &Path) -> Duration {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/collect.py");
    let mut command = Command::new(python);
    collect(tape, |server, limit| command.arg(script).args([&server.address.port().to_string(), "9999", limit])).0
}

/// From the first byte that is sent to the last line that is read, and the most anonymous memory that was seen meanwhile.
/// What starting and ending takes does not count, for either.
fn collect<'c>(tape: &Tape, command: impl FnOnce(&Server, &str) -> &'c mut Command) -> (Duration, u64) {
    let server = Server::start(tape.clone());
    let command = command(&server, &tape.messages.to_string());
    let mut program = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut out = program.stdout.take().unwrap();
    server.wait();
    let begun = Instant::now();
    server.go(1);
    let mut buffer = vec![0; 1 << 16];
    let (mut lines, mut reads, mut peak) = (0, 0, 0);
    while lines < tape.messages {
        let n = out.read(&mut buffer).unwrap();
        assert!(n > 0, "the end after {lines} lines");
        lines += buffer[..n].iter().map(|&byte| usize::from(byte == b'\n')).sum::<usize>();
        if reads % 64 == 0 {
            peak = peak.max(anonymous_bytes(program.id()));
        }
        reads += 1;
    }
    let took = begun.elapsed();
    server.end();
    assert_eq!(out.read(&mut buffer).unwrap(), 0, "more lines than {}", tape.messages);
    assert!(program.wait().unwrap().success());
    (took, peak)
}

/// A Python that has aiodouyu. Installed once, where the registry can be reached; the test of the same name does so too.
fn python() -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("aiodouyu");
    let python = folder.join("bin/python");
    let run = |command: &mut Command| {
        let output = command.stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
        let last = || String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or_default().to_owned();
        output.status.success().then_some(()).ok_or_else(last)
    };
    if run(Command::new(&python).args(["-c", "import aiodouyu"])).is_err() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
        run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "--timeout", "15", "aiodouyu==0.4.11"]))?;
    }
    Ok(python)
}
