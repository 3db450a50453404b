//! Payloads by column: what stands behind the same key lies together, and compresses by a third better, in half the time.
//!
//! ```text
//! plain    length u32, payload, length u32, payload, …
//! packed   0xffffffff u32, which no plain block begins with
//!          keys       count u32, and for each: length u32, bytes
//!          shapes     count u32, and for each: count u16, so many numbers of keys u16
//!          payloads   count u32, and for each: number of its shape u16, from 1 on; 0 if it is whole
//!          columns    for each key: length u32, and the values behind it in their order, each with its `/`
//!          whole      length u32, payload, length u32, payload, …
//! ```
//!
//! All numbers are little-endian. A payload is whole if it is not pairs and nothing else, or has too many of them, or too
//! many keys that no other has: so what is packed comes back byte for byte, and packing takes little more memory than the
//! payloads, whatever is in them.

use std::collections::HashMap;
use std::hash::Hash;

use danmu_proto::fields::Index;

/// No payload is so long.
const PACKED: [u8; 4] = [0xff; 4];
/// Longer payloads are whole, and those with more pairs.
const LONGEST: usize = 64 * 1024;
const MOST_PAIRS: usize = 256;
/// A block has no more keys than this.
const MOST_KEYS: usize = 1024;
/// A block has no more shapes than this.
const MOST_SHAPES: usize = u16::MAX as usize;

/// So much memory is kept from one block to the next: what one fills need not be what the next one does.
const KEPT_BYTES: usize = 4 << 20;

/// Packs blocks. Keeps some memory from one to the next.
#[derive(Default)]
pub(super) struct Packer {
    index: Index,
    keys: Keys,
    /// By key.
    columns: Vec<Vec<u8>>,
    shapes: Shapes,
    /// That of the payload that is packed.
    shape: Vec<u16>,
    /// By payload.
    numbers: Vec<u16>,
    whole: Vec<u8>,
}

impl Packer {
    /// Packs payloads, each with its length before it, into `packed`.
    pub(super) fn pack(&mut self, mut plain: &[u8], packed: &mut Vec<u8>) {
        while let Some(payload) = take(&mut plain) {
            let number = self.number(payload);
            if number == 0 {
                put(&mut self.whole, payload);
            }
            self.numbers.push(number);
        }
        packed.clear();
        packed.extend_from_slice(&PACKED);
        put_count(packed, self.keys.all.len());
        self.keys.all.all().for_each(|key| put(packed, key));
        put_count(packed, self.shapes.all.len());
        for shape in self.shapes.all.all() {
            packed.extend_from_slice(&(shape.len() as u16).to_le_bytes());
            put_numbers(packed, shape);
        }
        put_count(packed, self.numbers.len());
        put_numbers(packed, &self.numbers);
        self.columns[..self.keys.all.len()].iter().for_each(|column| put(packed, column));
        packed.extend_from_slice(&self.whole);
        self.clear();
    }

    /// Puts a payload into columns. Gives the number of its shape; 0 if it has to be whole.
    fn number(&mut self, payload: &[u8]) -> u16 {
        if payload.len() > LONGEST {
            return 0;
        }
        let Some(pairs) = self.index.exact(payload) else { return 0 };
        self.shape.clear();
        let mut fits = true;
        for (key, value) in pairs.clone() {
            let number = if self.shape.len() < MOST_PAIRS { self.keys.number(key) } else { None };
            let Some(number) = number else {
                fits = false;
                break;
            };
            if self.columns.len() == usize::from(number) {
                self.columns.push(Vec::new());
            }
            self.columns[usize::from(number)].extend_from_slice(value);
            self.shape.push(number);
        }
        if fits && let Some(number) = self.shapes.number(&self.shape) {
            return number + 1;
        }
        for (&key, (_, value)) in self.shape.iter().zip(pairs) {
            let column = &mut self.columns[usize::from(key)];
            column.truncate(column.len() - value.len());
        }
        0
    }

    fn clear(&mut self) {
        self.keys.clear();
        self.shapes.clear();
        self.numbers.clear();
        self.whole.clear();
        self.columns.iter_mut().for_each(Vec::clear);
        let columns: usize = self.columns.iter().map(Vec::capacity).sum();
        let shapes = size_of::<u16>() * (self.shapes.all.text.capacity() + self.numbers.capacity());
        if columns + shapes + self.whole.capacity() > KEPT_BYTES {
            *self = Self::default();
        }
    }
}

/// Whether a block is packed.
pub(super) fn is_packed(block: &[u8]) -> bool {
    block.starts_with(&PACKED)
}

