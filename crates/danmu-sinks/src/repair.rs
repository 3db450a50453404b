//! Repairing: a file of some format that a crash left without its end is made whole.
//!
//! What is whole stays as it is, to the byte; what was begun last and not ended is cut off, and an end is added where the
//! format has one.
//!
//! | format | is cut behind | end |
//! |---|---|---|
//! | `.jsonl`, `.stt`, `.txt`, `.ass` | the last line break | |
//! | `.csv` | the last line break outside of a quoted cell | |
//! | `.srt`, `.vtt` | the last line of text, or empty line | |
//! | `.xml` | the last element inside of the first | the end tag of the first |
//! | `.packets` | the last packet | |
//!
//! Formats that are one piece, such as Parquet and JSON arrays, cannot be mended: export them again.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use danmu_proto::PacketDecoder;
use thiserror::Error;

mod xml;

/// What was done to a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Repaired {
    /// Bytes that stayed.
    pub kept: u64,
    /// Bytes at the end that were cut off.
    pub cut: u64,
    /// Bytes of an end that were added.
    pub added: u64,
}

impl Repaired {
    /// Whether the file was whole already.
    pub const fn was_whole(&self) -> bool {
        self.cut == 0 && self.added == 0
    }
}

/// Why a file was not repaired. It is as it was.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RepairError {
    /// It cannot be read or written.
    #[error("{} cannot be repaired", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Nothing in it is of its format.
    #[error("{} cannot be repaired: {problem}", .path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// Its format is not one that can be mended.
    #[error("{format} is one piece and cannot be mended: export it again from the recording")]
    OnePiece {
        /// The name of the format.
        format: String,
    },
}

/// How a file is to end.
#[derive(Debug, PartialEq, Eq)]
struct End {
    /// How many bytes stay.
    at: u64,
    /// What comes behind them.
    add: Vec<u8>,
}

/// What finds the end of a file of some format; `Err` says what is wrong with it.
type Find = fn(&mut dyn BufRead) -> io::Result<Result<End, String>>;

/// How files of a format are repaired. `None`: they cannot be.
fn find(format: &str) -> Option<Find> {
    Some(match format {
        "jsonl" | "stt" | "txt" | "ass" => lines,
        "csv" => rows,
        "srt" | "vtt" => paragraphs,
        "xml" => xml::end,
        "packets" => packets,
        _ => return None,
    })
}

/// Whether files of the format with this name can be repaired.
pub fn can_repair(format: &str) -> bool {
    find(format).is_some()
}

/// Repairs a file of the format with this name, in its place.
pub fn repair(path: &Path, format: &str) -> Result<Repaired, RepairError> {
    let Some(find) = find(format) else { return Err(RepairError::OnePiece { format: format.to_owned() }) };
    let failed = |source| RepairError::Io { path: path.to_owned(), source };
    let broken = |problem: String| RepairError::Broken { path: path.to_owned(), problem };
    let found = fs::metadata(path).map_err(failed)?;
    if !found.is_file() {
        return Err(broken("it is no file".to_owned()));
    }
    let length = found.len();
    let end = find(&mut BufReader::new(File::open(path).map_err(failed)?)).map_err(failed)?;
    let End { at, add } = end.map_err(broken)?;
    // It may be of another format, or no such file at all.
    if at == 0 && length > 0 {
        return Err(broken(format!("nothing in it is whole {format}, and all of it would go")));
    }
    let repaired = Repaired { kept: at, cut: length - at, added: add.len() as u64 };
    if !repaired.was_whole() {
        write_end(path, at, &add).map_err(failed)?;
    }
    Ok(repaired)
}

fn write_end(path: &Path, at: u64, add: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(path)?;
    // First what is added: if there is no room for it, nothing was cut either.
    file.seek(SeekFrom::Start(at))?;
    file.write_all(add)?;
    file.set_len(at + add.len() as u64)?;
    file.sync_all()
}

/// Hands every piece of a file to `each`.
fn pieces(input: &mut dyn BufRead, mut each: impl FnMut(&[u8])) -> io::Result<()> {
    loop {
        let bytes = input.fill_buf()?;
        if bytes.is_empty() {
            return Ok(());
        }
        each(bytes);
        let read = bytes.len();
        input.consume(read);
    }
}

fn lines(input: &mut dyn BufRead) -> io::Result<Result<End, String>> {
    let (mut read, mut at) = (0, 0);
    pieces(input, |bytes| {
        if let Some(last) = bytes.iter().rposition(|&byte| byte == b'\n') {
            at = read + last as u64 + 1;
        }
        read += bytes.len() as u64;
    })?;
    Ok(Ok(End { at, add: Vec::new() }))
}

fn rows(input: &mut dyn BufRead) -> io::Result<Result<End, String>> {
    let (mut read, mut at, mut quoted) = (0, 0, false);
    pieces(input, |bytes| {
        for &byte in bytes {
            read += 1;
            match byte {
                // A quote in a cell is doubled, which opens and closes it once more.
                b'"' => quoted = !quoted,
                b'\n' if !quoted => at = read,
                _ => {}
            }
        }
    })?;
    Ok(Ok(End { at, add: Vec::new() }))
}

