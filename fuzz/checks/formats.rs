//! Whatever people write, every format stays what it is: its own reader reads it, nothing in it is a formula, a tag or a
//! command that people wrote, and no line or cell is more than one. The input is payloads, a line each.

use danmu_proto::{Message, RoomId};
use danmu_sinks::sink::Opening;
use danmu_sinks::{Entry, FORMATS, Format};

/// When the first message is heard: 2026-11-21 12:00:00 UTC.
const NOON_US: i64 = 1_795_262_400_000_000;

pub(crate) fn check(data: &[u8]) {
    let payloads: Vec<&[u8]> = data.split(|&byte| byte == b'\n').collect();
    for format in FORMATS {
        let written = write(format, &payloads);
        // Of payloads, and of Parquet, whose readers take any text.
        if ["stt", "packets", "parquet"].contains(&format.name) {
            continue;
        }
        let text = written.unwrap_or_else(|error| panic!("{}: {error}", format.name));
        let text = String::from_utf8(text).unwrap_or_else(|error| panic!("{}: {error}", format.name));
        if let Some(stray) = text.chars().find(|&c| (c.is_control() && !"\r\n\t".contains(c)) && format.name != "csv") {
            // JSON asks for no more than the first 32 to be escaped.
            assert!(stray >= '\x7f' && is_json(format), "{} has {stray:?}", format.name);
        }
        match format.name {
            "csv" => csv(&text),
            "xml" => xml(&text),
            "ass" => ass(&text),
            "srt" => srt(&text),
            "vtt" => vtt(&text),
            "txt" => assert!(text.lines().count() <= payloads.len(), "{text}"),
            "jsonl" => {
                assert_eq!(text.lines().count(), payloads.len());
                text.lines().for_each(json);
            }
            _ => json(&text),
        }
    }
}

fn is_json(format: &Format) -> bool {
    !["csv", "xml", "ass", "srt", "vtt", "txt"].contains(&format.name)
}

fn write(format: &Format, payloads: &[&[u8]]) -> Result<Vec<u8>, danmu_sinks::sink::SinkError> {
    let room = RoomId::new(9999).expect("not zero");
    let messages: Vec<_> = payloads.iter().map(|payload| Message::read(payload)).collect();
    let summaries: Vec<_> = messages.iter().map(|message| message.summary(room)).collect();
    let entries: Vec<_> = (0..)
        .zip(payloads.iter().zip(&summaries))
        .map(|(n, (payload, summary))| Entry {
            seq: Some(n + 1),
            room: Some(room),
            received_us: Some(NOON_US + n * 700_000),
            summary,
            payload: Some(payload),
        })
        .collect();
    let mut opening = Opening::default();
    opening.zero_us = Some(NOON_US);
    opening.room = Some(room);
    opening.options.xml.raw = true;
    opening.options.ass.names = true;
    opening.count = format.counted.map(|counts| entries.iter().filter(|entry| counts(entry, &opening)).count() as u64);
    let mut written = Vec::new();
    let mut sink = (format.open)(Box::new(&mut written), &opening)?;
    for entry in &entries {
        sink.message(entry)?;
    }
    sink.finish()?;
    Ok(written)
}

fn json(text: &str) {
    serde_json::from_str::<serde_json::Value>(text).unwrap_or_else(|error| panic!("{error}: {text}"));
}

/// Every line has all cells, and none is a formula: what looks like one is a number.
fn csv(text: &str) {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    for record in reader.records() {
        for cell in &record.unwrap_or_else(|error| panic!("{error}: {text}")) {
            let begins = cell.trim_start().starts_with(['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠']);
            assert!(!begins || cell.parse::<i64>().is_ok(), "{cell:?} is a formula");
        }
    }
}

/// Tags inside of tags. People can write none.
const NESTED: [&str; 1] = ["v"];

