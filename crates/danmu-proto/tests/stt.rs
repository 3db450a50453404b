//! STT: every worked example, every odd case, and that text survives.

#![allow(clippy::unwrap_used)] // A panic is a failed test.

use std::time::{Duration, Instant};

use danmu_proto::Fields;
use danmu_proto::stt::{self, Nested, Value, Writer};
use proptest::collection::vec;
use proptest::prelude::*;

#[test]
fn the_tutorials_examples_hold() {
    reads("key1@=value1/key2@=value2/key3@=value3/", &[("key1", "value1"), ("key2", "value2"), ("key3", "value3")]);
    lists("value1/value2/value3/", &["value1", "value2", "value3"]);
    escapes("/", "@S");
    escapes("@", "@A");
}

#[test]
fn the_worked_escapes_hold_both_ways() {
    escapes("a/b@c", "a@Sb@Ac");
    escapes("@S", "@AS");
    escapes("@A", "@AA");
    escapes(
        "https://pic.example/asrpic/200627/100_2350.png/dy1",
        "https:@S@Spic.example@Sasrpic@S200627@S100_2350.png@Sdy1",
    );
    escapes("", "");
    escapes("弹幕 = \\ \n\0 :", "弹幕 = \\ \n\0 :");
    escapes("@/@/", "@A@S@A@S");
}

#[test]
fn text_is_unescaped_once_and_nothing_is_guessed_from_it() {
    reads("txt@=1@S2/", &[("txt", "1/2")]);
    reads("txt@=@AS/", &[("txt", "@S")]);
    reads("txt@=@AAlice/", &[("txt", "@Alice")]);
    reads("txt@=@ASakura/", &[("txt", "@Sakura")]);
    reads("txt@=a@A=b/", &[("txt", "a@=b")]);
    reads("txt@=http:@S@Sx.example@S/", &[("txt", "http://x.example/")]);
    reads("txt@=@AAS/", &[("txt", "@AS")]);
    reads("txt@=@S@S/", &[("txt", "//")]);
    reads("a@Sb@=1/@A@=2/", &[("a/b", "1"), ("@", "2")]);
}

#[test]
fn odd_cases_are_read_in_the_simplest_way() {
    reads("bnn@=/el@=/", &[("bnn", ""), ("el", "")]); // empty values
    reads("a@=1//b@=2/", &[("a", "1"), ("b", "2")]); // an empty segment
    reads("/a@=1/", &[("a", "1")]);
    reads("///", &[]);
    reads("", &[]);
    reads("a@=1/stray/b@=2/", &[("a", "1"), ("b", "2")]); // a segment without `@=`
    reads("a@=b@=c/", &[("a", "b@=c")]); // split at the first `@=`
    reads("@=@=/", &[("", "@=")]);
    reads("@@=x/", &[("@", "x")]);
    reads("rid@=100/sc@=5/rid@=-1/", &[("rid", "100"), ("sc", "5"), ("rid", "-1")]); // a repeated key
    reads("sc@=5/type@=qausrespond/", &[("sc", "5"), ("type", "qausrespond")]); // the type not first
    reads("type@=mrkl", &[("type", "mrkl")]); // no `/` at the end
    reads("type@=mrkl/.", &[("type", "mrkl")]); // a stray `.` behind it
    reads("a@=1@x2@s@a/", &[("a", "1@x2@s@a")]); // unknown escapes, lower case too
    reads("a@=1@/", &[("a", "1@")]); // a lone `@` at the end
    reads("a@=1@", &[("a", "1@")]);
    reads("a@=@", &[("a", "@")]);
    reads("txt@=赠送失败\n余额不足/", &[("txt", "赠送失败\n余额不足")]); // a line break
    reads("txt@=好\\/nn@=x/", &[("txt", "好\\"), ("nn", "x")]); // a backslash before the separator
    reads("txt@=a\0b/", &[("txt", "a\0b")]);
    reads("a=1/b@2/", &[]);
    reads(
        "gbcc@={\"a\" : \"\\u5929\", \"b\":[1,2]}/ft@=1/",
        &[("gbcc", "{\"a\" : \"\\u5929\", \"b\":[1,2]}"), ("ft", "1")],
    ); // JSON
}

