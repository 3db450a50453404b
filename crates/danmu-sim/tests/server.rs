//! The simulator over real sockets.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::HashSet;
use std::fs;
use std::io::Write;
use std::net::{Shutdown, TcpListener};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use danmu_proto::{Fields, Sender, packet, request};
use danmu_sim::{Config, Feed, FeedError, Scenario, Simulator, StartError, Tape};

use support::{PATIENCE, Viewer, eventually, kind, room, start};

#[test]
fn the_worked_bytes_of_the_protocol_are_understood() {
    let simulator = start(|config| config.rate = 0.0);
    let mut viewer = Viewer::connect(&simulator);
    let login = b"\x25\0\0\0\x25\0\0\0\xb1\x02\0\0type@=loginreq/roomid@=9999/\0";
    let join = b"\x2e\0\0\0\x2e\0\0\0\xb1\x02\0\0type@=joingroup/rid@=9999/gid@=-9999/\0";
    let beat = b"\x14\0\0\0\x14\0\0\0\xb1\x02\0\0type@=mrkl/\0";
    viewer.send(login);
    let greeting = viewer.hear(2);
    assert_eq!(Fields::new(greeting[0].as_bytes()).text("ip"), "127.0.0.1");
    assert_eq!(kind(&greeting[1]), "pingreq");
    viewer.send(join);
    viewer.send(beat);
    assert_eq!(viewer.hear(1), ["type@=mrkl/"]);
    viewer.send(b"\x16\0\0\0\x16\0\0\0\xb1\x02\0\0type@=logout/\0");
    assert!(viewer.hear_out().is_empty());
}

#[test]
fn requests_may_come_byte_by_byte_and_many_at_once() {
    let simulator = start(|config| config.rate = 0.0);
    let mut viewer = Viewer::connect(&simulator);
    viewer.stream.set_nodelay(true).unwrap();
    let mut bytes = Vec::new();
    for payload in ["type@=loginreq/room_id@=1", "type@=joingroup/rid@=1/gid@=-9999", "type@=mrkl/"] {
        packet::encode(Sender::Client, payload.as_bytes(), &mut bytes);
    }
    for byte in &bytes {
        viewer.send(&[*byte]);
    }
    assert_eq!(viewer.hear(3).iter().map(|payload| kind(payload)).collect::<Vec<_>>(), ["loginres", "pingreq", "mrkl"]);
    viewer.send(&bytes);
    assert_eq!(viewer.hear(3).len(), 3);
}

#[test]
fn garbage_and_wrong_kinds_end_in_error_51() {
    let simulator = start(|_| {});
    let mut of_a_server = Vec::new();
    packet::encode(Sender::Server, b"type@=loginreq/roomid@=1/", &mut of_a_server);
    for bytes in [&of_a_server[..], b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", &vec![0xff; 100_000]] {
        let mut viewer = Viewer::connect(&simulator);
        // The server may close before it has taken all of it.
        let _ = viewer.stream.write_all(bytes);
        assert_eq!(viewer.hear(1), ["type@=error/code@=51/"]);
        assert!(viewer.hear_out().is_empty());
    }
}

