//! Merging the links of a room: what must hold whatever is said, lost, delayed and repeated.

#![allow(clippy::unwrap_used)] // A panic is a failed test.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use danmu_client::LinkId;
use danmu_client::standby::{MAX_LINKS, Merge};
use danmu_proto::Batch;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

mod naive;

use naive::Naive;

/// A message on its way: when it arrives at which link, by milliseconds.
#[derive(Clone, Debug)]
struct Arrival {
    at_ms: u64,
    link: usize,
    /// Which message of the source it is.
    nth: usize,
}

/// The source: what is said when. The same may be said again and again.
fn source(kinds: u8, ms: u64) -> impl Strategy<Value = Vec<(u64, u8)>> {
    vec((0..ms, 0..kinds), 0..60).prop_map(|mut source| {
        source.sort_by_key(|(at_ms, _)| *at_ms);
        source
    })
}

/// What becomes of each message on one link: its delay, and whether it is lost.
fn fates(lossy: bool, delay_ms: u64) -> impl Strategy<Value = Vec<(u64, bool)>> {
    let lost = if lossy { prop::bool::weighted(0.3).boxed() } else { Just(false).boxed() };
    vec((0..delay_ms, lost), 60)
}

/// One link, which keeps the order: nothing overtakes what was sent before.
fn in_order(source: &[(u64, u8)], link: usize, fates: &[(u64, bool)]) -> Vec<Arrival> {
    let mut last_ms = 0;
    let arrivals = source.iter().zip(fates).enumerate().map(|(nth, ((said_ms, _), (delay_ms, lost)))| {
        last_ms = last_ms.max(said_ms + delay_ms);
        (!lost).then_some(Arrival { at_ms: last_ms, link, nth })
    });
    arrivals.flatten().collect()
}

/// All links as one, by time. What arrives at once, arrives in the order of the links.
fn together(links: Vec<Vec<Arrival>>) -> Vec<Arrival> {
    let mut all: Vec<_> = links.into_iter().flatten().collect();
    all.sort_by_key(|arrival| arrival.at_ms);
    all
}

/// What comes out, as messages of the source.
fn merged(links: usize, arrivals: &[Arrival], payload: impl Fn(usize) -> String) -> Vec<usize> {
    let start = Instant::now();
    let mut merge = Merge::new(8 << 20);
    join(&mut merge, &(0..links as u64).map(LinkId).collect::<Vec<_>>());
    let new = |arrival: &&Arrival| {
        let now = start + Duration::from_millis(arrival.at_ms);
        merge.news(LinkId(arrival.link as u64), now)(payload(arrival.nth).as_bytes())
    };
    arrivals.iter().filter(new).map(|arrival| arrival.nth).collect()
}

fn join(merge: &mut Merge, links: &[LinkId]) {
    for link in links {
        merge.joined(*link);
    }
}

fn gift(kind: u8) -> String {
    format!("type@=dgb/gfid@={kind}/uid@=7/")
}

fn chat(id: u8) -> String {
    format!("type@=chatmsg/rid@=1/txt@=x@S{}/cid@={id:032x}/", id % 3)
}

/// How often each kind is among these messages.
fn count(source: &[(u64, u8)], messages: impl IntoIterator<Item = usize>) -> BTreeMap<u8, usize> {
    let mut counts = BTreeMap::new();
    for nth in messages {
        *counts.entry(source[nth].1).or_default() += 1;
    }
    counts
}

fn at_most(few: &BTreeMap<u8, usize>, many: &BTreeMap<u8, usize>) -> bool {
    few.iter().all(|(kind, count)| count <= many.get(kind).unwrap_or(&0))
}

