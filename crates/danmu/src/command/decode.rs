//! `danmu decode`: payloads from anywhere, as JSON Lines.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use danmu_proto::summary::own_room;
use danmu_proto::{Fields, Summary};
use danmu_sinks::Entry;
use danmu_sinks::format::jsonl::Lines;
use danmu_sinks::import::payloads::{self, PayloadError};

use crate::exit::Exit;
use crate::printer::{Closed, Printer};

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
        let mut out = Out::new(printer.raw());
        decode(what, &mut input, &name, &mut out)?;
        Ok(Exit::Done)
    }
}

fn by_extension(file: &Path) -> Option<Input> {
    match file.extension()?.to_str()? {
        "packets" => Some(Input::Packets),
        "stt" => Some(Input::Stt),
        _ => None,
    }
}

/// Whatever does not look like packets is payloads.
fn by_first_bytes(input: &mut impl BufRead) -> io::Result<Input> {
    Ok(if payloads::are_packets(input.fill_buf()?) { Input::Packets } else { Input::Stt })
}

/// Prints all of it.
fn decode(what: Input, input: &mut impl BufRead, name: &str, out: &mut Out<impl Write>) -> anyhow::Result<()> {
    match what {
        Input::Packets => payloads::packets(input, |payload| Ok(out.payload(payload)?)),
        Input::Stt => payloads::lines(input, |_, payload| Ok(out.payload(payload)?)),
    }
    .map_err(|error: anyhow::Error| if error.is::<PayloadError>() { error.context(name.to_owned()) } else { error })
}

/// Prints payloads, numbered.
struct Out<W> {
    into: W,
    seq: i64,
    lines: Lines,
    line: Vec<u8>,
}

impl<W: Write> Out<W> {
    fn new(into: W) -> Self {
        Self { into, seq: 0, lines: Lines::default(), line: Vec::new() }
    }

    fn payload(&mut self, payload: &[u8]) -> Result<(), Closed> {
        self.seq += 1;
        let fields = Fields::new(payload);
        // Nobody joined a room to hear this, so it is from the one that it names.
        let room = own_room(fields);
        let summary = Summary::of(fields, None);
        let entry = Entry { seq: Some(self.seq), room, received_us: None, summary: &summary, payload: Some(payload) };
        self.line.clear();
        self.lines.message(&mut self.line, &entry);
        Ok(self.into.write_all(&self.line)?)
    }
}

#[cfg(test)]
mod tests {
    use danmu_proto::{Sender, packet};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    /// What was printed, and the error if there was one.
    fn decoded(what: Input, bytes: &[u8]) -> (Vec<Value>, Option<String>) {
        let mut printed = Vec::new();
        let mut out = Out::new(&mut printed);
        // A small buffer, so that packets and lines are split.
        let mut input = BufReader::with_capacity(7, bytes);
        let done = decode(what, &mut input, "x", &mut out);
        let lines = String::from_utf8(printed).unwrap();
        (lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), done.err().map(|e| format!("{e:#}")))
    }

    #[test]
    fn packets_of_both_sides_are_printed_in_order() {
        let mut bytes = Vec::new();
        packet::encode(Sender::Client, b"type@=loginreq/roomid@=9999/", &mut bytes);
        packet::encode(Sender::Server, b"type@=loginres/", &mut bytes);
        packet::encode(Sender::Server, "type@=chatmsg/rid@=9999/txt@=1@S2/".as_bytes(), &mut bytes);
        let (lines, error) = decoded(Input::Packets, &bytes);
        assert_eq!(error, None);
        assert_eq!(lines.iter().map(|line| &line["type"]).collect::<Vec<_>>(), ["loginreq", "loginres", "chatmsg"]);
        assert_eq!((&lines[2]["room"], &lines[2]["seq"], &lines[2]["text"]), (&json!(9999), &json!(3), &json!("1/2")));
        assert!(lines[2].get("foreign").is_none());
    }

    #[test]
    fn a_fault_says_where_and_what_came_before_stands() {
        let mut bytes = Vec::new();
        packet::encode(Sender::Server, b"type@=mrkl/", &mut bytes);
        let whole = bytes.len();
        bytes.extend(b"not a packet at all");
        let (lines, error) = decoded(Input::Packets, &bytes);
        assert_eq!(lines.len(), 1);
        assert!(error.unwrap().starts_with(&format!("x: no packet at byte {whole}: ")));

        let (lines, error) = decoded(Input::Packets, &bytes[..whole + 3]);
        assert_eq!((lines.len(), error), (1, Some(format!("x: the packet at byte {whole} is cut off"))));
    }

    #[test]
    fn lines_may_lack_everything() {
        let (lines, error) = decoded(Input::Stt, b"type@=a/rid@=-1/rid@=7/\n\n\xff@=\xfe\nno pair here");
        assert_eq!(error, None);
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[0]["fields"]["rid"], json!(["-1", "7"]));
        assert_eq!(lines[0]["room"], 7);
        assert_eq!(lines[1]["lossy"], true);
    }

    #[test]
    fn a_line_that_never_ends_is_refused_in_bounded_memory() {
        let (_, error) = decoded(Input::Stt, &vec![b'a'; 3 << 20]);
        assert!(error.unwrap().contains("line 1 is longer than 1 MiB"));
    }

    proptest! {
        #[test]
        fn no_input_makes_it_panic_or_print_anything_but_json(bytes: Vec<u8>, lengths in 0_usize..40) {
            decoded(Input::Stt, &bytes);
            decoded(Input::Packets, &bytes);
            // As good as a packet, so that it is looked into.
            let mut packet = Vec::new();
            packet::encode(Sender::Server, &bytes, &mut packet);
            packet.truncate(packet.len() - lengths.min(packet.len()));
            decoded(Input::Packets, &packet);
        }
    }
}
