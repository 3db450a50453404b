//! What people say.

use std::borrow::Cow;

use crate::fields::Fields;
use crate::message::entries;
use crate::stt::{Nested, Value};
use crate::summary::{Client, Flags, Role, Summarize, Summary, filled, medal, positive, seconds_to_ms};

view! {
    /// `chatmsg`: a line of chat.
    Chat {
        /// Room that it was said in. Not always the one that was joined: see [`Flags::FOREIGN`].
        room: Option<i64> = "rid",
        /// Account number of the sender.
        user: Option<u64> = "uid",
        /// Nickname of the sender.
        name: Cow<'a, str> = "nn",
        /// The text. Emotes stand in it as `[emot:dy110]`; line breaks happen.
        text: Cow<'a, str> = "txt",
        /// Unique id, 32 hexadecimal digits. Not ordered.
        id: Cow<'a, str> = "cid",
        /// When it was sent, in milliseconds since the Unix epoch by the sender's clock; see [`Chat::sent_ms`].
        sent: Option<i64> = "cst",
        /// Level of the sender, 1 to 120 and more.
        level: Option<u32> = "level",
        /// Colour, 1 to 6; absent or 0 is white. See [`colour_rgb`](crate::summary::colour_rgb).
        colour: Option<u32> = "col",
        /// Program it was sent with: absent or 0 web, 1 Android, 2 iOS, 14 PC, 16 from another platform.
        client: Option<u32> = "ct",
        /// Role in the room: 4 is admin, 5 the streamer.
        room_role: Option<u32> = "rg",
        /// Role on the platform: 5 is super admin.
        platform_role: Option<u32> = "pg",
        /// Noble rank: 1 knight … 6 emperor, 7 ranger (the lowest), 8 and 9 above emperor.
        noble: Option<u32> = "nl",
        /// Name of the fan medal that is worn; empty without one.
        medal: Cow<'a, str> = "bnn",
        /// Level of that medal; 0 without one.
        medal_level: Option<u32> = "bl",
        /// Room of that medal, often another one.
        medal_room: Option<u64> = "brid",
        /// Level of this room's medal even when another is worn.
        fan_level: Option<u32> = "fl",
        /// Whether the sender is a fan of this room.
        is_fan: bool = "ifs",
        /// Whether the sender is a diamond fan.
        diamond_fan: bool = "diaf",
        /// Level of the sender as a streamer.
        streamer_level: Option<u32> = "ol",
        /// Whether the line has a noble's look.
        noble_look: bool = "nc",
        /// Whether the line is highlighted.
        highlighted: bool = "hl",
        /// Path of the sender's picture.
        avatar: Value<'a> = "ic",
        /// Present in ordinary chat. Missing together with `visible`, it hints at a bot.
        trust: Option<u32> = "dms",
        /// Normal, visible chat (sent since about 2025).
        visible: bool = "if",
        /// Effects: nested, a list of maps `eid`, `etp`, `sc`, `ef`.
        effects: Value<'a> = "el",
        /// Decorations: nested, a list of numbers.
        decorations: Value<'a> = "ail",
    }
}

impl Chat<'_> {
    /// When it was sent, in milliseconds since the Unix epoch. Old clients sent seconds: values that would lie before
    /// 1973 are read as such.
    pub fn sent_ms(&self) -> Option<i64> {
        self.sent
            .filter(|&sent| sent > 0)
            .map(|sent| if sent > 100_000_000_000 { sent } else { sent.saturating_mul(1000) })
    }

    /// Chat without `dms` and without `if@=1`: suspected of being automated. To be marked, never to be left out: real
    /// people's lines come without them too.
    pub const fn is_suspect(&self) -> bool {
        self.trust.is_none() && !self.visible
    }
}

impl<'a> Summarize<'a> for Chat<'a> {
    #[inline]
    fn summarize(self) -> Summary<'a> {
        let flags = Flags::default().with(Flags::SUSPECT, self.is_suspect());
        Summary {
            sent_ms: self.sent_ms(),
            id: filled(self.id),
            user: self.user,
            name: filled(self.name),
            text: Some(self.text),
            level: self.level,
            role: Role::of(self.room_role, self.platform_role),
            noble: positive(self.noble),
            medal: medal(self.medal, self.medal_level, self.medal_room),
            colour: positive(self.colour),
            client: Some(Client(self.client.unwrap_or(0))),
            flags,
            ..Summary::default()
        }
    }
}