fn xml(text: &str) {
    let mut reader = quick_xml::Reader::from_str(text);
    reader.config_mut().check_end_names = true;
    let mut depth = 0;
    loop {
        use quick_xml::events::Event;
        match reader.read_event().unwrap_or_else(|error| panic!("{error}: {text}")) {
            Event::Start(tag) => {
                depth += 1;
                assert_eq!(depth == 1, tag.name().as_ref() == "i", "{text}");
                assert!(depth <= 2 || NESTED.contains(&tag.name().as_ref()), "{text}");
                tag.attributes().for_each(|attribute| _ = attribute.unwrap_or_else(|error| panic!("{error}: {text}")));
            }
            Event::Empty(tag) => {
                tag.attributes().for_each(|attribute| _ = attribute.unwrap_or_else(|error| panic!("{error}: {text}")));
            }
            Event::End(_) => depth -= 1,
            Event::Comment(_) | Event::CData(_) | Event::DocType(_) | Event::PI(_) if depth > 1 => panic!("{text}"),
            Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!(depth, 0, "{text}");
}

/// Commands that the format writes; `\t`, `\fs` and the like come from nobody but people.
const COMMANDS: [&str; 6] = ["move(", "pos(", "c&H", "b0", "b1", "shad0"];

fn ass(text: &str) {
    let (_, events) = text.split_once("[Events]").unwrap_or_else(|| panic!("no events: {text}"));
    for line in events.lines().filter(|line| !line.is_empty()) {
        let known = ["Format: ", "Dialogue: ", "Comment: "].iter().any(|begin| line.starts_with(begin));
        assert!(known, "{line:?}");
        let Some(shown) = line.strip_prefix("Dialogue: ").and_then(|line| line.splitn(10, ',').nth(9)) else {
            continue;
        };
        let mut rest = shown;
        while let Some((before, block)) = rest.split_once('{') {
            only_ours(before, line);
            let (block, after) = block.split_once('}').unwrap_or_else(|| panic!("{line:?}"));
            assert!(
                block.split_inclusive('\\').count() > 1 && block.starts_with('\\'),
                "a block that is none of ours: {line:?}"
            );
            // What is drawn are numbers, where people have letters.
            let is_drawing = after.chars().all(|c| "mlb -0123456789".contains(c));
            for command in block.split('\\').skip(1).filter(|command| !is_drawing || *command != "p1") {
                assert!(COMMANDS.iter().any(|known| command.starts_with(known)), "{command:?} in {line:?}");
            }
            rest = after;
        }
        only_ours(rest, line);
    }
}

fn only_ours(text: &str, line: &str) {
    assert!(!text.contains('}'), "{line:?}");
    for (at, _) in text.match_indices('\\') {
        assert!(text[at + 1..].starts_with(['h', 'N']), "{line:?}");
    }
}

/// Blocks of a number, a time and lines; in these neither tags nor arrows.
fn srt(text: &str) {
    for (n, block) in (1..).zip(text.split("\n\n").filter(|block| !block.trim().is_empty())) {
        let mut lines = block.lines();
        assert_eq!(lines.next(), Some(&*n.to_string()), "{text}");
        assert!(lines.next().is_some_and(|time| time.contains(" --> ")), "{text}");
        for line in lines {
            assert!(!line.contains(['<', '{', '\\']) && !line.contains("-->"), "{line:?}");
        }
    }
}

/// Blocks of a time and lines, each in someone's voice and without any other tag.
fn vtt(text: &str) {
    let body = text.strip_prefix("WEBVTT\n\n").unwrap_or_else(|| panic!("{text}"));
    for block in body.split("\n\n").filter(|block| !block.trim().is_empty()) {
        let mut lines = block.lines();
        assert!(lines.next().is_some_and(|time| time.contains(" --> ")), "{text}");
        for line in lines {
            let inner = line.strip_prefix("<v ").and_then(|line| line.strip_suffix("</v>"));
            let (name, words) = inner.and_then(|line| line.split_once('>')).unwrap_or_else(|| panic!("{line:?}"));
            assert!(!name.contains('<') && !words.contains('<') && !line.contains("-->"), "{line:?}");
        }
    }
}
