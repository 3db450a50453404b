//! One pass over a payload, 64 bytes at a time: where its `/` and `@=` are, and where the values of known keys lie.
//!
//! Each block of 64 bytes becomes three numbers of 64 bits, in which a bit is set where the byte is `/`, `@` or `=`; all
//! further steps are arithmetic on these. How the bits are made depends on the processor: AVX2 where it is found at run
//! time, SSE2 on every other x86-64, and plain arithmetic elsewhere. All three are compared with each other in the tests
//! below and in the fuzz target `stt`. Measured in `benches/decode.rs`.
//!
//! The pass decides nothing about odd payloads. It takes those in which every segment is one pair, as all real ones are,
//! and turns the rest down, for [`stt`](crate::stt) to read.
//!
//! This is the one module that holds unsafe code: loads of as many bytes as were seen to be there.

#![allow(unsafe_code)]

use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicU8, Ordering};

use crate::keys::{self, EACH, ViewKeys};

/// The longest payload that is located: chat and gifts have 500 to 1200 bytes. Bounds what lies on the stack.
pub(crate) const LONGEST: usize = 2048;
/// The shortest one: a word.
const SHORTEST: usize = 8;
/// How many values may be asked for at once, and one more place for those that are not.
pub(crate) const PLACES: usize = 32;

/// Bytes that are looked at together.
const BLOCK: usize = 64;

/// How wide a processor's registers are that the scan makes use of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// 64 bits: any processor.
    Portable = 1,
    /// 128 bits: every x86-64.
    Sse2,
    /// 256 bits: x86-64 since about 2015.
    Avx2,
}

/// The level that is in use; 0 before the processor was asked.
static LEVEL: AtomicU8 = AtomicU8::new(0);

/// The level in use: the best that this processor has, unless [limited](limit_to).
#[inline]
pub fn level() -> Level {
    match LEVEL.load(Ordering::Relaxed) {
        0 => limit_to(Level::Avx2),
        1 => Level::Portable,
        2 => Level::Sse2,
        _ => Level::Avx2,
    }
}

/// Uses no more than `most` from now on, in the whole process; for tests and benches. Gives what is in use now.
#[cold]
pub fn limit_to(most: Level) -> Level {
    let level = best().min(most);
    LEVEL.store(level as u8, Ordering::Relaxed);
    level
}

/// The best level that this processor has.
fn best() -> Level {
    #[cfg(target_arch = "x86_64")]
    return if is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("lzcnt")
        && is_x86_feature_detected!("popcnt")
    {
        Level::Avx2
    } else {
        Level::Sse2
    };
    #[cfg(not(target_arch = "x86_64"))]
    Level::Portable
}

/// Gives `function` at the level in use.
macro_rules! at_level {
    ($function:ident($($argument:expr),*)) => {
        match level() {
            // SAFETY: the processor was asked for all the features that the function is built with.
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => unsafe { avx2::$function($($argument),*) },
            #[cfg(target_arch = "x86_64")]
            Level::Sse2 => $function::<sse2::Sse2>($($argument),*),
            _ => $function::<Portable>($($argument),*),
        }
    };
}

/// How many `/` and `@=` there are. The least that any reader has to do, and what benches measure readers against.
pub fn count(payload: &[u8]) -> usize {
    at_level!(count_with(payload))
}

/// Where in a payload the first value of each key lies, and where its `@` are.
///
/// Soundness rests on this: all offsets are of `text`, and beside an ASCII character of it. Only this module sets them.
pub(crate) struct Located<'a> {
    text: &'a str,
    /// By place: where a value begins and where it ends. What the payload has not is empty. The last place is for what is
    /// not asked for.
    spans: [(u32, u32); PLACES],
    /// A bit for each byte of the payload, set for `@`; and two words more, to be read but not used.
    ats: [MaybeUninit<u64>; ATS],
}

/// One for each block, and two more: a value at the very end begins in the first of them.
const ATS: usize = LONGEST / BLOCK + 2;

/// A [`Located`] that is filled.
#[derive(Clone, Copy)]
pub(crate) struct Values<'l, 'a>(&'l Located<'a>);

impl<'a> Located<'a> {
    /// Nothing is found yet.
    #[inline]
    pub(crate) const fn new(text: &'a str) -> Self {
        Self { text, spans: [(0, 0); PLACES], ats: [MaybeUninit::uninit(); _] }
    }

