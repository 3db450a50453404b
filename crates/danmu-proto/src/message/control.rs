//! What the server says to the session and not to the room.

use std::borrow::Cow;

view! {
    /// `loginres`: the login was accepted. Guests get all numbers as 0.
    Login {
        /// Account number; 0 for a guest.
        user: Option<u64> = "userid",
        /// Number of the session.
        session: Option<u64> = "sessionid",
        /// Account name; empty for a guest.
        username: Cow<'a, str> = "username",
        /// Nickname; empty for a guest.
        name: Cow<'a, str> = "nickname",
        /// Whether the account is banned.
        banned: bool = "is_illegal",
        /// The client's public address as the server sees it.
        address: Cow<'a, str> = "ip",
        /// Number of the server.
        server: Option<u64> = "sid",
    }
}

view! {
    /// `error`: sent before the server closes; see [`ServerError`](crate::session::ServerError) for what the codes mean.
    Error {
        /// The code; 0 means success.
        code: Option<u32> = "code",
    }
}