#[test]
fn a_silent_client_is_told_error_51_and_one_that_beats_is_not() {
    let simulator = start(|config| {
        config.rate = 0.0;
        config.silence = Duration::from_secs(1);
    });
    let mut silent = Viewer::joined(&simulator, 1);
    let mut beating = Viewer::joined(&simulator, 1);
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(2) {
        beating.say("type@=mrkl/");
        assert_eq!(beating.hear(1), ["type@=mrkl/"]);
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(silent.hear_out(), ["type@=error/code@=51/"]);
}

#[test]
fn a_room_that_does_not_exist_is_refused_with_error_204() {
    let simulator = start(|config| config.rooms = Some(3));
    Viewer::joined(&simulator, 3);
    let mut viewer = Viewer::connect(&simulator);
    viewer.say(&request::login(room(4)));
    viewer.say(&request::join(room(4), request::ALL_GROUPS));
    assert_eq!(viewer.hear(3)[2], "type@=error/code@=204/");
    assert!(viewer.hear_out().is_empty());
}

#[test]
fn a_room_says_what_its_scenario_says() {
    let simulator = start(|config| {
        config.rate = 500.0;
        config.seed = 42;
    });
    let heard = Viewer::joined(&simulator, 77).hear(300);
    let mut scenario = Scenario::new(42, room(77));
    for payload in heard {
        let expected = scenario.next(0);
        let pairs = |payload: &str| {
            let fields = Fields::new(payload.as_bytes());
            ["type", "rid", "uid", "nn", "txt", "cid", "hits"].map(|key| fields.text(key).into_owned())
        };
        assert_eq!(pairs(&payload), pairs(&expected));
    }
}

#[test]
fn all_who_are_in_a_room_hear_the_same_on_every_address() {
    let simulator = start(|config| {
        config.listen.push(config.listen[0]);
        config.rate = 200.0;
    });
    assert_ne!(simulator.addresses()[0], simulator.addresses()[1]);
    let mut first = Viewer::joined(&simulator, 5);
    let mut second = Viewer::connect_to(simulator.addresses()[1]).join(5);
    let late = second.hear(100);
    let early = first.hear(250);
    let from = early.iter().position(|payload| *payload == late[0]).expect("a message that both heard");
    let both = (early.len() - from).min(late.len());
    assert_eq!(early[from..from + both], late[..both]);
    assert!(both > 20);
}

#[test]
fn a_client_hears_one_room_at_a_time() {
    let simulator = start(|config| config.rate = 100.0);
    let mut viewer = Viewer::joined(&simulator, 1);
    viewer.hear(20);
    viewer.say(&request::join(room(2), request::ALL_GROUPS));
    let mine = |payload: &String| Fields::new(payload.as_bytes()).number("rid") == Some(2);
    let moved = viewer.hear(200);
    let since = moved.iter().position(mine).expect("the other room");
    let elsewhere = moved[since..].iter().filter(|payload| Fields::new(payload.as_bytes()).number("rid") == Some(1));
    assert_eq!(elsewhere.count(), 0);
    let sent = simulator.sent();
    assert!(!sent.rooms[&room(1)].connections[0].open && sent.rooms[&room(2)].connections[0].open);
}

#[test]
fn what_is_counted_is_what_arrives() {
    let simulator = start(|config| config.rate = 1000.0);
    let mut viewers: Vec<Viewer> = [1, 1, 2].map(|number| Viewer::joined(&simulator, number)).into();
    let mut heard: Vec<u64> =
        viewers.iter_mut().map(|viewer| viewer.hear_for(Duration::from_millis(300)).len() as u64).collect();
    for (viewer, heard) in viewers.iter_mut().zip(&mut heard) {
        viewer.say("type@=logout/");
        *heard += viewer.hear_out().len() as u64;
    }
    eventually(|| simulator.sent().rooms.values().flat_map(|room| &room.connections).all(|one| !one.open));
    let sent = simulator.shutdown();
    assert_eq!(sent.accepted, 3);
    let counts = |number| sent.rooms[&room(number)].connections.iter().map(|one| one.messages).collect::<Vec<_>>();
    assert_eq!(counts(1), heard[..2]);
    assert_eq!(counts(2), heard[2..]);
    assert_eq!(sent.rooms[&room(1)].messages, heard[0] + heard[1]);
    assert_eq!(sent.messages(), heard.iter().sum::<u64>());
    assert!(sent.rooms[&room(1)].fed >= heard[0].max(heard[1]));
}

#[test]
fn the_rate_is_kept() {
    let simulator = start(|config| {
        config.rate = 400.0;
        config.batch = Duration::from_millis(20);
    });
    let mut viewer = Viewer::joined(&simulator, 1);
    let begin = Instant::now();
    let heard = viewer.hear_for(Duration::from_secs(2)).len() as f64;
    let wanted = 400.0 * begin.elapsed().as_secs_f64();
    assert!((heard / wanted - 1.0).abs() < 0.1, "{heard} of {wanted}");
}

#[test]
fn a_slow_reader_is_cut_off_and_others_are_unharmed() {
    let simulator = start(|config| {
        config.rate = 10_000.0;
        config.backlog = 4 << 20;
    });
    let slow = Viewer::joined(&simulator, 1);
    let mut quick = Viewer::joined(&simulator, 1);
    let open = || simulator.sent().rooms[&room(1)].connections.iter().map(|one| one.open).collect::<Vec<_>>();
    let end = Instant::now() + 3 * PATIENCE;
    let mut heard = 0;
    while open()[0] {
        assert!(Instant::now() < end, "it was not cut off");
        assert!(quick.read());
        heard += quick.heard.drain(..).count();
    }
    assert!(heard > 1000);
    assert_eq!(quick.hear(1000).len(), 1000);
    assert_eq!(open(), [false, true]);

    // What was put into the socket is still there to be read, and no more than that.
    let counted = simulator.sent().rooms[&room(1)].connections[0].messages;
    let mut slow = slow;
    assert_eq!(slow.hear_out().len() as u64, counted);
}

#[test]
fn a_shutdown_says_error_52() {
    let simulator = start(|config| config.rate = 0.0);
    let mut viewer = Viewer::joined(&simulator, 1);
    let stopped = thread::spawn(|| simulator.shutdown());
    assert_eq!(viewer.hear_out(), ["type@=error/code@=52/"]);
    drop(viewer);
    assert_eq!(stopped.join().unwrap().accepted, 1);
}

#[test]
fn a_client_that_vanishes_is_forgotten() {
    let simulator = start(|config| config.rate = 50.0);
    let viewer = Viewer::joined(&simulator, 1);
    viewer.stream.shutdown(Shutdown::Both).unwrap();
    drop(viewer);
    eventually(|| !simulator.sent().rooms[&room(1)].connections[0].open);
    let fed = simulator.sent().rooms[&room(1)].fed;
    thread::sleep(Duration::from_millis(400));
    assert_eq!(simulator.sent().rooms[&room(1)].fed, fed, "no one listens, no one talks");
    assert_eq!(Viewer::joined(&simulator, 1).hear(10).len(), 10);
}

#[test]
fn an_address_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let mut config = Config::default();
    config.listen = vec![address];
    // Within a runtime too, where it must not drop its own.
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let started = runtime.block_on(async { Simulator::start(config) });
    let Err(StartError::Listen { address: named, .. }) = started else { panic!("it listens") };
    assert_eq!(named, address);
}

