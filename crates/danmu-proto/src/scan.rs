//! One pass over a payload, 64 bytes at a time: where its `/` and `@=` are, and where the values of known keys lie.
//!
//! Each block of 64 bytes becomes three numbers of 64 bits, in which a bit is set where the byte is `/`, `@` or `=`; all
//! further steps are arithmetic on these. How the bits are made depends on the processor: AVX2 where it is found at run
//! time, SSE2 on every other x86-64, and plain arithmetic elsewhere. All three are compared with each other in
//! `tests.rs` and in the fuzz target `stt`. Measured in `benches/decode.rs`.
//!
//! The pass decides nothing about odd payloads. It takes those in which every segment is one pair, as all real ones are,
//! and turns the rest down, for [`stt`](crate::stt) to read.
//!
//! This is the one module that holds unsafe code: loads of as many bytes as were seen to be there.

#![allow(unsafe_code)]

use std::mem::MaybeUninit;
use std::ops::Range;
use std::slice::ChunksExact;
use std::sync::atomic::{AtomicU8, Ordering, compiler_fence};

use crate::keys::{self, ViewKeys};

/// So much of a payload is located at once: more than chat and gifts have, which is 500 to 1200 bytes. Bounds what lies on
/// the stack.
const WINDOW: usize = 2048;
/// How many values may be asked for at once.
pub(crate) const MOST: usize = PLACES - 2;
/// So many, and two places more, for what was not found and for what is still to be asked for.
const PLACES: usize = 32;

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

/// Bytes, and whether they were checked to be UTF-8. Checking a payload once costs less than checking each value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source<'a> {
    Text(&'a str),
    Bytes(&'a [u8]),
}

impl<'a> Source<'a> {
    #[inline]
    pub(crate) const fn bytes(self) -> &'a [u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }

    /// # Safety
    /// `start` is not after `end`, and beside both, in front or behind, there is an ASCII character or an end of the source.
    #[inline]
    unsafe fn part(self, start: usize, end: usize) -> Self {
        debug_assert!(start <= end && end <= self.bytes().len());
        // SAFETY: the caller's; text that is cut beside an ASCII character is cut between two characters.
        unsafe {
            match self {
                Self::Text(text) => Self::Text(text.get_unchecked(start..end)),
                Self::Bytes(bytes) => Self::Bytes(bytes.get_unchecked(start..end)),
            }
        }
    }
}

/// What stands between the `/`, in order. A last segment without its `/` counts, an empty one between two `/` too.
#[derive(Clone)]
pub(crate) struct Segments<'a> {
    of: Source<'a>,
    /// Where the block begins that is looked at, and where the next one does.
    base: usize,
    next: usize,
    /// What is left of the block.
    slash: u64,
    at: u64,
    /// Where the segment begins, and its first `@` if that is in an earlier block.
    start: usize,
    first_at: Option<usize>,
}

/// A segment, whole, and its key and value if it has an `@=`.
pub(crate) type Segment<'a> = (Source<'a>, Option<(Source<'a>, Source<'a>)>);

impl<'a> Segments<'a> {
    pub(crate) const fn new(of: Source<'a>) -> Self {
        Self { of, base: 0, next: 0, slash: 0, at: 0, start: 0, first_at: None }
    }

    /// Goes on to the next block that has a `/`; false if there is none.
    fn go_on(&mut self) -> bool {
        let bytes = self.of.bytes();
        while self.slash == 0 {
            if self.at != 0 && self.first_at.is_none() {
                self.first_at = Some(self.base + self.at.trailing_zeros() as usize);
            }
            if self.next >= bytes.len() {
                self.at = 0;
                return false;
            }
            (self.base, self.next) = (self.next, self.next + BLOCK);
            let Bits { slash, at, .. } = block::<Floor>(bytes, self.base);
            (self.slash, self.at) = (slash, at);
        }
        true
    }

