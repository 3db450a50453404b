//! Each mode of chaos that is one of the data, as a client meets it, and the account of what was sent.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use danmu_proto::{PacketDecoder, PacketError, Sender, message, packet, request};
use danmu_sim::account::{Account, Digest, Entry};
use danmu_sim::{Config, Simulator};

use support::{PATIENCE, Viewer, room, start};

/// What one client heard.
#[derive(Default)]
struct Heard {
    /// Messages, without control.
    messages: Vec<Vec<u8>>,
    /// How many bytes each read gave.
    reads: Vec<usize>,
    /// What ended it.
    error: Option<PacketError>,
}

fn with(chaos: &str, set: impl FnOnce(&mut Config)) -> Simulator {
    start(|config| {
        config.chaos = chaos.parse().unwrap();
        config.rate = 200.0;
        set(config);
    })
}

/// Joins room 1 and listens until it is `enough`, or to the first broken packet.
fn hear(simulator: &Simulator, enough: impl Fn(&Heard) -> bool) -> Heard {
    let mut stream = TcpStream::connect(simulator.addresses()[0]).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let mut requests = Vec::new();
    for request in [request::login(room(1)), request::join(room(1), request::ALL_GROUPS)] {
        packet::encode(Sender::Client, request.as_bytes(), &mut requests);
    }
    std::io::Write::write_all(&mut stream, &requests).unwrap();
    let mut heard = Heard::default();
    let mut decoder = PacketDecoder::new(Sender::Server);
    let mut bytes = vec![0; 1 << 20];
    let end = Instant::now() + PATIENCE;
    while !enough(&heard) && heard.error.is_none() {
        assert!(Instant::now() < end, "{} messages, and that is not enough", heard.messages.len());
        let length = match stream.read(&mut bytes) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => continue,
            Err(error) => panic!("{error}"),
        };
        heard.reads.push(length);
        let messages = &mut heard.messages;
        let read = decoder.read(&bytes[..length], |payload| {
            if !message::is_control(&message::kind(payload)) {
                messages.push(payload.to_vec());
            }
        });
        heard.error = read.err();
    }
    heard
}

#[test]
fn a_broken_packet_comes_once_and_all_before_it_is_whole() {
    for (mode, name) in [
        ("lengths-differ=0.5", "differ"),
        ("too-short=0.5", "too small"),
        ("too-long=0.5", "over the limit"),
        ("wrong-type=0.5", "kind"),
        ("flags=0.5", "flags"),
        ("no-nul=0.5", "zero byte"),
    ] {
        let simulator = with(mode, |_| ());
        let heard = hear(&simulator, |_| false);
        assert!(
            heard.error.as_ref().is_some_and(|error| error.to_string().contains(name)),
            "{mode}: {:?}",
            heard.error
        );
        assert!(!heard.messages.is_empty(), "{mode}");
        assert_eq!(simulator.sent().injected.values().sum::<u64>(), 1, "{mode}");
    }
}

