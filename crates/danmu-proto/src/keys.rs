//! Names that are known when the program is built, and the number of each: wire name → place in a view, type → message.
//!
//! A look-up is one multiplication and one comparison. What is looked up is a *word*: the first eight bytes of a name and
//! its end, `@=` or `/`, as the number that they are when they are loaded at once. The word times a number that keeps all
//! words of a table apart gives the slot; that number is sought when the program is built. Longer names are few, and
//! compared one by one once a word is found with which they begin.

/// The place of what is no name of the table.
pub(crate) const NONE: u8 = u8::MAX;
/// The place of a word with which longer names begin.
pub(crate) const LONG: u8 = NONE - 1;

/// A table of names. `SLOTS` is a power of two, far more than there are names; `END` is the length of what ends a name,
/// one of `ENDS`.
pub(crate) struct Keys<const SLOTS: usize, const END: usize> {
    multiplier: u64,
    words: [u64; SLOTS],
    places: [u8; SLOTS],
    names: &'static [(&'static str, u8)],
}

/// What ends a name: one byte behind a type, two behind a key.
const ENDS: [&[u8]; 3] = [b"", b"/", b"@="];

/// Of the keys of a view.
pub(crate) type ViewKeys = Keys<128, 2>;
/// Of types.
pub(crate) type Kinds = Keys<1024, 1>;

impl<const SLOTS: usize, const END: usize> Keys<SLOTS, END> {
    /// The longest name that fits into a word.
    const SHORT: usize = 8 - END;
    /// How much of the product is dropped: the slot is in its upper bits.
    const SHIFT: u32 = u64::BITS - SLOTS.trailing_zeros();

    /// A table of `names` and their places.
    pub(crate) const fn new(names: &'static [(&'static str, u8)]) -> Self {
        assert!(SLOTS.is_power_of_two() && names.len() < SLOTS);
        let mut keys = Self { multiplier: 0x9E37_79B9_7F4A_7C15, words: [0; SLOTS], places: [NONE; SLOTS], names };
        while !keys.fill() {
            // The next odd number of a long row of them: Knuth's generator.
            keys.multiplier =
                keys.multiplier.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814E) | 1;
            keys.words = [0; SLOTS];
            keys.places = [NONE; SLOTS];
        }
        keys
    }

    /// Puts all words into their slots; false if two want the same.
    const fn fill(&mut self) -> bool {
        let mut at = 0;
        while at < self.names.len() {
            let (name, place) = self.names[at];
            let word = Self::word(name.as_bytes());
            let slot = self.slot(word);
            let is_long = name.len() > Self::SHORT;
            if self.words[slot] != 0 && !(is_long && self.words[slot] == word) {
                assert!(self.words[slot] != word, "a name is given twice");
                return false;
            }
            self.words[slot] = word;
            self.places[slot] = if is_long { LONG } else { place };
            at += 1;
        }
        true
    }

    const fn slot(&self, word: u64) -> usize {
        (word.wrapping_mul(self.multiplier) >> Self::SHIFT) as usize
    }

    /// The place of a word; no branch here depends on what stands in the payload.
    #[expect(clippy::inline_always, reason = "must become part of a function that is built for the processor")]
    #[inline(always)]
    const fn place_of_word(&self, word: u64) -> u8 {
        let slot = self.slot(word);
        if self.words[slot] == word { self.places[slot] } else { NONE }
    }

    /// The place of the name with which some text begins, and the length of the name. `head` are the first eight bytes of
    /// it. If the place is [`LONG`], ask [`long`](Self::long).
    #[expect(clippy::inline_always, reason = "must become part of a function that is built for the processor")]
    #[inline(always)]
    pub(crate) const fn short(&self, head: u64) -> (u8, u32) {
        let at = zero_bytes(head ^ (EACH * ENDS[END][0] as u64));
        // All up to the end; all eight bytes if it is not among them.
        let end = at << (8 * (END - 1));
        (self.place_of_word(head & (end ^ end.wrapping_sub(1))), at.trailing_zeros() / 8)
    }

    /// The same for names of any length.
    #[cold]
    pub(crate) fn long(&self, text: &[u8]) -> (u8, u32) {
        let is_first = |name: &str| text.strip_prefix(name.as_bytes()).is_some_and(|rest| rest.starts_with(ENDS[END]));
        let found = self.names.iter().find(|(name, _)| is_first(name));
        found.map_or((NONE, 0), |(name, place)| (*place, name.len() as u32))
    }

    /// The word of a name.
    const fn word(name: &[u8]) -> u64 {
        let (mut word, mut at) = (0, 0);
        while at < 8 && at < name.len() + END {
            let byte = if at < name.len() { name[at] } else { ENDS[END][at - name.len()] };
            word |= (byte as u64) << (8 * at);
            at += 1;
        }
        word
    }

    /// The place of a name.
    pub(crate) fn place(&self, name: &[u8]) -> u8 {
        match self.place_of_word(Self::word(name)) {
            LONG => {
                let found = self.names.iter().find(|(known, _)| known.as_bytes() == name);
                found.map_or(NONE, |(_, place)| *place)
            }
            place => place,
        }
    }
}

