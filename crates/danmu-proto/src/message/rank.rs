//! Rankings: of viewers in a room, and of rooms in a category.

use std::borrow::Cow;

use crate::fields::Fields;
use crate::message::{Entry, entries};
use crate::stt::Nested;
use crate::summary::{Summarize, Summary, filled};

view! {
    /// `ranklist`: who gave most. The largest message there is: 10 KB.
    GiverRanking {
        /// Room.
        room: Option<i64> = "rid",
        /// This week's list: see [`GiverRanking::week`].
        week_list: Nested<'a> = "list",
        /// The list of all time: see [`GiverRanking::ever`].
        ever_list: Nested<'a> = "list_all",
        /// Today's list: see [`GiverRanking::day`].
        day_list: Nested<'a> = "list_day",
        /// As of when, in seconds since the Unix epoch.
        updated_s: Option<i64> = "ts",
    }
}

impl GiverRanking<'_> {
    /// Who gave most this week, in order.
    pub fn week(&self) -> impl Iterator<Item = Giver> {
        entries(&self.week_list)
    }

    /// Who gave most of all time, in order.
    pub fn ever(&self) -> impl Iterator<Item = Giver> {
        entries(&self.ever_list)
    }

    /// Who gave most today, in order.
    pub fn day(&self) -> impl Iterator<Item = Giver> {
        entries(&self.day_list)
    }
}

impl<'a> Summarize<'a> for GiverRanking<'a> {}

entry! {
    /// Someone in a [`GiverRanking`].
    Giver {
        /// Account number.
        user: Option<u64> = "uid",
        /// Nickname.
        name: String = "nickname",
        /// Path of the picture.
        avatar: String = "icon",
        /// Level.
        level: Option<u32> = "level",
        /// Noble rank, as in chat.
        noble: Option<u32> = "ne",
        /// Role in the room: 4 is admin, 5 the streamer.
        room_role: Option<u32> = "rg",
        /// Role on the platform: 5 is super admin.
        platform_role: Option<u32> = "pg",
        /// The place.
        rank: Option<u32> = "crk",
        /// The place before; 32767 means none.
        old_rank: Option<u32> = "lrk",
        /// Where it goes: −1 down, 0 nowhere, 1 up.
        trend: Option<i32> = "rs",
        /// What the place is for: contribution points.
        contribution: Option<u64> = "gold" | "gold_cost",
    }
}

view! {
    /// `ul_ranklist`: viewers of the room by level.
    LevelRanking {
        /// Room.
        room: Option<i64> = "rid",
        /// The list: see [`LevelRanking::viewers`].
        list: Nested<'a> = "list_level",
        /// As of when, in seconds since the Unix epoch.
        updated_s: Option<i64> = "ts",
    }
}

impl LevelRanking<'_> {
    /// The viewers, in order.
    pub fn viewers(&self) -> impl Iterator<Item = RankedViewer> {
        entries(&self.list)
    }
}

impl<'a> Summarize<'a> for LevelRanking<'a> {}

entry! {
    /// Someone in a [`LevelRanking`].
    RankedViewer {
        /// Account number.
        user: Option<u64> = "uid",
        /// Nickname.
        name: String = "nn",
        /// Path of the picture.
        avatar: String = "ic",
        /// Level.
        level: Option<u32> = "level",
        /// Noble rank, as in chat.
        noble: Option<u32> = "ne",
        /// Role in the room: 4 is admin, 5 the streamer.
        room_role: Option<u32> = "rg",
        /// Role on the platform: 5 is super admin.
        platform_role: Option<u32> = "pg",
        /// The place.
        rank: Option<u32> = "crk",
    }
}

view! {
    /// `frank` (all time), `fswrank` (this week) and `dfrank` (diamond fans): fans of the room, the closest first.
    FanRanking {
        /// Room.
        room: Option<i64> = "rid",
        /// Name of the room's fan medal.
        medal: Cow<'a, str> = "bnn" | "bn",
        /// How many fans there are; not sent for the week.
        count: Option<u64> = "fc" | "dfc",
        /// The list: see [`FanRanking::fans`].
        list: Nested<'a> = "list",
    }
}

impl FanRanking<'_> {
    /// The fans, in order.
    pub fn fans(&self) -> impl Iterator<Item = Fan> {
        entries(&self.list)
    }
}

