//! What people say.

use danmu_proto::stt::Writer;

use super::Scenario;
use super::cast::{Person, Streamer};
use super::words::{CLOSING, COMMON, HARD, MIDDLE, OPENING, PAID};
use crate::write::{WriteMore as _, list};

/// `chatmsg`.
pub(super) fn chat(scene: &mut Scenario) -> Writer {
    if scene.chance(1) {
        return relayed(scene);
    }
    let person = scene.someone();
    let text = text(scene);
    // Now and then a line of another room strays in.
    let room = if scene.rng.u32(0..250) == 0 { scene.other_room() } else { scene.room.get() };
    let fan = person.is_fan(scene.room);
    let colour = (fan || person.noble.is_some()).then(|| scene.rng.u32(1..7)).filter(|_| scene.chance(60));
    // The sender's clock stands in it, and in a few lines none does.
    let sent_ms = (scene.rng.u32(0..50) > 0).then_some(scene.now_ms);
    // Lines without these two are suspected of being automated.
    let trusted = !scene.chance(3);
    let visible = trusted && scene.chance(90);

    let writer = Writer::new()
        .pair("type", "chatmsg")
        .pair("rid", room)
        .maybe("ct", person.client)
        .pair("uid", person.uid)
        .pair("nn", &person.name)
        .pair("txt", text)
        .pair("cid", scene.id())
        .pair("ic", &person.avatar)
        .pair("level", person.level)
        .pair("sahf", 0)
        .maybe("nl", person.noble)
        .maybe("nc", person.noble.filter(|&rank| rank > 2 && rank != 7).map(|_| 1))
        .maybe("col", colour)
        .maybe("rg", person.room_role)
        .maybe("pg", person.platform_role)
        .maybe("cst", sent_ms);
    let mut writer = person.write_medal(writer);
    if let Some(grade) = person.diamond.filter(|_| fan) {
        writer = writer.pair("diaf", 1).pair("dfgm", grade).pair("diafid", 120 + grade);
    }
    writer
        .maybe("hl", (fan && colour.is_some()).then_some(1))
        .maybe("ifs", fan.then_some(1))
        .maybe("el", scene.chance(30).then(|| effects(scene)))
        .pair("lk", "")
        .maybe("fl", person.fan_level)
        .maybe("dms", trusted.then(|| scene.pick(&[4, 4, 4, 4, 3, 5, 6, 8, 10])))
        .pair("pdg", scene.rng.u32(0..100))
        .pair("pdk", scene.rng.u32(0..100))
        .maybe("ail", scene.chance(40).then(|| decorations(scene)))
        .maybe("nail", fan.then(|| list([format!("6041_{}", scene.room)])))
        .pair("ext", "")
        .maybe("if", visible.then_some(1))
}

/// `chatmsg` of someone who is on another platform: no level, no picture, no time.
fn relayed(scene: &mut Scenario) -> Writer {
    let person = scene.someone();
    let text = text(scene);
    let writer = Writer::new()
        .pair("type", "chatmsg")
        .pair("rid", scene.room)
        .pair("ct", 16)
        .pair("uid", person.uid)
        .pair("nn", format!("站外_{}", person.name))
        .pair("txt", format!("{text}\\"))
        .pair("cid", scene.id());
    let writer =
        ["level", "sahf", "rg", "pg"].into_iter().fold(writer.pair("ic", ""), |writer, key| writer.pair(key, 0));
    let writer = Person { medal: None, ..person }.write_medal(writer);
    writer
        .pair("el", "")
        .pair("lk", "")
        .pair("pid", scene.rng.u32(1_000_000..99_999_999))
        .pair("pdg", scene.rng.u32(0..100))
        .pair("pdk", scene.rng.u32(0..100))
}

fn text(scene: &mut Scenario) -> String {
    match scene.rng.u32(0..100) {
        0..45 => scene.pick(COMMON).to_owned(),
        45..92 => format!("{}{}{}", scene.pick(OPENING), scene.pick(MIDDLE), scene.pick(CLOSING)),
        92..95 => format!("@{} {}", scene.someone().name, scene.pick(COMMON)),
        _ => scene.pick(HARD).to_owned(),
    }
}

