//! What the server says to the session and not to the room.

use std::borrow::Cow;

use crate::summary::Summarize;

view! {
    /// `loginres`: the login was accepted. Guests get most numbers as 0.
    Login {
        /// Account number; 0 for a guest.
        user: Option<u64> = "userid",
        /// Account name; empty for a guest.
        username: Cow<'a, str> = "username",
        /// Nickname; empty for a guest.
        name: Cow<'a, str> = "nickname",
        /// Number of the session.
        session: Option<u64> = "sessionid",
        /// Number of the server.
        server: Option<u64> = "sid",
        /// The client's public address as the server sees it.
        address: Cow<'a, str> = "ip",
        /// The server's time, in seconds since the Unix epoch; 0 for a guest.
        now_s: Option<u64> = "now",
        /// Level of the account.
        level: Option<u32> = "cur_lev",
        /// Role in the room: 4 is admin, 5 the streamer.
        room_role: Option<u32> = "roomgroup",
        /// Role on the platform: 5 is super admin.
        platform_role: Option<u32> = "pg",
        /// Whether the room is live, for accounts; 0 for a guest whatever the room does.
        live: bool = "live_stat",
        /// Whether the account is banned.
        banned: bool = "is_illegal",
        /// Why it is banned.
        ban_text: Cow<'a, str> = "ill_ct",
        /// Until when it is banned.
        ban_until: Cow<'a, str> = "ill_ts",
        /// Whether a telephone is bound to the account.
        has_phone: bool = "ps",
        /// Whether a mail address is bound to the account.
        has_mail: bool = "es",
        /// Whether the account has to prove its telephone.
        must_prove_phone: bool = "npv",
        /// Whether the account enters unseen.
        hidden: bool = "ih",
    }
}

impl<'a> Summarize<'a> for Login<'a> {}

view! {
    /// `pingreq`: comes once, right after the login. Nobody answers it.
    Ping {
        /// The server's time, in milliseconds since the Unix epoch.
        now_ms: Option<i64> = "tick",
    }
}

impl<'a> Summarize<'a> for Ping<'a> {}

view! {
    /// `keeplive`: the answer to a heartbeat of the old kind.
    KeepAlive {
        /// The time that the heartbeat carried, in seconds since the Unix epoch.
        sent_s: Option<i64> = "tick",
        /// How many watch, where the server still says so.
        audience: Option<u64> = "uc",
        /// The room's heat.
        heat: Option<u64> = "hot",
    }
}

impl<'a> Summarize<'a> for KeepAlive<'a> {}

view! {
    /// `subres`: the answer to a subscription.
    Subscribed {
        /// 0 means success.
        result: Option<u32> = "res",
    }
}

impl<'a> Summarize<'a> for Subscribed<'a> {}

view! {
    /// `error`: sent before the server closes; see [`ServerError`](crate::session::ServerError) for what the codes mean.
    Error {
        /// The code; 0 means success.
        code: Option<u32> = "code",
    }
}

impl<'a> Summarize<'a> for Error<'a> {}
