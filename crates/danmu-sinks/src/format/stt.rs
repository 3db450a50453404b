//! STT lines: a payload a line, exactly as it came. What the simulator feeds from, and easy on `grep`.

use std::io::Write;

use crate::entry::Entry;
use crate::sink::{Format, Output, Sink, SinkError};

/// Payloads as lines.
pub const FORMAT: Format = Format {
    name: "stt",
    about: "raw payloads, one a line",
    takes: &[],
    payload_of: |_, _| true,
    grows: true,
    counted: None,
    open: |out, _| Ok(Box::new(Stt(out))),
};

struct Stt<'a>(Output<'a>);

impl Sink for Stt<'_> {
    fn message(&mut self, entry: &Entry<'_>) -> Result<(), SinkError> {
        let payload = entry.payload.ok_or(SinkError::NoPayload { seq: entry.seq })?;
        // A line break inside would read back as two payloads.
        if payload.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
            return Err(SinkError::LineBreak { seq: entry.seq });
        }
        self.0.write_all(payload)?;
        Ok(self.0.write_all(b"\n")?)
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(self.0.flush()?)
    }

    fn finish(mut self: Box<Self>) -> Result<(), SinkError> {
        self.flush()
    }
}
