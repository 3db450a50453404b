//! Verifying: is the recording sound, and does it agree with itself?

use std::collections::BTreeSet;
use std::fmt;

use rusqlite::{Connection, ErrorCode};

use super::raw::{Block, Stored};
use super::reader::{ReadError, Recording};
use super::stats::Sums;

/// What a recording was found to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// Messages.
    pub messages: u64,
    /// Messages whose raw payload is there and sound.
    pub raw: u64,
    /// What is wrong. Empty for a sound recording; at most [`MOST_FINDINGS`] of each kind.
    pub findings: Vec<Finding>,
}

impl Verified {
    /// Whether nothing is wrong.
    pub const fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }
}

/// Something wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at.
    pub check: Check,
    /// What is wrong, and where.
    pub detail: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.check.name(), self.detail)
    }
}

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Check {
    /// The database by itself.
    Database,
    /// Checksums and shapes of raw blocks, and that their messages are there.
    Raw,
    /// That messages were received in the order of their ids.
    Order,
    /// That all that links received is accounted for, and that as many messages are there as they say.
    Sums,
    /// That nothing in the ledger ends before it begins.
    Ledger,
}

impl Check {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Raw => "raw payloads",
            Self::Order => "order",
            Self::Sums => "sums",
            Self::Ledger => "ledger",
        }
    }
}

/// Of each kind, at most this many findings are given.
pub const MOST_FINDINGS: usize = 20;

impl Recording {
    /// Looks at everything. Takes as long as reading the whole file.
    pub fn verify(&self) -> Result<Verified, ReadError> {
        // One look at the file, so that a recorder's commits in between do not look like faults.
        let look = self.conn.unchecked_transaction()?;
        let mut verified = Verified::default();
        verified.check(Check::Database, database(&look))?;
        let messages = verified.made(Check::Database, count(&look))?;
        verified.messages = messages.cast_unsigned();
        let (raw, damages) = verified.made(Check::Raw, raw(&look))?;
        verified.raw = raw;
        verified.add(Check::Raw, damages);
        for (check, sql) in QUERIES {
            verified.check(*check, details(&look, sql))?;
        }
        verified.check(Check::Sums, sums(&look))?;
        let disagreed = self.disagreed(&look)?;
        verified.check(Check::Ledger, disagreed)?;
        // What stops several checks of a kind is one fault.
        verified.findings.dedup();
        Ok(verified)
    }
}

impl Recording {
    /// Gaps that only the view or only the function of the ledger finds.
    fn disagreed(&self, conn: &Connection) -> Result<rusqlite::Result<Vec<String>>, ReadError> {
        let gaps: BTreeSet<_> =
            self.gaps()?.into_iter().map(|gap| (gap.room.as_i64(), gap.from_us, gap.to_us, gap.reason)).collect();
        let view = conn.prepare("SELECT room, from_us, to_us, reason FROM gap").and_then(|mut view| {
            let rows = view.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
            rows.collect::<rusqlite::Result<BTreeSet<(i64, i64, i64, String)>>>()
        });
        let tell = |(room, from_us, to_us, reason): &(i64, i64, i64, String)| {
            format!("the view gap and the ledger disagree on room {room} from {from_us} to {to_us} ({reason})")
        };
        Ok(view.map(|view| gaps.symmetric_difference(&view).map(tell).collect()))
    }
}

impl Verified {
    fn check(&mut self, check: Check, details: rusqlite::Result<Vec<String>>) -> Result<(), ReadError> {
        let details = self.made(check, details)?;
        self.add(check, details);
        Ok(())
    }

    /// What a check gave. If damage keeps it from being made, that is what it finds.
    fn made<T: Default>(&mut self, check: Check, made: rusqlite::Result<T>) -> Result<T, ReadError> {
        match made {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt) => {
                self.add(check, [format!("cannot be checked: {error}")]);
                Ok(T::default())
            }
            made => Ok(made?),
        }
    }

    fn add(&mut self, check: Check, details: impl IntoIterator<Item = String>) {
        self.findings.extend(details.into_iter().take(MOST_FINDINGS).map(|detail| Finding { check, detail }));
    }
}

fn count(conn: &Connection) -> rusqlite::Result<i64> {
    conn.query_row("SELECT count(*) FROM message", [], |row| row.get(0))
}

fn database(conn: &Connection) -> rusqlite::Result<Vec<String>> {
    let found = details(conn, "SELECT integrity_check FROM pragma_integrity_check")?;
    Ok(found.into_iter().filter(|line| line != "ok").collect())
}