    /// The segment up to `end`, whose first `@` stands at `at`.
    #[inline]
    fn cut(&mut self, at: Option<usize>, end: usize) -> Segment<'a> {
        let start = std::mem::replace(&mut self.start, end + 1);
        // SAFETY: the segment begins at the beginning or behind a `/`, and ends before one or at the end.
        let whole = unsafe { self.of.part(start, end) };
        let bytes = self.of.bytes();
        let pair = at.and_then(|mut at| {
            if bytes.get(at + 1) != Some(&b'=') {
                // An `@` in the key: a rare thing.
                at = start + whole.bytes().windows(2).position(|two| two == b"@=")?;
            }
            // SAFETY: `at` is in the segment, and behind it is a `=`.
            Some(unsafe { (self.of.part(start, at), self.of.part(at + 2, end)) })
        });
        (whole, pair)
    }
}

impl<'a> Iterator for Segments<'a> {
    type Item = Segment<'a>;

    #[expect(clippy::inline_always, reason = "a pair handed back through memory stalls who reads it")]
    #[inline(always)]
    fn next(&mut self) -> Option<Segment<'a>> {
        if self.slash == 0 && !self.go_on() {
            let end = self.of.bytes().len();
            let at = self.first_at.take();
            return (self.start < end).then(|| self.cut(at, end));
        }
        let up_to = self.slash ^ self.slash.wrapping_sub(1);
        let ats = self.at & up_to;
        let end = self.base + self.slash.trailing_zeros() as usize;
        let at = match self.first_at.take() {
            None if ats != 0 => Some(self.base + ats.trailing_zeros() as usize),
            earlier => earlier,
        };
        self.slash &= !up_to;
        self.at &= !up_to;
        Some(self.cut(at, end))
    }
}

/// Memory for marks, to be used again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Marker(Vec<u32>);

/// Where every pair of a source lies: where the `=` of its `@=` stands, and where its `/`.
///
/// Soundness rests on this: the marks are of `of`, rise, and are beside ASCII characters of it. Only [`Marker`] makes them.
#[derive(Clone, Copy)]
pub(crate) struct Marks<'m, 'a> {
    of: Source<'a>,
    marks: &'m [u32],
}

impl Marker {
    /// Marks all pairs. `None` if there is a segment that is not exactly one `@=` and what is around it, and a `/` behind.
    pub(crate) fn mark<'a>(&mut self, of: Source<'a>) -> Option<Marks<'_, 'a>> {
        let bytes = of.bytes();
        if u32::try_from(bytes.len()).is_err() {
            return None;
        }
        self.0.clear();
        self.0.reserve(bytes.len() + MARKS_AT_ONCE);
        let marks = self.0.spare_capacity_mut();
        let count = at_level!(mark_with(bytes, marks))?;
        // SAFETY: so many were written.
        unsafe { self.0.set_len(count) };
        Some(Marks { of, marks: &self.0 })
    }
}

impl<'m, 'a> Marks<'m, 'a> {
    /// How many pairs there are.
    pub(crate) const fn len(self) -> usize {
        self.marks.len() / 2
    }

    /// The pairs in order, as bytes, each value with its `/`.
    pub(crate) fn exact(self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone {
        let bytes = self.of.bytes();
        let mut start = 0;
        self.marks.as_chunks().0.iter().map(move |&[separator, end]| {
            let (separator, end) = (separator as usize, end as usize + 1);
            let start = std::mem::replace(&mut start, end);
            (&bytes[start..separator - 1], &bytes[separator + 1..end])
        })
    }

    /// The pairs in order.
    pub(crate) fn pairs(self) -> MarkedPairs<'m, 'a> {
        MarkedPairs { of: self.of, start: 0, marks: self.marks.chunks_exact(2) }
    }
}

/// Iterates over the key and the value of each pair.
#[derive(Clone)]
pub(crate) struct MarkedPairs<'m, 'a> {
    of: Source<'a>,
    start: usize,
    marks: ChunksExact<'m, u32>,
}

impl<'a> Iterator for MarkedPairs<'_, 'a> {
    type Item = (Source<'a>, Source<'a>);

    #[expect(clippy::inline_always, reason = "a pair handed back through memory stalls who reads it")]
    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        let marks = self.marks.next()?;
        let (separator, end) = (marks[0] as usize, marks[1] as usize);
        let start = std::mem::replace(&mut self.start, end + 1);
        // SAFETY: see `Marks`; before a `=` that is marked there is an `@`.
        Some(unsafe { (self.of.part(start, separator - 1), self.of.part(separator + 1, end)) })
    }
}

