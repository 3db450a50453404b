//! What people give.

use danmu_proto::stt::Writer;

use super::Scenario;
use super::cast::Streamer;
use crate::write::WriteMore as _;

/// Runs that go on at the same time.
const RUNS: usize = 4;

/// A gift with its public number and name. Props have gift number 0, and their own number.
#[derive(Clone, Copy, Debug)]
struct Gift {
    share: u32,
    number: u32,
    prop: u32,
    name: &'static str,
    /// How many come at once, and how often at most in one run.
    counts: &'static [u32],
    hits: u32,
}

const fn gift_of(share: u32, number: u32, prop: u32, name: &'static str, counts: &'static [u32], hits: u32) -> Gift {
    Gift { share, number, prop, name, counts, hits }
}

/// What is given, cheap things most.
const GIFTS: &[Gift] = &[
    gift_of(52, 824, 268, "粉丝荧光棒", &[1, 1, 10, 40, 66], 30),
    gift_of(14, 20_006, 0, "赞", &[1, 1, 1, 6, 66], 60),
    gift_of(8, 520, 0, "稳", &[1], 20),
    gift_of(6, 192, 0, "赞", &[1], 20),
    gift_of(3, 193, 0, "弱鸡", &[1], 10),
    gift_of(2, 519, 0, "呵呵", &[1], 10),
    gift_of(4, 20_541, 0, "大气", &[1, 10], 20),
    gift_of(4, 20_542, 0, "666", &[1, 6], 20),
    gift_of(3, 20_000, 0, "100鱼丸", &[1], 50),
    gift_of(2, 0, 4096, "钻粉月饼", &[1, 10], 10),
    gift_of(1, 20_002, 0, "办卡", &[1], 5),
    gift_of(1, 20_003, 0, "飞机", &[1], 5),
];
/// What is given rarely, and then told to the whole site.
const BIG: &[Gift] = &[
    gift_of(4, 20_004, 0, "火箭", &[1], 5),
    gift_of(3, 21_196, 1269, "飘雪火箭", &[1], 3),
    gift_of(1, 20_005, 0, "超级火箭", &[1], 2),
];

/// Someone gives the same thing again and again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    /// The giver's rank in the cast.
    rank: u32,
    gift: Gift,
    count: u32,
    hits: u32,
    /// How many times more.
    left: u32,
}

/// `dgb`: the next step of a run, or the first of a new one.
pub(super) fn gift(scene: &mut Scenario) -> Writer {
    if scene.runs.is_empty() || scene.runs.len() < RUNS && scene.chance(25) {
        let begun = begin(scene);
        scene.runs.push(begun);
    }
    let which = scene.rng.usize(..scene.runs.len());
    let run = &mut scene.runs[which];
    run.hits += run.count;
    run.left -= 1;
    let run = *run;
    if run.left == 0 {
        scene.runs.swap_remove(which);
    }
    write(scene, run)
}

fn begin(scene: &mut Scenario) -> Run {
    let gift = if scene.rng.u32(0..100) == 0 { draw(scene, BIG) } else { draw(scene, GIFTS) };
    Run { rank: scene.rank(), gift, count: scene.pick(gift.counts), hits: 0, left: scene.rng.u32(1..=gift.hits) }
}

fn draw(scene: &mut Scenario, from: &[Gift]) -> Gift {
    scene.draw(from, |gift| gift.share)
}

fn write(scene: &mut Scenario, run: Run) -> Writer {
    let giver = scene.person(run.rank);
    let streamer = Streamer::of(scene.room.get());
    let total = scene.rng.u32(1_000_000..90_000_000);
    let writer = Writer::new()
        .pair("type", "dgb")
        .pair("rid", scene.room)
        .pair("gfid", run.gift.number)
        .pair("gs", 0)
        .pair("uid", giver.uid)
        .pair("nn", &giver.name)
        .pair("ic", &giver.avatar)
        .zeros(["eid", "eic"])
        .pair("level", giver.level)
        // One is the default, and the server does not always say it.
        .maybe("gfcnt", Some(run.count).filter(|&count| count > 1 || run.hits > 1))
        .pair("hits", run.hits)
        .pair("bcnt", run.hits / run.count)
        .pair("bst", 7);
    let writer = giver.write_rank(writer).pair("ct", giver.client.unwrap_or(0)).pair("el", "").pair("cm", 0);
    giver
        .write_medal(writer)
        .zeros(["sahf", "fc"])
        .pair("gpf", u32::from(run.gift.prop > 0))
        .pair("pid", run.gift.prop)
        .pair("bnid", 1)
        .pair("bnl", 1)
        .pair("receive_uid", streamer.uid)
        .pair("receive_nn", streamer.name)
        .pair("from", if run.gift.prop > 0 { 2 } else { 1 })
        .pair("pfm", scene.rng.u32(1..100_000))
        .pair("pma", total)
        .pair("mss", total + run.hits)
        .pair("bcst", 1)
        .pair("ce", 1)
        .pair("gfn", run.gift.name)
        .maybe("fl", giver.fan_level)
        .pair("bnidv2", 10_001)
        .pair("bcstv2", 1)
        .pair("abstv2", 1)
        .pair("wbcstv2", 1)
}

/// Number, prop number and name of a gift that the whole site hears of.
pub(super) fn big(scene: &mut Scenario) -> (u32, u32, &'static str) {
    let gift = draw(scene, BIG);
    (gift.number, gift.prop, gift.name)
}
