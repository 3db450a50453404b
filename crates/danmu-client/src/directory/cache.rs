//! Which room a name meant, for as long as that is believed: in memory and, if asked for, in a small JSON file.
//!
//! ```json
//! {"v":1,"names":{"lpl":{"room":288016,"at":1790000000}}}
//! ```
//!
//! `at` is when Douyu was asked, in seconds since the Unix epoch. The file is an aid, never a need: one that cannot be
//! read counts as empty, and one that cannot be written stays as it was.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::name::RoomName;
use crate::RoomId;

/// How many names are kept: the newest.
const MOST: usize = 10_000;
/// Ten thousand of the longest names fit.
const MOST_BYTES: u64 = 2 << 20;
const VERSION: u32 = 1;

#[derive(Debug)]
pub(super) struct Cache {
    keep: Duration,
    path: Option<PathBuf>,
    names: Mutex<Names>,
}

type Names = HashMap<String, Entry>;

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
struct Entry {
    room: u64,
    at: u64,
}

#[derive(Default, Deserialize, Serialize)]
struct Stored {
    v: u32,
    names: Names,
}

impl Cache {
    pub(super) fn open(path: Option<PathBuf>, keep: Duration) -> Self {
        let names = path.as_deref().map(read).unwrap_or_default();
        Self { keep, path, names: Mutex::new(names) }
    }

    pub(super) fn get(&self, name: &RoomName, now: SystemTime) -> Option<RoomId> {
        let entry = *self.names().get(&name.to_string())?;
        RoomId::new(entry.room).filter(|_| self.is_fresh(entry, seconds(now)))
    }

    pub(super) fn put(&self, name: &RoomName, room: RoomId, now: SystemTime) {
        let now = seconds(now);
        let mut names = self.names();
        // Other processes use the same file: what they have learned since is kept.
        for (name, entry) in self.path.as_deref().map(read).unwrap_or_default() {
            let known = names.entry(name).or_insert(entry);
            if entry.at > known.at {
                *known = entry;
            }
        }
        names.insert(name.to_string(), Entry { room: room.get(), at: now });
        names.retain(|_, entry| self.is_fresh(*entry, now));
        if names.len() > MOST {
            let mut all: Vec<_> = names.drain().collect();
            all.sort_by_key(|(_, entry)| Reverse(entry.at));
            names.extend(all.into_iter().take(MOST));
        }
        if let Some(path) = &self.path {
            // See the top: a failure costs a request some day and nothing else.
            let _ = write(path, &Stored { v: VERSION, names: names.clone() });
        }
    }

    /// An entry from the future is from a clock that was wrong, then or now.
    fn is_fresh(&self, entry: Entry, now: u64) -> bool {
        now.checked_sub(entry.at).is_some_and(|age| age < self.keep.as_secs())
    }

    fn names(&self) -> MutexGuard<'_, Names> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(path: &Path) -> Names {
    let mut json = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MOST_BYTES).read_to_end(&mut json));
    let stored: Stored = read.ok().and_then(|_| serde_json::from_slice(&json).ok()).unwrap_or_default();
    if stored.v == VERSION { stored.names } else { Names::new() }
}

/// Whole or not at all, also for who reads at this moment.
fn write(path: &Path, stored: &Stored) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}.tmp", process::id()));
    let beside = PathBuf::from(beside);
    let written = File::create(&beside)
        .and_then(|mut file| {
            file.write_all(&serde_json::to_vec(stored)?)?;
            file.sync_all()
        })
        .and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn name(text: &str) -> RoomName {
        text.parse().unwrap()
    }

    fn room(number: u64) -> RoomId {
        RoomId::new(number).unwrap()
    }

    #[test]
    fn a_name_is_believed_for_a_week() {
        let cache = Cache::open(None, WEEK);
        cache.put(&name("lpl"), room(5), at(1_000_000));
        assert_eq!(cache.get(&name("lpl"), at(1_000_000)), Some(room(5)));
        assert_eq!(cache.get(&name("lpl"), at(1_000_000 + 604_799)), Some(room(5)));
        assert_eq!(cache.get(&name("lpl"), at(1_000_000 + 604_800)), None);
        assert_eq!(cache.get(&name("lpl"), at(999_999)), None, "from the future");
        assert_eq!(cache.get(&name("lol"), at(1_000_000)), None);
    }

    #[test]
    fn the_file_is_shared_and_outlives_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/rooms.json");
        let (one, other) = (Cache::open(Some(path.clone()), WEEK), Cache::open(Some(path.clone()), WEEK));
        one.put(&name("a"), room(1), at(100));
        other.put(&name("b"), room(2), at(200));
        one.put(&name("6657"), room(6_979_222), at(300));
        let later = Cache::open(Some(path.clone()), WEEK);
        for (text, number) in [("a", 1), ("b", 2), ("6657", 6_979_222)] {
            assert_eq!(later.get(&name(text), at(400)), Some(room(number)), "{text}");
        }
        let files: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().map(|file| file.unwrap().path()).collect();
        assert_eq!(files, std::slice::from_ref(&path), "nothing is left beside it");
        later.put(&name("c"), room(3), at(100 + 604_800));
        assert!(!fs::read_to_string(&path).unwrap().contains("\"a\""), "what has expired goes");
    }

    #[test]
    fn a_file_that_is_no_cache_counts_as_empty_and_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rooms.json");
        for garbage in
            ["", "{", "[]", r#"{"v":2,"names":{"a":{"room":1,"at":100}}}"#, r#"{"v":1,"names":{"a":{"room":0}}}"#]
        {
            fs::write(&path, garbage).unwrap();
            let cache = Cache::open(Some(path.clone()), WEEK);
            assert_eq!(cache.get(&name("a"), at(100)), None, "{garbage}");
            cache.put(&name("a"), room(9), at(100));
            assert_eq!(Cache::open(Some(path.clone()), WEEK).get(&name("a"), at(100)), Some(room(9)));
        }
        fs::write(&path, r#"{"v":1,"names":{"a":{"room":0,"at":100}}}"#).unwrap();
        assert_eq!(Cache::open(Some(path), WEEK).get(&name("a"), at(100)), None, "no room has this number");
    }

    #[test]
    fn a_file_that_cannot_be_written_harms_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let in_the_way = folder.path().join("file");
        fs::write(&in_the_way, "x").unwrap();
        let cache = Cache::open(Some(in_the_way.join("rooms.json")), WEEK);
        cache.put(&name("a"), room(1), at(100));
        assert_eq!(cache.get(&name("a"), at(100)), Some(room(1)));
        let cache = Cache::open(Some(folder.path().to_owned()), WEEK);
        cache.put(&name("a"), room(1), at(100));
        assert_eq!(
            fs::read_dir(folder.path().parent().unwrap())
                .unwrap()
                .flatten()
                .filter(|file| { file.path().to_string_lossy().starts_with(&*folder.path().to_string_lossy()) })
                .count(),
            1,
            "no temporary file stays behind"
        );
    }

    #[test]
    fn only_the_newest_names_are_kept() {
        let cache = Cache::open(None, WEEK);
        let most = MOST as u64;
        cache.names().extend((1..=most).map(|n| (format!("n{n}"), Entry { room: n, at: 1000 + n })));
        cache.put(&name("new"), room(1), at(2000 + most));
        assert_eq!(cache.names().len(), MOST);
        assert_eq!(cache.get(&name("n1"), at(2000 + most)), None);
        assert_eq!(cache.get(&name("n2"), at(2000 + most)), Some(room(2)));
        assert_eq!(cache.get(&name("new"), at(2000 + most)), Some(room(1)));
    }
}
