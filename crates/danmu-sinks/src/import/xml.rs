//! XML in the dialect of Bilibili and those of its recorders: `BililiveRecorder`, biliup, rust-srec, blrec, our own, and what
//! the web page and the PC client ("2.0") write.
//!
//! ```xml
//! <i><BililiveRecorderRecordInfo roomid="9999" name="…" title="…" start_time="2026-11-21T20:00:00.0000000+08:00"/>
//! <d p="1.250,1,25,16777215,1763700000,0,a1b2c3d4,1001" user="…" uid="123">…</d>
//! <gift ts="3.000" user="…" uid="123" giftname="…" giftcount="2" price="500000"/></i>
//! ```
//!
//! Times are relative. A file begins when it says, else when its first dated comment was sent less how far in it is. Read
//! leniently: what a comment says may hold characters that XML forbids, and a file may end anywhere, as a crash leaves it.
//! Entities that a file declares are not expanded.

mod element;

use std::io::BufRead;

use danmu_proto::RoomId;
use jiff::Timestamp;
use quick_xml::errors::{Error, IllFormedError};
use quick_xml::events::attributes::Attribute;
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::{Body, Dialect, End, ImportError, Item, Take, Told, When};
use crate::limited::{Limit, Limited};
use crate::recording::writer::RoomState;
use element::Element;

pub(super) const DIALECT: Dialect =
    Dialect { name: "xml", about: "Bilibili's XML: BililiveRecorder, biliup, rust-srec, danmu's own", read };

/// No tag, and no text between two, may have more bytes.
const LONGEST: u64 = 4 << 20;

/// Elements that say nothing about messages.
const FURNITURE: &[&str] = &[
    "i",
    "chatserver",
    "chatid",
    "mission",
    "maxlimit",
    "state",
    "real_name",
    "source",
    "BililiveRecorder",
    "BililiveRecorderXmlStyle",
    "metadata",
];

fn read(input: &mut dyn BufRead, take: &mut Take<'_>) -> Result<End, ImportError> {
    let limit = Limit::new(LONGEST);
    let mut reader = Reader::from_reader(Limited { inner: input, limit: limit.clone() });
    let config = reader.config_mut();
    config.check_end_names = false;
    config.allow_unmatched_ends = true;
    config.allow_dangling_amp = true;
    let mut dialect = State { take, version_2: false, begins: false, open: None, depth: 0, room: None };
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        limit.renew();
        let before = reader.buffer_position();
        let event = match reader.read_event_into(&mut buffer) {
            Ok(event) => event,
            _ if limit.is_reached() => {
                return Err(at(reader.buffer_position().saturating_sub(LONGEST), "something of more than 4 MiB"));
            }
            // The parser finds out at the end of the file.
            Err(Error::Syntax(_)) => return Ok(cut_off(reader.error_position())),
            Err(Error::Encoding(_)) if reader.get_mut().fill_buf().is_ok_and(<[u8]>::is_empty) => {
                return Ok(cut_off(reader.error_position()));
            }
            Err(Error::IllFormed(IllFormedError::MissingEndTag(_))) => return Ok(cut_off(reader.buffer_position())),
            Err(Error::Io(error)) => {
                return Err(ImportError::Read(std::io::Error::new(error.kind(), error.to_string())));
            }
            Err(error) => return Err(at(reader.error_position().max(before), error.to_string())),
        };
        let position = reader.buffer_position();
        match event {
            Event::Eof if dialect.depth > 0 => return Ok(cut_off(position)),
            Event::Eof => return Ok(End::Whole),
            event => dialect.event(event).map_err(|error| match error {
                Fault::Take(error) => error,
                Fault::Problem(problem) => at(position, problem),
            })?,
        }
    }
}

fn cut_off(position: u64) -> End {
    End::CutOff(format!("it breaks off at byte {position}"))
}

fn at(position: u64, problem: impl Into<String>) -> ImportError {
    ImportError::Malformed { place: format!("byte {position}"), problem: problem.into() }
}

enum Fault {
    Take(ImportError),
    Problem(String),
}

impl From<ImportError> for Fault {
    fn from(error: ImportError) -> Self {
        Self::Take(error)
    }
}

/// Where in the file the reader is.
struct State<'a, 'b> {
    take: &'a mut Take<'b>,
    version_2: bool,
    /// Whether it is known when the file begins.
    begins: bool,
    /// The element that is being read, with how deep it lies.
    open: Option<(Element, usize)>,
    depth: usize,
    room: Option<RoomId>,
}

