//! The cast: who is in a room.
//!
//! A viewer follows from the seed, the room and a rank, and is made anew each time: ten thousand rooms with thousands of
//! viewers each cost no memory.

use danmu_proto::RoomId;
use danmu_proto::stt::Writer;
use fastrand::Rng;

use super::mix;
use super::words::{MEDALS, NAME_FIRST, NAME_SECOND, NAME_THIRD, ODD_NAMES, STREAMERS};
use crate::write::WriteMore as _;

/// One viewer.
#[derive(Clone, Debug)]
pub(super) struct Person {
    pub(super) uid: u64,
    pub(super) name: String,
    pub(super) level: u32,
    pub(super) avatar: String,
    pub(super) medal: Option<Medal>,
    /// Level of this room's medal, even when another is worn.
    pub(super) fan_level: Option<u32>,
    pub(super) noble: Option<u32>,
    pub(super) room_role: Option<u32>,
    pub(super) platform_role: Option<u32>,
    pub(super) client: Option<u32>,
    /// Grade as a diamond fan.
    pub(super) diamond: Option<u32>,
}

/// A fan medal.
#[derive(Clone, Debug)]
pub(super) struct Medal {
    pub(super) name: &'static str,
    pub(super) level: u32,
    pub(super) room: u64,
}

/// Whose room it is.
#[derive(Clone, Debug)]
pub(super) struct Streamer {
    pub(super) uid: u64,
    pub(super) name: &'static str,
}

impl Person {
    pub(super) fn new(cast_seed: u64, room: RoomId, rank: u32) -> Self {
        let mut rng = Rng::with_seed(mix(cast_seed, u64::from(rank) << 8));
        // Who talks most is the streamer's admin; below are fans, and many who have just come.
        let level = rng.u32(1..60).min(rng.u32(1..90)) + if rank < 8 { 30 } else { 0 };
        let fan_level = (rng.u32(0..100) < 45).then(|| rng.u32(1..30) + if rank < 8 { 10 } else { 0 });
        let medal = match rng.u32(0..100) {
            0..20 => {
                let other = mix(cast_seed, rng.u64(0..8)) % 9_000_000 + 10_000;
                Some(Medal { name: medal_of(other), level: rng.u32(1..35), room: other })
            }
            _ => fan_level.map(|level| Medal { name: medal_of(room.get()), level, room: room.get() }),
        };
        Self {
            uid: rng.u64(100_000..500_000_000),
            name: name(&mut rng),
            level,
            avatar: avatar(&mut rng),
            medal,
            fan_level,
            noble: (rng.u32(0..100) < 7).then(|| [7, 7, 7, 1, 1, 2, 3, 4, 5, 6, 8, 9][rng.usize(..12)]),
            room_role: if rank < 4 { Some(4) } else { (rank == 5).then_some(5) },
            platform_role: (rank == 700).then_some(5),
            client: [None, None, Some(1), Some(1), Some(1), Some(2), Some(14), Some(14), Some(3)][rng.usize(..9)],
            diamond: (rng.u32(0..100) < 8).then(|| rng.u32(1..6)),
        }
    }

    /// Whether the medal worn is this room's.
    pub(super) fn is_fan(&self, room: RoomId) -> bool {
        self.medal.as_ref().is_some_and(|medal| medal.room == room.get())
    }

    /// The four pairs of the medal, which are there without one too.
    pub(super) fn write_medal(&self, writer: Writer) -> Writer {
        match &self.medal {
            Some(medal) => writer
                .pair("bnn", medal.name)
                .pair("bl", medal.level)
                .pair("brid", medal.room)
                .pair("hc", digits(&mut Rng::with_seed(medal.room))),
            None => writer.pair("bnn", "").pair("bl", 0).pair("brid", 0).pair("hc", ""),
        }
    }

    /// Role and rank, for those who have one.
    pub(super) fn write_rank(&self, writer: Writer) -> Writer {
        writer.maybe("rg", self.room_role).maybe("pg", self.platform_role).maybe("nl", self.noble)
    }
}

impl Streamer {
    pub(super) fn of(room: u64) -> Self {
        let number = mix(room, 0);
        Self { uid: number % 90_000_000 + 1_000_000, name: STREAMERS[number as usize % STREAMERS.len()] }
    }
}

/// The name of a room's medal.
pub(super) fn medal_of(room: u64) -> &'static str {
    MEDALS[mix(room, 1) as usize % MEDALS.len()]
}

fn name(rng: &mut Rng) -> String {
    let kind = rng.u32(0..100);
    let mut pick = |from: &[&'static str]| from[rng.usize(..from.len())];
    match kind {
        0..80 => format!("{}{}{}", pick(NAME_FIRST), pick(NAME_SECOND), pick(NAME_THIRD)),
        80..90 => format!("用户{}", rng.u32(10_000_000..99_999_999)),
        90..96 => format!("{}{}", pick(NAME_SECOND), rng.u32(1..10_000)),
        _ => pick(ODD_NAMES).to_owned(),
    }
}

/// The path of a picture, in one of the shapes that Douyu used over the years.
fn avatar(rng: &mut Rng) -> String {
    let mut two = || rng.u32(0..100);
    match two() {
        0..40 => {
            let (year, month) = (2018 + two() % 9, 1 + two() % 12);
            format!("avatar_v3/{year}{month:02}/{}", digits(rng))
        }
        40..70 => format!("avatar/default/{:02}", 1 + two() % 16),
        70..85 => format!("avatar/{:03}/{:02}/{:02}/{:02}_avatar", two(), two(), two(), two()),
        85..97 => {
            let (month, day, hour) = (1 + two() % 12, 1 + two() % 28, two() % 24);
            format!("avanew/face/2017{month:02}/{day:02}/{hour:02}/{}", digits(rng))
        }
        _ => String::new(),
    }
}

/// 32 hexadecimal digits.
pub(super) fn digits(rng: &mut Rng) -> String {
    format!("{:032x}", rng.u128(..))
}