#[test]
fn a_field_is_found_by_its_whole_name_wherever_it_stands() {
    let fields = Fields::new(b"btype@=pandora/bnn@=x/brid@=7/type@=comm_chatmsg/rid@=100/nn@=y/rid@=-1/");
    assert_eq!(fields.kind(), "comm_chatmsg");
    assert_eq!(fields.text("nn"), "y");
    assert_eq!(fields.number("rid"), Some(100));
    assert_eq!(fields.all("rid").map(Value::text).collect::<Vec<_>>(), ["100", "-1"]);
    assert_eq!(fields.get("r"), None);
    assert_eq!(fields.get(""), None);
    assert_eq!(danmu_proto::message::kind(fields.payload()), "comm_chatmsg");
    // A key that no one has to escape, escaped all the same.
    assert_eq!(Fields::new(b"a@Sb@=1/").number("a/b"), Some(1));
}

#[test]
fn the_type_is_found_first_or_later_and_with_or_without_an_end() {
    let kind = danmu_proto::message::kind;
    assert_eq!(kind(b"type@=mrkl/rid@=7/"), "mrkl");
    assert_eq!(kind(b"rid@=7/type@=mrkl/type@=x/"), "mrkl");
    assert_eq!(kind(b"type@=mrkl"), "mrkl");
    assert_eq!(kind(b"type@=a@Sb@=c/"), "a/b@=c");
    assert_eq!(kind(b"type@=/type@=x/"), "");
    assert_eq!(kind(b"types@=x/type=x/"), "");
}

#[test]
fn empty_and_absent_differ() {
    let fields = Fields::new(b"el@=/");
    assert_eq!((fields.get("el").map(Value::is_empty), fields.get("lk")), (Some(true), None));
    assert_eq!((fields.text("el"), fields.text("lk")), ("".into(), "".into()));
    assert_eq!(fields.nested("el").items().count(), 0);
}

#[test]
fn numbers_are_text_until_they_are_asked_for() {
    let fields = Fields::new(b"ifs@=-1250000001/o_exp@=14000000060/vrid@=2000000000000000001/big@=99999999999999999999/f@=2.8/p@=+5/s@= 1/e@=/");
    assert_eq!(fields.number("ifs"), Some(-1_250_000_001_i64));
    assert_eq!(fields.number("o_exp"), Some(14_000_000_060_u64));
    assert_eq!(fields.number("vrid"), Some(2_000_000_000_000_000_001_u64));
    assert_eq!(fields.number::<u32>("ifs"), None, "negative");
    assert_eq!(fields.number::<u32>("o_exp"), None, "beyond 32 bits");
    assert_eq!(fields.number::<u64>("big"), None, "beyond 64 bits");
    assert_eq!(fields.text("big"), "99999999999999999999");
    assert_eq!((fields.number::<i64>("f"), fields.number("f")), (None, Some(2.8)));
    assert_eq!((fields.number::<i64>("s"), fields.number::<i64>("e"), fields.number::<i64>("x")), (None, None, None));
}

#[test]
fn a_map_in_a_field() {
    let ri = Fields::new(b"ri@=sc@A=100000000@Sidx@A=26@S/").nested("ri");
    maps(&ri, &[("sc", "100000000"), ("idx", "26")]);
    assert_eq!(ri.as_str(), "sc@=100000000/idx@=26/");
}

#[test]
fn a_list_of_maps_in_a_field() {
    let list = Fields::new(b"list@=lev@AA=4@ASnum@AA=1@AS@Slev@AA=1@ASnum@AA=2@AS@S/").nested("list");
    let items = nested(&list);
    assert_eq!(items.len(), 2);
    maps(&items[0], &[("lev", "4"), ("num", "1")]);
    maps(&items[1], &[("lev", "1"), ("num", "2")]);
}

#[test]
fn a_list_of_texts_in_a_field() {
    let fields = Fields::new("ail@=6065@S4144@S/hb@=140@S/nail@=6048_测试牌@S6041_小红牌@S/el@=/".as_bytes());
    let items = |key| fields.nested(key).items().map(|item| item.text().into_owned()).collect::<Vec<_>>();
    assert_eq!(items("ail"), ["6065", "4144"]);
    assert_eq!(items("hb"), ["140"]);
    assert_eq!(items("nail"), ["6048_测试牌", "6041_小红牌"]);
    assert!(items("el").is_empty());
}

