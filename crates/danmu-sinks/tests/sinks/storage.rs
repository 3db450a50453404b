//! A disk that is full or gone: nothing breaks, nothing is lost in silence, and it goes on by itself.

use danmu_proto::LinkId;
use danmu_sinks::recording::writer::{Cause, CommitError};
use danmu_sinks::{Recorder, RecorderOptions, Recording};
use proptest::prelude::*;

use crate::support::*;

/// Fills a recording that may have `max_bytes` until a commit fails; gives it with how many rows were offered.
fn filled(path: &std::path::Path, max_bytes: u64) -> (Recorder, u64) {
    let mut options = RecorderOptions::default();
    options.max_bytes = Some(max_bytes);
    let mut recorder = Recorder::open(path, options, NOON).unwrap();
    recorder.want(room(9999), NOON);
    recorder.link_opened(LINK, room(9999), "tcp://a:1", NOON);
    for n in 0.. {
        recorder.records(&heard(LINK, room(9999), NOON + n, &[chat(n as u64, "小明", &format!("{n:050}"))]));
        if n % 10 == 9
            && let Err(error) = recorder.commit(NOON + n)
        {
            assert!(matches!(error, CommitError::Full { .. }), "{error:?}");
            assert_eq!(error.name(), "full");
            assert!(error.to_string().contains("the disk is full"), "{error}");
            return (recorder, n as u64 + 1);
        }
    }
    unreachable!()
}

#[test]
fn a_full_disk_costs_nothing_once_there_is_room_again() {
    let (_folder, path) = folder();
    let (mut recorder, offered) = filled(&path, 400_000);
    let before = recorder.committed();
    assert_eq!(before.rows + recorder.pending_rows(), offered);
    assert!(recorder.pending_bytes() > 0 && recorder.failing_since_us().is_some());
    assert_eq!(Recording::open(&path).unwrap().verify().unwrap().messages, before.rows);
    is_sound(&path);
    for n in 0..5 {
        assert!(recorder.commit(NOON + SECOND + n).is_err());
        assert_eq!(recorder.committed(), before);
    }
    recorder.set_max_bytes(None).unwrap();
    assert_eq!(recorder.commit(NOON + 2 * SECOND).unwrap().rows, offered);
    assert_eq!((recorder.pending_rows(), recorder.failing_since_us()), (0, None));
    recorder.finish(NOON + 3 * SECOND).unwrap();
    let rows = all(&Recording::open(&path).unwrap());
    assert!(rows.iter().map(|row| row.seq).eq(1..=offered as i64));
    assert!(rows.iter().all(|row| row.payload.is_some()));
    is_sound(&path);
}

#[test]
fn a_failed_commit_is_tried_again_after_a_second() {
    let (_folder, path) = folder();
    let (mut recorder, _) = filled(&path, 200_000);
    let failed_us = NOON + SECOND;
    recorder.commit(failed_us).unwrap_err();
    assert_eq!(recorder.wait(failed_us).as_millis(), 1000);
    assert_eq!(recorder.tick(failed_us + 999_999).unwrap(), None);
    assert!(recorder.tick(failed_us + SECOND).is_err());
    recorder.set_max_bytes(None).unwrap();
    assert!(recorder.tick(failed_us + 2 * SECOND).unwrap().is_some());
}

