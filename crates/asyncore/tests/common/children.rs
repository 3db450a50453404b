//! Programs that a test starts, and ends.

use std::{
    env,
    io::{self, Read},
    path::PathBuf,
    process::{self, Command, Stdio},
};

/// A program that ends with its test at the latest.
pub struct Child(pub process::Child);

impl Child {
    pub fn start(command: &mut Command) -> Self {
        Self(command.piped().unwrap())
    }

    /// The next line of its output, with the line break; empty at the end.
    pub fn line(&mut self) -> String {
        // Byte by byte, so that nothing is read ahead and lost.
        let (mut line, mut byte) = (Vec::new(), [0]);
        let out = self.0.stdout.as_mut().unwrap();
        while line.last() != Some(&b'\n') && out.read(&mut byte).unwrap() == 1 {
            line.push(byte[0]);
        }
        String::from_utf8(line).unwrap()
    }

    /// All the rest of its output.
    pub fn output(&mut self) -> String {
        let mut text = String::new();
        self.0.stdout.as_mut().unwrap().read_to_string(&mut text).unwrap();
        text
    }

    /// All that it had to complain of, when it has ended.
    pub fn errors(&mut self) -> String {
        let mut text = String::new();
        self.0.stderr.as_mut().unwrap().read_to_string(&mut text).unwrap();
        text
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub trait Piped {
    /// Starts it with its output and its errors in our hands.
    fn piped(&mut self) -> io::Result<process::Child>;
}

impl Piped for Command {
    fn piped(&mut self) -> io::Result<process::Child> {
        self.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
    }
}

/// An example of this crate, as `cargo test` has built it: in `examples`, beside the `deps` folder that this test is in.
pub fn example(name: &str) -> PathBuf {
    let test = env::current_exe().unwrap();
    let path = test.ancestors().nth(2).unwrap().join("examples").join(name).with_extension(env::consts::EXE_EXTENSION);
    assert!(path.exists(), "{} is missing: `cargo test -p asyncore` builds the examples first", path.display());
    path
}

/// A Python that still has `asyncore`: 3.11 and before.
pub fn python() -> Option<&'static str> {
    ["python3.11", "python3"].into_iter().find(|program| {
        let check = Command::new(program).args(["-W", "ignore", "-c", "import asyncore"]).output();
        check.is_ok_and(|output| output.status.success())
    })
}