/// Where in a payload the first value of each key lies, and where its `@` are.
///
/// Soundness rests on this: all offsets are of `text`, and beside an ASCII character of it. Only this module sets them.
pub(crate) struct Located<'a> {
    text: &'a str,
    /// By place: where a value begins and where it ends. What the payload has not is empty.
    spans: [(u32, u32); PLACES],
    /// A bit for each byte of the first window, set for `@`; and two words more, to be read but not used.
    ats: [MaybeUninit<u64>; ATS],
}

/// One for each block of a window, and two more: a value at the very end begins in the first of them.
const ATS: usize = WINDOW / BLOCK + 2;

/// A [`Located`] that is filled.
#[derive(Clone, Copy)]
pub(crate) struct Values<'l, 'a>(&'l Located<'a>);

impl<'a> Located<'a> {
    /// How long a payload may be.
    const LENGTHS: Range<usize> = HEAD..u32::MAX as usize;

    /// Nothing is found yet.
    #[inline]
    pub(crate) const fn new(text: &'a str) -> Self {
        Self { text, spans: [(0, 0); PLACES], ats: [MaybeUninit::uninit(); _] }
    }

    /// Finds the first value of each of `keys`. `None` if the payload is too short for that, or has 4 GiB.
    #[inline]
    pub(crate) fn find(&mut self, keys: &ViewKeys) -> Option<Values<'_, 'a>> {
        if !Self::LENGTHS.contains(&self.text.len()) {
            return None;
        }
        at_level!(locate_with(self, keys));
        Some(Values(self))
    }
}

