//! What every sink asks of a message, whatever its type: who, what, when, and what it cost.
//!
//! A summary is what a terminal shows, what a recording keeps in columns, and what JSON says: one place decides which
//! wire field means what.

use std::borrow::Cow;
use std::fmt;

use crate::fields::Fields;
use crate::message::chat::Chat;
use crate::message::{Message, gift};
use crate::record::RoomId;

/// A message in the same words for all types. What does not apply, or was not said, is absent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary<'a> {
    /// Type on the wire; empty if the payload has none.
    pub kind: Cow<'a, str>,
    /// When it was sent, in milliseconds since the Unix epoch, by the sender's clock.
    pub sent_ms: Option<i64>,
    /// Unique id of a chat message.
    pub id: Option<Cow<'a, str>>,
    /// Account number of who did it.
    pub user: Option<u64>,
    /// Name of who did it.
    pub name: Option<Cow<'a, str>>,
    /// What was said.
    pub text: Option<Cow<'a, str>>,
    /// Level of the user.
    pub level: Option<u32>,
    /// Role of the user, if it is a special one.
    pub role: Option<Role>,
    /// Noble rank, as on the wire; absent if none.
    pub noble: Option<u32>,
    /// The fan medal that the user wears.
    pub medal: Option<Medal<'a>>,
    /// Colour of the text by its wire code, 1 to 6; absent if white.
    pub colour: Option<u32>,
    /// Program that it was sent with.
    pub client: Option<Client>,
    /// What was given.
    pub gift: Option<Gift<'a>>,
    /// What was paid, in fen (1/100 yuan), where the message says so.
    pub price_fen: Option<u64>,
    /// How long it lasts, in seconds: a super chat on the screen, a subscription.
    pub duration_s: Option<u64>,
    /// Name of who receives it.
    pub receiver: Option<Cow<'a, str>>,
    /// What is odd about the message.
    pub flags: Flags,
}

impl Summary<'_> {
    /// Whether this is a paid chat that stays on the screen.
    pub fn is_superchat(&self) -> bool {
        self.kind == "comm_chatmsg" && self.price_fen.is_some() && self.duration_s.is_some()
    }
}

/// A fan medal.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Medal<'a> {
    /// Its name.
    pub name: Cow<'a, str>,
    /// Its level.
    pub level: Option<u32>,
    /// Number of the room that it belongs to, often another one.
    pub room: Option<u64>,
}

/// A gift in a message.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gift<'a> {
    /// Which of the two number spaces `id` is from.
    pub kind: GiftKind,
    /// Its number.
    pub id: u64,
    /// Its name, where the message says so.
    pub name: Option<Cow<'a, str>>,
    /// How many in this event.
    pub count: u32,
    /// How many the run has by now.
    pub hits: Option<u32>,
}

/// The number space of a gift: the same number means another thing in the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum GiftKind {
    /// Bought: `gfid`.
    #[default]
    Gift,
    /// From a backpack or an activity: `pid`.
    Prop,
}

impl GiftKind {
    /// Its name in recordings and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gift => "gift",
            Self::Prop => "prop",
        }
    }

    /// The kind with this name.
    pub fn by_name(name: &str) -> Option<Self> {
        [Self::Gift, Self::Prop].into_iter().find(|kind| kind.name() == name)
    }
}

/// A role with a mark beside the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Admin of the room (`rg` 4).
    Admin,
    /// Whose room it is (`rg` 5).
    Streamer,
    /// Admin of the whole platform (`pg` 5).
    SuperAdmin,
}

impl Role {
    /// Its name in recordings and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Streamer => "streamer",
            Self::SuperAdmin => "super_admin",
        }
    }

    /// The role with this name.
    pub fn by_name(name: &str) -> Option<Self> {
        [Self::Admin, Self::Streamer, Self::SuperAdmin].into_iter().find(|role| role.name() == name)
    }

    fn of(room: Option<u32>, platform: Option<u32>) -> Option<Self> {
        match (platform, room) {
            (Some(5), _) => Some(Self::SuperAdmin),
            (_, Some(5)) => Some(Self::Streamer),
            (_, Some(4)) => Some(Self::Admin),
            _ => None,
        }
    }
}

/// A viewer's program, by its wire number `ct`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Client(pub u32);

impl Client {
    /// Its name, where it is known.
    pub const fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            0 => "web",
            1 => "android",
            2 => "ios",
            14 => "pc",
            16 => "relay",
            _ => return None,
        })
    }
}

/// The name, or the number where no name is known.
impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => self.0.fmt(f),
        }
    }
}

/// What is odd about a message, as bits: kept and marked, never left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flags(pub u8);

impl Flags {
    /// Said in another room than the one that was joined.
    pub const FOREIGN: Self = Self(1);
    /// Chat that may be automated: see [`Chat::is_suspect`].
    pub const SUSPECT: Self = Self(2);
    /// Holds bytes that are not UTF-8, shown as U+FFFD.
    pub const LOSSY: Self = Self(4);
    /// Not heard but imported from elsewhere.
    pub const IMPORTED: Self = Self(8);

