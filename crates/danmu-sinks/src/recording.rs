//! A recording: one SQLite file that any SQLite tool opens.
//!
//! | module      | what it does                                                    | who may run it                |
//! |-------------|-----------------------------------------------------------------|-------------------------------|
//! | [`writer`]  | adds messages while they come                                   | one recorder, under the lock  |
//! | [`reader`]  | gives them back: messages, search, gaps                         | anyone, also meanwhile        |
//! | [`about`]   | gives what is known of rooms and gifts                          | anyone, also meanwhile        |
//! | [`stats`]   | counts them                                                     | anyone                        |
//! | [`highlights`] | finds where more is said than usual                          | anyone                        |
//! | [`verify`]  | finds what is wrong with it                                     | anyone                        |
//! | [`backup`]  | copies it whole                                                 | anyone                        |
//! | [`optimize`], [`reindex`] | rewrite it: faster and smaller; columns anew from raw payloads | one, under the lock |
//!
//! The tables are in `schema.sql`; `docs/recording.md` explains them to users. This module opens files, makes new ones,
//! and turns down what is no recording before anything in it is touched.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension};
use thiserror::Error;

pub mod about;
pub mod backup;
pub mod highlights;
pub mod importer;
pub mod ledger;
mod lock;
pub mod optimize;
pub mod raw;
pub mod reader;
pub mod reindex;
pub mod row;
mod scan;
pub mod stats;
pub mod verify;
pub mod writer;

use lock::{Lock, LockError};

/// The scripts that bring a file from one schema to the next: the first makes a new file schema 1. A change of the
/// schema is a further script, never a change of an old one.
const MIGRATIONS: &[&str] = &[include_str!("recording/schema.sql")];

/// The newest schema that this program knows.
pub const SCHEMA: i64 = MIGRATIONS.len() as i64;

/// Pragmas of a writing connection: what to set, and what must then be read back.
const PRAGMAS: [(&str, &str, &str); 3] = [
    ("journal_mode", "wal", "wal"),
    // A commit survives a power cut: 2 is FULL.
    ("synchronous", "full", "2"),
    // 8 MiB.
    ("cache_size", "-8192", "-8192"),
];

const PAGE_SIZE: i64 = 4096;

/// How long to wait for another program that holds the database for a moment.
const BUSY: Duration = Duration::from_secs(1);

/// Why a file was not opened as a recording.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// There is no such file.
    #[error("{} does not exist", .path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// A folder is there.
    #[error("{} is a folder; name a file in it", .path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
    },
    /// The file is empty, so there is nothing to read.
    #[error("{} is empty: nothing was recorded into it", .path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// Not an SQLite database.
    #[error("{} is no recording: it is not an SQLite file", .path.display())]
    NotSqlite {
        /// The file.
        path: PathBuf,
    },
    /// A database, but of something else.
    #[error("{} is no recording: it is an SQLite file of another program", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// Made by a newer program.
    #[error("{} has schema {found}, and this program knows up to {SCHEMA}: use a newer danmu", .path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: i64,
    },
    /// Someone records into it or rewrites it.
    #[error("{} is in use by {}: stop that first, or use another file", .path.display(), process(*.pid))]
    InUse {
        /// The file.
        path: PathBuf,
        /// The process that holds it, if it said so.
        pid: Option<u32>,
    },
    /// It may be read and not written.
    #[error("{} cannot be written: it is read-only", .path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// The file or its folder cannot be opened or created.
    #[error("{} cannot be opened or created: check that its folder exists and may be written", .path.display())]
    Access {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file system does not do what a recording needs.
    #[error("{}: SQLite's {pragma} is {found} and not {wanted}; use a local disk", .path.display())]
    Pragma {
        /// The file.
        path: PathBuf,
        /// The setting.
        pragma: &'static str,
        /// What it has to be.
        wanted: String,
        /// What it is.
        found: String,
    },
    /// The database is damaged.
    #[error("{} is damaged; the `.recover` of the sqlite3 shell may save what is left", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },
    /// Anything else that SQLite said.
    #[error("{} cannot be opened", .path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },
}

fn process(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

impl OpenError {
    fn of(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::NotSqlite { path },
            Some(ErrorCode::DatabaseCorrupt) => Self::Damaged { path, source },
            Some(ErrorCode::ReadOnly) => Self::ReadOnly { path },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::InUse { path, pid: None },
            Some(ErrorCode::CannotOpen) => Self::Access { path, source: io::Error::other(source) },
            _ => Self::Sqlite { path, source },
        }
    }
}

/// Opens a recording to read it.
fn open_to_read(path: &Path) -> Result<Connection, OpenError> {
    // Asked of the system and not of SQLite, whose answer is one for all. The file itself is never opened here: closing
    // it would release the locks that this process may hold on it through SQLite.
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => return Err(OpenError::Folder { path: path.to_owned() }),
        Ok(found) if found.len() == 0 => return Err(OpenError::Empty { path: path.to_owned() }),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(OpenError::Missing { path: path.to_owned() });
        }
        Err(source) => return Err(OpenError::Access { path: path.to_owned(), source }),
    }
    let sqlite = |source| OpenError::of(path, source);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || {
        let conn = Connection::open_with_flags(path, flags).map_err(sqlite)?;
        conn.busy_timeout(BUSY).map_err(sqlite)?;
        Ok((found(&conn).map_err(sqlite)?, conn))
    };
    let (found, conn) = match open() {
        Err(OpenError::ReadOnly { .. }) => {
            roll_back(path)?;
            open()?
        }
        opened => opened?,
    };
    match found {
        Found::Recording(schema) if schema <= SCHEMA => Ok(conn),
        Found::Recording(found) => Err(OpenError::Newer { path: path.to_owned(), found }),
        Found::Nothing => Err(OpenError::Empty { path: path.to_owned() }),
        Found::Foreign => Err(OpenError::Foreign { path: path.to_owned() }),
    }
}

