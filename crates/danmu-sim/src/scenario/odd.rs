//! What is oddly written: `type` late or last, keys that come twice, deep nesting, JSON in a value, types that no one
//! has ever heard of.

use danmu_proto::stt::Writer;

use super::Scenario;
use super::cast::Streamer;
use crate::write::{WriteMore as _, list};

/// `synexp`: the streamer's experience. A number beyond 32 bits.
pub(super) fn streamer_experience(scene: &mut Scenario) -> Writer {
    Writer::new()
        .pair("type", "synexp")
        .pair("o_exp", 7_300_000_000 + scene.rng.u64(0..90_000_000))
        .pair("o_lev", 80)
        .pair("o_minexp", 7_054_500_000_u64)
        .pair("o_upexp", scene.rng.u32(1..160_000_000))
        .pair("rid", scene.room)
}

/// `qausrespond`: the room's heat. `rid` twice, and the second means nothing.
pub(super) fn heat(scene: &mut Scenario) -> Writer {
    Writer::new()
        .pair("rid", scene.room)
        .pair("sc", scene.rng.u32(1000..900_000))
        .pair("sctn", 0)
        .pair("rid", -1)
        .pair("type", "qausrespond")
}

/// `rri`: the room's place in its category. A map in a field; `rid` twice here too.
pub(super) fn category_place(scene: &mut Scenario) -> Writer {
    let place = Writer::new().pair("sc", scene.rng.u32(1000..9_000_000)).pair("idx", scene.rng.u32(1..300)).finish();
    Writer::new()
        .pair("uid", Streamer::of(scene.room.get()).uid)
        .pair("rid", scene.room)
        .pair("cate_id", 15)
        .pair("rid", -1)
        .pair("ri", place)
        .pair("type", "rri")
}

/// `configscreen`: `btype` stands before `type`.
pub(super) fn screen(scene: &mut Scenario) -> Writer {
    let streamer = Streamer::of(scene.room.get());
    Writer::new()
        .pair("gbtemp", 192)
        .pair("nrt", 0)
        .pair("now", scene.now_ms)
        .pair("btype", "fansupgradebroadcast")
        .pair("vsrc", "https://example.com/live-cover/room.png/dy1")
        .pair("otherContent", "火箭x2、飞机x1")
        .pair("avatar", "https://example.com/upload/avatar_v3/202311/0_big.jpg")
        .pair("type", "configscreen")
        .pair("rid", scene.room)
        .pair("userName", scene.someone().name)
        .pair("anchorName", streamer.name)
}

/// `defAltLogin`: `type` in the middle, no `rid`.
pub(super) fn contest(scene: &mut Scenario) -> Writer {
    Writer::new()
        .pair("zone", 2)
        .pair("num", scene.rng.u32(1..2000))
        .zeros(["bossLv", "isUpgrade", "endTime"])
        .pair("type", "defAltLogin")
        .pair("surplusOpc", 0)
        .pair("ts", scene.now_ms)
        .pair("status", 1)
}

/// `pdrinfo`: a map of lists of maps.
pub(super) fn tasks(scene: &mut Scenario) -> Writer {
    let mut task = |total: u32| {
        let done = scene.rng.u32(0..=total);
        let prize = scene.rng.u32(2600..2700);
        let task = Writer::new().pair("total", total).pair("num", done).pair("pid", prize);
        task.pair("fin", u32::from(done == total)).finish()
    };
    let by_count = Writer::new()
        .pair("1", list([task(6), task(600)]))
        .pair("100", list([task(2), task(100)]))
        .pair("10", list([task(2), task(80)]))
        .finish();
    Writer::new()
        .pair("giftId", 23_518)
        .pair("total", Writer::new().pair("total", 3).zeros(["num", "fin"]).finish())
        .pair("actStatus", 1)
        .pair("time", scene.now_ms)
        .pair("type", "pdrinfo")
        .pair("dayFin", 0)
        .pair("list", by_count)
}

/// `lds`: a lottery begins. Empty keys come first, and a condition in JSON with escapes of its own.
pub(super) fn lottery_start(scene: &mut Scenario) -> Writer {
    let now_s = scene.now_ms / 1000;
    Writer::new()
        .pair("roomset", "")
        .pair("catelv1", "")
        .pair("catelv2", "")
        .pair("type", "lds")
        .zeros(["ftype", "tuid"])
        .pair("prize_name", "办卡/一张")
        .pair("prize_img", "")
        .pair("prize_num", scene.rng.u32(1..10))
        .pair("activity_type", 1)
        .pair("join_type", 1)
        .pair("join_condition", r#"{"command_content":"\u52a0\u6cb9","expire_time":180,"lottery_range":3}"#)
        .pair("now_time", now_s)
        .pair("expire_time", now_s + 180)
        .pair("rid", scene.room)
}

/// `lde`: a lottery ends. The winners are JSON.
pub(super) fn lottery_end(scene: &mut Scenario) -> Writer {
    let winner = scene.someone();
    Writer::new()
        .pair("roomset", "")
        .pair("catelv1", "")
        .pair("catelv2", "")
        .pair("ftype", 0)
        .pair("type", "lde")
        .pair("tuid", 0)
        .pair("rid", scene.room)
        .pair("activity_id", scene.rng.u32(500_000..900_000))
        .pair("prize_name", "办卡/一张")
        .pair("prize_img", "")
        .pair("activity_type", 1)
        .zeros(["prize_type"])
        .pair("end_type", 1)
        .pair("join_type", 1)
        .pair("lottery_range", 3)
        .pair("join_count", scene.rng.u32(1..5000))
        .pair(
            "win_list",
            format!(r#"[{{"uid":"{}","nickname":"\u8d62\u5bb6","level":"{}"}}]"#, winner.uid, winner.level),
        )
}

/// A type that is in no document, with fields that are in none either.
pub(super) fn unheard_of(scene: &mut Scenario) -> Writer {
    let deep = (0..4).fold(String::from("叶/子@"), |inner, _| Writer::new().pair("k", inner).finish());
    Writer::new()
        .pair("", "没有名字的字段")
        .pair("type", format!("event_{}", scene.rng.u32(2026..2030)))
        .pair("rid", scene.room)
        .pair("字段", "值")
        .pair("deep", deep)
        .pair("flag", "")
        .pair("flag", 1)
        .pair("big", u128::MAX)
}