    /// Finds the first value of each of `keys`. `None` if the payload is too short or too long for that.
    #[inline]
    pub(crate) fn find(&mut self, keys: &ViewKeys) -> Option<Values<'_, 'a>> {
        if !(SHORTEST..=LONGEST).contains(&self.text.len()) {
            return None;
        }
        at_level!(locate_with(self, keys));
        Some(Values(self))
    }
}

impl<'a> Values<'_, 'a> {
    #[inline]
    fn span(self, place: usize) -> (u32, u32) {
        assert!(place < PLACES - 1);
        self.0.spans[place]
    }

    /// The value at a place, still escaped.
    #[inline]
    pub(crate) fn raw(self, place: usize) -> &'a str {
        let (start, end) = self.span(place);
        // SAFETY: see the struct.
        unsafe { self.0.text.get_unchecked(start as usize..end as usize) }
    }

    /// Whether an `@` stands in the value.
    #[inline]
    pub(crate) fn has_at(self, place: usize) -> bool {
        let (start, end) = self.span(place);
        let (word, bit) = (start as usize / BLOCK, start % BLOCK as u32);
        // SAFETY: `start` is in the payload or at its end, so `word` is at most the number of its blocks; two more were
        // written.
        let [low, high] = [word, word + 1].map(|word| unsafe { self.0.ats.get_unchecked(word).assume_init() });
        let length = end - start;
        let ats = low >> bit | high << 1 << (63 - bit);
        length > 64 || ats & !u64::MAX.checked_shl(length).unwrap_or(0) != 0
    }

    /// The number at a place, in up to 8 decimal digits. `Err` if something else stands there.
    #[inline]
    pub(crate) fn digits8(self, place: usize) -> Result<u64, ()> {
        let (start, end) = self.span(place);
        let length = end - start;
        if length == 0 || length > 8 || end < 8 {
            return Err(());
        }
        digits(self.word_before(end), length)
    }

    /// The number at a place, in up to 16 decimal digits.
    #[inline]
    pub(crate) fn digits16(self, place: usize) -> Result<u64, ()> {
        let (start, end) = self.span(place);
        let length = end - start;
        if length == 0 || length > 16 || end < 16 {
            return Err(());
        }
        if length <= 8 {
            return digits(self.word_before(end), length);
        }
        let low = digits(self.word_before(end), 8)?;
        let high = digits(self.word_before(end - 8), length - 8)?;
        Ok(high * 100_000_000 + low)
    }

    /// The eight bytes of the payload before `end`, which is 8 at least.
    #[inline]
    fn word_before(self, end: u32) -> u64 {
        debug_assert!((8..=self.0.text.len() as u32).contains(&end));
        // SAFETY: callers have seen that so many bytes are before `end`, and `end` is in the payload.
        u64::from_le(unsafe { self.0.text.as_ptr().add(end as usize - 8).cast::<u64>().read_unaligned() })
    }
}

/// A block as bits: the lowest is its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bits {
    slash: u64,
    at: u64,
    equals: u64,
}

/// Makes bits of a block.
trait Blocks {
    /// # Safety
    /// `block` points to 64 bytes, and the processor has what the implementation needs.
    unsafe fn bits(block: *const u8) -> Bits;
}

/// Takes blocks in order.
trait Sink {
    fn take(&mut self, base: usize, bits: Bits);
}

/// Gives `sink` the offset and the bits of every block. In the last block, bits beyond the payload are 0.
#[expect(clippy::inline_always, reason = "must become part of a function that is built for the processor")]
#[inline(always)]
fn blocks<B: Blocks>(payload: &[u8], sink: &mut impl Sink) {
    let mut base = 0;
    while payload.len() - base >= BLOCK {
        // SAFETY: there are 64 bytes from `base` on.
        sink.take(base, unsafe { B::bits(payload.as_ptr().add(base)) });
        base += BLOCK;
    }
    let left = payload.len() - base;
    if left == 0 {
        return;
    }
    if base > 0 {
        // The last 64 bytes once more, and those of them moved out that were seen already.
        // SAFETY: there are 64 bytes or more, for `base` is not 0.
        let Bits { slash, at, equals } = unsafe { B::bits(payload.as_ptr().add(payload.len() - BLOCK)) };
        let seen = BLOCK - left;
        sink.take(base, Bits { slash: slash >> seen, at: at >> seen, equals: equals >> seen });
    } else {
        let mut block = [0; BLOCK];
        block[..left].copy_from_slice(payload);
        // SAFETY: it is a block.
        sink.take(base, unsafe { B::bits(block.as_ptr()) });
    }
}

