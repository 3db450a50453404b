//! What people give.

use std::borrow::Cow;

view! {
    /// `dgb`: a gift, or one step of a run of them. Has no id, no time and no price.
    Gift {
        /// Room.
        room: Option<i64> = "rid",
        /// Gift number; 0 for props, whose number is `prop`.
        gift: Option<u64> = "gfid",
        /// Prop number. A number space of its own, sent beside `gift` too.
        prop: Option<u64> = "pid",
        /// Name of the gift (sent since about 2024).
        gift_name: Cow<'a, str> = "gfn",
        /// Account number of the giver.
        user: Option<u64> = "uid",
        /// Nickname of the giver.
        name: Cow<'a, str> = "nn",
        /// Level of the giver.
        level: Option<u32> = "level",
        /// How many in this event: see [`Gift::count`].
        number: Option<u32> = "gfcnt",
        /// How many the run has by now.
        hits: Option<u32> = "hits",
        /// Program it was sent with, as in chat.
        client: Option<u32> = "ct",
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
        /// Account number of who receives it.
        receiver: Option<u64> = "receive_uid",
        /// Name of who receives it.
        receiver_name: Cow<'a, str> = "receive_nn",
        /// Path of the giver's picture.
        avatar: Cow<'a, str> = "ic",
    }
}

impl Gift<'_> {
    /// How many in this event: 1 unless the server says otherwise.
    pub fn count(&self) -> u32 {
        self.number.unwrap_or(1)
    }
}
