//! Echoes: the same messages once more, over another link, where messages have no id.
//!
//! Who has heard which of the equal messages need not be noted one by one. A link that hears one either matches the oldest
//! that it has not heard, or has heard all of them and passes on another: so what it has heard is always the oldest
//! of them, and a number says it all.
//!
//! ```text
//! passed on   m m m m         4
//! link 1      ■ ■ ■ ■         4 of them heard: one more is new
//! link 2      ■ □ □ □         1 of them heard: the next three are echoes
//! ```

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use super::MAX_LINKS;
use super::fingerprint::{Spread, table_bytes};

/// For how long a message waits for its echoes.
const WINDOW: Duration = Duration::from_secs(5);

/// Messages without an id that were passed on in the last five seconds while someone else listened too.
#[derive(Debug)]
pub(super) struct Echoes {
    /// In the order in which they were passed on.
    passed: VecDeque<(Instant, u128)>,
    equal: HashMap<u128, Equal, Spread>,
    /// How many messages it remembers.
    most: usize,
}

/// Equal messages among them.
#[derive(Clone, Copy, Debug, Default)]
struct Equal {
    passed: u32,
    /// How many of them, the oldest, each link has heard, or will not hear because it joined after them.
    heard: [u32; MAX_LINKS],
}

impl Echoes {
    /// What one place takes in the queue and in the table. A table that is added to and taken from comes to be twice as
    /// large as one that is only filled, and while either grows, half of it is there once more.
    pub(super) const PLACE_BYTES: usize = 3 * size_of::<(Instant, u128)>() / 2 + 3 * (size_of::<(u128, Equal)>() + 1);

    pub(super) fn new(most: usize) -> Self {
        Self { passed: VecDeque::new(), equal: HashMap::default(), most }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.passed.is_empty()
    }

    /// Whether a message is new that the link in this place has heard; `None` if it has none, as before it joined.
    /// Remembers it if there are `others` who may hear it.
    pub(super) fn is_new(&mut self, message: u128, place: Option<usize>, others: bool, now: Instant) -> bool {
        if self.passed.len() >= self.most {
            self.forget_oldest();
        }
        let equal = match self.equal.entry(message) {
            Entry::Vacant(_) if !others => return true,
            entry => entry.or_default(),
        };
        if let Some(place) = place
            && equal.heard[place] < equal.passed
        {
            equal.heard[place] += 1;
            return false;
        }
        if others {
            equal.passed += 1;
            if let Some(place) = place {
                equal.heard[place] = equal.passed;
            }
            self.passed.push_back((now, message));
        }
        true
    }

    /// A link listens in this place: what was passed on before is not for it.
    pub(super) fn joined(&mut self, place: usize) {
        for equal in self.equal.values_mut() {
            equal.heard[place] = equal.passed;
        }
    }

    /// Forgets what is too long ago by `now`.
    pub(super) fn forget(&mut self, now: Instant) {
        while self.passed.front().is_some_and(|(at, _)| now.saturating_duration_since(*at) > WINDOW) {
            self.forget_oldest();
        }
        // What was needed once may be far too much now.
        let (len, capacity) = (self.passed.len(), self.passed.capacity());
        if len == 0 && capacity > 0 || capacity > 64.max(8 * len) {
            self.passed.shrink_to(2 * len);
            self.equal.shrink_to(2 * len);
        }
    }

    fn forget_oldest(&mut self) {
        let Some((_, message)) = self.passed.pop_front() else { return };
        let Entry::Occupied(mut equal) = self.equal.entry(message) else { return };
        if equal.get().passed == 1 {
            equal.remove();
        } else {
            let Equal { passed, heard } = equal.get_mut();
            *passed -= 1;
            for heard in heard {
                *heard = heard.saturating_sub(1);
            }
        }
    }

    pub(super) fn size_bytes(&self) -> usize {
        self.passed.capacity() * size_of::<(Instant, u128)>() + table_bytes::<(u128, Equal)>(self.equal.capacity())
    }
}
