//! Highlights: planted ones are found and nothing else, and odd recordings have sensible ones or none.

use danmu_sinks::Recording;
use danmu_sinks::recording::highlights::{Highlight, HighlightOptions};

use crate::support::*;

/// Seconds after noon, who, what.
type Line = (f64, u64, String);

/// Numbers that look random and are the same every time (xorshift).
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }

    /// From 0 to 1.
    fn share(&mut self) -> f64 {
        self.below(1 << 30) as f64 / f64::from(1 << 30)
    }

    /// How long until the next of events that come `rate` times a second.
    fn pause(&mut self, rate: f64) -> f64 {
        -(1.0 - self.share()).ln() / rate
    }

    fn of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len() as u64) as usize]
    }
}

const TALK: [&str; 12] =
    ["主播", "今天", "这把", "打野", "晚上", "吃饭", "那个", "为什么", "可以", "感觉", "不是", "昨天"];
const JOY: [&str; 6] = ["666", "哈哈哈哈", "卧槽", "？？？", "[emot:dy101]", "牛"];
const MOMENTS: [&str; 4] = ["五杀", "翻车", "名场面", "反杀"];

/// Someone of the room says something, and half of the time of a moment it is about that.
fn says(dice: &mut Dice, moment: Option<&str>) -> (u64, String) {
    let who = 1 + dice.below(3000);
    let talk = |dice: &mut Dice| {
        let words = 1 + dice.below(4);
        (0..words).map(|_| dice.of(&TALK)).collect::<String>() + &dice.below(100).to_string()
    };
    let text = match (moment, dice.below(10)) {
        (Some(moment), 0..3) => format!("{moment}{}", dice.of(&TALK)),
        (Some(_), 3..6) => dice.of(&JOY).repeat(1 + dice.below(3) as usize),
        (None, 0) => dice.of(&JOY).to_owned(),
        _ => talk(dice),
    };
    (who, text)
}

/// Three hours of chat that breathes and jumps, with planted moments. Gives the lines and the moments.
fn evening(seed: u64) -> (Vec<Line>, Vec<(f64, f64)>) {
    const HOURS: f64 = 3.0 * 3600.0;
    let mut dice = Dice::new(seed);
    let moments: Vec<(f64, f64, f64)> = (0..12)
        .map(|n| {
            let from = 600.0 + f64::from(n) * 780.0 + dice.share() * 300.0;
            (from, from + 20.0 + dice.share() * 50.0, 2.5 + dice.share() * 4.0)
        })
        .collect();
    let mut lines = Vec::new();
    let (mut at, mut mood, mut mood_ends) = (0.0, 1.0, 0.0);
    while at < HOURS {
        if at > mood_ends {
            // Every half minute it is a little more or less lively, by chance.
            mood = (0.25 * (dice.share() + dice.share() + dice.share() - 1.5)).exp();
            mood_ends = at + 30.0;
        }
        let tide = 1.5 + (at / 2000.0).sin() * 0.6;
        let stream = if (4000.0..8000.0).contains(&at) { 2.5 } else { 1.0 };
        let usual = tide * stream * mood;
        let moment = moments.iter().enumerate().find(|(_, (from, to, _))| (*from..*to).contains(&at));
        let (rate, about) = moment.map_or((usual, None), |(n, (.., more))| (usual * more, Some(MOMENTS[n % 4])));
        let (who, text) = says(&mut dice, about);
        lines.push((at, who, text));
        at += dice.pause(rate);
    }
    // A flood by one, and a crowd of bots that paste, between the moments.
    for n in 0..6 {
        let from = 600.0 + f64::from(n) * 1560.0 + 500.0;
        for k in 0..150 {
            lines.push((from + f64::from(k) * 0.2, 7, format!("看我看我{k}")));
        }
        for k in 0..100 {
            lines.push((
                from + 130.0 + f64::from(k) * 0.3,
                9000 + k as u64,
                "加群领福利，主播天天送火箭，进群私聊".into(),
            ));
        }
    }
    lines.sort_by(|a, b| a.0.total_cmp(&b.0));
    (lines, moments.into_iter().map(|(from, to, _)| (from, to)).collect())
}

fn record(lines: &[Line], end: f64) -> (tempfile::TempDir, Recording) {
    let (folder, path) = folder();
    let mut recorder = listening(&path, NOON);
    let time = |at: f64| NOON + (at * 1e6) as i64;
    for (at, who, text) in lines {
        recorder.records(&heard(LINK, room(9999), time(*at), &[chat(*who, &format!("观众{who}"), text)]));
    }
    recorder.commit(time(end)).unwrap();
    recorder.finish(time(end)).unwrap();
    (folder, Recording::open(path).unwrap())
}

fn seconds(us: i64) -> f64 {
    (us - NOON) as f64 / 1e6
}

fn found(lines: &[Line], end: f64) -> Vec<Highlight> {
    let (_folder, recording) = record(lines, end);
    let mut options = HighlightOptions::default();
    options.most = 1000;
    recording.highlights(&options).unwrap()
}

