//! What happens to people in a room, beside talk and gifts.

use danmu_proto::stt::Writer;

use super::Scenario;
use super::cast::{Streamer, medal_of};
use super::talk::effects;
use crate::write::WriteMore as _;

/// `uenter`: someone comes in.
pub(super) fn entry(scene: &mut Scenario) -> Writer {
    let person = scene.someone();
    let writer = Writer::new()
        .pair("type", "uenter")
        .pair("rid", scene.room)
        .pair("uid", person.uid)
        .pair("nn", &person.name)
        .pair("level", person.level)
        .maybe("rg", person.room_role)
        .maybe("pg", person.platform_role)
        .pair("ic", &person.avatar)
        .maybe("nl", person.noble)
        .pair("rni", 0)
        .maybe("el", scene.chance(60).then(|| effects(scene)))
        .zeros(["sahf", "wgei"])
        .maybe("fl", person.fan_level);
    let writer = match &person.medal {
        Some(medal) => writer.pair("bnn", medal.name).pair("bl", medal.level).pair("brid", medal.room),
        None => writer.pair("bnn", ""),
    };
    writer.maybe("diaf", person.diamond.map(|_| 1)).maybe("ntpid", scene.chance(10).then_some(3)).pair("if", 1)
}

/// `anbc`: someone becomes a noble. Told to the room alone, or to the whole site.
pub(super) fn noble(scene: &mut Scenario) -> Writer {
    let person = scene.someone();
    let here = scene.chance(50);
    let (room, reach) = if here { (scene.room.get(), 2) } else { (0, 1) };
    let target = if here { room } else { scene.other_room() };
    // Some do not pay for themselves.
    let payer = scene.chance(15).then(|| scene.someone());
    Writer::new()
        .pair("type", "anbc")
        .pair("rid", room)
        .pair("gid", 0)
        .pair("bt", reach)
        .pair("uid", person.uid)
        .pair("hrp", 1)
        .pair("unk", &person.name)
        .pair("uic", &person.avatar)
        .pair("drid", target)
        .pair("donk", Streamer::of(target).name)
        .pair("nl", scene.pick(&[7, 7, 7, 7, 1, 1, 2, 3, 4, 5, 6]))
        .pair("ts", scene.now_ms / 1000)
        .pair("fov", 1)
        .maybe("gvuid", payer.as_ref().map(|payer| payer.uid))
        .maybe("gvnk", payer.as_ref().map(|payer| &payer.name))
}

/// `rnewbc`: someone stays a noble.
pub(super) fn noble_renewed(scene: &mut Scenario) -> Writer {
    let person = scene.someone();
    let target = scene.other_room();
    Writer::new()
        .pair("type", "rnewbc")
        .zeros(["rid", "gid"])
        .pair("bt", 1)
        .pair("uid", person.uid)
        .pair("unk", &person.name)
        .pair("uic", &person.avatar)
        .pair("drid", target)
        .pair("donk", Streamer::of(target).name)
        .pair("nl", scene.pick(&[1, 2, 3, 4, 5, 7]))
}

/// `dfobc`: someone becomes a diamond fan.
pub(super) fn diamond_fan(scene: &mut Scenario) -> Writer {
    diamond(scene, "dfobc")
}

/// `dfrbc`: someone stays one.
pub(super) fn diamond_fan_renewed(scene: &mut Scenario) -> Writer {
    diamond(scene, "dfrbc")
}

fn diamond(scene: &mut Scenario, kind: &str) -> Writer {
    let person = scene.someone();
    let months = scene.pick(&[1, 1, 1, 3, 6, 12]);
    Writer::new()
        .pair("type", kind)
        .pair("uid", person.uid)
        .pair("rid", scene.room)
        .pair("nick", &person.name)
        .pair("level", person.level)
        .maybe("pg", person.platform_role)
        .pair("fl", person.fan_level.unwrap_or(1))
        .pair("bn", medal_of(scene.room.get()))
        .pair("mn", months)
        .pair("cdays", scene.rng.u32(1..400))
        .pair("price", months * 15_800)
        .pair("rrid", scene.room)
        .pair("rnick", Streamer::of(scene.room.get()).name)
        .pair("eid", scene.rng.u32(1000..9000))
        .pair("bet", scene.now_ms / 1000 + i64::from(months) * 30 * 86_400)
        .pair("dfgm", person.diamond.unwrap_or(1))
}

/// `blab`: a medal rises a level.
pub(super) fn medal_up(scene: &mut Scenario) -> Writer {
    let person = scene.someone();
    let level = person.fan_level.unwrap_or(1);
    Writer::new()
        .pair("type", "blab")
        .pair("uid", person.uid)
        .pair("nn", &person.name)
        .pair("lbl", level)
        .pair("bl", level + 1)
        .pair("ba", 1)
        .pair("bnn", medal_of(scene.room.get()))
        .pair("rid", scene.room)
}

