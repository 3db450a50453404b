//! A connection that is neither alive nor closed: the time that nobody listened counts from the last byte, and not from
//! when somebody noticed. With a real server that goes half-open, and what then stands in the file.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

use std::time::{Duration, Instant};

use danmu_client::queue::NoEvent;
use danmu_client::{Config, Endpoint, Event, Overflow, RoomId, Rooms, event::now_us};
use danmu_sim::Simulator;
use danmu_sinks::{Recorder, RecorderOptions, Recording};

/// When the server falls silent, after the connection.
const TALKS: Duration = Duration::from_secs(1);
/// When that is noticed. Real rooms wait for 100 s.
const SILENCE: Duration = Duration::from_secs(4);

#[test]
fn the_time_nobody_listened_counts_from_the_last_byte_and_not_from_the_noticing() {
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("x.db");
    let mut config = danmu_sim::Config::default();
    config.rate = 50.0;
    config.chaos = format!("half-open={}", TALKS.as_secs()).parse().unwrap();
    let server = Simulator::start(config).unwrap();
    let address = server.addresses()[0];

    let mut config = Config::default();
    config.endpoints = vec![Endpoint::tcp(address.ip().to_string(), address.port())];
    config.silence = SILENCE;
    config.heartbeat = Duration::from_millis(500);
    let room = RoomId::new(7).unwrap();
    let mut rooms = Rooms::start(config, 1).unwrap();
    let mut events = rooms.subscribe(Overflow::Wait);
    let mut recorder = Recorder::open(&db, RecorderOptions::default(), now_us()).unwrap();
    recorder.want(room, now_us());
    rooms.add(room);
    // Until the second link is lost; the first two are told of in full then.
    let (mut lost, until) = (Vec::new(), Instant::now() + Duration::from_secs(60));
    while lost.len() < 2 {
        assert!(Instant::now() < until, "links are not lost");
        match events.wait(recorder.wait(now_us())) {
            Ok(Event::Joined { room, link, server, at_us }) => {
                recorder.link_opened(link, room, &server.to_string(), at_us);
            }
            Ok(Event::Records(records)) => recorder.records(&records),
            Ok(Event::Lost { link: Some(link), reason, heard_us, at_us, .. }) => {
                recorder.link_ended(link, heard_us, at_us, reason.name());
                lost.push((heard_us, at_us));
            }
            Ok(_) | Err(NoEvent::TimedOut) => {}
            Err(NoEvent::Ended) => panic!("ended"),
        }
        recorder.tick(now_us()).unwrap();
    }
    recorder.finish(now_us()).unwrap();

    let recording = Recording::open(&db).unwrap();
    let last = |link| {
        let conn = rusqlite::Connection::open(&db).unwrap();
        let last = "SELECT joined_us, heard_us, ended_us, (SELECT max(received_us) FROM message WHERE link = link.id)
                    FROM link WHERE id = ?1";
        conn.query_row(last, [link], |row| Ok([0, 1, 2, 3].map(|at| row.get::<_, i64>(at).unwrap()))).unwrap()
    };
    let [joined_us, heard_us, ended_us, message_us] = last(1);
    assert_eq!((heard_us, ended_us), lost[0]);
    assert!(message_us <= heard_us && joined_us < message_us);
    // It talked for a second, and was silent for as long as it takes to notice.
    let silent = Duration::from_micros((ended_us - heard_us) as u64);
    assert!(silent + Duration::from_millis(100) >= SILENCE, "{silent:?}");
    assert!(Duration::from_micros((heard_us - joined_us) as u64) < SILENCE, "it did not hear while it was silent");
    let gaps = recording.gaps().unwrap();
    let gap = gaps.iter().find(|gap| gap.reason == "silence").unwrap_or_else(|| panic!("{gaps:?}"));
    assert_eq!((gap.from_us, gap.to_us), (heard_us, last(2)[0]), "from the last byte to the next join");
    assert!(recording.verify().unwrap().is_sound());
}
