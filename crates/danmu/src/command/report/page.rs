//! The page: one HTML file with everything in it. No script, no font, no picture from elsewhere.

use std::collections::VecDeque;

use danmu_sinks::recording::highlights::Highlight;
use danmu_sinks::recording::stats::Counts;
use jiff::Zoned;

use super::axis::{clock, moment, zoned};
use super::facts::Facts;
use super::label::{self, count, yuan};
use super::lang::Lang;
use super::pictures::{Picture, heading};
use super::style::Style;
use super::svg::escape;
use super::theme::{self, PAGE, Theme};

/// Stands in every page, and tells a folder of ours from others.
pub(super) const MARK: &str = r#"<meta name="generator" content="danmu report">"#;

const CSS: &str = include_str!("page.css");

/// Nothing of the page runs, and nothing is fetched, whatever a browser may think of what people wrote.
const POLICY: &str =
    r#"<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">"#;

/// Widths that pictures are drawn in for the page.
const WIDE: f64 = 1024.0;
const HALF: f64 = 480.0;
const NARROW: f64 = 330.0;
/// So many gaps are listed.
const GAPS: usize = 200;

/// HTML under way.
struct Html(String);

impl Html {
    /// Adds what is ours, as it is.
    fn raw(&mut self, html: &str) -> &mut Self {
        self.0.push_str(html);
        self
    }

    /// Adds text.
    fn text(&mut self, text: &str) -> &mut Self {
        escape(&mut self.0, text);
        self
    }

    /// Adds what strangers wrote, up to so many characters, in a place where it turns nothing else around.
    fn theirs(&mut self, text: &str, most: f64) -> &mut Self {
        // Emotes are written `[emot:dy110]`.
        let text = label::fit(&text.replace("[emot:", "["), 1.0, most);
        self.raw("<bdi>").text(&text).raw("</bdi>")
    }
}

