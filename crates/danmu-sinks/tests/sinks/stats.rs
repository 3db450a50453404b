//! Statistics: what is counted, what is not counted twice, and what odd recordings come to.

use danmu_proto::LinkId;
use danmu_proto::summary::GiftKind;
use danmu_sinks::recording::stats::{Counts, Stats, StatsOptions};
use danmu_sinks::recording::writer::CatalogGift;
use danmu_sinks::{Filter, Recorder, Recording, Types};
use jiff::tz::TimeZone;

use crate::support::*;

const HOUR: i64 = 3600 * SECOND;

/// What these payloads of room 9999 come to, each heard so many seconds after noon.
#[track_caller]
fn counted(payloads: &[(i64, String)]) -> Stats {
    counted_with(&StatsOptions::default(), payloads)
}

#[track_caller]
fn counted_with(options: &StatsOptions, payloads: &[(i64, String)]) -> Stats {
    let (_folder, path) = folder();
    record(listening(&path, NOON), payloads);
    Recording::open(&path).unwrap().stats_with(options).unwrap()
}

fn record(mut recorder: Recorder, payloads: &[(i64, String)]) {
    for (second, payload) in payloads {
        recorder.records(&heard(LINK, room(9999), NOON + second * SECOND, &[payload]));
    }
    let end = NOON + payloads.last().map_or(0, |(second, _)| *second + 1) * SECOND;
    recorder.commit(end).unwrap();
    recorder.finish(end).unwrap();
}

fn options(change: impl FnOnce(&mut StatsOptions)) -> StatsOptions {
    let mut options = StatsOptions::default();
    change(&mut options);
    options
}

/// People, new, returning.
fn people(counts: &Counts) -> [u64; 3] {
    [counts.people, counts.new, counts.returning]
}

fn enters(user: u64) -> String {
    format!("type@=uenter/rid@=9999/uid@={user}/nn@=路人{user}/level@=3/")
}

#[test]
fn gifts_and_super_chats_count_once_however_often_they_are_told_of() {
    let stats = counted(&[
        (0, gift(2, 20004, 5)),
        (1, superchat(1, 3000)),
        (2, "type@=spbc/rid@=9999/sid@=2/sn@=小红/gfid@=20004/gc@=5/".to_owned()),
        (3, "type@=hit/rid@=9999/uid@=2/nn@=小红/gfid@=20004/gfcnt@=5/".to_owned()),
        (4, "type@=voice_trlt/rid@=9999/uid@=1/price@=3000/cprice@=3000/cet@=60/".to_owned()),
        (5, "type@=comm_chatmsg/rid@=9999/btype@=pandora/".to_owned()),
        (6, "type@=dfobc/rid@=9999/uid@=3/nick@=钻粉/price@=4800/mn@=1/".to_owned()),
    ]);
    let total = stats.total;
    assert_eq!((total.messages, total.gifts, total.superchats), (7, 5, 1));
    assert_eq!((total.superchat_fen, total.fan_fen, total.gift_fen, total.unpriced), (3000, 4800, 0, 5));
    assert_eq!(total.fen(), 7800);
    assert_eq!(stats.rooms[&room(9999)].counts, total, "one room is all there is");
    assert_eq!(stats.types.values().map(|counts| counts.gifts).sum::<u64>(), 5);
    assert_eq!(stats.hours.values().map(Counts::fen).sum::<u64>(), 7800);
    assert_eq!(
        stats.givers.iter().map(|giver| (giver.user, giver.fen, giver.gifts)).collect::<Vec<_>>(),
        [(Some(3), 4800, 0), (Some(1), 3000, 0), (Some(2), 0, 5)]
    );
}