/// Counts `/` and `@=`.
#[derive(Default)]
struct Count {
    count: usize,
    at_before: u64,
}

impl Sink for Count {
    #[expect(clippy::inline_always, reason = "must become part of a function that is built for the processor")]
    #[inline(always)]
    fn take(&mut self, _: usize, Bits { slash, at, equals }: Bits) {
        let separators = equals & (at << 1 | self.at_before);
        self.at_before = at >> 63;
        self.count += (slash | separators).count_ones() as usize;
    }
}

#[expect(clippy::inline_always, reason = "must become part of a function that is built for the processor")]
#[inline(always)]
fn count_with<B: Blocks>(payload: &[u8]) -> usize {
    let mut count = Count::default();
    blocks::<B>(payload, &mut count);
    count.count
}

/// Writes down where segments begin, and where the `@` are.
struct Segments<'s> {
    /// Where each segment begins; the first `count` are written.
    starts: &'s mut [MaybeUninit<u16>; STARTS],
    count: usize,
    ats: &'s mut [MaybeUninit<u64>; ATS],
}

/// How many `/` of a block are written down at once; most blocks have no more.
const AT_ONCE: usize = 6;
/// One start before the first `/`, one behind the last, and what is written at once.
const STARTS: usize = 2 + LONGEST + AT_ONCE;

impl Sink for Segments<'_> {
    #[expect(clippy::inline_always, reason = "must become part of a function that is built for the processor")]
    #[inline(always)]
    fn take(&mut self, base: usize, Bits { slash, at, .. }: Bits) {
        // SAFETY: a block of a payload that is not longer than `LONGEST`.
        unsafe { self.ats.get_unchecked_mut(base / BLOCK) }.write(at);
        let mut rest = slash;
        let mut next = |offset: usize| {
            // SAFETY: `count` is at most 1 and one for each byte before this block, and `offset` is less than `AT_ONCE`
            // or than the number of slashes in the block.
            let place = unsafe { self.starts.get_unchecked_mut(self.count + offset) };
            place.write((base as u32 + 1 + rest.trailing_zeros()) as u16);
            rest &= rest.wrapping_sub(1);
        };
        (0..AT_ONCE).for_each(&mut next);
        let here = slash.count_ones() as usize;
        (AT_ONCE..here).for_each(next);
        self.count += here;
    }
}

#[expect(clippy::inline_always, reason = "must become part of a function that is built for the processor")]
#[inline(always)]
fn locate_with<B: Blocks>(located: &mut Located<'_>, keys: &ViewKeys) {
    let payload = located.text.as_bytes();
    assert!((SHORTEST..=LONGEST).contains(&payload.len()));
    let mut starts = [const { MaybeUninit::uninit() }; _];
    starts[0].write(0);
    let mut segments = Segments { starts: &mut starts, count: 1, ats: &mut located.ats };
    blocks::<B>(payload, &mut segments);
    let mut count = segments.count;
    for beyond in [0, 1] {
        located.ats[payload.len().div_ceil(BLOCK) + beyond].write(0);
    }
    if !payload.ends_with(b"/") {
        starts[count].write(payload.len() as u16 + 1);
        count += 1;
    }
    // SAFETY: so many were written.
    let starts = unsafe { std::slice::from_raw_parts(starts[..count].as_ptr().cast::<u16>(), count) };

    // Backwards, so that the first of a repeated key is the one that stays.
    let last_word = payload.len() - 8;
    let load = |at: usize| {
        debug_assert!(at <= last_word);
        // SAFETY: `at` is at most `last_word`.
        u64::from_le(unsafe { payload.as_ptr().add(at).cast::<u64>().read_unaligned() })
    };
    let mut rest = starts;
    while let [_, _, ..] = rest {
        // Two loops, for the call in the outer one would cost the inner one its registers.
        while let [before @ .., start, next] = rest {
            let from = *start as usize;
            let head = if from <= last_word { load(from) } else { load(last_word) >> (8 * (from - last_word)) };
            let (place, length) = keys.short(head);
            if place == keys::LONG {
                break;
            }
            located.spans[place as usize % PLACES] = (u32::from(*start) + length + 2, u32::from(*next) - 1);
            rest = &rest[..=before.len()];
        }
        if let [before @ .., start, next] = rest {
            let (place, length) = keys.long(&payload[*start as usize..*next as usize - 1]);
            located.spans[place as usize % PLACES] = (u32::from(*start) + length + 2, u32::from(*next) - 1);
            rest = &rest[..=before.len()];
        }
    }
}

