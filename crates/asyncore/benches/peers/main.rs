//! How fast the loop is, beside bare mio and Python's `asyncore` doing the same.
//!
//! `cargo bench -p asyncore` prints, for each task, the median of many short rounds and of their ratios. The rounds of
//! the three are interleaved, in changing order, so that a busy machine slows all of them alike.
//!
//! In `echo` and `bulk`, both ends of every connection are in one loop on one thread: nothing but the loop and the
//! system is measured. There, `bulk` also shows who lets data grow cold: mio's customary "write until it would block"
//! fills megabytes before anybody reads them. In `receive` and `send` the other end is a blocking thread.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark prints, and fails by panicking")]

mod bare;
mod idle;
mod ours;
mod python;
#[path = "../../../../benches/report.rs"]
#[allow(dead_code, reason = "not all benches have targets")]
mod report;

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    thread::{self, JoinHandle},
    time::Duration,
};

use report::{median, size};

/// What is measured.
#[derive(Clone, Copy)]
pub(crate) enum Task {
    /// `rounds` messages of `MESSAGE` bytes there and back on each of so many connections, all at once.
    Echo { connections: usize, rounds: usize },
    /// So many chunks of `CHUNK` bytes one way on one connection, within the loop.
    Bulk { chunks: usize },
    /// The same, from a blocking thread to the loop.
    Receive { chunks: usize },
    /// The same, from the loop to a blocking thread.
    Send { chunks: usize },
}

pub(crate) const MESSAGE: usize = 64;
pub(crate) const CHUNK: usize = 64 * 1024;

/// Rounds that count, after one that does not. `cargo test --benches` has just one: it only shows that they work.
fn rounds() -> usize {
    size(45, 1)
}

impl Task {
    /// Round trips, or bytes, a second.
    fn rate(self, took: Duration) -> f64 {
        let done = match self {
            Self::Echo { connections, rounds } => connections * rounds,
            Self::Bulk { chunks } | Self::Receive { chunks } | Self::Send { chunks } => chunks * CHUNK,
        };
        done as f64 / took.as_secs_f64()
    }
}

fn main() {
    // First, while no freed memory lies around that would make it look cheaper.
    println!("{} dispatchers, idle: {} bytes each", idle::COUNT, idle::bytes_each());
    let python = python::find();
    if let Err(reason) = &python {
        println!("without Python: {reason}");
    }
    let python = python.as_deref().ok();
    println!("{:<36}{:>10}{:>10}{:>10}{:>8}{:>10}", "", "asyncore", "mio", "python", "/ mio", "/ python");
    let chunks = size(1_500, 15);
    report(
        "echo, 1 connection, trips/s",
        1.0,
        Task::Echo { connections: 1, rounds: size(5_000, 50) },
        ours::queued,
        python,
    );
    report(
        "echo, 100 connections, trips/s",
        1.0,
        Task::Echo { connections: 100, rounds: size(50, 2) },
        ours::queued,
        python,
    );
    report("bulk with send, MB/s", 1e6, Task::Bulk { chunks }, ours::queued, python);
    report("bulk with try_send, MB/s", 1e6, Task::Bulk { chunks }, ours::direct, python);
    report("receive, MB/s", 1e6, Task::Receive { chunks }, ours::queued, None);
    report("send with send, MB/s", 1e6, Task::Send { chunks }, ours::queued, None);
    report("send with try_send, MB/s", 1e6, Task::Send { chunks }, ours::direct, None);
}

fn report(name: &str, unit: f64, task: Task, ours: fn(Task) -> Duration, python: Option<&str>) {
    let (mut ours_rates, mut mio_rates, mut python_rates) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=rounds() {
        let early = (round % 2 == 0).then(|| bare::run(task));
        let ours = ours(task);
        let mio = early.unwrap_or_else(|| bare::run(task));
        let python = python.map(|program| python::run(program, task));
        if round > 0 {
            ours_rates.push(task.rate(ours) / unit);
            mio_rates.push(task.rate(mio) / unit);
            python_rates.extend(python.map(|took| task.rate(took) / unit));
        }
    }
    let by_mio = median(ours_rates.iter().zip(&mio_rates).map(|(ours, mio)| ours / mio));
    let by_python = median(ours_rates.iter().zip(&python_rates).map(|(ours, python)| ours / python));
    let (ours, mio, python) = (median(ours_rates), median(mio_rates), median(python_rates));
    print!("{name:<36}{ours:>10.0}{mio:>10.0}");
    if python.is_nan() {
        println!("{:>10}{by_mio:>8.2}{:>10}", "–", "–");
    } else {
        println!("{python:>10.0}{by_mio:>8.2}{by_python:>10.1}");
    }
}

/// The blocking end of `Receive`.
pub(crate) fn send_from_thread(address: SocketAddr, chunks: usize) -> JoinHandle<()> {
    thread::spawn(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        let chunk = vec![7; CHUNK];
        (0..chunks).for_each(|_| stream.write_all(&chunk).unwrap());
    })
}

/// The blocking end of `Send`.
pub(crate) fn receive_on_thread(listener: TcpListener) -> JoinHandle<()> {
    thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        let mut buffer = vec![0; CHUNK];
        while stream.read(&mut buffer).unwrap() > 0 {}
    })
}
