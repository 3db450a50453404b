//! Phrases: what many lines have in common that others have not, without a word list. Pure.
//!
//! Chinese is written without spaces, so every run of two to six characters is a candidate, beside whole Latin words,
//! numbers and emotes. A phrase is good if many lines of the moment have it, few of the minutes before, and no longer
//! phrase says the same.

use std::collections::HashMap;

/// A phrase that was said before too is said at least so many times more often.
const RISE: f64 = 1.5;

/// Longest run of characters that is looked at.
const LONGEST: usize = 6;

/// A phrase is of at least this many lines.
const FEWEST: usize = 2;

/// A longer phrase takes the place of a part of it that has at most this many times as many lines.
const SAME: f64 = 1.6;

/// The best phrases of some lines, best first, against those that were said before.
pub(super) fn phrases<'a>(
    lines: impl IntoIterator<Item = &'a str>,
    before: impl IntoIterator<Item = &'a str>,
    most: usize,
) -> Vec<String> {
    let (now, usual) = (Lines::of(lines), Lines::of(before));
    let (all, usual_all) = (now.0.len(), usual.0.len());
    let (now, usual) = (now.count(), usual.count());
    let share = |lines: usize, all: usize| lines as f64 / all.max(1) as f64;
    let mut found: Vec<(&str, usize, f64)> = now
        .into_iter()
        .filter_map(|(phrase, lines)| {
            let usual = usual.get(phrase).copied().unwrap_or(0);
            if lines < FEWEST || usual >= FEWEST && share(lines, all) < RISE * share(usual, usual_all) {
                return None;
            }
            let rare = (usual_all as f64 + 1.0) / (usual as f64 + 0.5);
            let length = phrase.chars().count().min(LONGEST) as f64;
            let score = lines as f64 * rare.ln_1p() * length.sqrt();
            Some((phrase, lines, score))
        })
        .collect();
    found.sort_unstable_by(|(a, _, x), (b, _, y)| y.total_cmp(x).then_with(|| a.cmp(b)));
    let mut best: Vec<(&str, usize)> = Vec::new();
    for (phrase, lines, _) in found {
        if best.len() == most {
            break;
        }
        if !best.iter().any(|(better, of_better)| is_said(phrase, lines, better, *of_better)) {
            best.push((phrase, lines));
        }
    }
    best.into_iter().map(|(phrase, _)| phrase.to_owned()).collect()
}

/// Whether a better phrase says the same: it is the whole or a part of this one, or this is a piece of it and a piece of
/// the next word.
fn is_said(phrase: &str, lines: usize, better: &str, of_better: usize) -> bool {
    let hangs = |one: &str, other: &str| one.char_indices().any(|(at, _)| other.starts_with(&one[at..]));
    phrase.contains(better)
        || better.contains(phrase) && lines as f64 <= SAME * of_better as f64
        || lines <= of_better && (hangs(better, phrase) || hangs(phrase, better))
}

/// Lines as runs of one kind of character each, ready to be cut into candidates.
struct Lines(Vec<Vec<(Kind, String)>>);

impl Lines {
    fn of<'a>(lines: impl IntoIterator<Item = &'a str>) -> Self {
        Self(lines.into_iter().map(runs).collect())
    }

    /// In how many lines each candidate is.
    fn count(&self) -> HashMap<&str, usize> {
        // The line that had it last: one that has it twice is still one.
        let mut found: HashMap<&str, (usize, usize)> = HashMap::new();
        for (runs, line) in self.0.iter().zip(1..) {
            for (kind, run) in runs {
                candidates(*kind, run, |phrase| {
                    let (lines, last) = found.entry(phrase).or_default();
                    if *last != line {
                        (*lines, *last) = (*lines + 1, line);
                    }
                });
            }
        }
        found.into_iter().map(|(phrase, (lines, _))| (phrase, lines)).collect()
    }
}

