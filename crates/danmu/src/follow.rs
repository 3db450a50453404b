//! Following rooms on the screen: prints messages as they come, tells what happens to links, and knows when to stop.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use danmu_client::event::now_us;
use danmu_client::queue::NoEvent;
use danmu_client::{Event, Events, Lost, Records, RoomId, Status};
use danmu_proto::session::{Reason, ServerError};
use danmu_sinks::format::jsonl::{self, Lines};
use danmu_sinks::{Entry, Gap, Types, entry};
use jiff::tz::TimeZone;

use crate::capture::Patience;
use crate::duration;
use crate::exit::Exit;
use crate::printer::{Closed, Printer};
use crate::render::{Render, is_for_viewers};
use crate::signal::Stop;

/// How often to look whether to stop.
const LOOK: Duration = Duration::from_millis(100);
/// With more rooms than this, what happens to single links is no news.
const FEW: usize = 20;

/// How messages are shown.
#[derive(Debug)]
pub(crate) enum Show {
    /// Not at all: someone else takes them.
    Nothing,
    /// As lines for people. `all` shows bookkeeping too.
    Lines { render: Render, all: bool },
    /// As JSON Lines, with the number of the last one. `events` shows what happens to links too.
    Json { seq: i64, events: bool, lines: Lines },
}

impl Show {
    /// JSON Lines, from the first.
    pub(crate) fn json(events: bool) -> Self {
        Self::Json { seq: 0, events, lines: Lines::default() }
    }

    /// Lines, with the room named where there are several.
    pub(crate) fn lines(rooms: usize, all: bool, raw: bool) -> Self {
        Self::Lines { render: Render { rooms: rooms > 1, days: false, zone: TimeZone::system(), raw }, all }
    }
}

/// Why following ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// By Ctrl-C or SIGTERM, at the limit or the end of the time, or because nothing more can come.
    Done,
    /// No room could be joined; this is what went wrong last.
    GivenUp(Option<Lost>),
}

impl Ended {
    /// What the program's end says about it; an error is printed.
    pub(crate) fn exit(self) -> Exit {
        let Self::GivenUp(last) = self else { return Exit::Done };
        let wrong_room = last.as_ref().is_some_and(is_wrong_room);
        match last {
            Some(last) => crate::printer::error(format_args!("given up: {last}")),
            None => crate::printer::error("given up: no server answered"),
        }
        if wrong_room { Exit::NoSuchRoom } else { Exit::GivenUp }
    }
}

/// Sums of what was followed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sums {
    /// Payloads received: the sum of the next six.
    pub(crate) received: u64,
    /// Control among them.
    pub(crate) control: u64,
    /// Messages shown.
    pub(crate) shown: u64,
    /// Messages not asked for: of another type, bookkeeping, or after the limit.
    pub(crate) left_out: u64,
    /// Messages lost because the screen was too slow.
    pub(crate) lagged: u64,
    /// Messages that another connection had heard before.
    pub(crate) duplicates: u64,
    /// Messages that were no packets, or that there was no room for.
    pub(crate) dropped: u64,
    /// Connections lost after they had joined.
    pub(crate) lost: u64,
}

/// Follows events to the screen.
#[derive(Debug)]
pub(crate) struct Follow<'p> {
    pub(crate) printer: &'p mut Printer,
    pub(crate) show: Show,
    pub(crate) types: Types,
    pub(crate) limit: Option<u64>,
    pub(crate) until: Option<Instant>,
    pub(crate) give_up: Patience,
    /// How many rooms there are.
    pub(crate) rooms: usize,
    pub(crate) sums: Sums,
    /// Rooms that were joined, and turned out to be rooms.
    joined: HashSet<RoomId>,
    last: Option<Lost>,
}

