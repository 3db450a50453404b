//! `danmu decode`: payloads from anywhere, as JSON Lines.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use danmu_proto::summary::own_room;
use danmu_proto::{Message, PacketDecoder};
use danmu_sinks::Entry;
use danmu_sinks::format::jsonl;

use crate::exit::Exit;
use crate::printer::{Closed, Printer};

/// A line longer than this is no payload: no packet could carry it.
const LONGEST_LINE: u64 = 1 << 20;

/// Decode packets or payloads into JSON Lines
///
/// Prints every payload, control too. Reads packets as they come over the wire, of either side, or payloads a line.
#[derive(clap::Args, Debug)]
pub(crate) struct Decode {
    /// The file to read; - or nothing for the standard input
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,
    /// What is in it [default: by the extension, else by the first bytes]
    #[arg(long, value_enum, value_name = "WHAT")]
    input: Option<Input>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Input {
    /// Packets back to back, as on the wire
    Packets,
    /// A payload a line
    Stt,
}

impl Decode {
    /// Decodes all of it.
    pub(crate) fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        let is_stdin = self.file == Path::new("-");
        let name = if is_stdin { "the standard input".to_owned() } else { self.file.display().to_string() };
        let mut input: BufReader<Box<dyn Read>> = BufReader::with_capacity(
            64 * 1024,
            if is_stdin {
                Box::new(io::stdin())
            } else {
                Box::new(File::open(&self.file).with_context(|| format!("cannot open {name}"))?)
            },
        );
        let what = match self.input.or_else(|| by_extension(&self.file)) {
            Some(what) => what,
            None => by_first_bytes(&mut input).with_context(|| format!("cannot read {name}"))?,
        };
        let mut out = Out { printer, seq: 0 };
        match what {
            Input::Packets => packets(&mut input, &name, &mut out),
            Input::Stt => lines(&mut input, &name, &mut out),
        }
    }
}

fn by_extension(file: &Path) -> Option<Input> {
    match file.extension()?.to_str()? {
        "packets" => Some(Input::Packets),
        "stt" => Some(Input::Stt),
        _ => None,
    }
}

/// Packets begin with the same length twice; no text does, since a length has a zero byte.
fn by_first_bytes(input: &mut impl BufRead) -> io::Result<Input> {
    let bytes = input.fill_buf()?;
    let twice = bytes.len() >= 8 && bytes[..4] == bytes[4..8] && bytes[..4].contains(&0);
    Ok(if twice { Input::Packets } else { Input::Stt })
}

fn packets(input: &mut impl BufRead, name: &str, out: &mut Out<'_>) -> anyhow::Result<Exit> {
    let mut decoder = PacketDecoder::any();
    loop {
        let bytes = input.fill_buf().with_context(|| format!("cannot read {name}"))?;
        if bytes.is_empty() {
            break;
        }
        let mut printed = Ok(());
        let cut = decoder.read(bytes, |payload| {
            if printed.is_ok() {
                printed = out.payload(payload);
            }
        });
        printed?;
        cut.with_context(|| format!("{name}: no packet at byte {}", decoder.position()))?;
        let read = bytes.len();
        input.consume(read);
    }
    if decoder.is_mid_packet() {
        bail!("{name}: the packet at byte {} is cut off", decoder.position());
    }
    Ok(Exit::Done)
}

fn lines(input: &mut impl BufRead, name: &str, out: &mut Out<'_>) -> anyhow::Result<Exit> {
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        // One byte more than the longest, so that a longer one shows.
        let mut limited = (&mut *input).take(LONGEST_LINE + 1);
        if limited.read_until(b'\n', &mut line).with_context(|| format!("cannot read {name}"))? == 0 {
            break;
        }
        if line.last() == Some(&b'\n') {
            line.pop();
        } else if line.len() as u64 > LONGEST_LINE {
            bail!("{name}: line {number} is longer than 1 MiB, which no payload is; are these packets? (--input packets)");
        }
        if !line.is_empty() {
            out.payload(&line)?;
        }
    }
    Ok(Exit::Done)
}

/// Prints payloads, numbered.
struct Out<'p> {
    printer: &'p mut Printer,
    seq: i64,
}

impl Out<'_> {
    fn payload(&mut self, payload: &[u8]) -> Result<(), Closed> {
        self.seq += 1;
        let message = Message::read(payload);
        // Nobody joined a room to hear this, so it is from the one that it names.
        let room = own_room(message.fields());
        let summary = message.summary(None);
        let entry = Entry { seq: Some(self.seq), room, received_us: None, summary: &summary, payload: Some(payload) };
        Ok(jsonl::write_message(self.printer.raw(), &entry)?)
    }
}
