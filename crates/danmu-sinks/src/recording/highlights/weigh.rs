//! Weights: how much a line counts, where repeats count less. Pure.
//!
//! | of the same       | within       | the k-th counts | why                                                     |
//! |-------------------|--------------|-----------------|---------------------------------------------------------|
//! | person            | about 10 s   | 1 / k²          | a flood by one is no moment for many                    |
//! | long text         | about 30 s   | 1 / k           | pasted                                                  |
//! | short text        | about 30 s   | 1 / √k          | `666`, `哈哈哈`: what a crowd says, and what it is told to say |
//!
//! A line counts the product. k fades with time: `k ← 1 + k·e^(−Δt/τ)`.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

const PERSON_FADES_US: f32 = 10e6;
const TEXT_FADES_US: f32 = 30e6;

/// Shorter texts are reactions; in characters, once repetition is taken out.
const SHORT: usize = 4;

/// What was said shortly before, in one room. Bounded.
#[derive(Debug, Default)]
pub(super) struct Weigher {
    people: Recent,
    texts: Recent,
    plain: String,
}

impl Weigher {
    /// How much a line counts, from 0 to 1.
    pub(super) fn weigh(&mut self, at_us: i64, who: Option<u64>, text: &str) -> f32 {
        let of_person = who.map_or(1.0, |who| self.people.again(who, at_us, PERSON_FADES_US));
        plain(text, &mut self.plain);
        let mut hasher = DefaultHasher::new();
        self.plain.hash(&mut hasher);
        let of_text = self.texts.again(hasher.finish(), at_us, TEXT_FADES_US);
        let is_short = self.plain.chars().nth(SHORT).is_none();
        1.0 / (of_person * of_person * if is_short { of_text.sqrt() } else { of_text })
    }
}

/// A line without what makes copies of it differ: case, space, marks, and repetition, so that `666` and `66666` are one.
fn plain(text: &str, plain: &mut String) {
    plain.clear();
    let mut last = '\0';
    for c in text.chars().flat_map(char::to_lowercase) {
        if c != last && c.is_alphanumeric() {
            plain.push(c);
        }
        last = c;
    }
    if plain.is_empty() {
        // Nothing but marks: those are what it says.
        plain.extend(text.chars().next());
    }
}

/// How often things came up lately.
#[derive(Debug, Default)]
struct Recent {
    seen: HashMap<u64, (i64, f32)>,
    /// When to forget the next time.
    tidy_us: i64,
}

impl Recent {
    /// Far more than a crowd says meanwhile; who makes up more fills no memory.
    const MOST: usize = 1 << 16;

    fn again(&mut self, key: u64, at_us: i64, fades_us: f32) -> f32 {
        if at_us >= self.tidy_us {
            let old = (5.0 * fades_us) as i64;
            self.seen.retain(|_, (last_us, _)| at_us.saturating_sub(*last_us) < old);
            self.tidy_us = at_us.saturating_add(old);
        }
        if self.seen.len() >= Self::MOST && !self.seen.contains_key(&key) {
            return 1.0;
        }
        let (last_us, times) = self.seen.entry(key).or_insert((at_us, 0.0));
        let passed = at_us.saturating_sub(*last_us).max(0) as f32;
        *times = 1.0 + *times * (-passed / fades_us).exp();
        *last_us = at_us;
        *times
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What all lines weigh together.
    fn weighs(lines: impl IntoIterator<Item = (i64, u64, String)>) -> f32 {
        let mut weigher = Weigher::default();
        lines.into_iter().map(|(ms, who, text)| weigher.weigh(ms * 1000, Some(who), &text)).sum()
    }

    #[test]
    fn a_crowd_weighs_more_than_floods_and_copies() {
        let crowd = weighs((0..100).map(|n| (n * 100, n as u64, format!("不同的话{n}"))));
        assert!(crowd > 90.0, "{crowd}");
        let reaction = weighs((0..100).map(|n| (n * 100, n as u64, "6".repeat(1 + n as usize % 9))));
        assert!((15.0..30.0).contains(&reaction), "{reaction}");
        let pasted = weighs((0..100).map(|n| (n * 100, n as u64, "关注主播不迷路主播带你上高速".to_owned())));
        assert!(pasted < 7.0, "{pasted}");
        let flood = weighs((0..100).map(|n| (n * 100, 1, format!("不同的话{n}"))));
        assert!(flood < 2.0, "{flood}");
    }

    #[test]
    fn after_a_while_all_is_new_again() {
        let rare = weighs((0..10).map(|n| (n * 200_000, 1, "主播好啊主播".to_owned())));
        assert!(rare > 9.9, "{rare}");
    }

    #[test]
    fn copies_are_the_same_without_space_case_marks_and_repetition() {
        let same = |one: &str, other: &str| {
            let (mut a, mut b) = (String::new(), String::new());
            plain(one, &mut a);
            plain(other, &mut b);
            assert_eq!(a, b, "{one:?} {other:?}");
        };
        same("666", "6");
        same("哈哈哈!", "哈哈哈哈哈");
        same("GG 好", "gg好。");
        same("？？？", "？");
        same("", "");
    }

    #[test]
    fn what_is_made_up_fills_no_memory() {
        let mut weigher = Weigher::default();
        for n in 0..200_000 {
            weigher.weigh(5, Some(n), &n.to_string());
        }
        assert_eq!((weigher.people.seen.len(), weigher.texts.seen.len()), (Recent::MOST, Recent::MOST));
    }
}
