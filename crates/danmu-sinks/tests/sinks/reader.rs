//! Reading: filters, time ranges, search.

use danmu_proto::LinkId;
use danmu_proto::summary::GiftKind;
use danmu_sinks::filter::{Gifts, Pattern};
use danmu_sinks::recording::writer::CatalogGift;
use danmu_sinks::{Filter, Recorder, RecorderOptions, Recording, Types};
use proptest::prelude::*;

use crate::support::*;

/// Three rooms, a second between messages, of each type some.
fn evening() -> (tempfile::TempDir, Recording) {
    let (folder, path) = folder();
    let mut recorder = recorder(&path);
    let lines = [
        (1, chat(1, "小明", "你好 100%")),
        (2, chat(2, "小红", "Hello 世界")),
        (1, gift(2, 20004, 5)),
        (1, superchat(1, 3000)),
        (3, "type@=uenter/rid@=9999/uid@=9/nn@=路人/".to_owned()),
        (2, chat(3, "7", "hello_again")),
        (1, chat(1, "小明", r"back\slash 世界 hello")),
        (1, "type@=comm_chatmsg/rid@=9999/btype@=pandora/".to_owned()),
        // These two tell of a gift and of a super chat again.
        (3, "type@=spbc/rid@=9999/sn@=小红/gfid@=20004/gc@=5/".to_owned()),
        (3, "type@=voice_trlt/rid@=9999/uid@=1/price@=3000/cprice@=3000/cet@=60/".to_owned()),
    ];
    for (n, (number, payload)) in (0..).zip(lines) {
        let at = NOON + n * SECOND;
        recorder.link_opened(LinkId(number), room(number), "tcp://a:1", at);
        recorder.records(&heard(LinkId(number), room(number), at, &[payload]));
        recorder.commit(at).unwrap();
    }
    drop(recorder);
    (folder, Recording::open(path).unwrap())
}

#[track_caller]
fn finds(recording: &Recording, filter: &Filter, expected: &[i64]) {
    let ids: Vec<i64> = some(recording, filter).iter().map(|row| row.seq).collect();
    assert_eq!(ids, expected, "{filter:?}");
    let mut newest: Vec<i64> = recording.search(filter).unwrap().map(|row| row.unwrap().seq).collect();
    newest.reverse();
    assert_eq!(newest, expected, "newest first: {filter:?}");
}

/// A gift of 500 yuan, one that is free, one that nobody knows, a super chat of 30 yuan, and chat.
fn priced() -> (tempfile::TempDir, Recording) {
    let (folder, path) = folder();
    let mut recorder = listening(&path, NOON);
    for (id, fen) in [(20004, Some(50_000)), (192, Some(0)), (7, None)] {
        recorder.gift(CatalogGift { kind: GiftKind::Gift, id, name: None, price_fen: fen });
    }
    let fan = "type@=chatmsg/rid@=9999/nn@=小明/txt@=hi/bnn@=小丑/bl@=12/brid@=1/level@=30/".to_owned();
    let lines = [gift(1, 20004, 2), gift(1, 192, 100), gift(1, 7, 1), superchat(1, 3000), chat(1, "a", "b"), fan];
    recorder.records(&heard(LINK, room(9999), NOON, &lines));
    recorder.commit(NOON).unwrap();
    drop(recorder);
    (folder, Recording::open(path).unwrap())
}

