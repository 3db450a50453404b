//! Standby: several links to one room, and one stream of messages, each once. Pure: no clock, no IO.
//!
//! ```text
//! link 1   a b b   c   d ─┐
//! link 2     a   b b x d ─┴─▶ a b b x c d
//! ```
//!
//! *Types with an id* (chat): what was heard in the last two minutes, over whatever link, is heard once. So the outcome is
//! exactly the union, also across a reconnect, and after [`Merge::recall`] across a restart.
//!
//! *Types without one*: people do send the same gift twice, so equal is not the same. Each message that is passed on
//! remembers who heard it. An equal one from link L is the oldest such message of the last five seconds that L has not
//! heard yet and that was passed on after L joined; if there is none, it is new. So a link never suppresses its own
//! repeats. Without loss the outcome is the source; with loss on one of two links it is no less than what the other heard
//! and no more than the source. What cannot be decided is kept.
//!
//! Equal means an equal fingerprint, which differs for different messages but for one chance in 2⁶³, whatever viewers
//! write. Both memories are bounded in bytes: where more is said than fits, they reach less far back, and what is
//! forgotten too early comes twice. A room that says nothing takes no memory, and neither does one that fell silent.

use std::time::Instant;

use danmu_proto::{LinkId, message};

mod echoes;
mod fingerprint;
mod ids;

use echoes::Echoes;
use fingerprint::fingerprint;
use ids::Ids;
pub use ids::WINDOW;

/// The most links that a room may have. What more of them say is not compared with anything.
pub const MAX_LINKS: usize = 8;

/// What the links of one room have said lately.
///
/// ```
/// use std::time::Instant;
/// use danmu_client::standby::Merge;
/// use danmu_proto::{Batch, LinkId};
///
/// let mut merge = Merge::new(8 << 20);
/// let links = [LinkId(1), LinkId(2)];
/// links.iter().for_each(|link| merge.joined(*link));
/// let heard = links.map(|link| {
///     let mut batch = Batch::new();
///     batch.push(b"type@=uenter/uid@=7/", false);
///     batch.push(b"type@=uenter/uid@=7/", false);
///     batch.retain(merge.news(link, Instant::now()))
/// });
/// assert_eq!(heard, [0, 2], "both repeats of the first link are new, and no more");
/// ```
#[derive(Debug)]
pub struct Merge {
    /// The links that listen, at most [`MAX_LINKS`], each in a place that is its own until it leaves.
    links: Vec<Option<LinkId>>,
    limit_bytes: usize,
    /// Absent while nothing is remembered: most of many rooms say nothing for most of the time.
    lately: Option<Box<Lately>>,
}

/// What was heard lately.
#[derive(Debug)]
struct Lately {
    ids: Ids,
    echoes: Echoes,
}

impl Merge {
    /// Remembers as much as fits into `limit_bytes`, also for the moment in which a table grows. Takes no memory yet.
    ///
    /// 8 MiB hold 57,344 ids in each of two generations, or two minutes of 470 lines of chat a second; and 14,336 other
    /// messages, or five seconds of 2,800 a second.
    pub const fn new(limit_bytes: usize) -> Self {
        Self { links: Vec::new(), limit_bytes, lately: None }
    }

    /// A link listens from now on.
    pub fn joined(&mut self, link: LinkId) {
        if self.links.contains(&Some(link)) {
            return;
        }
        let place = self.links.iter().position(Option::is_none).unwrap_or(self.links.len());
        if place == MAX_LINKS {
            return;
        }
        if place == self.links.len() {
            self.links.reserve_exact(1);
            self.links.push(None);
        }
        self.links[place] = Some(link);
        if let Some(lately) = &mut self.lately {
            lately.echoes.joined(place);
        }
    }

    /// A link is over, and nothing more will be heard of it.
    pub fn left(&mut self, link: LinkId) {
        for place in &mut self.links {
            place.take_if(|left| *left == link);
        }
    }

    /// A message with this id was heard, before there was anyone to tell.
    pub fn recall(&mut self, id: &str, now: Instant) {
        if let Some(id) = fingerprint(id.as_bytes()) {
            self.lately.get_or_insert_with(|| Lately::within(self.limit_bytes)).ids.is_new(id, now);
        }
    }

    /// What `link` says now: asked for each message in order, whether it is new.
    pub fn news(&mut self, link: LinkId, now: Instant) -> impl FnMut(&[u8]) -> bool {
        let place = self.links.iter().position(|place| *place == Some(link));
        let others = self.links.iter().flatten().any(|other| *other != link);
        self.lately.take_if(|lately| lately.forget(now));
        let Self { lately, limit_bytes, .. } = self;
        move |payload| {
            let id = message::id(payload);
            if id.is_none() && !others && lately.as_ref().is_none_or(|lately| lately.echoes.is_empty()) {
                return true;
            }
            let Lately { ids, echoes } = &mut **lately.get_or_insert_with(|| Lately::within(*limit_bytes));
            match id {
                Some(id) => fingerprint(id.as_bytes()).is_none_or(|id| ids.is_new(id, now)),
                None => fingerprint(payload).is_none_or(|echo| echoes.is_new(echo, place, others, now)),
            }
        }
    }

    /// Memory that it takes beside itself.
    pub fn size_bytes(&self) -> usize {
        self.lately
            .as_ref()
            .map_or(0, |lately| size_of::<Lately>() + lately.ids.size_bytes() + lately.echoes.size_bytes())
    }
}

impl Lately {
    fn within(limit_bytes: usize) -> Box<Self> {
        // A table has a power of two of places, and uses seven eighths of them.
        let most = |place_bytes: usize| ((limit_bytes / 2 / place_bytes + 1).next_power_of_two() / 2 / 8 * 7).max(1);
        let (ids, echoes) = (Ids::new(most(Ids::PLACE_BYTES)), Echoes::new(most(Echoes::PLACE_BYTES)));
        Box::new(Self { ids, echoes })
    }

    /// Forgets what is too long ago by `now`. Gives whether nothing is left.
    fn forget(&mut self, now: Instant) -> bool {
        self.ids.forget(now);
        self.echoes.forget(now);
        self.ids.is_empty() && self.echoes.is_empty()
    }
}
