//! What viewers do, and what is done to them.

use std::borrow::Cow;

use crate::stt::Value;
use crate::summary::{Role, Summarize, Summary, filled, medal, positive};

view! {
    /// `uenter`: a viewer came in.
    Enter {
        /// Room.
        room: Option<i64> = "rid",
        /// Account number.
        user: Option<u64> = "uid",
        /// Nickname.
        name: Cow<'a, str> = "nn",
        /// Level.
        level: Option<u32> = "level",
        /// Role in the room: 4 is admin, 5 the streamer.
        room_role: Option<u32> = "rg",
        /// Role on the platform: 5 is super admin.
        platform_role: Option<u32> = "pg",
        /// Noble rank, as in chat.
        noble: Option<u32> = "nl",
        /// Name of the fan medal that is worn.
        medal: Cow<'a, str> = "bnn",
        /// Level of that medal.
        medal_level: Option<u32> = "bl",
        /// Room of that medal.
        medal_room: Option<u64> = "brid",
        /// Level of this room's medal even when another is worn.
        fan_level: Option<u32> = "fl",
        /// Whether this is a diamond fan.
        diamond_fan: bool = "diaf",
        /// Path of the picture.
        avatar: Value<'a> = "ic",
        /// Effects: nested, a list of maps `eid`, `etp`, `sc`, `ef`.
        effects: Value<'a> = "el",
    }
}

impl<'a> Summarize<'a> for Enter<'a> {
    #[inline]
    fn summarize(self) -> Summary<'a> {
        Summary {
            user: self.user,
            name: filled(self.name),
            level: self.level,
            role: Role::of(self.room_role, self.platform_role),
            noble: positive(self.noble),
            medal: medal(self.medal, self.medal_level, self.medal_room),
            ..Summary::default()
        }
    }
}

view! {
    /// `upgrade`: a viewer rose a level.
    LevelUp {
        /// Room.
        room: Option<i64> = "rid",
        /// Account number.
        user: Option<u64> = "uid",
        /// Nickname.
        name: Cow<'a, str> = "nn",
        /// The new level.
        level: Option<u32> = "level",
        /// Path of the picture.
        avatar: Value<'a> = "ic",
    }
}

impl<'a> Summarize<'a> for LevelUp<'a> {
    #[inline]
    fn summarize(self) -> Summary<'a> {
        Summary { user: self.user, name: filled(self.name), level: self.level, ..Summary::default() }
    }
}

view! {
    /// `blab`: a viewer's fan medal of this room rose a level.
    MedalUp {
        /// Room.
        room: Option<u64> = "rid",
        /// Account number.
        user: Option<u64> = "uid",
        /// Nickname.
        name: Cow<'a, str> = "nn",
        /// Name of the medal.
        medal: Cow<'a, str> = "bnn",
        /// Its new level.
        medal_level: Option<u32> = "bl",
        /// Its level before.
        old_medal_level: Option<u32> = "lbl",
    }
}

impl<'a> Summarize<'a> for MedalUp<'a> {
    #[inline]
    fn summarize(self) -> Summary<'a> {
        Summary {
            user: self.user,
            name: filled(self.name),
            medal: medal(self.medal, self.medal_level, self.room),
            ..Summary::default()
        }
    }
}

view! {
    /// `srres`: a viewer shared the room.
    Share {
        /// Room.
        room: Option<i64> = "rid",
        /// Account number.
        user: Option<u64> = "uid",
        /// Nickname.
        name: Cow<'a, str> = "nickname",
        /// Experience that it earned.
        experience: Option<u64> = "exp",
    }
}

impl<'a> Summarize<'a> for Share<'a> {
    #[inline]
    fn summarize(self) -> Summary<'a> {
        Summary { user: self.user, name: filled(self.name), ..Summary::default() }
    }
}

view! {
    /// `ruclp`: viewers liked the room.
    Likes {
        /// Room.
        room: Option<i64> = "rid",
        /// Who: nested, a list of maps whose fields no source names.
        users: Value<'a> = "ui_list",
    }
}

impl<'a> Summarize<'a> for Likes<'a> {}

view! {
    /// `newblackres`, in 2016 `blackres`: a viewer was muted.
    Mute {
        /// Room.
        room: Option<i64> = "rid",
        /// 0 means that it was done.
        result: Option<u32> = "ret" | "rescode",
        /// Who did it: 0 a user, 1 an admin, 2 the streamer, 3 the platform. Not in the old form.
        by_role: Option<u32> = "otype",
        /// Account number of who did it. Not in the old form.
        by: Option<u64> = "sid",
        /// Nickname of who did it.
        by_name: Cow<'a, str> = "snic" | "snick",
        /// Account number of who was muted.
        user: Option<u64> = "did" | "userid",
        /// Nickname of who was muted.
        name: Cow<'a, str> = "dnic" | "dnick",
        /// Until when, in seconds since the Unix epoch. Not in the old form.
        until_s: Option<i64> = "endtime",
        /// For how many seconds. Only in the old form.
        duration_s: Option<u64> = "limittime",
    }
}

/// The one who mutes acts, and the one who is muted receives.
impl<'a> Summarize<'a> for Mute<'a> {
    #[inline]
    fn summarize(self) -> Summary<'a> {
        Summary {
            user: self.by,
            name: filled(self.by_name),
            duration_s: positive(self.duration_s),
            receiver: filled(self.name),
            ..Summary::default()
        }
    }
}

view! {
    /// `setadminres`: a viewer became admin of the room, or is none any more.
    AdminChange {
        /// Room.
        room: Option<i64> = "rid",
        /// 0 means that it was done.
        result: Option<u32> = "rescode",
        /// Account number of who did it.
        by: Option<u64> = "opuid",
        /// Account number of who became it, or is it no more.
        user: Option<u64> = "userid",
        /// Nickname of who became it, or is it no more.
        name: Cow<'a, str> = "adnick",
        /// The new role: 4 admin, 1 none.
        room_role: Option<u32> = "group",
        /// Level of who became it, or is it no more.
        level: Option<u32> = "level",
    }
}

impl<'a> Summarize<'a> for AdminChange<'a> {
    #[inline]
    fn summarize(self) -> Summary<'a> {
        Summary { user: self.by, receiver: filled(self.name), ..Summary::default() }
    }
}
