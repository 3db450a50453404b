//! The requests that this module knows: where each goes and how much of its answer is read.

use super::name::RoomName;

/// One of Douyu's services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Api {
    /// The room's page for phones: the real number of a vanity number.
    MobilePage,
    /// The room's page: redirects from words to numbers, and tells the real number.
    WebPage,
    /// The data of the room's page: its state. Knows real numbers only.
    Betard,
    /// The open API: a room's state, but cannot tell a replay from a live room.
    RoomApi,
    /// The gifts of a room.
    GiftList,
    /// Gifts that come from backpacks and activities, for all rooms.
    PropConfig,
}

impl Api {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::MobilePage, Self::WebPage, Self::Betard, Self::RoomApi, Self::GiftList, Self::PropConfig];

    /// A short name that does not change: for metrics and programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::MobilePage => "mobile_page",
            Self::WebPage => "web_page",
            Self::Betard => "betard",
            Self::RoomApi => "room_api",
            Self::GiftList => "gift_list",
            Self::PropConfig => "prop_config",
        }
    }

    /// The host that it is at.
    pub const fn host(self) -> &'static str {
        match self {
            Self::MobilePage => "m.douyu.com",
            Self::WebPage | Self::Betard => "www.douyu.com",
            Self::RoomApi => "open.douyucdn.cn",
            Self::GiftList => "gift.douyucdn.cn",
            Self::PropConfig => "webconf.douyucdn.cn",
        }
    }

    /// Path and query to ask for.
    pub(super) fn target(self, room: &RoomName) -> String {
        let room = room.path();
        match self {
            Self::MobilePage | Self::WebPage => format!("/{room}"),
            Self::Betard => format!("/betard/{room}"),
            Self::RoomApi => format!("/api/RoomApi/room/{room}"),
            Self::GiftList => format!("/api/gift/v5/web/list?rid={room}"),
            Self::PropConfig => "/resource/common/prop_gift_list/prop_gift_config.json".to_owned(),
        }
    }

    /// How much of an answer is read. The prop config had 1.5 MB in 2026.
    pub(super) const fn limit_bytes(self) -> u64 {
        match self {
            Self::PropConfig => 8 << 20,
            _ => 2 << 20,
        }
    }
}