impl<'a> Values<'_, 'a> {
    #[inline]
    fn span(self, place: usize) -> (u32, u32) {
        assert!(place < MOST);
        self.0.spans[place]
    }

    /// The value at a place, still escaped.
    #[inline]
    pub(crate) fn raw(self, place: usize) -> &'a str {
        let (start, end) = self.span(place);
        // SAFETY: see the struct.
        unsafe { self.0.text.get_unchecked(start as usize..end as usize) }
    }

    /// Whether an `@` stands in the value; also true of what is longer than a block, or not in the first window.
    #[inline]
    pub(crate) fn has_at(self, place: usize) -> bool {
        let (start, end) = self.span(place);
        if end > WINDOW as u32 {
            return true;
        }
        let (word, bit) = (start as usize / BLOCK, start % BLOCK as u32);
        // SAFETY: `start` is in the first window or at its end, so `word` is at most the number of its blocks; two more
        // were written.
        let [low, high] = [word, word + 1].map(|word| unsafe { self.0.ats.get_unchecked(word).assume_init() });
        let length = end - start;
        let ats = low >> bit | high << 1 << (63 - bit);
        length > 64 || ats & !u64::MAX.checked_shl(length).unwrap_or(0) != 0
    }

    /// The number at a place if it is written in one to four decimal digits, as most are.
    #[inline]
    pub(crate) fn few_digits(self, place: usize) -> Option<u32> {
        let (start, end) = self.span(place);
        let length = end - start;
        if !(1..=4).contains(&length) {
            return None;
        }
        // SAFETY: before the value there are a key, of one byte at least, and `@=`; so there are four bytes before its end.
        let word = u32::from_le(unsafe { self.0.text.as_ptr().add(end as usize - 4).cast::<u32>().read_unaligned() });
        // As in `eight_digits`.
        let others = 8 * (4 - length);
        let digits = (word ^ 0x3030_3030) >> others << others;
        if (digits.wrapping_add(0x7676_7676) | digits) & 0x8080_8080 != 0 {
            return None;
        }
        let pairs = (digits * 10 + (digits >> 8)) & 0x00ff_00ff;
        Some(pairs.wrapping_mul(100 << 16 | 1) >> 16)
    }

    /// The number at a place if it is written in one to sixteen decimal digits, and not at the very beginning.
    pub(crate) fn digits(self, place: usize) -> Option<u64> {
        let (start, end) = self.span(place);
        let length = end - start;
        if !(1..=16).contains(&length) || end < 16 {
            return None;
        }
        let word = |end: u32| {
            // SAFETY: there are 16 bytes before `end` or, of a long value, the last 8 of these.
            u64::from_le(unsafe { self.0.text.as_ptr().add(end as usize - 8).cast::<u64>().read_unaligned() })
        };
        if length <= 8 {
            return eight_digits(word(end), length);
        }
        Some(eight_digits(word(end - 8), length - 8)? * 100_000_000 + eight_digits(word(end), 8)?)
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

/// Gives `sink` the offset and the bits of every block.
#[expect(clippy::inline_always, reason = "must become part of a function that is built for the processor")]
#[inline(always)]
fn blocks<B: Blocks>(payload: &[u8], sink: &mut impl Sink) {
    let mut base = 0;
    while payload.len() - base >= BLOCK {
        // SAFETY: there are 64 bytes from `base` on.
        sink.take(base, unsafe { B::bits(payload.as_ptr().add(base)) });
        base += BLOCK;
    }
    if base < payload.len() {
        sink.take(base, last_block::<B>(payload, base));
    }
}

/// The bits of the block at `base`, less than the length of the payload.
#[inline]
fn block<B: Blocks>(payload: &[u8], base: usize) -> Bits {
    if payload.len() - base >= BLOCK {
        // SAFETY: there are 64 bytes from `base` on.
        unsafe { B::bits(payload.as_ptr().add(base)) }
    } else {
        last_block::<B>(payload, base)
    }
}

/// The bits of a block that is not full. Those beyond the payload are 0.
#[expect(clippy::inline_always, reason = "must become part of a function that is built for the processor")]
#[inline(always)]
fn last_block<B: Blocks>(payload: &[u8], base: usize) -> Bits {
    let left = payload.len() - base;
    if base > 0 {
        // The last 64 bytes once more, and those of them moved out that were seen already.
        // SAFETY: there are 64 bytes or more, for `base` is not 0.
        let Bits { slash, at, equals } = unsafe { B::bits(payload.as_ptr().add(payload.len() - BLOCK)) };
        let seen = BLOCK - left;
        Bits { slash: slash >> seen, at: at >> seen, equals: equals >> seen }
    } else {
        let mut block = [0; BLOCK];
        block[..left].copy_from_slice(payload);
        // SAFETY: it is a block.
        unsafe { B::bits(block.as_ptr()) }
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

/// Writes down where the `@=` and the `/` are, and finds out whether they take turns.
struct Mark<'m> {
    marks: &'m mut [MaybeUninit<u32>],
    count: usize,
    at_before: u64,
    /// 1 behind an `@=`, 0 behind a `/`.
    in_value: u64,
    /// Not 0 once they did not take turns.
    odd: u64,
}

/// How many marks of a block are written down at once: about as many as most have.
const MARKS_AT_ONCE: usize = 8;

impl Sink for Mark<'_> {
    #[expect(clippy::inline_always, reason = "must become part of a function that is built for the processor")]
    #[inline(always)]
    fn take(&mut self, base: usize, Bits { slash, at, equals }: Bits) {
        let separators = equals & (at << 1 | self.at_before);
        self.at_before = at >> 63;
        // From each `/` the `@=` before it is subtracted, which sets all bits in between: those of the value. If two `@=`
        // follow each other the second one borrows what is borrowed already, and its bit is not set; if two `/` do, the
        // second one has nothing to lend, and its bit is.
        let values = slash.wrapping_sub(separators).wrapping_sub(self.in_value);
        self.in_value = values >> 63;
        self.odd |= values & slash | !values & separators;
        // SAFETY: there is room for a mark for each byte, and `MARKS_AT_ONCE` more.
        self.count += unsafe {
            write_bits::<MARKS_AT_ONCE, _>(slash | separators, self.marks.get_unchecked_mut(self.count..), |bit| {
                base as u32 + bit
            })
        };
    }
}

/// Writes down what `number` makes of each bit that is set, the first `AT_ONCE` in any case. Gives how many are set.
///
/// # Safety
/// There is room for all of them, and for `AT_ONCE`.
#[expect(clippy::inline_always, reason = "must become part of a function that is built for the processor")]
#[inline(always)]
unsafe fn write_bits<const AT_ONCE: usize, T>(
    bits: u64,
    into: &mut [MaybeUninit<T>],
    number: impl Fn(u32) -> T,
) -> usize {
    let count = bits.count_ones() as usize;
    debug_assert!(into.len() >= count.max(AT_ONCE));
    let mut rest = bits;
    let mut next = |at: usize| {
        // SAFETY: the caller's.
        unsafe { into.get_unchecked_mut(at) }.write(number(rest.trailing_zeros()));
        // Else the compiler gathers some in a vector register to store them at once, which takes a third longer.
        compiler_fence(Ordering::Release);
        rest &= rest.wrapping_sub(1);
    };
    (0..AT_ONCE).for_each(&mut next);
    (AT_ONCE..count).for_each(next);
    count
}

#[expect(clippy::inline_always, reason = "must become part of a function that is built for the processor")]
#[inline(always)]
fn mark_with<B: Blocks>(bytes: &[u8], marks: &mut [MaybeUninit<u32>]) -> Option<usize> {
    assert!(marks.len() >= bytes.len() + MARKS_AT_ONCE);
    let mut sink = Mark { marks, count: 0, at_before: 0, in_value: 0, odd: 0 };
    blocks::<B>(bytes, &mut sink);
    (sink.odd | sink.in_value == 0 && bytes.last().is_none_or(|last| *last == b'/')).then_some(sink.count)
}

/// Writes down where the `/` of a window are, and where its `@`.
struct Ends<'s> {
    /// Where the window begins.
    window: usize,
    /// Where each `/` is; the first `count` are written.
    into: &'s mut [MaybeUninit<u32>; ENDS],
    count: usize,
    ats: &'s mut [MaybeUninit<u64>; ATS],
}