/// Times a byte: that byte eight times.
pub(crate) const EACH: u64 = u64::MAX / 255;

/// The highest bit of each byte that is 0; above the lowest of them, of others too.
pub(crate) const fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(EACH) & !word & (EACH * 0x80)
}

#[cfg(test)]
mod tests {
    use super::*;

    static KEYS: Keys<16, 2> = Keys::new(&[
        ("a", 0),
        ("rid", 1),
        ("sahfxy", 2),
        ("chatmsg", 3),
        ("nickname", 4),
        ("receive_nn", 5),
        ("receive_uid", 6),
    ]);

    #[test]
    fn every_name_has_its_place_and_no_other_name_has_one() {
        for (name, place) in KEYS.names {
            assert_eq!(KEYS.place(name.as_bytes()), *place, "{name}");
            assert_eq!(of_segment(&format!("{name}@=1")), (*place, name.len() as u32), "{name}");
        }
        for name in
            ["", "b", "ri", "rid\0", "rids", "chatmsgs", "receive_", "receive_n", "receive_nnn", "nicknam", "\0"]
        {
            assert_eq!(KEYS.place(name.as_bytes()), NONE, "{name:?}");
            assert_eq!(of_segment(&format!("{name}@=1")).0, NONE, "{name:?}");
        }
        for segment in
            ["rid@", "rid@-=1", "rid", "rid@A@=1", "rid=@=1", "chatmsg@", "chatmsg@A=1", "receive_nn", "@=rid@="]
        {
            assert_eq!(of_segment(segment).0, NONE, "{segment:?}");
        }
    }

    #[test]
    fn a_type_is_found_where_it_stands() {
        static KINDS: Kinds = Keys::new(&[("dgb", 0), ("chatmsg", 1), ("ranklist", 2), ("noble_num_info", 3)]);
        for (text, place) in
            [("dgb/uid@", 0), ("chatmsg/", 1), ("ranklist", LONG), ("noble_nu", LONG), ("dgb@=/ab", NONE)]
        {
            let head = u64::from_le_bytes(text.as_bytes().try_into().unwrap());
            assert_eq!(KINDS.short(head).0, place, "{text}");
        }
        assert_eq!(KINDS.long(b"ranklist/rid@=1/"), (2, 8));
        assert_eq!(KINDS.long(b"noble_num_info"), (NONE, 0));
        assert_eq!(KINDS.place(b"noble_num_info"), 3);
    }

    fn of_segment(segment: &str) -> (u8, u32) {
        let mut head = [0; 8];
        head.iter_mut().zip(segment.bytes()).for_each(|(to, byte)| *to = byte);
        match KEYS.short(u64::from_le_bytes(head)) {
            (LONG, _) => KEYS.long(segment.as_bytes()),
            short => short,
        }
    }
}
