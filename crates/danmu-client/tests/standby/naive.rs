//! Merging as it is said in a sentence, and nothing else: what `standby` must do the same as. Fuzzing uses it too.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use danmu_client::LinkId;
use danmu_client::standby::Merge;

/// Seconds within which an echo is one.
const ECHO: Duration = Duration::from_secs(5);
/// Seconds for which an id is surely known, and after which it surely is not.
const ID: (Duration, Duration) = (Duration::from_secs(120), Duration::from_secs(240));

/// A message that was passed on.
struct Passed {
    at: Instant,
    is_chat: bool,
    /// Or the id, of chat.
    payload: Vec<u8>,
    /// Who listened then.
    listeners: HashSet<LinkId>,
    heard_by: HashSet<LinkId>,
}

/// [`Merge`], and beside it all that was ever passed on.
pub(crate) struct Naive {
    merge: Merge,
    passed: Vec<Passed>,
    links: HashSet<LinkId>,
}

impl Naive {
    pub(crate) fn new(merge: Merge) -> Self {
        Self { merge, passed: Vec::new(), links: HashSet::new() }
    }

    pub(crate) fn joined(&mut self, link: LinkId) {
        self.merge.joined(link);
        self.links.insert(link);
    }

    pub(crate) fn left(&mut self, link: LinkId) {
        self.merge.left(link);
        self.links.remove(&link);
    }

    pub(crate) fn size_bytes(&self) -> usize {
        self.merge.size_bytes()
    }

    /// Whether it is new, which both must agree on. `id` is the message's, if it has one.
    pub(crate) fn hears(&mut self, link: LinkId, now: Instant, payload: &[u8], id: Option<&[u8]>) -> bool {
        let is_new = self.merge.news(link, now)(payload);
        let shown = String::from_utf8_lossy(payload);
        if let Some(id) = id {
            // The rest of the message does not matter.
            let last = self.passed.iter().rfind(|passed| passed.is_chat && passed.payload == id);
            match last.map(|passed| now - passed.at) {
                Some(age) if age < ID.0 => assert!(!is_new, "{shown} was heard {age:?} ago, and is new for {link}"),
                Some(age) if age < ID.1 => {}
                _ => assert!(is_new, "{shown} is suppressed for {link} without ever having been heard"),
            }
        } else {
            let echo = self.passed.iter_mut().find(|passed| {
                !passed.is_chat
                    && passed.payload == payload
                    && now - passed.at <= ECHO
                    && passed.listeners.contains(&link)
                    && !passed.heard_by.contains(&link)
            });
            assert_eq!(is_new, echo.is_none(), "{shown} on {link}");
            if let Some(echo) = echo {
                echo.heard_by.insert(link);
            }
        }
        if is_new {
            let (payload, listeners) = (id.unwrap_or(payload).to_vec(), self.links.clone());
            self.passed.push(Passed { at: now, is_chat: id.is_some(), payload, listeners, heard_by: [link].into() });
        }
        is_new
    }
}
