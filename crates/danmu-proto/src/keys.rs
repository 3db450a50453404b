//! Names that are known when the program is built, and the number of each: wire name → place in a view, type → message.
//!
//! A look-up is one multiplication and one comparison. The first three bytes of a name and its end, `@=` or `/`, times a
//! number that keeps all names of a table apart, give a slot; that number is sought when the program is built. The slot
//! holds the first eight bytes of the one name that belongs there, to be compared with those of what is looked up. Where
//! these do not tell, for long names and such that begin alike, names are compared one by one; they are few.

/// The place of what is no name of the table.
pub(crate) const NONE: u8 = u8::MAX;
/// The place of what may be one of several names.
pub(crate) const ASK: u8 = NONE - 1;

/// A table of names. `SLOTS` is a power of two, far more than there are names; `END` is the length of what ends a name,
/// one of [`ENDS`].
pub(crate) struct Keys<const SLOTS: usize, const END: usize> {
    multiplier: u32,
    /// By slot: the first eight bytes of a name and its end.
    words: [u64; SLOTS],
    /// By slot: which of the eight bytes these are.
    masks: [u64; SLOTS],
    /// By slot: the length of the name and its end.
    lengths: [u8; SLOTS],
    /// By slot.
    places: [u8; SLOTS],
    names: &'static [(&'static str, u8)],
}

/// What ends a name: one byte behind a type, two behind a key.
const ENDS: [&[u8]; 3] = [b"", b"/", b"@="];
/// The length of the shortest name and its end: the bytes that make the slot.
const SHORTEST: usize = 3;

/// Of the keys of a view.
pub(crate) type ViewKeys = Keys<128, 2>;
/// Of types.
pub(crate) type Kinds = Keys<1024, 1>;

impl<const SLOTS: usize, const END: usize> Keys<SLOTS, END> {
    /// How much of the product is dropped: the slot is in its upper bits.
    const SHIFT: u32 = u32::BITS - SLOTS.trailing_zeros();

    /// A table of `names` and their places.
    pub(crate) const fn new(names: &'static [(&'static str, u8)]) -> Self {
        assert!(SLOTS.is_power_of_two() && names.len() < SLOTS);
        let mut keys = Self::empty(names, 0x9E37_79B9);
        while !keys.fill() {
            // The next of a long row of numbers.
            keys = Self::empty(names, keys.multiplier.wrapping_mul(0x0019_660D).wrapping_add(0x3C6E_F35F));
        }
        keys
    }

    const fn empty(names: &'static [(&'static str, u8)], multiplier: u32) -> Self {
        // A word that no text begins with: UTF-8 has no byte 0xff.
        Self {
            multiplier,
            words: [u64::MAX; SLOTS],
            masks: [u64::MAX; SLOTS],
            lengths: [0; SLOTS],
            places: [NONE; SLOTS],
            names,
        }
    }

    /// Puts all names into their slots; false if two that begin differently want the same.
    const fn fill(&mut self) -> bool {
        let mut at = 0;
        while at < self.names.len() {
            let (name, place) = self.names[at];
            let length = name.len() + END;
            assert!(length >= SHORTEST && length <= u8::MAX as usize && place < ASK);
            let (word, mask) = (word::<END>(name), low(length));
            let slot = self.slot(word);
            if self.places[slot] == NONE {
                self.words[slot] = word;
                self.masks[slot] = mask;
                self.lengths[slot] = length as u8;
                self.places[slot] = if length > 8 { ASK } else { place };
            } else if (self.words[slot] ^ word) & low(SHORTEST) == 0 {
                // Nothing but what both begin with is compared here, and then the names.
                self.words[slot] &= low(SHORTEST);
                self.masks[slot] = low(SHORTEST);
                self.places[slot] = ASK;
            } else {
                return false;
            }
            at += 1;
        }
        true
    }

    #[expect(clippy::inline_always, reason = "a part of the scan's innermost loop")]
    #[inline(always)]
    const fn slot(&self, word: u64) -> usize {
        // The shift drops all but the first three bytes from the product.
        ((word as u32).wrapping_mul(self.multiplier << (32 - 8 * SHORTEST)) >> Self::SHIFT) as usize
    }

    /// The place of the name with which some text begins, and the length of the name and its end. `head` are the first
    /// eight bytes of the text. If the place is [`ASK`], [`ask`](Self::ask).
    #[expect(clippy::inline_always, reason = "a part of the scan's innermost loop")]
    #[inline(always)]
    pub(crate) fn find(&self, head: u64) -> Option<(u8, u32)> {
        let slot = self.slot(head);
        (head & self.masks[slot] == self.words[slot]).then(|| (self.places[slot], u32::from(self.lengths[slot])))
    }

    /// The same by comparing names one by one.
    pub(crate) fn ask(&self, text: &[u8]) -> Option<(u8, u32)> {
        // Most names differ in their first byte, which is told sooner than compared.
        let is_first = |name: &str| {
            text.first() == name.as_bytes().first()
                && text.strip_prefix(name.as_bytes()).is_some_and(|rest| rest.starts_with(ENDS[END]))
        };
        let (name, place) = self.names.iter().find(|(name, _)| is_first(name))?;
        Some((*place, (name.len() + END) as u32))
    }

    /// The place of a name, or [`NONE`].
    pub(crate) fn place(&self, name: &[u8]) -> u8 {
        self.names.iter().find(|(known, _)| known.as_bytes() == name).map_or(NONE, |(_, place)| *place)
    }
}

