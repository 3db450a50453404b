//! Words: what people talk about. Chinese has no spaces between words, so jieba finds them.
//!
//! ```text
//! line ─▶ told apart ─▶ lines with their counts ─▶ words ─▶ top
//!         emotes, names, links out;               each counts
//!         666666 is 666                           once a line
//! ```
//!
//! Half of all lines are the same few, so each different line of a batch is cut once. Memory is bounded: batches by their
//! lines, words by their number.

use std::collections::{BTreeSet, HashMap, HashSet};

use jieba_rs::Jieba;

/// Words that the dictionary lacks, and words that are no topic.
const DICTIONARY: &str = include_str!("words/dictionary.txt");
const STOP: &str = include_str!("words/stop.txt");

/// So many different lines are cut together.
const BATCH: usize = 16_384;
/// Longer lines are looked at so far.
const LONGEST: usize = 200;
/// Of more words than this, the rare ones are forgotten.
const MOST: usize = 100_000;

/// Counts words.
pub(super) struct Words {
    jieba: Jieba,
    ours: HashSet<&'static str>,
    stop: HashSet<&'static str>,
    lines: HashMap<String, u64>,
    counts: HashMap<String, u64>,
}

/// A word and in how many lines it was.
pub(super) type Word = (String, u64);

impl Words {
    pub(super) fn new() -> Self {
        let ours: HashSet<_> = entries(DICTIONARY).collect();
        let mut jieba = Jieba::new();
        for word in &ours {
            // Often enough that it is not cut in two.
            jieba.add_word(word, Some(jieba.suggest_freq(word).max(1000)), None);
        }
        Self { jieba, ours, stop: entries(STOP).collect(), lines: HashMap::new(), counts: HashMap::new() }
    }

    /// Takes a line of chat.
    pub(super) fn add(&mut self, line: &str) {
        let line = essence(line);
        if line.is_empty() {
            return;
        }
        *self.lines.entry(line).or_default() += 1;
        if self.lines.len() >= BATCH {
            self.cut();
        }
    }

    /// The words that were in most lines.
    pub(super) fn top(mut self, most: usize) -> Vec<Word> {
        self.cut();
        let mut words: Vec<Word> = self.counts.into_iter().collect();
        // Of equals, the longer one says more.
        words.sort_by(|(a, one), (b, other)| other.cmp(one).then(b.len().cmp(&a.len())).then(a.cmp(b)));
        words.truncate(most);
        words
    }

    fn cut(&mut self) {
        for (line, count) in std::mem::take(&mut self.lines) {
            let cut = self.jieba.cut(&line, true);
            let words = cut.iter().map(|token| alike(token.word)).filter(|word| self.is_topic(word));
            let words: BTreeSet<&str> = words.collect();
            for word in words {
                match self.counts.get_mut(word) {
                    Some(counted) => *counted += count,
                    None => _ = self.counts.insert(word.to_owned(), count),
                }
            }
        }
        let mut least = 1;
        while self.counts.len() > MOST {
            self.counts.retain(|_, count| *count > least);
            least *= 2;
        }
    }

    fn is_topic(&self, word: &str) -> bool {
        if self.ours.contains(word) {
            return true;
        }
        let mut letters = 0;
        for c in word.chars() {
            if !c.is_alphabetic() {
                return false;
            }
            letters += 1;
        }
        letters >= 2 && !self.stop.contains(word)
    }
}

fn entries(file: &'static str) -> impl Iterator<Item = &'static str> {
    file.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// What a line says: without emotes, people's names and links, in small letters, and nothing four times in a row.
fn essence(line: &str) -> String {
    let mut out = String::new();
    let mut rest: &str = line.char_indices().nth(LONGEST).map_or(line, |(end, _)| &line[..end]);
    let mut run = (' ', 0);
    while let Some(c) = rest.chars().next() {
        let skip = match c {
            '[' if rest.starts_with("[emot:") => rest.find(']').map(|end| end + 1),
            '@' => Some(rest.find(char::is_whitespace).unwrap_or(rest.len())),
            'h' if rest.starts_with("http://") || rest.starts_with("https://") => {
                Some(rest.find(|c: char| c.is_whitespace() || !c.is_ascii()).unwrap_or(rest.len()))
            }
            _ => None,
        };
        if let Some(skip) = skip {
            out.push(' ');
            run = (' ', 0);
            rest = &rest[skip..];
            continue;
        }
        rest = &rest[c.len_utf8()..];
        let c = half_width(c).to_ascii_lowercase();
        run = if c == run.0 { (c, run.1 + 1) } else { (c, 1) };
        if run.1 <= 3 {
            out.push(c);
        }
    }
    let said = out.trim();
    if said.len() < out.len() { said.to_owned() } else { out }
}

/// Laughter and praise are the same, however long.
fn alike(word: &str) -> &str {
    let all = |c: char| !word.is_empty() && word.chars().all(|other| other == c);
    match word {
        _ if all('哈') && word.len() > '哈'.len_utf8() => "哈哈哈",
        _ if all('6') => "666",
        _ if word.strip_prefix("23").is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| c == '3')) => "233",
        word => word,
    }
}

/// `６６６` is 666.
fn half_width(c: char) -> char {
    match c {
        '！'..='～' => char::from_u32(c as u32 - 0xFEE0).unwrap_or(c),
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn top(lines: &[&str]) -> Vec<Word> {
        let mut words = Words::new();
        for line in lines {
            words.add(line);
        }
        words.top(10)
    }

    #[test]
    fn words_of_live_chat_stay_whole() {
        let words: Vec<_> =
            top(&["斗鱼主播的弹幕", "这波操作太秀了", "榜一大哥来了"]).into_iter().map(|word| word.0).collect();
        for word in ["斗鱼", "主播", "弹幕", "这波操作", "太秀了", "榜一大哥"] {
            assert!(words.iter().any(|found| found == word), "{word} is not in {words:?}");
        }
    }

    #[test]
    fn a_word_counts_once_a_line_and_however_long_it_is_shouted() {
        assert_eq!(top(&["666", "666666666666", "６６６６", "666 666"]), [("666".to_owned(), 4)]);
        assert_eq!(top(&["GG", "gg", "gg gg"]), [("gg".to_owned(), 3)]);
        assert_eq!(top(&["6", "66", "6666"]), [("666".to_owned(), 3)]);
        assert_eq!(top(&["哈哈", "哈哈哈哈哈哈", "哈哈[emot:dy110]"]), [("哈哈哈".to_owned(), 3)]);
        assert_eq!(top(&["233", "233333"]), [("233".to_owned(), 2)]);
    }

    #[test]
    fn emotes_names_links_and_empty_words_are_no_topics() {
        let lines = [
            "[emot:dy110]",
            "@一个叫火箭的人 我们",
            "https://www.douyu.com/火箭",
            "？？？！！",
            "的",
            "12345",
            "😀😀",
            "",
        ];
        assert_eq!(top(&lines), [("火箭".to_owned(), 1)]);
    }

    #[test]
    fn both_lists_are_lists_of_words() {
        for file in [DICTIONARY, STOP] {
            let words: Vec<_> = entries(file).collect();
            let different: HashSet<_> = words.iter().collect();
            assert_eq!(words.len(), different.len(), "a word stands there twice");
            assert!(words.iter().all(|word| !word.contains(char::is_whitespace)));
        }
    }
}
