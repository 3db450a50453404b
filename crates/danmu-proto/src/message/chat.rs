//! What people say.

use std::borrow::Cow;

use crate::fields::Fields;
use crate::stt::Nested;

view! {
    /// `chatmsg`: a line of chat.
    Chat {
        /// Room that it was said in. Not always the one that was joined: see `Summary::foreign`.
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
        /// Whether the line is highlighted.
        highlighted: bool = "hl",
        /// Path of the sender's picture.
        avatar: Cow<'a, str> = "ic",
        /// Present in ordinary chat. Missing together with `visible`, it hints at a bot.
        trust: Option<u32> = "dms",
        /// Normal, visible chat (sent since about 2025).
        visible: bool = "if",
        /// Effects: a list of maps `eid`, `etp`, `sc`, `ef`.
        effects: Nested<'a> = "el",
        /// Decorations: a list of numbers.
        decorations: Nested<'a> = "ail",
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
        /// How many seconds it stays on screen.
        seconds: Option<u32> = "cet",
        /// When, in milliseconds since the Unix epoch.
        sent_ms: Option<i64> = "now",
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
