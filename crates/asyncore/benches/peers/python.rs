//! The same tasks on Python's `asyncore`, where there is a Python that still has it (3.11 and before).

use std::{process::Command, time::Duration};

use crate::{CHUNK, MESSAGE, Task};

const SCRIPT: &str = include_str!("peers.py");

/// The Python to use, or why there is none.
pub(crate) fn find() -> Result<String, String> {
    for program in ["python3.11", "python3"] {
        let found = Command::new(program).args(["-W", "ignore", "-c", "import asyncore"]).output();
        if found.is_ok_and(|output| output.status.success()) {
            return Ok(program.to_owned());
        }
    }
    Err("no python3 here has the module asyncore".to_owned())
}

/// Runs `Echo` or `Bulk`.
pub(crate) fn run(program: &str, task: Task) -> Duration {
    let (name, connections, count, size) = match task {
        Task::Echo { connections, rounds } => ("echo", connections, rounds, MESSAGE),
        Task::Bulk { chunks } | Task::Receive { chunks } | Task::Send { chunks } => ("bulk", 1, chunks, CHUNK),
    };
    let numbers = [connections, count, size].map(|number| number.to_string());
    let output = Command::new(program).args(["-W", "ignore", "-c", SCRIPT, name]).args(numbers).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let seconds = text.trim().parse().unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    Duration::from_secs_f64(seconds)
}
