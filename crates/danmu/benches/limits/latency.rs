//! How long a message takes from the server's write to the callback, against a bare loop over mio that decodes the same;
//! and whether a room that floods delays the others.

use std::io::Write;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use danmu_proto::packet::{self, Sender};

use crate::client::{Client, Kind, Told, ratio, timed};
use crate::measure::{Report, Target};
use crate::traffic::{Tape, let_in};

/// How much is measured.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    rooms: usize,
    /// Messages a second, over all rooms.
    rates: &'static [u32],
    time: Duration,
    rounds: usize,
}

impl Size {
    pub(crate) const FULL: Self = Self { rooms: 100, rates: &[2000, 20_000], time: Duration::from_secs(4), rounds: 5 };
    pub(crate) const TINY: Self = Self { rooms: 3, rates: &[500], time: Duration::from_millis(300), rounds: 1 };
}

/// What a flooded room says a second, and how many of them at once.
const FLOOD: u32 = 50_000;
const FLOOD_BURST: u32 = 100;

/// A message that anyone can decode.
const CHAT: &str = "type@=chatmsg/rid@=1/ct@=1/uid@=123456789/nn@=路人甲/txt@=这个操作可以的，再来一次/ic@=avatar_v3@S202601@Sface/level@=27/sahf@=0/col@=2/cst@=1795262400123/bnn@=小鱼/bl@=12/brid@=1/hc@=/el@=/lk@=/fl@=12/";

pub(crate) fn run(size: Size, report: &mut Report) {
    for &rate in size.rates {
        beside_bare(size, rate, report);
    }
    flooded(size, report);
}

fn beside_bare(size: Size, rate: u32, report: &mut Report) {
    const KINDS: [Kind; 3] = [Kind::Bare, Kind::Stream, Kind::Rooms];
    let mut rounds = [(); 3].map(|()| (Vec::new(), Vec::new()));
    for _ in 0..size.rounds {
        for (kind, (p50, p99)) in KINDS.into_iter().zip(&mut rounds) {
            let told = listen(kind, size, rate, None);
            println!(
                "latency, {} rooms, {rate}/s: {:<8} p50 {:>7.1} µs, p99 {:>8.1} µs",
                size.rooms,
                kind.name(),
                told.p50_us,
                told.p99_us
            );
            p50.push(told.p50_us);
            p99.push(told.p99_us);
        }
    }
    let [bare, stream, threads] = &rounds;
    let what = |part| format!("latency: {part} of bare mio, {rate} messages/s");
    report.target(&what("p50"), Target::AtMost(1.5), ratio(&stream.0, &bare.0), "×");
    report.target(&what("p99"), Target::AtMost(2.0), ratio(&stream.1, &bare.1), "×");
    // One thread more has to wake up. No target: it is what a thread of one's own costs.
    let (p50, p99) = (ratio(&threads.0, &bare.0), ratio(&threads.1, &bare.1));
    println!(
        "latency, {rate}/s: a subscriber on another thread takes {p50:.2} (p50) and {p99:.2} (p99) times bare mio"
    );
}

fn flooded(size: Size, report: &mut Report) {
    let tape = Tape::new(FLOOD_BURST as usize, true);
    let (mut calm, mut loud) = (Vec::new(), Vec::new());
    for _ in 0..size.rounds {
        for (flood, medians) in [(None, &mut calm), (Some(&tape), &mut loud)] {
            let told = listen(Kind::Rooms, size, size.rates[0], flood);
            let beside = if flood.is_some() { "beside a flooded room" } else { "by themselves" };
            println!("latency, quiet rooms {beside}: p50 {:>7.1} µs, {} messages", told.p50_us, told.messages);
            medians.push(told.p50_us);
        }
    }
    let what = format!("latency: p50 of quiet rooms beside one with {FLOOD}/s");
    report.target(&what, Target::AtMost(1.5), ratio(&loud, &calm), "×");
}

/// What a client sees of `rate` timed messages a second, and of a room more that is flooded, if there is a tape for it.
fn listen(kind: Kind, size: Size, rate: u32, flood: Option<&Tape>) -> Told {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("tcp://{}", listener.local_addr().unwrap());
    let rooms = size.rooms + usize::from(flood.is_some());
    let door = thread::spawn(move || {
        let let_in = |_| {
            let (mut client, _) = listener.accept().unwrap();
            let_in(&mut client);
            client
        };
        (0..rooms).map(let_in).collect::<Vec<_>>()
    });
    let mut client = Client::start(kind, rooms, &[url]);
    let mut links = door.join().unwrap();
    let over = Arc::new(AtomicBool::new(false));
    let flood = flood.map(|tape| hail(links.pop().unwrap(), tape.clone(), &over));
    let talk = talk(links, rate, &over);
    thread::sleep(size.time / 4);
    client.ask();
    thread::sleep(size.time);
    let told = client.ask();
    client.end();
    over.store(true, Ordering::Relaxed);
    talk.join().unwrap();
    flood.map(JoinHandle::join).transpose().unwrap();
    told
}

/// Sends timed messages, now over this link and now over that.
fn talk(mut links: Vec<TcpStream>, rate: u32, over: &Arc<AtomicBool>) -> JoinHandle<()> {
    let rooms = links.len();
    pace(rate, 1, over, move |said| {
        let mut wire = Vec::new();
        packet::encode(Sender::Server, timed(CHAT, said).as_bytes(), &mut wire);
        // The client may be gone by now.
        let _ = links[said as usize % rooms].write_all(&wire);
    })
}

/// Floods one room with whole laps of the tape.
fn hail(mut link: TcpStream, mut tape: Tape, over: &Arc<AtomicBool>) -> JoinHandle<()> {
    pace(FLOOD, FLOOD_BURST, over, move |said| {
        let _ = link.write_all(tape.lap(said));
    })
}

/// Does something `rate` times a second, so many times in a row, until it is over.
fn pace(rate: u32, at_once: u32, over: &Arc<AtomicBool>, mut each: impl FnMut(u32) + Send + 'static) -> JoinHandle<()> {
    let over = Arc::clone(over);
    thread::spawn(move || {
        let begun = Instant::now();
        let spacing = Duration::from_secs(1) * at_once / rate;
        for said in 0.. {
            let due = begun + spacing * said;
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if over.load(Ordering::Relaxed) {
                return;
            }
            each(said);
        }
    })
}
