//! Spans: when somebody listened, as gaps have it, and the links that imported messages belong to.

use std::collections::BTreeMap;

use danmu_proto::RoomId;
use rusqlite::{Connection, params};

use crate::recording::ledger::{Gap, START};

/// The spans of all rooms.
pub(super) struct Spans {
    rooms: BTreeMap<i64, Room>,
}

struct Room {
    /// What was to be listened to, if the file tells of gaps.
    wanted: Option<(i64, i64)>,
    /// In the order of time; never empty.
    links: Vec<Link>,
}

struct Link {
    id: i64,
    /// From when until when it listened, if that is known.
    heard: Option<(i64, i64)>,
    reason: String,
    stored: u64,
}

/// Why the last link of a file ended.
const END: &str = "import";

/// What a file tells of a room: when its first and last message was, and its gaps.
type Told<'a> = (Option<(i64, i64)>, Vec<&'a Gap>);

impl Spans {
    /// Those of the messages that are staged. Links are numbered from `last_link` on.
    pub(super) fn of(conn: &Connection, gaps: &[Gap], last_link: i64) -> rusqlite::Result<Self> {
        let mut rooms: BTreeMap<i64, Told<'_>> = BTreeMap::new();
        let mut staged = conn.prepare("SELECT room, min(at_us), max(at_us) FROM staged GROUP BY room")?;
        let mut staged = staged.query([])?;
        while let Some(row) = staged.next()? {
            rooms.insert(row.get(0)?, (Some((row.get(1)?, row.get(2)?)), Vec::new()));
        }
        for gap in gaps.iter().filter(|gap| gap.from_us < gap.to_us) {
            rooms.entry(gap.room.as_i64()).or_default().1.push(gap);
        }
        let mut next_link = last_link + 1;
        let rooms = rooms.into_iter().map(|(room, (told, gaps))| {
            let room_spans = Room::of(told, gaps, &mut next_link);
            (room, room_spans)
        });
        Ok(Self { rooms: rooms.collect() })
    }

    /// The link of a message, which is counted there.
    pub(super) fn link(&mut self, room: i64, at_us: i64) -> i64 {
        // Every staged message has its room here, and every room a link.
        let Some(room) = self.rooms.get_mut(&room) else { return 0 };
        let later = room.links.partition_point(|link| link.heard.is_none_or(|(from_us, _)| from_us <= at_us));
        let link = &mut room.links[later.saturating_sub(1)];
        link.stored += 1;
        link.id
    }

    /// The room, if there is but one.
    pub(super) fn only_room(&self) -> Option<RoomId> {
        let mut rooms = self.rooms.keys();
        let room = rooms.next().and_then(|&room| RoomId::new(room.try_into().ok()?));
        room.filter(|_| rooms.next().is_none())
    }

    /// Links end with what they heard; where that is not known, with the file at `to_us`.
    pub(super) fn write(&self, conn: &Connection, run: i64, to_us: i64, source: &str) -> rusqlite::Result<()> {
        for (&room, spans) in &self.rooms {
            if let Some((from_us, to_us)) = spans.wanted {
                conn.prepare_cached("INSERT INTO wanted (run, room, from_us, to_us) VALUES (?1, ?2, ?3, ?4)")?
                    .execute((run, room, from_us, to_us))?;
            }
            for link in &spans.links {
                let stored = link.stored.cast_signed();
                let (joined_us, heard_us) = link.heard.unzip();
                conn.prepare_cached(
                    "INSERT INTO link (id, run, room, server, joined_us, heard_us, ended_us, reason,
                                       received, control, stored, duplicates, dropped)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?9, ?7, ?8, 0, ?8, 0, 0)",
                )?
                .execute(params![
                    link.id,
                    run,
                    room,
                    source,
                    joined_us,
                    heard_us,
                    link.reason,
                    stored,
                    heard_us.unwrap_or(to_us)
                ])?;
            }
        }
        Ok(())
    }
}

impl Room {
    fn of(told: Option<(i64, i64)>, mut gaps: Vec<&Gap>, next_link: &mut i64) -> Self {
        let mut link = |heard: Option<(i64, i64)>, reason: &str| {
            *next_link += 1;
            Link { id: *next_link - 1, heard, reason: reason.to_owned(), stored: 0 }
        };
        gaps.sort_by_key(|gap| (gap.from_us, gap.to_us));
        let (Some(first), Some(ends_us)) = (gaps.first(), gaps.iter().map(|gap| gap.to_us).max()) else {
            return Self { wanted: None, links: vec![link(None, END)] };
        };
        let from_us = told.map_or(first.from_us, |(from_us, _)| from_us.min(first.from_us));
        let to_us = told.map_or(ends_us, |(_, to_us)| to_us.max(ends_us));
        // A gap has its reason from a link that ended there: one must have been.
        let from_us = if first.from_us == from_us && first.reason != START { from_us - 1 } else { from_us };
        let mut links = Vec::new();
        let mut heard_us = from_us;
        for gap in gaps {
            if heard_us < gap.from_us {
                links.push(link(Some((heard_us, gap.from_us)), &gap.reason));
            }
            heard_us = heard_us.max(gap.to_us);
        }
        if heard_us < to_us || links.is_empty() {
            links.push(link(Some((heard_us, to_us.max(heard_us))), END));
        }
        Self { wanted: Some((from_us, to_us)), links }
    }
}
