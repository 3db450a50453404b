//! `danmu stats --json`: one object with everything; with `--by`, an object a line.

use danmu_sinks::recording::ledger::Coverage;
use danmu_sinks::recording::stats::{Counts, PersonStats, Rate, Stats, Sums};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::By;

pub(super) fn all(counted: &Stats, zone: &TimeZone) -> Value {
    let rooms = by(counted, By::Room, zone);
    let gaps = counted.gaps.iter().map(|gap| {
        json!({"room": gap.room.get(), "from": rfc3339(gap.from_us), "to": rfc3339(gap.to_us), "reason": gap.reason})
    });
    let gifts = counted.gifts.iter().map(|gift| {
        json!({
            "kind": gift.kind.name(), "id": gift.id, "name": gift.name, "price_fen": gift.price_fen,
            "count": gift.count, "fen": gift.fen,
        })
    });
    let emotes =
        counted.emotes.iter().map(|emote| json!({"name": emote.name, "uses": emote.uses, "lines": emote.lines}));
    let medals = counted
        .medals
        .iter()
        .map(|medal| json!({"name": medal.name, "room": medal.room, "people": medal.people, "lines": medal.lines}));
    let levels = counted.levels.iter().map(|(level, people)| json!({"level": level, "people": people}));
    let votes = counted.votes.iter().map(|vote| json!({"option": vote.option, "people": vote.people}));
    let people = |people: &[PersonStats]| people.iter().map(person).collect::<Vec<_>>();
    let mut all = json!({
        "v": 1, "first": counted.first_us.map(rfc3339), "last": counted.last_us.map(rfc3339),
        "per_minute": rate(&counted.per_minute), "per_second": rate(&counted.per_second),
        "rooms": rooms, "hours": by(counted, By::Hour, zone), "types": by(counted, By::Type, zone),
        "talkers": people(&counted.talkers), "givers": people(&counted.givers),
        "gifts_given": gifts.collect::<Vec<_>>(), "emotes": emotes.collect::<Vec<_>>(),
        "medals": medals.collect::<Vec<_>>(), "levels": levels.collect::<Vec<_>>(),
        "votes": votes.collect::<Vec<_>>(), "gaps": gaps.collect::<Vec<_>>(),
        "sums": sums(&counted.sums), "dropped": counted.dropped,
    });
    add(&mut all, counts(&counted.total));
    all
}

pub(super) fn by(counted: &Stats, by: By, zone: &TimeZone) -> Vec<Value> {
    match by {
        By::Room => counted
            .rooms
            .iter()
            .map(|(room, stats)| {
                let mut value = json!({
                    "room": room.get(), "types": stats.types, "sums": sums(&stats.sums),
                    "listened": stats.coverage.as_ref().map(Coverage::ratio),
                    "per_minute": rate(&stats.per_minute), "per_second": rate(&stats.per_second),
                });
                add(&mut value, counts(&stats.counts));
                value
            })
            .collect(),
        By::Hour => counted
            .hours
            .iter()
            .map(|(hour, each)| {
                let mut value = json!({"hour": local(*hour, zone)});
                add(&mut value, counts(each));
                value
            })
            .collect(),
        By::Type => counted
            .types
            .iter()
            .map(|(kind, each)| {
                let mut value = json!({"type": kind});
                add(&mut value, counts(each));
                value
            })
            .collect(),
        By::User => counted.people.iter().map(person).collect(),
    }
}

fn counts(counts: &Counts) -> Value {
    json!({
        "messages": counts.messages, "chats": counts.chats, "suspect": counts.suspect, "foreign": counts.foreign,
        "people": counts.people, "new": counts.new, "returning": counts.returning,
        "gifts": counts.gifts, "gift_fen": counts.gift_fen, "unpriced": counts.unpriced,
        "superchats": counts.superchats, "superchat_fen": counts.superchat_fen, "fan_fen": counts.fan_fen,
    })
}

fn person(one: &PersonStats) -> Value {
    json!({
        "user": one.user, "name": one.name, "level": one.level, "medal": one.medal, "medal_level": one.medal_level,
        "messages": one.messages, "chats": one.chats, "suspect": one.suspect, "gifts": one.gifts,
        "unpriced": one.unpriced, "fen": one.fen, "returning": one.returning,
    })
}

fn rate(rate: &Rate) -> Value {
    json!({
        "p50": rate.p50, "p99": rate.p99, "peak": rate.peak, "mean": (rate.mean * 1000.0).round() / 1000.0,
        "peak_at": (rate.peak > 0).then(|| rfc3339(rate.peak_us)),
    })
}

/// Puts the keys of one object into another.
fn add(to: &mut Value, from: Value) {
    if let (Value::Object(to), Value::Object(from)) = (to, from) {
        to.extend(from);
    }
}

fn rfc3339(us: i64) -> String {
    format!("{:.6}", Timestamp::from_microsecond(us).unwrap_or_default())
}

/// A time with the offset of a zone: an hour of the clock on the wall.
fn local(us: i64, zone: &TimeZone) -> String {
    let time = Timestamp::from_microsecond(us).unwrap_or_default();
    time.display_with_offset(zone.to_offset(time)).to_string()
}

fn sums(sums: &Sums) -> Value {
    json!({
        "received": sums.received, "stored": sums.stored, "control": sums.control, "duplicates": sums.duplicates,
        "dropped": sums.dropped,
    })
}
