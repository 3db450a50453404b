//! The pictures of a report: which there are, and how each is framed as a file.

use danmu_sinks::recording::stats::{Counts, PersonStats};
use jiff::Zoned;

use super::axis::zoned;
use super::bars::{self, Bar, Hue};
use super::columns::{self, Column, Unit};
use super::facts::{Facts, TOP};
use super::label::{self, count, yuan};
use super::lang::Lang;
use super::style::Style;
use super::svg::{Anchor, Svg, Type};
use super::{cloud, density, fonts, heat};

/// A picture that can be drawn in any style and width.
pub(super) struct Picture<'a> {
    /// The name of its files, and of its place on the page.
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    /// What must be known beside it.
    pub(super) note: Option<String>,
    /// Whether it takes the whole width of a page.
    pub(super) wide: bool,
    draw: Box<Draw<'a>>,
}

/// Draws something in a style and a width.
type Draw<'a> = dyn Fn(&Style<'_>, f64) -> Option<Svg> + 'a;

/// Widths of what is drawn for a file.
const WIDE: f64 = 1040.0;
const HALF: f64 = 600.0;
/// Around a picture in a file.
const MARGIN: f64 = 32.0;

impl<'a> Picture<'a> {
    /// A picture that takes the whole width of a page.
    pub(super) fn wide(
        name: &'static str,
        title: &'static str,
        draw: impl Fn(&Style<'_>, f64) -> Option<Svg> + 'a,
    ) -> Self {
        Self { name, title, note: None, wide: true, draw: Box::new(draw) }
    }

    /// A picture that takes half of it.
    pub(super) fn narrow(
        name: &'static str,
        title: &'static str,
        draw: impl Fn(&Style<'_>, f64) -> Option<Svg> + 'a,
    ) -> Self {
        Self { wide: false, ..Self::wide(name, title, draw) }
    }

    fn noting(self, note: Option<String>) -> Self {
        Self { note, ..self }
    }

    /// Draws it; nothing, if there is nothing to be seen.
    pub(super) fn draw(&self, style: &Style<'_>, width: f64) -> Option<Svg> {
        (self.draw)(style, width)
    }

    /// As a file: with its title, what it is about, and where it comes from.
    pub(super) fn file(&self, about: &str, style: &Style<'_>) -> Option<String> {
        let inner = self.draw(style, if self.wide { WIDE } else { HALF })?;
        let palette = style.palette;
        let above = MARGIN + 58.0;
        let (width, height) = (inner.width + 2.0 * MARGIN, above + inner.height + MARGIN + 14.0);
        let mut svg = Svg::new(&style.id("frame"), width, height);
        svg.rect((0.0, 0.0, width, height), 0.0, palette.card);
        svg.text((MARGIN, MARGIN + 14.0), self.title, Type::new(21.0, palette.ink).bold());
        let about = style.fit(about, 12.5, inner.width, "");
        svg.text((MARGIN, MARGIN + 36.0), &about, Type::new(12.5, palette.muted));
        svg.place((MARGIN, above), &inner);
        let mark = Type::new(11.0, palette.muted).anchor(Anchor::End);
        svg.text((width - MARGIN, height - 16.0), "danmu", mark);
        let family = style.font.map_or_else(String::new, |font| format!("'{}', ", font.family.replace('\'', "")));
        Some(svg.file(self.title, &(family + fonts::ELSEWHERE)))
    }
}

/// All pictures, in the order of the page.
pub(super) fn pictures(facts: &Facts, lang: Lang) -> Vec<Picture<'_>> {
    let stats = &facts.stats;
    let money = stats.total.fen() > 0;
    let unpriced = (stats.total.unpriced > 0).then(|| {
        lang.say(
            format!("{} gifts have no known price and are not in the sums.", count(stats.total.unpriced)),
            format!("另有 {} 个礼物价格未知，没有计入金额。", count(stats.total.unpriced)),
        )
    });
    vec![
        Picture::wide("density", lang.say("The evening in lines a minute", "弹幕密度"), |style, width| {
            density::draw(&facts.density, style, width)
        }),
        Picture::narrow("talkers", lang.say("Who said most", "话最多的人"), move |style, width| {
            let bar = |person: &PersonStats| person_bar(person, person.chats as f64, count(person.chats), lang);
            let bars: Vec<_> = stats.talkers.iter().map(bar).collect();
            bars::draw("talkers", &bars, Hue::Accent, style, width)
        }),
        Picture::narrow("givers", lang.say("Who gave most", "最大方的人"), move |style, width| {
            let bar = |person: &PersonStats| {
                if money {
                    person_bar(person, person.fen as f64, yuan(person.fen, lang), lang)
                } else {
                    person_bar(person, person.gifts as f64, count(person.gifts), lang)
                }
            };
            let bars: Vec<_> = stats.givers.iter().map(bar).filter(|bar| bar.value > 0.0).collect();
            bars::draw("givers", &bars, Hue::Gold, style, width)
        })
        .noting(unpriced.clone().filter(|_| money)),
        Picture::narrow(
            "money",
            if money {
                lang.say("Gifts and money over time", "礼物与金额")
            } else {
                lang.say("Gifts over time", "礼物数量")
            },
            move |style, width| money_over_time(facts, money, style, width),
        )
        .noting(unpriced.filter(|_| money)),
        Picture::narrow("gifts", lang.say("What was given", "收到的礼物"), |style, width| {
            gifts(facts, style, width)
        }),
        Picture::wide("cloud", lang.say("What people talked about", "大家在聊什么"), |style, width| {
            cloud::draw(&facts.words, style, width)
        }),
        Picture::narrow("words", lang.say("Words, by lines", "高频词"), |style, width| {
            let words = facts.words.iter().take(TOP);
            let bars: Vec<_> = words.map(|(word, lines)| bar(word, "", *lines)).collect();
            bars::draw("words", &bars, Hue::Blue, style, width)
        }),
        Picture::narrow("emotes", lang.say("Emotes", "表情"), |style, width| {
            let emotes = facts.stats.emotes.iter().take(TOP);
            let bars: Vec<_> = emotes.map(|emote| bar(&format!("[{}]", emote.name), "", emote.uses)).collect();
            bars::draw("emotes", &bars, Hue::Teal, style, width)
        }),
        Picture::narrow("levels", lang.say("People by level", "观众等级"), |style, width| {
            levels(facts, style, width)
        }),
        Picture::narrow("medals", lang.say("Fan medals, by people", "粉丝牌"), |style, width| {
            let medals = facts.stats.medals.iter().take(TOP);
            let bars: Vec<_> = medals.map(|medal| bar(&medal.name, "?", medal.people)).collect();
            bars::draw("medals", &bars, Hue::Accent, style, width)
        }),
        Picture::wide("week", lang.say("Hours of the week", "一周时段"), |style, width| {
            heat::draw(&facts.week, style, width)
        }),
    ]
}

fn bar(name: &str, otherwise: &str, value: u64) -> Bar {
    Bar { name: name.to_owned(), otherwise: otherwise.to_owned(), value: value as f64, shown: count(value) }
}

fn person_bar(person: &PersonStats, value: f64, shown: String, lang: Lang) -> Bar {
    let otherwise = match person.user {
        Some(user) => format!("uid {user}"),
        None => lang.say("without a name", "无名").to_owned(),
    };
    Bar { name: person.name.clone().unwrap_or_default(), otherwise, value, shown }
}

/// By what they cost, or by their number, if no price is known.
fn gifts(facts: &Facts, style: &Style<'_>, width: f64) -> Option<Svg> {
    let money = facts.stats.total.gift_fen > 0;
    let bars = facts.stats.gifts.iter().take(TOP).map(|gift| {
        let name = gift.name.clone().unwrap_or_default();
        let (value, shown) = match (money, gift.fen) {
            (false, _) => (gift.count as f64, count(gift.count)),
            (true, 0) => (0.0, format!("×{}", label::brief(gift.count as f64, style.lang))),
            (true, fen) => {
                (fen as f64, format!("×{} {}", label::brief(gift.count as f64, style.lang), yuan(fen, style.lang)))
            }
        };
        Bar { name, otherwise: format!("#{}", gift.id), value, shown }
    });
    bars::draw("gifts", &bars.collect::<Vec<_>>(), Hue::Gold, style, width)
}

/// Money, or gifts where no price is known, by hours or, where those are many, by days or months.
fn money_over_time(facts: &Facts, money: bool, style: &Style<'_>, width: f64) -> Option<Svg> {
    let parts = |counts: &Counts| {
        if money {
            vec![counts.gift_fen as f64, counts.superchat_fen as f64, counts.fan_fen as f64]
        } else {
            vec![counts.gifts as f64]
        }
    };
    let columns = by_time(facts, style.lang, parts);
    let legend: &[&str] = match (money, style.lang) {
        (true, Lang::En) => &["gifts", "super chats", "diamond fans"],
        (true, Lang::Zh) => &["礼物", "醒目弹幕", "钻粉"],
        (false, _) => &[],
    };
    let unit = if money { Unit::Money } else { Unit::Number };
    columns::draw("money", &columns, legend, unit, style, width)
}

/// Sums of the hours in columns that are few enough.
fn by_time(facts: &Facts, lang: Lang, parts: impl Fn(&Counts) -> Vec<f64>) -> Vec<Column> {
    const MOST: usize = 30;
    let hours = &facts.stats.hours;
    let days = |hour: &i64| zoned(*hour, &facts.zone).date();
    let one_day = hours.keys().next().map(days) == hours.keys().next_back().map(days);
    let hour = |time: &Zoned| match (one_day, lang) {
        (true, _) => time.strftime("%H:00").to_string(),
        (false, Lang::En) => time.strftime("%-d, %H:00").to_string(),
        (false, Lang::Zh) => time.strftime("%-d日%-H时").to_string(),
    };
    let month = |time: &Zoned| time.strftime("%Y-%m").to_string();
    let gather = |name: &dyn Fn(&Zoned) -> String| {
        let mut columns: Vec<Column> = Vec::new();
        for (hour, counts) in hours {
            let name = name(&zoned(*hour, &facts.zone));
            let parts = parts(counts);
            match columns.last_mut().filter(|column| column.name == name) {
                Some(column) => column.parts.iter_mut().zip(parts).for_each(|(sum, part)| *sum += part),
                None => columns.push(Column { name, parts }),
            }
        }
        columns
    };
    let names: [&dyn Fn(&Zoned) -> String; 3] = [&hour, &|time| lang.short_day(time), &month];
    let mut columns = Vec::new();
    for name in names {
        columns = gather(name);
        if columns.len() <= MOST {
            break;
        }
    }
    columns
}

/// People by tens of levels.
fn levels(facts: &Facts, style: &Style<'_>, width: f64) -> Option<Svg> {
    let levels = &facts.stats.levels;
    let highest = (*levels.keys().next_back()?).min(199) / 10;
    let columns = (0..=highest).map(|ten| {
        let to = if ten == highest { u32::MAX } else { ten * 10 + 9 };
        let people: u64 = levels.range(ten * 10..=to).map(|(_, people)| people).sum();
        let name =
            if ten == highest && ten == 19 { "190+".to_owned() } else { format!("{}–{}", ten * 10, ten * 10 + 9) };
        Column { name, parts: vec![people as f64] }
    });
    columns::draw("levels", &columns.collect::<Vec<_>>(), &[], Unit::Number, style, width)
}

/// What a report is about, in one line: which rooms, and when.
pub(super) fn heading(facts: &Facts, lang: Lang) -> (String, String) {
    let name = |(room, state): &(danmu_proto::RoomId, Option<danmu_sinks::recording::writer::RoomState>)| {
        let owner = state.as_ref().and_then(|state| state.owner.as_deref()).map(|owner| label::fit(owner, 1.0, 20.0));
        match (owner, lang) {
            (Some(owner), _) => format!("{owner} ({room})"),
            (None, Lang::En) => format!("room {room}"),
            (None, Lang::Zh) => format!("{room} 房间"),
        }
    };
    let rooms = match &*facts.rooms {
        [] => lang.say("no room", "没有房间").to_owned(),
        rooms @ ([_] | [_, _] | [_, _, _]) => rooms.iter().map(name).collect::<Vec<_>>().join(lang.say(", ", "、")),
        rooms => lang.say(format!("{} rooms", rooms.len()), format!("{} 个房间", rooms.len())),
    };
    let when = match (facts.stats.first_us, facts.stats.last_us) {
        (Some(first), Some(last)) => {
            let (first, last) = (zoned(first, &facts.zone), zoned(last, &facts.zone));
            let (from, to) = (first.strftime("%H:%M"), last.strftime("%H:%M"));
            if first.date() == last.date() {
                format!("{} {from}–{to}", lang.day(&first))
            } else {
                format!("{} {from} – {} {to}", lang.day(&first), lang.day(&last))
            }
        }
        _ => lang.say("nothing was said", "没有弹幕").to_owned(),
    };
    (rooms, when)
}
