//! Rooms that say again what was said in them before.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use danmu_proto::Fields;
use danmu_sim::{Config, Cue, Feed, Replay, Simulator};

use support::{PATIENCE, Viewer, eventually, room, start};

/// Room, milliseconds, text.
type Line = (u64, u64, String);

fn payload(text: &str) -> String {
    format!("type@=chatmsg/cid@=00112233445566770100000000000000/txt@={text}/")
}

/// A server that says these lines, with all in `set`.
fn says(lines: impl IntoIterator<Item = Line>, set: impl FnOnce(&mut Config, &mut Replay)) -> Simulator {
    let lines: Vec<Line> = lines.into_iter().collect();
    let rooms: Vec<_> = lines.iter().map(|line| room(line.0)).collect();
    let mut replay = Replay::new(rooms, move |each| {
        for (number, at_ms, text) in &lines {
            let payload = payload(text).into_bytes().into();
            if each(Cue { at: Duration::from_millis(*at_ms), room: room(*number), payload }).is_break() {
                break;
            }
        }
    });
    start(|config| {
        set(config, &mut replay);
        config.feed = Feed::Replay(replay);
    })
}

fn numbered(rooms: u64, lines: u64, every_ms: u64) -> impl Iterator<Item = Line> {
    (0..lines).map(move |n| (n % rooms + 1, n * every_ms, n.to_string()))
}

fn texts(payloads: &[String]) -> Vec<u64> {
    payloads.iter().map(|payload| Fields::new(payload.as_bytes()).text("txt").parse().unwrap()).collect()
}

#[test]
fn it_begins_when_the_first_client_joins_and_is_exact() {
    let simulator = says(numbered(1, 200, 1), |_, _| {});
    thread::sleep(Duration::from_millis(400));
    let heard = Viewer::joined(&simulator, 1).hear(200);
    assert_eq!(heard, (0..200).map(|n| payload(&n.to_string())).collect::<Vec<_>>());
    eventually(|| simulator.is_over());
    let sent = simulator.shutdown();
    assert_eq!((sent.rooms[&room(1)].fed, sent.messages()), (200, 200));
}

#[test]
fn time_passes_as_it_did_or_as_many_times_faster_as_one_likes() {
    let simulator = says(numbered(1, 2, 1000), |_, replay| replay.speed = 2.0);
    let mut viewer = Viewer::joined(&simulator, 1);
    viewer.hear(1);
    let begin = Instant::now();
    viewer.hear(1);
    let took = begin.elapsed();
    // It may be late, and never early; the first line took a while to arrive here.
    assert!(took > Duration::from_millis(350), "{took:?}");

    let simulator = says(numbered(1, 1000, 3_600_000), |_, replay| replay.speed = 1e9);
    assert_eq!(texts(&Viewer::joined(&simulator, 1).hear(1000)), (0..1000).collect::<Vec<_>>());
}

#[test]
fn it_waits_for_someone_in_each_room_but_not_for_ever() {
    let simulator = says(numbered(3, 300, 0), |_, replay| replay.patience = PATIENCE);
    let mut viewers: Vec<_> = (1..=3)
        .map(|number| {
            thread::sleep(Duration::from_millis(50));
            Viewer::joined(&simulator, number)
        })
        .collect();
    for (number, viewer) in viewers.iter_mut().enumerate() {
        let expected: Vec<u64> = (0..300).filter(|n| n % 3 == number as u64).collect();
        assert_eq!(texts(&viewer.hear(100)), expected);
    }

    let simulator = says(numbered(3, 30, 0), |_, replay| replay.patience = Duration::from_millis(50));
    assert_eq!(Viewer::joined(&simulator, 2).hear(10).len(), 10);
}

#[test]
fn who_comes_late_hears_what_is_on_by_then() {
    let simulator = says(numbered(1, 300, 10), |_, _| {});
    let mut first = Viewer::joined(&simulator, 1);
    first.hear(30);
    let mut late = Viewer::joined(&simulator, 1);
    let from = texts(&late.hear(1))[0];
    assert!(from >= 30, "{from}");
    first.hear(100);
    drop(first);
    // It goes on whoever leaves.
    assert_eq!(texts(&late.hear(200)), (from + 1..=from + 200).collect::<Vec<_>>());
}

#[test]
fn rooms_that_are_not_in_it_do_not_exist() {
    let simulator = says(numbered(2, 2, 0), |_, _| {});
    let mut viewer = Viewer::connect(&simulator);
    viewer.say(&danmu_proto::request::login(room(3)));
    viewer.say(&danmu_proto::request::join(room(3), danmu_proto::request::ALL_GROUPS));
    assert_eq!(viewer.hear(3)[2], "type@=error/code@=204/");
}

#[test]
fn repeated_it_has_fresh_ids_in_every_round_and_no_end() {
    let simulator = says(numbered(1, 5, 0), |config, _| config.repeat = true);
    let mut viewer = Viewer::joined(&simulator, 1);
    let heard = viewer.hear(50);
    assert_eq!(texts(&heard), (0..50).map(|n| n % 5).collect::<Vec<_>>());
    assert_eq!(heard[..5], (0..5).map(|n| payload(&n.to_string())).collect::<Vec<_>>());
    let ids: HashSet<_> = heard.iter().map(|line| Fields::new(line.as_bytes()).text("cid").into_owned()).collect();
    assert_eq!(ids.len(), 10, "one a round");
    assert!(!simulator.is_over());

    let nothing = says([], |config, _| config.repeat = true);
    assert!(!nothing.is_over());
}

#[test]
fn it_waits_for_a_slow_reader_and_reads_no_further_ahead_than_it_must() {
    const LINES: usize = 40_000;
    let read = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&read);
    let replay = Replay::new([room(1)], move |each| {
        for n in 0..LINES {
            count.fetch_add(1, SeqCst);
            let payload = payload(&format!("{n:0>1000}")).into_bytes().into();
            if each(Cue { at: Duration::ZERO, room: room(1), payload }) == ControlFlow::Break(()) {
                break;
            }
        }
    });
    let simulator = start(|config| config.feed = Feed::Replay(replay));
    let mut viewer = Viewer::joined(&simulator, 1);
    thread::sleep(Duration::from_millis(500));
    let ahead = read.load(SeqCst);
    assert!(ahead < LINES, "all of it was read, and nobody has heard it");
    assert_eq!(viewer.hear(LINES).len(), LINES);
    eventually(|| simulator.is_over());
}

#[test]
fn a_client_that_leaves_keeps_nobody_waiting() {
    let simulator = says((0..20_000).map(|n| (1, 0, format!("{n:0>1000}"))), |_, _| {});
    let deaf = Viewer::joined(&simulator, 1);
    thread::sleep(Duration::from_millis(200));
    assert!(!simulator.is_over());
    drop(deaf);
    eventually(|| simulator.is_over());
}
