//! The lookout: a thread that learns what goes on in the rooms that are recorded, and tells the recording.
//!
//! Chat says nothing about title or category, and about the stream only when it starts or ends. So the state of a room is
//! asked for when it is joined, again after a reconnect (unless that was less than a minute ago), when `rss` says that the
//! stream changed, and every ten minutes. It is told when it changed, and after a reconnect.

use std::collections::HashMap;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use danmu_client::directory::{Directory, RoomState};
use danmu_client::queue::NoEvent;
use danmu_client::{Event, Events, RoomId};
use danmu_proto::message;

use crate::writer::Told;

/// A state younger than this is not asked for again because of a reconnect.
const FRESH: Duration = Duration::from_secs(60);
/// A state older than this is asked for again without a reason.
const OLD: Duration = Duration::from_secs(600);
/// How often to look for old ones.
const LOOK: Duration = Duration::from_secs(5);

/// Starts the thread. It ends when `events` do, or nobody hears it any more.
pub(crate) fn start(
    directory: Directory,
    mut events: Events,
    tell: mpsc::Sender<Told>,
) -> std::io::Result<JoinHandle<()>> {
    thread::Builder::new().name("danmu-lookout".to_owned()).spawn(move || {
        let mut known: HashMap<RoomId, Known> = HashMap::new();
        loop {
            let reason = match events.wait(LOOK) {
                Ok(event) => of_event(&event, &known),
                Err(NoEvent::TimedOut) => of_age(&known),
                Err(NoEvent::Ended) => return,
            };
            let Some((room, always_tell)) = reason else { continue };
            let state = directory.state(room).inspect_err(|error| tracing::debug!(%room, %error, "no room state")).ok();
            let last = known.insert(room, Known { asked: Instant::now(), state: state.clone() });
            let Some(state) = state else { continue };
            let is_news = always_tell || last.and_then(|last| last.state).is_none_or(|last| has_changed(&last, &state));
            if is_news && tell.send(Told::State(state)).is_err() {
                return;
            }
        }
    })
}

/// What was heard of a room last.
struct Known {
    asked: Instant,
    state: Option<RoomState>,
}

/// The room whose state is worth asking for after this event, and whether the answer is to be told in any case.
fn of_event(event: &Event, known: &HashMap<RoomId, Known>) -> Option<(RoomId, bool)> {
    match event {
        Event::Joined { room, .. } => {
            known.get(room).is_none_or(|known| known.asked.elapsed() >= FRESH).then_some((*room, true))
        }
        Event::Records(records) => {
            let changed = records.messages().any(|record| message::kind(&record.payload) == "rss");
            changed.then_some((records.room, false))
        }
        _ => None,
    }
}

/// The room that was asked about the longest ago, if that is long.
fn of_age(known: &HashMap<RoomId, Known>) -> Option<(RoomId, bool)> {
    let (room, oldest) = known.iter().min_by_key(|(_, known)| known.asked)?;
    (oldest.asked.elapsed() >= OLD).then_some((*room, false))
}

fn has_changed(last: &RoomState, now: &RoomState) -> bool {
    let told = |state: &RoomState| (state.live, state.title.clone(), state.category.clone(), state.owner.clone());
    told(last) != told(now)
}