#[test]
fn filters_know_what_things_cost_and_who_wears_what() {
    let (_folder, recording) = priced();
    let gifts = |gifts| Filter { gifts, ..Filter::default() };
    finds(&recording, &gifts(Gifts::All), &[1, 2, 3, 4, 5, 6]);
    finds(&recording, &gifts(Gifts::Paid), &[1, 4, 5, 6]);
    finds(&recording, &gifts(Gifts::None), &[4, 5, 6]);
    let price = |fen| Filter { min_price_fen: Some(fen), ..Filter::default() };
    finds(&recording, &price(0), &[1, 2, 3, 4, 5, 6]);
    finds(&recording, &price(1), &[1, 4, 5, 6]);
    finds(&recording, &price(3001), &[1, 5, 6]);
    finds(&recording, &price(100_000), &[1, 5, 6]);
    finds(&recording, &price(100_001), &[5, 6]);
    finds(&recording, &price(u64::MAX), &[5, 6]);
    finds(&recording, &Filter { medals: vec!["小丑".into(), "x' OR 1".into()], ..Filter::default() }, &[6]);
    finds(&recording, &Filter { min_medal_level: Some(13), ..Filter::default() }, &[]);
    finds(&recording, &Filter { min_medal_level: Some(12), ..Filter::default() }, &[6]);
    finds(&recording, &Filter { min_level: Some(25), ..Filter::default() }, &[6]);
    let counted = recording.stats(&Filter { pattern: Some("hi".parse().unwrap()), ..price(1) }).unwrap();
    assert_eq!(counted.total.messages, 1, "stats filter the same way");
}

