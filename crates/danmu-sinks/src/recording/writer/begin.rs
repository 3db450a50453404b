//! The beginning of a run: what a crash left open is closed first.

use rusqlite::{Connection, OptionalExtension, params};

use crate::recording::optimize;

/// The reason of links and runs that ended without being told to.
const CRASH: &str = "crash";

/// Where a new run stands.
pub(in crate::recording) struct Begun {
    pub(in crate::recording) run: i64,
    /// When it begins.
    pub(in crate::recording) from_us: i64,
    /// The last message, 0 if there is none, and when it was received.
    pub(in crate::recording) last_id: i64,
    pub(in crate::recording) received_us: i64,
    pub(in crate::recording) last_link: i64,
    pub(in crate::recording) last_wanted: i64,
}

/// Ends what a crash left open, drops the indexes that would slow recording down, and begins a run.
pub(super) fn begin(conn: &mut Connection, version: &str, now_us: i64) -> rusqlite::Result<Begun> {
    let tx = conn.transaction()?;
    let begun = begin_in(&tx, version, now_us)?;
    tx.commit()?;
    Ok(begun)
}

/// The same as a part of a transaction.
pub(in crate::recording) fn begin_in(tx: &Connection, version: &str, now_us: i64) -> rusqlite::Result<Begun> {
    let last: Option<(i64, i64)> = tx
        .query_row("SELECT id, received_us FROM message ORDER BY id DESC LIMIT 1", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let (last_id, received_us) = last.unwrap_or((0, i64::MIN));
    countable(last_id)?;
    // Where the clock was put back since, two runs would share a time, and one would hide the other's gaps.
    let ended_us: Option<i64> = tx.query_row("SELECT max(to_us) FROM run", [], |row| row.get(0))?;
    let now_us = ended_us.map_or(now_us, |ended_us| ended_us.max(now_us));

    // Rows and the sums and times of their links were always committed together, so they need no mending.
    tx.execute(
        "UPDATE link SET ended_us = max(coalesce(heard_us, 0), (SELECT to_us FROM run WHERE id = link.run)), reason = ?1
         WHERE ended_us IS NULL",
        [CRASH],
    )?;
    tx.execute("UPDATE wanted SET to_us = max(from_us, ?1) WHERE to_us IS NULL", [now_us])?;
    tx.execute("UPDATE run SET reason = ?1 WHERE reason IS NULL", [CRASH])?;

    optimize::drop_indexes(tx)?;
    tx.execute("INSERT INTO run (from_us, to_us, version) VALUES (?1, ?1, ?2)", params![now_us, version])?;
    let run = tx.last_insert_rowid();
    tx.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('program', ?1)", [version])?;
    let largest = |sql| -> rusqlite::Result<i64> {
        let id = tx.query_row(sql, [], |row| row.get::<_, Option<i64>>(0))?.unwrap_or(0);
        countable(id)
    };
    let last_link = largest("SELECT max(id) FROM link")?;
    let last_wanted = largest("SELECT max(rowid) FROM wanted")?;
    Ok(Begun { run, from_us: now_us, last_id, received_us, last_link, last_wanted })
}

/// An id from which it is possible to count on. Only who edits a recording can make another.
fn countable(id: i64) -> rusqlite::Result<i64> {
    if id < i64::MAX / 2 { Ok(id) } else { Err(rusqlite::Error::IntegralValueOutOfRange(0, id)) }
}