#[test]
fn what_is_given_up_is_counted_and_becomes_a_gap() {
    let (_folder, path) = folder();
    let (mut recorder, offered) = filled(&path, 200_000);
    let stored = recorder.committed().rows;
    let first_lost_us = NOON + stored as i64;
    let lost = recorder.drop_pending(NOON + SECOND);
    assert_eq!(stored + lost, offered);
    assert_eq!((recorder.pending_rows(), recorder.pending_bytes()), (0, 0));
    // More is heard and given up before there is room again; then it goes on.
    recorder.records(&heard(LINK, room(9999), NOON + 2 * SECOND, &[chat(1, "a", "lost")]));
    assert_eq!(recorder.drop_pending(NOON + 2 * SECOND), 1);
    recorder.set_max_bytes(None).unwrap();
    recorder.records(&heard(LINK, room(9999), NOON + 3 * SECOND, &[chat(1, "a", "kept")]));
    recorder.commit(NOON + 4 * SECOND).unwrap();
    recorder.link_ended(LINK, NOON + 9 * SECOND, NOON + 9 * SECOND, "closed");
    let finished = recorder.finish(NOON + 9 * SECOND).unwrap();

    assert!(finished.sums.add_up());
    assert_eq!((finished.sums.stored, finished.sums.dropped), (stored + 1, lost + 1));
    let recording = Recording::open(&path).unwrap();
    let gaps = recording.gaps().unwrap();
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    assert_eq!((gaps[0].from_us, gaps[0].to_us, &*gaps[0].reason), (first_lost_us, NOON + 4 * SECOND, "storage"));
    assert_eq!(texts(&all(&recording)).last(), Some(&"kept"));
    assert_eq!(recording.stats(&danmu_sinks::Filter::default()).unwrap().dropped["storage"], lost + 1);
    is_sound(&path);
}

#[test]
fn what_is_given_up_is_a_gap_of_the_room_also_where_another_link_heard_it_as_a_duplicate() {
    let (_folder, path) = folder();
    let mut recorder = listening(&path, NOON);
    recorder.link_opened(LinkId(2), room(9999), "tcp://b:1", NOON);
    recorder.commit(NOON + 1).unwrap();
    recorder.records(&heard(LINK, room(9999), NOON + SECOND, &[chat(1, "a", "lost")]));
    recorder.duplicates(LinkId(2), room(9999), 1);
    // One that ends meanwhile heard no more than the others.
    recorder.link_opened(LinkId(3), room(9999), "tcp://c:1", NOON);
    recorder.link_ended(LinkId(3), NOON + 2 * SECOND, NOON + 2 * SECOND, "closed");
    assert_eq!(recorder.drop_pending(NOON + 3 * SECOND), 1);
    recorder.commit(NOON + 4 * SECOND).unwrap();
    for link in [LINK, LinkId(2)] {
        recorder.link_ended(link, NOON + 9 * SECOND, NOON + 9 * SECOND, "closed");
    }
    recorder.unwant(room(9999), NOON + 9 * SECOND);
    assert!(recorder.finish(NOON + 9 * SECOND).unwrap().sums.add_up());
    let gaps = Recording::open(&path).unwrap().gaps().unwrap();
    let spans: Vec<_> = gaps.iter().map(|gap| (gap.from_us - NOON, gap.to_us - NOON)).collect();
    assert_eq!(spans, [(SECOND, 4 * SECOND)], "{gaps:?}");
    is_sound(&path);
}

#[test]
fn a_quiet_room_has_no_gap_when_another_one_loses_messages() {
    let (_folder, path) = folder();
    let mut recorder = listening(&path, NOON);
    recorder.want(room(2), NOON);
    recorder.link_opened(LinkId(2), room(2), "tcp://a:1", NOON);
    recorder.records(&heard(LINK, room(9999), NOON + 1, &[chat(1, "a", "1")]));
    assert_eq!(recorder.drop_pending(NOON + 2), 1);
    for (link, room) in [(LINK, room(9999)), (LinkId(2), room(2))] {
        recorder.commit(NOON + 5).unwrap();
        recorder.link_ended(link, NOON + 9, NOON + 9, "closed");
        recorder.unwant(room, NOON + 9);
    }
    recorder.finish(NOON + 9).unwrap();
    let gaps = Recording::open(&path).unwrap().gaps().unwrap();
    assert_eq!(
        gaps.iter().map(|gap| (gap.room.get(), gap.from_us, gap.to_us)).collect::<Vec<_>>(),
        [(9999, NOON + 1, NOON + 5)]
    );
}

