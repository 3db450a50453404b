//! Splitting: one export, several files. Where each begins is known before the first is written.
//!
//! ```text
//! every 1 h   chat.001.xml 20:00–21:00   chat.002.xml 21:00–22:00   …   counted from the start, empty ones left out
//! gap         a new file where someone listens again after a gap
//! live        a new file where the stream begins
//! ```
//!
//! The clock of each file begins at 0:00 where the file begins, so that it fits a video that was cut in the same places.

use std::path::{Path, PathBuf};

use crate::sink::Format;

/// Where to begin a new file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Split {
    /// After so many microseconds, counted from the start. More than 0.
    Every(i64),
    /// Where someone listens again after a gap.
    Gap,
    /// Where the stream begins.
    Live,
}

/// Which file a time belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cuts {
    /// Where the first file begins.
    start_us: i64,
    rule: Rule,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    Never,
    Every(i64),
    /// At these times, in order.
    At(Vec<i64>),
}

impl Cuts {
    /// One file for all.
    pub const fn never(start_us: i64) -> Self {
        Self { start_us, rule: Rule::Never }
    }

    /// A file for each so many microseconds.
    pub fn every(start_us: i64, length_us: i64) -> Self {
        Self { start_us, rule: Rule::Every(length_us.max(1)) }
    }

    /// A new file at each of these times that is after the start.
    pub fn at(start_us: i64, mut times_us: Vec<i64>) -> Self {
        times_us.retain(|&time_us| time_us > start_us);
        times_us.sort_unstable();
        times_us.dedup();
        Self { start_us, rule: Rule::At(times_us) }
    }

    /// The number of the file that a time belongs to, from 0, and where that file begins. What is before the start belongs
    /// to the first.
    pub fn file_of(&self, time_us: i64) -> (usize, i64) {
        match &self.rule {
            Rule::Never => (0, self.start_us),
            Rule::Every(length_us) => {
                let file = time_us.saturating_sub(self.start_us).max(0) / length_us;
                (file as usize, self.start_us.saturating_add(file.saturating_mul(*length_us)))
            }
            Rule::At(times_us) => {
                let file = times_us.partition_point(|&cut_us| cut_us <= time_us);
                (file, if file == 0 { self.start_us } else { times_us[file - 1] })
            }
        }
    }
}

/// The name of a file of a split export, from 0: `chat.001.xml` of `chat.xml`, `chat.001.dplayer.json` of
/// `chat.dplayer.json`.
pub fn name(path: &Path, format: &Format, file: usize) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let long = format!(".{}.json", format.name);
    let extension = if name.len() > long.len() && name.ends_with(&long) {
        long
    } else {
        path.extension().map_or_else(String::new, |extension| format!(".{}", extension.to_string_lossy()))
    };
    let stem = &name[..name.len() - extension.len()];
    path.with_file_name(format!("{stem}.{:03}{extension}", file + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_belongs_to_the_file_that_began_last() {
        let files = |cuts: &Cuts, times: &[i64]| times.iter().map(|&time| cuts.file_of(time)).collect::<Vec<_>>();
        assert_eq!(files(&Cuts::never(10), &[0, 10, 99]), [(0, 10), (0, 10), (0, 10)]);
        let every = Cuts::every(10, 5);
        assert_eq!(files(&every, &[0, 10, 14, 15, 99, i64::MAX])[..5], [(0, 10), (0, 10), (0, 10), (1, 15), (17, 95)]);
        let at = Cuts::at(10, vec![30, 20, 10, 20, 5]);
        assert_eq!(files(&at, &[0, 10, 19, 20, 29, 30]), [(0, 10), (0, 10), (0, 10), (1, 20), (1, 20), (2, 30)]);
    }

    #[test]
    fn a_file_is_named_by_its_number_before_what_says_its_format() {
        let name = |path: &str, format, file| {
            name(path.as_ref(), Format::by_name(format).unwrap(), file).to_str().unwrap().to_owned()
        };
        assert_eq!(name("a/chat.xml", "xml", 0), "a/chat.001.xml");
        assert_eq!(name("chat.v2.xml", "xml", 999), "chat.v2.1000.xml");
        assert_eq!(name("chat.dplayer.json", "dplayer", 1), "chat.002.dplayer.json");
        assert_eq!(name("chat.json", "dplayer", 1), "chat.002.json");
        assert_eq!(name("弹幕", "txt", 1), "弹幕.002");
    }
}
