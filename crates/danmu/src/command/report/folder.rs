//! The folder of a report: it appears whole or not at all, and takes the place of nothing but an older report.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process;

use anyhow::{Context as _, bail};

use super::page::MARK;

/// The page.
pub(super) const INDEX: &str = "index.html";

/// A folder under way, beside its place. Removed unless it gets there.
pub(super) struct Folder {
    place: PathBuf,
    part: PathBuf,
}

impl Folder {
    /// Begins a folder that is to be at `place`.
    ///
    /// # Errors
    /// Something else is there, or nothing can be written there.
    pub(super) fn begin(place: &Path) -> anyhow::Result<Self> {
        check(place)?;
        let name = place.file_name().with_context(|| format!("{} is no name for a folder", place.display()))?;
        let beside = |kind: &str| {
            let mut beside = name.to_owned();
            beside.push(format!(".{}.{kind}", process::id()));
            place.with_file_name(beside)
        };
        let part = beside("part");
        fs::create_dir(&part).with_context(|| format!("cannot make a folder for {}", place.display()))?;
        Ok(Self { place: place.to_owned(), part })
    }

    /// Writes a file of it.
    pub(super) fn write(&self, name: &str, content: &[u8]) -> anyhow::Result<()> {
        let write = || {
            let mut file = File::create_new(self.part.join(name))?;
            file.write_all(content)?;
            file.sync_all()
        };
        write().with_context(|| format!("cannot write {}", self.place.join(name).display()))
    }

    /// Puts it in its place.
    pub(super) fn finish(self) -> anyhow::Result<()> {
        let finish = || {
            // Looked at again, for it may have come meanwhile.
            check(&self.place)?;
            let old = self.part.with_extension("old");
            let was_there = match fs::rename(&self.place, &old) {
                Ok(()) => true,
                Err(error) if error.kind() == io::ErrorKind::NotFound => false,
                Err(error) => return Err(error.into()),
            };
            if let Err(error) = fs::rename(&self.part, &self.place) {
                if was_there {
                    fs::rename(&old, &self.place)?;
                }
                return Err(error.into());
            }
            if was_there {
                fs::remove_dir_all(&old)?;
            }
            anyhow::Ok(())
        };
        finish().with_context(|| format!("cannot put the report at {}", self.place.display()))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.part.exists() {
            // The error that led here matters more.
            let _ = fs::remove_dir_all(&self.part);
        }
    }
}

/// Whether a report may be at `place`: nothing is there, or an empty folder, or a report and nothing else.
pub(super) fn check(place: &Path) -> anyhow::Result<()> {
    let shown = place.display();
    let entries = match fs::read_dir(place) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            bail!("{shown} is a file; name a folder for the report")
        }
        Err(error) => return Err(error).with_context(|| format!("cannot look into {shown}")),
    };
    let entries = entries.collect::<io::Result<Vec<_>>>().with_context(|| format!("cannot look into {shown}"))?;
    let ours = |path: &Path| {
        let is_picture = path.extension().is_some_and(|extension| extension == "svg" || extension == "png");
        path.is_file() && (is_picture || path.ends_with(INDEX))
    };
    if let Some(other) = entries.iter().find(|entry| !ours(&entry.path())) {
        let other = Path::new(&other.file_name()).display().to_string();
        bail!("{shown} holds {other}, which is of no report; name another folder");
    }
    if !entries.is_empty() && !fs::read_to_string(place.join(INDEX)).is_ok_and(|page| page.contains(MARK)) {
        bail!("{shown} is no report of danmu; name another folder");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(place: &Path, text: &str) -> anyhow::Result<()> {
        let folder = Folder::begin(place)?;
        folder.write(INDEX, format!("{MARK}{text}").as_bytes())?;
        folder.write("density.svg", b"<svg/>")?;
        folder.finish()
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_report_takes_the_place_of_an_older_one() {
        let temporary = tempfile::tempdir().unwrap();
        let place = temporary.path().join("out");
        report(&place, "old").unwrap();
        fs::write(place.join("gifts.png"), b"").unwrap();
        report(&place, "new").unwrap();
        assert_eq!(names(&place), ["density.svg", "index.html"]);
        assert!(fs::read_to_string(place.join(INDEX)).unwrap().ends_with("new"));
        assert_eq!(names(temporary.path()), ["out"]);
    }

    #[test]
    fn what_is_no_report_is_left_alone() {
        let temporary = tempfile::tempdir().unwrap();
        let place = temporary.path().join("out");
        fs::create_dir(&place).unwrap();
        report(&place, "into an empty folder").unwrap();
        fs::write(place.join("thesis.txt"), b"years of work").unwrap();
        let error = report(&place, "x").unwrap_err().to_string();
        assert!(error.ends_with("out holds thesis.txt, which is of no report; name another folder"), "{error}");
        fs::remove_file(place.join("thesis.txt")).unwrap();
        fs::write(place.join(INDEX), b"<html>my home page</html>").unwrap();
        assert!(
            report(&place, "x").unwrap_err().to_string().ends_with("out is no report of danmu; name another folder")
        );
        let file = temporary.path().join("file");
        fs::write(&file, b"").unwrap();
        assert!(report(&file, "x").unwrap_err().to_string().contains("is a file; name a folder"));
        assert!(
            report(&temporary.path().join("no/such/place"), "x")
                .unwrap_err()
                .to_string()
                .contains("cannot make a folder")
        );
        assert_eq!(names(temporary.path()), ["file", "out"], "nothing is left lying about");
    }
}