#[test]
fn what_a_client_could_not_hand_over_is_a_gap_of_its_own_time() {
    let (_folder, path) = folder();
    let mut recorder = listening(&path, NOON);
    recorder.records(&heard(LINK, room(9999), NOON + 1, &[chat(1, "a", "1")]));
    recorder.lost(LINK, room(9999), 40, 1, NOON + 2, NOON + 8);
    recorder.records(&heard(LINK, room(9999), NOON + 9, &[chat(1, "a", "2")]));
    recorder.lost(LINK, room(9999), 2, 0, NOON + 10, NOON + 12);
    recorder.link_ended(LINK, NOON + 20, NOON + 20, "closed");
    let sums = recorder.finish(NOON + 20).unwrap().sums;
    assert!(sums.add_up());
    assert_eq!((sums.received, sums.control, sums.stored, sums.dropped), (45, 1, 2, 42));
    let gaps = Recording::open(&path).unwrap().gaps().unwrap();
    let gaps: Vec<_> = gaps.iter().map(|gap| (gap.from_us - NOON, gap.to_us - NOON, &*gap.reason)).collect();
    assert_eq!(gaps, [(2, 8, "storage"), (10, 12, "storage")]);
    is_sound(&path);
}

#[test]
fn a_removed_recording_is_noticed() {
    let (_folder, path) = folder();
    let mut recorder = listening(&path, NOON);
    recorder.commit(NOON).unwrap();
    let aside = path.with_extension("aside");
    std::fs::rename(&path, &aside).unwrap();
    recorder.records(&heard(LINK, room(9999), NOON, &[chat(1, "a", "1")]));
    let error = recorder.commit(NOON).unwrap_err();
    assert!(matches!(error, CommitError::Gone { .. }), "{error:?}");
    std::fs::rename(&aside, &path).unwrap();
    assert_eq!(recorder.commit(NOON).unwrap().rows, 1);
}

