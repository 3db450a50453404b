//! Reports: what the thread that writes has to say of the recording, to people and to programs.
//!
//! ```json
//! {"v":1,"event":"committed","at":"2026-11-21T12:00:00.123456Z","file":"danmu.db","run":3,"seq":4711,"rows":120}
//! {"v":1,"event":"failing","at":"…","file":"danmu.db","error":"full","detail":"danmu.db cannot grow: the disk is full"}
//! {"v":1,"event":"working","at":"…","file":"danmu.db"}
//! ```
//!
//! `committed` is said after the fact: all rows up to `seq` are safe, also if the power fails now. `rows` counts those of
//! this run. The writer never waits for who listens: what nobody takes is left out, and the next `committed` makes up
//! for those before.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use danmu_sinks::recording::writer::{CommitError, Committed};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::duration;
use crate::printer::{Closed, Printer, in_one_line};
use crate::space::Low;

/// How many reports may wait for who listens.
const WAITING: usize = 1024;

/// What is said.
#[derive(Clone, Debug)]
pub(crate) enum Report {
    /// So much is safe in the file.
    Committed { run: i64, committed: Committed },
    /// The file cannot be written; said once, not with every try.
    Failing { name: &'static str, detail: String },
    /// It can be written again.
    Working,
    /// Messages had no more room to wait in.
    Dropped { messages: u64 },
    /// The end came while the file could not be written: these messages had been waiting for it.
    Left { messages: u64 },
    /// The file was removed or renamed, and a new one takes its place.
    Renewed,
    /// The file ends later than it is by this machine's clock: times go on from there, so that they stay in order.
    Ahead { seconds: i64 },
    /// There is little room left on the disk.
    Low(Low),
    /// A tee cannot be written at the moment.
    Tee { detail: String },
    /// The end came, and a tee does not have all.
    TeeLeft { detail: String },
    /// A new day has no file yet, and that of the day before goes on.
    NoNewDay { detail: String },
    /// The file of the day before could not be ended well.
    OldDay { detail: String },
}

/// A report, the file that it is about, and when it was made.
#[derive(Clone, Debug)]
pub(crate) struct Dated {
    at_us: i64,
    file: PathBuf,
    report: Report,
}

/// Where the writer puts its reports.
#[derive(Clone, Debug)]
pub(crate) struct Reporter(SyncSender<Dated>);

/// Where they are read.
#[derive(Debug)]
pub(crate) struct Reports(Receiver<Dated>);

/// Both ends.
pub(crate) fn channel() -> (Reporter, Reports) {
    let (sender, receiver) = sync_channel(WAITING);
    (Reporter(sender), Reports(receiver))
}

impl Reporter {
    /// Says it, unless nobody has listened for long.
    pub(crate) fn say(&self, at_us: i64, file: &Path, report: Report) {
        let _ = self.0.try_send(Dated { at_us, file: file.to_owned(), report });
    }
}

impl Reports {
    /// Prints what there is: warnings for people and, if there is a program that reads along, all of it as JSON Lines.
    ///
    /// # Errors
    /// See [`Closed`].
    pub(crate) fn print(&self, printer: &mut Printer, progress: bool) -> Result<(), Closed> {
        let mut said = false;
        for dated in self.0.try_iter() {
            if let Some(warning) = dated.warning() {
                printer.warn(warning);
            }
            if progress {
                printer.json(|out| writeln!(out, "{}", dated.json()))?;
                said = true;
            }
        }
        if said { printer.flush() } else { Ok(()) }
    }
}

impl Report {
    /// Commits fail.
    pub(crate) fn failing(error: CommitError) -> Self {
        let name = error.name();
        Self::Failing { name, detail: in_one_line(&error.into()) }
    }

    const fn name(&self) -> &'static str {
        match self {
            Self::Committed { .. } => "committed",
            Self::Failing { .. } => "failing",
            Self::Working => "working",
            Self::Dropped { .. } => "dropped",
            Self::Left { .. } => "left",
            Self::Renewed => "renewed",
            Self::Ahead { .. } => "ahead",
            Self::Low(_) => "low",
            Self::Tee { .. } => "tee_failing",
            Self::TeeLeft { .. } => "tee_left",
            Self::NoNewDay { .. } | Self::OldDay { .. } => "rotation",
        }
    }
}