/// A mode, and what tells its messages from others.
type Odd = (&'static str, fn(&[u8]) -> bool);

#[test]
fn odd_messages_come_again_and_again_between_those_of_the_room() {
    let odd: [Odd; 7] = [
        ("bad-utf8=0.1", |payload| std::str::from_utf8(payload).is_err()),
        ("cesu-8=0.1", |payload| payload.windows(2).any(|pair| pair[0] == 0xed && pair[1] >= 0xa0)),
        ("unknown-keys=0.1", |payload| payload.windows(4).any(|part| part == b"key0" || part == b"key1")),
        ("repeated-keys=0.1", |payload| payload.windows(12).any(|part| part == b"and not this")),
        ("long-list=0.1", |payload| payload.len() > 10_000),
        ("nested=0.1", |payload| payload.len() > 5000 || payload.windows(5).any(|part| part == b"@AAAA")),
        ("huge=0.1", |payload| payload.len() > 500_000),
    ];
    for (mode, is_odd) in odd {
        let simulator = with(mode, |_| ());
        let count = |heard: &Heard| heard.messages.iter().filter(|payload| is_odd(payload)).count();
        let heard = hear(&simulator, |heard| count(heard) >= 3);
        assert_eq!(heard.error, None, "{mode}");
        assert!(heard.messages.iter().any(|payload| !is_odd(payload)), "{mode}");
    }
}

#[test]
fn split_and_coalesced_data_is_the_same_data() {
    let simulator = with("coalesce=0.7", |_| ());
    let heard = hear(&simulator, |heard| heard.messages.len() >= 300);
    // Logged in and joined in one piece; then about 140 messages at once, in no more reads than a socket makes of them.
    assert!(heard.reads.len() < 20, "{:?}", heard.reads);
    assert!(simulator.sent().injected["coalesce"] == 1);
    let simulator = with("split", |_| ());
    let heard = hear(&simulator, |heard| heard.messages.len() >= 100);
    assert_eq!((heard.error, simulator.sent().injected["split"]), (None, 1));
    let joined = with("split,coalesce=0.2,reorder,bad-utf8=0.1", |_| ());
    assert_eq!(hear(&joined, |heard| heard.messages.len() >= 100).error, None);
}

#[test]
fn what_is_stirred_comes_twice_or_in_another_order_and_never_is_lost() {
    let mut counts = Vec::new();
    for mode in ["duplicate", "reorder"] {
        // All at once, so that there is an order to change.
        let simulator = with(mode, |config| config.batch = Duration::from_millis(500));
        let heard = hear(&simulator, |heard| heard.messages.len() >= 400);
        let mut ids: BTreeMap<String, usize> = BTreeMap::new();
        for payload in &heard.messages {
            let fields = danmu_proto::Fields::new(payload);
            if fields.text("cid").len() == 32 {
                *ids.entry(fields.text("cid").into_owned()).or_default() += 1;
            }
        }
        counts.push(ids.values().filter(|&&count| count > 1).count());
    }
    assert!(counts[0] > 5 && counts[1] == 0, "{counts:?}");
}

/// What the account says, and what all clients heard, the same way.
fn told(path: &Path, simulator: Simulator, heard: &[Heard]) -> (BTreeMap<Digest, Entry>, BTreeMap<Digest, usize>) {
    simulator.shutdown_with_account().unwrap();
    let account = Account::open(path).unwrap();
    let mut digests = BTreeMap::new();
    for payload in heard.iter().flat_map(|heard| &heard.messages) {
        *digests.entry(Digest::of(payload)).or_default() += 1;
    }
    (account.rooms[&room(1)].clone(), digests)
}

#[test]
fn the_account_has_every_message_that_was_heard_and_names_its_connections() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sent.jsonl");
    // Whatever is done to the data, broken packets too: they are no messages.
    for mode in ["split", "coalesce=0.3", "duplicate,reorder", "bad-utf8=0.1,huge=0.3,nested=0.1", "no-nul=1"] {
        let simulator = with(mode, |config| config.account = Some(path.clone()));
        let heard = [0, 1].map(|_| hear(&simulator, |heard| heard.messages.len() >= 60));
        let (account, digests) = told(&path, simulator, &heard);
        for (digest, count) in digests {
            let entry = &account[&digest];
            assert!(entry.sent.len() >= count, "{mode}: sent {} times, heard {count} times", entry.sent.len());
            assert!(!entry.said.is_empty(), "{mode}");
        }
        let connections: Vec<u64> = account.values().flat_map(|entry| entry.sent.iter().map(|sent| sent.0)).collect();
        assert!(connections.contains(&1) && connections.contains(&2) && !connections.contains(&3), "{mode}");
    }
}

#[test]
fn an_account_that_cannot_be_written_is_told_of_at_once() {
    let mut config = Config::default();
    config.account = Some("/no/such/folder/sent.jsonl".into());
    let error = Simulator::start(config).unwrap_err();
    assert_eq!(error.to_string(), "cannot write the account /no/such/folder/sent.jsonl");
}

#[test]
fn viewers_of_the_same_seed_meet_the_same_odd_messages() {
    let odd = |seed| {
        let simulator = with("nested=0.05", |config| {
            config.rate = 0.0;
            config.seed = seed;
        });
        hear(&simulator, |heard| heard.messages.len() >= 5).messages[..5].to_vec()
    };
    assert_eq!(odd(1), odd(1));
    assert_ne!(odd(1), odd(2));
    let simulator = with("nested=0.05", |config| config.rate = 0.0);
    let first = hear(&simulator, |heard| heard.messages.len() >= 5);
    let second = hear(&simulator, |heard| heard.messages.len() >= 5);
    assert_ne!(first.messages[..5], second.messages[..5], "ids are fresh on each connection");
    assert!(Viewer::connect(&simulator).join(1).hear(1).len() == 1);
}