impl<'a> Summarize<'a> for FanRanking<'a> {}

entry! {
    /// Someone in a [`FanRanking`].
    Fan {
        /// Account number.
        user: Option<u64> = "uid",
        /// Nickname.
        name: String = "nn" | "nick",
        /// Path of the picture.
        avatar: String = "ic" | "icon",
        /// Level.
        level: Option<u32> = "lev",
        /// Noble rank, as in chat.
        noble: Option<u32> = "nl" | "nlev",
        /// Role in the room: 4 is admin, 5 the streamer.
        room_role: Option<u32> = "rg",
        /// Role on the platform: 5 is super admin.
        platform_role: Option<u32> = "pg",
        /// Level of the room's fan medal.
        medal_level: Option<u32> = "bl" | "flev",
        /// Closeness (亲密度); not sent for diamond fans.
        closeness: Option<u64> = "fim",
        /// Whether this is a diamond fan.
        diamond_fan: bool = "diaf",
    }
}

view! {
    /// `rankup`: someone rose among the ten who gave most.
    RankUp {
        /// Room that it is told to.
        room: Option<i64> = "rid",
        /// Room that it happened in.
        target_room: Option<u64> = "drid",
        /// Account number.
        user: Option<u64> = "uid",
        /// Nickname.
        name: Cow<'a, str> = "nk",
        /// The new place.
        rank: Option<u32> = "rn",
        /// Which list: 1 the week's, 2 of all time, 4 the day's.
        list: Option<u32> = "rkt",
    }
}

impl<'a> Summarize<'a> for RankUp<'a> {
    #[inline]
    fn summarize(self) -> Summary<'a> {
        Summary { user: self.user, name: filled(self.name), ..Summary::default() }
    }
}

view! {
    /// `rri`: the room's place in its category. Its `rid` comes twice; the first is the room.
    CategoryPlace {
        /// Room.
        room: Option<i64> = "rid",
        /// Account number of the streamer.
        streamer: Option<u64> = "uid",
        /// Number of the category.
        category: Option<u64> = "cate_id",
        /// The place: see [`CategoryPlace::place`].
        map: Nested<'a> = "ri",
    }
}

impl CategoryPlace<'_> {
    /// The place, and the score that it is for.
    pub fn place(&self) -> RankedRoom {
        RankedRoom::read(Fields::from(&self.map))
    }
}

impl<'a> Summarize<'a> for CategoryPlace<'a> {}

view! {
    /// `rlcn`: the rooms that lead a category.
    CategoryRanking {
        /// Room that it is told to.
        room: Option<i64> = "rid",
        /// Number of the category.
        category: Option<u64> = "cate_id",
        /// The list: see [`CategoryRanking::rooms`].
        list: Nested<'a> = "rls",
    }
}

impl CategoryRanking<'_> {
    /// The rooms, in order.
    pub fn rooms(&self) -> impl Iterator<Item = RankedRoom> {
        entries(&self.list)
    }
}

impl<'a> Summarize<'a> for CategoryRanking<'a> {}

entry! {
    /// A room in a category. Of a [`CategoryPlace`], only place and score are given.
    RankedRoom {
        /// Room.
        room: Option<u64> = "rid",
        /// Account number of the streamer.
        streamer: Option<u64> = "uid",
        /// Name of the streamer.
        name: String = "rn",
        /// Path of the streamer's picture.
        avatar: String = "ic",
        /// The place.
        rank: Option<u32> = "idx",
        /// What it is for.
        score: Option<u64> = "sc",
    }
}

view! {
    /// `wirt` and `wiru`: a streamer's place in a weekly ranking; `wiru` tells of the room itself and names nobody.
    WeeklyPlace {
        /// Room of the streamer.
        room: Option<i64> = "rid",
        /// Account number of the streamer.
        user: Option<u64> = "uid",
        /// Name of the streamer.
        name: Cow<'a, str> = "nick",
        /// The place.
        rank: Option<u32> = "pos",
    }
}

impl<'a> Summarize<'a> for WeeklyPlace<'a> {
    #[inline]
    fn summarize(self) -> Summary<'a> {
        Summary { user: self.user, name: filled(self.name), ..Summary::default() }
    }
}