#[test]
fn an_item_may_lack_its_end_and_be_empty() {
    lists("6065/4144", &["6065", "4144"]);
    lists("a//b/", &["a", "", "b"]);
    lists("/", &[""]);
    lists("", &[]);
    // The document's own example of an effect leaves the last `@S` out.
    let el = Fields::new(b"el@=eid@AA=1@ASetp@AA=2@ASsc@AA=3@AS/").nested("el");
    maps(&nested(&el)[0], &[("eid", "1"), ("etp", "2"), ("sc", "3")]);
}

#[test]
fn slashes_in_a_leaf_of_a_list_of_maps() {
    let list =
        Fields::new(b"list@=icon@AA=avatar@AAS001@AAS02@AAS03@AAS04_avatar@ASail@AA=453@AAS@AS@S/").nested("list");
    maps(&nested(&list)[0], &[("icon", "avatar/001/02/03/04_avatar"), ("ail", "453/")]);
}

#[test]
fn a_message_in_a_field() {
    let payload = "chatmsg@=nn@A=小明@Sail@A=9001@AS9002@AS9003@AS@Slevel@A=32@Stype@A=chatmsg@Stxt@A=1@AS2@Sic@A=avatar@AS004@AS48_avatar@S/";
    let chat = Fields::new(payload.as_bytes()).nested("chatmsg");
    maps(
        &chat,
        &[
            ("nn", "小明"),
            ("ail", "9001/9002/9003/"),
            ("level", "32"),
            ("type", "chatmsg"),
            ("txt", "1/2"),
            ("ic", "avatar/004/48_avatar"),
        ],
    );
    let ail = Fields::from(&chat).nested("ail");
    assert_eq!(ail.items().map(|item| item.text().into_owned()).collect::<Vec<_>>(), ["9001", "9002", "9003"]);
}

#[test]
fn lists_of_maps_in_a_map_in_a_field() {
    let payload = b"list@=1@A=total@AAA=6@AASnum@AAA=6@AAS@AStotal@AAA=600@AASnum@AAA=336@AAS@AS@S100@A=total@AAA=2@AASnum@AAA=0@AAS@AS@S/";
    let map = Fields::new(payload).nested("list");
    assert_eq!(map.pairs().map(|(key, _)| key.text().into_owned()).collect::<Vec<_>>(), ["1", "100"]);
    let one = Fields::from(&map).nested("1");
    assert_eq!(one.as_str(), "total@A=6@Snum@A=6@S/total@A=600@Snum@A=336@S/");
    let items = nested(&one);
    assert_eq!(items.len(), 2);
    maps(&items[0], &[("total", "6"), ("num", "6")]);
    maps(&items[1], &[("total", "600"), ("num", "336")]);
    maps(&nested(&Fields::from(&map).nested("100"))[0], &[("total", "2"), ("num", "0")]);
}

#[test]
fn a_lone_bar_between_maps_is_an_item_without_pairs() {
    let list = Fields::new(b"list@=sid@A=1@Srpt@A=0@S|@S/").nested("list");
    let items: Vec<_> = list.items().map(|item| item.text().into_owned()).collect();
    assert_eq!(items, ["sid@=1", "rpt@=0", "|"]);
    maps(&list, &[("sid", "1"), ("rpt", "0")]);
}

#[test]
fn each_level_adds_one_layer_of_escapes() {
    let mut text = "a/b@c".to_owned();
    for expected in [
        "k@=a@Sb@Ac/",
        "k@=k@A=a@ASb@AAc@S/",
        "k@=k@A=k@AA=a@AASb@AAAc@AS@S/",
        "k@=k@A=k@AA=k@AAA=a@AAASb@AAAAc@AAS@AS@S/",
    ] {
        text = Writer::new().pair("k", text).finish();
        assert_eq!(text, expected);
    }
    assert_eq!(descend(text, "k", 4), "a/b@c");
}

#[test]
fn bytes_that_are_not_utf8_show_as_replacement_characters_and_stay_as_they_are() {
    // U+1F60A as two surrogates of three bytes each (CESU-8): how an Android client sends it.
    let payload = b"txt@=\xed\xa0\xbd\xed\xb8\x8a@Sok/nn@=x/level@=7/";
    let fields = Fields::new(payload);
    assert!(fields.is_lossy());
    assert_eq!(fields.text("txt"), "\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}/ok");
    assert_eq!(fields.get("txt").unwrap().raw(), b"\xed\xa0\xbd\xed\xb8\x8a@Sok");
    assert_eq!((fields.text("nn"), fields.number("level")), ("x".into(), Some(7)));
    assert!(!Fields::new("txt@=😊/".as_bytes()).is_lossy());
}