#[test]
fn prices_come_from_the_recording_and_from_what_the_user_knows() {
    let (_folder, path) = folder();
    let mut recorder = listening(&path, NOON);
    let rocket = CatalogGift { kind: GiftKind::Gift, id: 20004, name: Some("火箭".into()), price_fen: Some(50_000) };
    recorder.gift(rocket.clone());
    record(
        recorder,
        &[
            (0, gift(1, 20004, 2)),
            (1, gift(2, 20005, 1)),
            (2, "type@=dgb/rid@=9999/uid@=2/nn@=小红/gfid@=0/pid@=20004/gfcnt@=7/gfn@=荧光棒/".to_owned()),
        ],
    );
    let recording = Recording::open(&path).unwrap();
    let stats = recording.stats(&Filter::default()).unwrap();
    assert_eq!((stats.total.gifts, stats.total.gift_fen, stats.total.unpriced), (10, 100_000, 8));
    let names: Vec<_> = stats.gifts.iter().map(|gift| (gift.kind.name(), gift.id, gift.name.as_deref())).collect();
    assert_eq!(
        names,
        [("gift", 20004, Some("火箭")), ("prop", 20004, Some("荧光棒")), ("gift", 20005, None)],
        "a prop is not the gift of the same number"
    );
    let known = vec![
        CatalogGift { price_fen: Some(1), name: None, ..rocket.clone() },
        CatalogGift { kind: GiftKind::Prop, price_fen: Some(0), name: Some("别名".into()), ..rocket },
    ];
    let stats = recording.stats_with(&options(|options| options.gifts = known)).unwrap();
    assert_eq!((stats.total.gift_fen, stats.total.unpriced), (2, 1), "what the user says goes first");
    assert_eq!(stats.gifts[0].name.as_deref(), Some("火箭"), "and leaves the rest");
}

#[test]
fn who_is_new_and_who_returns_is_told_by_the_whole_recording() {
    let payloads = [
        (0, chat(1, "甲", "一")),
        (10, chat(2, "乙", "二")),
        (3600, chat(1, "甲", "三")),
        (3601, enters(3)),
        (3602, enters(3)),
        (8 * 3600, chat(2, "乙", "四")),
        (8 * 3600 + 1, "type@=anbc/rid@=0/uid@=99/unk@=远方/nl@=1/".to_owned()),
    ];
    let stats = counted(&payloads);
    assert_eq!(people(&stats.total), [3, 2, 1], "乙 came back after an absence; who is elsewhere is not here");
    assert_eq!(people(&stats.rooms[&room(9999)].counts), [3, 2, 1]);
    let hours: Vec<_> = stats.hours.iter().map(|(at, counts)| ((at - NOON) / HOUR, people(counts))).collect();
    assert_eq!(hours, [(0, [2, 2, 0]), (1, [2, 1, 1]), (8, [1, 0, 1])]);
    assert_eq!(stats.rooms[&room(9999)].hours, stats.hours);
    assert_eq!(people(&stats.types["chatmsg"]), [2, 1, 1]);
    assert_eq!(people(&stats.types["uenter"]), [1, 1, 0]);

    let late = Filter { since_us: Some(NOON + HOUR), ..Filter::default() };
    let stats = counted_with(&options(|options| options.filter = late), &payloads);
    assert_eq!(people(&stats.total), [3, 1, 2], "甲 and 乙 were there before");
    let hours: Vec<_> = stats.hours.values().map(people).collect();
    assert_eq!(hours, [[2, 1, 1], [1, 0, 1]]);
}

#[test]
fn a_person_in_several_rooms_is_one_person() {
    let (_folder, path) = folder();
    let mut recorder = recorder(&path);
    for number in [1, 2, 3] {
        recorder.link_opened(danmu_proto::LinkId(number), room(number), "tcp://a:1", NOON);
        for user in [7, 7 + number] {
            let payload = chat(user, "甲", "一");
            recorder.records(&heard(danmu_proto::LinkId(number), room(number), NOON, &[payload]));
        }
    }
    recorder.finish(NOON + SECOND).unwrap();
    let stats = Recording::open(&path).unwrap().stats(&Filter::default()).unwrap();
    assert_eq!(stats.total.people, 4);
    assert!(stats.rooms.values().all(|room| room.counts.people == 2));
    assert_eq!((stats.talkers[0].user, stats.talkers[0].chats), (Some(7), 3));
    assert_eq!(stats.hours.values().map(|hour| hour.people).collect::<Vec<_>>(), [4]);
    assert_eq!(stats.types["chatmsg"].people, 4);
}

