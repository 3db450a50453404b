//! A JSON list, written item by item.

use serde::Serialize;

use crate::sink::{Output, SinkError};

/// The list while it is written: what stands before it was written already.
pub(super) struct List<'a> {
    out: Output<'a>,
    /// What stands between this item and the one before.
    between: &'static str,
}

impl<'a> List<'a> {
    /// Begins a list after `head`, which ends with its bracket.
    pub(super) fn begin(mut out: Output<'a>, head: &str) -> Result<Self, SinkError> {
        out.write_all(head.as_bytes())?;
        Ok(Self { out, between: "\n" })
    }

    pub(super) fn item(&mut self, item: &impl Serialize) -> Result<(), SinkError> {
        let item = serde_json::to_vec(item).map_err(std::io::Error::from)?;
        self.raw_item(&item)
    }

    /// The same of JSON.
    pub(super) fn raw_item(&mut self, item: &[u8]) -> Result<(), SinkError> {
        self.out.write_all(self.between.as_bytes())?;
        self.between = ",\n";
        Ok(self.out.write_all(item)?)
    }

    pub(super) fn flush(&mut self) -> Result<(), SinkError> {
        Ok(self.out.flush()?)
    }

    /// Ends it with `tail`, which begins with its bracket.
    pub(super) fn end(mut self, tail: &str) -> Result<(), SinkError> {
        self.out.write_all(b"\n")?;
        self.out.write_all(tail.as_bytes())?;
        self.flush()
    }
}