#[test]
fn planted_moments_are_found_and_floods_and_pasting_are_not() {
    let (mut planted, mut hit, mut given, mut right) = (0, 0, 0, 0_usize);
    for seed in 1..=8 {
        let (lines, moments) = evening(seed);
        let highlights = found(&lines, 10_800.0);
        let overlap = |highlight: &Highlight, (from, to): &(f64, f64)| {
            seconds(highlight.from_us) < *to + 5.0 && seconds(highlight.to_us) > *from - 5.0
        };
        planted += moments.len();
        hit += moments.iter().filter(|moment| highlights.iter().any(|highlight| overlap(highlight, moment))).count();
        given += highlights.len();
        right += highlights.iter().filter(|highlight| moments.iter().any(|moment| overlap(highlight, moment))).count();
        for highlight in &highlights {
            let is_right = moments.iter().any(|moment| overlap(highlight, moment));
            println!(
                "{seed} {} {:.0}–{:.0} score {:.1} {:?} {:?}",
                if is_right { "+" } else { "-" },
                seconds(highlight.from_us),
                seconds(highlight.to_us),
                highlight.score,
                highlight.phrases,
                highlight.samples.iter().map(|sample| &sample.text).collect::<Vec<_>>(),
            );
        }
        for moment in moments.iter().filter(|moment| !highlights.iter().any(|highlight| overlap(highlight, moment))) {
            println!("{seed} missed {moment:?}");
        }
    }
    let share = |part: usize, all: usize| part as f64 / all as f64;
    let (recall, precision) = (share(hit, planted), share(right, given));
    println!("precision {precision:.3}, recall {recall:.3}");
    assert!(precision >= 0.9 && recall >= 0.9, "precision {precision}, recall {recall}");
}

#[test]
fn odd_recordings_have_no_highlight_and_do_no_harm() {
    let line = |at: f64, text: &str| (at, 1, text.to_owned());
    assert_eq!(found(&[], 10.0), []);
    assert_eq!(found(&[line(0.0, "一")], 10.0), []);
    // One person says everything, all of it in one second.
    assert_eq!(found(&(0..500).map(|n| line(1.0, &n.to_string())).collect::<Vec<_>>(), 2.0), []);
    // A year between two lines, and a clock that jumps by eighty.
    let year = 365.0 * 86_400.0;
    assert_eq!(found(&[line(0.0, "一"), line(year, "二"), line(80.0 * year, "三")], 80.0 * year), []);
}

#[test]
fn all_in_one_second_is_a_highlight_where_there_is_silence_around_it() {
    let lines: Vec<Line> = (0..500).map(|n| (600.5, n, format!("五杀{n}"))).collect();
    let highlights = found(&lines, 1200.0);
    assert_eq!(highlights.len(), 1);
    let one = &highlights[0];
    assert!(seconds(one.from_us) <= 600.5 && seconds(one.to_us) >= 600.5 && one.to_us - one.from_us <= 20 * SECOND);
    assert_eq!((one.lines, one.people, one.usual), (500, 500, 0.0));
    assert_eq!((one.phrases[0].as_str(), one.samples.len()), ("五杀", 3));
}

#[test]
fn what_servers_send_again_after_a_join_is_no_highlight() {
    let backlog = |n: u64| format!("{}cst@={}/", chat(n, "甲", &format!("旧话{n}")), (NOON / 1000) - 30_000);
    let payloads: Vec<String> = (0..300).map(|n| backlog(n).replace("cst@=1795262399584/", "")).collect();
    let (_folder, path) = folder();
    let mut recorder = listening(&path, NOON);
    recorder.records(&heard(LINK, room(9999), NOON + SECOND, &payloads));
    recorder.finish(NOON + 1200 * SECOND).unwrap();
    let recording = Recording::open(&path).unwrap();
    assert_eq!(recording.highlights(&HighlightOptions::default()).unwrap(), []);
}

#[test]
fn names_of_ten_kilobytes_and_from_right_to_left_are_kept_as_they_are() {
    let long = "长".repeat(3500);
    let lines: Vec<Line> = (0..200).map(|n| (600.0 + n as f64 / 20.0, n, format!("\u{202E}{long}{n}"))).collect();
    let highlights = found(&lines, 1200.0);
    assert_eq!((highlights.len(), highlights[0].lines), (1, 200));
}

#[test]
fn a_selection_has_its_own_highlights() {
    let lines: Vec<Line> = (0..200).map(|n| (600.0 + n as f64 / 20.0, n, format!("五杀{n}"))).collect();
    let (_folder, recording) = record(&lines, 1200.0);
    let highlights = |change: &dyn Fn(&mut HighlightOptions)| {
        let mut options = HighlightOptions::default();
        change(&mut options);
        recording.highlights(&options).unwrap().len()
    };
    assert_eq!(highlights(&|_| {}), 1);
    assert_eq!(highlights(&|options| options.filter.types = danmu_sinks::Types::new(["gift"])), 0);
    assert_eq!(highlights(&|options| options.filter.until_us = Some(NOON + 500 * SECOND)), 0);
    assert_eq!(highlights(&|options| options.threshold = 1e9), 0);
    assert_eq!(highlights(&|options| options.most = 0), 0);
}
