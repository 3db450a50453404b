//! `danmu repair`: makes a file whole that a crash left without its end.

use std::path::PathBuf;

use anyhow::bail;
use danmu_sinks::repair::{Repaired, can_repair, repair};
use danmu_sinks::{FORMATS, Format};

use crate::exit::Exit;
use crate::printer::Printer;

/// Make a file whole that a crash left without its end
///
/// For files that were written beside a recording with --tee, and for the XML of other recorders. Cuts off what was begun
/// last, and adds the end where the format has one. A recording itself needs no repair.
#[derive(clap::Args, Debug)]
pub(crate) struct Repair {
    /// The file, which is changed in its place
    file: PathBuf,
    /// Its format [default: by its extension]
    #[arg(long, value_name = "NAME", value_parser = format)]
    format: Option<&'static Format>,
}

fn format(name: &str) -> Result<&'static Format, String> {
    Format::by_name(name)
        .filter(|format| can_repair(format.name))
        .ok_or_else(|| format!("{name:?} is no format that can be repaired; there are {}", names()))
}

fn names() -> String {
    let formats = FORMATS.iter().map(|format| format.name);
    formats.filter(|name| can_repair(name)).collect::<Vec<_>>().join(", ")
}

impl Repair {
    /// Repairs.
    pub(crate) fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        let file = self.file.display();
        if self.file.extension().is_some_and(|extension| extension == "db") {
            bail!(
                "{file}: a recording mends itself when it is recorded into again; danmu verify says whether it is sound"
            );
        }
        let Some(format) = self.format.or_else(|| Format::by_path(&self.file)) else {
            bail!("{file} does not say which format it has; use --format: {}", names());
        };
        let repaired = repair(&self.file, format.name)?;
        let Repaired { cut, added, .. } = repaired;
        if repaired.was_whole() {
            printer.note(format_args!("{file} is whole; nothing was changed"));
        } else {
            printer.note(format_args!("{file} is whole again: {cut} bytes cut off at its end, {added} added"));
        }
        Ok(Exit::Done)
    }
}
