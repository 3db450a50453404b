//! What becomes of the room and its streamer.

use std::borrow::Cow;

use crate::summary::{Summarize, Summary, positive};

view! {
    /// `rss`: the broadcast began or ended. Sent on a change only.
    LiveStatus {
        /// Room.
        room: Option<i64> = "rid",
        /// Whether the room is live from now on.
        live: bool = "ss",
        /// Who changed it: 0 the streamer, others not.
        code: Option<u32> = "code",
        /// When the broadcast ended, in seconds since the Unix epoch.
        ended_s: Option<i64> = "endtime",
        /// Whether an old broadcast is shown again.
        replay: bool = "ivl",
        /// When it changed, in milliseconds since the Unix epoch.
        changed_ms: Option<i64> = "cts",
    }
}

impl<'a> Summarize<'a> for LiveStatus<'a> {
    #[inline]
    fn summarize(self) -> Summary<'a> {
        Summary { sent_ms: positive(self.changed_ms), ..Summary::default() }
    }
}

view! {
    /// `al` (away) and `ab` (back): the streamer takes a break.
    StreamerPresence {
        /// Room.
        room: Option<i64> = "rid",
        /// Account number of the streamer.
        user: Option<u64> = "aid",
    }
}

impl<'a> Summarize<'a> for StreamerPresence<'a> {
    #[inline]
    fn summarize(self) -> Summary<'a> {
        Summary { user: self.user, ..Summary::default() }
    }
}

view! {
    /// `upbc`: the streamer rose a level.
    StreamerLevelUp {
        /// Room.
        room: Option<i64> = "rid",
        /// The new level: a streamer's, which is another scale than a viewer's.
        level: Option<u32> = "lev",
    }
}

impl<'a> Summarize<'a> for StreamerLevelUp<'a> {}

view! {
    /// `synexp`: the streamer's experience.
    StreamerExperience {
        /// Room.
        room: Option<i64> = "rid",
        /// Experience in all.
        experience: Option<u64> = "o_exp",
        /// The level that it makes.
        level: Option<u32> = "o_lev",
        /// Where this level began.
        level_from: Option<u64> = "o_minexp",
        /// What is missing to the next.
        missing: Option<u64> = "o_upexp",
    }
}

impl<'a> Summarize<'a> for StreamerExperience<'a> {}

view! {
    /// `qausrespond`: the room's heat, about once an hour. Its `rid` comes twice; the first is the room.
    Heat {
        /// Room.
        room: Option<i64> = "rid",
        /// The heat.
        heat: Option<u64> = "sc",
    }
}

impl<'a> Summarize<'a> for Heat<'a> {}

view! {
    /// `lds`: a lottery began.
    LotteryStart {
        /// Room.
        room: Option<i64> = "rid",
        /// What can be won.
        prize: Cow<'a, str> = "prize_name",
        /// How many of it.
        prizes: Option<u32> = "prize_num",
        /// What to do for it, as JSON.
        condition_json: Cow<'a, str> = "join_condition",
        /// When it began, in seconds since the Unix epoch.
        began_s: Option<i64> = "now_time",
        /// When it ends, in seconds since the Unix epoch.
        ends_s: Option<i64> = "expire_time",
    }
}

impl<'a> Summarize<'a> for LotteryStart<'a> {}

view! {
    /// `lde`: a lottery ended.
    LotteryEnd {
        /// Room.
        room: Option<i64> = "rid",
        /// Number of the lottery.
        number: Option<u64> = "activity_id",
        /// What was won.
        prize: Cow<'a, str> = "prize_name",
        /// How many took part.
        joined: Option<u64> = "join_count",
        /// Who won, as JSON.
        winners_json: Cow<'a, str> = "win_list",
    }
}

impl<'a> Summarize<'a> for LotteryEnd<'a> {}
