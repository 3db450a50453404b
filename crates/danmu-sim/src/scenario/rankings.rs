//! Who leads: the longest messages there are.

use danmu_proto::stt::Writer;

use super::Scenario;
use super::cast::{Person, medal_of};
use crate::write::{WriteMore as _, list};

/// The first `count` of the cast, each written by `write`.
fn top(scene: &Scenario, count: u32, write: impl Fn(u32, &Person) -> Writer) -> String {
    list((1..=count).map(|rank| write(rank, &scene.person(rank)).finish()))
}

/// `ranklist`: who gave most, this week, ever and today.
pub(super) fn givers(scene: &mut Scenario) -> Writer {
    let least = scene.rng.u32(1000..9000);
    let entry = |rank: u32, person: &Person| {
        Writer::new()
            .pair("uid", person.uid)
            .pair("crk", rank)
            // 32767: was not in the list before.
            .pair("lrk", [rank + 1, rank + 2, rank, 32_767][person.uid as usize % 4])
            .pair("rs", [1, 1, 0, 1][person.uid as usize % 4])
            .pair("nickname", &person.name)
            .pair("gold", least * (40 / rank))
            .pair("level", person.level)
            .pair("icon", &person.avatar)
            .pair("pg", person.platform_role.unwrap_or(1))
            .pair("rg", person.room_role.unwrap_or(1))
            .pair("ne", person.noble.unwrap_or(0))
            .zeros(["ih", "sahf", "newrg"])
    };
    Writer::new()
        .pair("type", "ranklist")
        .pair("rid", scene.room)
        .pair("gid", 0)
        .pair("list", top(scene, 10, entry))
        .pair("list_all", top(scene, 10, entry))
        .pair("list_day", top(scene, 10, entry))
        .pair("ts", scene.now_ms / 1000)
        .pair("seq", scene.rng.u32(1..1_000_000))
}

/// `frank`: fans by closeness.
pub(super) fn fans(scene: &mut Scenario) -> Writer {
    Writer::new()
        .pair("type", "frank")
        .pair("fc", scene.rng.u32(500..9000))
        .pair("bnn", medal_of(scene.room.get()))
        .pair("list", top(scene, 10, |rank, person| fan(70_000_000 / rank, person)))
        .pair("ver", scene.rng.u32(100_000..200_000))
        .pair("ci", "r6ab2cd9ef")
        .pair("rid", scene.room)
}

/// `fswrank`: the same for this week; with its 50 entries, the longest message of all.
pub(super) fn fans_of_the_week(scene: &mut Scenario) -> Writer {
    Writer::new()
        .pair("type", "fswrank")
        .pair("bnn", medal_of(scene.room.get()))
        .pair("list", top(scene, 50, |rank, person| fan(2_400_000 / rank, person).pair("rc", 2)))
        .pair("rid", scene.room)
}

fn fan(closeness: u32, person: &Person) -> Writer {
    Writer::new()
        .pair("uid", person.uid)
        .pair("nn", &person.name)
        .pair("ic", &person.avatar)
        .pair("fim", closeness)
        .pair("bl", person.fan_level.unwrap_or(10))
        .pair("lev", person.level)
        .pair("pg", person.platform_role.unwrap_or(1))
        .pair("rg", person.room_role.unwrap_or(1))
        .maybe("nl", person.noble)
        .zeros(["sahf", "newrg"])
        .maybe("ail", person.diamond.map(|_| list([453])))
        .pair("diaf", u32::from(person.diamond.is_some()))
}

/// `dfrank`: diamond fans. Its names for the same things are others.
pub(super) fn diamond_fans(scene: &mut Scenario) -> Writer {
    let entry = |_, person: &Person| {
        Writer::new()
            .pair("uid", person.uid)
            .pair("nick", &person.name)
            .pair("icon", &person.avatar)
            .pair("flev", person.fan_level.unwrap_or(10))
            .pair("lev", person.level)
            .pair("pg", person.platform_role.unwrap_or(1))
            .pair("rg", person.room_role.unwrap_or(1))
            .maybe("nlev", person.noble)
            .pair("sahf", 0)
            .pair("ail", list([453]))
            .pair("diaf", 1)
    };
    Writer::new()
        .pair("type", "dfrank")
        .pair("bn", medal_of(scene.room.get()))
        .pair("list", top(scene, 30, entry))
        .pair("dfc", scene.rng.u32(30..900))
        .pair("rid", scene.room)
}

/// `online_noble_list`: the nobles who are here.
pub(super) fn nobles(scene: &mut Scenario) -> Writer {
    let entry = |rank, person: &Person| {
        Writer::new()
            .pair("uid", person.uid)
            .pair("nn", &person.name)
            .pair("icon", &person.avatar)
            .pair("ne", person.noble.unwrap_or(1 + rank % 7))
            .pair("lv", person.level)
            .pair("rk", 33)
            .pair("pg", person.platform_role.unwrap_or(1))
            .pair("rg", person.room_role.unwrap_or(1))
            .pair("sahf", 0)
    };
    Writer::new()
        .pair("type", "online_noble_list")
        .pair("num", scene.rng.u32(20..200))
        .pair("rid", scene.room)
        .pair("nl", top(scene, 20, entry))
}

/// `noble_num_info`: how many nobles of which rank are here.
pub(super) fn noble_counts(scene: &mut Scenario) -> Writer {
    let counts = [7_u32, 1, 2, 3].map(|rank| (rank, scene.rng.u32(0..40)));
    let ranks = counts.iter().map(|(rank, count)| Writer::new().pair("lev", rank).pair("num", count).finish());
    Writer::new()
        .pair("type", "noble_num_info")
        .pair("sum", counts.iter().map(|(_, count)| count).sum::<u32>())
        .pair("vn", scene.rng.u32(0..300))
        .pair("rid", scene.room)
        .pair("list", list(ranks))
}

/// `rankup`: someone rises among the ten who gave most.
pub(super) fn rank_up(scene: &mut Scenario) -> Writer {
    let person = scene.someone();
    Writer::new()
        .pair("type", "rankup")
        .pair("rid", scene.room)
        .pair("gid", 0)
        .pair("drid", scene.room)
        .pair("rt", 0)
        .pair("bt", 1)
        .pair("sz", 3)
        .pair("uid", person.uid)
        .pair("nk", &person.name)
        .pair("rkt", scene.pick(&[1, 2, 4]))
        .pair("rn", scene.rng.u32(1..11))
}