/// How many `/` of a block are written down at once; most blocks have no more.
const AT_ONCE: usize = 6;
/// One for each byte of a window, and what is written at once.
const ENDS: usize = WINDOW + AT_ONCE;

impl Sink for Ends<'_> {
    #[expect(clippy::inline_always, reason = "must become part of a function that is built for the processor")]
    #[inline(always)]
    fn take(&mut self, base: usize, Bits { slash, at, .. }: Bits) {
        // SAFETY: a block of a window.
        unsafe { self.ats.get_unchecked_mut(base / BLOCK) }.write(at);
        let end = |bit| (self.window + base) as u32 + bit;
        // SAFETY: `count` is at most one for each byte before this block, so there is room for one for each byte of the block,
        // and for `AT_ONCE`.
        self.count += unsafe { write_bits::<AT_ONCE, _>(slash, self.into.get_unchecked_mut(self.count..), end) };
    }
}

#[expect(clippy::inline_always, reason = "must become part of a function that is built for the processor")]
#[inline(always)]
fn locate_with<B: Blocks>(located: &mut Located<'_>, keys: &ViewKeys) {
    let length = located.text.len();
    assert!(Located::LENGTHS.contains(&length));
    // Backwards, so that the first of a repeated key is the one that stays.
    let mut behind = length as u32;
    for window in (0..length.div_ceil(WINDOW)).rev() {
        behind = locate_in_window::<B>(located, window * WINDOW, behind, keys);
    }
}

