//! Tees: files of other formats that grow beside the recording. A thread of their own writes them, and whatever happens to
//! it, the recording goes on.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use danmu_client::Clock;
use danmu_sinks::export::split::Split;
use danmu_sinks::export::{ExportOptions, tee};
use danmu_sinks::sink::Zone;
use danmu_sinks::{FORMATS, Format, Recording};
use jiff::tz::TimeZone;

use crate::command::export::split;
use crate::printer::in_one_line;
use crate::report::{Report, Reporter};
use crate::target::named;

/// How often to look for what was committed.
const LOOK: Duration = Duration::from_millis(500);
/// How long to wait after a failure.
const RETRY: Duration = Duration::from_secs(5);

/// Options for what to write beside a recording.
#[derive(clap::Args, Clone, Debug, Default)]
#[command(next_help_heading = "Recording")]
pub(crate) struct Options {
    /// Write another format beside the recording while it grows, such as xml:chat.xml; {date} as above; repeatable
    #[arg(long, value_name = "FORMAT:FILE", value_parser = tee)]
    tee: Vec<Tee>,
    /// Begin a new file there after so long, after each gap (gap), or from each start of the stream (live)
    #[arg(long, value_name = "DURATION", value_parser = split, requires = "tee")]
    tee_split: Option<Split>,
}

/// A file to be written beside the recording, as `--tee` names it.
#[derive(Clone, Debug)]
struct Tee {
    format: &'static Format,
    path: PathBuf,
}

/// Reads `FORMAT:FILE`, or a file whose extension says the format; for clap.
fn tee(text: &str) -> Result<Tee, String> {
    let named = text.split_once(':').and_then(|(name, path)| Some((Format::by_name(name)?, PathBuf::from(path))));
    let (format, path) = named
        .or_else(|| Some((Format::by_path(Path::new(text))?, PathBuf::from(text))))
        .ok_or_else(|| format!("{text:?} does not say which format; write FORMAT:FILE, with one of {}", names()))?;
    if !format.grows {
        return Err(format!("{} cannot grow; those that can are {}", format.name, names()));
    }
    // What is there already is never written into, so a pipe or a device would only lend its name.
    if path.as_os_str().is_empty() || path == Path::new("-") || fs::metadata(&path).is_ok_and(|found| !found.is_file())
    {
        return Err(format!("{text:?} names no file to write"));
    }
    Ok(Tee { format, path })
}

fn names() -> String {
    FORMATS.iter().filter(|format| format.grows).map(|format| format.name).collect::<Vec<_>>().join(", ")
}

/// What the thread is told.
pub(crate) enum Told {
    /// This recording is written from now on.
    Now(Now),
    /// Nothing is to be read any more until the end, which comes soon; the answer says that nothing is.
    Hold(mpsc::Sender<()>),
}

/// The recording that is written.
pub(crate) struct Now {
    pub(crate) path: PathBuf,
    /// What `{date}` stands for in names.
    pub(crate) day: String,
    /// Since when, in microseconds since the Unix epoch.
    pub(crate) at_us: i64,
}

/// The thread that writes tees.
pub(crate) struct Tees {
    tell: mpsc::Sender<Told>,
    thread: JoinHandle<()>,
}

impl Tees {
    /// Starts the thread, if there is anything to write. It waits for the first recording.
    pub(crate) fn start(options: &Options, reporter: Reporter, clock: Clock) -> io::Result<Option<Self>> {
        if options.tee.is_empty() {
            return Ok(None);
        }
        let (tell, told) = mpsc::channel();
        let options = options.clone();
        let say = move |file: &Path, report| reporter.say(clock.now_us(), file, report);
        let thread =
            thread::Builder::new().name("danmu-tee".to_owned()).spawn(move || follow(&options, &told, &say))?;
        Ok(Some(Self { tell, thread }))
    }

    /// Who tells it of recordings. When all are gone, it ends.
    pub(crate) fn teller(&self) -> mpsc::Sender<Told> {
        self.tell.clone()
    }

    /// Leaves the recording alone from here on, so that its end finds nobody reading along.
    pub(crate) fn hold(&self) {
        let (held, holds) = mpsc::channel();
        if self.tell.send(Told::Hold(held)).is_ok() {
            let _ = holds.recv();
        }
    }

    /// Waits for what was committed to be written.
    pub(crate) fn finish(self) {
        drop(self.tell);
        // It only fails if it panicked, which has been reported by then.
        let _ = self.thread.join();
    }
}

/// Tells the user of a file.
type Say = dyn Fn(&Path, Report);

fn follow(options: &Options, told: &mpsc::Receiver<Told>, say: &Say) {
    let mut following: Vec<Following> = Vec::new();
    let mut held = false;
    loop {
        match told.recv_timeout(LOOK) {
            Ok(Told::Now(now)) => {
                following.drain(..).for_each(|tee| tee.finish(say));
                following = options.tee.iter().map(|tee| Following::begin(tee, options.tee_split, &now, say)).collect();
            }
            Ok(Told::Hold(answer)) => {
                held = true;
                drop(answer);
            }
            Err(RecvTimeoutError::Timeout) if held => {}
            Err(RecvTimeoutError::Timeout) => following.iter_mut().for_each(|tee| tee.look(say)),
            Err(RecvTimeoutError::Disconnected) => return following.into_iter().for_each(|tee| tee.finish(say)),
        }
    }
}

/// A tee of one recording. That is opened for each look: a reader that stays would keep the end from leaving one file.
struct Following {
    path: PathBuf,
    recording: PathBuf,
    tee: Option<tee::Tee>,
    /// When it may be tried again, after a failure.
    retry: Option<Instant>,
}

impl Following {
    fn begin(tee: &Tee, split: Option<Split>, now: &Now, say: &Say) -> Self {
        let path = named(&tee.path, &now.day);
        let mut options = ExportOptions::default();
        options.split = split;
        options.zone = Zone(TimeZone::system());
        let begun = open(&now.path)
            .and_then(|recording| Ok(tee::Tee::new(&recording, tee.format, path.clone(), options, now.at_us)?))
            .map_err(|error| say(&path, Report::TeeLeft { detail: in_one_line(&error) }));
        Self { path, recording: now.path.clone(), tee: begun.ok(), retry: None }
    }

    fn look(&mut self, say: &Say) {
        let Some(tee) = &mut self.tee else { return };
        if self.retry.is_some_and(|retry| Instant::now() < retry) {
            return;
        }
        match open(&self.recording).and_then(|recording| Ok(tee.follow(&recording)?)) {
            Ok(_) if self.retry.take().is_some() => say(tee.path(), Report::Working),
            Ok(_) => {}
            Err(error) => {
                // Said once, not with every try.
                if self.retry.replace(Instant::now() + RETRY).is_none() {
                    say(&self.path, Report::Tee { detail: in_one_line(&error) });
                }
            }
        }
    }

    fn finish(self, say: &Say) {
        let Some(tee) = self.tee else { return };
        if let Err(error) = open(&self.recording).and_then(|recording| Ok(tee.finish(&recording)?)) {
            say(&self.path, Report::TeeLeft { detail: in_one_line(&error) });
        }
    }
}

fn open(recording: &Path) -> anyhow::Result<Recording> {
    Ok(Recording::open(recording)?)
}