    /// Whether all of `other` is set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Sets `other` where `condition` holds.
    #[must_use]
    pub const fn with(self, other: Self, condition: bool) -> Self {
        if condition { Self(self.0 | other.0) } else { self }
    }
}

/// The web page's colour for a wire colour code, as 0xRRGGBB; white for a code that has none.
///
/// Source: the web client's table; what other tools use differs in some values.
pub const fn colour_rgb(code: u32) -> u32 {
    match code {
        1 => 0xFF_00_00,
        2 => 0x1E_87_F0,
        3 => 0x7A_C8_4B,
        4 => 0xFF_7F_00,
        5 => 0x9B_39_F4,
        6 => 0xFF_69_B4,
        _ => 0xFF_FF_FF,
    }
}

impl Message<'_> {
    /// The message in the words that all types share. `joined` is the room that was joined to hear it.
    pub fn summary(&self, joined: RoomId) -> Summary<'_> {
        let mut summary = match self {
            Self::Chat(chat) => of_chat(chat),
            Self::WrappedChat(wrapped) => {
                let chat = wrapped.chat();
                Summary {
                    sent_ms: wrapped.sent_ms,
                    user: chat.user.or(wrapped.user),
                    name: filled_owned(chat.name),
                    text: Some(chat.text),
                    level: chat.level,
                    role: Role::of(chat.room_role, chat.platform_role),
                    noble: chat.noble.filter(|&rank| rank > 0),
                    medal: medal_owned(chat.medal, chat.medal_level, chat.medal_room),
                    price_fen: wrapped.price_fen.filter(|&price| price > 0),
                    duration_s: wrapped.seconds.filter(|&seconds| seconds > 0).map(u64::from),
                    ..Summary::default()
                }
            }
            Self::Gift(gift) => of_gift(gift),
            _ => Summary::default(),
        };
        let fields = self.fields();
        summary.kind = fields.kind();
        summary.flags =
            summary.flags.with(Flags::FOREIGN, is_foreign(fields, joined)).with(Flags::LOSSY, fields.is_lossy());
        summary
    }
}

fn of_chat<'m>(chat: &'m Chat<'_>) -> Summary<'m> {
    Summary {
        sent_ms: chat.sent_ms(),
        id: filled(&chat.id),
        user: chat.user,
        name: filled(&chat.name),
        text: Some(Cow::Borrowed(&chat.text)),
        level: chat.level,
        role: Role::of(chat.room_role, chat.platform_role),
        noble: chat.noble.filter(|&rank| rank > 0),
        medal: medal(&chat.medal, chat.medal_level, chat.medal_room),
        colour: chat.colour.filter(|&code| code > 0),
        client: Some(Client(chat.client.unwrap_or(0))),
        flags: Flags::default().with(Flags::SUSPECT, chat.is_suspect()),
        ..Summary::default()
    }
}

fn of_gift<'m>(gift: &'m gift::Gift<'_>) -> Summary<'m> {
    // Props have gift number 0, and bought gifts may have a prop number beside their own.
    let (kind, id) = match (gift.gift, gift.prop) {
        (Some(id), _) if id > 0 => (GiftKind::Gift, id),
        (_, prop) => (GiftKind::Prop, prop.unwrap_or(0)),
    };
    Summary {
        user: gift.user,
        name: filled(&gift.name),
        level: gift.level,
        role: Role::of(gift.room_role, gift.platform_role),
        noble: gift.noble.filter(|&rank| rank > 0),
        medal: medal(&gift.medal, gift.medal_level, gift.medal_room),
        client: gift.client.map(Client),
        gift: Some(Gift { kind, id, name: filled(&gift.gift_name), count: gift.count(), hits: gift.hits }),
        receiver: filled(&gift.receiver_name),
        ..Summary::default()
    }
}

/// The first positive `rid` is not the room that was joined. 0 and negative numbers mean the whole site.
fn is_foreign(fields: Fields<'_>, joined: RoomId) -> bool {
    let first = fields.all("rid").find_map(|rid| rid.number::<i64>().filter(|&rid| rid > 0));
    first.is_some_and(|rid| rid != joined.as_i64())
}

fn filled(text: &str) -> Option<Cow<'_, str>> {
    (!text.is_empty()).then_some(Cow::Borrowed(text))
}

fn filled_owned(text: Cow<'_, str>) -> Option<Cow<'_, str>> {
    (!text.is_empty()).then_some(text)
}

fn medal(name: &str, level: Option<u32>, room: Option<u64>) -> Option<Medal<'_>> {
    medal_owned(Cow::Borrowed(name), level, room)
}

fn medal_owned(name: Cow<'_, str>, level: Option<u32>, room: Option<u64>) -> Option<Medal<'_>> {
    filled_owned(name).map(|name| Medal { name, level, room: room.filter(|&room| room > 0) })
}
