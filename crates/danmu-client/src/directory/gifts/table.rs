//! Gift tables: files with what gifts are called and cost, in the shapes that people have.
//!
//! | shape | price |
//! |---|---|
//! | an answer of Douyu's: gift list, or prop config with or without its call | as [`super`] reads it |
//! | the prop config's `data` alone: `{"824": {"name": …, "pc": 10}}` | `pc` in fen |
//! | a catalogue by number space: `{"gfid": {"20004": {"name": …, "value_rmb": 500.0}}, "pid": {…}}` | yuan |
//! | names: `{"20004": "火箭"}` | none |
//! | a list: `[{"kind": "gift", "id": 20004, "name": "火箭", "price_fen": 50000}]` | `price_fen` |
//!
//! Box gifts (`pgid`) are a number space that no gift message uses; they are left out.

use danmu_proto::summary::GiftKind;
use serde_json::{Map, Value};

use super::super::json;
use super::{FREE, Gift, argument, read_gift_list, read_prop_config};

/// Reads a gift table. `None` if there is no gift in it in any of these shapes.
pub fn read_gift_table(text: &str) -> Option<Vec<Gift>> {
    if let Ok(gifts) = read_gift_list(text).or_else(|_| read_prop_config(text)) {
        return Some(gifts).filter(|gifts| !gifts.is_empty());
    }
    let gifts = match serde_json::from_str(json::trimmed(argument(text))).ok()? {
        Value::Array(list) => list.iter().filter_map(|entry| listed(entry.as_object()?)).collect(),
        Value::Object(table) if table.keys().any(|key| space(key).is_some()) => {
            let spaces = table.iter().filter_map(|(key, table)| Some((space(key)?, table.as_object()?)));
            spaces.flat_map(|(kind, table)| numbered(kind, table)).collect()
        }
        Value::Object(table) => numbered(GiftKind::Gift, &table).collect::<Vec<_>>(),
        _ => return None,
    };
    Some(gifts).filter(|gifts| !gifts.is_empty())
}

/// The number space that a key names.
fn space(key: &str) -> Option<GiftKind> {
    match key {
        "gfid" => Some(GiftKind::Gift),
        "pid" => Some(GiftKind::Prop),
        key => GiftKind::by_name(key),
    }
}

fn numbered(kind: GiftKind, table: &Map<String, Value>) -> impl Iterator<Item = Gift> {
    table.iter().filter_map(move |(id, entry)| match entry {
        Value::String(name) => gift(kind, id.parse().ok()?, name, None),
        entry => {
            let entry = entry.as_object()?;
            gift(kind, id.parse().ok()?, entry.get("name")?.as_str()?, price_fen(entry))
        }
    })
}

fn listed(entry: &Map<String, Value>) -> Option<Gift> {
    let kind = entry.get("kind").and_then(Value::as_str).and_then(space).unwrap_or_default();
    gift(kind, entry.get("id")?.as_u64()?, entry.get("name")?.as_str()?, price_fen(entry))
}

fn price_fen(entry: &Map<String, Value>) -> Option<u64> {
    let number = |key: &str| match entry.get(key)? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    let fen = ["price_fen", "pc"].into_iter().find_map(number);
    let yuan = || ["price_yuan", "value_rmb", "price_yu"].into_iter().find_map(number);
    let fen = fen.or_else(|| Some(yuan()? * 100.0))?;
    (0.0..1e15).contains(&fen).then(|| fen.round() as u64)
}

/// `None` for what is no gift.
fn gift(kind: GiftKind, id: u64, name: &str, price_fen: Option<u64>) -> Option<Gift> {
    let price_fen = if kind == GiftKind::Gift && FREE.contains(&id) { Some(0) } else { price_fen };
    (id > 0 && !name.trim().is_empty()).then(|| Gift { kind, id, name: name.to_owned(), price_fen })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn reads(text: &str, expected: &[(GiftKind, u64, &str, Option<u64>)]) {
        let gifts = read_gift_table(text).unwrap_or_default();
        let gifts: Vec<_> = gifts.iter().map(|gift| (gift.kind, gift.id, &*gift.name, gift.price_fen)).collect();
        assert_eq!(gifts, expected, "{text}");
    }

    #[test]
    fn tables_are_read_in_the_shapes_that_people_have() {
        use GiftKind::{Gift, Prop};
        reads(
            r#"{"gfid":{"20004":{"name":"火箭","price_yu":500.0,"value_rmb":500.0},"824":{"name":"荧光棒","value_rmb":0.1}},
                "pid":{"6":{"name":"卡","value_rmb":0.01}},"pgid":{"1":{"name":"车","value_rmb":50.0}}}"#,
            &[(Gift, 20004, "火箭", Some(50_000)), (Gift, 824, "荧光棒", Some(0)), (Prop, 6, "卡", Some(1))],
        );
        reads(
            r#"{"1598":{"name":"鸡皇","type":2,"pc":200000},"824":{"name":"荧光棒","pc":10},"9":{"name":"无价"}}"#,
            &[(Gift, 1598, "鸡皇", Some(200_000)), (Gift, 824, "荧光棒", Some(0)), (Gift, 9, "无价", None)],
        );
        reads(r#"{"20004":"火箭","x":"无号"}"#, &[(Gift, 20004, "火箭", None)]);
        reads(
            r#"[{"id":20004,"name":"火箭","price_fen":50000},{"kind":"prop","id":6,"name":"卡","price_yuan":"0.5"}, 7]"#,
            &[(Gift, 20004, "火箭", Some(50_000)), (Prop, 6, "卡", Some(50))],
        );
        reads(
            r#"DYConfigCallback({"error":0,"data":{"1859":{"name":"碟","pc":"100"}}});"#,
            &[(Gift, 1859, "碟", Some(100))],
        );
        reads(
            r#"{"error":0,"data":{"giftList":[{"id":5,"name":"卡","priceInfo":{"price":600,"priceType":"YUCHI"}}]}}"#,
            &[(Gift, 5, "卡", Some(600))],
        );
    }

    #[test]
    fn what_is_no_gift_table_is_none() {
        for text in ["", "{", "[]", "{}", "7", r#"{"a":{"name":"x"}}"#, r#"[{"id":-1,"name":"x"}]"#, "火箭,500"] {
            assert_eq!(read_gift_table(text), None, "{text}");
        }
        reads(
            r#"[{"id":1,"name":"x","price_fen":-5},{"id":2,"name":"y","price_fen":1e300},{"id":3,"name":""}]"#,
            &[(GiftKind::Gift, 1, "x", None), (GiftKind::Gift, 2, "y", None)],
        );
    }
}
