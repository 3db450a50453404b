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
