//! Other people's programs, which read what we write: run from a scratch environment that is made once under `target/`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use serde_json::Value;

/// What is installed. Versions are fixed, so that a failure is ours.
const PACKAGES: &[&str] = &["biliass==2.5.0", "dmconvert==0.0.5", "pysubs2==1.8.1", "webvtt-py==0.6.0", "pyarrow"];

/// The folder of the environment's programs; `None`, with the reason printed, where there is no Python or no network.
pub(crate) fn environment() -> Option<&'static Path> {
    static MADE: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    match MADE.get_or_init(make) {
        Ok(bin) => Some(bin),
        Err(reason) => {
            println!("skipped: readers of formats are not installed: {reason}");
            None
        }
    }
}

fn make() -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("readers");
    let (bin, done) = (folder.join("bin"), folder.join("installed"));
    let packages = PACKAGES.join(" ");
    if fs::read_to_string(&done).is_ok_and(|installed| installed == packages) {
        return Ok(bin);
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    run(Command::new(bin.join("python")).args(["-m", "pip", "install", "--quiet", "--retries=1"]).args(PACKAGES))?;
    fs::write(done, packages).map_err(|error| error.to_string())?;
    Ok(bin)
}

fn run(command: &mut Command) -> Result<Output, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(output);
    }
    let error = String::from_utf8_lossy(&output.stderr);
    Err(format!("{program}: {}", error.lines().last().unwrap_or("it failed")))
}

/// What a reader of `read.py` understood of a file.
#[track_caller]
pub(crate) fn understood(reader: &str, file: &Path) -> Option<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sinks/read.py");
    let output = run(Command::new(environment()?.join("python")).arg(script).arg(reader).arg(file)).unwrap();
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

/// Runs a program of the environment, which must succeed.
#[track_caller]
pub(crate) fn converts(program: &str, arguments: &[&str]) -> Option<()> {
    run(Command::new(environment()?.join(program)).args(arguments)).unwrap();
    Some(())
}

/// Runs a program of the system, which must succeed; `None`, with the reason printed, where it is not there.
#[track_caller]
pub(crate) fn system(program: &str, arguments: &[&str]) -> Option<Vec<u8>> {
    let output = match Command::new(program).args(arguments).output() {
        Ok(output) => output,
        Err(error) => {
            println!("skipped: {program}: {error}");
            return None;
        }
    };
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(output.stdout)
}
