//! Counting a recording: messages by room and type, people, gifts, and what became of all that was received.

use std::collections::{BTreeMap, HashSet};

use danmu_proto::RoomId;
use rusqlite::params_from_iter;

use super::ledger::{self, Coverage, Gap};
use super::reader::{ReadError, Recording};
pub use super::writer::Sums;
use crate::filter::Filter;

/// What a recording holds.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// Messages that the filter let through.
    pub messages: u64,
    /// When the first of them was received, in microseconds since the Unix epoch.
    pub first_us: Option<i64>,
    /// When the last of them was received, in microseconds since the Unix epoch.
    pub last_us: Option<i64>,
    /// By room.
    pub rooms: BTreeMap<RoomId, RoomStats>,
    /// Every link of those rooms, by id. Not limited to the filter's time: sums are of whole links.
    pub links: Vec<LinkStats>,
    /// Sums over all those links.
    pub sums: Sums,
    /// Why messages were dropped, and how many.
    pub dropped: BTreeMap<String, u64>,
    /// When nobody listened.
    pub gaps: Vec<Gap>,
}

impl Stats {
    /// Links by which something is unaccounted for. Always none, or there is a fault in the program or the file.
    pub fn off(&self) -> impl Iterator<Item = &LinkStats> {
        self.links.iter().filter(|link| !link.sums.add_up())
    }
}

/// What a recording holds of a room.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct RoomStats {
    /// Messages.
    pub messages: u64,
    /// Messages by type.
    pub types: BTreeMap<String, u64>,
    /// Different accounts that said or did something.
    pub people: u64,
    /// Gifts that were given: the counts of type `dgb`.
    pub gifts: u64,
    /// What super chats paid, in fen.
    pub superchat_fen: u64,
    /// Sums over its links.
    pub sums: Sums,
    /// How much of it was listened to, if it was to be.
    pub coverage: Option<Coverage>,
}

/// A link, or the part of one between two times when the recording could not be written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LinkStats {
    /// Its number in the recording.
    pub id: i64,
    /// The run it belongs to.
    pub run: i64,
    /// The room that it joined.
    pub room: RoomId,
    /// The server that it was connected to.
    pub server: String,
    /// From when it listened, in microseconds since the Unix epoch.
    pub joined_us: Option<i64>,
    /// When its last byte came.
    pub heard_us: Option<i64>,
    /// When it was over.
    pub ended_us: Option<i64>,
    /// Why.
    pub reason: Option<String>,
    /// What became of all that it received.
    pub sums: Sums,
}

impl Recording {
    /// Counts the messages that a filter lets through, and gives the sums and the ledger of its rooms. Takes memory for
    /// each account and each link, and none for messages.
    pub fn stats(&self, filter: &Filter) -> Result<Stats, ReadError> {
        let mut stats = Stats::default();
        self.count_messages(filter, &mut stats)?;
        let meant = |room: &RoomId| filter.rooms.is_empty() || filter.rooms.contains(room);
        self.add_links(meant, &mut stats)?;
        let (wanted, listened) = self.ledger()?;
        for coverage in ledger::coverage(&wanted, &listened).into_iter().filter(|coverage| meant(&coverage.room)) {
            stats.rooms.entry(coverage.room).or_default().coverage = Some(coverage);
        }
        stats.gaps = ledger::gaps(&wanted, &listened);
        stats.gaps.retain(|gap| meant(&gap.room));
        Ok(stats)
    }

    /// One pass over the messages. Counted here and not by SQLite, which would sort them first.
    fn count_messages(&self, filter: &Filter, stats: &mut Stats) -> Result<(), ReadError> {
        let condition = filter.condition();
        let sql = format!(
            "SELECT room, type, uid, received_us, count, price_fen, duration_s FROM message
             WHERE id >= ? AND id < ?{} ORDER BY id",
            condition.sql
        );
        let (from, to) = self.ids(filter)?;
        let range = [from.into(), to.into()];
        let mut statement = self.conn.prepare(&sql)?;
        let mut rows = statement.query(params_from_iter(range.iter().chain(&condition.values)))?;
        let mut people: HashSet<(RoomId, i64)> = HashSet::new();
        while let Some(row) = rows.next()? {
            let Some(room) = row.get::<_, i64>(0)?.try_into().ok().and_then(RoomId::new) else { continue };
            let number = |column| Ok::<_, rusqlite::Error>(row.get_ref(column)?.as_i64_or_null().ok().flatten());
            let counted = stats.rooms.entry(room).or_default();
            let kind = String::from_utf8_lossy(row.get_ref(1)?.as_bytes().unwrap_or_default());
            stats.messages += 1;
            counted.messages += 1;
            if let Some(user) = number(2)?
                && people.insert((room, user))
            {
                counted.people += 1;
            }
            stats.last_us = number(3)?;
            stats.first_us = stats.first_us.or(stats.last_us);
            // Other types tell of the same gifts and super chats again.
            match (&*kind, number(4)?, number(5)?, number(6)?) {
                ("dgb", count, ..) => {
                    counted.gifts = counted.gifts.saturating_add(count.unwrap_or(1).cast_unsigned());
                }
                ("comm_chatmsg", _, Some(fen), Some(_)) => {
                    counted.superchat_fen = counted.superchat_fen.saturating_add(fen.cast_unsigned());
                }
                _ => {}
            }
            match counted.types.get_mut(&*kind) {
                Some(count) => *count += 1,
                None => _ = counted.types.insert(kind.into_owned(), 1),
            }
        }
        Ok(())
    }

    fn add_links(&self, meant: impl Fn(&RoomId) -> bool, stats: &mut Stats) -> Result<(), ReadError> {
        let mut causes = self.conn.prepare("SELECT cause, count FROM dropped WHERE link = ?1")?;
        let mut links = self.conn.prepare(
            "SELECT id, run, room, server, joined_us, heard_us, ended_us, reason,
                    received, control, stored, duplicates, dropped FROM link ORDER BY id",
        )?;
        let mut links = links.query([])?;
        while let Some(row) = links.next()? {
            let Some(room) = row.get::<_, i64>(2)?.try_into().ok().and_then(RoomId::new).filter(&meant) else {
                continue;
            };
            let link = LinkStats {
                id: row.get(0)?,
                run: row.get(1)?,
                room,
                server: row.get(3)?,
                joined_us: row.get(4)?,
                heard_us: row.get(5)?,
                ended_us: row.get(6)?,
                reason: row.get(7)?,
                sums: Sums::read(row, 8)?,
            };
            stats.sums = stats.sums.plus(link.sums);
            let counted = stats.rooms.entry(room).or_default();
            counted.sums = counted.sums.plus(link.sums);
            let mut dropped = causes.query([link.id])?;
            while let Some(row) = dropped.next()? {
                let count = stats.dropped.entry(row.get(0)?).or_default();
                *count = count.saturating_add(row.get::<_, i64>(1)?.cast_unsigned());
            }
            stats.links.push(link);
        }
        Ok(())
    }
}
