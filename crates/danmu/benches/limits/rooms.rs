//! Thousands of rooms in one process: memory of each idle link, and CPU time against a bare loop over mio that reads and
//! decodes the same. The simulator runs in a process of its own.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::client::{Client, Kind, ratio};
use crate::growth;
use crate::measure::{Report, Target, anonymous_bytes, process_cpu};

/// How much is measured.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    /// Rooms at which memory is looked at; the last is also where CPU time is.
    rooms: &'static [usize],
    /// Messages a second in each room.
    rates: &'static [f64],
    /// For how long.
    time: Duration,
    rounds: usize,
}

impl Size {
    pub(crate) const FULL: Self =
        Self { rooms: &[1000, 2000, 5000, 10_000], rates: &[1.0, 20.0], time: Duration::from_secs(10), rounds: 3 };
    pub(crate) const TINY: Self = Self { rooms: &[20], rates: &[20.0], time: Duration::from_millis(500), rounds: 1 };

    fn most(self) -> usize {
        self.rooms.iter().copied().max().unwrap()
    }
}

/// After the last room was joined, for as long as this nothing is measured.
const SETTLE: Duration = Duration::from_secs(2);

pub(crate) fn run(size: Size, report: &mut Report) {
    memory(size, report);
    growth(size);
    for &rate in size.rates {
        cpu(size, rate, report);
    }
}

fn memory(size: Size, report: &mut Report) {
    let server = Simulator::start(0.0);
    let none = idle_bytes(&server, 0);
    println!("rooms, idle: {:>8.0} KiB anonymous without any", none as f64 / 1024.0);
    let mut last = (0.0, 0.0);
    for &rooms in size.rooms {
        let bytes = idle_bytes(&server, rooms);
        let each = bytes.saturating_sub(none) as f64 / rooms as f64 / 1024.0;
        last = (each, bytes as f64 / f64::from(1 << 20));
        println!("rooms, idle: {rooms:>6} take {:>6.2} MiB, {each:>6.2} KiB a link", last.1);
    }
    let rooms = size.most();
    report.target(&format!("rooms: memory of an idle link, {rooms} rooms"), Target::AtMost(2.0), last.0, "KiB");
    report.target(&format!("rooms: memory in all, {rooms} idle rooms"), Target::AtMost(64.0), last.1, "MiB");
}

fn idle_bytes(server: &Simulator, rooms: usize) -> u64 {
    let client = Client::start(Kind::Rooms, rooms, &server.urls);
    thread::sleep(SETTLE);
    let bytes = anonymous_bytes(client.pid());
    client.end();
    bytes
}

/// CPU time a second, of more and more rooms that say a message a second.
fn growth(size: Size) {
    for &rooms in size.rooms {
        let (each_us, per_second) = cost(Kind::Gather, rooms, 1.0, size.time);
        let ms = each_us * per_second / 1e3;
        println!("rooms, {rooms:>6} at 1/s: {ms:>6.1} ms CPU a second");
        growth::note("rooms", "", rooms as f64, ms);
    }
}

fn cpu(size: Size, rate: f64, report: &mut Report) {
    let rooms = size.most();
    let (mut ours, mut bare, mut prompt) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..size.rounds {
        for (kind, costs) in [(Kind::Gather, &mut ours), (Kind::Bare, &mut bare), (Kind::Rooms, &mut prompt)] {
            let (each, per_second) = cost(kind, rooms, rate, size.time);
            println!(
                "rooms, {rooms} at {rate}/s: {:<9} {each:>6.2} µs CPU a message, {per_second:>7.0}/s",
                kind.name()
            );
            costs.push(each);
        }
    }
    let prompt = ratio(&prompt, &bare);
    println!("rooms, {rooms} at {rate}/s: a subscriber that wakes up for every event takes {prompt:.2} times bare mio");
    let what = format!("rooms: CPU of bare mio, {rooms} at {rate} messages/s");
    report.target(&what, Target::AtMost(1.5), ratio(&ours, &bare), "×");
}

/// Microseconds of CPU time a message, and messages a second.
fn cost(kind: Kind, rooms: usize, rate: f64, time: Duration) -> (f64, f64) {
    let server = Simulator::start(rate);
    let mut client = Client::start(kind, rooms, &server.urls);
    thread::sleep(SETTLE);
    let before = (process_cpu(client.pid()), client.ask().messages);
    thread::sleep(time);
    let (cpu, messages) = (process_cpu(client.pid()) - before.0, client.ask().messages - before.1);
    client.end();
    (cpu.as_secs_f64() * 1e6 / messages as f64, messages as f64 / time.as_secs_f64())
}

/// `danmu simulate`.
struct Simulator {
    process: Child,
    urls: Vec<String>,
}

impl Simulator {
    fn start(rate: f64) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_danmu"))
            .args(["simulate", "--tcp", "127.0.0.1:0", "--rate", &rate.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(process.stdout.take().unwrap());
        let mut url = String::new();
        out.read_line(&mut url).unwrap();
        // It tells at the end what each room was sent: somebody has to listen.
        thread::spawn(move || _ = out.read_to_end(&mut Vec::new()));
        Self { process, urls: vec![url.trim().to_owned()] }
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