fn runs(line: &str) -> Vec<(Kind, String)> {
    let mut runs = Vec::new();
    let mut rest = line;
    while let Some((text, emote)) = rest.split_once("[emot:") {
        runs_of_text(text, &mut runs);
        let Some((name, after)) = emote.split_once(']') else { return runs };
        runs.push((Kind::Emote, format!("[emot:{name}]")));
        rest = after;
    }
    runs_of_text(rest, &mut runs);
    runs
}

fn runs_of_text(text: &str, runs: &mut Vec<(Kind, String)>) {
    /// No moment needs more of a line.
    const MOST: usize = 60;
    let mut last = (Kind::Other, '\0', 0);
    for c in text.chars().flat_map(char::to_lowercase).take(MOST) {
        let c = match c {
            '？' => '?',
            '！' => '!',
            c => c,
        };
        let kind = Kind::of(c);
        let times = if (kind, c) == (last.0, last.1) { last.2 + 1 } else { 1 };
        if kind != last.0 {
            runs.push((kind, String::new()));
        }
        // Three are enough of anything: 66666 is 666.
        if let Some((_, run)) = runs.last_mut()
            && times <= 3
        {
            run.push(c);
        }
        last = (kind, c, times);
    }
}

/// The candidates of a run; some come more than once.
fn candidates<'r>(kind: Kind, run: &'r str, mut each: impl FnMut(&'r str)) {
    let is_one_character = run.chars().all(|c| run.starts_with(c));
    let is_whole = match kind {
        // One question mark is punctuation; more are an opinion.
        Kind::Mark | Kind::Wide => is_one_character,
        Kind::Latin | Kind::Emote => true,
        Kind::Other => return,
    };
    if run.chars().nth(1).is_none() {
        return;
    }
    if is_whole {
        each(run);
    } else if kind == Kind::Wide {
        for (from, _) in run.char_indices() {
            let ends = run[from..].char_indices().map(|(at, c)| from + at + c.len_utf8());
            ends.take(LONGEST).skip(1).for_each(|to| each(&run[from..to]));
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Latin letters and digits: words have ends.
    Latin,
    /// Chinese and all other letters.
    Wide,
    /// Question and exclamation marks.
    Mark,
    Emote,
    Other,
}

impl Kind {
    fn of(c: char) -> Self {
        match c {
            '?' | '!' => Self::Mark,
            c if c.is_ascii_alphanumeric() => Self::Latin,
            c if c.is_alphanumeric() => Self::Wide,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn says(lines: &[&str], before: &[&str], expected: &[&str]) {
        let found = phrases(lines.iter().copied(), before.iter().copied(), 3);
        assert_eq!(found, expected, "{lines:?}");
    }

    #[test]
    fn the_longest_phrase_that_lines_share_stands_for_its_parts() {
        says(&["这波五杀太帅了", "五杀太帅", "五杀太帅啊", "好"], &[], &["五杀太帅"]);
        says(&["火箭来了", "火箭", "火箭!", "谢谢火箭", "火箭来"], &[], &["火箭"]);
    }

    #[test]
    fn what_is_always_said_says_nothing() {
        let before = ["主播好", "主播你好", "主播在吗", "主播唱歌", "来了主播"];
        says(&["主播五杀", "主播五杀", "主播好帅", "主播好"], &before, &["主播五杀", "主播好"]);
    }

    #[test]
    fn words_numbers_emotes_and_marks_are_whole() {
        says(&["GG", "gg wp", "ggg"], &[], &["gg"]);
        says(&["66666", "6666666", "666"], &[], &["666"]);
        says(&["？？？？", "???", "???"], &[], &["???"]);
        says(&["[emot:dy101][emot:dy101]", "哦[emot:dy101]"], &[], &["[emot:dy101]"]);
        says(&["哈哈哈哈哈", "哈哈哈"], &[], &["哈哈哈"]);
        says(&["", " ", "[emot:", "a", "好"], &[], &[]);
    }
}