#[test]
fn hours_are_those_of_the_wall_clock() {
    let payloads = [(0, chat(1, "甲", "一")), (1799, chat(1, "甲", "二")), (1800, chat(1, "甲", "三"))];
    for (zone, hours) in [("UTC", vec![(0, 3)]), ("Asia/Kolkata", vec![(-1800, 2), (1800, 1)])] {
        let zone = TimeZone::get(zone).unwrap();
        let stats = counted_with(&options(|options| options.zone = zone), &payloads);
        let found: Vec<_> = stats.hours.iter().map(|(at, hour)| ((at - NOON) / SECOND, hour.messages)).collect();
        assert_eq!(found, hours);
    }
}

#[test]
fn emotes_medals_and_levels_are_counted_by_what_people_wear_and_write() {
    let wears = |user: u64, medal: &str, level: u32| {
        format!("{}bnn@={medal}/bl@=7/brid@=42/level@={level}/", chat(user, "甲", "[emot:dy110][emot:dy110]好[emot:a]"))
            .replace("level@=24/", "")
    };
    let stats = counted(&[
        (0, wears(1, "小丑", 3)),
        (1, wears(1, "小丑", 4)),
        (2, wears(2, "小丑", 30)),
        (3, wears(3, "别的", 30)),
        (4, chat(4, "乙", "[emot:] [emot:no end [emot:a-b] [emot:%] [] ]")),
        (5, superchat(5, 1000)),
    ]);
    let emotes: Vec<_> = stats.emotes.iter().map(|emote| (&*emote.name, emote.uses, emote.lines)).collect();
    assert_eq!(emotes, [("dy110", 8, 4), ("a", 4, 4)]);
    let medals: Vec<_> =
        stats.medals.iter().map(|medal| (&*medal.name, medal.room, medal.people, medal.lines)).collect();
    assert_eq!(medals, [("小丑", Some(42), 2, 3), ("别的", Some(42), 1, 1)]);
    assert_eq!(stats.levels.into_iter().collect::<Vec<_>>(), [(4, 1), (24, 1), (30, 2)]);
    assert_eq!(stats.talkers[0].medal.as_deref(), Some("小丑"));
}

#[test]
fn everyone_has_one_vote_and_the_last_counts() {
    let votes = options(|options| options.votes = ["1", "2", "三"].map(String::from).into());
    let stats = counted_with(
        &votes,
        &[
            (0, chat(1, "甲", "1")),
            (1, chat(1, "甲", "111")),
            (2, chat(1, "甲", "扣2")),
            (3, chat(2, "乙", "１")),
            (4, chat(3, "丙", "1还是2")),
            (5, "type@=uenter/rid@=9999/uid@=4/nn@=1/".to_owned()),
        ],
    );
    let votes: Vec<_> = stats.votes.iter().map(|vote| (&*vote.option, vote.people)).collect();
    assert_eq!(votes, [("1", 1), ("2", 1), ("三", 0)]);
}

#[test]
fn suspects_are_marked_and_counted() {
    let bot = chat(1, "机器", "买号").replace("dms@=5/", "");
    let stats = counted(&[(0, bot.clone()), (1, bot), (2, chat(2, "人", "你好"))]);
    assert_eq!((stats.total.chats, stats.total.suspect), (3, 2));
    assert_eq!((stats.talkers[0].chats, stats.talkers[0].suspect), (2, 2));
}