/// Opens a packed block: the payloads, each with its length before it. `None` if it is damaged, or they are more than
/// `most` bytes.
pub(super) fn unpack(packed: &[u8], most: usize) -> Option<Vec<u8>> {
    let packed = &mut packed.strip_prefix(&PACKED)?;
    let size = packed.len();
    let keys = (0..at_most(MOST_KEYS, take_count(packed)?)?).map(|_| take(packed)).collect::<Option<Vec<_>>>()?;
    let shapes = (0..at_most(MOST_SHAPES, take_count(packed)?)?)
        .map(|_| {
            let count = take_number(packed)?;
            take_numbers(packed, count.into())
        })
        .collect::<Option<Vec<_>>>()?;
    let count = take_count(packed)?;
    let numbers = take_numbers(packed, count)?;
    let mut columns = keys.iter().map(|_| take(packed)).collect::<Option<Vec<_>>>()?;

    let mut plain = Vec::with_capacity(most.min(2 * size));
    for number in numbers {
        let Some(shape) = usize::from(number).checked_sub(1) else {
            put(&mut plain, take(packed)?);
            continue;
        };
        let start = plain.len();
        put_count(&mut plain, 0);
        for &key in shapes.get(shape)? {
            let column = columns.get_mut(usize::from(key))?;
            let end = column.iter().position(|&byte| byte == b'/')? + 1;
            plain.extend_from_slice(keys.get(usize::from(key))?);
            plain.extend_from_slice(b"@=");
            plain.extend_from_slice(column.split_off(..end)?);
            if plain.len() > most {
                return None;
            }
        }
        let length = (plain.len() - start - 4) as u32;
        plain[start..start + 4].copy_from_slice(&length.to_le_bytes());
    }
    let is_used_up = packed.is_empty() && columns.iter().all(|column| column.is_empty());
    is_used_up.then_some(plain)
}

fn at_most(most: usize, count: usize) -> Option<usize> {
    (count <= most).then_some(count)
}

fn put_count(into: &mut Vec<u8>, count: usize) {
    into.extend_from_slice(&(count as u32).to_le_bytes());
}

fn put_numbers(into: &mut Vec<u8>, numbers: &[u16]) {
    for number in numbers {
        into.extend_from_slice(&number.to_le_bytes());
    }
}

/// Appends bytes, with their length before them.
pub(super) fn put(into: &mut Vec<u8>, bytes: &[u8]) {
    put_count(into, bytes.len());
    into.extend_from_slice(bytes);
}

fn take_count(from: &mut &[u8]) -> Option<usize> {
    let (count, rest) = from.split_first_chunk()?;
    *from = rest;
    Some(u32::from_le_bytes(*count) as usize)
}

fn take<'a>(from: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = take_count(from)?;
    from.split_off(..length)
}

fn take_number(from: &mut &[u8]) -> Option<u16> {
    let (number, rest) = from.split_first_chunk()?;
    *from = rest;
    Some(u16::from_le_bytes(*number))
}

fn take_numbers(from: &mut &[u8], count: usize) -> Option<Vec<u16>> {
    let bytes = from.split_off(..count.checked_mul(2)?)?;
    Some(bytes.as_chunks::<2>().0.iter().map(|number| u16::from_le_bytes(*number)).collect())
}

/// Numbers keys in the order in which they first appear.
#[derive(Default)]
struct Keys {
    all: Numbered<u8>,
    /// By a few bits of its hash: a key as a number, and the number that it has. Most are found so, for far less.
    last: Vec<(u64, u16)>,
}

impl Keys {
    /// The number of a key. `None` if it is new, and there are as many as there may be.
    fn number(&mut self, key: &[u8]) -> Option<u16> {
        // The bytes of the key behind a one. While they fit, no two keys are the same, and none is 0.
        let word = key.iter().fold(1_u64, |word, &byte| word.rotate_left(8) ^ u64::from(byte));
        let fits = key.len() < size_of::<u64>();
        let place = place(word);
        if self.last.is_empty() {
            self.last.resize(PLACES, (0, 0));
        }
        let (last, number) = self.last[place];
        if last == word && (fits || self.all.get(number.into()) == Some(key)) {
            return Some(number);
        }
        let number = self.all.number(key, MOST_KEYS)?;
        self.last[place] = (word, number);
        Some(number)
    }

    fn clear(&mut self) {
        self.all.clear();
        self.last.clear();
    }
}

/// Numbers the shapes of payloads in the order in which they first appear.
#[derive(Default)]
struct Shapes {
    all: Numbered<u16>,
    /// By a few bits of its hash, the last shape that was found there: mostly the one that is looked for.
    last: Vec<u16>,
}

impl Shapes {
    /// The number of a shape. `None` if it is new, and there are as many as there may be.
    fn number(&mut self, shape: &[u16]) -> Option<u16> {
        let place = place(shape.iter().fold(0, |hash: u64, &key| hash.rotate_left(7).wrapping_add(key.into())));
        if self.last.is_empty() {
            self.last.resize(PLACES, 0);
        }
        let last = self.last[place];
        if self.all.get(last.into()) == Some(shape) {
            return Some(last);
        }
        let number = self.all.number(shape, MOST_SHAPES)?;
        self.last[place] = number;
        Some(number)
    }

