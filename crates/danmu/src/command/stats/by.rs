//! `danmu stats --by`: one table, a row for each room, hour, type or person.

use danmu_sinks::recording::stats::{Counts, Stats};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::By;
use super::overview::{covered, listed, money, person};
use crate::printer::{Closed, Printer};
use crate::table::{Side, Table, bar, count};

pub(super) fn print(counted: &Stats, by: By, zone: &TimeZone, printer: &mut Printer) -> Result<(), Closed> {
    let rows: Vec<(String, &Counts, String)> = match by {
        By::User => return people(counted, printer),
        By::Hour => {
            let busiest = counted.hours.values().map(|counts| counts.messages).max().unwrap_or(0);
            counted
                .hours
                .iter()
                .map(|(at, counts)| (hour(*at, zone), counts, bar(counts.messages, busiest, 10)))
                .collect()
        }
        By::Room => counted
            .rooms
            .iter()
            .map(|(room, stats)| {
                (room.to_string(), &stats.counts, stats.coverage.as_ref().map(covered).unwrap_or_default())
            })
            .collect(),
        By::Type => {
            let mut types: Vec<_> = counted.types.iter().collect();
            types.sort_by_key(|(_, counts)| std::cmp::Reverse(counts.messages));
            types.into_iter().map(|(kind, counts)| (kind.clone(), counts, String::new())).collect()
        }
    };
    let (what, last) = match by {
        By::Hour => ("hour", ""),
        By::Room => ("room", "listened"),
        By::Type | By::User => ("type", ""),
    };
    let mut table = Table::new(&[
        (what, Side::Left),
        ("messages", Side::Right),
        ("chat", Side::Right),
        ("bot?", Side::Right),
        ("people", Side::Right),
        ("new", Side::Right),
        ("gifts", Side::Right),
        ("money", Side::Right),
        (last, Side::Left),
    ]);
    for (name, counts, last) in rows {
        table.row([
            name,
            count(counts.messages),
            some(counts.chats),
            some(counts.suspect),
            some(counts.people),
            some(counts.new),
            some(counts.gifts),
            money(counts.fen(), counts.unpriced),
            last,
        ]);
    }
    if table.is_empty() {
        return printer.line("no messages");
    }
    table.print(printer)
}

fn people(counted: &Stats, printer: &mut Printer) -> Result<(), Closed> {
    let mut table = Table::new(&[
        ("", Side::Right),
        ("who", Side::Left),
        ("account", Side::Right),
        ("messages", Side::Right),
        ("chat", Side::Right),
        ("bot?", Side::Right),
        ("gifts", Side::Right),
        ("money", Side::Right),
    ]);
    for (place, one) in listed(&counted.people) {
        table.row([
            place,
            person(one),
            one.user.map(|user| user.to_string()).unwrap_or_default(),
            count(one.messages),
            some(one.chats),
            some(one.suspect),
            some(one.gifts),
            money(one.fen, one.unpriced),
        ]);
    }
    if table.is_empty() {
        return printer.line("nobody");
    }
    table.print(printer)
}

/// A number that is worth ink.
fn some(number: u64) -> String {
    if number == 0 { String::new() } else { count(number) }
}

/// An hour in local words.
fn hour(us: i64, zone: &TimeZone) -> String {
    let time = Timestamp::from_microsecond(us).unwrap_or_default().to_zoned(zone.clone());
    time.strftime("%Y-%m-%d %H:%M").to_string()
}
