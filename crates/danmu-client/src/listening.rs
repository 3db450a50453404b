//! Listening: when nobody listened to a room, as soon as that is sure. Pure.
//!
//! ```text
//! link 1   ├───────┤ closed      ├─────────────
//! link 2   ├──┤ · · · · · · · · · · · · ┤ silence
//! gap              ├─────────────┤       ▲ known here
//! ```
//!
//! A link listened from its join to its last byte. While it says nothing, nobody knows whether it listens still. So when
//! a link joins, what lies between the last byte of all and this join is in doubt if another link is there: with its next
//! byte it has listened, with its end it has not.

use danmu_proto::LinkId;

use crate::event::Lost;

/// The links of one room, as far as they listen.
#[derive(Debug, Default)]
pub(crate) struct Listening {
    links: Vec<Listener>,
    /// The last byte that a link heard which is over, and why it is; of several, the latest.
    ended: Option<(i64, Lost)>,
    doubts: Vec<Doubt>,
}

#[derive(Debug)]
struct Listener {
    link: LinkId,
    joined_us: i64,
    heard_us: i64,
}

/// A span in which nobody listened, in microseconds since the Unix epoch.
#[derive(Clone, Debug)]
pub(crate) struct Gap {
    pub(crate) from_us: i64,
    pub(crate) to_us: i64,
    /// Why the link was lost that heard the last byte.
    pub(crate) reason: Lost,
}

/// The same, when it is not sure. The link that heard the last byte may not be over yet.
#[derive(Debug)]
struct Doubt {
    from_us: i64,
    to_us: i64,
    reason: Option<Lost>,
}

impl Listening {
    /// A link joined at `at_us`. Gives the gap that this ends, if it is sure.
    pub(crate) fn joined(&mut self, link: LinkId, at_us: i64) -> Option<Gap> {
        let last = self.links.iter().map(|listener| listener.heard_us).max();
        let ended = self.ended.as_ref().filter(|(heard_us, _)| last.is_none_or(|last| last <= *heard_us));
        let gap = match (ended, last) {
            (Some((from_us, reason)), _) => Some((*from_us, Some(reason.clone()))),
            (None, Some(from_us)) => Some((from_us, None)),
            // The first link of all: before it, nobody was expected to listen.
            (None, None) => None,
        };
        self.links.reserve_exact(1);
        self.links.push(Listener { link, joined_us: at_us, heard_us: at_us });
        let (from_us, reason) = gap.filter(|(from_us, _)| *from_us < at_us)?;
        self.doubts.push(Doubt { from_us, to_us: at_us, reason });
        self.sure().pop()
    }

    /// A link heard something at `at_us`: so it has listened all the time.
    pub(crate) fn heard(&mut self, link: LinkId, at_us: i64) {
        if let Some(listener) = self.links.iter_mut().find(|listener| listener.link == link) {
            listener.heard_us = listener.heard_us.max(at_us);
            let Listener { joined_us, heard_us, .. } = *listener;
            self.doubts.retain_mut(|doubt| {
                if joined_us <= doubt.from_us && doubt.from_us < heard_us {
                    (doubt.from_us, doubt.reason) = (heard_us, None);
                }
                doubt.from_us < doubt.to_us
            });
        }
    }

    /// A link is over that heard its last byte at `heard_us`. Gives the gaps that are sure now.
    pub(crate) fn lost(&mut self, link: LinkId, heard_us: i64, reason: &Lost) -> Vec<Gap> {
        self.heard(link, heard_us);
        let Some(place) = self.links.iter().position(|listener| listener.link == link) else { return Vec::new() };
        let heard_us = self.links.swap_remove(place).heard_us;
        for doubt in self.doubts.iter_mut().filter(|doubt| doubt.from_us == heard_us) {
            doubt.reason = Some(reason.clone());
        }
        if self.ended.as_ref().is_none_or(|(last_us, _)| *last_us <= heard_us) {
            self.ended = Some((heard_us, reason.clone()));
        }
        self.sure()
    }

    /// Takes out what no link can have listened to any more.
    fn sure(&mut self) -> Vec<Gap> {
        let links = &self.links;
        let sure = |doubt: &mut Doubt| links.iter().all(|listener| listener.joined_us > doubt.from_us);
        let gap = |Doubt { from_us, to_us, reason }| {
            let reason = reason.expect("if no link goes on, then neither does the one that heard the last byte");
            Gap { from_us, to_us, reason }
        };
        self.doubts.extract_if(.., sure).map(gap).collect()
    }
}

#[cfg(test)]
mod tests {
    use danmu_proto::session::Reason;
    use proptest::prelude::*;