#[test]
fn a_recording_that_is_gone_is_followed_by_a_new_one_and_nothing_is_lost_or_counted_twice() {
    for renamed in [true, false] {
        let (_folder, path) = folder();
        let mut recorder = listening(&path, NOON);
        recorder.records(&heard(LINK, room(9999), NOON, &[chat(1, "a", "1"), "type@=mrkl/".into()]));
        recorder.dropped(LINK, room(9999), Cause::Limit, 3);
        recorder.commit(NOON).unwrap();
        let aside = path.with_extension("aside");
        if renamed { std::fs::rename(&path, &aside) } else { std::fs::remove_file(&path) }.unwrap();
        recorder.records(&heard(LINK, room(9999), NOON + SECOND, &[chat(1, "a", "2"), "type@=mrkl/".into()]));
        recorder.dropped(LINK, room(9999), Cause::Limit, 1);
        recorder.link_ended(LINK, NOON + SECOND, NOON + SECOND, "closed");
        recorder.link_opened(LinkId(2), room(9999), "tcp://a:1", NOON + 2 * SECOND);
        recorder.records(&heard(LinkId(2), room(9999), NOON + 3 * SECOND, &[chat(1, "a", "3")]));
        assert!(matches!(recorder.commit(NOON + SECOND).unwrap_err(), CommitError::Gone { .. }));

        // At first there is no place for a new one, then there is.
        if !renamed {
            std::fs::rename(path.parent().unwrap(), path.parent().unwrap().with_extension("moved")).unwrap();
            assert!(matches!(
                recorder.renew(NOON + 4 * SECOND).unwrap_err(),
                danmu_sinks::recording::OpenError::Access { .. }
            ));
            assert!(matches!(recorder.commit(NOON + 4 * SECOND).unwrap_err(), CommitError::Gone { .. }));
            std::fs::rename(path.parent().unwrap().with_extension("moved"), path.parent().unwrap()).unwrap();
        }
        let left = recorder.renew(NOON + 5 * SECOND).unwrap();
        if renamed {
            assert_eq!((left.sums.received, left.sums.stored, left.sums.control, left.sums.dropped), (5, 1, 1, 3));
        }
        recorder.link_ended(LinkId(2), NOON + 6 * SECOND, NOON + 6 * SECOND, "stop");
        let finished = recorder.finish(NOON + 6 * SECOND).unwrap();
        let sums = finished.sums;
        assert_eq!((sums.received, sums.stored, sums.control, sums.dropped), (4, 2, 1, 1));
        assert_eq!(finished.elsewhere, 1);
        assert_eq!(texts(&all(&Recording::open(&path).unwrap())), ["2", "3"]);
        is_sound(&path);
        if renamed {
            assert_eq!(texts(&all(&Recording::open(&aside).unwrap())), ["1"]);
            is_sound(&aside);
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Messages { link: u64, count: usize },
    Dropped { link: u64, count: u64 },
    Duplicates { link: u64, count: u64 },
    Lost { link: u64, count: u64 },
    End { link: u64 },
    Room { pages: u64 },
    NoLimit,
    Commit,
    GiveUp,
}

fn step() -> impl Strategy<Value = Step> {
    let link = 1..4u64;
    prop_oneof![
        4 => (link.clone(), 0..30usize).prop_map(|(link, count)| Step::Messages { link, count }),
        1 => (link.clone(), 0..5u64).prop_map(|(link, count)| Step::Dropped { link, count }),
        1 => (link.clone(), 0..5u64).prop_map(|(link, count)| Step::Duplicates { link, count }),
        1 => (link.clone(), 0..5u64).prop_map(|(link, count)| Step::Lost { link, count }),
        1 => link.prop_map(|link| Step::End { link }),
        2 => (10..60u64).prop_map(|pages| Step::Room { pages }),
        1 => Just(Step::NoLimit),
        4 => Just(Step::Commit),
        1 => Just(Step::GiveUp),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever happens in whatever order, with a disk that fills up and empties: all is accounted for, the file is
    /// sound, and it holds exactly what was neither given up nor is still waiting.
    #[test]
    fn everything_is_accounted_for_whatever_happens(steps in prop::collection::vec(step(), 1..60)) {
        let (_folder, path) = folder();
        let mut recorder = recorder(&path);
        let (mut offered, mut given_up, mut others) = (0, 0, 0);
        for (n, step) in (1..).zip(steps) {
            let now = NOON + n * SECOND;
            match step {
                Step::Messages { link, count } => {
                    recorder.link_opened(LinkId(link), room(link), "tcp://a:1", now);
                    recorder.records(&heard(LinkId(link), room(link), now, &vec![chat(1, "a", "1"); count]));
                    offered += count as u64;
                }
                Step::Dropped { link, count } => {
                    recorder.dropped(LinkId(link), room(link), Cause::Limit, count);
                    others += count;
                }
                Step::Duplicates { link, count } => {
                    recorder.duplicates(LinkId(link), room(link), count);
                    others += count;
                }
                Step::Lost { link, count } => {
                    recorder.lost(LinkId(link), room(link), count, 1, now - SECOND, now);
                    others += count + 1;
                }
                Step::End { link } => recorder.link_ended(LinkId(link), now, now, "closed"),
                Step::Room { pages } => recorder.set_max_bytes(Some(pages * 4096)).unwrap(),
                Step::NoLimit => recorder.set_max_bytes(None).unwrap(),
                Step::Commit => {
                    let before = recorder.committed();
                    match recorder.commit(now) {
                        Ok(committed) => prop_assert_eq!(committed.rows + given_up, offered),
                        Err(error) => {
                            prop_assert!(matches!(error, CommitError::Full { .. }), "{:?}", error);
                            prop_assert_eq!(recorder.committed(), before);
                        }
                    }
                    is_sound(&path);
                }
                Step::GiveUp => given_up += recorder.drop_pending(now),
            }
            prop_assert_eq!(recorder.committed().rows + recorder.pending_rows() + given_up, offered);
        }
        recorder.set_max_bytes(None).unwrap();
        let finished = recorder.finish(NOON + 3600 * SECOND).unwrap();
        prop_assert!(finished.sums.add_up());
        prop_assert_eq!(finished.sums.stored + given_up, offered);
        prop_assert_eq!(finished.sums.received, offered + others);
        let rows = all(&Recording::open(&path).unwrap());
        prop_assert!(rows.iter().map(|row| row.seq).eq(1..=finished.sums.stored as i64));
        is_sound(&path);
    }
}
