//! Messages: a payload with a type, seen as a struct.
//!
//! Each type that means something to a user has a line in the table below and a struct in the file of its subject.
//! All others are [`Message::Other`], with all their fields: event types change every year, and an unknown one is
//! normal. To add a type, add a line here, and in `message/` a `view!` and what its summary says.

use std::borrow::Cow;
use std::sync::LazyLock;

use memchr::memchr;
use memchr::memmem::Finder;

use crate::fields::Fields;
use crate::keys::{self, Keys, Kinds};
use crate::stt::{self, Value};
use crate::summary::{Summarize, Summary};

#[macro_use]
mod view;

pub mod chat;
pub mod control;
pub mod gift;
pub mod noble;
pub mod notice;
pub mod rank;
pub mod room;
pub mod treasure;
pub mod viewer;

use view::{Entry, entries};

/// Gives the enum, how a payload becomes one, and the list of the types.
macro_rules! messages {
    ($($(#[$doc:meta])* $wire:literal $(| $also:literal)* => $variant:ident($view:path),)*) => {
        /// A message, or control of the session, as what it is.
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum Message<'a> {
            $($(#[$doc])* $variant($view),)*
            /// A type without a view of its own, or a payload without a type.
            Other(Fields<'a>),
        }

        impl<'a> Message<'a> {
            /// The wire names of all types that have a view.
            pub const TYPES: &'static [&'static str] = &[$($wire, $($also,)*)*];

            /// Reads a payload.
            pub fn read(payload: &'a [u8]) -> Self {
                Self::of(Fields::new(payload))
            }

            /// Reads fields.
            pub fn of(fields: Fields<'a>) -> Self {
                match Kind::of(fields) {
                    $(Some(Kind::$variant) => {
                        // The view becomes part of this function, so that its fields are written where they stay.
                        #[inline(never)]
                        fn read<'a>(fields: Fields<'a>) -> Message<'a> {
                            Message::$variant(<$view>::read(fields))
                        }
                        read(fields)
                    })*
                    None => Self::Other(fields),
                }
            }

            /// What the view of the fields says, without making a message of it.
            pub(crate) fn summarize(fields: Fields<'a>) -> Summary<'a> {
                match Kind::of(fields) {
                    $(Some(Kind::$variant) => {
                        #[inline(never)]
                        fn read<'a>(fields: Fields<'a>) -> Summary<'a> {
                            <$view>::read(fields).summarize()
                        }
                        read(fields)
                    })*
                    None => Summary::default(),
                }
            }

            /// All fields of the message.
            pub const fn fields(&self) -> Fields<'a> {
                match self {
                    $(Self::$variant(view) => view.fields,)*
                    Self::Other(fields) => *fields,
                }
            }
        }

        /// The types that have a view.
        #[derive(Clone, Copy)]
        enum Kind { $($variant,)* }

        impl Kind {
            const ALL: &'static [Self] = &[$(Self::$variant,)*];
            const KEYS: &'static Kinds =
                &Keys::new(&[$(($wire, Self::$variant as u8), $(($also, Self::$variant as u8),)*)*]);
        }
    };
}

