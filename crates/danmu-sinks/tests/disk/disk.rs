//! A disk that goes wrong: `disk.c` built and preloaded, the faults that it is told, and the power cuts that follow from
//! what it wrote down.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "each test file uses a part of this, in tests"
)]

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// What the system says of a disk that is full, broken, or mounted read-only.
pub const ENOSPC: i32 = 28;
pub const EIO: i32 = 5;
pub const EROFS: i32 = 30;

/// The library to preload, built once a process. `None` where that is not possible, which is said.
pub fn library() -> Option<&'static Path> {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    BUILT.get_or_init(build).as_deref()
}

fn build() -> Option<PathBuf> {
    if !cfg!(target_os = "linux") {
        println!("skipped: a disk that goes wrong is made for Linux only");
        return None;
    }
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../danmu-sinks/tests/disk/disk.c");
    let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("disk-{}.so", std::process::id()));
    let cc = env::var_os("CC").unwrap_or_else(|| "cc".into());
    match Command::new(cc).args(["-O1", "-shared", "-fPIC", "-o"]).arg(&library).arg(source).status() {
        Ok(status) => assert!(status.success(), "disk.c does not compile"),
        Err(error) => {
            println!("skipped: no C compiler to make a disk that goes wrong: {error}");
            return None;
        }
    }
    Some(library)
}

/// A disk: a folder for files, and beside it what the disk is told and what it writes down.
pub struct Disk {
    folder: PathBuf,
    _temporary: Option<tempfile::TempDir>,
}

impl Disk {
    /// One that works so far. `None` where there can be none.
    pub fn new() -> Option<Self> {
        library()?;
        // In memory where there is such a place: thousands of synced commits would wait for the disk.
        let temporary = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        fs::create_dir(temporary.path().join("disk")).unwrap();
        Some(Self { folder: temporary.path().to_owned(), _temporary: Some(temporary) })
    }

    /// The disk that this process stands on, if [`Disk::under`] put it there.
    pub fn of_this_process() -> Option<Self> {
        let folder = Path::new(&env::var_os("DISK_DIR")?).parent()?.to_owned();
        Some(Self { folder, _temporary: None })
    }

    /// A file on it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join("disk").join(name)
    }

    /// Makes a process stand on this disk.
    pub fn under(&self, command: &mut Command) {
        let disk = self.folder.join("disk");
        command
            .env("LD_PRELOAD", library().unwrap())
            .env("DISK_DIR", disk)
            .env("DISK_FAULT", self.folder.join("fault"));
    }

    /// Where the process writes down what it does, if it is told to by `DISK_LOG`.
    pub fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// From now on `count` changes fail with `error` from the one numbered `first` on; all if `count` is `None`.
    pub fn fail(&self, error: i32, first: u64, count: Option<u64>) {
        self.heal();
        let _ = fs::remove_file(self.folder.join("fault.fired"));
        let count = count.map_or(-1, u64::cast_signed);
        let fault = self.folder.join("fault");
        fs::write(fault.with_extension("new"), format!("{error} {first} {count}")).unwrap();
        fs::rename(fault.with_extension("new"), fault).unwrap();
    }

    /// Nothing fails any more.
    pub fn heal(&self) {
        let _ = fs::remove_file(self.folder.join("fault"));
    }

    /// Whether anything failed since [`Disk::fail`].
    pub fn has_failed(&self) -> bool {
        self.folder.join("fault.fired").exists()
    }
}

/// Something that happened to the files of a disk.
#[derive(Clone, Debug)]
enum Step {
    Made(String),
    Written { at: usize, bytes: Vec<u8>, path: String },
    Truncated { len: usize, path: String },
    Synced(String),
    Removed(String),
    Said(String),
}

/// All that happened to the files of a disk, and what the process said of it.
pub struct Log(Vec<Step>);

