//! A flood beyond the disk: one room says far more than can be written, others go on as ever. The loud one is read no
//! faster than the disk goes, and what it loses if that takes too long is counted to the last message; the quiet ones lose
//! nothing; and memory stays bounded.
//!
//! ```sh
//! DANMU_FLOOD=180 cargo test -p danmu --test flood -- --nocapture    # for minutes, on a disk so slow that it has to lose
//! ```

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

#[path = "../../danmu-sinks/tests/disk/disk.rs"]
mod disk;
mod support;

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use danmu_proto::packet::{self, PacketDecoder, Sender};
use danmu_proto::{Fields, message};
use disk::Disk;
use rusqlite::{Connection, OpenFlags};
use support::{danmu, eventually, run, signal, within};

const LOUD: u64 = 1;
const QUIET: [u64; 5] = [2, 3, 4, 5, 6];
/// What a message of the loud room is made of: ten kilobytes that do not compress well.
const PAD: usize = 10_000;
/// What the disk takes. A message is half as long when it is compressed, and written twice: into the log and, with that,
/// into the file.
const DISK_BYTES_S: u64 = 4 << 20;
/// What it takes where the loud room is to lose messages: a commit of 4 MiB is 4 MiB to write, and a room that is not read
/// for 10 s reads on and drops.
const SLOW_BYTES_S: u64 = 200 << 10;
/// What may wait in the queue, and for a commit.
const LIMIT_KB: u64 = (16 + 4) << 10;

/// A server whose rooms talk at their own pace.
struct Server {
    address: SocketAddr,
    told: Arc<Told>,
}

#[derive(Default)]
struct Told {
    /// Messages of the loud room that may be said, a second.
    loud: AtomicU64,
    silent: AtomicBool,
    /// Messages that were taken from us, whole, by room.
    sent: Mutex<BTreeMap<u64, u64>>,
    /// When heartbeats came, by room.
    heartbeats: Mutex<BTreeMap<u64, Vec<Instant>>>,
}

impl Server {
    fn start(loud: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, told) = (listener.local_addr().unwrap(), Arc::new(Told::default()));
        told.loud.store(loud, Ordering::Relaxed);
        let shared = Arc::clone(&told);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let told = Arc::clone(&shared);
                thread::spawn(move || told.serve(stream));
            }
        });
        Self { address, told }
    }

    fn sent(&self, room: u64) -> u64 {
        self.told.sent.lock().unwrap().get(&room).copied().unwrap_or(0)
    }
}

impl Told {
    fn serve(self: Arc<Self>, mut stream: TcpStream) {
        let mut decoder = PacketDecoder::new(Sender::Client);
        let mut room = 0;
        let out = Arc::new(Mutex::new(stream.try_clone().unwrap()));
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = stream.read(&mut bytes) {
            let mut asked = Vec::new();
            decoder.read(&bytes[..count], |payload| asked.push(payload.to_vec())).unwrap();
            for payload in asked {
                match &*message::kind(&payload) {
                    "loginreq" => say(&out, "type@=loginres/"),
                    "joingroup" => {
                        room = Fields::new(&payload).number("rid").unwrap();
                        let (told, out) = (Arc::clone(&self), Arc::clone(&out));
                        thread::spawn(move || told.talk(room, &out));
                    }
                    // In the middle of a flood the answer waits like everything else; but it was heard now.
                    "mrkl" => {
                        self.heartbeats.lock().unwrap().entry(room).or_default().push(Instant::now());
                        let out = Arc::clone(&out);
                        thread::spawn(move || say(&out, "type@=mrkl/"));
                    }
                    _ => {}
                }
            }
        }
    }

    fn talk(&self, room: u64, out: &Mutex<TcpStream>) {
        let pads: String = (0..300 * PAD).map(|_| char::from(b"0123456789abcdef"[fastrand::usize(..16)])).collect();
        let begun = Instant::now();
        for n in 0_u64.. {
            let rate = if room == LOUD { self.loud.load(Ordering::Relaxed) } else { 20 };
            let due = begun + Duration::from_secs(1) * u32::try_from(n).unwrap() / u32::try_from(rate).unwrap();
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if self.silent.load(Ordering::Relaxed) {
                return;
            }
            let from = fastrand::usize(..299 * PAD);
            let pad = if room == LOUD { &pads[from..from + PAD] } else { "" };
            say(out, &format!("type@=uenter/rid@={room}/uid@={n}/nn@=a/pad@={pad}/"));
            *self.sent.lock().unwrap().entry(room).or_default() += 1;
        }
    }
}

fn say(out: &Mutex<TcpStream>, payload: &str) {
    let mut wire = Vec::new();
    packet::encode(Sender::Server, payload.as_bytes(), &mut wire);
    // Who is gone hears nothing.
    let _ = out.lock().unwrap().write_all(&wire);
}