/// Undoes what a crash interrupted while the recording was made one file or rewritten: until then nobody can read it, and
/// who only reads cannot undo it.
fn roll_back(path: &Path) -> Result<(), OpenError> {
    let _lock = lock(path)?;
    let sqlite = |source| OpenError::of(path, source);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).map_err(sqlite)?;
    conn.busy_timeout(BUSY).map_err(sqlite)?;
    found(&conn).map_err(sqlite)?;
    Ok(())
}

fn lock(path: &Path) -> Result<Lock, OpenError> {
    Lock::take(path).map_err(|error| match error {
        LockError::Held { pid } => OpenError::InUse { path: path.to_owned(), pid },
        LockError::Io(source) => OpenError::Access { path: path.to_owned(), source },
    })
}

/// Opens a recording to change it, which only one may do at a time. `create` also makes one that is not there.
fn open_to_write(path: &Path, create: bool, program: &str) -> Result<(Connection, Lock), OpenError> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => return Err(OpenError::Folder { path: path.to_owned() }),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if !create {
                return Err(OpenError::Missing { path: path.to_owned() });
            }
        }
        Err(source) => return Err(OpenError::Access { path: path.to_owned(), source }),
    }
    let lock = lock(path)?;
    let sqlite = |source| OpenError::of(path, source);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut conn = Connection::open_with_flags(path, flags).map_err(sqlite)?;
    conn.busy_timeout(BUSY).map_err(sqlite)?;
    let schema = match found(&conn).map_err(sqlite)? {
        Found::Recording(schema) if schema <= SCHEMA => schema,
        Found::Recording(found) => return Err(OpenError::Newer { path: path.to_owned(), found }),
        Found::Nothing if create => 0,
        Found::Nothing => return Err(OpenError::Empty { path: path.to_owned() }),
        Found::Foreign => return Err(OpenError::Foreign { path: path.to_owned() }),
    };
    if conn.is_readonly("main").map_err(sqlite)? {
        return Err(OpenError::ReadOnly { path: path.to_owned() });
    }
    if schema == 0 {
        // Has to come before anything is written; an older file keeps what it has.
        conn.pragma_update(None, "page_size", PAGE_SIZE).map_err(sqlite)?;
    }
    for (pragma, value, wanted) in PRAGMAS {
        conn.pragma_update(None, pragma, value).map_err(sqlite)?;
        let found = pragma_value(&conn, pragma).map_err(sqlite)?;
        if found != wanted {
            return Err(OpenError::Pragma { path: path.to_owned(), pragma, wanted: wanted.to_owned(), found });
        }
    }
    conn.set_prepared_statement_cache_capacity(32);
    migrate(&mut conn, schema, program).map_err(sqlite)?;
    Ok((conn, lock))
}

/// What is in a database file.
enum Found {
    /// Nothing yet.
    Nothing,
    /// A recording of this schema.
    Recording(i64),
    /// Something else.
    Foreign,
}

fn found(conn: &Connection) -> rusqlite::Result<Found> {
    let tables: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables == 0 {
        return Ok(Found::Nothing);
    }
    // Other programs have tables called `meta` too, but not all of these.
    let ours: i64 = conn.query_row(
        "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN ('meta', 'run', 'link', 'message')",
        [],
        |row| row.get(0),
    )?;
    if ours < 4 {
        return Ok(Found::Foreign);
    }
    let schema = conn
        .query_row("SELECT value FROM meta WHERE key = 'schema'", [], |row| row.get::<_, i64>(0))
        .optional()
        .or_else(|error| match error.sqlite_error_code() {
            // No such column, or no number in it.
            Some(ErrorCode::Unknown) | None => Ok(None),
            _ => Err(error),
        })?;
    Ok(schema.filter(|&schema| schema > 0).map_or(Found::Foreign, Found::Recording))
}

/// Brings a file of an older schema, or an empty one, to the newest.
fn migrate(conn: &mut Connection, schema: i64, program: &str) -> rusqlite::Result<()> {
    if schema == SCHEMA {
        return Ok(());
    }
    let tx = conn.transaction()?;
    for script in &MIGRATIONS[schema as usize..] {
        tx.execute_batch(script)?;
    }
    let mut set = tx.prepare("INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)")?;
    set.execute(("schema", SCHEMA))?;
    set.execute(("program", program))?;
    drop(set);
    tx.commit()
}

/// A pragma's value as text, whatever its type.
fn pragma_value(conn: &Connection, pragma: &str) -> rusqlite::Result<String> {
    conn.pragma_query_value(None, pragma, |row| {
        Ok(match row.get_ref(0)? {
            rusqlite::types::ValueRef::Integer(number) => number.to_string(),
            value => value.as_str().unwrap_or_default().to_owned(),
        })
    })
}

/// Makes a recording one file that can be read from read-only media too: no write-ahead log beside it, none needed.
///
/// `false` if someone reads along: then the log stays until the last reader closes, and nothing is lost.
fn into_one_file(conn: Connection) -> bool {
    leaves_one_file(&conn) && conn.close().is_ok()
}

/// The same of a connection that is about to be closed.
fn leaves_one_file(conn: &Connection) -> bool {
    let alone = conn.pragma_update_and_check(None, "journal_mode", "delete", |row| row.get::<_, String>(0));
    alone.is_ok_and(|mode| mode == "delete")
}
