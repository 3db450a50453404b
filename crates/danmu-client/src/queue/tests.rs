//! Queues that are full, floods beside quiet rooms, and who is woken when.

use danmu_proto::{Batch, LinkId, RoomId};

use super::*;

fn records(payload: &str) -> Event {
    let mut batch = Batch::new();
    batch.push(payload.as_bytes(), false);
    Event::Records(batch.freeze(RoomId::new(1).unwrap(), LinkId(1), 0))
}

fn payload(event: Result<Event, NoEvent>) -> String {
    match event {
        Ok(Event::Records(records)) => String::from_utf8(records.messages().next().unwrap().payload.to_vec()).unwrap(),
        Ok(Event::Lagged(n)) => format!("lagged {n}"),
        other => format!("{other:?}"),
    }
}

const SOON: Duration = Duration::from_millis(10);

#[test]
fn every_subscriber_hears_everything_in_order() {
    let hub = Hub::default();
    let mut both = [Overflow::Wait, Overflow::DropOldest].map(|overflow| hub.subscribe(overflow, 1 << 20));
    for i in 0..100 {
        hub.offer(&records(&i.to_string()));
    }
    drop(hub);
    for events in &mut both {
        for i in 0..100 {
            assert_eq!(payload(events.wait(SOON)), i.to_string());
        }
        assert_eq!(events.wait(SOON).unwrap_err(), NoEvent::Ended);
    }
}

#[test]
fn a_viewer_that_does_not_read_loses_the_oldest_and_is_told_how_many() {
    let hub = Hub::default();
    let limit = records("0").size_bytes() * 10;
    let mut viewer = hub.subscribe(Overflow::DropOldest, limit);
    for i in 0..9 {
        hub.offer(&records(&i.to_string()));
    }
    hub.offer(&Event::Lagged(0)); // any event that is no message: it stays
    for i in 9..100 {
        hub.offer(&records(&(i % 10).to_string()));
        assert!(hub.has_room(room(1)), "a viewer never stops the links");
        assert!(viewer.queue.lock().bytes <= limit);
    }
    let Ok(Event::Lagged(lost)) = viewer.wait(SOON) else { panic!("not told") };
    let mut got = 0;
    while let Ok(event) = viewer.wait(SOON) {
        got += u64::from(matches!(event, Event::Records(_)));
    }
    assert_eq!(lost + got, 100);
}

#[test]
fn a_viewer_that_does_not_read_is_bounded_also_when_nobody_talks() {
    let hub = Hub::default();
    let limit = Event::Lagged(0).size_bytes() * 10;
    let mut viewer = hub.subscribe(Overflow::DropOldest, limit);
    for i in 1..=100 {
        hub.offer(&Event::Lagged(i));
        assert!(viewer.queue.lock().bytes <= limit);
    }
    for i in 91..=100 {
        assert_eq!(payload(viewer.wait(SOON)), format!("lagged {i}"), "the latest stay");
    }
    assert_eq!(viewer.wait(SOON).unwrap_err(), NoEvent::TimedOut);
}

#[test]
fn patience_may_be_without_end() {
    let hub = Hub::default();
    let mut events = hub.subscribe(Overflow::Wait, 1 << 20);
    let reader = std::thread::spawn(move || [events.wait(Duration::MAX), events.wait(Duration::MAX)]);
    hub.offer(&records("0"));
    drop(hub);
    let [first, end] = reader.join().unwrap();
    assert!(matches!(first, Ok(Event::Records(_))) && end.unwrap_err() == NoEvent::Ended);
}

fn room(number: u64) -> RoomId {
    RoomId::new(number).unwrap()
}

fn of_room(number: u64) -> Event {
    let mut batch = Batch::new();
    batch.push(b"0", false);
    Event::Records(batch.freeze(room(number), LinkId(1), 0))
}

#[test]
fn a_recorder_that_does_not_read_loses_nothing_and_stops_the_links() {
    let hub = Hub::default();
    let limit = records("0").size_bytes() * 20;
    let mut recorder = hub.subscribe(Overflow::Wait, limit);
    for i in 0..20 {
        assert_eq!(hub.has_room(room(1)), i < 10, "at {i}");
        hub.offer(&records("0"));
    }
    let mut left = 20;
    while !hub.has_room(room(1)) {
        recorder.wait(SOON).unwrap();
        left -= 1;
    }
    assert!((4..=6).contains(&left), "room at {left} left");
}