proptest! {
    #[test]
    fn with_ids_the_outcome_is_the_union_whatever_is_lost_delayed_reordered_or_repeated(
        arrivals in vec((0..119_000_u64, 0..3_usize, any::<u8>()), 0..200),
        reconnects in vec((any::<Index>(), 0..3_usize), 0..6),
    ) {
        let start = Instant::now();
        let mut merge = Merge::new(8 << 20);
        // Who speaks in each place: another link after each reconnect.
        let mut speaks = [0, 1, 2].map(LinkId);
        join(&mut merge, &speaks);
        let mut arrivals = arrivals;
        arrivals.sort_unstable();
        let mut out = Vec::new();
        for (n, (at_ms, place, id)) in arrivals.iter().enumerate() {
            for (number, (_, place)) in reconnects.iter().enumerate().filter(|(_, (when, _))| when.index(arrivals.len()) == n) {
                merge.left(speaks[*place]);
                speaks[*place] = LinkId(10 + number as u64);
                merge.joined(speaks[*place]);
            }
            let payload = chat(*id);
            if merge.news(speaks[*place], start + Duration::from_millis(*at_ms))(payload.as_bytes()) {
                out.push(*id);
            }
        }
        let union: BTreeSet<u8> = arrivals.iter().map(|(_, _, id)| *id).collect();
        prop_assert_eq!(out.len(), union.len());
        prop_assert_eq!(out.into_iter().collect::<BTreeSet<_>>(), union);
    }

    #[test]
    fn without_ids_and_without_loss_the_outcome_is_the_source_in_its_order(
        source in source(4, 30_000),
        fates in vec(fates(false, 2_500), 1..4),
    ) {
        let links = fates.iter().enumerate().map(|(link, fates)| in_order(&source, link, fates)).collect();
        let out = merged(fates.len(), &together(links), |nth| gift(source[nth].1));
        let kinds = |messages: &[usize]| messages.iter().map(|nth| source[*nth].1).collect::<Vec<_>>();
        prop_assert_eq!(kinds(&out), source.iter().map(|(_, kind)| *kind).collect::<Vec<_>>());
    }

    #[test]
    fn without_ids_and_with_loss_on_one_link_nothing_that_the_other_heard_is_missing_and_nothing_is_made_up(
        source in source(4, 30_000),
        whole in fates(false, 2_500),
        lossy in fates(true, 2_500),
        swap: bool,
    ) {
        let links = if swap { [&lossy, &whole] } else { [&whole, &lossy] };
        let links = [0, 1].map(|link| in_order(&source, link, links[link]));
        let out = merged(2, &together(links.to_vec()), |nth| gift(source[nth].1));
        prop_assert_eq!(count(&source, out), count(&source, 0..source.len()));
    }

    #[test]
    fn without_ids_and_with_loss_on_all_links_it_is_no_less_than_any_heard_and_no_more_than_the_source(
        source in source(3, 30_000),
        fates in vec(fates(true, 2_500), 1..4),
    ) {
        let links: Vec<_> = fates.iter().enumerate().map(|(link, fates)| in_order(&source, link, fates)).collect();
        let out = count(&source, merged(fates.len(), &together(links.clone()), |nth| gift(source[nth].1)));
        for link in links {
            let heard = count(&source, link.iter().map(|arrival| arrival.nth));
            prop_assert!(at_most(&heard, &out), "{heard:?} heard, {out:?} passed on");
        }
        prop_assert!(at_most(&out, &count(&source, 0..source.len())));
    }

    #[test]
    fn a_link_never_suppresses_its_own_repeats(
        arrivals in vec((0..20_000_u64, 0..4_usize, 0..2_usize), 0..100),
    ) {
        let mut arrivals: Vec<_> = arrivals.into_iter().map(|(at_ms, link, nth)| Arrival { at_ms, link, nth }).collect();
        arrivals.sort_by_key(|arrival| arrival.at_ms);
        let out = merged(4, &arrivals, |nth| gift(nth as u8));
        for link in 0..4 {
            for kind in 0..2 {
                let heard = arrivals.iter().filter(|arrival| arrival.link == link && arrival.nth == kind).count();
                prop_assert!(out.iter().filter(|nth| **nth == kind).count() >= heard);
            }
        }
    }

    #[test]
    fn it_does_what_the_sentence_says(steps in vec((0..12_u8, 0..4_u64, 0..3_u8, 0..3_000_u64), 0..300)) {
        let mut naive = Naive::new(Merge::new(8 << 20));
        let mut now = Instant::now();
        let mut links = [0, 1, 2, 3].map(LinkId);
        let mut next = 4;
        for (act, link, kind, ms) in steps {
            let link = &mut links[link as usize];
            match act {
                0 => {
                    naive.left(*link);
                    *link = LinkId(next);
                    next += 1;
                }
                1 => naive.joined(*link),
                2..=4 => now += Duration::from_millis(ms),
                5 => now += Duration::from_millis(100 * ms),
                6..=7 => drop(naive.hears(*link, now, chat(kind).as_bytes(), Some(&[kind]))),
                _ => drop(naive.hears(*link, now, gift(kind).as_bytes(), None)),
            }
        }
        prop_assert!(naive.size_bytes() < 1 << 20);
    }
}

#[test]
fn messages_of_before_a_link_joined_are_not_taken_for_what_it_hears() {
    let now = Instant::now();
    let mut merge = Merge::new(8 << 20);
    let (old, late) = (LinkId(1), LinkId(2));
    let other = LinkId(3);
    merge.joined(old);
    merge.joined(other);
    assert!(merge.news(old, now)(b"type@=dgb/"));
    merge.joined(late);
    assert!(merge.news(late, now)(b"type@=dgb/"), "a second one, which only this link has heard so far");
    assert!(!merge.news(old, now)(b"type@=dgb/"));
    assert_eq!([(); 3].map(|()| merge.news(other, now)(b"type@=dgb/")), [false, false, true]);
}

#[test]
fn what_a_link_said_last_is_not_said_again_by_its_standby() {
    let now = Instant::now();
    let mut merge = Merge::new(8 << 20);
    let [ends, stays] = [1, 2].map(LinkId);
    join(&mut merge, &[ends, stays]);
    assert!(merge.news(ends, now)(b"type@=dgb/"));
    merge.left(ends);
    assert!(!merge.news(stays, now)(b"type@=dgb/"));
    assert!(merge.news(stays, now)(b"type@=dgb/"));
}