/// The number that the last `length` bytes of `word` are in decimal digits, in memory's order: 1 to 8. `Err` if another
/// character is among them. All eight at once: a loop would be mispredicted at the end of nearly every number.
#[inline]
fn digits(word: u64, length: u32) -> Result<u64, ()> {
    debug_assert!((1..=8).contains(&length));
    let others = 8 * (8 - length);
    let digits = (word ^ (EACH * 0x30)) >> others << others;
    if (digits.wrapping_add(EACH * (0x80 - 10)) | digits) & (EACH * 0x80) != 0 {
        return Err(());
    }
    // Pairs, fours, all eight: the upper neighbour is the less significant one.
    let pairs = (digits * 10 + (digits >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    Ok((fours * 10_000 + (fours >> 32)) & 0xffff_ffff)
}

/// Eight bytes at a time, on any processor.
enum Portable {}

impl Blocks for Portable {
    #[expect(clippy::inline_always, reason = "as the other levels")]
    #[inline(always)]
    unsafe fn bits(block: *const u8) -> Bits {
        let mut bits = Bits { slash: 0, at: 0, equals: 0 };
        for at in (0..BLOCK).step_by(8) {
            // SAFETY: the caller's 64 bytes.
            let word = u64::from_le(unsafe { block.add(at).cast::<u64>().read_unaligned() });
            bits.slash |= bytes_of(word, b'/') << at;
            bits.at |= bytes_of(word, b'@') << at;
            bits.equals |= bytes_of(word, b'=') << at;
        }
        bits
    }
}

/// One bit for each byte of `word`, set where it is `byte`.
const fn bytes_of(word: u64, byte: u8) -> u64 {
    const LOW: u64 = EACH * 0x7f;
    let other = word ^ (EACH * byte as u64);
    let equal = !(((other & LOW) + LOW) | other | LOW);
    // The high bit of each byte, gathered in the upper byte.
    (equal >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

#[cfg(target_arch = "x86_64")]
mod sse2 {
    use std::arch::x86_64::{__m128i, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_set1_epi8};

    use super::{Bits, Blocks};

    pub(super) enum Sse2 {}

    impl Blocks for Sse2 {
        #[expect(clippy::inline_always, reason = "as the other levels")]
        #[inline(always)]
        unsafe fn bits(block: *const u8) -> Bits {
            // SAFETY: the caller's 64 bytes; every x86-64 has SSE2.
            unsafe {
                let parts: [__m128i; 4] = std::array::from_fn(|at| _mm_loadu_si128(block.add(16 * at).cast()));
                let bits = |byte: u8| {
                    let wanted = _mm_set1_epi8(byte as i8);
                    let part = |at: usize| u64::from(_mm_movemask_epi8(_mm_cmpeq_epi8(parts[at], wanted)) as u32);
                    part(0) | part(1) << 16 | part(2) << 32 | part(3) << 48
                };
                Bits { slash: bits(b'/'), at: bits(b'@'), equals: bits(b'=') }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{_mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_set1_epi8};

    use super::{Bits, Blocks, Located, ViewKeys};

    enum Avx2 {}

    impl Blocks for Avx2 {
        #[expect(clippy::inline_always, reason = "must become part of a function that is built for the processor")]
        #[inline(always)]
        unsafe fn bits(block: *const u8) -> Bits {
            // SAFETY: the caller's 64 bytes and processor.
            unsafe {
                let low = _mm256_loadu_si256(block.cast());
                let high = _mm256_loadu_si256(block.add(32).cast());
                let bits = |byte: u8| {
                    let wanted = _mm256_set1_epi8(byte as i8);
                    let part = |part| u64::from(_mm256_movemask_epi8(_mm256_cmpeq_epi8(part, wanted)) as u32);
                    part(low) | part(high) << 32
                };
                Bits { slash: bits(b'/'), at: bits(b'@'), equals: bits(b'=') }
            }
        }
    }

    #[cfg(test)]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub(super) fn bits(block: &[u8; super::BLOCK]) -> Bits {
        // SAFETY: a block, and this function is built for the processor.
        unsafe { Avx2::bits(block.as_ptr()) }
    }

    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub(super) fn count_with(payload: &[u8]) -> usize {
        super::count_with::<Avx2>(payload)
    }

    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub(super) fn locate_with(located: &mut Located<'_>, keys: &ViewKeys) {
        super::locate_with::<Avx2>(located, keys);
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::stt::{self, Value};

    static KEYS: ViewKeys =
        crate::keys::Keys::new(&[("k", 0), ("uid", 1), ("level", 2), ("nickname", 3), ("nick", 4), ("gold_cost", 2)]);

    /// All implementations that this processor can run.
    fn bits(block: &[u8; BLOCK]) -> Vec<Bits> {
        let mut all = vec![];
        // SAFETY: a block, and levels that are there.
        unsafe {
            all.push(Portable::bits(block.as_ptr()));
            #[cfg(target_arch = "x86_64")]
            all.push(sse2::Sse2::bits(block.as_ptr()));
            #[cfg(target_arch = "x86_64")]
            if best() == Level::Avx2 {
                all.push(avx2::bits(block));
            }
        }
        all
    }

    /// Text with more than its share of what matters here, and lengths around those of blocks.
    fn payload() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            "[@/=SA弹a0-9]{0,9}",
            Just("/uid@=".to_owned()),
            Just("/k@=".to_owned()),
            Just("/level@=4/".to_owned()),
            Just("/gold_cost@=77/".to_owned()),
            Just("/nickname@=小@A明/".to_owned()),
            Just("/nick@=x/".to_owned()),
            "[0-9]{0,17}/",
            "x{20,70}",
        ];
        vec(piece, 0..40).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn every_level_sees_the_same_bits(bytes in vec(prop_oneof![any::<u8>(), Just(b'@'), Just(b'/'), Just(b'=')], BLOCK)) {
            let block: &[u8; BLOCK] = bytes.first_chunk().unwrap();
            let of = |byte| (0..BLOCK).filter(|at| block[*at] == byte).fold(0, |bits, at| bits | 1 << at);
            let expected = Bits { slash: of(b'/'), at: of(b'@'), equals: of(b'=') };
            for bits in bits(block) {
                prop_assert_eq!(bits, expected);
            }
        }

        #[test]
        fn counts_are_those_of_a_naive_count(payload in payload()) {
            let naive = payload.matches('/').count() + payload.matches("@=").count();
            prop_assert_eq!(count(payload.as_bytes()), naive);
            prop_assert_eq!(count_with::<Portable>(payload.as_bytes()), naive);
        }

        #[test]
        fn what_is_located_is_what_is_read_pair_by_pair(payload in payload()) {
            let mut expected = [None; PLACES - 1];
            for (key, value) in stt::pairs(payload.as_str().into()) {
                if let Some(place) = expected.get_mut(KEYS.place(key.raw()) as usize) {
                    place.get_or_insert(value.as_str().unwrap());
                }
            }
            let mut at_hand = Located::new(&payload);
            let mut portable = Located::new(&payload);
            let Some(_) = at_hand.find(&KEYS) else {
                prop_assert!(!(SHORTEST..=LONGEST).contains(&payload.len()));
                return Ok(());
            };
            locate_with::<Portable>(&mut portable, &KEYS);
            for values in [Values(&at_hand), Values(&portable)] {
                for (place, expected) in expected.iter().enumerate() {
                    let expected = expected.unwrap_or_default();
                    prop_assert_eq!(values.raw(place), expected);
                    prop_assert!(values.has_at(place) == expected.contains('@') || expected.len() > BLOCK);
                    for number in [values.digits8(place), values.digits16(place)].into_iter().flatten() {
                        prop_assert_eq!(Some(number), Value::from(expected).number());
                    }
                }
            }
        }

        #[test]
        fn digits_are_read_as_the_standard_library_reads_them(text in "[0-9]{1,17}|[0-9-+ x弹]{1,9}") {
            let payload = format!("type@=x/long_enough@=1/k@={text}/");
            let mut located = Located::new(&payload);
            let values = located.find(&KEYS).unwrap();
            let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
            for (most, number) in [(8, values.digits8(0)), (16, values.digits16(0))] {
                let expected = if is_plain && text.len() <= most { Ok(text.parse().unwrap()) } else { Err(()) };
                prop_assert_eq!(number, expected, "{} of {}", most, text);
            }
        }
    }
}