/// `upgrade`: a viewer rises a level.
pub(super) fn level_up(scene: &mut Scenario) -> Writer {
    let person = scene.someone();
    Writer::new()
        .pair("type", "upgrade")
        .pair("uid", person.uid)
        .pair("rid", scene.room)
        .pair("gid", 0)
        .pair("nn", &person.name)
        .pair("level", person.level)
        .pair("ic", &person.avatar)
        .pair("sahf", 0)
}

/// `rss`: the broadcast ends, or begins again.
pub(super) fn live_or_not(scene: &mut Scenario) -> Writer {
    scene.live = !scene.live;
    Writer::new()
        .pair("type", "rss")
        .zeros(["rt", "rtv"])
        .pair("rid", scene.room)
        .pair("gid", 0)
        .pair("ss", u32::from(scene.live))
        .zeros(["code", "notify"])
        .pair("endtime", scene.now_ms / 1000)
        .zeros(["nc", "ivl", "sid"])
        .pair("cts", scene.now_ms)
}

/// `al` or `ab`: the streamer is away, or back.
pub(super) fn away_or_back(scene: &mut Scenario) -> Writer {
    let streamer = Streamer::of(scene.room.get()).uid;
    Writer::new().pair("type", scene.pick(&["al", "ab"])).pair("rid", scene.room).pair("gid", 0).pair("aid", streamer)
}

/// `newblackres`: someone is muted, by an admin or by the streamer.
pub(super) fn muted(scene: &mut Scenario) -> Writer {
    let (who, whom) = (scene.someone(), scene.someone());
    Writer::new()
        .pair("type", "newblackres")
        .pair("ret", 0)
        .pair("rid", scene.room)
        .pair("gid", 0)
        .pair("otype", scene.pick(&[1, 1, 2, 3]))
        .pair("sid", who.uid)
        .pair("did", whom.uid)
        .pair("snic", &who.name)
        .pair("dnic", &whom.name)
        .pair("endtime", scene.now_ms / 1000 + scene.pick(&[600, 3600, 86_400]))
}

/// `setadminres`: someone becomes admin of the room, or is it no more.
pub(super) fn admin_changed(scene: &mut Scenario) -> Writer {
    let person = scene.someone();
    Writer::new()
        .pair("type", "setadminres")
        .pair("rescode", 0)
        .pair("userid", person.uid)
        .pair("opuid", Streamer::of(scene.room.get()).uid)
        .pair("group", scene.pick(&[4, 4, 1]))
        .pair("adnick", &person.name)
        .pair("rid", scene.room)
        .pair("gid", 0)
        .pair("level", person.level)
}

/// `srres`: someone shares the room.
pub(super) fn shared(scene: &mut Scenario) -> Writer {
    let person = scene.someone();
    Writer::new()
        .pair("type", "srres")
        .pair("rid", scene.room)
        .pair("gid", 0)
        .pair("uid", person.uid)
        .pair("nickname", &person.name)
        .pair("exp", 0)
}

/// `tsgs`: a treasure box is opened.
pub(super) fn box_opened(scene: &mut Scenario) -> Writer {
    let (from, to) = (scene.someone(), scene.someone());
    Writer::new()
        .pair("type", "tsgs")
        .pair("rid", scene.room)
        .pair("rpt", 102)
        .pair("sid", from.uid)
        .pair("snk", &from.name)
        .pair("did", to.uid)
        .pair("dnk", &to.name)
        .pair("silver", scene.rng.u32(1..500))
        .zeros(["lt", "lk"])
}

/// `ggbb`: fish balls are taken from a box.
pub(super) fn coins_taken(scene: &mut Scenario) -> Writer {
    let (from, to) = (scene.someone(), scene.someone());
    Writer::new()
        .pair("type", "ggbb")
        .pair("rid", scene.room)
        .zeros(["gid", "gt"])
        .pair("sl", scene.rng.u32(1..500))
        .pair("sid", from.uid)
        .pair("did", to.uid)
        .pair("snk", &from.name)
        .pair("dnk", &to.name)
        .pair("rpt", 0)
}

/// `gpbc`: a prop is taken from a box.
pub(super) fn prop_taken(scene: &mut Scenario) -> Writer {
    let (from, to) = (scene.someone(), scene.someone());
    Writer::new()
        .pair("type", "gpbc")
        .pair("cnt", 1)
        .pair("sid", from.uid)
        .pair("did", to.uid)
        .pair("rpt", 0)
        .pair("snk", &from.name)
        .pair("dnk", &to.name)
        .pair("pnm", scene.pick(&["赞", "稳", "666"]))
        .pair("rid", scene.room)
}

/// `onlinegift`: fish balls for being there.
pub(super) fn fish_balls(scene: &mut Scenario) -> Writer {
    let person = scene.someone();
    Writer::new()
        .pair("type", "onlinegift")
        .pair("rid", scene.room)
        .pair("gid", 0)
        .pair("uid", person.uid)
        .pair("sil", scene.rng.u32(50..400))
        .pair("if", 1)
        .pair("ct", person.client.unwrap_or(0))
        .pair("nn", &person.name)
        .pair("ur", 1)
        .pair("level", person.level)
        .pair("btype", 2)
}
