//! The recorder: what goes in, when it is committed, and how a run ends.

use std::time::Duration;

use danmu_proto::LinkId;
use danmu_sinks::recording::writer::{CatalogGift, Cause, CommitError, RoomState};
use danmu_sinks::{Recorder, RecorderOptions, Recording};
use proptest::prelude::*;

use crate::support::*;

#[test]
fn what_was_committed_comes_back_exactly() {
    let (_folder, path) = folder();
    let payloads = odd_payloads();
    let mut recorder = listening(&path, NOON);
    for (n, payload) in payloads.iter().enumerate() {
        recorder.records(&heard(LINK, room(9999), NOON + n as i64, &[payload]));
        // Every other commit has one message, so that blocks of both sizes occur.
        if n % 2 == 0 {
            recorder.commit(NOON + n as i64).unwrap();
        }
    }
    let committed = recorder.commit(NOON + SECOND).unwrap();
    assert_eq!((committed.rows, committed.last_id), (payloads.len() as u64, payloads.len() as i64));
    let check = || {
        let rows = all(&Recording::open(&path).unwrap());
        let back: Vec<&[u8]> = rows.iter().map(|row| row.payload.as_deref().unwrap()).collect();
        assert_eq!(back, payloads);
        for (row, payload) in rows.iter().zip(&payloads) {
            let message = danmu_proto::Message::read(payload);
            assert_eq!(row.summary, message.summary(room(9999)));
        }
    };
    check();
    recorder.finish(NOON + 2 * SECOND).unwrap();
    check();
    is_sound(&path);
}

#[test]
fn ids_of_what_was_heard_a_moment_ago_are_known_to_the_next_run() {
    let (_folder, path) = folder();
    let chat = |id: &str| format!("type@=chatmsg/rid@=9999/txt@=x/cid@={id}/");
    let hex = |n: u32| format!("{n:032x}");
    let mut recorder = listening(&path, NOON);
    recorder.records(&heard(LINK, room(9999), NOON, &[chat(&hex(1))]));
    let payloads = [chat(&hex(2)), chat("ABC"), chat("a@Sb"), "type@=dgb/".to_owned(), chat("")];
    recorder.records(&heard(LINK, room(9999), NOON + SECOND, &payloads));
    recorder.commit(NOON + SECOND).unwrap();
    // A crash: nothing is finished.
    drop(recorder);
    let recorder = Recorder::open(&path, RecorderOptions::default(), NOON + 2 * SECOND).unwrap();
    let recent = recorder.recent_ids(NOON + 1).unwrap();
    assert_eq!(recent.keys().collect::<Vec<_>>(), [&room(9999)]);
    assert_eq!(recent[&room(9999)], ["a/b".to_owned(), "ABC".to_owned(), hex(2)], "newest first");
    assert_eq!(recorder.recent_ids(NOON).unwrap()[&room(9999)].len(), 4);
    assert!(recorder.recent_ids(NOON + 2 * SECOND).unwrap().is_empty());
}

#[test]
fn genuine_messages_come_back_exactly_and_once() {
    let Some(payloads) = samples() else { return };
    let (_folder, path) = folder();
    let mut recorder = listening(&path, NOON);
    for (n, some) in payloads.chunks(7).enumerate() {
        recorder.records(&heard(LINK, room(9999), NOON + n as i64, some));
        recorder.commit(NOON + n as i64).unwrap();
    }
    let finished = recorder.finish(NOON + SECOND).unwrap();
    let messages: Vec<_> = payloads
        .iter()
        .filter(|payload| !danmu_proto::message::is_control(&danmu_proto::message::kind(payload)))
        .collect();
    assert_eq!(finished.sums.received, payloads.len() as u64);
    assert_eq!(finished.sums.control, (payloads.len() - messages.len()) as u64);
    assert!(finished.optimized && finished.one_file && finished.sums.add_up());
    let rows = all(&Recording::open(&path).unwrap());
    assert!(rows.iter().map(|row| row.payload.as_deref().unwrap()).eq(messages.iter().map(|payload| &payload[..])));
    is_sound(&path);
}