/// A recorder of all rooms on a disk that takes so many bytes a second.
fn records(disk: &Disk, bytes_s: u64, server: &Server, db: &Path) -> Child {
    let mut command = danmu(&["record", "--server", &format!("tcp://{}", server.address), "-o", db.to_str().unwrap()]);
    command.args([LOUD].iter().chain(&QUIET).map(ToString::to_string)).stdout(Stdio::null()).stderr(Stdio::piped());
    disk.under(&mut command);
    command.env("DISK_BYTES_S", bytes_s.to_string()).spawn().unwrap()
}

/// The most memory that it ever had.
fn peak_kb(child: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Stored, dropped, by room.
fn accounts(db: &Path) -> BTreeMap<u64, (u64, u64)> {
    let Ok(conn) = Connection::open_with_flags(db, OpenFlags::SQLITE_OPEN_READ_ONLY) else { return BTreeMap::new() };
    let Ok(mut sums) = conn.prepare("SELECT room, sum(stored), sum(dropped) FROM link GROUP BY room") else {
        return BTreeMap::new();
    };
    let number = |row: &rusqlite::Row<'_>, at| row.get::<_, i64>(at).map(i64::cast_unsigned);
    let rows = sums.query_map([], |row| Ok((number(row, 0)?, (number(row, 1)?, number(row, 2)?)))).unwrap();
    rows.map(Result::unwrap).collect()
}

#[test]
fn a_room_that_floods_costs_itself_and_no_other_and_memory_is_bounded() {
    let (Some(calm_disk), Some(disk)) = (Disk::new(), Disk::new()) else { return };
    let by_hand = env::var("DANMU_FLOOD").ok().map(|seconds| Duration::from_secs(seconds.parse().unwrap()));

    // What it takes without a flood: as many rooms, at a pace that the disk can follow, for as long as it takes to fill
    // SQLite's own 8 MiB of pages.
    let calm_server = Server::start(150);
    let calm_db = calm_disk.file("x.db");
    let mut calm = records(&calm_disk, DISK_BYTES_S, &calm_server, &calm_db);
    eventually("it records", || accounts(&calm_db).get(&LOUD).is_some_and(|&(stored, _)| stored > 900));
    let base_kb = peak_kb(&calm);
    signal(&calm, "-KILL");
    calm.wait().unwrap();

    let disk_s = if by_hand.is_some() { SLOW_BYTES_S } else { DISK_BYTES_S };
    // By hand twice what the disk takes; else more, so that it is over soon.
    let rate = if by_hand.is_some() { 2 * disk_s / PAD as u64 } else { 1500 };
    let server = Server::start(rate);
    let db = disk.file("x.db");
    let mut child = records(&disk, disk_s, &server, &db);
    let begun = Instant::now();
    match by_hand {
        Some(long) => thread::sleep(long),
        // Twenty megabytes that the server could not get rid of: all buffers on the way are full.
        None => eventually("the server is held up", || begun.elapsed().as_secs() * rate > server.sent(LOUD) + 3000),
    }
    let peak_kb = peak_kb(&child);
    server.told.silent.store(true, Ordering::Relaxed);
    let all = [LOUD].into_iter().chain(QUIET);
    // By hand, a disk so slow has minutes of work in the queue.
    let patience = Duration::from_secs(if by_hand.is_some() { 600 } else { 60 });
    within(patience, "all is accounted for", || {
        let accounts = accounts(&db);
        all.clone()
            .all(|room| accounts.get(&room).is_some_and(|&(stored, dropped)| stored + dropped == server.sent(room)))
    });
    signal(&child, "-TERM");
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    let code = child.wait().unwrap().code();

    let accounts = accounts(&db);
    println!("base {base_kb} KiB, peak {peak_kb} KiB; stored and dropped by room: {accounts:?}");
    for room in QUIET {
        assert_eq!(accounts[&room], (server.sent(room), 0), "room {room} is quiet: {err}");
    }
    let (_, dropped) = accounts[&LOUD];
    assert_eq!(code, Some(if dropped > 0 { 5 } else { 0 }), "{err}");
    assert!(dropped == 0 || err.contains(&format!("{dropped} messages are missing")), "{err}");
    assert!(dropped > 0 || by_hand.is_none(), "a disk so slow has to lose: {accounts:?}");
    assert!(peak_kb <= base_kb + LIMIT_KB * 11 / 10, "{peak_kb} KiB over {base_kb} KiB");
    let verified = run(&["verify", db.to_str().unwrap()]);
    assert_eq!(verified.code, 0, "{}{}", verified.out, verified.err);

    for (room, times) in &*server.told.heartbeats.lock().unwrap() {
        let pauses: Vec<_> = times.windows(2).map(|two| two[1] - two[0]).collect();
        println!("room {room}: heartbeats every {pauses:.1?}");
        let punctual = |pause: &Duration| (40..=50).contains(&pause.as_secs());
        assert!(pauses.iter().all(punctual), "room {room}: {pauses:?}");
    }
}