    fn clear(&mut self) {
        self.all.clear();
        self.last.clear();
    }
}

/// How many places the short cuts have.
const PLACES: usize = 1024;

const fn place(hash: u64) -> usize {
    (hash.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - PLACES.trailing_zeros())) as usize
}

/// Sequences with a number each, in the order in which they first came.
#[derive(Default)]
struct Numbered<T> {
    by_content: HashMap<Vec<T>, u16>,
    /// All of them, one after the other, and where each ends.
    text: Vec<T>,
    ends: Vec<usize>,
}

impl<T: Copy + Eq + Hash> Numbered<T> {
    /// The number of a sequence. `None` if it is new, and there are as many as there may be.
    fn number(&mut self, of: &[T], most: usize) -> Option<u16> {
        if let Some(&number) = self.by_content.get(of) {
            return Some(number);
        }
        let number = self.len() as u16;
        (self.len() < most).then(|| {
            self.by_content.insert(of.to_vec(), number);
            self.text.extend_from_slice(of);
            self.ends.push(self.text.len());
            number
        })
    }

    fn get(&self, number: usize) -> Option<&[T]> {
        let end = *self.ends.get(number)?;
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        Some(&self.text[start..end])
    }

    fn all(&self) -> impl Iterator<Item = &[T]> {
        (0..self.len()).filter_map(|number| self.get(number))
    }

    fn len(&self) -> usize {
        self.ends.len()
    }

    fn clear(&mut self) {
        self.by_content.clear();
        self.text.clear();
        self.ends.clear();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plain(payloads: &[Vec<u8>]) -> Vec<u8> {
        let mut plain = Vec::new();
        for payload in payloads {
            put(&mut plain, payload);
        }
        plain
    }

    fn comes_back(packer: &mut Packer, payloads: &[Vec<u8>]) {
        let mut packed = Vec::new();
        packer.pack(&plain(payloads), &mut packed);
        assert!(is_packed(&packed));
        assert!(unpack(&packed, 1 << 26).unwrap() == plain(payloads));
        assert!(
            payloads.is_empty() || unpack(&packed[..packed.len() - 1], 1 << 26).is_none(),
            "what is cut is damaged"
        );
    }

    #[test]
    fn the_odd_and_the_many_come_back_too() {
        let pairs =
            |of: std::ops::Range<usize>| -> Vec<u8> { of.flat_map(|n| format!("{n}@={n}/").into_bytes()).collect() };
        let mut packer = Packer::default();
        for _ in 0..2 {
            let odd = ["", "/", "a", "a/", "a@=", "a@=/", "@=/", "a@=@=/", "a@=b@=c/", "a@=1/b", "a@=1/a@=2/"];
            comes_back(&mut packer, &odd.map(Into::into));
            comes_back(
                &mut packer,
                &[b"a@=\xff/\xfe@=1/".to_vec(), vec![0xff; 9], pairs(0..256), pairs(0..257), pairs(0..1)],
            );
            // More keys and more shapes than there may be.
            let many: Vec<_> = (0..2000).map(|n| pairs(n..n + 3)).collect();
            comes_back(&mut packer, &many);
            let shape =
                |n: u32| (0..17).filter(move |bit| n >> bit & 1 != 0).flat_map(|bit| format!("{bit}@=/").into_bytes());
            let shapes = (0..70_000).map(|n| shape(n).collect::<Vec<u8>>());
            comes_back(&mut packer, &shapes.collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_block_that_would_fill_memory_is_damaged() {
        // A key of a MiB, that each of so many payloads has.
        let mut packed = PACKED.to_vec();
        put_count(&mut packed, 1);
        put(&mut packed, &vec![b'k'; 1 << 20]);
        put_count(&mut packed, 1);
        packed.extend_from_slice(&[1, 0, 0, 0]);
        put_count(&mut packed, 1000);
        packed.extend_from_slice(&[1, 0].repeat(1000));
        put(&mut packed, &b"/".repeat(1000));
        assert!(unpack(&packed, 64 << 20).is_none());
        assert!(unpack(&packed, 1 << 31).is_some());
    }

    proptest! {
        #[test]
        fn whatever_was_packed_comes_back(blocks in prop::collection::vec(prop::collection::vec("([a-c]{0,2}@=[a-z/@=主]{0,3}/){0,4}|[a@=/]{0,9}", 0..20), 1..4)) {
            let mut packer = Packer::default();
            for payloads in blocks {
                let payloads: Vec<Vec<u8>> = payloads.into_iter().map(String::into_bytes).collect();
                comes_back(&mut packer, &payloads);
            }
        }

        #[test]
        fn what_is_damaged_never_panics(mut block in prop::collection::vec(0_u8..4, 0..60), at in 0_usize..60, byte: u8) {
            if let Some(place) = block.get_mut(at) {
                *place = byte;
            }
            unpack(&[&PACKED[..], &block].concat(), 1 << 20);
        }
    }
}
