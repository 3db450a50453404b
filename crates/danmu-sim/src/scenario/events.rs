//! What happens in a room beside talk and gifts.

use danmu_proto::stt::Writer;

use super::{Maybe as _, Scenario};
use crate::scenario::talk;

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
        .maybe("el", scene.chance(60).then(|| talk::effects(scene)))
        .pair("sahf", 0)
        .pair("wgei", 0)
        .maybe("fl", person.fan_level);
    match &person.medal {
        Some(medal) => writer.pair("bnn", medal.name).pair("bl", medal.level).pair("brid", medal.room),
        None => writer.pair("bnn", ""),
    }
    .maybe("diaf", person.diamond.map(|_| 1))
    .maybe("ntpid", scene.chance(10).then_some(3))
    .pair("if", 1)
}
