//! What viewers get: fish balls and props, from boxes that someone's gift leaves in the room.

use std::borrow::Cow;

use crate::stt::Value;
use crate::summary::{self, Client, GiftKind, Summarize, Summary, filled, seconds_to_ms};

view! {
    /// `onlinegift`: fish balls for having watched for a while.
    OnlineReward {
        /// Room.
        room: Option<i64> = "rid",
        /// Account number of who gets them.
        user: Option<u64> = "uid",
        /// Nickname of who gets them.
        name: Cow<'a, str> = "nn",
        /// Level of who gets them.
        level: Option<u32> = "level",
        /// How many fish balls.
        fish_balls: Option<u64> = "sil",
        /// By what they were multiplied.
        factor: Option<u32> = "ur",
        /// Program, as in chat.
        client: Option<u32> = "ct",
    }
}

impl<'a> Summarize<'a> for OnlineReward<'a> {
    #[inline]
    fn summarize(self) -> Summary<'a> {
        Summary {
            user: self.user,
            name: filled(self.name),
            level: self.level,
            client: self.client.map(Client),
            ..Summary::default()
        }
    }
}

view! {
    /// `tsboxb`: a treasure box appeared.
    BoxAppeared {
        /// Room.
        room: Option<i64> = "rid",
        /// Number of the box.
        number: Option<u64> = "rpid",
        /// Kind of the box.
        kind: Option<u32> = "rpt",
        /// Account number of who left it.
        user: Option<u64> = "sid",
        /// Nickname of who left it.
        name: Cow<'a, str> = "snk",
        /// Path of the picture of who left it.
        avatar: Value<'a> = "sic",
        /// When it appeared, in seconds since the Unix epoch.
        appeared_s: Option<i64> = "tm",
        /// When it can be opened, in seconds since the Unix epoch.
        opens_s: Option<i64> = "ot",
        /// When it vanishes, in seconds since the Unix epoch.
        vanishes_s: Option<i64> = "dt",
    }
}

impl<'a> Summarize<'a> for BoxAppeared<'a> {
    #[inline]
    fn summarize(self) -> Summary<'a> {
        Summary {
            sent_ms: seconds_to_ms(self.appeared_s),
            user: self.user,
            name: filled(self.name),
            ..Summary::default()
        }
    }
}

view! {
    /// `tsgs`: a treasure box was opened.
    BoxOpened {
        /// Room.
        room: Option<i64> = "rid",
        /// Kind of the box.
        kind: Option<u32> = "rpt",
        /// Account number of who left it.
        user: Option<u64> = "sid",
        /// Nickname of who left it.
        name: Cow<'a, str> = "snk",
        /// Account number of who opened it.
        taker: Option<u64> = "did",
        /// Nickname of who opened it.
        taker_name: Cow<'a, str> = "dnk",
        /// How many fish balls were in it.
        fish_balls: Option<u64> = "silver",
    }
}

impl<'a> Summarize<'a> for BoxOpened<'a> {
    #[inline]
    fn summarize(self) -> Summary<'a> {
        Summary { user: self.user, name: filled(self.name), receiver: filled(self.taker_name), ..Summary::default() }
    }
}

view! {
    /// `ggbb`: fish balls were taken from a box.
    BoxCoins {
        /// Room.
        room: Option<i64> = "rid",
        /// Kind of the box.
        kind: Option<u32> = "rpt",
        /// Account number of who left it.
        user: Option<u64> = "sid",
        /// Nickname of who left it.
        name: Cow<'a, str> = "snk",
        /// Account number of who took them.
        taker: Option<u64> = "did",
        /// Nickname of who took them.
        taker_name: Cow<'a, str> = "dnk",
        /// How many fish balls.
        fish_balls: Option<u64> = "sl",
        /// How lucky: 0 normal, 1 the best of all, 2 to 5 four times to once as much.
        luck: Option<u32> = "gt",
    }
}

impl<'a> Summarize<'a> for BoxCoins<'a> {
    #[inline]
    fn summarize(self) -> Summary<'a> {
        Summary { user: self.user, name: filled(self.name), receiver: filled(self.taker_name), ..Summary::default() }
    }
}

view! {
    /// `gpbc`: a prop was taken from a box.
    BoxProp {
        /// Room.
        room: Option<i64> = "rid",
        /// Kind of the box.
        kind: Option<u32> = "rpt",
        /// Account number of who left it.
        user: Option<u64> = "sid",
        /// Nickname of who left it.
        name: Cow<'a, str> = "snk",
        /// Account number of who took it.
        taker: Option<u64> = "did",
        /// Nickname of who took it.
        taker_name: Cow<'a, str> = "dnk",
        /// Name of the prop; its number is not sent.
        prop_name: Cow<'a, str> = "pnm",
        /// How many.
        number: Option<u32> = "cnt",
    }
}

impl<'a> Summarize<'a> for BoxProp<'a> {
    #[inline]
    fn summarize(self) -> Summary<'a> {
        Summary {
            user: self.user,
            name: filled(self.name),
            gift: Some(summary::Gift {
                kind: GiftKind::Prop,
                id: 0,
                name: filled(self.prop_name),
                count: self.number.unwrap_or(1),
                hits: None,
            }),
            receiver: filled(self.taker_name),
            ..Summary::default()
        }
    }
}