#[test]
fn a_number_or_plain_text_is_borrowed() {
    let payload = "txt@=弹幕/esc@=1@S2/".to_owned();
    let fields = Fields::new(payload.as_bytes());
    assert!(matches!(fields.text("txt"), std::borrow::Cow::Borrowed("弹幕")));
    assert!(matches!(fields.text("esc"), std::borrow::Cow::Owned(_)));
}

proptest! {
    #[test]
    fn what_is_written_reads_back_the_same(pairs in vec((text(), text()), 0..8)) {
        let written = write_pairs(&pairs);
        prop_assert_eq!(owned(stt::pairs(written.as_str().into())), pairs);
    }

    #[test]
    fn a_canonical_payload_is_written_byte_for_byte_as_it_was_read(pairs in vec((text(), text()), 0..8)) {
        let canonical = write_pairs(&pairs);
        prop_assert_eq!(write_pairs(&owned(stt::pairs(canonical.as_str().into()))), canonical);
    }

    #[test]
    fn a_list_reads_back_the_same(items in vec(text(), 0..8)) {
        let written = items.iter().fold(Writer::new(), Writer::item).finish();
        let read: Vec<_> = stt::items(written.as_str().into()).map(|item| item.text().into_owned()).collect();
        prop_assert_eq!(read, items);
    }

    #[test]
    fn nesting_reads_back_the_same(pairs in vec((text(), text()), 1..5), depth in 1..4_usize) {
        let mut written = write_pairs(&pairs);
        for _ in 0..depth {
            written = Writer::new().pair("in", &written).finish();
        }
        prop_assert_eq!(owned(stt::pairs(descend(written, "in", depth).as_str().into())), pairs);
    }

    #[test]
    fn text_is_never_taken_for_something_else(said in text(), nick in text()) {
        let payload = Writer::new().pair("type", "chatmsg").pair("nn", &nick).pair("txt", &said).pair("uid", 7).finish();
        let danmu_proto::Message::Chat(chat) = danmu_proto::Message::read(payload.as_bytes()) else { panic!() };
        prop_assert_eq!((&*chat.text, &*chat.name, chat.user), (&*said, &*nick, Some(7)));
    }

    #[test]
    fn bad_utf8_reads_as_the_lossy_text_of_the_unescaped_bytes(value in vec(prop_oneof![any::<u8>(), Just(b'@'), Just(b'S'), Just(b'A'), Just(0xe4), Just(0xed)], 0..40)) {
        let unescaped = naive_unescape(&value);
        prop_assert_eq!(Value::new(&value).text(), String::from_utf8_lossy(&unescaped));
    }

    #[test]
    fn any_bytes_read_as_a_naive_reader_reads_them(payload in vec(prop_oneof![any::<u8>(), Just(b'/'), Just(b'@'), Just(b'='), Just(b'S')], 0..120)) {
        let read: Vec<_> = stt::pairs(Value::new(&payload)).map(|(key, value)| (key.raw().to_vec(), value.raw().to_vec())).collect();
        prop_assert_eq!(read, naive_pairs(&payload));
    }
}

#[test]
fn hostile_payloads_cost_linear_time() {
    // Large enough to tell, and small enough to be done before a busy machine turns to somebody else.
    const MOST: usize = 1 << 18;
    linear("slashes", MOST, |size| "/".repeat(size));
    linear("at signs", MOST, |size| "@".repeat(size));
    linear("escapes", MOST, |size| format!("txt@={}/", "@A".repeat(size / 2)));
    linear("one field", MOST, |size| format!("txt@={}/", "弹".repeat(size / 3)));
    linear("a field without an end", MOST, |size| format!("txt@={}", "x".repeat(size)));
    linear("separators", MOST, |size| "@=".repeat(size / 2));
    linear("keys", MOST, |size| "k@=/".repeat(size / 4));
    linear("different keys", MOST * 8, |size| {
        (0..size / 8).flat_map(|n| [format!("{n:x}"), "@=1/".to_owned()]).collect()
    });
    linear("rooms", MOST, |size| "rid@=0/".repeat(size / 7));
    linear("deep nesting", MOST, |size| format!("list@={}/", "@A".repeat(size / 2).replace('@', "@A")));
}