#[test]
fn what_is_no_pattern_says_why_in_one_line() {
    for (pattern, reason) in
        [("(", "unclosed group"), ("a{99999999}", "exceed"), (r"(?-u)\xff", "UTF-8"), ("*", "repetition")]
    {
        let error = pattern.parse::<Pattern>().unwrap_err().to_string();
        assert!(error.contains("is no regular expression: ") && error.contains(reason), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn filters_let_through_what_they_say() {
    let (_folder, recording) = evening();
    let all = Filter::default();
    finds(&recording, &all, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    let rooms = |numbers: &[u64]| Filter { rooms: numbers.iter().copied().map(room).collect(), ..Filter::default() };
    finds(&recording, &rooms(&[1]), &[1, 3, 4, 7, 8]);
    finds(&recording, &rooms(&[2, 3]), &[2, 5, 6, 9, 10]);
    finds(&recording, &rooms(&[4]), &[]);
    let types = |names: &[&str]| Filter { types: Types::new(names.iter().copied()), ..Filter::default() };
    finds(&recording, &types(&["chat"]), &[1, 2, 6, 7]);
    finds(&recording, &types(&["gift", "enter"]), &[3, 5]);
    finds(&recording, &types(&["superchat"]), &[4]);
    finds(&recording, &types(&["superchat", "dgb"]), &[3, 4]);
    finds(&recording, &types(&["comm_chatmsg"]), &[4, 8]);
    finds(&recording, &types(&["nothing' OR 1"]), &[]);
    let users = |names: &[&str]| Filter { users: names.iter().map(ToString::to_string).collect(), ..Filter::default() };
    finds(&recording, &users(&["1"]), &[1, 4, 7]);
    finds(&recording, &users(&["小红"]), &[2, 3, 4, 9]);
    finds(&recording, &users(&["7"]), &[6]);
    finds(&recording, &users(&["小", "18446744073709551615"]), &[]);
    let words = |words: &[&str]| Filter { words: words.iter().map(ToString::to_string).collect(), ..Filter::default() };
    finds(&recording, &words(&["世界"]), &[2, 7]);
    finds(&recording, &words(&["HELLO"]), &[2, 6, 7]);
    finds(&recording, &words(&["hello", "世"]), &[2, 7]);
    finds(&recording, &words(&["%"]), &[1]);
    finds(&recording, &words(&["_"]), &[6]);
    finds(&recording, &words(&["\\"]), &[7]);
    finds(&recording, &words(&["'; DROP TABLE message; --"]), &[]);
    let found = |pattern: &str| Filter { pattern: Some(pattern.parse().unwrap()), ..Filter::default() };
    finds(&recording, &found("世界$"), &[2]);
    finds(&recording, &found("(?i)^hello"), &[2, 6]);
    finds(&recording, &found(r"\d%|\\"), &[1, 7]);
    finds(&recording, &found("(a+)+$"), &[]);
    let time = |since, until| Filter {
        since_us: Some(NOON + since * SECOND),
        until_us: Some(NOON + until * SECOND),
        ..Filter::default()
    };
    finds(&recording, &time(2, 4), &[3, 4]);
    finds(&recording, &time(4, 2), &[]);
    finds(&recording, &time(-9, 99), &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    finds(&recording, &Filter { rooms: vec![room(1)], ..time(3, 7) }, &[4, 7]);
}

#[test]
fn types_mean_the_same_live_and_stored() {
    let (_folder, recording) = evening();
    for name in ["chat", "gift", "superchat", "enter", "comm_chatmsg", "chatmsg", "none"] {
        let types = Types::new([name]);
        let live: Vec<i64> = all(&recording).iter().filter(|row| types.has(&row.summary)).map(|row| row.seq).collect();
        finds(&recording, &Filter { types, ..Filter::default() }, &live);
    }
    assert!(Types::default().has(&danmu_proto::Summary::default()));
    for (view, name) in [("chat", "chat"), ("gift_message", "gift"), ("superchat", "superchat"), ("enter", "enter")] {
        let found = some(&recording, &Filter { types: Types::new([name]), ..Filter::default() }).len();
        assert_eq!(ask::<i64>(recording.path(), &format!("SELECT count(*) FROM {view}")), found as i64, "{view}");
    }
}

#[test]
fn thousands_of_rooms_types_and_people_can_be_asked_for() {
    let (_folder, recording) = evening();
    let many = Filter {
        rooms: (1..3000).map(room).collect(),
        types: Types::new((0..3000).map(|n| format!("t{n}")).chain(["chat".into()])),
        users: (1..3000).map(|n| n.to_string()).collect(),
        ..Filter::default()
    };
    finds(&recording, &many, &[1, 2, 6, 7]);
}

#[test]
fn a_room_is_found_by_its_index_and_without_sorting() {
    let (_folder, recording) = evening();
    let path = recording.path().to_owned();
    drop(recording);
    danmu_sinks::recording::optimize::optimize(&path).unwrap();
    let plan = |condition: &str, order: &str| -> String {
        let conn = rusqlite::Connection::open(&path).unwrap();
        let sql =
            format!("EXPLAIN QUERY PLAN SELECT * FROM message WHERE id >= 1 AND id < 9{condition} ORDER BY id{order}");
        let mut plan = conn.prepare(&sql).unwrap();
        let plan = plan.query_map([], |row| row.get::<_, String>(3)).unwrap();
        plan.map(Result::unwrap).collect::<Vec<_>>().join("; ")
    };
    for order in ["", " DESC"] {
        let one = plan(" AND room = 1", order);
        assert!(one.contains("message_room_text") && !one.contains("TEMP"), "{one}");
        let two = plan(" AND +room IN (1, 2)", order);
        assert!(two.contains("PRIMARY KEY") && !two.contains("TEMP"), "{two}");
    }
    let recording = Recording::open(&path).unwrap();
    finds(&recording, &Filter { rooms: vec![room(1)], ..Filter::default() }, &[1, 3, 4, 7, 8]);
    finds(&recording, &Filter { rooms: vec![room(3), room(1)], ..Filter::default() }, &[1, 3, 4, 5, 7, 8, 9, 10]);
}

#[test]
fn many_pages_and_blocks_read_as_one() {
    let (_folder, path) = folder();
    let mut recorder = listening(&path, NOON);
    for n in 0..100 {
        let payloads: Vec<String> = (0..57).map(|k| chat(k, "小明", &format!("{}", n * 57 + k))).collect();
        recorder.records(&heard(LINK, room(9999), NOON + n as i64, &payloads));
        recorder.commit(NOON + n as i64).unwrap();
    }
    let recording = Recording::open(&path).unwrap();
    let rows = all(&recording);
    assert_eq!(rows.len(), 5700);
    for (n, row) in rows.iter().enumerate() {
        assert_eq!(row.payload.as_deref(), Some(chat(n as u64 % 57, "小明", &n.to_string()).as_bytes()));
    }
    // Messages that are recorded while they are read are for the next reader.
    let mut reading = recording.messages(&Filter::default()).unwrap();
    reading.next().unwrap().unwrap();
    recorder.records(&heard(LINK, room(9999), NOON + SECOND, &[chat(1, "a", "late")]));
    recorder.commit(NOON + SECOND).unwrap();
    assert_eq!(reading.count(), 5699);
}

#[test]
fn a_recording_that_others_edited_reads_without_panic() {
    let (_folder, recording) = evening();
    let path = recording.path().to_owned();
    drop(recording);
    tamper(
        &path,
        "UPDATE message SET level = 'high', uid = 1.5, name = x'ff00', text = 7, cid = 3, flags = 'x', client = -1,
                            gift_kind = 'other', medal = 3, received_us = NULL WHERE id = 1"
            .replace("received_us = NULL", "received_us = 0")
            .as_str(),
    );
    let recording = Recording::open(&path).unwrap();
    let rows = some(&recording, &Filter { until_us: Some(NOON + SECOND), ..Filter::default() });
    assert_eq!(rows[0].summary.level, None);
    assert_eq!(rows[0].summary.client, None);
    recording.stats(&Filter::default()).unwrap();
    tamper(&path, "UPDATE message SET room = -1 WHERE id = 2");
    let error = recording.messages(&Filter::default()).unwrap().find_map(Result::err).unwrap();
    assert_eq!(error.to_string(), "message 2 is damaged: it has no room");
    recording.stats(&Filter::default()).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Times that repeat and leap, ids with holes: halving finds the same as looking at each.
    #[test]
    fn a_time_range_is_what_a_look_at_every_message_gives(
        leaps in prop::collection::vec(0..4i64, 0..60),
        holes in prop::collection::vec(1..60i64, 0..20),
        since in prop::option::of(-2..130i64),
        until in prop::option::of(-2..130i64),
    ) {
        let (_folder, path) = folder();
        let mut recorder = listening(&path, NOON);
        let mut at = 0;
        for leap in leaps {
            at += leap;
            recorder.records(&heard(LINK, room(9999), NOON + at, &[chat(1, "a", &at.to_string())]));
        }
        recorder.commit(NOON).unwrap();
        let conn = rusqlite::Connection::open(&path).unwrap();
        for hole in holes {
            conn.execute("DELETE FROM message WHERE id = ?1", [hole]).unwrap();
        }
        let recording = Recording::open(&path).unwrap();
        let filter = Filter { since_us: since.map(|at| NOON + at), until_us: until.map(|at| NOON + at), ..Filter::default() };
        let found: Vec<i64> = some(&recording, &filter).iter().map(|row| row.seq).collect();
        let looked: Vec<i64> = all(&recording)
            .iter()
            .filter(|row| filter.since_us.is_none_or(|since| row.received_us >= since))
            .filter(|row| filter.until_us.is_none_or(|until| row.received_us < until))
            .map(|row| row.seq)
            .collect();
        prop_assert_eq!(found, looked);
    }
}

#[test]
fn the_first_message_without_a_payload_is_found_among_those_that_are_meant() {
    let (_folder, path) = folder();
    for (part, raw) in (0..).zip([true, false, true]) {
        let mut options = RecorderOptions::default();
        options.raw = raw;
        let now = NOON + part * 10 * SECOND;
        let mut recorder = Recorder::open(&path, options, now).unwrap();
        recorder.want(room(9999), now);
        recorder.link_opened(LINK, room(9999), "tcp://a:1", now);
        for n in 0..3 {
            recorder.records(&heard(LINK, room(9999), now + n * SECOND, &[chat(1, "a", "b"), gift(1, 7, 1)]));
            recorder.commit(now + n * SECOND).unwrap();
        }
        recorder.finish(now + 3 * SECOND).unwrap();
    }
    let recording = Recording::open(&path).unwrap();
    let first = |filter: Filter| recording.first_without_payload(&filter).unwrap();
    let gifts = Types::new(["gift"]);
    assert_eq!(first(Filter::default()), Some(7));
    assert_eq!(first(Filter { types: gifts, ..Filter::default() }), Some(8));
    assert_eq!(first(Filter { since_us: Some(NOON + 11 * SECOND), ..Filter::default() }), Some(9));
    assert_eq!(first(Filter { until_us: Some(NOON + 10 * SECOND), ..Filter::default() }), None);
    assert_eq!(first(Filter { since_us: Some(NOON + 20 * SECOND), ..Filter::default() }), None);
}