impl<'p> Follow<'p> {
    pub(crate) fn new(printer: &'p mut Printer, show: Show, types: Types, give_up: Patience, rooms: usize) -> Self {
        let sums = Sums::default();
        Self {
            printer,
            show,
            types,
            limit: None,
            until: None,
            give_up,
            rooms,
            sums,
            joined: HashSet::new(),
            last: None,
        }
    }

    /// Follows until there is a reason to stop. `enough` is asked several times a second, and may be one.
    ///
    /// # Errors
    /// What is shown cannot be printed.
    pub(crate) fn run(
        &mut self,
        events: &mut Events,
        stop: &Stop,
        mut enough: impl FnMut(&mut Printer) -> Result<bool, Closed>,
    ) -> Result<Ended, Closed> {
        let give_up = self.give_up.0.map(|patience| Instant::now() + patience);
        loop {
            let now = Instant::now();
            if stop.asked() || self.until.is_some_and(|until| now >= until) || self.is_full() || enough(self.printer)? {
                self.printer.flush()?;
                return Ok(Ended::Done);
            }
            if self.joined.is_empty() && give_up.is_some_and(|give_up| now >= give_up) {
                return Ok(Ended::GivenUp(self.last.take()));
            }
            // Lines are seen as soon as there is nothing more to print at once.
            let event = events.wait(Duration::ZERO).or_else(|_| {
                self.printer.flush().map_err(Err)?;
                let soon = self.until.map_or(LOOK, |until| until.saturating_duration_since(now).min(LOOK));
                events.wait(soon).map_err(Ok)
            });
            match event {
                Ok(event) => self.event(event)?,
                Err(Ok(NoEvent::TimedOut)) => {}
                Err(Ok(NoEvent::Ended)) => return Ok(Ended::Done),
                Err(Err(closed)) => return Err(closed),
            }
        }
    }

    fn is_full(&self) -> bool {
        self.limit.is_some_and(|limit| self.sums.shown >= limit)
    }