impl State<'_, '_> {
    fn event(&mut self, event: Event<'_>) -> Result<(), Fault> {
        match event {
            Event::Decl(declaration) => self.version_2 = declaration.version().is_ok_and(|version| version == "2.0"),
            Event::Start(tag) => {
                self.depth += 1;
                if self.open.is_none() {
                    self.open = element(&tag).map(|element| (element, self.depth));
                }
            }
            Event::Empty(tag) if self.open.is_none() => {
                if let Some(element) = element(&tag) {
                    self.element(element)?;
                }
            }
            Event::End(_) => {
                if let Some((element, _)) = self.open.take_if(|(_, depth)| *depth == self.depth) {
                    self.element(element)?;
                }
                self.depth = self.depth.saturating_sub(1);
            }
            Event::Text(text) => self.text(&text.into_inner())?,
            Event::CData(text) => self.text(&text.into_inner())?,
            Event::GeneralRef(reference) => {
                let resolved = match reference.resolve_char_ref() {
                    Ok(Some(char)) => char.to_string(),
                    _ => named(&reference).map_or_else(|| format!("&{};", &*reference), str::to_owned),
                };
                self.text(&resolved)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), Fault> {
        if let Some((element, _)) = &mut self.open {
            element.text.push_str(text);
            // It may come in many pieces, with a reference between any two.
            if element.text.len() as u64 > LONGEST {
                return Err(Fault::Problem("a text of more than 4 MiB".to_owned()));
            }
        }
        Ok(())
    }

    fn element(&mut self, element: Element) -> Result<(), Fault> {
        if matches!(&*element.name, "BililiveRecorderRecordInfo" | "room") {
            return self.room(&element);
        }
        let Some(event) = element.event(self.room, self.version_2).map_err(Fault::Problem)? else {
            return Ok((self.take)(Item::Unknown(element.name))?);
        };
        if !self.begins
            && let (Some(after_us), Some(sent_ms)) = (event.after_us, event.sent_ms)
        {
            self.begins = true;
            (self.take)(Item::Begins(sent_ms.saturating_mul(1000).saturating_sub(after_us)))?;
        }
        if let Some(gift) = event.gift {
            (self.take)(Item::Gift(gift))?;
        }
        let received = match (event.after_us, event.sent_ms) {
            (Some(after_us), _) => When::After(after_us),
            (None, Some(sent_ms)) => When::At(sent_ms.saturating_mul(1000)),
            (None, None) => When::Unknown,
        };
        let told = Told { seq: event.seq, room: self.room, received, body: Body::Payload(event.payload), lossy: false };
        Ok((self.take)(Item::Message(told))?)
    }
}

impl State<'_, '_> {
    /// The header of a recorder.
    fn room(&mut self, element: &Element) -> Result<(), Fault> {
        let text = |names: &[&str]| element.get(names).map(str::to_owned);
        self.room = element.get(&["roomid"]).and_then(|number| RoomId::new(number.parse().ok()?)).or(self.room);
        if let Some(begins) = element.get(&["start_time"]).and_then(|time| time.parse::<Timestamp>().ok()) {
            self.begins = true;
            (self.take)(Item::Begins(begins.as_microsecond()))?;
        }
        let category = text(&["areanamechild"]).or_else(|| text(&["areanameparent"]));
        let state =
            RoomState { live: None, title: text(&["title"]), owner: text(&["name"]), owner_uid: None, category };
        Ok((self.take)(Item::Room { room: self.room, state })?)
    }
}

/// The element that a tag begins; `None` for those that only hold others.
fn element(tag: &BytesStart<'_>) -> Option<Element> {
    let name = tag.name();
    let name: &str = name.as_ref();
    if FURNITURE.contains(&name) {
        return None;
    }
    // Attributes that are no attributes say nothing, and the others still do.
    let mut attributes = tag.attributes();
    let attributes = attributes.with_checks(false).flatten();
    let attributes = attributes.map(|attribute| (attribute.key.as_ref().to_owned(), value(&attribute)));
    Some(Element::new(name, attributes.collect()))
}

/// The value of an attribute. With what is no reference, as it stands.
fn value(attribute: &Attribute<'_>) -> String {
    match attribute.normalized_value(XmlVersion::Implicit1_0) {
        Ok(value) => value.into_owned(),
        Err(_) => attribute.value.clone().into_owned(),
    }
}

/// The entities that XML itself names.
fn named(entity: &str) -> Option<&'static str> {
    Some(match entity {
        "lt" => "<",
        "gt" => ">",
        "amp" => "&",
        "quot" => "\"",
        "apos" => "'",
        _ => return None,
    })
}
