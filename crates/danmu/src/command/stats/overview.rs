//! `danmu stats` for people: everything that matters on a page or two.

use std::time::Duration;

use danmu_sinks::recording::ledger::{Coverage, Gap};
use danmu_sinks::recording::stats::{PersonStats, Rate, Stats};

use crate::duration;
use crate::printer::{Closed, Printer};
use crate::render::yuan;
use crate::select::show;
use crate::table::{Side, Table, bar, count};
use crate::text::safe;

/// At most so many gaps are listed: a bad night has thousands.
const GAPS: usize = 20;

pub(super) fn print(counted: &Stats, top: usize, printer: &mut Printer) -> Result<(), Closed> {
    // Without messages, it matters all the more whether anybody listened.
    printer.line(&match (counted.first_us, counted.last_us) {
        (Some(first_us), Some(last_us)) => {
            format!("{} messages from {} to {}", count(counted.total.messages), show(first_us), show(last_us))
        }
        _ => "no messages".to_owned(),
    })?;
    summary(counted).print(printer)?;
    rooms(counted, top, printer)?;
    lists(counted, top, printer)?;
    ledger(counted, printer)
}

/// What it comes to, in a few lines.
fn summary(counted: &Stats) -> Table {
    let total = &counted.total;
    let mut table = Table::new(&[("", Side::Left), ("", Side::Right), ("", Side::Left)]);
    let mut line = |what: &str, number: u64, words: String| {
        if number > 0 {
            table.row([what.to_owned(), count(number), words]);
        }
    };
    let bots =
        if total.suspect > 0 { format!("{} of them may be automated", count(total.suspect)) } else { String::new() };
    line("chat", total.chats, bots);
    line("people", total.people, format!("{} new, {} returning", count(total.new), count(total.returning)));
    line("gifts", total.gifts, money(total.gift_fen, total.unpriced));
    line("super chats", total.superchats, money(total.superchat_fen, 0));
    line("foreign", total.foreign, "messages that name another room".to_owned());
    if total.fan_fen > 0 {
        table.row(["diamond fans".to_owned(), String::new(), yuan(total.fan_fen)]);
    }
    if total.messages > 0 {
        let rate = |rate: &Rate| format!("usually, {} at busy times, {} at most", count(rate.p99), count(rate.peak));
        let at = |rate: &Rate| show(rate.peak_us).split_once(' ').map(|(_, time)| time.to_owned()).unwrap_or_default();
        let minute = &counted.per_minute;
        table.row(["a minute".into(), count(minute.p50), format!("{}, {}", rate(minute), at(minute))]);
        let second = &counted.per_second;
        table.row(["a second".into(), count(second.p50), format!("{}, {}", rate(second), at(second))]);
    }
    table
}

/// Rooms and types.
fn rooms(counted: &Stats, top: usize, printer: &mut Printer) -> Result<(), Closed> {
    let mut table = Table::new(&[
        ("room", Side::Left),
        ("messages", Side::Right),
        ("people", Side::Right),
        ("gifts", Side::Right),
        ("money", Side::Right),
    ]);
    for (room, stats) in &counted.rooms {
        let counts = &stats.counts;
        table.row([
            room.to_string(),
            count(counts.messages),
            count(counts.people),
            count(counts.gifts),
            money(counts.fen(), counts.unpriced),
        ]);
    }
    section("", table, printer)?;
    let mut types: Vec<_> = counted.types.iter().collect();
    types.sort_by_key(|(_, counts)| std::cmp::Reverse(counts.messages));
    let mut table = Table::new(&[("type", Side::Left), ("messages", Side::Right), ("people", Side::Right)]);
    for (kind, counts) in types.into_iter().take(top) {
        table.row([kind.clone(), count(counts.messages), some(counts.people)]);
    }
    section("", table, printer)
}

fn some(number: u64) -> String {
    if number == 0 { String::new() } else { count(number) }
}

