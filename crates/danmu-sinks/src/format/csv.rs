//! CSV: a table for spreadsheets, a line a message, with the columns of `columns.rs`.
//!
//! Quoted as RFC 4180 has it. A spreadsheet takes text that begins with `=`, `+`, `-` or `@` for a formula and runs it, so
//! such text gets a `'` in front, as OWASP advises. Numbers stay numbers. Times are local and have three
//! digits behind the second, as spreadsheets read them.

use std::io::{self, Write};

use super::columns::{COLUMNS, Kind, Value};
use super::stamp::Stamp;
use crate::entry::Entry;
use crate::sink::{Format, Opened, Opening, Output, Sink, SinkError};

/// CSV.
pub const FORMAT: Format = Format {
    name: "csv",
    about: "a table for spreadsheets",
    takes: &["csv-raw", "bom"],
    payload_of: |_, _| false,
    grows: true,
    counted: None,
    open,
};

/// What may be chosen.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Options {
    /// Whether text stays as it is, also where a spreadsheet would run it. For programs. Default false.
    pub raw: bool,
}

struct Csv<'a> {
    out: csv::Writer<Output<'a>>,
    raw: bool,
    stamp: Stamp,
    /// A cell while it is made.
    cell: Vec<u8>,
}

fn open<'a>(mut out: Output<'a>, opening: &Opening) -> Opened<'a> {
    let Options { raw } = opening.options.csv;
    if opening.options.bom {
        out.write_all("\u{FEFF}".as_bytes())?;
    }
    let mut out = csv::Writer::from_writer(out);
    out.write_record(COLUMNS.iter().map(|column| column.name)).map_err(failed)?;
    Ok(Box::new(Csv { out, raw, stamp: Stamp::new(&opening.zone), cell: Vec::new() }))
}

impl Sink for Csv<'_> {
    fn message(&mut self, entry: &Entry<'_>) -> Result<(), SinkError> {
        for column in COLUMNS {
            self.cell.clear();
            match (column.of)(entry) {
                Value::Absent => {}
                Value::Number(us) if column.kind == Kind::Micros => self.stamp.write(&mut self.cell, us, 3),
                Value::Number(ms) if column.kind == Kind::Millis => {
                    self.stamp.write(&mut self.cell, ms.saturating_mul(1000), 3);
                }
                Value::Number(number) => write!(self.cell, "{number}")?,
                Value::Flag(flag) => self.cell.push(b'0' + u8::from(flag)),
                Value::Text(text) => {
                    if !self.raw && is_formula(&text) {
                        self.cell.push(b'\'');
                    }
                    self.cell.extend_from_slice(text.as_bytes());
                }
            }
            self.out.write_field(&self.cell).map_err(failed)?;
        }
        Ok(self.out.write_record(None::<&[u8]>).map_err(failed)?)
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(self.out.flush()?)
    }

    fn finish(mut self: Box<Self>) -> Result<(), SinkError> {
        self.flush()
    }
}

/// What the output said: the library's own conversion hides it, and with it that a reader went away.
fn failed(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

/// Whether a spreadsheet would run it. The wide forms are what some of them make narrow first.
fn is_formula(text: &str) -> bool {
    // Some drop spaces in front.
    text.starts_with(['\t', '\r', '\n']) || text.trim_start().starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
}
