//! The ledger: the pure function and the SQL view say the same, and what they say is right.

use std::path::Path;

use danmu_proto::RoomId;
use danmu_sinks::Recording;
use danmu_sinks::recording::ledger::{Coverage, Gap, Listened, Wanted, coverage, deaf, gaps};
use proptest::prelude::*;
use rusqlite::{Connection, params};

use crate::support::*;

fn wanted(from_us: i64, to_us: i64) -> Wanted {
    Wanted { room: room(1), from_us, to_us }
}

fn listened(link: i64, from_us: i64, to_us: i64, reason: &str) -> Listened {
    Listened { link, room: room(1), from_us, to_us, reason: Some(reason.to_owned()) }
}

#[track_caller]
fn gives(wanted: &[Wanted], listened: &[Listened], expected: &[(i64, i64, &str)]) {
    let found = gaps(wanted, listened);
    let found: Vec<_> = found.iter().map(|gap| (gap.from_us, gap.to_us, &*gap.reason)).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_gap_is_wanted_time_in_which_nobody_listened() {
    gives(&[], &[listened(1, 0, 9, "x")], &[]);
    gives(&[wanted(0, 9)], &[], &[(0, 9, "start")]);
    gives(&[wanted(0, 9)], &[listened(1, 0, 9, "x")], &[]);
    gives(&[wanted(0, 9)], &[listened(1, 2, 5, "silence")], &[(0, 2, "start"), (5, 9, "silence")]);
    // Two links: only when neither listens, and with the reason of the one that ended last.
    let links = [listened(1, 0, 5, "silence"), listened(2, 3, 7, "closed"), listened(3, 8, 9, "x")];
    gives(&[wanted(0, 9)], &links, &[(7, 8, "closed")]);
    // A link that was half-open until it was noticed at 9, beside a healthy one.
    gives(&[wanted(0, 9)], &[listened(1, 0, 2, "silence"), listened(2, 0, 9, "stop")], &[]);
    // Half-open, and the healthy one away for a moment: nobody listened then, and it was not the silent one that ended.
    let links = [listened(1, 0, 2, "silence"), listened(2, 0, 5, "closed"), listened(3, 6, 9, "stop")];
    gives(&[wanted(0, 9)], &links, &[(5, 6, "closed")]);
    // In one moment: of the higher link.
    gives(&[wanted(0, 9)], &[listened(2, 0, 5, "b"), listened(1, 0, 5, "a")], &[(5, 9, "b")]);
    // Not wanted in between: no gap there, and what comes after begins anew.
    gives(&[wanted(0, 3), wanted(6, 9)], &[listened(1, 0, 3, "stop")], &[(6, 9, "start")]);
    // A crash and the start after it touch: one gap.
    let links = [listened(1, 0, 3, "crash"), listened(2, 7, 9, "x")];
    gives(&[wanted(0, 6), wanted(6, 9)], &links, &[(3, 7, "crash")]);
    // Listening that went on where nothing was wanted.
    gives(&[wanted(2, 4), wanted(6, 8)], &[listened(1, 0, 5, "x")], &[(6, 8, "start")]);
    // Nothing at all.
    gives(&[wanted(5, 5)], &[listened(1, 4, 4, "x")], &[]);
    let open = Listened { reason: None, ..listened(1, 0, 5, "") };
    gives(&[wanted(0, 9)], &[open], &[(5, 9, "start")]);
}

#[test]
fn nobody_listened_where_no_link_to_any_of_the_rooms_did() {
    let other = |link, from_us, to_us| Listened { room: room(2), ..listened(link, from_us, to_us, "closed") };
    let links =
        [listened(1, 10, 20, "closed"), listened(2, 15, 30, "closed"), other(3, 40, 60), listened(4, 70, 80, "x")];
    assert_eq!(deaf(&links, |_| true), [(30, 40), (60, 70)]);
    assert_eq!(deaf(&links, |room| room.get() != 2), [(30, 70)]);
    assert_eq!(deaf(&links, |room| room.get() == 2), []);
    assert_eq!(deaf(&[listened(1, 5, 5, "closed")], |_| true), []);
}

#[test]
fn coverage_is_listened_over_wanted() {
    let found = coverage(&[wanted(0, 10), wanted(20, 30)], &[listened(1, 5, 25, "x")]);
    assert_eq!(found, [Coverage { room: room(1), wanted_us: 20, listened_us: 10 }]);
    assert!((found[0].ratio() - 0.5).abs() < f64::EPSILON);
    assert_eq!(coverage(&[], &[listened(1, 5, 25, "x")]), []);
    let none = Coverage { room: room(1), wanted_us: 0, listened_us: 0 };
    assert!((none.ratio() - 1.0).abs() < f64::EPSILON);
    // Times that nobody measured do not overflow.
    coverage(&[wanted(i64::MIN, i64::MAX)], &[]);
}

/// A ledger as it lies in the tables.
#[derive(Clone, Debug)]
struct Tables {
    runs: Vec<i64>,
    /// Run, room, from, how long if it is over.
    wanted: Vec<(usize, u64, i64, Option<i64>)>,
    links: Vec<Link>,
}

/// Run, room, joined if it did, how long until the last byte, whether it is over, reason.
type Link = (usize, u64, Option<i64>, i64, bool, &'static str);

/// Short times, so that spans touch and coincide often.
fn tables() -> impl Strategy<Value = Tables> {
    let (run, room, at) = (0..3usize, 1..3u64, 0..40i64);
    let wanted = (run.clone(), room.clone(), at.clone(), prop::option::weighted(0.8, 0..15i64));
    let reason = prop::sample::select(vec!["closed", "silence", "crash", "storage"]);
    let link = (run, room, prop::option::weighted(0.9, at.clone()), 0..15i64, prop::bool::weighted(0.8), reason);
    (prop::collection::vec(at, 3), prop::collection::vec(wanted, 0..8), prop::collection::vec(link, 0..12))
        .prop_map(|(runs, wanted, links)| Tables { runs, wanted, links })
}

impl Tables {
    fn write(&self, path: &Path) {
        let mut conn = Connection::open(path).unwrap();
        conn.pragma_update(None, "synchronous", "off").unwrap();
        let tx = conn.transaction().unwrap();
        tx.execute_batch("DELETE FROM run; DELETE FROM wanted; DELETE FROM link").unwrap();
        for (id, to_us) in self.runs.iter().enumerate() {
            tx.execute("INSERT INTO run VALUES (?1, 0, ?2, '', NULL)", params![id as i64, to_us]).unwrap();
        }
        for &(run, room, from_us, length) in &self.wanted {
            let values = params![run as i64, room as i64, from_us, length.map(|length| from_us + length)];
            tx.execute("INSERT INTO wanted VALUES (?1, ?2, ?3, ?4)", values).unwrap();
        }
        for &(run, room, joined_us, length, over, reason) in &self.links {
            let heard_us = joined_us.unwrap_or(3) + length;
            let (ended_us, reason) = if over { (Some(heard_us + 1), Some(reason)) } else { (None, None) };
            tx.execute(
                "INSERT INTO link VALUES (NULL, ?1, ?2, '', ?3, ?4, ?5, ?6, 0, 0, 0, 0, 0)",
                params![run as i64, room as i64, joined_us, heard_us, ended_us, reason],
            )
            .unwrap();
        }
        tx.commit().unwrap();
    }
}

fn view(path: &Path) -> Vec<Gap> {
    let conn = Connection::open(path).unwrap();
    let mut view = conn.prepare("SELECT room, from_us, to_us, reason FROM gap ORDER BY room, from_us").unwrap();
    view.query_map([], |row| {
        let room = RoomId::new(row.get::<_, i64>(0)? as u64).unwrap();
        Ok(Gap { room, from_us: row.get(1)?, to_us: row.get(2)?, reason: row.get(3)? })
    })
    .unwrap()
    .map(Result::unwrap)
    .collect()
}

/// For each microsecond: was it wanted, and did someone listen? The slow way, from the definition.
fn deaf_moments(tables: &Tables) -> Vec<(u64, i64)> {
    let within = |at: i64, from: i64, to: i64| from <= at && at < to;
    let mut moments = Vec::new();
    for room in 1..3 {
        for at in 0..60 {
            let wanted = tables.wanted.iter().any(|&(run, r, from, length)| {
                r == room && within(at, from, length.map_or(tables.runs[run], |length| from + length))
            });
            let listened = tables.links.iter().any(|&(run, r, joined, length, over, _)| {
                r == room
                    && joined.is_some_and(|from| {
                        within(at, from, if over { from + length } else { (from + length).max(tables.runs[run]) })
                    })
            });
            if wanted && !listened {
                moments.push((room, at));
            }
        }
    }
    moments
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn the_view_the_function_and_the_definition_agree(tables in tables()) {
        thread_local! {
            // One file for all cases: making one is what takes the time.
            static FILE: (tempfile::TempDir, std::path::PathBuf) = {
                let (folder, path) = folder();
                recorder(&path).finish(NOON).unwrap();
                (folder, path)
            };
        }
        FILE.with(|(_, path)| {
            tables.write(path);
            let recording = Recording::open(path).unwrap();
            let gaps = recording.gaps().unwrap();
            prop_assert_eq!(&view(path), &gaps);
            let moments: Vec<_> =
                gaps.iter().flat_map(|gap| (gap.from_us..gap.to_us).map(|at| (gap.room.get(), at))).collect();
            prop_assert_eq!(&moments, &deaf_moments(&tables));
            // No gap could be longer: neighbours are one.
            prop_assert!(gaps.windows(2).all(|two| two[0].room != two[1].room || two[0].to_us < two[1].from_us));
            let deaf: i64 = recording.coverage().unwrap().iter().map(|room| room.wanted_us - room.listened_us).sum();
            prop_assert_eq!(deaf, moments.len() as i64);
            Ok(())
        })?;
    }
}

#[test]
fn a_ledger_of_many_links_is_derived_in_no_time() {
    let (_folder, path) = folder();
    recorder(&path).finish(NOON).unwrap();
    // 40,000 reconnects: what is quadratic takes minutes.
    let links = (0..40_000).map(|n| (0, 1, Some(n * 10), 9, true, "closed")).collect();
    Tables { runs: vec![400_000], wanted: vec![(0, 1, 0, None)], links }.write(&path);
    let begun = std::time::Instant::now();
    let gaps = Recording::open(&path).unwrap().gaps().unwrap();
    assert_eq!(gaps.len(), 40_000);
    assert_eq!(view(&path), gaps);
    assert!(begun.elapsed().as_secs() < 60, "{:?}", begun.elapsed());
}