/// Reading all there is to read in a payload of `most` bytes takes about eight times as long as in one of an eighth.
#[track_caller]
fn linear(what: &str, most: usize, payload: impl Fn(usize) -> String) {
    let time = |payload: &str| {
        let begun = Instant::now();
        let fields = Fields::new(payload.as_bytes());
        assert!(
            fields.pairs().map(|(key, value)| key.text().len() + value.text().len()).sum::<usize>() <= payload.len()
        );
        let message = danmu_proto::Message::of(fields);
        std::hint::black_box(message.summary(danmu_proto::RoomId::new(1).unwrap()));
        std::hint::black_box(fields.nested("list").items().count());
        begun.elapsed()
    };
    let (small, large) = (payload(most / 8), payload(most));
    let mut best = (Duration::MAX, Duration::MAX);
    // Others use the machine too: the fastest of some runs counts. A quadratic reader takes 64 times as long, not 8.
    for _ in 0..100 {
        best = (best.0.min(time(&small)), best.1.min(time(&large)));
        if best.1 < best.0 * 24 {
            return;
        }
    }
    panic!("{what}: {:?} for {} bytes and {:?} for {}", best.0, small.len(), best.1, large.len());
}

/// `payload` has these pairs and no others.
#[track_caller]
fn reads(payload: &str, pairs: &[(&str, &str)]) {
    let expected: Vec<_> = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    assert_eq!(owned(stt::pairs(payload.into())), expected, "{payload:?}");
    assert_eq!(owned(stt::pairs(Value::new(payload.as_bytes()))), expected, "{payload:?}");
}

/// `text` has these items and no others.
#[track_caller]
fn lists(text: &str, items: &[&str]) {
    assert_eq!(stt::items(text.into()).map(|item| item.text().into_owned()).collect::<Vec<_>>(), items, "{text:?}");
}

/// The nested map has these pairs and no others.
#[track_caller]
fn maps(map: &Nested<'_>, pairs: &[(&str, &str)]) {
    reads(map.as_str(), pairs);
    let fields = Fields::from(map);
    for (key, value) in pairs {
        assert_eq!(fields.text(key), *value, "{key}");
    }
}

/// `text` is written as `escaped`, and read from it.
#[track_caller]
fn escapes(text: &str, escaped: &str) {
    assert_eq!(Writer::new().item(text).finish(), format!("{escaped}/"));
    assert_eq!(stt::unescape(escaped), text);
    assert_eq!(Value::new(escaped.as_bytes()).text(), text);
}

/// The structure `depth` levels below, always under the same key.
fn descend(text: String, key: &str, depth: usize) -> String {
    (0..depth).fold(text, |text, _| Fields::new(text.as_bytes()).nested(key).as_str().to_owned())
}

fn nested<'n>(list: &'n Nested<'_>) -> Vec<Nested<'n>> {
    list.items().map(Value::nested).collect()
}

fn owned<'a>(pairs: impl Iterator<Item = (Value<'a>, Value<'a>)>) -> Vec<(String, String)> {
    pairs.map(|(key, value)| (key.text().into_owned(), value.text().into_owned())).collect()
}

fn write_pairs(pairs: &[(String, String)]) -> String {
    pairs.iter().fold(Writer::new(), |writer, (key, value)| writer.pair(key, value)).finish()
}

/// Text as it might be typed, with more than its share of what STT uses.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[@/=SA弹a\n]{0,12}",
        "\\PC{0,12}",
        any::<String>(),
        Just("http://x".to_owned()),
        Just("a@=b".to_owned()),
        Just("@Alice".to_owned()),
        Just("1/2".to_owned()),
        Just("@AS".to_owned()),
    ]
}

fn naive_unescape(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = bytes;
    loop {
        rest = match rest {
            [] => return out,
            [b'@', b'S', rest @ ..] => {
                out.push(b'/');
                rest
            }
            [b'@', b'A', rest @ ..] => {
                out.push(b'@');
                rest
            }
            [byte, rest @ ..] => {
                out.push(*byte);
                rest
            }
        };
    }
}

fn naive_pairs(payload: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    payload
        .split(|byte| *byte == b'/')
        .filter_map(|segment| {
            let at = segment.windows(2).position(|two| two == b"@=")?;
            Some((segment[..at].to_vec(), segment[at + 2..].to_vec()))
        })
        .collect()
}