    use super::*;

    /// Spans as numbers, each with the link whose end began it.
    type Spans = Vec<(i64, i64, u64)>;

    /// Reasons that tell which link gave them.
    fn ends(link: u64) -> Lost {
        Reason::Silent(std::time::Duration::from_secs(link)).into()
    }

    fn spans(gaps: impl IntoIterator<Item = Gap>) -> Spans {
        let link = |gap: &Gap| match gap.reason {
            Lost::Session(Reason::Silent(link)) => link.as_secs(),
            _ => panic!("{gap:?}"),
        };
        gaps.into_iter().map(|gap| (gap.from_us, gap.to_us, link(&gap))).collect()
    }

    #[test]
    fn one_link_alone_makes_a_gap_whenever_it_is_back() {
        let mut listening = Listening::default();
        assert_eq!(spans(listening.joined(LinkId(1), 10)), [], "before the first, nobody was expected to listen");
        listening.heard(LinkId(1), 15);
        assert_eq!(spans(listening.lost(LinkId(1), 20, &ends(1))), []);
        assert_eq!(spans(listening.joined(LinkId(2), 30)), [(20, 30, 1)]);
    }

    #[test]
    fn a_healthy_link_beside_one_that_comes_and_goes_leaves_no_gap() {
        let mut listening = Listening::default();
        listening.joined(LinkId(1), 0);
        for flaps in 2..10 {
            let at = i64::try_from(flaps).unwrap() * 100;
            assert_eq!(spans(listening.joined(LinkId(flaps), at)), []);
            assert_eq!(spans(listening.lost(LinkId(flaps), at + 10, &ends(flaps))), []);
            listening.heard(LinkId(1), at + 20);
        }
        assert_eq!(spans(listening.lost(LinkId(1), 2000, &ends(1))), []);
    }

    #[test]
    fn a_half_open_link_hides_a_gap_only_until_it_is_found_out() {
        let mut listening = Listening::default();
        listening.joined(LinkId(1), 0);
        listening.joined(LinkId(2), 0);
        listening.heard(LinkId(2), 5);
        assert_eq!(spans(listening.lost(LinkId(1), 50, &ends(1))), []);
        assert_eq!(spans(listening.joined(LinkId(3), 52)), [], "the second may be listening");
        listening.heard(LinkId(3), 90);
        assert_eq!(spans(listening.lost(LinkId(2), 5, &ends(2))), [(50, 52, 1)], "it was not");
    }

    proptest! {
        #[test]
        fn in_the_end_all_gaps_were_told_once_and_nothing_else(
            steps in prop::collection::vec((0..3_u8, 0..3_usize, 1..5_i64, any::<bool>()), 0..80),
        ) {
            let mut listening = Listening::default();
            let (mut now, mut next) = (0, 1);
            let mut places: [Option<(u64, i64, i64)>; 3] = [None; 3];
            let (mut told, mut over) = (Spans::new(), Vec::new());
            let last = steps.len() + 3;
            let end = (0..3).map(|place| (2, place, 1, false));
            for (n, (act, place, passed, at_once)) in steps.into_iter().chain(end).enumerate() {
                now += passed;
                match (act, &mut places[place]) {
                    (0, empty @ None) => {
                        *empty = Some((next, now, now));
                        told.extend(spans(listening.joined(LinkId(next), now)));
                        next += 1;
                    }
                    (1, Some((link, _, heard_us))) => {
                        *heard_us = now;
                        listening.heard(LinkId(*link), now);
                    }
                    (2, full @ Some(_)) => {
                        let (link, joined_us, mut heard_us) = full.take().unwrap();
                        // Bytes that were no whole message are known of only now.
                        heard_us = if at_once { now } else { heard_us };
                        told.extend(spans(listening.lost(LinkId(link), heard_us, &ends(link))));
                        over.push((joined_us, heard_us, link));
                    }
                    _ => prop_assert!(n < last),
                }
            }
            told.sort_unstable();
            // Naively: from the end of what was listened to so far to the next join.
            over.sort_unstable();
            let mut gaps = Spans::new();
            let mut until: Option<(i64, u64)> = None;
            for (joined_us, heard_us, link) in over {
                if let Some((at_us, ended)) = until.filter(|(at_us, _)| *at_us < joined_us) {
                    gaps.push((at_us, joined_us, ended));
                }
                until = until.max(Some((heard_us, link)));
            }
            let times = |spans: &Spans| spans.iter().map(|(from_us, to_us, _)| (*from_us, *to_us)).collect::<Vec<_>>();
            prop_assert_eq!(times(&told), times(&gaps));
        }
    }
}