/// Writes the page.
pub(super) fn page(facts: &Facts, pictures: &[Picture<'_>], theme: Theme, lang: Lang, made: &Zoned) -> String {
    let (rooms, when) = heading(facts, lang);
    let mut html = Html(String::new());
    html.raw("<!DOCTYPE html>\n<html lang=\"").raw(lang.tag()).raw("\">\n<head>\n<meta charset=\"utf-8\">\n");
    html.raw(MARK).raw("\n").raw(POLICY).raw("\n");
    html.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>");
    html.text(&rooms).raw(" · ").text(&when).raw("</title>\n<style>\n");
    html.raw(&theme::css(theme)).raw(CSS).raw("</style>\n</head>\n<body>\n<main>\n");
    head(&mut html, facts, &rooms, &when, lang);
    sums(&mut html, facts, lang);

    html.raw("<div class=\"cards\">\n");
    let style = |variant| Style { palette: &PAGE, lang, zone: &facts.zone, font: None, variant };
    let (shown, missing): (Vec<_>, Vec<_>) =
        pictures.iter().partition(|picture| picture.draw(&style("-n"), NARROW).is_some());
    for (picture, is_wide) in rows(&shown) {
        let broad = picture.draw(&style("-b"), if is_wide { WIDE } else { HALF });
        let narrow = picture.draw(&style("-n"), NARROW);
        let class = if is_wide { "card wide" } else { "card" };
        html.raw("<section class=\"").raw(class).raw(if picture.name == "density" { " long" } else { "" });
        html.raw("\" id=\"").raw(picture.name).raw("\">\n<h2>").text(picture.title).raw("</h2>\n");
        for (class, svg) in [("broad", broad), ("narrow", narrow)] {
            html.raw(&svg.map_or_else(String::new, |svg| svg.inline(class, picture.title)));
        }
        if let Some(note) = &picture.note {
            html.raw("<p class=\"note\">").text(note).raw("</p>\n");
        }
        if picture.name == "density" {
            highlights(&mut html, facts, lang);
        }
        html.raw("</section>\n");
    }
    ledger(&mut html, facts, lang);
    html.raw("</div>\n");
    let missing: Vec<_> = missing.iter().map(|picture| picture.title).collect();
    foot(&mut html, facts, &missing, lang, made);
    html.raw("</main>\n</body>\n</html>\n");
    html.0
}

/// The pictures row by row, and which have a row for themselves. Where a narrow one would be alone, the next narrow one is
/// called up; the last may be as wide as the page.
fn rows<'p, 'a>(pictures: &[&'p Picture<'a>]) -> Vec<(&'p Picture<'a>, bool)> {
    let mut rows = Vec::new();
    let mut left: VecDeque<_> = pictures.iter().copied().collect();
    while let Some(picture) = left.pop_front() {
        let partner = if picture.wide { None } else { left.iter().position(|other| !other.wide) };
        let partner = partner.and_then(|at| left.remove(at));
        rows.push((picture, partner.is_none()));
        rows.extend(partner.map(|partner| (partner, false)));
    }
    rows
}

fn head(html: &mut Html, facts: &Facts, rooms: &str, when: &str, lang: Lang) {
    // Of a single room, its title says more than its number.
    let title = match &*facts.rooms {
        [(_, Some(state))] => state.title.as_deref().map(|title| label::fit(title, 1.0, 60.0)),
        _ => None,
    };
    html.raw("<header>\n<h1>");
    match title.as_deref().filter(|title| !title.is_empty()) {
        Some(title) => html.theirs(title, 60.0),
        None => html.text(lang.say("Live chat: ", "弹幕报告：")).theirs(rooms, 80.0),
    };
    html.raw("</h1>\n<p>").theirs(rooms, 80.0).raw(" · ").text(when);
    if let (Some(first), Some(last)) = (facts.stats.first_us, facts.stats.last_us) {
        html.raw(" · ").text(&lang.duration(last.saturating_sub(first)));
    }
    html.raw("</p>\n</header>\n");
}

/// The sums, above all.
fn sums(html: &mut Html, facts: &Facts, lang: Lang) {
    let Counts { messages, chats, people, returning, gifts, superchats, .. } = facts.stats.total;
    let total = &facts.stats.total;
    let peak = &facts.stats.per_minute;
    let mut sums: Vec<(&str, String, String)> = vec![
        (
            lang.say("Lines of chat", "弹幕"),
            count(chats),
            lang.say(format!("of {} messages", count(messages)), format!("共 {} 条消息", count(messages))),
        ),
        (
            lang.say("People", "人数"),
            count(people),
            if returning > 0 {
                lang.say(
                    format!("{} of them came back", count(returning)),
                    format!("其中 {} 人是回头客", count(returning)),
                )
            } else {
                let each = label::brief(chats as f64 / people.max(1) as f64, lang);
                lang.say(format!("{each} lines each"), format!("人均 {each} 条"))
            },
        ),
    ];
    if peak.peak > 0 {
        let at = clock(peak.peak_us, &facts.zone);
        let at = at.get(..5).unwrap_or(&at);
        sums.push((
            lang.say("Busiest minute", "最热的一分钟"),
            count(peak.peak),
            lang.say(format!("messages, at {at}"), format!("条消息，{at}")),
        ));
    }
    if gifts > 0 {
        let kinds = facts.stats.gifts.len();
        sums.push((
            lang.say("Gifts", "礼物"),
            count(gifts),
            lang.say(format!("of {kinds} kinds"), format!("{kinds} 种")),
        ));
    }
    if total.fen() > 0 {
        sums.push((
            lang.say("Money", "金额"),
            yuan(total.fen(), lang),
            lang.say(format!("{} super chats", count(superchats)), format!("{} 条醒目弹幕", count(superchats))),
        ));
    }
    if let Some(share) = facts.coverage() {
        let gaps = facts.gaps.len();
        sums.push((
            lang.say("Recorded", "录制完整度"),
            percent(share),
            match (lang, gaps) {
                (Lang::En, 0) => "nothing was missed".to_owned(),
                (Lang::En, 1) => "one gap".to_owned(),
                (Lang::En, _) => format!("{gaps} gaps"),
                (Lang::Zh, 0) => "没有缺口".to_owned(),
                (Lang::Zh, _) => format!("{gaps} 处缺口"),
            },
        ));
    }
    html.raw("<dl class=\"sums\">\n");
    for (name, value, more) in sums {
        html.raw("<div><dt>").text(name).raw("</dt><dd>").text(&value).raw("<small>").text(&more);
        html.raw("</small></dd></div>\n");
    }
    html.raw("</dl>\n");
}

/// Never 100 % where something is missing.
fn percent(share: f64) -> String {
    if share >= 1.0 {
        return "100%".to_owned();
    }
    let text = format!("{:.2}", (share * 100.0).clamp(0.0, 99.99));
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}

fn highlights(html: &mut Html, facts: &Facts, lang: Lang) {
    if facts.highlights.is_empty() {
        return;
    }
    let day = |us| zoned(us, &facts.zone).date();
    let days = facts.stats.first_us.map(day) != facts.stats.last_us.map(day);
    html.raw("<ol class=\"marks\">\n");
    for (at, highlight) in facts.highlights.iter().enumerate() {
        html.raw("<li><span class=\"number\">").text(&(at + 1).to_string()).raw("</span><div><time>");
        if days {
            html.text(&lang.short_day(&zoned(highlight.from_us, &facts.zone))).raw(" ");
        }
        html.text(&clock(highlight.from_us, &facts.zone)).raw("</time><small>").text(&about(highlight, lang));
        if facts.rooms.len() > 1 {
            html.raw(" · ").text(lang.say("room ", "房间 ")).text(&highlight.room.to_string());
        }
        html.raw("</small>\n");
        if !highlight.phrases.is_empty() {
            html.raw("<div class=\"words\">");
            for phrase in &highlight.phrases {
                html.raw("<span>").theirs(phrase, 24.0).raw("</span>");
            }
            html.raw("</div>\n");
        }
        for sample in &highlight.samples {
            html.raw("<q>").theirs(sample.name.as_deref().unwrap_or(""), 16.0).text(lang.say(": ", "："));
            html.theirs(&sample.text, 60.0).raw("</q>\n");
        }
        html.raw("</div></li>\n");
    }
    html.raw("</ol>\n");
}

/// How long, how much more than usual, and by how many.
fn about(highlight: &Highlight, lang: Lang) -> String {
    let length = lang.duration(highlight.to_us - highlight.from_us);
    let times = f64::from(highlight.rate) / f64::from(highlight.usual).max(0.05);
    match lang {
        Lang::En => format!(
            "{length} · {times:.1}× the usual · {} lines by {} people",
            count(highlight.lines),
            count(highlight.people)
        ),
        Lang::Zh => {
            format!("{length} · 平时的 {times:.1} 倍 · {} 人 {} 条", count(highlight.people), count(highlight.lines))
        }
    }
}

/// What was listened to, and what was not.
fn ledger(html: &mut Html, facts: &Facts, lang: Lang) {
    let rooms: Vec<_> = facts.stats.rooms.iter().collect();
    if rooms.is_empty() {
        return;
    }
    html.raw("<section class=\"card wide long\" id=\"ledger\">\n<h2>");
    html.text(lang.say("What was recorded, and what was not", "录制情况")).raw("</h2>\n<table>\n<tr><th>");
    html.text(lang.say("Room", "房间")).raw("</th><th class=\"right\">").text(lang.say("Messages", "消息"));
    html.raw("</th><th class=\"right\">").text(lang.say("Recorded", "完整度")).raw("</th><th></th></tr>\n");
    for (room, stats) in rooms.iter().take(GAPS) {
        html.raw("<tr><td>").text(&room.to_string()).raw("</td><td class=\"right\">");
        html.text(&count(stats.counts.messages)).raw("</td><td class=\"right\">");
        if let Some(coverage) = &stats.coverage {
            let ratio = coverage.ratio();
            html.text(&percent(ratio)).raw("</td><td><span class=\"share\"><i style=\"width:");
            html.raw(&format!("{:.2}", ratio.clamp(0.0, 1.0) * 100.0)).raw("%\"></i></span></td></tr>\n");
        } else {
            html.text("–").raw("</td><td></td></tr>\n");
        }
    }
    html.raw("</table>\n");
    gaps(html, facts, lang);
    html.raw("</section>\n");
}

fn gaps(html: &mut Html, facts: &Facts, lang: Lang) {
    if facts.gaps.is_empty() {
        return;
    }
    html.raw("<table class=\"gaps\">\n<tr>");
    let room = (facts.rooms.len() > 1).then_some(lang.say("Room", "房间"));
    let names =
        [lang.say("Gap from", "缺口开始"), lang.say("for", "时长"), lang.say("to", "结束"), lang.say("reason", "原因")];
    for name in names.into_iter().chain(room) {
        html.raw("<th>").text(name).raw("</th>");
    }
    html.raw("</tr>\n");
    for gap in facts.gaps.iter().take(GAPS) {
        html.raw("<tr><td>").text(&moment(gap.from_us, &facts.zone)).raw("</td><td>");
        html.text(&lang.duration(gap.to_us.saturating_sub(gap.from_us))).raw("</td><td>");
        html.text(&moment(gap.to_us, &facts.zone)).raw("</td><td>").theirs(&gap.reason, 40.0);
        if room.is_some() {
            html.raw("</td><td>").text(&gap.room.to_string());
        }
        html.raw("</td></tr>\n");
    }
    html.raw("</table>\n");
    if let Some(more) = facts.gaps.len().checked_sub(GAPS).filter(|more| *more > 0) {
        html.raw("<p class=\"note\">");
        html.text(&lang.say(format!("and {} more", count(more as u64)), format!("还有 {} 处", count(more as u64))));
        html.raw("</p>\n");
    }
}

fn foot(html: &mut Html, facts: &Facts, missing: &[&str], lang: Lang, made: &Zoned) {
    html.raw("<footer>\n");
    if !missing.is_empty() {
        html.raw("<p>").text(lang.say("Nothing to show for: ", "没有可画的内容："));
        html.text(&missing.join(lang.say(", ", "、"))).raw("</p>\n");
    }
    let zone = made.with_time_zone(facts.zone.clone());
    html.raw("<p>").text(&lang.say(
        format!(
            "Made by danmu {} on {}. All times are {}.",
            env!("CARGO_PKG_VERSION"),
            zone.strftime("%Y-%m-%d %H:%M"),
            zone.strftime("%:z"),
        ),
        format!(
            "由 danmu {} 生成于 {}，时间均为 {}。",
            env!("CARGO_PKG_VERSION"),
            zone.strftime("%Y-%m-%d %H:%M"),
            zone.strftime("%:z"),
        ),
    ));
    html.raw("</p>\n</footer>\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_narrow_picture_is_alone_beside_nothing() {
        let wide = |name| Picture::wide(name, "", |_, _| None);
        let narrow = |name| Picture::narrow(name, "", |_, _| None);
        let pictures = [wide("a"), narrow("b"), wide("c"), narrow("d"), narrow("e")];
        let rows: Vec<_> =
            rows(&pictures.iter().collect::<Vec<_>>()).iter().map(|(one, wide)| (one.name, *wide)).collect();
        assert_eq!(rows, [("a", true), ("b", false), ("d", false), ("c", true), ("e", true)]);
    }

    #[test]
    fn what_is_missing_is_never_rounded_away() {
        assert_eq!([1.0, 0.999_999, 0.5, 0.0, 0.123_45].map(percent), ["100%", "99.99%", "50%", "0%", "12.35%"]);
    }
}
