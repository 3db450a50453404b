//! Tallies: how often something with a name occurred, where strangers choose the names. Bounded.

use std::collections::HashMap;

/// Things with names, by the order in which they came up. What comes up after [`Tally::MOST`] others is not kept.
#[derive(Debug)]
pub(super) struct Tally<T> {
    index: HashMap<Box<str>, u32>,
    /// The first names: nearly all of what comes is one of them, and found without a hash.
    first: Vec<Box<str>>,
    things: Vec<T>,
}

/// So many names are the first.
const FIRST: usize = 6;

impl<T> Default for Tally<T> {
    fn default() -> Self {
        Self { index: HashMap::new(), first: Vec::new(), things: Vec::new() }
    }
}

impl<T: Default> Tally<T> {
    /// How many names there may be: far more than there are emotes, medals or types. Who makes up more fills no memory.
    pub(super) const MOST: usize = 1 << 16;

    /// The place of a name; a new one if there is room for it.
    pub(super) fn place(&mut self, name: &str) -> Option<u32> {
        if let Some(place) = self.first.iter().position(|first| **first == *name) {
            return Some(place as u32);
        }
        if let Some(place) = self.index.get(name) {
            return Some(*place);
        }
        if self.things.len() == Self::MOST {
            return None;
        }
        let place = self.things.len() as u32;
        self.index.insert(name.into(), place);
        if self.first.len() < FIRST {
            self.first.push(name.into());
        }
        self.things.push(T::default());
        Some(place)
    }

    /// What is in a place.
    pub(super) fn at(&mut self, place: u32) -> &mut T {
        &mut self.things[place as usize]
    }

    /// How many there are.
    pub(super) const fn len(&self) -> usize {
        self.things.len()
    }

    /// All of it with its names, in the order of places.
    pub(super) fn into_named(self) -> impl Iterator<Item = (String, T)> {
        let mut names = vec![String::new(); self.things.len()];
        for (name, place) in self.index {
            names[place as usize] = name.into();
        }
        names.into_iter().zip(self.things)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_made_up_fill_no_memory() {
        let mut tally = Tally::<u64>::default();
        for n in 0..100_000 {
            if let Some(place) = tally.place(&n.to_string()) {
                *tally.at(place) += 1;
            }
        }
        assert_eq!(tally.place("5"), Some(5), "known ones go on counting");
        assert_eq!(tally.into_named().count(), Tally::<u64>::MOST);
    }
}
