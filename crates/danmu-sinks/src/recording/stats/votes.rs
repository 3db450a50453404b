//! Votes: who typed which of the given words, as viewers do when a streamer says "扣1 for yes, 扣2 for no". Pure.
//!
//! A line is a vote if it is the word and nothing else, where
//!
//! - 扣 before it, space around it, and marks such as `!` after it do not matter, nor does the width or case of letters;
//! - it may be repeated: `111` is a vote for `1`, unless `111` can be voted for itself.
//!
//! Each person has one vote, and the last one counts: people correct themselves.

/// What can be voted for.
#[derive(Clone, Debug, Default)]
pub(super) struct Ballot {
    options: Vec<String>,
    /// For one line after the other.
    line: String,
}

/// More cannot be told apart by a byte.
pub const MOST_OPTIONS: usize = 255;

/// The first of some words that nobody can vote for: it is empty but for what does not matter, or the same as one before.
pub fn indistinct(words: &[String]) -> Option<&str> {
    let plain = Ballot::new(words).options;
    let is_lost = |(at, word): (usize, &String)| word.is_empty() || plain[..at].contains(word);
    plain.iter().enumerate().position(is_lost).map(|at| words[at].as_str())
}

impl Ballot {
    pub(super) fn new(options: &[String]) -> Self {
        let mut ballot = Self::default();
        for option in options.iter().take(MOST_OPTIONS) {
            ballot.plain(option);
            let plain = ballot.line.clone();
            ballot.options.push(plain);
        }
        ballot
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.options.is_empty()
    }

    /// What a line votes for, as an index.
    pub(super) fn vote(&mut self, text: &str) -> Option<u8> {
        // Nobody votes with a novel.
        if text.len() > 256 {
            return None;
        }
        self.plain(text);
        let line = Some(self.line.as_str()).filter(|line| !line.is_empty())?;
        let is = |option: &String| option == line;
        let repeats = |option: &String| {
            !option.is_empty()
                && line.len().is_multiple_of(option.len())
                && line.as_bytes().chunks(option.len()).all(|part| part == option.as_bytes())
        };
        let found = self.options.iter().position(is).or_else(|| self.options.iter().position(repeats));
        found.map(|index| index as u8)
    }

    /// Takes off what does not matter.
    fn plain(&mut self, text: &str) {
        let is_mark = |c: char| c.is_whitespace() || matches!(c, '!' | '！' | '.' | '。' | '~' | '～' | ',' | '，');
        let text = text.trim_matches(is_mark);
        let text = text.strip_prefix('扣').map_or(text, str::trim_start);
        self.line.clear();
        self.line.extend(text.chars().map(narrow).flat_map(char::to_lowercase));
    }
}

/// Full-width letters, digits and signs as their usual twins.
fn narrow(c: char) -> char {
    match c {
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(c as u32 - 0xFEE0).unwrap_or(c),
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn votes(options: &[&str], line: &str, expected: Option<u8>) {
        let options: Vec<String> = options.iter().map(ToString::to_string).collect();
        assert_eq!(Ballot::new(&options).vote(line), expected, "{line:?}");
    }

    #[test]
    fn a_vote_is_the_word_as_people_type_it() {
        for line in ["1", "111", " 1 ", "扣1", "扣 1!", "１", "１１１！", "扣1111"] {
            votes(&["1", "2"], line, Some(0));
        }
        votes(&["1", "2"], "2", Some(1));
        votes(&["A", "b"], "aA", Some(0));
        votes(&["A", "b"], "Ｂ", Some(1));
        votes(&["打野", "中单"], "中单中单", Some(1));
        votes(&["扣1", "扣2"], "2", Some(1));
    }

    #[test]
    fn what_is_more_than_the_word_is_no_vote() {
        for line in ["", "12", "1 2", "第1", "1号", "3", "!", &"1".repeat(300)] {
            votes(&["1", "2"], line, None);
        }
        votes(&[], "1", None);
        votes(&["", "1"], "", None);
    }

    #[test]
    fn words_that_nobody_can_vote_for_are_told() {
        let first = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(ToString::to_string).collect();
            indistinct(&words).map(str::to_owned)
        };
        assert_eq!(first(&["1", "2", "11", "扣3"]), None);
        assert_eq!(first(&["1", "扣1", "2", "2"]).as_deref(), Some("扣1"));
        assert_eq!([first(&["a", "Ａ"]).as_deref(), first(&["1", "!"]).as_deref()], [Some("Ａ"), Some("!")]);
    }

    #[test]
    fn the_whole_word_goes_before_a_repeated_one() {
        votes(&["1", "11"], "11", Some(1));
        votes(&["1", "11"], "111", Some(0));
        votes(&["6", "666"], "666", Some(1));
    }
}
