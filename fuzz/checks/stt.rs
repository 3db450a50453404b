//! Any bytes read as a naive reader reads them, with an index and without, with SIMD and without; any text survives being
//! written and read; and no message panics.

use danmu_proto::fields::Index;
use danmu_proto::scan::{self, Level};
use danmu_proto::stt::{self, Value, Writer};
use danmu_proto::{Fields, Message, RoomId};

pub(crate) fn check(data: &[u8]) {
    let shown = String::from_utf8_lossy(data);
    let read: Vec<_> =
        stt::pairs(Value::new(data)).map(|(key, value)| (key.text().into(), value.text().into())).collect();
    assert_eq!(read, naive(&shown));
    let mut index = Index::default();
    assert!(index.read(data).pairs().eq(stt::pairs(Value::new(data))));
    assert_eq!(index.read(data).len(), read.len());
    let fields = Fields::new(data);
    for (key, _) in &read {
        let first = read.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str());
        assert_eq!(fields.get(key).map(|value| value.text().into_owned()).as_deref(), first);
    }

    let written = Writer::new().pair(&shown, &shown).item(&shown).finish();
    let text = |value: Value<'_>| value.text().into_owned();
    assert_eq!(
        stt::pairs(written.as_str().into()).map(|(k, v)| (text(k), text(v))).collect::<Vec<_>>(),
        [(shown.clone().into_owned(), shown.clone().into_owned())]
    );
    let item = Writer::new().item(&shown).finish();
    assert_eq!(stt::unescape(item.trim_end_matches('/')), shown);

    let message = Message::read(data);
    let room = RoomId::new(100).expect("not zero");
    assert_eq!(message.summary(room).kind, message.fields().kind());
    scan::limit_to(Level::Portable);
    assert_eq!(Message::read(data), message);
    assert!(index.read(data).pairs().eq(fields.pairs()));
    scan::limit_to(Level::Avx2);
    walk(&message);
    views(data);
}

/// What a view finds, with registers of whatever width it searches the payload, is what is found key by key.
fn views(data: &[u8]) {
    let payload = [b"type@=chatmsg/", data].concat();
    for level in [Level::Portable, Level::Sse2, Level::Avx2] {
        scan::limit_to(level);
        view(&payload);
    }
}

fn view(payload: &[u8]) {
    let (fields, message) = (Fields::new(payload), Message::read(payload));
    let Message::Chat(chat) = message else { panic!("{message:?} is no chat") };
    let texts = [("nn", &chat.name), ("txt", &chat.text), ("cid", &chat.id), ("bnn", &chat.medal)];
    for (key, seen) in texts {
        assert_eq!(**seen, *fields.text(key), "{key}");
    }
    assert_eq!((chat.room, chat.user, chat.sent), (fields.number("rid"), fields.number("uid"), fields.number("cst")));
    assert_eq!(
        (chat.level, chat.colour, chat.client),
        (fields.number("level"), fields.number("col"), fields.number("ct"))
    );
    assert_eq!((chat.medal_level, chat.medal_room), (fields.number("bl"), fields.number("brid")));
    assert_eq!(
        (chat.noble, chat.room_role, chat.trust),
        (fields.number("nl"), fields.number("rg"), fields.number("dms"))
    );
    assert_eq!(chat.avatar.raw(), fields.get("ic").unwrap_or_default().raw());
    assert_eq!(chat.effects.raw(), fields.get("el").unwrap_or_default().raw());
    assert_eq!(chat.decorations.raw(), fields.get("ail").unwrap_or_default().raw());
}

/// Reads all lists there are.
fn walk(message: &Message<'_>) {
    match message {
        Message::GiverRanking(view) => assert!(view.week().chain(view.ever()).chain(view.day()).count() < 1 << 20),
        Message::LevelRanking(view) => assert!(view.viewers().count() < 1 << 20),
        Message::FanRanking(view) => assert!(view.fans().count() < 1 << 20),
        Message::NobleList(view) => assert!(view.nobles().count() < 1 << 20),
        Message::CategoryRanking(view) => assert!(view.rooms().count() < 1 << 20),
        _ => {}
    }
}

fn naive(payload: &str) -> Vec<(String, String)> {
    let unescape = |text: &str| text.replace("@S", "/").replace("@A", "@");
    let pairs = payload.split('/').filter_map(|segment| segment.split_once("@="));
    pairs.map(|(key, value)| (unescape(key), unescape(value))).collect()
}