#[test]
fn columns_hold_what_the_page_on_recordings_says() {
    let (_folder, path) = folder();
    let mut recorder = listening(&path, NOON);
    let line = "type@=chatmsg/rid@=7/uid@=12/nn@=小明/txt@=1@S2/cid@=0123456789abcdef0123456789abcdef/level@=24/rg@=4/\
                bnn@=火箭/bl@=13/brid@=5/col@=2/nl@=3/ct@=1/cst@=1795262399584/";
    let shouted = "type@=chatmsg/rid@=9999/cid@=0123456789ABCDEF0123456789ABCDEF/dms@=5/";
    recorder.records(&heard(LINK, room(9999), NOON, &[line, shouted, &gift(1, 20004, 2), &superchat(2, 3000)]));
    recorder.finish(NOON + SECOND).unwrap();
    let row = |id: i64, columns: &str| -> String {
        ask(&path, &format!("SELECT concat_ws('|', {columns}) FROM message WHERE id = {id}"))
    };
    assert_eq!(
        row(
            1,
            "room, link, received_us, sent_ms, type, typeof(cid), hex(cid), uid, name, text, level, role, medal, \
             medal_level, medal_room, colour, noble, client, flags"
        ),
        format!(
            "9999|1|{NOON}|1795262399584|chatmsg|blob|0123456789ABCDEF0123456789ABCDEF|12|小明|1/2|24|admin|火箭|13|5|2|\
             3|1|3"
        ),
    );
    assert_eq!(row(2, "typeof(cid), cid, flags"), "text|0123456789ABCDEF0123456789ABCDEF|0");
    assert_eq!(row(3, "type, gift_kind, gift_id, count, hits"), "dgb|gift|20004|2|3");
    assert_eq!(row(4, "type, price_fen, duration_s, text, name"), "comm_chatmsg|3000|60|加油|小红");
}

#[test]
fn all_that_a_link_received_is_accounted_for() {
    let (_folder, path) = folder();
    let mut recorder = recorder(&path);
    let (a, b) = (LinkId(7), LinkId(8));
    // The answer to the login comes before the join is known.
    recorder.records(&heard(a, room(1), NOON, &["type@=loginres/", "type@=pingreq/"]));
    recorder.link_opened(a, room(1), "tcp://a:1", NOON + 1);
    recorder.link_opened(b, room(2), "tcp://b:1", NOON + 2);
    recorder.records(&heard(a, room(1), NOON + 3, &[chat(1, "a", "1"), chat(2, "b", "2"), "type@=mrkl/".into()]));
    recorder.records(&heard(b, room(2), NOON + 4, &[chat(1, "a", "1")]));
    recorder.duplicates(a, room(1), 3);
    for (n, cause) in Cause::ALL.into_iter().enumerate() {
        recorder.dropped(b, room(2), cause, n as u64 + 1);
    }
    recorder.link_ended(a, NOON + 5, NOON + 6, "closed");
    let finished = recorder.finish(NOON + SECOND).unwrap();
    assert!(finished.sums.add_up());
    let sums = finished.sums;
    assert_eq!((sums.received, sums.control, sums.stored, sums.duplicates, sums.dropped), (24, 3, 3, 3, 15));

    let stats = Recording::open(&path).unwrap().stats(&danmu_sinks::Filter::default()).unwrap();
    assert_eq!(stats.sums, sums);
    assert_eq!(stats.off().count(), 0);
    assert_eq!(stats.rooms[&room(1)].sums.received, 8);
    assert_eq!(stats.rooms[&room(2)].sums.dropped, 15);
    let dropped: Vec<_> = stats.dropped.iter().map(|(cause, count)| (&**cause, *count)).collect();
    assert_eq!(dropped, [("limit", 5), ("malformed", 1), ("overflow", 3), ("oversized", 2), ("storage", 4)]);
    let link = &stats.links[0];
    assert_eq!((&*link.server, link.joined_us, link.heard_us), ("tcp://a:1", Some(NOON + 1), Some(NOON + 5)));
    assert_eq!((link.ended_us, link.reason.as_deref()), (Some(NOON + 6), Some("closed")));
    assert_eq!(stats.links[1].reason.as_deref(), Some("stop"));
    is_sound(&path);
}

