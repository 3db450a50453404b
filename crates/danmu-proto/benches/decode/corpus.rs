//! Chat to decode: made up, and the same on every run.
//!
//! A message has 34 fields and about 570 bytes, as in traffic of 2021 to 2026: Chinese, ASCII and emoji; one text in
//! sixteen with something to unescape; a picture whose path is escaped; an empty list or a nested one.

use danmu_proto::packet::{self, Sender};
use danmu_proto::stt::Writer;

/// As many as fit into the second-level cache, where bytes are that were just read from a socket.
pub(crate) const MESSAGES: usize = 800;

/// What people say, in pieces.
const PIECES: &[&str] = &[
    "哈哈哈",
    "主播",
    "晚上好",
    "666",
    "233",
    "这波",
    "可以",
    "稳了",
    "打野呢",
    "gg",
    "?",
    "！！",
    "。。。",
    "😂",
    "🔥",
    "[emot:dy101]",
    "来了",
    "怎么",
    "今天",
    "这么晚",
    "才开播",
    "等了好久",
    "谢谢老板",
    "火箭",
    "上车",
    "nice",
    "我",
    "他",
    "不会吧",
    "求歌名",
    "好听",
    "再来一把",
    "前排",
    "下饭",
    "yyds",
    "带带我",
    "别急",
    "中路",
    "对面",
    "笑死我了",
];

/// A conversation as it comes from the wire.
pub(crate) fn wire() -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(9999);
    let mut wire = Vec::new();
    for number in 0..MESSAGES {
        packet::encode(Sender::Server, chat(&mut random, number).as_bytes(), &mut wire);
    }
    wire
}

fn chat(random: &mut fastrand::Rng, number: usize) -> String {
    let said = |random: &mut fastrand::Rng, most: usize| -> String {
        (0..random.usize(1..=most)).map(|_| PIECES[random.usize(..PIECES.len())]).collect()
    };
    let one_in = |random: &mut fastrand::Rng, n: u8| random.u8(..n) == 0;
    let hex = |random: &mut fastrand::Rng| format!("{:032x}", random.u128(..));

    let room = random.u32(1000..1500);
    let mut name = said(random, 3);
    if one_in(random, 2) {
        name.push_str(&random.u32(..100_000).to_string());
    }
    let mut text = said(random, 7);
    if one_in(random, 16) {
        text.push_str(" @主播 1/2");
    }
    let picture = format!("avatar_v3/20{:02}{:02}/{}", random.u8(18..27), random.u8(1..13), hex(random));
    let effects = if one_in(random, 3) {
        let effect = Writer::new().pair("eid", 1_500_000_000 + random.u32(..1000)).pair("etp", 1).pair("sc", 1);
        Writer::new().item(effect.pair("ef", 0).finish()).finish()
    } else {
        String::new()
    };
    let medal = if one_in(random, 5) { String::new() } else { said(random, 1) };
    let medal_room = if one_in(random, 5) { 0 } else { room };

    let mut chat = Writer::new()
        .pair("type", "chatmsg")
        .pair("rid", room)
        .pair("ct", random.u8(..3))
        .pair("gid", random.u8(1..10))
        .pair("uid", random.u32(1_000_000..600_000_000))
        .pair("nn", name)
        .pair("txt", text)
        .pair("cid", format!("{:020x}{:012}", random.u128(..) >> 48, 0))
        .pair("ic", picture)
        .pair("level", random.u8(1..61))
        .pair("sahf", 0);
    if one_in(random, 5) {
        chat = chat.pair("col", random.u8(1..7));
    }
    chat.pair("cst", 1_790_000_000_000 + 3 * number)
        .pair("bnn", medal)
        .pair("bl", random.u8(..30))
        .pair("brid", medal_room)
        .pair("hc", hex(random))
        .pair("nl", random.u8(..8))
        .pair("el", effects)
        .pair("lk", random.u8(..2))
        .pair("fl", random.u8(..30))
        .pair("hb", random.u32(..10_000))
        .pair("dms", random.u8(..8))
        .pair("pdg", random.u8(..60))
        .pair("pdk", random.u8(..90))
        .pair("ext", 0)
        .pair("urlev", random.u8(..50))
        .pair("diaf", random.u8(..2))
        .pair("ifs", random.u8(..2))
        .pair("admzq", 0)
        .pair("ail", Writer::new().item(1446).item(1458).finish())
        .pair("hl", random.u8(..2))
        .pair("p2p", 0)
        .pair("dfl", "sn@A=105@Sss@A=1/sn@A=107@Sss@A=1/")
        .pair("sid", hex(random) + &hex(random)[..8])
        .finish()
}
