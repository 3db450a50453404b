//! Scenario: what a room says. A value without socket or clock.
//!
//! A room has a cast of viewers who come back, some of whom talk a lot and most of whom hardly do. What happens is drawn
//! from `MIX`, with the shares recorded in a large room: 265 entries to 147 lines of chat to 125 gifts. Gifts come in
//! runs with growing hits. Field names and their order are those of recorded traffic; all people, rooms, numbers and
//! texts are made up, but for the public names and numbers of gifts.
//!
//! The same seed and room give the same payloads, except for the times in them. To add a kind of message, write a
//! function and give it a line in `MIX`.

mod broadcasts;
mod cast;
mod events;
mod gifts;
mod odd;
mod rankings;
mod talk;
#[rustfmt::skip] // Otherwise each word has a line.
mod words;

use danmu_proto::RoomId;
use danmu_proto::stt::Writer;
use fastrand::Rng;

use self::cast::Person;
use self::gifts::Run;

/// Writes a message of one kind.
type Write = fn(&mut Scenario) -> Writer;

/// What happens, and how often.
const MIX: &[(u32, Write)] = &[
    (47_130, events::entry),
    (26_140, talk::chat),
    (22_230, gifts::gift),
    (500, talk::super_chat),
    (100, talk::box_notice),
    (150, events::noble),
    (80, events::noble_renewed),
    (80, events::diamond_fan),
    (80, events::diamond_fan_renewed),
    (300, events::medal_up),
    (200, events::level_up),
    (40, events::live_or_not),
    (40, events::away_or_back),
    (80, events::muted),
    (30, events::admin_changed),
    (80, events::shared),
    (50, events::box_opened),
    (50, events::coins_taken),
    (50, events::prop_taken),
    (50, events::fish_balls),
    (80, rankings::givers),
    (60, rankings::fans),
    (60, rankings::fans_of_the_week),
    (60, rankings::diamond_fans),
    (120, rankings::nobles),
    (200, rankings::noble_counts),
    (60, rankings::rank_up),
    (300, broadcasts::gift),
    (60, broadcasts::flying_chat),
    (60, broadcasts::news),
    (40, broadcasts::advertisement),
    (40, broadcasts::notice),
    (500, odd::streamer_experience),
    (250, odd::heat),
    (120, odd::category_place),
    (80, odd::screen),
    (100, odd::contest),
    (100, odd::tasks),
    (80, odd::lottery_start),
    (40, odd::lottery_end),
    (60, odd::unheard_of),
];

/// What a room says, one message after the other.
#[derive(Clone, Debug)]
pub struct Scenario {
    room: RoomId,
    /// Decides all that happens.
    rng: Rng,
    /// Who is in the room follows from this; nobody has to be kept.
    cast_seed: u64,
    ids: [Ids; 3],
    /// Gifts that are being given again and again.
    runs: Vec<Run>,
    /// Whether the broadcast runs.
    live: bool,
    /// The time that messages carry.
    now_ms: i64,
}

/// Chat ids of one server process: its number, and a counter.
#[derive(Clone, Copy, Debug)]
struct Ids {
    process: u64,
    counter: u64,
}

impl Scenario {
    /// The talk of a room, from its beginning.
    pub fn new(seed: u64, room: RoomId) -> Self {
        let cast_seed = mix(seed, room.get());
        let mut rng = Rng::with_seed(mix(cast_seed, 1));
        let ids = std::array::from_fn(|_| Ids { process: rng.u64(..), counter: rng.u64(0x10_0000..0x20_0000) });
        Self { room, rng, cast_seed, ids, runs: Vec::new(), live: true, now_ms: 0 }
    }

    /// The next payload. `now_ms` is the time that it carries, in milliseconds since the Unix epoch.
    pub fn next(&mut self, now_ms: i64) -> String {
        self.now_ms = now_ms;
        let (_, write) = self.draw(MIX, |&(share, _)| share);
        write(self).finish()
    }

    /// Someone in the room: the first few are heard again and again, the last hardly ever.
    fn someone(&mut self) -> Person {
        let rank = self.rank();
        self.person(rank)
    }

    fn person(&self, rank: u32) -> Person {
        Person::new(self.cast_seed, self.room, rank)
    }

    /// A number from 1 to 4095, each about as likely as it is small: Zipf's law.
    fn rank(&mut self) -> u32 {
        let octave = self.rng.u32(0..12);
        (1 << octave) + self.rng.u32(0..1 << octave)
    }

    /// Whether it happens, `percent` times out of 100.
    fn chance(&mut self, percent: u32) -> bool {
        self.rng.u32(0..100) < percent
    }

    /// One of these, each as likely as its share says.
    fn draw<T: Copy>(&mut self, from: &[T], share: impl Fn(&T) -> u32) -> T {
        let all: u32 = from.iter().map(&share).sum();
        let mut drawn = self.rng.u32(..all);
        for &one in from {
            match drawn.checked_sub(share(&one)) {
                Some(rest) => drawn = rest,
                None => return one,
            }
        }
        unreachable!("a number below the sum of all shares falls into one of them")
    }

    /// One of these, all as likely.
    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.rng.usize(..from.len())]
    }

    /// A fresh chat id: 16 digits for the process, 16 for its counter, lowest byte first.
    fn id(&mut self) -> String {
        let which = self.rng.usize(..self.ids.len());
        let step = self.rng.u64(1..8);
        let ids = &mut self.ids[which];
        ids.counter += step;
        format!("{:016x}{:016x}", ids.process, ids.counter.swap_bytes())
    }

    /// Some other room.
    fn other_room(&mut self) -> u64 {
        self.rng.u64(10_000..9_999_999)
    }
}

/// A number that follows from two others, and shows no trace of either (splitmix64).
pub(crate) fn mix(a: u64, b: u64) -> u64 {
    let mut z = a ^ b.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
