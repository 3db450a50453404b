//! Rows on their way from the recording to the format: read, completed, merged, made anonymous.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::anonymize::Pseudonyms;
use super::repeats::Repeats;
use super::{ExportError, ExportOptions};
use crate::recording::about::Catalog;
use crate::recording::reader::{ReadError, Recording};
use crate::recording::row::Row;
use crate::sink::Format;

/// How far an export is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Rows of the recording that are done, whether they were meant or not.
    pub done: u64,
    /// All that are to be looked at.
    pub total: u64,
}

/// Told how far an export is, a few times a second; breaking ends it. Default: nobody.
#[derive(Clone, Default)]
pub struct Watch(Option<Arc<dyn Fn(Progress) -> ControlFlow<()> + Send + Sync>>);

impl Watch {
    /// Calls this.
    pub fn new(call: impl Fn(Progress) -> ControlFlow<()> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(call)))
    }

    fn tell(&self, done: i64, total: i64) -> Result<(), ExportError> {
        let progress = Progress { done: done.cast_unsigned(), total: total.cast_unsigned() };
        match self.0.as_ref().map(|call| call(progress)) {
            Some(ControlFlow::Break(())) => Err(ExportError::Interrupted),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Watch(..)" } else { "Watch" })
    }
}

/// So many rows are looked at between two looks at the watch.
const CHUNK: i64 = 16 * 1024;

/// The rows of one export. Each pass over them gives the same, also while more is recorded.
pub(super) struct Rows<'r> {
    recording: &'r Recording,
    options: &'r ExportOptions,
    /// First, and one past the last.
    ids: (i64, i64),
    catalog: Catalog,
    pseudonyms: Option<Pseudonyms>,
}

impl<'r> Rows<'r> {
    pub(super) fn new(recording: &'r Recording, options: &'r ExportOptions) -> Result<Self, ReadError> {
        Ok(Self {
            recording,
            options,
            ids: recording.ids(&options.filter)?,
            catalog: recording.catalog()?,
            pseudonyms: options.anonymize.then(Pseudonyms::default),
        })
    }

    /// Hands each row to `each`, with its payload if `format` needs that.
    pub(super) fn each(
        &self,
        format: &Format,
        mut each: impl FnMut(Row) -> Result<(), ExportError>,
    ) -> Result<(), ExportError> {
        let Self { recording, options, ids: (first, end), .. } = *self;
        let mut each = |mut row: Row| {
            if let Some(pseudonyms) = &self.pseudonyms {
                pseudonyms.hide(&mut row);
            }
            each(row)
        };
        let mut repeats = options.merge_repeats_us.map(Repeats::new);
        let mut next = first;
        while next < end {
            options.watch.tell(next - first, end - first)?;
            let until = next.saturating_add(CHUNK).min(end);
            let mut messages = recording.messages_between(&options.filter, next, until);
            while let Some(row) = messages.next() {
                let mut row = row?;
                if (format.payload_of)(&row.summary, &options.options) {
                    messages.complete(&mut row)?;
                }
                self.catalog.complete(&mut row.summary);
                let Some(repeats) = &mut repeats else {
                    each(row)?;
                    continue;
                };
                while let Some(row) = repeats.pop(Some(row.received_us)) {
                    each(row)?;
                }
                repeats.push(row);
            }
            next = until;
        }
        while let Some(row) = repeats.as_mut().and_then(|repeats| repeats.pop(None)) {
            each(row)?;
        }
        options.watch.tell(end - first, end - first)
    }
}
