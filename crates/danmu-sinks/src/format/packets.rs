//! Packets back to back, as a server sends them: exact for every payload.

use std::io::Write;

use danmu_proto::{Sender, packet};

use crate::entry::Entry;
use crate::sink::{Format, Output, Sink, SinkError};

/// The server's packets.
pub const FORMAT: Format = Format {
    name: "packets",
    about: "packets back to back, exact",
    takes: &[],
    payload_of: |_, _| true,
    grows: true,
    counted: None,
    open: |out, _| Ok(Box::new(Packets { out, packet: Vec::new() })),
};

struct Packets<'a> {
    out: Output<'a>,
    packet: Vec<u8>,
}

impl Sink for Packets<'_> {
    fn message(&mut self, entry: &Entry<'_>) -> Result<(), SinkError> {
        let payload = entry.payload.ok_or(SinkError::NoPayload { seq: entry.seq })?;
        self.packet.clear();
        packet::encode(Sender::Server, payload, &mut self.packet);
        Ok(self.out.write_all(&self.packet)?)
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(self.out.flush()?)
    }

    fn finish(mut self: Box<Self>) -> Result<(), SinkError> {
        self.flush()
    }
}