    fn event(&mut self, event: Event) -> Result<(), Closed> {
        if let Show::Json { events: true, .. } = self.show
            && let Some(event) = in_json(&event)
        {
            self.printer.json(|out| {
                jsonl::push_event(out, &event);
                Ok(())
            })?;
        }
        let few = self.rooms <= FEW;
        match event {
            Event::Records(records) => return self.records(&records),
            Event::Joined { room, server, .. } => {
                self.joined.insert(room);
                if few {
                    self.printer.note(format_args!("room {room}: joined on {server}"));
                }
            }
            Event::Lost { room, joined, reason, .. } => {
                let broken = u64::from(reason.dropped().is_some());
                self.sums.received += broken;
                self.sums.dropped += broken;
                self.sums.lost += u64::from(joined);
                if is_wrong_room(&reason) {
                    self.joined.remove(&room);
                }
                if few && !matches!(reason, Lost::Session(Reason::LoggedOut)) {
                    self.printer.warn(format_args!("room {room}: {reason}"));
                }
                self.last = Some(reason);
            }
            Event::Gap { room, from_us, to_us, reason } if few => {
                let missed = duration::show(Duration::from_micros(to_us.abs_diff(from_us)));
                self.printer.warn(format_args!("room {room}: nobody listened for {missed} ({})", reason.name()));
            }
            Event::Duplicates { messages, .. } => {
                self.sums.received += messages;
                self.sums.duplicates += messages;
            }
            Event::Dropped { room, messages, control, .. } => {
                self.sums.received += messages + control;
                self.sums.control += control;
                self.sums.dropped += messages;
                self.printer
                    .warn(format_args!("room {room}: {messages} messages came while there was no room for them"));
            }
            Event::Status { room, status: Status::Waiting { pause, failures } } if few => {
                let pause = duration::show(pause);
                self.printer.note(format_args!("room {room}: trying again in {pause} (failure {failures})"));
            }
            Event::Lagged(messages) => {
                self.sums.received += messages;
                self.sums.lagged += messages;
                if !matches!(self.show, Show::Nothing) {
                    self.printer.warn(format_args!("{messages} messages not shown: the output is too slow"));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn records(&mut self, records: &Records) -> Result<(), Closed> {
        self.sums.received += records.len() as u64;
        self.sums.control += records.control_count() as u64;
        for record in records.messages() {
            let summary = record.summary();
            if self.is_full() || !self.types.has(&summary) {
                self.sums.left_out += 1;
                continue;
            }
            match &mut self.show {
                // Whoever takes them counts them; the rest need not be looked at.
                Show::Nothing => return Ok(()),
                Show::Lines { all: false, .. } if !is_for_viewers(&summary) => {
                    self.sums.left_out += 1;
                    continue;
                }
                Show::Lines { render, .. } => {
                    render.print(self.printer, record.room.get(), record.received_us, &summary)?;
                }
                Show::Json { seq, lines, .. } => {
                    *seq += 1;
                    let entry = Entry { seq: Some(*seq), ..Entry::live(&record, &summary) };
                    self.printer.json(|out| {
                        lines.message(out, &entry);
                        Ok(())
                    })?;
                }
            }
            self.sums.shown += 1;
        }
        Ok(())
    }
}

/// Whether the server says that there is no such room.
const fn is_wrong_room(lost: &Lost) -> bool {
    matches!(lost, Lost::Session(Reason::Server(ServerError::WrongRoom)))
}

/// The event as programs read it. Messages are none.
fn in_json(event: &Event) -> Option<entry::Event> {
    Some(match event {
        Event::Joined { room, server, at_us, .. } => {
            entry::Event::Joined { room: *room, at_us: *at_us, server: server.to_string() }
        }
        Event::Lost { room, reason, at_us, .. } => {
            entry::Event::Lost { room: *room, at_us: *at_us, reason: reason.name().to_owned() }
        }
        Event::Gap { room, from_us, to_us, reason } => {
            entry::Event::Gap(Gap { room: *room, from_us: *from_us, to_us: *to_us, reason: reason.name().to_owned() })
        }
        Event::Status { room, status } => {
            let status = match status {
                Status::Connecting(server) => format!("connecting to {server}"),
                Status::Waiting { pause, .. } => format!("waiting {:.1} s", pause.as_secs_f64()),
                _ => return None,
            };
            entry::Event::Status { room: *room, at_us: now_us(), status }
        }
        Event::Lagged(lost) => entry::Event::Lagged { lost: *lost },
        Event::Dropped { room, from_us, to_us, .. } => {
            entry::Event::Gap(Gap { room: *room, from_us: *from_us, to_us: *to_us, reason: "storage".to_owned() })
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use danmu_proto::{Batch, LinkId};

    use super::*;

    #[test]
    fn what_came_too_fast_to_show_was_received_all_the_same() {
        let mut printer = Printer::new(true);
        let types = Types::new(["of none of them"]);
        let mut follow = Follow::new(&mut printer, Show::lines(1, false, false), types, Patience(None), 1);
        let mut batch = Batch::new();
        batch.push(b"type@=loginres/", true);
        batch.push(b"type@=chatmsg/txt@=hi/", false);
        follow.event(Event::Records(batch.freeze(RoomId::new(1).unwrap(), LinkId(1), 0))).unwrap();
        follow.event(Event::Lagged(5)).unwrap();
        let (room, link) = (RoomId::new(1).unwrap(), LinkId(2));
        follow.event(Event::Duplicates { room, link, messages: 3 }).unwrap();
        follow.event(Event::Dropped { room, link, messages: 2, control: 4, from_us: 0, to_us: 1 }).unwrap();
        let Sums { received, control, shown, left_out, lagged, duplicates, dropped, .. } = follow.sums;
        assert_eq!((received, control, shown, left_out, lagged, duplicates, dropped), (16, 5, 0, 1, 5, 3, 2));
    }
}