/// `comm_chatmsg` with a price: stays on the screen for as long as was paid for.
pub(super) fn super_chat(scene: &mut Scenario) -> Writer {
    let person = scene.someone();
    let (price_fen, seconds) =
        scene.pick(&[(1000, 30), (1000, 30), (1000, 30), (3000, 60), (5000, 120), (10_000, 300)]);
    let inner = Writer::new()
        .pair("nn", &person.name)
        .maybe("bnn", person.medal.as_ref().map(|medal| medal.name))
        .maybe("brid", person.medal.as_ref().map(|medal| medal.room))
        .maybe("diaf", person.diamond.map(|_| 1))
        .pair("ail", decorations(scene))
        .pair("level", person.level)
        .maybe("bl", person.medal.as_ref().map(|medal| medal.level))
        .pair("type", "chatmsg")
        .pair("rid", scene.room)
        .pair("gag", 0)
        .pair("uid", person.uid)
        .pair("txt", scene.pick(PAID))
        .zeros(["adid", "hidenick", "nc"])
        .maybe("ifs", person.is_fan(scene.room).then_some(1))
        .pair("ic", &person.avatar)
        .pair("nl", person.noble.unwrap_or(0))
        .zeros(["tbid", "tbl", "tbvip"])
        .finish();
    Writer::new()
        .pair("vrid", 2_000_000_000_000_000_000 + scene.rng.u64(0..99_999_999_999_999_999))
        .pair("btype", "voiceDanmu")
        .pair("chatmsg", inner)
        .pair("range", 2)
        .pair("cprice", price_fen)
        .pair("cmgType", 1)
        .pair("type", "comm_chatmsg")
        .pair("rid", scene.room)
        .pair("gbtemp", 2)
        .pair("uid", person.uid)
        .pair("crealPrice", price_fen)
        .pair("cet", seconds)
        .pair("now", scene.now_ms)
        .pair("csuperScreen", u32::from(price_fen >= 5000))
        .pair("danmucr", 1)
}

/// `comm_chatmsg` without a price: a box was opened. No super chat.
pub(super) fn box_notice(scene: &mut Scenario) -> Writer {
    let person = scene.someone();
    let inner = Writer::new()
        .pair("nn", &person.name)
        .pair("level", person.level)
        .pair("type", "chatmsg")
        .pair("rid", scene.room)
        .pair("uid", person.uid)
        .pair("txt", "")
        .pair("ic", &person.avatar)
        .finish();
    Writer::new()
        .pair("btype", "pandora")
        .pair("chatmsg", inner)
        .pair("range", 0)
        .zeros(["cprice", "crealPrice"])
        .pair("cmgType", 2)
        .pair("type", "comm_chatmsg")
        .pair("rid", scene.room)
        .pair("gbtemp", 5)
        .pair("uid", person.uid)
        .pair("cet", 0)
        .pair("now", scene.now_ms)
        .pair("txt1", &person.name)
        .pair("txt2", "在")
        .pair("txt3", Streamer::of(scene.room.get()).name)
        .pair("txt4", "的直播间打开了")
        .pair("txt5", "小宝箱")
        .pair("txt6", "x1")
}

/// `el`: a list of maps.
pub(super) fn effects(scene: &mut Scenario) -> String {
    let effects = [1_500_000_113_u32, 1_500_000_171, 1_500_000_172].map(|number| {
        let effect = Writer::new().pair("eid", number).pair("etp", 1).pair("sc", 1).pair("ef", 0);
        effect.finish()
    });
    list(&effects[..scene.rng.usize(0..3)])
}

/// `ail`: a list of numbers.
fn decorations(scene: &mut Scenario) -> String {
    let first = scene.rng.usize(0..4);
    let all = [4143, 6065, 453, 1446, 3669, 917, 1177, 3688];
    list(&all[first..first + scene.rng.usize(1..5)])
}
