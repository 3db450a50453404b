//! What people give.

use std::borrow::Cow;

use crate::fields::Fields;
use crate::message::Entry as _;
use crate::stt::{Nested, Value};
use crate::summary::{self, Client, GiftKind, Role, Summarize, Summary, filled, medal, positive};

view! {
    /// `dgb`: a gift, or one step of a run of them. Has no id, no time and no price. `hit`, a notice about such a run, has
    /// the same fields.
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
        avatar: Value<'a> = "ic",
        /// Level of this room's medal even when another is worn.
        fan_level: Option<u32> = "fl",
        /// Whether the giver is a diamond fan.
        diamond_fan: bool = "diaf",
    }
}

impl Gift<'_> {
    /// How many in this event: 1 unless the server says otherwise.
    pub fn count(&self) -> u32 {
        self.number.unwrap_or(1)
    }
}

impl<'a> Summarize<'a> for Gift<'a> {
    #[inline]
    fn summarize(self) -> Summary<'a> {
        // Props have gift number 0, and bought gifts may have a prop number beside their own.
        let (kind, id) = match (self.gift, self.prop) {
            (Some(id), _) if id > 0 => (GiftKind::Gift, id),
            (_, prop) => (GiftKind::Prop, prop.unwrap_or(0)),
        };
        let count = self.count();
        Summary {
            user: self.user,
            name: filled(self.name),
            level: self.level,
            role: Role::of(self.room_role, self.platform_role),
            noble: positive(self.noble),
            medal: medal(self.medal, self.medal_level, self.medal_room),
            client: self.client.map(Client),
            gift: Some(summary::Gift { kind, id, name: filled(self.gift_name), count, hits: self.hits }),
            receiver: filled(self.receiver_name),
            ..Summary::default()
        }
    }
}

view! {
    /// `spbc`: a large gift, told to the whole site. Whoever sums gifts leaves this out: it echoes a `dgb` of the room that
    /// it was given in.
    GiftBroadcast {
        /// 0, a negative number, or the room that it was heard in; where it was given is `target_room`.
        room: Option<i64> = "rid",
        /// Account number of the giver.
        user: Option<u64> = "sid",
        /// Nickname of the giver.
        name: Cow<'a, str> = "sn",
        /// The room that it was given in.
        target_room: Option<u64> = "drid",
        /// Name of that room's streamer.
        target_name: Cow<'a, str> = "dn",
        /// Gift number.
        gift: Option<u64> = "gfid",
        /// Name of the gift.
        gift_name: Cow<'a, str> = "gn",
        /// How many.
        number: Option<u32> = "gc",
        /// Prop number, where the gift is one too.
        prop: Option<u64> = "pid",
        /// Whether it leaves a box in the room.
        leaves_box: bool = "gb",
        /// How it looks: 1 a rocket, 2 a plane, 3 a castle.
        look: Option<u32> = "es",
    }
}

impl<'a> Summarize<'a> for GiftBroadcast<'a> {
    #[inline]
    fn summarize(self) -> Summary<'a> {
        Summary {
            user: self.user,
            name: filled(self.name),
            gift: Some(summary::Gift {
                kind: GiftKind::Gift,
                id: self.gift.unwrap_or(0),
                name: filled(self.gift_name),
                count: self.number.unwrap_or(1),
                hits: None,
            }),
            receiver: filled(self.target_name),
            ..Summary::default()
        }
    }
}

view! {
    /// `bc_buy_deserve`: someone bought "deserve" titles (酬勤), until 2018.
    Deserve {
        /// Room.
        room: Option<i64> = "rid",
        /// Account number of the buyer.
        user: Option<u64> = "sid",
        /// Level of the buyer.
        level: Option<u32> = "level",
        /// Grade of the title: 1 to 3.
        grade: Option<u32> = "lev",
        /// How many were bought.
        number: Option<u32> = "cnt",
        /// How many the run has by now.
        hits: Option<u32> = "hits",
        /// The buyer, a map: see [`Deserve::buyer`].
        buyer_map: Nested<'a> = "sui",
        /// Name of the fan medal that is worn.
        medal: Cow<'a, str> = "bnn",
        /// Level of that medal.
        medal_level: Option<u32> = "bl",
        /// Room of that medal.
        medal_room: Option<u64> = "brid",
    }
}

impl Deserve<'_> {
    /// Who bought it.
    pub fn buyer(&self) -> Buyer {
        Buyer::read(Fields::from(&self.buyer_map))
    }
}

impl<'a> Summarize<'a> for Deserve<'a> {
    #[inline]
    fn summarize(self) -> Summary<'a> {
        let buyer = self.buyer();
        Summary {
            user: self.user.or(buyer.user),
            level: self.level.or(buyer.level),
            role: Role::of(buyer.room_role, buyer.platform_role),
            medal: medal(self.medal, self.medal_level, self.medal_room),
            name: filled(buyer.name),
            ..Summary::default()
        }
    }
}

entry! {
    /// Who bought a [`Deserve`] title.
    Buyer {
        /// Account number.
        user: Option<u64> = "id",
        /// Nickname.
        name: String = "nick",
        /// Path of the picture.
        avatar: String = "icon",
        /// Level.
        level: Option<u32> = "level",
        /// Role in the room: 4 is admin, 5 the streamer.
        room_role: Option<u32> = "rg",
        /// Role on the platform: 5 is super admin.
        platform_role: Option<u32> = "pg",
    }
}

view! {
    /// `gift_title`: someone won a title by gifts, in 2016.
    GiftTitle {
        /// Room.
        room: Option<i64> = "rid",
        /// Account number of the winner.
        user: Option<u64> = "uid",
        /// Nickname of the winner.
        name: Cow<'a, str> = "uname",
        /// Name of the streamer.
        streamer: Cow<'a, str> = "rname",
        /// Which title.
        title: Option<u32> = "gt",
    }
}

impl<'a> Summarize<'a> for GiftTitle<'a> {
    #[inline]
    fn summarize(self) -> Summary<'a> {
        Summary { user: self.user, name: filled(self.name), receiver: filled(self.streamer), ..Summary::default() }
    }
}
