//! A script of what links of a room hear, and when: merging does what it is said to do in a sentence, within its memory.
//! Each step is a letter, the link's digit, and what follows up to the next line.

use std::time::{Duration, Instant};

use danmu_client::LinkId;
use danmu_client::standby::Merge;
use danmu_proto::message;

#[path = "../../crates/danmu-client/tests/standby/naive.rs"]
mod naive;

use naive::Naive;

/// Room for more than a script says, so that nothing is forgotten early.
const LIMIT_BYTES: usize = 8 << 20;

pub(crate) fn check(data: &[u8]) {
    let mut now = Instant::now();
    let mut naive = Naive::new(Merge::new(LIMIT_BYTES));
    let mut links = [0, 1, 2, 3].map(LinkId);
    let mut next = 4;
    for step in data.split(|byte| *byte == b'\n') {
        let [act, link, rest @ ..] = step else { continue };
        let link = &mut links[usize::from(link % 4)];
        match act {
            b'j' => naive.joined(*link),
            // It ends, and another comes in its place.
            b'l' => {
                naive.left(*link);
                *link = LinkId(next);
                next += 1;
            }
            // Time passes: as many tenths of a second, or as many times ten seconds, as there are bytes.
            b't' => now += Duration::from_millis(100 * rest.len() as u64),
            b's' => now += Duration::from_secs(10 * rest.len() as u64),
            // A line of chat with this id, or any message.
            b'c' => {
                let payload = [b"type@=chatmsg/txt@=x/cid@=", rest, b"/"].concat();
                hears(&mut naive, *link, now, &payload);
            }
            _ => hears(&mut naive, *link, now, rest),
        }
    }
    assert!(naive.size_bytes() <= LIMIT_BYTES);
}

fn hears(naive: &mut Naive, link: LinkId, now: Instant, payload: &[u8]) {
    let id = message::id(payload);
    naive.hears(link, now, payload, id.as_ref().map(|id| id.as_bytes()));
}