fn paragraphs(input: &mut dyn BufRead) -> io::Result<Result<End, String>> {
    let (mut read, mut at) = (0, 0);
    let (mut line, mut is_timed) = (Vec::new(), false);
    loop {
        line.clear();
        // A line of more than this is none of ours, and is looked at in pieces.
        if io::Read::take(&mut *input, 1 << 20).read_until(b'\n', &mut line)? == 0 {
            return Ok(Ok(End { at, add: Vec::new() }));
        }
        read += line.len() as u64;
        if line.last() != Some(&b'\n') {
            continue;
        }
        if line.trim_ascii().is_empty() {
            is_timed = false;
            at = read;
        } else if is_timed {
            // A line of text: what is shown may have fewer of them than it was to have, and is whole.
            at = read;
        } else {
            is_timed = line.windows(3).any(|three| three == b"-->");
        }
    }
}

fn packets(input: &mut dyn BufRead) -> io::Result<Result<End, String>> {
    let mut decoder = PacketDecoder::any();
    let mut fault = None;
    pieces(input, |bytes| {
        if fault.is_none() {
            fault = decoder.read(bytes, |_| {}).err();
        }
    })?;
    // What is no packet in the middle was no crash: all behind it would go.
    Ok(match fault {
        Some(fault) => Err(format!("no packet at byte {}: {fault}", decoder.position())),
        None => Ok(End { at: decoder.position(), add: Vec::new() }),
    })
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[track_caller]
    fn ends(format: &str, file: &str, kept: &str, added: &str) {
        // A few bytes at a time, so that nothing depends on how a file is read.
        for size in [1, 7, 4096] {
            let mut input = BufReader::with_capacity(size, Cursor::new(file));
            let end = find(format).unwrap()(&mut input).unwrap().unwrap();
            assert_eq!(
                (&file[..end.at as usize], str::from_utf8(&end.add).unwrap()),
                (kept, added),
                "{format} {file:?}"
            );
        }
    }

    #[test]
    fn what_is_whole_stays_and_what_is_not_goes() {
        ends("jsonl", "{\"a\":1}\n{\"b\"", "{\"a\":1}\n", "");
        ends("jsonl", "{\"a\":1}\n", "{\"a\":1}\n", "");
        ends("jsonl", "", "", "");
        ends("csv", "a,b\n1,\"x\ny\"\n2,\"x\ny", "a,b\n1,\"x\ny\"\n", "");
        ends("csv", "a\n\"say \"\"hi\"\"\n", "a\n", "");
        ends("srt", "1\n0 --> 1\na\n\n2\n1 --> 2\nb", "1\n0 --> 1\na\n\n", "");
        ends("srt", "1\n0 --> 1\na\nb\n", "1\n0 --> 1\na\nb\n", "");
        ends("vtt", "WEBVTT\r\n\r\n0 --> 1\r\na\r\n\r\n1 --> 2\r\n", "WEBVTT\r\n\r\n0 --> 1\r\na\r\n\r\n", "");
    }

    #[test]
    fn no_place_to_break_off_is_beyond_repair() {
        let whole = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><i><BililiveRecorder version=\"1\"/>\n\
                     <d p=\"1,1,25,1\" user=\"主播 &amp; 我\">弹幕&lt;😀</d>\n<gift a=\"火箭\"/></i>\n";
        for at in 0..whole.len() {
            let file = &whole.as_bytes()[..at];
            let end = xml::end(&mut Cursor::new(file)).unwrap().unwrap_or_else(|problem| panic!("at {at}: {problem}"));
            let repaired = [&file[..end.at as usize], &end.add].concat();
            let again = xml::end(&mut Cursor::new(&repaired)).unwrap().unwrap();
            assert_eq!((again.at, &*again.add), (repaired.len() as u64, &b""[..]), "at {at}");
        }
    }

    #[test]
    fn xml_gets_the_end_of_what_it_began() {
        let whole = "<?xml version=\"1.0\"?><i><a/>\n<d p=\"1\">x &gt; <b>y</b></d>\n";
        ends("xml", &format!("{whole}<d p=\"2"), whole.trim_end(), "\n</i>\n");
        ends("xml", &format!("{whole}<d p=\"2\">half"), whole.trim_end(), "\n</i>\n");
        ends("xml", &format!("{whole}<d p=\"2\">half <b>z</b>"), whole.trim_end(), "\n</i>\n");
        ends("xml", whole, whole.trim_end(), "\n</i>\n");
        ends("xml", &format!("{whole}</i>\n"), &format!("{whole}</i>\n"), "");
        ends("xml", "<?xml version=\"1.0\"?><i", "<?xml version=\"1.0\"?>", "<i></i>\n");
    }

    #[test]
    fn what_no_crash_did_is_not_cut_off_with_all_behind_it() {
        for odd in ["<d user=\"a\"b\">x</d>", "<!x>"] {
            let file = format!("<i><d/>\n{odd}\n<d>y</d>\n<d>z</d>\n</i>\n");
            let problem = xml::end(&mut Cursor::new(&file)).unwrap().unwrap_err();
            assert!(problem.starts_with("at byte 8: ") && problem.ends_with("and more follows"), "{odd}: {problem}");
        }
    }

    #[test]
    fn a_file_of_which_nothing_would_stay_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        for format in ["txt", "csv", "xml", "srt", "packets"] {
            let path = folder.path().join("notes");
            fs::write(&path, "a line without end").unwrap();
            let error = repair(&path, format).unwrap_err();
            assert!(matches!(error, RepairError::Broken { .. }), "{format}: {error}");
            assert_eq!(fs::read(&path).unwrap(), b"a line without end", "{format}");
        }
        assert!(matches!(repair(folder.path(), "txt"), Err(RepairError::Broken { .. })), "a folder");
    }
}