#[test]
fn sums_in_the_file_hold_after_every_commit() {
    let (_folder, path) = folder();
    let mut recorder = listening(&path, NOON);
    for n in 0..20 {
        recorder.records(&heard(LINK, room(9999), NOON + n, &[chat(1, "a", "1"), "type@=mrkl/".into()]));
        recorder.dropped(LINK, room(9999), Cause::Limit, 1);
        recorder.commit(NOON + n).unwrap();
        is_sound(&path);
        assert_eq!(ask::<i64>(&path, "SELECT stored FROM link"), n + 1);
    }
}

#[test]
fn times_of_messages_never_decrease_in_a_file() {
    let (_folder, path) = folder();
    for run in 0..3 {
        // The clock goes back within each run, and an hour from one to the next.
        let now = NOON - run * 3600 * SECOND;
        let mut recorder = listening(&path, now);
        for back in [0, 5, 3, 9] {
            recorder.records(&heard(LINK, room(9999), now - back * SECOND, &[chat(1, "a", "1")]));
        }
        recorder.records(&heard(LINK, room(9999), now + SECOND, &[chat(1, "a", "1")]));
        recorder.finish(now + 2 * SECOND).unwrap();
    }
    let rows = all(&Recording::open(&path).unwrap());
    assert_eq!(rows.len(), 15);
    assert!(rows.is_sorted_by_key(|row| (row.received_us, row.seq)));
    assert_eq!((rows[3].received_us, rows[4].received_us), (NOON, NOON + SECOND));
    assert_eq!(rows[14].received_us, NOON + SECOND);
    is_sound(&path);
}

#[test]
fn without_raw_payloads_there_are_columns_only() {
    let (_folder, path) = folder();
    let mut options = RecorderOptions::default();
    options.raw = false;
    let mut recorder = Recorder::open(&path, options, NOON).unwrap();
    recorder.records(&heard(LINK, room(9999), NOON, &[chat(1, "小明", "666")]));
    recorder.finish(NOON).unwrap();
    let rows = all(&Recording::open(&path).unwrap());
    assert_eq!((texts(&rows), &rows[0].payload), (vec!["666"], &None));
    assert_eq!(ask::<i64>(&path, "SELECT count(*) FROM raw_block"), 0);
    is_sound(&path);
}

#[test]
fn a_recording_is_added_to() {
    let (_folder, path) = folder();
    for run in 0..3 {
        let now = NOON + run * 100 * SECOND;
        let mut recorder = listening(&path, now);
        assert_eq!(recorder.run(), run + 1);
        recorder.records(&heard(LINK, room(9999), now, &[chat(1, "a", &run.to_string())]));
        let committed = recorder.commit(now).unwrap();
        assert_eq!((committed.rows, committed.last_id), (1, run + 1));
        recorder.finish(now + 10 * SECOND).unwrap();
    }
    let recording = Recording::open(&path).unwrap();
    let rows = all(&recording);
    assert_eq!(texts(&rows), ["0", "1", "2"]);
    // Links of different runs are different links, whatever the program calls them.
    assert_eq!(rows.iter().map(|row| row.link).collect::<Vec<_>>(), [1, 2, 3]);
    // A clean stop ends what is wanted: the time in between is no gap; what is left is from the last byte to the stop.
    let gaps: Vec<_> = recording.gaps().unwrap().into_iter().map(|gap| (gap.from_us, gap.to_us, gap.reason)).collect();
    let quiet = |run: i64| (NOON + run * 100 * SECOND, NOON + (run * 100 + 10) * SECOND, "stop".to_owned());
    // The message came with the join, so nothing was listened to but that moment.
    assert_eq!(gaps.len(), 3);
    assert!(gaps.iter().zip(0..).all(|(gap, run)| (gap.0, gap.1) == (quiet(run).0, quiet(run).1)));
    is_sound(&path);
}