impl Dated {
    /// What people are told; nothing where all is well.
    fn warning(&self) -> Option<String> {
        let file = self.file.display();
        Some(match &self.report {
            Report::Committed { .. } => return None,
            Report::Failing { detail, .. } => {
                format!("{detail}; messages wait in memory, and it is tried every second")
            }
            Report::Working => format!("{file} can be written again"),
            Report::Dropped { messages } => {
                format!("{messages} messages dropped: there is no memory left for them to wait in")
            }
            Report::Left { messages } => format!("{messages} messages that waited for {file} are lost"),
            Report::Renewed => format!("{file} was removed or renamed; a new one takes its place"),
            Report::Ahead { seconds } => format!(
                "{file} ends {seconds} s ahead of this machine's clock, and its times go on from there; for right ones, \
                 use a new file"
            ),
            Report::Low(Low { free_bytes, lasts }) => {
                let room = format!("the disk of {file} has {} left", size(*free_bytes));
                match lasts {
                    Some(lasts) => format!("{room}: enough for {} at the present rate", duration::show(*lasts)),
                    None => room,
                }
            }
            Report::Tee { detail } => {
                format!("{file} cannot be written and is tried again; the recording goes on: {detail}")
            }
            Report::TeeLeft { detail } => {
                format!("{file} does not have all; export it from the recording: {detail}")
            }
            Report::NoNewDay { detail } => format!("no new file for the new day, so the old one goes on: {detail}"),
            Report::OldDay { detail } => format!("the last messages of the old day may be missing: {detail}"),
        })
    }

    fn json(&self) -> Value {
        let at = format!("{:.6}", Timestamp::from_microsecond(self.at_us).unwrap_or_default());
        let mut json = Map::new();
        let mut add = |key: &str, value: Value| json.insert(key.to_owned(), value);
        add("v", json!(1));
        add("event", json!(self.report.name()));
        add("at", json!(at));
        add("file", json!(self.file.to_string_lossy()));
        match &self.report {
            Report::Committed { run, committed } => {
                add("run", json!(run));
                add("seq", json!(committed.last_id));
                add("rows", json!(committed.rows));
            }
            Report::Failing { name, detail } => {
                add("error", json!(name));
                add("detail", json!(detail));
            }
            Report::Dropped { messages } | Report::Left { messages } => _ = add("messages", json!(messages)),
            Report::Ahead { seconds } => _ = add("seconds", json!(seconds)),
            Report::Low(low) => {
                add("free_bytes", json!(low.free_bytes));
                if let Some(lasts) = low.lasts {
                    add("lasts_s", json!(lasts.as_secs()));
                }
            }
            Report::Tee { detail }
            | Report::TeeLeft { detail }
            | Report::NoNewDay { detail }
            | Report::OldDay { detail } => _ = add("detail", json!(detail)),
            Report::Working | Report::Renewed => {}
        }
        Value::Object(json)
    }
}

/// A size as people write it.
fn size(bytes: u64) -> String {
    let (unit, name) = if bytes >= 1 << 30 { (1_u64 << 30, "GiB") } else { (1 << 20, "MiB") };
    format!("{:.1} {name}", bytes as f64 / unit as f64)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[track_caller]
    fn says(report: Report, warning: Option<&str>, json: &str) {
        let dated = Dated { at_us: 1_795_262_400_000_001, file: "x.db".into(), report };
        assert_eq!(dated.warning().as_deref(), warning);
        let begin = r#"{"v":1,"event":""#;
        let at = r#"","at":"2026-11-21T12:00:00.000001Z","file":"x.db""#;
        assert_eq!(dated.json(), serde_json::from_str::<Value>(&json.replace('^', begin).replace('@', at)).unwrap());
    }

    #[test]
    fn people_hear_what_is_wrong_and_programs_all_of_it() {
        let committed = Committed { rows: 3, last_id: 7 };
        says(Report::Committed { run: 2, committed }, None, r#"^committed@,"run":2,"seq":7,"rows":3}"#);
        says(Report::Working, Some("x.db can be written again"), "^working@}");
        says(Report::Left { messages: 3 }, Some("3 messages that waited for x.db are lost"), r#"^left@,"messages":3}"#);
        let low = Low { free_bytes: 3 << 29, lasts: Some(Duration::from_secs(5400)) };
        says(
            Report::Low(low),
            Some("the disk of x.db has 1.5 GiB left: enough for 1 h 30 min at the present rate"),
            r#"^low@,"free_bytes":1610612736,"lasts_s":5400}"#,
        );
        let low = Low { free_bytes: 1 << 20, lasts: None };
        says(Report::Low(low), Some("the disk of x.db has 1.0 MiB left"), r#"^low@,"free_bytes":1048576}"#);
    }

    #[test]
    fn a_writer_that_nobody_listens_to_does_not_wait() {
        let (reporter, reports) = channel();
        for _ in 0..2 * WAITING {
            reporter.say(0, Path::new("x.db"), Report::Working);
        }
        assert_eq!(reports.0.try_iter().count(), WAITING);
        drop(reports);
        reporter.say(0, Path::new("x.db"), Report::Working);
    }
}
