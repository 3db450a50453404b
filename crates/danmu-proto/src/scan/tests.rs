//! All levels do the same, and it is what a naive reader does.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::stt::{self, Value};

static KEYS: ViewKeys =
    crate::keys::Keys::new(&[("k", 0), ("uid", 1), ("level", 2), ("nickname", 3), ("nick", 4), ("gold_cost", 2)]);

/// Text with more than its share of what matters here, and lengths around those of blocks.
fn payload() -> impl Strategy<Value = String> {
    vec(piece(), 0..40).prop_map(|pieces| pieces.concat())
}

/// The same, of several windows.
fn long_payload() -> impl Strategy<Value = String> {
    let long = (WINDOW - 50..WINDOW + 50).prop_map(|length| "x".repeat(length));
    vec(prop_oneof![20 => piece(), 1 => long], 0..200).prop_map(|pieces| pieces.concat())
}

fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        "[@/=SA弹a0-9]{0,9}",
        Just("/uid@=".to_owned()),
        Just("/k@=".to_owned()),
        Just("/level@=4/".to_owned()),
        Just("/gold_cost@=77/".to_owned()),
        Just("/nickname@=小@A明/".to_owned()),
        Just("/nick@=x/".to_owned()),
        "[0-9]{0,17}/",
        "x{20,70}",
    ]
}

proptest! {
    #[test]
    fn every_level_sees_the_same_bits(bytes in vec(prop_oneof![any::<u8>(), Just(b'@'), Just(b'/'), Just(b'=')], BLOCK)) {
        let block: &[u8; BLOCK] = bytes.first_chunk().unwrap();
        let of = |byte| (0..BLOCK).filter(|at| block[*at] == byte).fold(0, |bits, at| bits | 1 << at);
        let expected = Bits { slash: of(b'/'), at: of(b'@'), equals: of(b'=') };
        for bits in every_level(block) {
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
    fn what_is_marked_is_what_is_read_pair_by_pair(payload in payload()) {
        let source = Source::Text(&payload);
        let expected: Vec<_> = stt::pairs(payload.as_str().into()).map(|(key, value)| (key.raw(), value.raw())).collect();
        let mut marker = Marker::default();
        let marks = marker.mark(source);
        let mut portable = vec![MaybeUninit::uninit(); payload.len() + MARKS_AT_ONCE];
        prop_assert_eq!(mark_with::<Portable>(payload.as_bytes(), &mut portable), marks.map(|marks| 2 * marks.len()));
        let canonical = payload.split_inclusive('/').all(|part| part.matches("@=").count() == 1 && part.ends_with('/'));
        prop_assert_eq!(marks.is_some(), canonical);
        if let Some(marks) = marks {
            let read: Vec<_> = marks.pairs().map(|(key, value)| (key.bytes(), value.bytes())).collect();
            prop_assert_eq!(read, expected);
        }
    }

    #[test]
    fn what_is_located_is_what_is_read_pair_by_pair(payload in prop_oneof![payload(), long_payload()]) {
        let mut expected = [None; MOST];
        for (key, value) in stt::pairs(payload.as_str().into()) {
            if let Some(place) = expected.get_mut(KEYS.place(key.raw()) as usize) {
                place.get_or_insert(value.as_str().unwrap());
            }
        }
        let mut at_hand = Located::new(&payload);
        let mut portable = Located::new(&payload);
        let Some(_) = at_hand.find(&KEYS) else {
            prop_assert!(payload.len() < HEAD);
            return Ok(());
        };
        locate_with::<Portable>(&mut portable, &KEYS);
        for values in [Values(&at_hand), Values(&portable)] {
            for (place, expected) in expected.iter().enumerate() {
                let expected = expected.unwrap_or_default();
                prop_assert_eq!(values.raw(place), expected);
                let end = values.raw(place).as_bytes().as_ptr_range().end as usize - payload.as_ptr() as usize;
                prop_assert!(values.has_at(place) == expected.contains('@') || expected.len() > BLOCK || end > WINDOW);
                for number in [values.few_digits(place).map(u64::from), values.digits(place)].into_iter().flatten() {
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
        for (most, number) in [(4, values.few_digits(0).map(u64::from)), (16, values.digits(0))] {
            let expected = if is_plain && text.len() <= most { text.parse().ok() } else { None };
            prop_assert_eq!(number, expected, "{} of {}", most, text);
        }
    }
}