/// Locates what begins behind a `/` of a window, and in the first one what begins before. `behind` is where the last of it
/// ends. Gives where what is before it does.
#[expect(clippy::inline_always, reason = "must become part of a function that is built for the processor")]
#[inline(always)]
fn locate_in_window<B: Blocks>(located: &mut Located<'_>, window: usize, behind: u32, keys: &ViewKeys) -> u32 {
    let payload = located.text.as_bytes();
    let part = &payload[window..payload.len().min(window + WINDOW)];
    let mut ends = [const { MaybeUninit::uninit() }; _];
    let mut sink = Ends { window, into: &mut ends, count: 0, ats: &mut located.ats };
    blocks::<B>(part, &mut sink);
    let count = sink.count;
    for beyond in [0, 1] {
        located.ats[part.len().div_ceil(BLOCK) + beyond].write(0);
    }
    // SAFETY: so many were written.
    let ends = unsafe { std::slice::from_raw_parts(ends[..count].as_ptr().cast::<u32>(), count) };
    let mut place = |head: u64, start: usize, end: u32| {
        if let Some((place, length)) = keys.find(head) {
            located.spans[place as usize % PLACES] = (start as u32 + length, end);
        }
    };
    // First what begins so near to the end of the payload that its head would reach beyond it.
    let last_head = payload.len() - HEAD;
    // SAFETY: all callers give an offset of at most `last_head`.
    let load = |at: usize| u64::from_le(unsafe { payload.as_ptr().add(at).cast::<u64>().read_unaligned() });
    let (mut end, mut left) = (behind, count);
    while left > 0 && ends[left - 1] as usize >= last_head {
        left -= 1;
        let start = ends[left] as usize + 1;
        place(load(last_head).checked_shr(8 * (start - last_head) as u32).unwrap_or(0), start, end);
        end = ends[left];
    }
    for &before in ends[..left].iter().rev() {
        let start = before as usize + 1;
        place(load(start), start, end);
        end = before;
    }
    if window == 0 {
        place(load(0), 0, end);
    }
    if located.spans[keys::ASK as usize % PLACES] != (0, 0) {
        locate_asking(located, window, ends, behind, keys);
    }
    end
}

/// How many bytes of a segment are loaded for its key.
const HEAD: usize = 8;

/// Locates names that have to be compared one by one: those of segments whose heads do not tell.
fn locate_asking(located: &mut Located<'_>, window: usize, ends: &[u32], behind: u32, keys: &ViewKeys) {
    located.spans[keys::ASK as usize % PLACES] = (0, 0);
    let begins = ends.iter().rev().map(|before| before + 1).chain((window == 0).then_some(0));
    let mut end = behind;
    for start in begins {
        let segment = &located.text.as_bytes()[start as usize..end as usize];
        let mut head = [0; HEAD];
        head.iter_mut().zip(segment).for_each(|(to, byte)| *to = *byte);
        if let Some((keys::ASK, _)) = keys.find(u64::from_le_bytes(head))
            && let Some((place, length)) = keys.ask(segment)
        {
            let span = &mut located.spans[place as usize % PLACES];
            // Another name of the same place may stand before this one, and the first is the one that stays.
            if *span == (0, 0) || start + length < span.0 {
                *span = (start + length, end);
            }
        }
        end = start.saturating_sub(1);
    }
}

/// Times a byte: that byte eight times.
const EACH: u64 = u64::MAX / 255;

/// The number that the last `length` bytes of `word` are in decimal digits, in memory's order: 1 to 8. `None` if another
/// character is among them. All eight at once: a loop would be mispredicted at the end of nearly every number.
#[inline]
fn eight_digits(word: u64, length: u32) -> Option<u64> {
    let others = 8 * (8 - length);
    let digits = (word ^ (EACH * 0x30)) >> others << others;
    if (digits.wrapping_add(EACH * (0x80 - 10)) | digits) & (EACH * 0x80) != 0 {
        return None;
    }
    // Pairs, fours, all eight: the upper neighbour is the less significant one.
    let pairs = (digits * 10 + (digits >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    Some((fours * 10_000 + (fours >> 32)) & 0xffff_ffff)
}

/// What every processor of this kind has.
#[cfg(target_arch = "x86_64")]
type Floor = sse2::Sse2;
#[cfg(not(target_arch = "x86_64"))]
type Floor = Portable;

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
    use std::mem::MaybeUninit;

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
    pub(super) fn mark_with(bytes: &[u8], marks: &mut [MaybeUninit<u32>]) -> Option<usize> {
        super::mark_with::<Avx2>(bytes, marks)
    }

    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    pub(super) fn locate_with(located: &mut Located<'_>, keys: &ViewKeys) {
        super::locate_with::<Avx2>(located, keys);
    }
}

/// The bits of a block as every level sees them that this processor has.
#[cfg(test)]
fn every_level(block: &[u8; BLOCK]) -> Vec<Bits> {
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

#[cfg(test)]
mod tests;
