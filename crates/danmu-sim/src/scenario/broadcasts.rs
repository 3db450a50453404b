//! What the whole site hears. `rid` is 0, a negative number, or the room that hears it; where it happened is `drid`.

use danmu_proto::stt::Writer;

use super::Scenario;
use super::cast::Streamer;
use super::gifts;
use crate::write::WriteMore as _;

/// `spbc`: a large gift somewhere.
pub(super) fn gift(scene: &mut Scenario) -> Writer {
    let giver = scene.someone();
    let (number, prop, name) = gifts::big(scene);
    let target = scene.other_room();
    let streamer = Streamer::of(target);
    let room = match scene.rng.u32(0..10) {
        0 => -scene.rng.i64(1..2_000_000_000),
        1..4 => scene.room.as_i64(),
        _ => 0,
    };
    Writer::new()
        .pair("type", "spbc")
        .pair("sn", &giver.name)
        .pair("dn", streamer.name)
        .pair("gn", name)
        .pair("gc", 1)
        .pair("drid", target)
        .zeros(["gs", "gb"])
        .pair("es", 1)
        .pair("gfid", number)
        .pair("eid", 143)
        .pair("bgl", 3)
        .pair("ifs", -scene.rng.i64(0..2_000_000_000))
        .pair("rid", room)
        .pair("gid", 0)
        .pair("bid", format!("106001_{}_{}", scene.now_ms / 1000, scene.rng.u32(1..100_000)))
        .pair("sid", giver.uid)
        .pair("cl2", 0)
        .pair("eic", 20_674)
        .pair("bbi", 21_062)
        .pair("from", 2)
        .pair("gpf", u32::from(prop > 0))
        .pair("pid", prop)
        .pair("shid", streamer.uid)
        .pair("shn", streamer.name)
}

/// `cthn`: a line of chat that flies over every room. Its `cid` is a number, and no chat id.
pub(super) fn flying_chat(scene: &mut Scenario) -> Writer {
    let person = scene.someone();
    let target = scene.other_room();
    Writer::new()
        .pair("type", "cthn")
        .zeros(["rid", "gid"])
        .pair("cl", 2)
        .pair("cid", scene.rng.u32(1000..2000))
        .pair("uid", person.uid)
        .pair("nl", person.noble.unwrap_or(0))
        .pair("unk", &person.name)
        .pair("drid", target)
        .pair("onk", Streamer::of(target).name)
        .pair(
            "chatmsg",
            scene.pick(&["今天也是好天气！", "祝大家天天开心", "来我们直播间看看/有抽奖", "晚上好@所有人"]),
        )
        .pair("ts", scene.now_ms / 1000)
        .pair("icon", &person.avatar)
}

/// `gbroadcast`: news as JSON, `type` in the middle.
pub(super) fn news(scene: &mut Scenario) -> Writer {
    let target = scene.other_room();
    let streamer = Streamer::of(target);
    let json = format!(
        r#"{{"cate_id" : 15,"catename" : "单机热游","gbcss" : 4,"idx" : {},"nick" : "{}","rid" : {target},"type" : "cbcr","uid" : {}}}"#,
        scene.rng.u32(1..20),
        streamer.name,
        streamer.uid,
    );
    Writer::new().zeros(["rid", "gid"]).pair("type", "gbroadcast").pair("ft", 1).pair("gbcc", json)
}

/// `ssd`: an advertisement.
pub(super) fn advertisement(scene: &mut Scenario) -> Writer {
    Writer::new()
        .pair("type", "ssd")
        .pair("sdid", scene.rng.u32(20_000..30_000))
        .pair("content", "周末大赛今晚八点开始，点击进入直播间！")
        .pair("rid", scene.room)
        .pair("gid", 0)
        .pair("url", "https://www.douyu.com/topic/example?rid=1")
        .pair("trid", scene.other_room())
        .pair("clitp", 7)
        .pair("jmptp", 1)
}

/// `rsm`: a notice by Douyu.
pub(super) fn notice(scene: &mut Scenario) -> Writer {
    Writer::new()
        .pair("type", "rsm")
        .pair("rid", scene.room)
        .pair("t", 1)
        .pair("bt", scene.now_ms / 1000)
        .pair("vt", 600)
        .pair("c", "系统提示：请文明发言，谨防诈骗。")
        .pair("url", "")
        .pair("id", scene.rng.u32(1..10_000))
        .pair("clitp", 7)
        .zeros(["jmptp", "distm", "mtype"])
}