/// Each gives a line for everything that is wrong.
const QUERIES: &[(Check, &str)] = &[
    (
        Check::Order,
        "SELECT 'message ' || id || ' was received before the one in front of it' FROM
         (SELECT id, received_us, lag(received_us) OVER (ORDER BY id) AS before FROM message) WHERE received_us < before",
    ),
    (Check::Order, "SELECT 'message ' || id || ' has no room' FROM message WHERE NOT room > 0"),
    (
        Check::Ledger,
        "SELECT 'run ' || id || ' ends before it begins' FROM run WHERE to_us < from_us
         UNION ALL
         SELECT 'a wanted time of room ' || room || ' ends before it begins' FROM wanted WHERE to_us < from_us
         UNION ALL
         SELECT 'link ' || id || ' heard its last before it joined' FROM link WHERE heard_us < joined_us
         UNION ALL
         SELECT 'link ' || id || ' ended before it heard its last' FROM link WHERE ended_us < heard_us
         UNION ALL
         SELECT 'link ' || id || ' belongs to no run' FROM link WHERE run NOT IN (SELECT id FROM run)
         UNION ALL
         SELECT 'a wanted time of room ' || room || ' belongs to no run' FROM wanted
         WHERE run NOT IN (SELECT id FROM run)
         UNION ALL
         SELECT 'link ' || link.id || ' goes on although its run is over' FROM link JOIN run ON run.id = link.run
         WHERE ended_us IS NULL AND run.reason IS NOT NULL
         UNION ALL
         SELECT 'a wanted time of room ' || room || ' goes on although its run is over' FROM wanted
         JOIN run ON run.id = wanted.run WHERE wanted.to_us IS NULL AND run.reason IS NOT NULL
         UNION ALL
         SELECT 'run ' || id || ' goes on although another has begun' FROM run
         WHERE reason IS NULL AND id < (SELECT max(id) FROM run)
         UNION ALL
         SELECT 'link ' || id || ' ended, and does not say why' FROM link WHERE ended_us IS NOT NULL AND reason IS NULL
         UNION ALL
         SELECT 'link ' || id || ' joined, and never heard a thing' FROM link
         WHERE joined_us IS NOT NULL AND heard_us IS NULL
         UNION ALL
         SELECT 'link ' || id || ' has no room' FROM link WHERE NOT room > 0
         UNION ALL
         SELECT 'a wanted time has no room' FROM wanted WHERE NOT room > 0",
    ),
    (
        Check::Ledger,
        "SELECT 'message ' || message.id || ' of room ' || message.room || ' came over link ' || link.id
                || ' to room ' || link.room
         FROM message JOIN link ON link.id = message.link WHERE message.room <> link.room",
    ),
    (
        Check::Sums,
        "SELECT 'link ' || id || ' has a sum below zero' FROM link
         WHERE min(received, control, stored, duplicates, dropped) < 0
         UNION ALL
         SELECT count || ' messages were dropped by link ' || link || ', which is not there' FROM dropped
         WHERE link NOT IN (SELECT id FROM link)",
    ),
    (
        Check::Sums,
        "SELECT 'link ' || id || ' dropped ' || link.dropped || ' messages and has causes for ' || causes FROM
         (SELECT id, dropped, (SELECT coalesce(sum(count), 0) FROM dropped WHERE link = link.id) AS causes FROM link)
         AS link WHERE link.dropped <> causes",
    ),
    (
        Check::Sums,
        "SELECT 'link ' || id || ' stored ' || stored || ' messages, and ' || coalesce(found, 0) || ' are there'
         FROM link LEFT JOIN (SELECT link, count(*) AS found FROM message GROUP BY link) AS m ON m.link = link.id
         WHERE stored <> coalesce(found, 0)
         UNION ALL
         SELECT found || ' messages belong to link ' || m.link || ', which is not there'
         FROM (SELECT link, count(*) AS found FROM message GROUP BY link) AS m
         WHERE m.link NOT IN (SELECT id FROM link)",
    ),
];

fn details(conn: &Connection, sql: &str) -> rusqlite::Result<Vec<String>> {
    conn.prepare(sql)?.query_map([], |row| row.get(0))?.take(MOST_FINDINGS).collect()
}

fn sums(conn: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut links = conn.prepare("SELECT id, received, control, stored, duplicates, dropped FROM link")?;
    let mut links = links.query([])?;
    let mut off = Vec::new();
    while let Some(link) = links.next()?
        && off.len() < MOST_FINDINGS
    {
        let (id, sums): (i64, Sums) = (link.get(0)?, Sums::read(link, 1)?);
        if !sums.add_up() {
            let Sums { received, control, stored, duplicates, dropped } = sums;
            off.push(format!(
                "link {id} received {received}, which is not {control} control + {stored} stored + \
                 {duplicates} duplicates + {dropped} dropped"
            ));
        }
    }
    Ok(off)
}

/// Opens every block. Gives how many payloads are sound, and what is not.
fn raw(conn: &Connection) -> rusqlite::Result<(u64, Vec<String>)> {
    let mut find = conn.prepare("SELECT count(*) FROM message WHERE id >= ?1 AND id < ?2")?;
    let mut blocks = conn.prepare("SELECT first_id, count, crc, body FROM raw_block ORDER BY first_id")?;
    let mut blocks = blocks.query([])?;
    let (mut sound, mut wrong, mut end_id) = (0, Vec::new(), i64::MIN);
    while let Some(row) = blocks.next()? {
        let stored = Stored::read(row)?;
        let first_id = stored.first_id;
        match Block::open(&stored) {
            Ok(block) => {
                let messages: i64 = find.query_row([first_id, block.end_id()], |row| row.get(0))?;
                if messages != stored.count {
                    wrong.push(format!("raw block {first_id} has {} payloads for {messages} messages", stored.count));
                }
                if first_id < end_id {
                    wrong.push(format!("raw block {first_id} begins inside the one before"));
                }
                end_id = block.end_id();
                sound += messages.cast_unsigned();
            }
            Err(error) => wrong.push(error.to_string()),
        }
        wrong.truncate(MOST_FINDINGS);
    }
    Ok((sound, wrong))
}