#[test]
fn a_room_that_floods_leaves_room_for_the_quiet_ones() {
    let hub = Hub::default();
    let limit = of_room(1).size_bytes() * 100;
    let recorder = hub.subscribe(Overflow::Wait, limit);
    let fill =
        |number| (0..1000).take_while(|_| hub.has_room(room(number))).map(|_| hub.offer(&of_room(number))).count();
    assert_eq!(fill(1), 50, "one has half");
    assert_eq!(fill(2), 25, "the next has half of the rest");
    for quiet in 3..15 {
        assert!(hub.has_room(room(quiet)));
        hub.offer(&of_room(quiet));
    }
    assert!(!hub.has_room(room(1)) && !hub.has_room(room(2)));
    assert!(recorder.queue.lock().bytes <= limit);
}

#[test]
fn whoever_talks_how_much_the_queue_is_bounded_and_every_room_gets_its_turn() {
    let mut rng = fastrand::Rng::with_seed(5);
    let hub = Hub::default();
    let batch = of_room(1).size_bytes();
    let limit = batch * 64;
    let mut recorder = hub.subscribe(Overflow::Wait, limit);
    let mut waits = [0; 200];
    let mut longest = 0;
    for _ in 0..20_000 {
        // Twice as much is offered as is read, and most of it by the first few.
        for _ in 0..2 {
            let number = if rng.bool() { rng.u64(1..4) } else { rng.u64(1..200) };
            if hub.has_room(room(number)) {
                hub.offer(&of_room(number));
                waits[number as usize] = 0;
            } else {
                waits[number as usize] += 1;
                longest = longest.max(waits[number as usize]);
            }
            assert!(recorder.queue.lock().bytes <= limit + batch);
        }
        let _ = recorder.wait(Duration::ZERO);
    }
    assert!(longest < 500, "a room was turned away {longest} times in a row");
    while recorder.wait(Duration::ZERO).is_ok() {}
    let state = recorder.queue.lock();
    assert!(state.bytes == 0 && state.shares.is_empty() && state.stopped.is_empty() && !state.tight);
}

#[tokio::test(start_paused = true)]
async fn links_that_wait_for_room_go_on_when_there_is_some_or_the_subscriber_leaves() {
    let hub = Arc::new(Hub::default());
    for leaves in [false, true] {
        let mut recorder = hub.subscribe(Overflow::Wait, 1);
        hub.offer(&records("0"));
        let waiting = tokio::spawn({
            let hub = Arc::clone(&hub);
            async move { hub.room(room(1)).await }
        });
        tokio::time::sleep(SOON).await;
        assert!(!waiting.is_finished());
        if leaves {
            drop(recorder);
        } else {
            recorder.next().await.unwrap();
        }
        waiting.await.unwrap();
    }
}

#[test]
fn one_who_gathers_wakes_up_for_all_that_came_or_when_much_waits_or_at_the_end() {
    const LONG: Duration = Duration::from_secs(60);
    const NAP: Duration = Duration::from_millis(500);
    // In each case, the first event, how many more there are, and whether the end comes then.
    let large = "x".repeat(200_000);
    for (first, more, ends) in [("0", 3, false), ("0", 3000, false), (&*large, 0, false), ("0", 0, true)] {
        let hub = Hub::default();
        let naps = more == 3;
        let mut events = hub.subscribe(Overflow::Wait, 1 << 20).gather(if naps { NAP } else { LONG });
        let queue = Arc::clone(&events.queue);
        let begun = Instant::now();
        let expected = first.to_owned();
        let reader = std::thread::spawn(move || {
            assert_eq!(payload(events.wait(LONG)), expected);
            let taken = begun.elapsed();
            // What came meanwhile is there at once.
            (taken, std::iter::from_fn(|| events.wait(Duration::ZERO).ok()).count())
        });
        let until = |waits| {
            while queue.lock().waits != waits && !reader.is_finished() {
                std::thread::yield_now();
            }
        };
        until(Waits::Next);
        hub.offer(&records(first));
        until(Waits::More);
        (0..more).for_each(|_| hub.offer(&records("x")));
        let _hub = (!ends).then_some(hub);
        let (taken, there) = reader.join().unwrap();
        assert_eq!(taken >= NAP, naps, "{more} events after {taken:?}");
        assert!(if naps { there == 3 } else { there > 0 || more == 0 }, "{there} of {more}");
    }
}

#[tokio::test]
async fn a_subscriber_that_waits_is_woken_by_the_first_event_and_by_the_end() {
    let hub = Hub::default();
    let mut events = hub.subscribe(Overflow::Wait, 1 << 20);
    let reader = tokio::spawn(async move {
        let first = events.next().await;
        (first, events.next().await)
    });
    tokio::task::yield_now().await;
    hub.offer(&records("0"));
    tokio::task::yield_now().await;
    drop(hub);
    let (first, end) = reader.await.unwrap();
    assert!(matches!(first, Some(Event::Records(_))) && end.is_none());
}
