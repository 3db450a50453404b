//! One commit: everything that waits goes into the file, or nothing.

use danmu_proto::summary::GiftKind;
use rusqlite::{Connection, TransactionBehavior, params};

use super::{CatalogGift, CommitError, Pending, Recorder, RoomState};
use crate::recording::row;

impl Recorder {
    /// Writes what waits. In memory nothing changes before the file has it.
    pub(super) fn write(&mut self, now_us: i64) -> Result<(), CommitError> {
        if self.is_gone() {
            return Err(self.gone());
        }
        let (last_id, received_us) = self.transaction(now_us)?;

        self.pending.clear();
        self.pending_bytes = 0;
        self.committed.rows += std::mem::take(&mut self.pending_rows);
        self.committed.last_id = last_id;
        self.received_us = received_us;
        self.ended_links.clear();
        self.ended_wanted.clear();
        self.room_states.clear();
        self.gifts.clear();
        for link in self.links.values_mut().filter(|link| link.dirty) {
            link.written(now_us);
        }
        for span in self.wanted.values_mut() {
            span.written = true;
        }
        self.changed_us = None;
        self.stamped_us = now_us;
        Ok(())
    }

    /// The transaction; gives the id of the last message in the file, and when that was received.
    fn transaction(&mut self, now_us: i64) -> Result<(i64, i64), CommitError> {
        let sqlite = |source| CommitError::of(&self.path, source);
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sqlite)?;

        let (mut id, mut received_us) = (self.committed.last_id, self.received_us);
        if !self.pending.is_empty() {
            // A commit that failed may have left half a block.
            self.raw.clear();
            let mut insert = tx.prepare_cached(INSERT).map_err(sqlite)?;
            for Pending { link, records } in &self.pending {
                // Bisecting needs it to rise, also where two links or the clock did not keep the order.
                received_us = received_us.max(records.received_us);
                for record in records.messages() {
                    id += 1;
                    let given = (id, record.room, *link, received_us);
                    row::bind(&mut insert, given, &record.summary()).map_err(sqlite)?;
                    insert.raw_execute().map_err(sqlite)?;
                    if self.options.raw
                        && let Some(block) = self.raw.push(id, &record.payload)?
                    {
                        block.insert(&tx).map_err(sqlite)?;
                    }
                }
            }
            if let Some(block) = self.raw.finish()? {
                block.insert(&tx).map_err(sqlite)?;
            }
        }

        let links = self.ended_links.values().chain(self.links.values());
        for link in links.filter(|link| link.dirty) {
            link.write(&tx, self.run, now_us).map_err(sqlite)?;
        }
        let wanted = self.ended_wanted.iter().chain(self.wanted.values().filter(|span| !span.written));
        for span in wanted {
            span.write(&tx, self.run).map_err(sqlite)?;
        }
        for (room, at_us, state) in &self.room_states {
            write_room_state(&tx, room.as_i64(), *at_us, state).map_err(sqlite)?;
        }
        for gift in &self.gifts {
            write_gift(&tx, gift).map_err(sqlite)?;
        }
        tx.prepare_cached("UPDATE run SET to_us = max(to_us, ?2), reason = ?3 WHERE id = ?1")
            .and_then(|mut stamp| stamp.execute(params![self.run, now_us, self.reason]))
            .map_err(sqlite)?;
        tx.commit().map_err(sqlite)?;
        Ok((id, received_us))
    }
}

/// All columns in their order: first what is given, then what is made from the payload.
const INSERT: &str = "INSERT INTO message VALUES \
     (?24, ?25, ?26, ?27, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, \
      ?21, ?22, ?23)";

pub(in crate::recording) fn write_room_state(
    conn: &Connection,
    room: i64,
    at_us: i64,
    state: &RoomState,
) -> rusqlite::Result<()> {
    let RoomState { live, title, owner, owner_uid, category } = state;
    conn.prepare_cached(
        "INSERT INTO room_state (room, at_us, live, title, owner, owner_uid, category)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![room, at_us, live, title, owner, owner_uid.map(u64::cast_signed), category])?;
    Ok(())
}

fn write_gift(conn: &Connection, gift: &CatalogGift) -> rusqlite::Result<()> {
    let CatalogGift { kind, id, name, price_fen } = gift;
    conn.prepare_cached("INSERT OR REPLACE INTO gift (kind, id, name, price_fen) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![GiftKind::name(*kind), id.cast_signed(), name, price_fen.map(u64::cast_signed)])?;
    Ok(())
}
