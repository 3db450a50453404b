//! What every sink asks of a message, whatever its type: who, what, when, and what it cost.
//!
//! A summary is what a terminal shows, what a recording keeps in columns, and what JSON says. The words are here; how each
//! type is put into them stands beside its view, in [`message`](crate::message).
//!
//! What happened once may be told of more than once. Whoever sums gifts counts type `dgb` alone: `hit` and `spbc` tell of
//! the same gifts again, `gpbc` of props that were taken and not given. Whoever sums super chats counts those that
//! [are one](Summary::is_superchat): `voice_trlt` tells of the same again.

use std::borrow::Cow;
use std::fmt;

use crate::fields::Fields;
use crate::message::Message;
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
    /// What was given. To sum gifts, count type `dgb` alone: see [the module](self).
    pub gift: Option<Gift<'a>>,
    /// What was paid, in fen (1/100 yuan), where the message says so: super chats and diamond fans.
    pub price_fen: Option<u64>,
    /// How long it lasts, in seconds: a super chat on the screen, a muting.
    pub duration_s: Option<u64>,
    /// Name of who receives it: a gift, a broadcast noble, what was in a box, a muting.
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
    /// Its number; 0 if the message does not say.
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

    pub(crate) fn of(room: Option<u32>, platform: Option<u32>) -> Option<Self> {
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
    /// Chat that may be automated: see [`Chat::is_suspect`](crate::message::chat::Chat::is_suspect).
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

/// The name of a noble rank, where it is known: of the ranks above emperor it is not.
pub const fn noble_name(rank: u32) -> Option<&'static str> {
    Some(match rank {
        1 => "骑士",
        2 => "子爵",
        3 => "伯爵",
        4 => "公爵",
        5 => "国王",
        6 => "皇帝",
        7 => "游侠",
        _ => return None,
    })
}

impl<'a> Summary<'a> {
    /// The summary of a payload. `joined` is the room that was joined to hear it; with `None`, nothing is foreign.
    ///
    /// The same as that of the [`Message`], and quicker: of its fields, only those are read that count here.
    pub fn read(payload: &'a [u8], joined: impl Into<Option<RoomId>>) -> Self {
        Self::of(Fields::new(payload), joined)
    }

    /// The summary of fields.
    pub fn of(fields: Fields<'a>, joined: impl Into<Option<RoomId>>) -> Self {
        let mut summary = Message::summarize(fields);
        summary.kind = fields.kind();
        summary.flags = summary
            .flags
            .with(Flags::FOREIGN, joined.into().is_some_and(|joined| is_foreign(fields, joined)))
            .with(Flags::LOSSY, fields.is_lossy());
        summary
    }
}

impl<'a> Message<'a> {
    /// The message in the words that all types share: see [`Summary::read`].
    pub fn summary(&self, joined: impl Into<Option<RoomId>>) -> Summary<'a> {
        Summary::of(self.fields(), joined)
    }
}

/// What a view says in the words that all types share; by default nothing. The rest is the same for all types and added
/// by [`Summary::of`].
pub(crate) trait Summarize<'a>: Sized {
    #[inline]
    fn summarize(self) -> Summary<'a> {
        Summary::default()
    }
}

/// The room that a message itself names: the first positive `rid`. 0 and negative numbers mean the whole site.
pub fn own_room(fields: Fields<'_>) -> Option<RoomId> {
    let rids = fields.pairs().filter(|(key, _)| key.raw() == b"rid");
    rids.map(|(_, rid)| rid).find_map(|rid| rid.number().and_then(RoomId::new))
}

fn is_foreign(fields: Fields<'_>, joined: RoomId) -> bool {
    own_room(fields).is_some_and(|room| room != joined)
}

/// Text that says something.
pub(crate) fn filled<'a>(text: impl Into<Cow<'a, str>>) -> Option<Cow<'a, str>> {
    Some(text.into()).filter(|text| !text.is_empty())
}

/// A number that says something: guests, no rank and no price are 0 on the wire.
pub(crate) fn positive<T: Default + PartialOrd>(number: Option<T>) -> Option<T> {
    number.filter(|number| *number > T::default())
}

/// Whole seconds as milliseconds.
pub(crate) fn seconds_to_ms(seconds: Option<i64>) -> Option<i64> {
    positive(seconds)?.checked_mul(1000)
}

/// A medal, if there is one.
pub(crate) fn medal<'a>(name: impl Into<Cow<'a, str>>, level: Option<u32>, room: Option<u64>) -> Option<Medal<'a>> {
    filled(name).map(|name| Medal { name, level, room: positive(room) })
}
