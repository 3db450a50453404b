//! What something costs, and how that is told.
//!
//! Times are CPU times wherever both sides can be asked for theirs: on a machine that others use too, the wall clock
//! measures the others. What is compared runs in turns, and ratios are taken within a turn.

use std::fmt::Display;
use std::fs;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::report;
pub(crate) use crate::report::{Target, median};

/// CPU time of this thread so far.
pub(crate) fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// CPU time of another process so far: of all threads that it has.
pub(crate) fn process_cpu(pid: u32) -> Duration {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let nanos = threads.map(|thread| {
        let spent = fs::read_to_string(thread.unwrap().path().join("schedstat")).unwrap();
        spent.split(' ').next().unwrap().parse::<u64>().unwrap()
    });
    Duration::from_nanos(nanos.sum())
}

/// Memory of a process that no file stands behind, in bytes: its heap and its stacks, as far as they were touched.
pub(crate) fn anonymous_bytes(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// Microseconds of `time` for each of `n`.
pub(crate) fn micros_each(time: Duration, n: usize) -> f64 {
    time.as_secs_f64() * 1e6 / n as f64
}

/// All targets that were measured, for the table at the end.
#[derive(Default)]
pub(crate) struct Report {
    lines: Vec<String>,
}

impl Report {
    /// Notes what was reached of a target, in `unit` (`×` for ratios).
    pub(crate) fn target(&mut self, what: &str, target: Target, reached: f64, unit: impl Display) {
        let line = report::line(what, target, reached, unit);
        println!("{line}");
        self.lines.push(line);
    }

    pub(crate) fn print(&self) {
        if !self.lines.is_empty() {
            println!("\n{}", report::heading());
            for line in &self.lines {
                println!("{line}");
            }
        }
    }
}