/// The lowest `bytes` bytes of a word, at most all.
const fn low(bytes: usize) -> u64 {
    if bytes >= 8 { u64::MAX } else { (1 << (8 * bytes)) - 1 }
}

/// The first eight bytes of a name and its end, as the number that they are when loaded at once.
const fn word<const END: usize>(name: &str) -> u64 {
    let name = name.as_bytes();
    let (mut word, mut at) = (0, 0);
    while at < 8 && at < name.len() + END {
        let byte = if at < name.len() { name[at] } else { ENDS[END][at - name.len()] };
        word |= (byte as u64) << (8 * at);
        at += 1;
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    static KEYS: Keys<64, 2> = Keys::new(&[
        ("a", 0),
        ("rid", 1),
        ("sahfxy", 2),
        ("chatmsg", 3),
        ("nick", 4),
        ("nickname", 5),
        ("receive_nn", 6),
        ("receive_uid", 7),
    ]);

    #[test]
    fn every_name_has_its_place_and_no_other_name_has_one() {
        for (name, place) in KEYS.names {
            assert_eq!(KEYS.place(name.as_bytes()), *place, "{name}");
            assert_eq!(found(&format!("{name}@=1")), Some((*place, name.len() as u32 + 2)), "{name}");
        }
        let others =
            ["b", "ri", "rid\0", "rids", "chatmsgs", "receive_", "receive_n", "receive_nnn", "nicknam", "\0", "rid@"];
        for name in others {
            assert_eq!(KEYS.place(name.as_bytes()), NONE, "{name:?}");
            assert_eq!(found(&format!("{name}@=1")), None, "{name:?}");
        }
        for segment in ["", "rid@", "rid@-=1", "rid", "rid=@=1", "chatmsg@", "chatmsg@A=1", "receive_nn", "@=rid@="] {
            assert_eq!(found(segment), None, "{segment:?}");
        }
    }

    #[test]
    fn a_type_is_found_where_it_stands() {
        static KINDS: Kinds =
            Keys::new(&[("dgb", 0), ("chatmsg", 1), ("ranklist", 2), ("noble_num_info", 3), ("al", 4)]);
        let find = |text: &[u8; 8]| KINDS.find(u64::from_le_bytes(*text)).map(|(place, _)| place);
        assert_eq!(find(b"dgb/uid@"), Some(0));
        assert_eq!(find(b"chatmsg/"), Some(1));
        assert_eq!(find(b"al/rid@="), Some(4));
        assert_eq!(find(b"ranklist"), Some(ASK));
        assert_eq!(find(b"dgb@=/ab"), None);
        assert_eq!(KINDS.ask(b"ranklist/rid@=1/"), Some((2, 9)));
        assert_eq!(KINDS.ask(b"noble_num_info"), None);
        assert_eq!(KINDS.place(b"noble_num_info"), 3);
    }

    /// What a text begins with.
    fn found(text: &str) -> Option<(u8, u32)> {
        let mut head = [0; 8];
        head.iter_mut().zip(text.bytes()).for_each(|(to, byte)| *to = byte);
        match KEYS.find(u64::from_le_bytes(head)) {
            Some((ASK, _)) => KEYS.ask(text.as_bytes()),
            found => found,
        }
    }
}