// Tapes.

const CHAT: &str = "type@=chatmsg/rid@=1/cid@=00112233445566770100000000000000/txt@=一@S二/";
const TAPE: [&str; 4] = ["type@=loginres/userid@=0/", CHAT, "type@=dgb/rid@=1/gfid@=824/", "没有类型"];

fn tape(set: impl FnOnce(&mut Config)) -> Simulator {
    start(|config| {
        config.feed = Feed::Tape(Tape::new(TAPE));
        config.rate = 100.0;
        set(config);
    })
}

#[test]
fn a_tape_is_played_once_exactly_and_in_order_to_each_client() {
    let simulator = tape(|_| {});
    for number in [1, 1, 2] {
        let mut viewer = Viewer::joined(&simulator, number);
        assert_eq!(viewer.hear(4), TAPE);
        assert!(viewer.hear_for(Duration::from_millis(200)).is_empty());
        viewer.say("type@=mrkl/");
        assert_eq!(viewer.hear(1), ["type@=mrkl/"], "the connection stays");
    }
    let sent = simulator.sent();
    assert_eq!((sent.rooms[&room(1)].fed, sent.rooms[&room(1)].messages), (6, 6), "loginres is control");
}

#[test]
fn a_repeated_tape_has_fresh_ids_in_every_round() {
    let simulator = tape(|config| {
        config.repeat = true;
        config.rate = 2000.0;
    });
    let mut viewer = Viewer::joined(&simulator, 1);
    let mut ids = HashSet::new();
    for round in 0..100 {
        let heard = viewer.hear(4);
        let chat = Fields::new(heard[1].as_bytes());
        assert!(ids.insert(chat.text("cid").into_owned()), "round {round}");
        assert_eq!(chat.text("txt"), "一/二");
        assert_eq!([&heard[0], &heard[2], &heard[3]], [TAPE[0], TAPE[2], TAPE[3]]);
    }
}