/// People, gifts, emotes, medals, levels and votes.
fn lists(counted: &Stats, top: usize, printer: &mut Printer) -> Result<(), Closed> {
    let mut talkers =
        Table::new(&[("", Side::Right), ("top talkers", Side::Left), ("lines", Side::Right), ("", Side::Left)]);
    for (place, one) in listed(&counted.talkers) {
        talkers.row([
            place,
            person(one),
            count(one.chats),
            if one.suspect > 0 { "bot?".into() } else { String::new() },
        ]);
    }
    section("", talkers, printer)?;

    let mut givers =
        Table::new(&[("", Side::Right), ("top givers", Side::Left), ("gifts", Side::Right), ("money", Side::Right)]);
    for (place, one) in listed(&counted.givers) {
        givers.row([place, person(one), some(one.gifts), money(one.fen, one.unpriced)]);
    }
    section("", givers, printer)?;

    let mut gifts =
        Table::new(&[("gift", Side::Left), ("how many", Side::Right), ("each", Side::Right), ("money", Side::Right)]);
    for gift in counted.gifts.iter().take(top) {
        let name = gift.name.clone().unwrap_or_else(|| format!("{} {}", gift.kind.name(), gift.id));
        let each = gift.price_fen.map(yuan).unwrap_or_default();
        let sum = if gift.price_fen.is_some() || gift.fen > 0 { yuan(gift.fen) } else { "?".to_owned() };
        gifts.row([name, count(gift.count), each, sum]);
    }
    section("", gifts, printer)?;

    let mut emotes = Table::new(&[("emote", Side::Left), ("uses", Side::Right), ("lines", Side::Right)]);
    for emote in counted.emotes.iter().take(top) {
        emotes.row([format!("[emot:{}]", emote.name), count(emote.uses), count(emote.lines)]);
    }
    section("", emotes, printer)?;

    let mut medals =
        Table::new(&[("medal", Side::Left), ("room", Side::Right), ("people", Side::Right), ("lines", Side::Right)]);
    for medal in counted.medals.iter().take(top) {
        let room = medal.room.map(|room| room.to_string()).unwrap_or_default();
        medals.row([medal.name.clone(), room, count(medal.people), count(medal.lines)]);
    }
    section("", medals, printer)?;
    section("", levels(counted), printer)?;

    let cast: u64 = counted.votes.iter().map(|vote| vote.people).sum();
    let most = counted.votes.iter().map(|vote| vote.people).max().unwrap_or(0);
    let mut votes = Table::new(&[("vote", Side::Left), ("people", Side::Right), ("", Side::Right), ("", Side::Left)]);
    for vote in &counted.votes {
        let percent = if cast == 0 { 0.0 } else { vote.people as f64 * 100.0 / cast as f64 };
        votes.row([vote.option.clone(), count(vote.people), format!("{percent:.1} %"), bar(vote.people, most, 30)]);
    }
    section("", votes, printer)
}

/// People by level, ten levels a row.
fn levels(counted: &Stats) -> Table {
    let mut tens = std::collections::BTreeMap::<u32, u64>::new();
    for (level, people) in &counted.levels {
        *tens.entry(level / 10).or_default() += people;
    }
    let most = tens.values().copied().max().unwrap_or(0);
    let mut table = Table::new(&[("level", Side::Right), ("people", Side::Right), ("", Side::Left)]);
    for (ten, people) in tens {
        let first = u64::from(ten) * 10;
        table.row([format!("{first}–{}", first + 9), count(people), bar(people, most, 30)]);
    }
    table
}

/// Who listened when, and what became of all that came.
fn ledger(counted: &Stats, printer: &mut Printer) -> Result<(), Closed> {
    printer.line("")?;
    for (room, stats) in &counted.rooms {
        let Some(coverage) = &stats.coverage else { continue };
        let which = if counted.rooms.len() > 1 { format!("room {room}: ") } else { String::new() };
        printer.line(&format!("  {which}listened {}", covered(coverage)))?;
        for gap in counted.gaps.iter().filter(|gap| gap.room == *room).take(GAPS) {
            printer.line(&format!("    gap {}", missed(gap)))?;
        }
        let gaps = counted.gaps.iter().filter(|gap| gap.room == *room).count();
        if gaps > GAPS {
            printer.line(&format!("    and {} more gaps: all of them with --json", gaps - GAPS))?;
        }
    }
    let sums = counted.sums;
    printer.line(&format!(
        "  {} received = {} stored + {} control + {} duplicates + {} dropped",
        sums.received, sums.stored, sums.control, sums.duplicates, sums.dropped
    ))?;
    for (cause, dropped) in &counted.dropped {
        printer.line(&format!("    {} dropped: {}", count(*dropped), safe(cause)))?;
    }
    Ok(())
}

/// A table with a line before it, if there is something in it.
fn section(title: &str, table: Table, printer: &mut Printer) -> Result<(), Closed> {
    if table.is_empty() {
        return Ok(());
    }
    printer.line(title)?;
    table.print(printer)
}

/// People with their places.
pub(super) fn listed(people: &[PersonStats]) -> impl Iterator<Item = (String, &PersonStats)> {
    (1..).map(|place: u32| place.to_string()).zip(people)
}

/// Name, and the medal that is worn.
pub(super) fn person(one: &PersonStats) -> String {
    let name = crate::table::fit(&safe(one.name.as_deref().unwrap_or("?")), 24);
    match (&one.medal, one.medal_level) {
        (Some(medal), Some(level)) => format!("{name} [{} {level}]", crate::table::fit(&safe(medal), 12)),
        (Some(medal), None) => format!("{name} [{}]", crate::table::fit(&safe(medal), 12)),
        (None, _) => name,
    }
}

/// Money, and a plus where there are gifts whose price is not known.
pub(super) fn money(fen: u64, unpriced: u64) -> String {
    match (fen, unpriced) {
        (0, 0) => String::new(),
        (0, _) => "?".to_owned(),
        (fen, 0) => yuan(fen),
        (fen, _) => format!("{}+", yuan(fen)),
    }
}

pub(super) fn covered(coverage: &Coverage) -> String {
    let wanted = duration::show(Duration::from_micros(coverage.wanted_us.max(0).cast_unsigned()));
    format!("{:.2} % of {wanted}", coverage.ratio() * 100.0)
}

fn missed(gap: &Gap) -> String {
    let length = duration::show(Duration::from_micros(gap.to_us.abs_diff(gap.from_us)));
    format!("{} to {}, {length}: {}", show(gap.from_us), show(gap.to_us), safe(&gap.reason))
}
