//! Marks: where in a text that is shown is what was looked for. Pure.

use std::ops::Range;

use danmu_sinks::Filter;
use danmu_sinks::filter::Pattern;

/// What to mark. By default nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Marks {
    /// In small letters, as far as these are ASCII: case does not matter there.
    words: Vec<String>,
    pattern: Option<Pattern>,
}

impl Marks {
    /// What a filter looks for in text.
    pub(crate) fn of(filter: &Filter) -> Self {
        let words = filter.words.iter().filter(|word| !word.is_empty()).map(|word| word.to_ascii_lowercase());
        Self { words: words.collect(), pattern: filter.pattern.clone() }
    }

    /// Where to mark a text, in bytes: in order, and none overlaps or touches the next.
    pub(crate) fn spans(&self, text: &str) -> Vec<Range<usize>> {
        if self.words.is_empty() && self.pattern.is_none() {
            return Vec::new();
        }
        let small = text.to_ascii_lowercase();
        let words = self.words.iter().flat_map(|word| small.match_indices(word.as_str()));
        let mut spans: Vec<Range<usize>> = words.map(|(at, word)| at..at + word.len()).collect();
        if let Some(pattern) = &self.pattern {
            spans.extend(pattern.found_in(text).filter(|span| !span.is_empty()));
        }
        spans.sort_unstable_by_key(|span| span.start);
        let mut apart: Vec<Range<usize>> = Vec::new();
        for span in spans {
            match apart.last_mut() {
                Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
                _ => apart.push(span),
            }
        }
        apart
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn marks(words: &[&str], pattern: Option<&str>, text: &str, marked: &str) {
        let words = words.iter().map(ToString::to_string).collect();
        let pattern = pattern.map(|pattern| pattern.parse().unwrap());
        let marks = Marks::of(&Filter { words, pattern, ..Filter::default() });
        let mut shown = text.to_owned();
        for span in marks.spans(text).into_iter().rev() {
            shown.insert(span.end, ']');
            shown.insert(span.start, '[');
        }
        assert_eq!(shown, marked);
    }

    #[test]
    fn words_and_patterns_are_marked_where_they_are_found() {
        marks(&["主播"], None, "主播好主播", "[主播]好[主播]");
        marks(&["HeLLo"], None, "say hello", "say [hello]");
        marks(&["ab", "bc"], None, "xabcx", "x[abc]x");
        marks(&["%", ""], None, "100%", "100[%]");
        marks(&[], Some("6+"), "牛666牛6", "牛[666]牛[6]");
        marks(&["牛"], Some("6*"), "牛666牛", "[牛666牛]");
        marks(&["Ä"], None, "ä Ä", "ä [Ä]");
        marks(&[], None, "x", "x");
    }
}