#[test]
fn ids_that_are_recalled_are_known_for_two_minutes() {
    let now = Instant::now();
    let known = |after: u64| {
        let mut merge = Merge::new(8 << 20);
        merge.recall("00000000000000000000000000000001", now);
        merge.recall("a/b@c", now);
        let mut news = merge.news(LinkId(1), now + Duration::from_secs(after));
        let hex = news(chat(1).as_bytes());
        assert_eq!(news(b"type@=chatmsg/cid@=a@Sb@Ac/"), hex, "the id is the text, not how it is written");
        assert!(news(chat(2).as_bytes()));
        !hex
    };
    assert!(known(0) && known(119));
    assert!(!known(240));
}

#[test]
fn an_empty_id_is_none() {
    let mut merge = Merge::new(8 << 20);
    merge.joined(LinkId(1));
    for payload in ["type@=chatmsg/cid@=/txt@=1/", "type@=chatmsg/txt@=1/", "type@=other/cid@=1/", "cid@=1/", ""] {
        let mut news = merge.news(LinkId(1), Instant::now());
        assert!(news(payload.as_bytes()) && news(payload.as_bytes()), "{payload}");
    }
}

#[test]
fn more_links_than_there_may_be_lose_nothing() {
    let mut merge = Merge::new(8 << 20);
    let links: Vec<_> = (0..=MAX_LINKS as u64).map(LinkId).collect();
    join(&mut merge, &links);
    let new: Vec<_> = links.iter().filter(|link| merge.news(**link, Instant::now())(b"type@=dgb/")).collect();
    assert_eq!(new, [&LinkId(0), &LinkId(MAX_LINKS as u64)]);
}

#[test]
fn memory_is_bounded_in_bytes_and_given_back_when_the_room_falls_silent() {
    for limit_bytes in [0, 10_000, 1 << 20] {
        let mut merge = Merge::new(limit_bytes);
        assert_eq!(merge.size_bytes(), 0, "nothing was said yet");
        let links = [1, 2].map(LinkId);
        join(&mut merge, &links);
        let start = Instant::now();
        let mut most = 0;
        for n in 0..60_000_u32 {
            // Ten thousand a second, and half of them are heard by one link only.
            let now = start + Duration::from_micros(100 * u64::from(n));
            for link in &links[n as usize % 2..] {
                let mut news = merge.news(*link, now);
                news(format!("type@=chatmsg/cid@={n:032x}/").as_bytes());
                news(format!("type@=dgb/uid@={n}/").as_bytes());
            }
            most = most.max(merge.size_bytes());
        }
        // A table of seven takes a little more than nothing.
        assert!(most <= limit_bytes.max(1500), "{most} of {limit_bytes} bytes");
        assert!(most >= limit_bytes / 8, "{most} of {limit_bytes} bytes: it makes use of what it may have");
        drop(merge.news(links[0], start + Duration::from_secs(300)));
        assert_eq!(merge.size_bytes(), 0, "nobody speaks any more");
    }
}

#[test]
fn ten_thousand_silent_rooms_take_a_few_megabytes() {
    let now = Instant::now();
    for _ in 0..10_000 {
        let mut merge = Merge::new(8 << 20);
        join(&mut merge, &[1, 2].map(LinkId));
        // A heartbeat's answer: control, about which nobody is asked.
        let mut batch = Batch::new();
        batch.push(b"type@=mrkl/", true);
        assert_eq!(batch.retain(merge.news(LinkId(1), now)), 0);
        assert_eq!(merge.size_bytes(), 0);
    }
    assert!(size_of::<Merge>() < 512, "{} bytes a room", size_of::<Merge>());
}

#[test]
fn a_batch_keeps_what_is_new_and_its_control() {
    let now = Instant::now();
    let mut merge = Merge::new(8 << 20);
    join(&mut merge, &[1, 2].map(LinkId));
    let mut batches = [1, 2].map(|link| {
        let mut batch = Batch::new();
        batch.push(b"type@=dgb/n@=1/", false);
        batch.push(b"type@=mrkl/", true);
        batch.push(format!("type@=dgb/n@=2/link@={link}/").as_bytes(), false);
        batch.push(b"type@=mrkl/", true);
        (batch.retain(merge.news(LinkId(link), now)), batch)
    });
    assert_eq!(batches.each_mut().map(|(duplicates, _)| *duplicates), [0, 1]);
    let kept: Vec<_> = batches[1].1.payloads().map(String::from_utf8_lossy).collect();
    assert_eq!(kept, ["type@=mrkl/", "type@=dgb/n@=2/link@=2/", "type@=mrkl/"]);
}

#[test]
fn a_message_of_a_link_that_did_not_join_is_heard_once_by_one_that_did() {
    let now = Instant::now();
    let mut merge = Merge::new(8 << 20);
    let [joined, early, late, stranger] = [1, 2, 3, 4].map(LinkId);
    join(&mut merge, &[joined]);
    assert!(merge.news(early, now)(b""));
    join(&mut merge, &[late]);
    assert!(merge.news(stranger, now)(b""));
    assert!(!merge.news(late, now)(b""));
    assert!(!merge.news(joined, now)(b""));
}