#[test]
fn a_commit_is_due_after_its_time_or_its_rows() {
    let (_folder, path) = folder();
    let mut options = RecorderOptions::default();
    options.commit_rows = 3;
    let mut recorder = Recorder::open(&path, options, NOON).unwrap();
    assert_eq!(recorder.wait(NOON), Duration::from_secs(5), "idle: only the stamp is due");
    recorder.records(&heard(LINK, room(9999), NOON, &[chat(1, "a", "1")]));
    assert_eq!(recorder.wait(NOON), Duration::from_millis(200));
    assert_eq!(recorder.tick(NOON + 199_999).unwrap(), None);
    assert_eq!(recorder.tick(NOON + 200_000).unwrap().map(|committed| committed.rows), Some(1));
    assert_eq!(recorder.pending_rows(), 0);
    recorder.records(&heard(
        LINK,
        room(9999),
        NOON + 200_001,
        &[chat(1, "a", "1"), chat(1, "a", "1"), chat(1, "a", "1")],
    ));
    assert_eq!(recorder.wait(NOON + 200_001), Duration::ZERO, "as many rows as may wait");
    assert_eq!(recorder.tick(NOON + 200_002).unwrap().map(|committed| committed.rows), Some(4));
}

#[test]
fn a_run_is_stamped_while_nothing_happens() {
    let (_folder, path) = folder();
    let mut recorder = recorder(&path);
    for second in 1..=60 {
        recorder.tick(NOON + second * SECOND).unwrap();
        let stamped: i64 = ask(&path, "SELECT to_us FROM run");
        assert!(NOON + second * SECOND - stamped <= 5 * SECOND, "{second}");
    }
}

#[test]
fn timers_go_on_when_the_clock_goes_back() {
    let (_folder, path) = folder();
    let mut recorder = listening(&path, NOON);
    recorder.commit(NOON).unwrap();
    recorder.records(&heard(LINK, room(9999), NOON + 1, &[chat(1, "a", "1")]));
    let hour_ago = NOON - 3600 * SECOND;
    assert_eq!(recorder.wait(hour_ago), Duration::ZERO);
    assert!(recorder.tick(hour_ago).unwrap().is_some());
    recorder.records(&heard(LINK, room(9999), hour_ago + 1, &[chat(1, "a", "2")]));
    assert_eq!(recorder.wait(hour_ago + 1), Duration::from_millis(200));
    assert!(recorder.tick(hour_ago + SECOND).unwrap().is_some());
}

#[test]
fn a_clean_stop_leaves_one_file() {
    let (folder, path) = folder();
    let mut recorder = listening(&path, NOON);
    recorder.records(&heard(LINK, room(9999), NOON, &[chat(1, "a", "1")]));
    recorder.commit(NOON).unwrap();
    let finished = recorder.finish(NOON + SECOND).unwrap();
    assert!(finished.one_file && finished.optimized);
    let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(files, ["danmu.db"]);
    assert_eq!(ask::<String>(&path, "PRAGMA journal_mode"), "delete");
    assert_eq!(ask::<String>(&path, "SELECT reason FROM run"), "stop");
    assert_eq!(ask::<i64>(&path, "SELECT to_us FROM wanted"), NOON + SECOND);
    assert!(Recording::open(&path).unwrap().is_optimized().unwrap());
}

#[test]
fn no_index_slows_a_recording_down_while_it_grows() {
    let (_folder, path) = folder();
    listening(&path, NOON).finish(NOON).unwrap();
    let recorder = listening(&path, NOON + SECOND);
    assert!(!Recording::open(&path).unwrap().is_optimized().unwrap());
    recorder.finish(NOON + SECOND).unwrap();
    assert!(Recording::open(&path).unwrap().is_optimized().unwrap());
}

#[test]
fn a_large_recording_is_not_optimized_at_the_stop() {
    let (_folder, path) = folder();
    let mut options = RecorderOptions::default();
    options.optimize_rows = 1;
    let mut recorder = Recorder::open(&path, options, NOON).unwrap();
    recorder.records(&heard(LINK, room(9999), NOON, &[chat(1, "a", "1"), chat(1, "a", "2")]));
    assert!(!recorder.finish(NOON).unwrap().optimized);
    assert!(!Recording::open(&path).unwrap().is_optimized().unwrap());
}

