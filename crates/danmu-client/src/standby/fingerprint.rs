//! Fingerprints: 128 bits that stand for a message, so that what was heard need not be kept to be compared.
//!
//! Two different messages have the same fingerprint with a chance of 2⁻⁶³ at most, whoever wrote them. With ten thousand
//! messages a second and all of five seconds compared with each, that is one message taken for another in a thousand
//! years.
//!
//! It is the hash NH of UMAC (Black, Halevi, Krawczyk, Krovetz and Rogaway, 1999) with words of 64 bits, twice: over
//! blocks of 1 KiB, then over the sums of the blocks and the length. NH adds up products of two words, each with a word of a
//! secret key added to it, the sum modulo 2¹²⁸:
//!
//! ```text
//! NH(m) = (m₀ + k₀)(m₁ + k₁) + (m₂ + k₂)(m₃ + k₃) + …
//! ```
//!
//! Let m and n differ in a word, say the first. Whatever the other words of the key are, NH(m) = NH(n) then means
//! (m₀ + k₀)(m₁ + k₁) − (n₀ + k₀)(n₁ + k₁) = c with a c that does not depend on k₁. Once k₀ is chosen too, the two first
//! factors differ by less than 2⁶⁴, so at most one of the 2⁶⁴ values of k₁ makes it true. Messages of the same length
//! that differ have a block that differs, so that its sums, or else the sums of sums, are equal by chance 2⁻⁶⁴ each;
//! and the length is a word of the second round.
//!
//! The key is made anew by each process and shows nowhere, so nobody can search for two messages that collide. Neither can
//! anyone fill a table with messages that all fall into one place, because [`Spread`] has a key of its own.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::LazyLock;

/// How many bytes the first round takes at once.
const BLOCK: usize = 1024;

/// The longest message that has a fingerprint: longer ones cannot come, unless someone lifts the limit of packets.
const LONGEST: usize = 1 << 20;

/// Two words: of a message, a sum or the key.
type Pair = [u64; 2];

/// The key, with as many words as there can be.
struct Key {
    block: [Pair; BLOCK / 16],
    length: Pair,
    /// For the sums of the blocks.
    sums: [Pair; LONGEST / BLOCK],
    spread: [u128; 2],
}

/// Words that nobody can know: the keys of the standard library's own tables are as good as its source of chance.
static KEY: LazyLock<Box<Key>> = LazyLock::new(|| {
    let secret = RandomState::new();
    let mut drawn = 0_u64;
    let mut word = || {
        drawn += 1;
        secret.hash_one(drawn)
    };
    let mut pair = || [word(), word()];
    Box::new(Key {
        block: std::array::from_fn(|_| pair()),
        length: pair(),
        sums: std::array::from_fn(|_| pair()),
        spread: std::array::from_fn(|_| pair()).map(|[low, high]| u128::from(high) << 64 | u128::from(low)),
    })
});

/// What stands for `message`, while this process runs. `None` if it is longer than any should be.
pub(super) fn fingerprint(message: &[u8]) -> Option<u128> {
    if message.len() > LONGEST {
        return None;
    }
    let key = &**KEY;
    let mut sum = product([message.len() as u64, 0], key.length);
    for (block, of_sum) in message.chunks(BLOCK).zip(&key.sums) {
        sum = sum.wrapping_add(product(halves(nh(block, &key.block)), *of_sum));
    }
    Some(sum)
}

/// One block; its end is filled up with zeros.
fn nh(block: &[u8], key: &[Pair; BLOCK / 16]) -> u128 {
    let (pairs, rest) = block.as_chunks::<16>();
    let mut sum = 0_u128;
    for (pair, key) in pairs.iter().zip(key) {
        sum = sum.wrapping_add(product(halves(u128::from_le_bytes(*pair)), *key));
    }
    if !rest.is_empty() {
        let mut pair = [0; 16];
        pair[..rest.len()].copy_from_slice(rest);
        sum = sum.wrapping_add(product(halves(u128::from_le_bytes(pair)), key[pairs.len()]));
    }
    sum
}

const fn product([a, b]: Pair, key: Pair) -> u128 {
    a.wrapping_add(key[0]) as u128 * b.wrapping_add(key[1]) as u128
}

const fn halves(whole: u128) -> Pair {
    [whole as u64, (whole >> 64) as u64]
}

/// Spreads fingerprints over a table: the upper half of (a + k₀)(b + k₁) modulo 2¹²⁸, a and b being the halves of the
/// fingerprint. Any two fall into the same place no more often than by chance ("pair-multiply-shift" of Thorup, High speed
/// hashing for integers and strings, 2015).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spread(u64);

impl BuildHasher for Spread {
    type Hasher = Self;

    fn build_hasher(&self) -> Self {
        Self(0)
    }
}

impl Hasher for Spread {
    fn write_u128(&mut self, fingerprint: u128) {
        let [low, high] = halves(fingerprint).map(u128::from);
        let [key_low, key_high] = KEY.spread;
        self.0 = (key_low.wrapping_add(low).wrapping_mul(key_high.wrapping_add(high)) >> 64) as u64;
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("nothing but fingerprints is put into these tables")
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// What a table of the standard library takes that holds up to `capacity` entries: a byte more for each place.
pub(super) const fn table_bytes<T>(capacity: usize) -> usize {
    if capacity == 0 { 0 } else { (capacity * 8 / 7).next_power_of_two() * (size_of::<T>() + 1) }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn any_difference_in_content_length_or_order_shows() {
        let mut seen = HashSet::new();
        let mut all = 0;
        let mut new = |message: &[u8]| {
            all += 1;
            seen.insert(fingerprint(message).unwrap());
        };
        for len in (0..70).chain(1000..1050).chain(2040..2060) {
            let mut message = vec![0; len];
            new(&message);
            for at in 0..len {
                for bit in [1, 128] {
                    message[at] ^= bit;
                    new(&message);
                    message[at] ^= bit;
                }
            }
        }
        // Blocks and words that change places.
        let message: Vec<u8> = (0..4096_u32).map(|n| ((n * 7919) >> 8) as u8).collect();
        for (a, b) in [(0, 1024), (0, 2048), (0, 16), (0, 8), (1024, 1040), (1024, 3072)] {
            let mut changed = message.clone();
            (0..8).for_each(|byte| changed.swap(a + byte, b + byte));
            new(&changed);
        }
        new(&message);
        assert_eq!(seen.len(), all);
    }

    #[test]
    fn what_is_longer_than_any_message_has_none() {
        let long = vec![b'x'; LONGEST + 1];
        assert!(fingerprint(&long).is_none() && fingerprint(&long[1..]).is_some());
    }

    #[test]
    fn what_viewers_may_choose_spreads_over_a_table() {
        for step in [1_u128, 1 << 64, (1 << 64) + 1, 1 << 100, 0x0101_0101 << 32] {
            let mut places = [0_u32; 256];
            for n in 0..65_536_u128 {
                places[(Spread(0).hash_one(n * step) % 256) as usize] += 1;
            }
            let fullest = places.into_iter().max().unwrap();
            assert!(fullest < 4 * 256, "{fullest} of 65,536 in one of 256 places, with {step:#x} between them");
        }
    }
}
