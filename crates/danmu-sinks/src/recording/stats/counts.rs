//! Counts: what is summed over a room, an hour, a type, and over everything.

use std::ops::AddAssign;

/// What a set of messages comes to. Money is in fen (1/100 yuan).
///
/// Nothing is counted twice: gifts are those of type `dgb`, and super chats those that [are one]. Types that tell of
/// them again add to `messages` alone.
///
/// [are one]: danmu_proto::Summary::is_superchat
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Messages of all types.
    pub messages: u64,
    /// Lines of chat.
    pub chats: u64,
    /// Different people who said or did something here.
    pub people: u64,
    /// Of them, those who are new. In an hour: first heard of in it. Elsewhere: here once, and not before.
    pub new: u64,
    /// The other people: heard of before, or back after [an absence](super::people::ABSENCE_US).
    pub returning: u64,
    /// Gifts that were given.
    pub gifts: u64,
    /// What those gifts cost whose price is known.
    pub gift_fen: u64,
    /// Gifts whose price is not known.
    pub unpriced: u64,
    /// Super chats.
    pub superchats: u64,
    /// What was paid for super chats.
    pub superchat_fen: u64,
    /// What was paid to become, or stay, a diamond fan.
    pub fan_fen: u64,
    /// Lines of chat that may be automated. They are in `chats` too.
    pub suspect: u64,
    /// Messages that name another room than the one that was joined. They are in the other sums too.
    pub foreign: u64,
}

impl Counts {
    /// All money, as far as prices are known.
    pub const fn fen(&self) -> u64 {
        self.gift_fen.saturating_add(self.superchat_fen).saturating_add(self.fan_fen)
    }
}

impl AddAssign<&Self> for Counts {
    fn add_assign(&mut self, other: &Self) {
        self.messages += other.messages;
        self.chats += other.chats;
        self.people += other.people;
        self.new += other.new;
        self.returning += other.returning;
        self.superchats += other.superchats;
        self.suspect += other.suspect;
        self.foreign += other.foreign;
        // What strangers wrote adds up to anything.
        self.gifts = self.gifts.saturating_add(other.gifts);
        self.gift_fen = self.gift_fen.saturating_add(other.gift_fen);
        self.unpriced = self.unpriced.saturating_add(other.unpriced);
        self.superchat_fen = self.superchat_fen.saturating_add(other.superchat_fen);
        self.fan_fen = self.fan_fen.saturating_add(other.fan_fen);
    }
}