#[test]
fn a_reader_is_in_nobodys_way() {
    let (_folder, path) = folder();
    let mut recorder = listening(&path, NOON);
    recorder.records(&heard(LINK, room(9999), NOON, &[chat(1, "a", "1")]));
    recorder.commit(NOON).unwrap();
    let recording = Recording::open(&path).unwrap();
    let mut reading = recording.messages(&danmu_sinks::Filter::default()).unwrap();
    assert!(reading.next().unwrap().is_ok());
    recorder.records(&heard(LINK, room(9999), NOON, &[chat(1, "a", "2")]));
    recorder.commit(NOON).unwrap();
    assert_eq!(texts(&all(&recording)), ["1", "2"]);
    // The log stays until the reader is done.
    assert!(!recorder.finish(NOON).unwrap().one_file);
    assert_eq!(texts(&all(&recording)), ["1", "2"]);
    assert_eq!(texts(&all(&Recording::open(&path).unwrap())), ["1", "2"]);
}

#[test]
fn another_program_that_writes_delays_a_commit_and_no_more() {
    let (_folder, path) = folder();
    let mut recorder = listening(&path, NOON);
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    recorder.records(&heard(LINK, room(9999), NOON, &[chat(1, "a", "1")]));
    let error = recorder.commit(NOON).unwrap_err();
    assert!(matches!(error, CommitError::Busy { .. }), "{error:?}");
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(recorder.commit(NOON).unwrap().rows, 1);
}

#[test]
fn rooms_and_gifts_are_kept() {
    let (_folder, path) = folder();
    let mut recorder = recorder(&path);
    let kind = danmu_proto::summary::GiftKind::Gift;
    for price_fen in [Some(1), Some(50_000)] {
        recorder.gift(CatalogGift { kind, id: 20004, name: Some("火箭".into()), price_fen });
    }
    let state = RoomState { live: Some(true), title: Some("今晚".into()), ..RoomState::default() };
    recorder.room_state(room(9999), state, NOON);
    recorder.records(&heard(LINK, room(9999), NOON, &[gift(1, 20004, 2)]));
    recorder.finish(NOON).unwrap();
    assert_eq!(
        ask::<String>(&path, "SELECT concat_ws('|', room, at_us, live, title) FROM room_state"),
        format!("9999|{NOON}|1|今晚")
    );
    assert_eq!(
        ask::<String>(&path, "SELECT concat_ws('|', gift_name, count, price_fen) FROM gift_message"),
        "火箭|2|50000"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever stands in the fields that become columns.
    #[test]
    fn any_message_comes_back_as_it_was(
        payloads in prop::collection::vec(
            (
                prop::sample::select(vec!["chatmsg", "dgb", "comm_chatmsg", "uenter", ""]),
                prop::collection::vec(
                    (
                        prop::sample::select(vec![
                            "rid", "uid", "nn", "txt", "cid", "cst", "level", "col", "ct", "rg", "pg", "nl", "bnn",
                            "bl", "brid", "gfid", "pid", "gfn", "gfcnt", "hits", "receive_nn", "cprice", "cet", "now",
                        ]),
                        prop_oneof![any::<i64>().prop_map(|n| n.to_string()), any::<u64>().prop_map(|n| n.to_string()),
                                    "[0-9]{1,3}", "[0-9a-fA-F]{32}", ".{0,20}"],
                    ),
                    0..12,
                ),
            ),
            1..20,
        ),
    ) {
        let payloads: Vec<String> = payloads
            .into_iter()
            .map(|(kind, pairs)| {
                let writer = danmu_proto::stt::Writer::new().pair("type", kind);
                pairs.into_iter().fold(writer, |writer, (key, value)| writer.pair(key, value)).finish()
            })
            .collect();
        let (_folder, path) = folder();
        let mut recorder = recorder(&path);
        recorder.records(&heard(LINK, room(9999), NOON, &payloads));
        recorder.commit(NOON).unwrap();
        for (row, payload) in all(&Recording::open(&path).unwrap()).iter().zip(&payloads) {
            let message = danmu_proto::Message::read(payload.as_bytes());
            prop_assert_eq!(&row.summary, &message.summary(room(9999)));
            prop_assert_eq!(row.payload.as_deref(), Some(payload.as_bytes()));
        }
    }
}