view! {
    /// `comm_chatmsg`: chat inside a frame. `kind` tells which: `voiceDanmu` is the paid super chat, `pandora` a box notice.
    WrappedChat {
        /// Room.
        room: Option<i64> = "rid",
        /// What kind of frame it is.
        kind: Cow<'a, str> = "btype",
        /// Account number of the sender.
        user: Option<u64> = "uid",
        /// The chat inside, the fields of a [`Chat`]: see [`WrappedChat::chat`].
        inner: Nested<'a> = "chatmsg",
        /// Price in fen (1/100 yuan), 0 or absent if nothing was paid.
        price_fen: Option<u64> = "cprice",
        /// What was paid of it, in fen: less where a voucher helped.
        paid_fen: Option<u64> = "crealPrice",
        /// How many seconds it stays on screen.
        seconds: Option<u32> = "cet",
        /// When, in milliseconds since the Unix epoch.
        sent_ms: Option<i64> = "now",
        /// Number of the super chat, 19 digits.
        number: Option<u64> = "vrid",
    }
}

impl WrappedChat<'_> {
    /// The chat inside.
    pub fn chat(&self) -> Chat<'_> {
        Chat::read(Fields::from(&self.inner))
    }

    /// Only what was paid for and is timed is a super chat.
    pub fn is_superchat(&self) -> bool {
        self.price_fen.unwrap_or(0) > 0 && self.seconds.unwrap_or(0) > 0
    }
}

impl<'a> Summarize<'a> for WrappedChat<'a> {
    #[inline]
    fn summarize(self) -> Summary<'a> {
        let chat = self.chat();
        Summary {
            sent_ms: positive(self.sent_ms),
            user: chat.user.or(self.user),
            level: chat.level,
            role: Role::of(chat.room_role, chat.platform_role),
            noble: positive(chat.noble),
            medal: medal(chat.medal.into_owned(), chat.medal_level, chat.medal_room),
            price_fen: positive(self.price_fen),
            duration_s: positive(self.seconds).map(u64::from),
            name: filled(chat.name.into_owned()),
            text: filled(chat.text.into_owned()),
            ..Summary::default()
        }
    }
}

view! {
    /// `voice_trlt`: super chats that a `comm_chatmsg` tells of too, up to a minute before or after, and as a list of all
    /// that are still to be seen. Known from programs only: none was recorded.
    VoiceChats {
        /// Room.
        room: Option<i64> = "rid",
        /// What to do with them: 1 show these and no others, 2 add them, else take them away.
        action: Option<u32> = "mtype",
        /// The super chats: see [`VoiceChats::chats`].
        list: Nested<'a> = "list",
    }
}

impl VoiceChats<'_> {
    /// The super chats in it.
    pub fn chats(&self) -> impl Iterator<Item = VoiceChat> {
        entries(&self.list)
    }
}

/// Of the first in the list, which is the only one unless the list is repeated for who comes late.
impl<'a> Summarize<'a> for VoiceChats<'a> {
    #[inline]
    fn summarize(self) -> Summary<'a> {
        let Some(chat) = self.chats().next() else { return Summary::default() };
        Summary {
            sent_ms: seconds_to_ms(chat.accepted_s),
            user: chat.user,
            price_fen: positive(chat.paid_fen),
            duration_s: chat.duration_s(),
            name: filled(chat.name),
            text: filled(chat.text),
            ..Summary::default()
        }
    }
}

entry! {
    /// A super chat in [`VoiceChats`].
    VoiceChat {
        /// Number of the super chat.
        number: Option<u64> = "vrId",
        /// Account number of the sender.
        user: Option<u64> = "uid",
        /// Nickname of the sender.
        name: String = "un",
        /// The text.
        text: String = "content",
        /// Price in fen.
        price_fen: Option<u64> = "price",
        /// What was paid of it, in fen: less where a voucher helped, down to 0.
        paid_fen: Option<u64> = "realPrice",
        /// When it was let through, in seconds since the Unix epoch.
        accepted_s: Option<i64> = "acptime",
        /// When it leaves the screen, in seconds since the Unix epoch.
        ends_s: Option<i64> = "etime",
    }
}

impl VoiceChat {
    /// How many seconds it stays on screen.
    pub fn duration_s(&self) -> Option<u64> {
        positive(u64::try_from(self.ends_s?.checked_sub(self.accepted_s?)?).ok())
    }
}
