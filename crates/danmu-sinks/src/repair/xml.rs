//! The end of an XML file: behind the last element that is whole inside of the first, which is then ended.

use std::io::{self, BufRead};

use quick_xml::Reader;
use quick_xml::errors::Error;
use quick_xml::events::Event;

use super::End;
use crate::limited::{Limit, Limited};

/// No tag, and no text between two, may have more bytes.
const LONGEST: u64 = 4 << 20;

pub(super) fn end(input: &mut dyn BufRead) -> io::Result<Result<End, String>> {
    let limit = Limit::new(LONGEST);
    let mut reader = Reader::from_reader(Limited { inner: input, limit: limit.clone() });
    let config = reader.config_mut();
    config.check_end_names = false;
    config.allow_dangling_amp = true;
    let mut buffer = Vec::new();
    let mut outermost: Option<String> = None;
    let (mut depth, mut at) = (0_u32, 0);
    loop {
        buffer.clear();
        limit.renew();
        match reader.read_event_into(&mut buffer) {
            Ok(Event::Start(tag)) => {
                outermost.get_or_insert_with(|| tag.name().as_ref().to_owned());
                depth += 1;
                if depth == 1 {
                    at = reader.buffer_position();
                }
            }
            Ok(Event::End(_)) => {
                depth = depth.saturating_sub(1);
                if depth <= 1 {
                    at = reader.buffer_position();
                }
            }
            Ok(Event::Empty(_)) if depth == 1 => at = reader.buffer_position(),
            Ok(Event::Decl(_)) => at = reader.buffer_position(),
            // Nothing but white space and comments belongs behind the outermost element.
            Ok(Event::Text(_) | Event::Comment(_)) if outermost.is_some() && depth == 0 => {
                at = reader.buffer_position();
            }
            Ok(Event::Eof) => break,
            // Other elements in what a tag swallowed, or anything behind it: no crash did that, and all of it would go.
            Err(Error::Syntax(error)) => {
                if buffer.windows(2).any(|two| two == b"\n<") || !reader.get_mut().fill_buf()?.is_empty() {
                    return Ok(Err(format!("at byte {}: {error}, and more follows", reader.error_position())));
                }
                break;
            }
            Ok(_) => {}
            Err(_) if limit.is_reached() => return Ok(Err("something in it has more than 4 MiB".to_owned())),
            Err(Error::IllFormed(_)) => break,
            // A character that breaks off, and nothing behind it.
            Err(Error::Encoding(_)) if reader.get_mut().fill_buf()?.is_empty() => break,
            Err(Error::Io(error)) => return Err(io::Error::new(error.kind(), error.to_string())),
            Err(error) => return Ok(Err(format!("at byte {}: {error}", reader.error_position()))),
        }
    }
    let add = match outermost {
        Some(_) if depth == 0 => String::new(),
        Some(name) => format!("\n</{name}>\n"),
        None => "<i></i>\n".to_owned(),
    };
    Ok(Ok(End { at, add: add.into_bytes() }))
}