#[test]
fn rates_know_silence_and_gaps() {
    // A message a second for a minute, then 9 minutes of silence in which someone listened.
    let mut payloads: Vec<_> = (0..60).map(|second| (second, chat(1, "甲", "一"))).collect();
    payloads.extend([(599, chat(1, "甲", "二")), (599, chat(1, "甲", "三"))]);
    let stats = counted(&payloads);
    let rate = stats.per_minute;
    assert_eq!((rate.p50, rate.p99, rate.peak, rate.peak_us, rate.mean), (0, 60, 60, NOON, 6.2));
    assert_eq!((stats.per_second.peak, stats.per_second.peak_us), (2, NOON + 599 * SECOND));
    assert_eq!(stats.rooms[&room(9999)].per_minute, rate);
}

#[test]
fn a_selection_is_counted_alone() {
    let payloads: Vec<_> = (0..10).map(|n| (n, chat(n as u64 % 2, "甲", "一"))).chain([(20, gift(5, 1, 1))]).collect();
    let filter = Filter { types: Types::new(["chat"]), users: vec!["1".into()], ..Filter::default() };
    let stats = counted_with(&options(|options| options.filter = filter), &payloads);
    assert_eq!((stats.total.messages, stats.total.people, stats.total.gifts), (5, 1, 0));
    assert_eq!((stats.first_us, stats.last_us), (Some(NOON + SECOND), Some(NOON + 9 * SECOND)));
    assert_eq!(stats.sums.stored, 11, "sums are of whole links");
}

#[test]
fn what_was_missed_is_that_of_the_selected_time() {
    let (_folder, path) = folder();
    let mut recorder = listening(&path, NOON);
    recorder.link_ended(LINK, NOON + 60 * SECOND, NOON + 70 * SECOND, "silence");
    recorder.link_opened(LinkId(2), room(9999), "tcp://127.0.0.1:1", NOON + 90 * SECOND);
    recorder.records(&heard(LinkId(2), room(9999), NOON + 120 * SECOND, &[&chat(1, "甲", "一")]));
    recorder.commit(NOON + 120 * SECOND).unwrap();
    recorder.finish(NOON + 120 * SECOND).unwrap();
    let recording = Recording::open(&path).unwrap();
    let missed = |since: i64, until: i64| {
        let time = |second: i64| Some(NOON + second * SECOND);
        let stats =
            recording.stats(&Filter { since_us: time(since), until_us: time(until), ..Filter::default() }).unwrap();
        let gaps = stats.gaps.iter().map(|gap| ((gap.from_us - NOON) / SECOND, (gap.to_us - NOON) / SECOND));
        (stats.rooms[&room(9999)].coverage.map(|it| it.ratio()), gaps.collect::<Vec<_>>())
    };
    assert_eq!(missed(0, 120), (Some(0.75), vec![(60, 90)]));
    assert_eq!(missed(90, 120), (Some(1.0), vec![]), "what was missed before is not of this time");
    assert_eq!(missed(80, 100), (Some(0.5), vec![(80, 90)]));
    assert_eq!(missed(200, 300), (None, vec![]));
    let later = Filter { since_us: Some(NOON + 70 * SECOND), ..Filter::default() };
    assert_eq!(recording.stats(&later).unwrap().gaps[0].reason, "silence", "the reason stays");
}

#[test]
fn nothing_at_all_and_a_single_message_are_counted() {
    let stats = counted(&[]);
    assert_eq!((stats.total, stats.first_us), (Counts::default(), None));
    assert_eq!((stats.per_minute.peak, stats.per_minute.mean), (0, 0.0));
    assert_eq!((stats.people, stats.votes.len(), stats.hours.len()), (vec![], 0, 0));
    let stats = counted(&[(0, chat(1, "甲", "一"))]);
    assert_eq!((stats.total.messages, people(&stats.total)), (1, [1, 1, 0]));
    assert_eq!((stats.per_second.p50, stats.per_second.peak), (1, 1));
}

