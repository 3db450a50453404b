//! The clients that are compared, as processes of their own: this library, and a bare loop over mio that does no more than
//! what must be done. Both read all that their rooms say, and decode it into typed messages.
//!
//! A client answers each line on its standard input with what it has seen so far.

use std::hint::black_box;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use danmu_client::{Config, Event, Overflow, Room, RoomId, Rooms};
use danmu_proto::Message;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

use crate::bare;
use crate::measure::median;

/// The word that makes this program a client: `limits client KIND ROOMS URL…`.
pub(crate) const WORD: &str = "client";

/// What a message ends in whose journey is timed: when it was sent, in nanoseconds, with so many digits.
const SENT: &[u8] = b"/sent@=";
const DIGITS: usize = 19;

/// Who listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A loop over mio, and nothing else.
    Bare,
    /// [`Rooms`]: links on a thread of their own, and a subscriber on another.
    Rooms,
    /// The same, with a subscriber that gathers, as that of `danmu record` does.
    Gather,
    /// [`Room`]: links and their subscriber as tasks of one thread.
    Stream,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Bare, Self::Rooms, Self::Gather, Self::Stream];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare mio",
            Self::Rooms => "Rooms",
            Self::Gather => "gathering",
            Self::Stream => "Room",
        }
    }
}

/// What a client has seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    joined: usize,
    messages: u64,
    /// How long messages took that say when they were sent, in nanoseconds. Emptied when asked for.
    took_ns: Vec<u64>,
}

/// The same, as the parent hears of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told {
    pub(crate) joined: usize,
    pub(crate) messages: u64,
    /// Of what was heard since it was asked last. Not a number if nothing was timed.
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Tally(Arc<Mutex<Seen>>);

impl Tally {
    pub(crate) fn joined(&self) {
        self.seen().joined += 1;
    }

    /// Takes what one read of one link gave.
    pub(crate) fn hear(&self, payloads: impl Iterator<Item: AsRef<[u8]>>) {
        let mut seen = self.seen();
        for payload in payloads {
            let payload = payload.as_ref();
            black_box(&Message::read(payload));
            seen.messages += 1;
            if let Some(sent_ns) = sent_ns(payload) {
                seen.took_ns.push(now_ns() - sent_ns);
            }
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap()
    }

    fn tell(&self) -> String {
        let mut seen = self.seen();
        let mut took = std::mem::take(&mut seen.took_ns);
        took.sort_unstable();
        let part = |part: f64| took.get((took.len() as f64 * part) as usize).map_or(f64::NAN, |&ns| ns as f64 / 1e3);
        format!("{} {} {} {}", seen.joined, seen.messages, part(0.5), part(0.99))
    }
}

/// A message that says when it was sent, and has an id of its own.
pub(crate) fn timed(payload: &str, id: u32) -> String {
    let sent = str::from_utf8(SENT).expect("it is ASCII");
    format!("{payload}cid@={id:032x}{sent}{:0DIGITS$}/", now_ns())
}

fn sent_ns(payload: &[u8]) -> Option<u64> {
    let (front, digits) = payload.strip_suffix(b"/")?.split_last_chunk::<DIGITS>()?;
    front.ends_with(SENT).then(|| str::from_utf8(digits).unwrap().parse().unwrap())
}

/// A clock that all processes share.
fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// What the process is, if [`WORD`] is its first argument.
pub(crate) fn main(arguments: &[String]) {
    let kind = Kind::ALL.into_iter().find(|kind| kind.name() == arguments[0]).unwrap();
    let rooms = arguments[1].parse().unwrap();
    let urls = arguments[2..].to_vec();
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
    let tally = Tally::default();
    let listener = tally.clone();
    thread::spawn(move || match kind {
        Kind::Bare => bare::run(rooms, &urls, &listener),
        Kind::Rooms => run_rooms(rooms, &urls, Duration::ZERO, &listener),
        Kind::Gather => run_rooms(rooms, &urls, Duration::from_millis(10), &listener),
        Kind::Stream => run_streams(rooms, &urls, &listener),
    });
    // Until the parent is gone.
    for line in std::io::stdin().lines() {
        line.unwrap();
        println!("{}", tally.tell());
    }
}

fn config(urls: &[String]) -> Config {
    let mut config = Config::default();
    config.endpoints = urls.iter().map(|url| url.parse().unwrap()).collect();
    config.connects_per_second = bare::CONNECTS_PER_SECOND;
    config
}

fn room(number: usize) -> RoomId {
    RoomId::new(number as u64).unwrap()
}

fn take(event: &Event, tally: &Tally) {
    match event {
        Event::Joined { .. } => tally.joined(),
        Event::Records(records) => tally.hear(records.messages().map(|record| record.payload)),
        Event::Lost { reason, .. } => panic!("a link was lost: {reason}"),
        _ => {}
    }
}

fn run_rooms(count: usize, urls: &[String], gather: Duration, tally: &Tally) {
    let mut all = Rooms::start(config(urls), 1).unwrap();
    let mut events = all.subscribe(Overflow::Wait).gather(gather);
    (1..=count).for_each(|number| _ = all.add(room(number)));
    while let Ok(event) = events.wait(Duration::from_secs(3600)) {
        take(&event, tally);
    }
}

fn run_streams(count: usize, urls: &[String], tally: &Tally) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut readers = tokio::task::JoinSet::new();
        for number in 1..=count {
            let mut events = Room::open(room(number), config(urls));
            let tally = tally.clone();
            readers.spawn(async move {
                while let Some(event) = events.next().await {
                    take(&event, &tally);
                }
            });
        }
        while readers.join_next().await.is_some() {}
    });
}

/// A client, from outside.
pub(crate) struct Client {
    process: Child,
    ask: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Client {
    pub(crate) fn start(kind: Kind, rooms: usize, urls: &[String]) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args([WORD, kind.name(), &rooms.to_string()])
            .args(urls)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (ask, answers) = (process.stdin.take().unwrap(), BufReader::new(process.stdout.take().unwrap()));
        let mut client = Self { process, ask, answers };
        while client.ask().joined < rooms {
            thread::sleep(Duration::from_millis(100));
        }
        client
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// What it has seen so far.
    pub(crate) fn ask(&mut self) -> Told {
        writeln!(self.ask).unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        let mut parts = line.split_whitespace();
        let mut part = || parts.next().expect("the client has said why it ended");
        Told {
            joined: part().parse().unwrap(),
            messages: part().parse().unwrap(),
            p50_us: part().parse().unwrap(),
            p99_us: part().parse().unwrap(),
        }
    }

    pub(crate) fn end(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// The ratio of two figures, round by round.
pub(crate) fn ratio(ours: &[f64], bare: &[f64]) -> f64 {
    median(ours.iter().zip(bare).map(|(ours, bare)| ours / bare))
}