messages! {
    /// A line of chat.
    "chatmsg" => Chat(chat::Chat<'a>),
    /// Chat with something around it: the paid, timed super chat above all.
    "comm_chatmsg" => WrappedChat(chat::WrappedChat<'a>),
    /// Super chats once more, with what was really paid for them.
    "voice_trlt" => VoiceChats(chat::VoiceChats<'a>),

    /// A line of chat that flies over the whole site.
    "cthn" => FlyingChat(notice::FlyingChat<'a>),
    /// An advertisement that looks like chat.
    "ssd" => SiteChat(notice::SiteChat<'a>),
    /// A notice by Douyu.
    "rsm" => SystemNotice(notice::SystemNotice<'a>),
    /// A notice over the screen of a room.
    "configscreen" => ScreenNotice(notice::ScreenNotice<'a>),
    /// News for the whole site, as JSON.
    "gbroadcast" => SiteNews(notice::SiteNews<'a>),

    /// A gift, or one step of a run of them.
    "dgb" => Gift(gift::Gift<'a>),
    /// A notice about a run of gifts that `dgb` has told of already.
    "hit" => Combo(gift::Gift<'a>),
    /// A large gift, told to the whole site: an echo of a `dgb` somewhere.
    "spbc" => GiftBroadcast(gift::GiftBroadcast<'a>),
    /// A "deserve" title was bought.
    "bc_buy_deserve" => Deserve(gift::Deserve<'a>),
    /// A title was won by gifts.
    "gift_title" => GiftTitle(gift::GiftTitle<'a>),

    /// Fish balls for being there.
    "onlinegift" => OnlineReward(treasure::OnlineReward<'a>),
    /// A treasure box appeared.
    "tsboxb" => BoxAppeared(treasure::BoxAppeared<'a>),
    /// A treasure box was opened.
    "tsgs" => BoxOpened(treasure::BoxOpened<'a>),
    /// Fish balls were taken from a box.
    "ggbb" => BoxCoins(treasure::BoxCoins<'a>),
    /// A prop was taken from a box.
    "gpbc" => BoxProp(treasure::BoxProp<'a>),

    /// A viewer came in.
    "uenter" => Enter(viewer::Enter<'a>),
    /// A viewer rose a level.
    "upgrade" => LevelUp(viewer::LevelUp<'a>),
    /// A fan medal rose a level.
    "blab" => MedalUp(viewer::MedalUp<'a>),
    /// A viewer shared the room.
    "srres" => Share(viewer::Share<'a>),
    /// Viewers liked the room.
    "ruclp" => Likes(viewer::Likes<'a>),
    /// A viewer was muted.
    "newblackres" | "blackres" => Mute(viewer::Mute<'a>),
    /// A viewer became admin of the room, or is none any more.
    "setadminres" => AdminChange(viewer::AdminChange<'a>),

    /// Someone became a noble.
    "anbc" => NobleOpened(noble::NobleBroadcast<'a>),
    /// Someone stays a noble.
    "rnewbc" => NobleRenewed(noble::NobleBroadcast<'a>),
    /// The nobles who are in the room.
    "online_noble_list" => NobleList(noble::NobleList<'a>),
    /// How many nobles of which rank are in the room.
    "noble_num_info" => NobleCounts(noble::NobleCounts<'a>),
    /// How many guests of honour are in the room.
    "oni" => GuestCount(noble::GuestCount<'a>),
    /// Someone became a diamond fan.
    "dfobc" | "odfbc" => DiamondFanOpened(noble::DiamondFan<'a>),
    /// Someone stays a diamond fan.
    "dfrbc" | "rndfbc" => DiamondFanRenewed(noble::DiamondFan<'a>),

    /// The broadcast began or ended.
    "rss" => LiveStatus(room::LiveStatus<'a>),
    /// The streamer is away.
    "al" => StreamerAway(room::StreamerPresence<'a>),
    /// The streamer is back.
    "ab" => StreamerBack(room::StreamerPresence<'a>),
    /// The streamer rose a level.
    "upbc" => StreamerLevelUp(room::StreamerLevelUp<'a>),
    /// The streamer's experience.
    "synexp" => StreamerExperience(room::StreamerExperience<'a>),
    /// The room's heat.
    "qausrespond" => Heat(room::Heat<'a>),
    /// A lottery began.
    "lds" => LotteryStart(room::LotteryStart<'a>),
    /// A lottery ended.
    "lde" => LotteryEnd(room::LotteryEnd<'a>),

    /// Who gave most: this week, ever, today.
    "ranklist" => GiverRanking(rank::GiverRanking<'a>),
    /// Viewers by level.
    "ul_ranklist" => LevelRanking(rank::LevelRanking<'a>),
    /// Fans by closeness.
    "frank" => FanRanking(rank::FanRanking<'a>),
    /// Fans by closeness, this week.
    "fswrank" => WeeklyFanRanking(rank::FanRanking<'a>),
    /// Diamond fans.
    "dfrank" => DiamondFanRanking(rank::FanRanking<'a>),
    /// Someone rose among the ten who gave most.
    "rankup" => RankUp(rank::RankUp<'a>),
    /// The room's place in its category.
    "rri" => CategoryPlace(rank::CategoryPlace<'a>),
    /// The rooms that lead a category.
    "rlcn" => CategoryRanking(rank::CategoryRanking<'a>),
    /// The room's, or someone's, place in a weekly ranking.
    "wirt" | "wiru" => WeeklyPlace(rank::WeeklyPlace<'a>),

    /// Answer to the login.
    "loginres" => Login(control::Login<'a>),
    /// Follows the login; wants no answer.
    "pingreq" => Ping(control::Ping<'a>),
    /// Answer to a heartbeat of the old kind.
    "keeplive" => KeepAlive(control::KeepAlive<'a>),
    /// Answer to a subscription.
    "subres" => Subscribed(control::Subscribed<'a>),
    /// The server's last word before it closes.
    "error" => Error(control::Error<'a>),
}

impl Kind {
    /// The type of fields; quick if it stands first, as nearly all do. `None` if it has no view.
    #[inline]
    fn of(fields: Fields<'_>) -> Option<Self> {
        let head = fields.payload().strip_prefix(b"type@=").and_then(<[u8]>::first_chunk);
        let place = match head.map(|head| Self::KEYS.find(u64::from_le_bytes(*head))) {
            Some(None) => return None,
            Some(Some((place, _))) if place != keys::ASK => place,
            _ => Self::KEYS.place(stt::first(fields.whole(), "type").raw()),
        };
        Self::ALL.get(place as usize).copied()
    }
}

/// The type of a payload, without looking at the rest of it. Empty if it has none.
pub fn kind(payload: &[u8]) -> Cow<'_, str> {
    stt::first(Value::unchecked(payload), "type").text()
}

/// The type of a payload as it stands there, if it is UTF-8: with escapes, if it has any, which no type that is known has.
pub(crate) fn plain_kind(payload: &[u8]) -> &str {
    std::str::from_utf8(stt::first(Value::unchecked(payload), "type").raw()).unwrap_or_default()
}

/// What tells a message from all others of its room: the `cid` of chat. `None` if it has none, as no other type does.
///
/// Quick for what has its type in front, as nearly everything has: links ask it of each message.
pub fn id(payload: &[u8]) -> Option<Cow<'_, str>> {
    const TYPE: &[u8] = b"type@=";
    const CHAT: &[u8] = b"type@=chatmsg/";
    static CID: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("/cid@="));

    let id = if payload.starts_with(CHAT) {
        // Every `/` is the end of a pair, since in text it is escaped: what is found is a key.
        let pairs = &payload[CHAT.len() - 1..];
        let value = &pairs[CID.find(pairs)? + CID.needle().len()..];
        Value::new(&value[..memchr(b'/', value).unwrap_or(value.len())])
    } else if !payload.starts_with(TYPE) && kind(payload) == "chatmsg" {
        stt::first(Value::unchecked(payload), "cid")
    } else {
        return None;
    };
    Some(id.text()).filter(|id| !id.is_empty())
}

/// Whether `kind` is control: the session's business, counted on its link, and no message.
pub fn is_control(kind: &str) -> bool {
    matches!(kind, "loginres" | "pingreq" | "mrkl" | "keeplive" | "subres" | "error")
}