#[test]
fn all_in_one_second_a_year_of_silence_and_a_clock_that_jumps_are_counted() {
    let year = 365 * 24 * 3600;
    let stats = counted(&(0..5000).map(|n| (0, chat(n, "甲", "一"))).collect::<Vec<_>>());
    assert_eq!((stats.per_second.p50, stats.per_second.peak, stats.total.people), (5000, 5000, 5000));
    let stats = counted(&[(0, chat(1, "甲", "一")), (year, chat(1, "甲", "二")), (80 * year, chat(1, "甲", "三"))]);
    assert_eq!((stats.hours.len(), people(&stats.total)), (3, [1, 0, 1]));
    assert_eq!((stats.per_minute.p50, stats.per_minute.peak), (0, 1));
    // A clock that was put back: times never decrease in a recording of ours, but others edit.
    let (_folder, path) = folder();
    record(listening(&path, NOON), &[(0, chat(1, "甲", "一")), (9, chat(2, "乙", "二")), (10, chat(3, "丙", "三"))]);
    for time in ["-5", "9223372036854775807", "-9223372036854775808", "'soon'"] {
        tamper(&path, &format!("UPDATE message SET received_us = {time} WHERE id = 2"));
        let stats = Recording::open(&path).unwrap().stats(&Filter::default()).unwrap();
        assert_eq!((stats.total.messages, stats.hours.values().map(|hour| hour.messages).sum::<u64>()), (3, 3));
    }
}

#[test]
fn sums_of_absurd_numbers_stop_at_the_largest() {
    let (_folder, path) = folder();
    let absurd = u64::MAX;
    record(
        listening(&path, NOON),
        &[
            (0, format!("type@=dgb/rid@=9999/uid@={absurd}/nn@=a/gfid@=1/gfcnt@=4294967295/")),
            (1, format!("type@=comm_chatmsg/rid@=9999/uid@=1/cprice@={absurd}/cet@={absurd}/chatmsg@=nn@A=b@S/")),
            (2, format!("type@=comm_chatmsg/rid@=9999/uid@=1/cprice@={absurd}/cet@={absurd}/chatmsg@=nn@A=b@S/")),
            (3, format!("type@=dfobc/rid@=9999/uid@=1/nick@=b/price@={absurd}/")),
        ],
    );
    let known = CatalogGift { kind: GiftKind::Gift, id: 1, name: None, price_fen: Some(u64::MAX) };
    let options = options(|options| options.gifts = vec![known]);
    let stats = Recording::open(&path).unwrap().stats_with(&options).unwrap();
    assert_eq!(stats.total.fen(), u64::MAX);
    tamper(&path, "UPDATE message SET count = -5, uid = -1");
    Recording::open(&path).unwrap().stats_with(&options).unwrap();
}

#[test]
fn names_of_ten_kilobytes_and_from_right_to_left_are_kept_as_they_are() {
    let long = "长".repeat(3500);
    let stats = counted(&[(0, chat(1, &long, "一")), (1, chat(2, "\u{202E}abc", "二")), (2, chat(1, &long, "三"))]);
    let names: Vec<_> = stats.talkers.iter().filter_map(|person| person.name.as_deref()).collect();
    assert_eq!(names, [&*long, "\u{202E}abc"]);
}

#[test]
fn people_without_a_number_are_told_apart_by_name() {
    let nameless = |name: &str| format!("type@=chatmsg/rid@=9999/nn@={name}/txt@=一/dms@=1/");
    let stats = counted(&[(0, nameless("甲")), (1, nameless("乙")), (2, nameless("甲")), (3, nameless(""))]);
    assert_eq!(stats.total.people, 2);
    let talkers: Vec<_> = stats.talkers.iter().map(|one| (one.user, one.name.as_deref(), one.chats)).collect();
    assert_eq!(talkers, [(None, Some("甲"), 2), (None, Some("乙"), 1)]);
}