#[test]
fn a_tape_waits_for_a_slow_reader() {
    const PAYLOADS: usize = 100_000;
    let payloads: Vec<String> = (0..PAYLOADS).map(|n| format!("type@=chatmsg/txt@={n:0>200}/")).collect();
    let simulator = start(|config| {
        config.feed = Feed::Tape(Tape::new(&payloads));
        config.rate = 1e7;
        config.backlog = 1 << 20;
    });
    let mut viewer = Viewer::joined(&simulator, 1);
    thread::sleep(Duration::from_millis(500));
    assert!(simulator.sent().messages() < PAYLOADS as u64);
    assert_eq!(viewer.hear(PAYLOADS), payloads);
}

#[test]
fn a_file_is_played_as_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let lines = folder.path().join("feed.stt");
    fs::write(&lines, format!("{}\n\n", TAPE.join("\n"))).unwrap();
    let packets = folder.path().join("feed.packets");
    let mut bytes = Vec::new();
    for (at, payload) in TAPE.iter().enumerate() {
        let sender = if at % 2 == 0 { Sender::Server } else { Sender::Client };
        packet::encode(sender, payload.as_bytes(), &mut bytes);
    }
    fs::write(&packets, &bytes).unwrap();
    for path in [&lines, &packets] {
        let feed = Tape::open(path).unwrap();
        assert_eq!((feed.len(), feed.messages()), (4, 3));
        let simulator = tape(|config| config.feed = Feed::Tape(feed));
        assert_eq!(Viewer::joined(&simulator, 1).hear(4), TAPE);
    }
}

#[test]
fn a_file_that_is_no_feed_is_refused_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        Tape::open(&path).map(|tape| tape.len()).unwrap_err()
    };
    assert!(matches!(file("empty.stt", b"\n\n"), FeedError::Empty { .. }));
    assert!(matches!(file("notes.txt", b"type@=mrkl/"), FeedError::UnknownFormat { .. }));
    assert!(matches!(file("short.packets", b"\x14\0\0\0\x14\0\0"), FeedError::CutOff { at: 0, .. }));
    assert!(matches!(file("garbage.packets", b"type@=mrkl/type@=mrkl/"), FeedError::NoPacket { at: 0, .. }));
    let missing = Tape::open(&folder.path().join("missing.stt")).unwrap_err();
    assert!(missing.to_string().contains("missing.stt") && matches!(missing, FeedError::Read { .. }));
}

#[test]
fn recorded_messages_are_played_whole() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/samples/real-messages.stt");
    if !path.exists() {
        println!("skipped: no samples here");
        return;
    }
    let expected: Vec<String> = fs::read_to_string(&path).unwrap().lines().map(str::to_owned).collect();
    let feed = Tape::open(&path).unwrap();
    assert_eq!(feed.messages(), 689);
    let simulator = tape(|config| {
        config.feed = Feed::Tape(feed);
        config.rate = 5000.0;
    });
    assert_eq!(Viewer::joined(&simulator, 9999).hear(expected.len()), expected);
}
