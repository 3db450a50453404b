//! Every made-up sample in `testdata/` is read as what it is, and shown as a snapshot.

#![allow(clippy::unwrap_used)] // A panic is a failed test.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use danmu_proto::{Message, RoomId, message};

#[test]
fn every_sample_is_read_as_its_snapshot_says() {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for (name, payload) in samples() {
            let message = Message::read(&payload);
            let summary = message.summary(RoomId::new(100).unwrap());
            let shown = format!("{message:#?}\n{}{summary:#?}", lists(&message));
            insta::assert_snapshot!(name, concise(&shown));
        }
    });
}

#[test]
fn every_type_has_a_sample_and_reads_as_a_variant_of_its_own() {
    let samples = samples();
    let mut variants = BTreeMap::<String, Vec<&str>>::new();
    for kind in Message::TYPES {
        let of_type: Vec<_> = samples.iter().filter(|(name, _)| name.split('-').next() == Some(kind)).collect();
        assert!(!of_type.is_empty(), "no sample of {kind}");
        for (name, payload) in of_type {
            let message = Message::read(payload);
            assert_eq!(message.fields().kind(), *kind, "{name}");
            variants.entry(variant(&message)).or_default().push(kind);
        }
    }
    assert!(!variants.contains_key("Other"), "{:?}", variants["Other"]);
    for kinds in variants.values_mut() {
        kinds.dedup();
    }
    let shared: Vec<_> = variants.into_values().filter(|kinds| kinds.len() > 1).collect();
    assert_eq!(
        shared,
        [vec!["dfobc", "odfbc"], vec!["dfrbc", "rndfbc"], vec!["newblackres", "blackres"], vec!["wirt", "wiru"]]
    );
}

#[test]
fn chat_has_the_id_that_its_view_has_and_nothing_else_has_any() {
    let odd = [
        "type@=chatmsg/cid@=1/cid@=2/",
        "type@=chatmsg/cid@=/cid@=2/",
        "type@=chatmsg/cid@=a@Sb@A",
        "type@=chatmsg/txt@=@Scid@A=1/xcid@=2/cid@=3/",
        "cid@=1/type@=chatmsg/cid@=2/",
        "type@=chatmsg/type@=dgb/cid@=1/",
        "type@=chatmsgs/cid@=1/",
        "type@=dgb/cid@=1/",
        "type@=chatmsg",
        "cid@=1/",
        "",
    ];
    let odd = odd.iter().map(|payload| ((*payload).to_owned(), payload.as_bytes().to_vec()));
    let mut chats = 0;
    for (name, payload) in samples().into_iter().chain(odd) {
        let id = message::id(&payload);
        match Message::read(&payload) {
            Message::Chat(chat) => {
                assert_eq!(id.unwrap_or_default(), chat.id, "{name}");
                chats += 1;
            }
            _ => assert_eq!(id, None, "{name}"),
        }
    }
    assert!(chats > 10);
}

#[test]
fn every_type_is_explained() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/protocol.md");
    let page = fs::read_to_string(page).unwrap();
    for kind in Message::TYPES {
        assert!(page.contains(&format!("`{kind}`")), "docs/protocol.md says nothing of {kind}");
    }
}

#[test]
fn a_type_without_a_view_keeps_its_fields() {
    for (name, payload) in samples().into_iter().filter(|(name, _)| name.starts_with("other-")) {
        let message = Message::read(&payload);
        assert_eq!(variant(&message), "Other", "{name}");
        assert!(message.fields().pairs().count() > 5, "{name}");
    }
}

#[test]
fn a_payload_without_a_type_is_other_too() {
    for payload in ["", "txt@=1/", "/", "type/", "btype@=chatmsg/"] {
        let message = Message::read(payload.as_bytes());
        assert_eq!(variant(&message), "Other", "{payload:?}");
        assert_eq!(message.summary(RoomId::new(1).unwrap()).kind, "", "{payload:?}");
    }
}

#[test]
fn a_bad_number_is_absent_and_spoils_nothing_else() {
    let message = Message::read(b"type@=chatmsg/rid@=100/uid@=none/level@=99999999999/cst@=/nn@=x/txt@=y/");
    let summary = message.summary(RoomId::new(100).unwrap());
    assert_eq!((summary.user, summary.level, summary.sent_ms), (None, None, None));
    assert_eq!((summary.name.as_deref(), summary.text.as_deref()), (Some("x"), Some("y")));
}

#[test]
fn the_first_of_a_repeated_field_counts() {
    let message = Message::read(b"type@=qausrespond/rid@=100/sc@=1/sc@=2/rid@=-1/");
    let Message::Heat(heat) = message else { panic!("{message:?}") };
    assert_eq!((heat.room, heat.heat), (Some(100), Some(1)));
}

/// What lies in the nested lists and maps of a message.
fn lists(message: &Message<'_>) -> String {
    let mut shown = String::new();
    let mut add = |what: &str, entries: Vec<String>| {
        writeln!(shown, "{what}: {}", if entries.is_empty() { "none".to_owned() } else { entries.join("") }).unwrap();
    };
    macro_rules! all {
        ($entries:expr) => {
            $entries.map(|entry| format!("\n{entry:#?}")).collect()
        };
    }
    match message {
        Message::WrappedChat(view) => add("chat", all!([view.chat()].iter())),
        Message::VoiceChats(view) => add("chats", all!(view.chats())),
        Message::Deserve(view) => add("buyer", all!([view.buyer()].iter())),
        Message::NobleList(view) => add("nobles", all!(view.nobles())),
        Message::NobleCounts(view) => add("ranks", all!(view.ranks())),
        Message::GiverRanking(view) => {
            add("week", all!(view.week()));
            add("ever", all!(view.ever()));
            add("day", all!(view.day()));
        }
        Message::LevelRanking(view) => add("viewers", all!(view.viewers())),
        Message::FanRanking(view) | Message::WeeklyFanRanking(view) | Message::DiamondFanRanking(view) => {
            add("fans", all!(view.fans()));
        }
        Message::CategoryPlace(view) => add("place", all!([view.place()].iter())),
        Message::CategoryRanking(view) => add("rooms", all!(view.rooms())),
        _ => {}
    }
    shown
}

/// The name of the variant, as `Debug` has it.
fn variant(message: &Message<'_>) -> String {
    format!("{message:?}").split(['(', ' ']).next().unwrap_or_default().to_owned()
}

/// Leaves out what is absent, and puts `Some(…)` on one line, so that a snapshot shows what was read and little else.
fn concise(shown: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in shown.lines().filter(|line| !line.ends_with(": None,")) {
        match lines.as_slice() {
            [.., some, value]
                if some.ends_with("Some(") && line.trim() == ")," && !value.trim().starts_with(['}', ')']) =>
            {
                let joined = format!("{some}{}),", value.trim().trim_end_matches(','));
                lines.truncate(lines.len() - 2);
                lines.push(joined);
            }
            _ => lines.push(line.to_owned()),
        }
    }
    lines.join("\n")
}

/// Name and payload of each file in `testdata/`: one payload, and a line break that is not part of it.
fn samples() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let mut samples: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "stt"))
        .map(|path| {
            let mut payload = fs::read(&path).unwrap();
            assert_eq!(payload.pop(), Some(b'\n'), "{} must end in a line break", path.display());
            (path.file_stem().unwrap().to_str().unwrap().to_owned(), payload)
        })
        .collect();
    samples.sort();
    samples
}
