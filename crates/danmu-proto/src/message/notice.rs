//! What the site, and not someone in the room, puts on the screen.

use std::borrow::Cow;

use crate::stt::Value;
use crate::summary::{Summarize, Summary, filled, positive, seconds_to_ms};

view! {
    /// `cthn`: a line of chat that flies over every room of the site.
    FlyingChat {
        /// 0, or the room that it was heard in; where it was said is `target_room`.
        room: Option<i64> = "rid",
        /// Account number of the sender.
        user: Option<u64> = "uid",
        /// Nickname of the sender.
        name: Cow<'a, str> = "unk",
        /// The text: plain, although `chatmsg` is a structure elsewhere.
        text: Cow<'a, str> = "chatmsg",
        /// Noble rank, as in chat.
        noble: Option<u32> = "nl",
        /// The room that it was said in.
        target_room: Option<u64> = "drid",
        /// Name of that room's streamer.
        target_name: Cow<'a, str> = "onk",
        /// When, in seconds since the Unix epoch.
        sent_s: Option<i64> = "ts",
        /// Number of this line: no unique id.
        number: Option<u64> = "cid",
        /// Path of the sender's picture.
        avatar: Value<'a> = "icon",
    }
}

impl<'a> Summarize<'a> for FlyingChat<'a> {
    #[inline]
    fn summarize(self) -> Summary<'a> {
        Summary {
            sent_ms: seconds_to_ms(self.sent_s),
            user: self.user,
            name: filled(self.name),
            text: Some(self.text),
            noble: positive(self.noble),
            receiver: filled(self.target_name),
            ..Summary::default()
        }
    }
}

view! {
    /// `ssd`: an advertisement that looks like chat, in all rooms.
    SiteChat {
        /// Room.
        room: Option<i64> = "rid",
        /// Number of the advertisement.
        number: Option<u64> = "sdid",
        /// The text.
        text: Cow<'a, str> = "content",
        /// Where a click leads; empty if to `target_room`.
        url: Cow<'a, str> = "url",
        /// The room that it is about.
        target_room: Option<u64> = "trid",
    }
}

impl<'a> Summarize<'a> for SiteChat<'a> {
    #[inline]
    fn summarize(self) -> Summary<'a> {
        Summary { text: Some(self.text), ..Summary::default() }
    }
}

view! {
    /// `rsm`: a notice by Douyu.
    SystemNotice {
        /// Room, 0 for all.
        room: Option<i64> = "rid",
        /// Number of the notice.
        number: Option<u64> = "id",
        /// The text.
        text: Cow<'a, str> = "c",
        /// Where a click leads.
        url: Cow<'a, str> = "url",
        /// Since when it is valid, in seconds since the Unix epoch.
        begins_s: Option<i64> = "bt",
        /// How long it is valid, in seconds.
        valid_s: Option<u64> = "vt",
    }
}

impl<'a> Summarize<'a> for SystemNotice<'a> {
    #[inline]
    fn summarize(self) -> Summary<'a> {
        Summary { text: Some(self.text), ..Summary::default() }
    }
}

view! {
    /// `configscreen`: a notice over the screen of a room. `kind` tells of what; what stands in which text depends on it.
    ScreenNotice {
        /// Room.
        room: Option<i64> = "rid",
        /// What it is about: the name of an activity.
        kind: Cow<'a, str> = "btype",
        /// Name of the viewer.
        name: Cow<'a, str> = "userName",
        /// Name of the streamer.
        streamer: Cow<'a, str> = "anchorName",
        /// The text.
        text: Cow<'a, str> = "otherContent",
        /// More text.
        text1: Cow<'a, str> = "txt1",
        /// More text.
        text2: Cow<'a, str> = "txt2",
        /// More text.
        text3: Cow<'a, str> = "txt3",
        /// When, in milliseconds since the Unix epoch.
        sent_ms: Option<i64> = "now",
    }
}

impl<'a> Summarize<'a> for ScreenNotice<'a> {
    #[inline]
    fn summarize(self) -> Summary<'a> {
        Summary {
            sent_ms: positive(self.sent_ms),
            name: filled(self.name),
            text: filled(self.text),
            receiver: filled(self.streamer),
            ..Summary::default()
        }
    }
}

view! {
    /// `gbroadcast`: news for the whole site, such as a streamer's place in a ranking.
    SiteNews {
        /// 0: all rooms.
        room: Option<i64> = "rid",
        /// The news, as JSON.
        json: Cow<'a, str> = "gbcc",
    }
}

impl<'a> Summarize<'a> for SiteNews<'a> {}
