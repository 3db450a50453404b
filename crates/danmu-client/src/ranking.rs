//! A ranking by health: the last good one first, then those never tried in their own order, then those that failed, the
//! one whose failure is longest ago before the others. So whatever fails makes way, and in time gets its next chance.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::hash::Hash;

/// So many are remembered at most. Names with ever new addresses must not fill the memory.
const MEMORY: usize = 1024;

#[derive(Debug)]
pub(crate) struct Ranking<T> {
    /// When each did well or failed last, counted in such events; negative for a failure.
    known: HashMap<T, i64>,
    events: i64,
}

impl<T> Default for Ranking<T> {
    fn default() -> Self {
        Self { known: HashMap::new(), events: 0 }
    }
}

impl<T: Clone + Eq + Hash> Ranking<T> {
    pub(crate) fn good(&mut self, one: &T) {
        self.note(one, 1);
    }

    pub(crate) fn failed(&mut self, one: &T) {
        self.note(one, -1);
    }

    /// The first of `all`.
    pub(crate) fn best<'a>(&self, all: &'a [T]) -> Option<&'a T> {
        all.iter().min_by_key(|one| self.key(one))
    }

    /// Puts `all` in order.
    pub(crate) fn sort(&self, all: &mut [T]) {
        all.sort_by_key(|one| self.key(one));
    }

    fn key(&self, one: &T) -> Reverse<i64> {
        Reverse(self.known.get(one).copied().unwrap_or(0))
    }

    fn note(&mut self, one: &T, sign: i64) {
        if self.known.len() >= MEMORY {
            self.known.clear();
        }
        self.events += 1;
        self.known.insert(one.clone(), sign * self.events);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(ranking: &Ranking<char>) -> String {
        let mut all = ['a', 'b', 'c', 'd'];
        ranking.sort(&mut all);
        assert_eq!(ranking.best(&['a', 'b', 'c', 'd']), all.first());
        all.into_iter().collect()
    }

    #[test]
    fn the_last_good_one_is_first_and_the_last_failed_one_is_last() {
        let mut ranking = Ranking::default();
        assert_eq!(order(&ranking), "abcd");
        ranking.failed(&'a');
        assert_eq!(order(&ranking), "bcda");
        ranking.failed(&'b');
        assert_eq!(order(&ranking), "cdab");
        ranking.good(&'d');
        assert_eq!(order(&ranking), "dcab");
        ranking.good(&'c');
        assert_eq!(order(&ranking), "cdab");
        ranking.good(&'a');
        assert_eq!(order(&ranking), "acdb");
        ranking.failed(&'a');
        assert_eq!(order(&ranking), "cdba");
    }

    #[test]
    fn when_all_fail_each_gets_its_turn() {
        let mut ranking = Ranking::default();
        let all = ['a', 'b', 'c'];
        let turns: String = (0..7)
            .map(|_| {
                let best = *ranking.best(&all).unwrap();
                ranking.failed(&best);
                best
            })
            .collect();
        assert_eq!(turns, "abcabca");
    }

    #[test]
    fn memory_is_bounded() {
        let mut ranking = Ranking::default();
        (0..10 * MEMORY).for_each(|one| ranking.failed(&one));
        assert!(ranking.known.len() <= MEMORY);
    }
}