impl Log {
    pub fn read(path: &Path) -> Self {
        let bytes = fs::read(path).unwrap();
        let mut rest = &bytes[..];
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let end = rest.iter().position(|&byte| byte == b'\n').unwrap();
            let line = std::str::from_utf8(&rest[..end]).unwrap();
            rest = &rest[end + 1..];
            let mut take = |len: usize| rest.split_off(..len).unwrap().to_vec();
            let (kind, values) = line.split_at(2);
            steps.push(match kind {
                "C " => Step::Made(values.to_owned()),
                "W " => {
                    let mut values = values.splitn(3, ' ');
                    let mut number = || values.next().unwrap().parse().unwrap();
                    let (at, len) = (number(), number());
                    Step::Written { at, bytes: take(len), path: values.next().unwrap().to_owned() }
                }
                "T " => {
                    let (len, path) = values.split_once(' ').unwrap();
                    Step::Truncated { len: len.parse().unwrap(), path: path.to_owned() }
                }
                "S " => Step::Synced(values.to_owned()),
                "U " => Step::Removed(values.to_owned()),
                "A " => Step::Said(String::from_utf8(take(values.parse().unwrap())).unwrap()),
                _ => panic!("{line}"),
            });
        }
        Self(steps)
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// How often something was synced.
    pub fn syncs(&self) -> usize {
        self.0.iter().filter(|step| matches!(step, Step::Synced(_))).count()
    }

    /// The same, of a process that never synced a file.
    #[must_use]
    pub fn without_syncs(&self) -> Self {
        let is_file = |path: &str| self.0.iter().any(|step| matches!(step, Step::Made(made) if made == path));
        let steps = self.0.iter().filter(|step| !matches!(step, Step::Synced(path) if is_file(path)));
        Self(steps.cloned().collect())
    }

    /// What the process had said before the step `cut`.
    pub fn said(&self, cut: usize) -> String {
        let said = self.0[..cut].iter();
        said.filter_map(|step| if let Step::Said(text) = step { Some(&**text) } else { None }).collect()
    }

    /// What is on the disk if the power fails before the step `cut`: all that was synced, and of what was written since,
    /// each sector with `chance`, whatever came before or after it.
    pub fn cut(&self, cut: usize, mut chance: impl FnMut() -> bool) -> BTreeMap<String, Vec<u8>> {
        let mut files: BTreeMap<&str, File> = BTreeMap::new();
        for step in &self.0[..cut] {
            match step {
                // A name is on the disk for good once its folder is synced; until then it may come and go.
                Step::Made(path) => _ = files.insert(path, File::default()),
                Step::Written { path, .. } | Step::Truncated { path, .. } => {
                    if let Some(file) = files.get_mut(&**path) {
                        file.since.push(step);
                    }
                }
                Step::Synced(path) => {
                    if let Some(file) = files.get_mut(&**path) {
                        file.sync();
                    } else {
                        for (_, file) in files.iter_mut().filter(|(name, _)| name.starts_with(&**path)) {
                            file.named = true;
                        }
                        files.retain(|_, file| !file.removed);
                    }
                }
                Step::Removed(path) => {
                    if let Some(file) = files.get_mut(&**path) {
                        file.removed = true;
                    }
                }
                Step::Said(_) => {}
            }
        }
        let mut left = BTreeMap::new();
        for (path, file) in files {
            let named = file.named || chance();
            if named && !(file.removed && chance()) && !path.ends_with("-shm") {
                left.insert(path.to_owned(), file.left(&mut chance));
            }
        }
        left
    }
}

/// A file while it is replayed.
#[derive(Default)]
struct File<'a> {
    synced: Vec<u8>,
    since: Vec<&'a Step>,
    /// Whether its name is safe.
    named: bool,
    removed: bool,
}

impl File<'_> {
    fn sync(&mut self) {
        for step in std::mem::take(&mut self.since) {
            apply(step, &mut self.synced, || true);
        }
    }

    fn left(&self, mut chance: impl FnMut() -> bool) -> Vec<u8> {
        let mut bytes = self.synced.clone();
        for step in &self.since {
            apply(step, &mut bytes, &mut chance);
        }
        bytes
    }
}

const SECTOR: usize = 512;

fn apply(step: &Step, file: &mut Vec<u8>, mut chance: impl FnMut() -> bool) {
    match step {
        Step::Written { at, bytes, .. } => {
            let mut done = 0;
            while done < bytes.len() {
                let from = at + done;
                let len = (SECTOR - from % SECTOR).min(bytes.len() - done);
                if chance() {
                    file.resize(file.len().max(from + len), 0);
                    file[from..from + len].copy_from_slice(&bytes[done..done + len]);
                }
                done += len;
            }
        }
        Step::Truncated { len, .. } if chance() => file.resize(*len, 0),
        _ => {}
    }
}
