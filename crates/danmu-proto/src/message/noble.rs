//! Nobles and diamond fans: ranks that are bought.

use std::borrow::Cow;

use crate::message::entries;
use crate::stt::{Nested, Value};
use crate::summary::{Summarize, Summary, filled, medal, positive, seconds_to_ms};

view! {
    /// `anbc` (bought) and `rnewbc` (renewed): someone is a noble.
    NobleBroadcast {
        /// 0 if it is told to the whole site; where it was bought is `target_room`.
        room: Option<i64> = "rid",
        /// How far it is told: 1 the whole site, 2 the room.
        reach: Option<u32> = "bt",
        /// Account number of the noble.
        user: Option<u64> = "uid",
        /// Nickname of the noble.
        name: Cow<'a, str> = "unk",
        /// Path of the noble's picture.
        avatar: Value<'a> = "uic",
        /// The rank, as in chat.
        noble: Option<u32> = "nl",
        /// The room that it was bought in.
        target_room: Option<u64> = "drid",
        /// Name of that room's streamer.
        target_name: Cow<'a, str> = "donk",
        /// Account number of who paid, if it was a present.
        payer: Option<u64> = "gvuid",
        /// Nickname of who paid, if it was a present.
        payer_name: Cow<'a, str> = "gvnk",
        /// When, in seconds since the Unix epoch; not sent for a renewal.
        sent_s: Option<i64> = "ts",
    }
}

impl<'a> Summarize<'a> for NobleBroadcast<'a> {
    #[inline]
    fn summarize(self) -> Summary<'a> {
        Summary {
            sent_ms: seconds_to_ms(self.sent_s),
            user: self.user,
            name: filled(self.name),
            noble: positive(self.noble),
            receiver: filled(self.target_name),
            ..Summary::default()
        }
    }
}

view! {
    /// `online_noble_list`: the nobles who are in the room.
    NobleList {
        /// Room.
        room: Option<i64> = "rid",
        /// How many there are; the list may hold fewer.
        count: Option<u64> = "num",
        /// Who: see [`NobleList::nobles`].
        list: Nested<'a> = "nl",
    }
}

impl NobleList<'_> {
    /// The nobles in the list, the highest first.
    pub fn nobles(&self) -> impl Iterator<Item = Noble> {
        entries(&self.list)
    }
}

impl<'a> Summarize<'a> for NobleList<'a> {}

entry! {
    /// A noble in the room.
    Noble {
        /// Account number.
        user: Option<u64> = "uid",
        /// Nickname.
        name: String = "nn",
        /// Path of the picture.
        avatar: String = "icon",
        /// The rank, as in chat.
        noble: Option<u32> = "ne",
        /// Level.
        level: Option<u32> = "lv",
        /// Role in the room: 4 is admin, 5 the streamer.
        room_role: Option<u32> = "rg",
        /// Role on the platform: 5 is super admin.
        platform_role: Option<u32> = "pg",
    }
}

view! {
    /// `noble_num_info`: how many nobles are in the room.
    NobleCounts {
        /// Room.
        room: Option<i64> = "rid",
        /// How many in all.
        total: Option<u64> = "sum",
        /// How many guests of honour there are.
        guests: Option<u64> = "vn",
        /// How many of which rank: see [`NobleCounts::ranks`].
        list: Nested<'a> = "list",
    }
}

impl NobleCounts<'_> {
    /// How many of which rank.
    pub fn ranks(&self) -> impl Iterator<Item = NobleCount> {
        entries(&self.list)
    }
}

impl<'a> Summarize<'a> for NobleCounts<'a> {}

entry! {
    /// How many nobles of one rank are in the room.
    NobleCount {
        /// The rank, as in chat.
        noble: Option<u32> = "lev",
        /// How many.
        count: Option<u64> = "num",
    }
}

view! {
    /// `oni`: how many guests of honour (贵宾) are in the room; sent since about 2026.
    GuestCount {
        /// Room.
        room: Option<i64> = "rid",
        /// How many.
        guests: Option<u64> = "vn",
    }
}

impl<'a> Summarize<'a> for GuestCount<'a> {}

view! {
    /// `dfobc` (opened) and `dfrbc` (renewed), to some clients `odfbc` and `rndfbc`: someone is a diamond fan.
    DiamondFan {
        /// Room.
        room: Option<i64> = "rid",
        /// Account number.
        user: Option<u64> = "uid",
        /// Nickname.
        name: Cow<'a, str> = "nick",
        /// Level.
        level: Option<u32> = "level",
        /// Noble rank, as in chat.
        noble: Option<u32> = "nl",
        /// Name of the room's fan medal.
        medal: Cow<'a, str> = "bn",
        /// Its level.
        medal_level: Option<u32> = "fl",
        /// How many months were bought.
        months: Option<u32> = "mn",
        /// A number of days: 1 in a recorded opening, 47 in a renewal; perhaps for how long it has been.
        days: Option<u32> = "cdays",
        /// Price in fen.
        price_fen: Option<u64> = "price",
        /// Room of the streamer.
        target_room: Option<u64> = "rrid",
        /// Name of the streamer.
        target_name: Cow<'a, str> = "rnick",
        /// Grade of the diamond fan.
        grade: Option<u32> = "dfgm",
    }
}

impl<'a> Summarize<'a> for DiamondFan<'a> {
    #[inline]
    fn summarize(self) -> Summary<'a> {
        Summary {
            user: self.user,
            name: filled(self.name),
            level: self.level,
            noble: positive(self.noble),
            medal: medal(self.medal, self.medal_level, self.target_room),
            price_fen: positive(self.price_fen),
            receiver: filled(self.target_name),
            ..Summary::default()
        }
    }
}
