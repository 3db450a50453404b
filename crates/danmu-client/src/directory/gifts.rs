//! What gifts cost.
//!
//! | source | of | price |
//! |---|---|---|
//! | gift list v5 | one room | `priceInfo.price` in 1/100 yuchi (鱼翅), which is 1 fen, where `priceType` is `YUCHI`; fish balls (`YUWAN`) cost nothing |
//! | prop config | all rooms, backpack items too | `pc` in fen: what an item counts for. It is 10 or 20 even for some that are given away |
//!
//! Both number gifts as `gfid` does. For the prop config this is from recorded traffic: the glow stick (粉丝荧光棒), 824 in
//! the config, comes as `gfid@=824` with `pid@=268`. Where both know a gift, the room's own list has the better price.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use danmu_proto::summary::GiftKind;
use serde::Deserialize;

use super::json::{self, Loose, Nested, Table};
use super::name::RoomName;
use super::web::Left;
use super::{Api, Directory, Failure, LookupError, Question, RequestError};
use crate::RoomId;

mod table;

pub use table::read_gift_table;

/// A gift, what it is called and what it costs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gift {
    /// The number space of `id`.
    pub kind: GiftKind,
    /// Its number.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// Price of one in fen (1/100 yuan); 0 for what is free, `None` where it is not known.
    pub price_fen: Option<u64>,
}

/// What could be found out about gifts.
#[derive(Debug)]
#[non_exhaustive]
pub struct Gifts {
    /// By number, each once.
    pub gifts: Vec<Gift>,
    /// Who did not answer, so that gifts are missing.
    pub failed: Vec<Failure>,
}

/// The prop config, which is large and the same for all rooms, for a day.
#[derive(Debug, Default)]
pub(super) struct Props(Mutex<Option<(SystemTime, Vec<Gift>)>>);

const KEEP_PROPS: Duration = Duration::from_secs(24 * 3600);

/// Given away, whatever the prop config has them count for: 赞, 弱鸡, 呵呵, 稳, 粉丝荧光棒.
const FREE: [u64; 5] = [192, 193, 519, 520, 824];

impl Directory {
    /// The gifts that can come up in a room, with their prices. Blocks for at most
    /// [`Options::lookup`](super::Options::lookup), and while other threads have their turns.
    ///
    /// # Errors
    /// Nothing could be found out at all. What is known of some only is a success, and says what is missing.
    pub fn gifts(&self, room: RoomId) -> Result<Gifts, LookupError> {
        let name = RoomName::from(room);
        let mut left = self.left();
        let (mut gifts, mut failed) = (HashMap::new(), Vec::new());
        // In this order: later ones overwrite.
        for (api, found) in
            [(Api::PropConfig, self.props(&name, &mut left)), (Api::GiftList, self.gift_list(&name, &mut left))]
        {
            match found {
                Ok(found) => gifts.extend(found.into_iter().map(|gift| (gift.id, gift))),
                Err(error) => failed.push(Failure { api, error }),
            }
        }
        if failed.len() == 2 {
            return Err(LookupError::Unanswered { question: Question::Gifts(room), tried: failed });
        }
        let mut gifts: Vec<Gift> = gifts.into_values().collect();
        gifts.sort_unstable_by_key(|gift| gift.id);
        Ok(Gifts { gifts, failed })
    }

    /// The prop config, from memory if it is young enough. Threads that ask at the same time ask Douyu once.
    fn props(&self, room: &RoomName, left: &mut Left) -> Result<Vec<Gift>, RequestError> {
        let mut kept = self.props.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.now();
        if let Some((at, props)) = &*kept
            && now.duration_since(*at).is_ok_and(|age| age < KEEP_PROPS)
        {
            return Ok(props.clone());
        }
        let props = self.prop_config(room, left)?;
        *kept = Some((now, props.clone()));
        Ok(props)
    }

    pub(super) fn gift_list(&self, room: &RoomName, left: &mut Left) -> Result<Vec<Gift>, RequestError> {
        read_gift_list(&self.text(Api::GiftList, Api::GiftList.target(room), room, left)?)
    }

    pub(super) fn prop_config(&self, room: &RoomName, left: &mut Left) -> Result<Vec<Gift>, RequestError> {
        read_prop_config(&self.text(Api::PropConfig, Api::PropConfig.target(room), room, left)?)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct GiftList {
    error: Loose,
    data: Nested<GiftListData>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct GiftListData {
    gift_list: Option<Table<ListedGift>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ListedGift {
    id: Loose,
    name: Loose,
    price_info: Nested<PriceInfo>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct PriceInfo {
    price: Loose,
    price_type: Loose,
}

pub(super) fn read_gift_list(answer: &str) -> Result<Vec<Gift>, RequestError> {
    let list: GiftList = json::read(answer)?;
    json::accepted(&list.error)?;
    let table = list.data.0.and_then(|data| data.gift_list).ok_or(RequestError::unreadable("it has no gift list"))?;
    let priced = |listed: ListedGift| {
        let price = listed.price_info.0.and_then(|info| match info.price_type.text()?.as_str() {
            "YUCHI" => info.price.count(),
            "YUWAN" => Some(0),
            _ => None,
        });
        gift(listed.id.count()?, listed.name, price)
    };
    Ok(table.0.into_iter().filter_map(|(_, listed)| priced(listed)).collect())
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PropConfig {
    error: Loose,
    data: Option<Table<Prop>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Prop {
    name: Loose,
    pc: Loose,
}

pub(super) fn read_prop_config(answer: &str) -> Result<Vec<Gift>, RequestError> {
    let config: PropConfig = json::read(argument(answer))?;
    json::accepted(&config.error)?;
    let table = config.data.ok_or(RequestError::unreadable("it has no gifts"))?;
    let priced = |(id, prop): (String, Prop)| {
        let id = id.parse().ok()?;
        let price = if FREE.contains(&id) { Some(0) } else { prop.pc.count() };
        gift(id, prop.name, price)
    };
    Ok(table.0.into_iter().filter_map(priced).collect())
}

/// The JSON in the call of a function (JSONP): `DYConfigCallback({…});`. Without a call, all of it.
fn argument(answer: &str) -> &str {
    let in_call = || {
        let rest = json::trimmed(answer).strip_prefix("DYConfigCallback")?.trim_start().strip_prefix('(')?;
        Some(rest.rsplit_once(')')?.0)
    };
    in_call().unwrap_or(answer)
}

/// `None` for what is no gift.
fn gift(id: u64, name: Loose, price_fen: Option<u64>) -> Option<Gift> {
    let name = name.text().filter(|_| id > 0)?;
    Some(Gift { kind: GiftKind::Gift, id, name, price_fen })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn list(answer: &str, gifts: &[(u64, &str, Option<u64>)]) {
        is(&read_gift_list(answer).unwrap(), gifts);
    }

    #[track_caller]
    fn props(answer: &str, gifts: &[(u64, &str, Option<u64>)]) {
        is(&read_prop_config(answer).unwrap(), gifts);
    }

    #[track_caller]
    fn is(read: &[Gift], gifts: &[(u64, &str, Option<u64>)]) {
        assert!(read.iter().all(|gift| gift.kind == GiftKind::Gift));
        let read: Vec<_> = read.iter().map(|gift| (gift.id, gift.name.as_str(), gift.price_fen)).collect();
        assert_eq!(read, gifts);
    }

    #[test]
    fn the_gift_list_has_prices_in_fen_whatever_the_currency() {
        let answer = json!({"error": 0, "msg": "success", "data": {"tid": 1, "giftList": [
            {"id": 20004, "name": "火箭", "priceInfo": {"price": 50000, "priceType": "YUCHI", "returnNum": 0},
             "basicInfo": {"giftType": 0}, "batchInfo": {"6": {"batchNum": 6, "name": "x"}}, "skinIds": ["10"]},
            {"id": "20006", "name": "赞", "priceInfo": {"price": "10", "priceType": "YUCHI"}},
            {"id": 20000, "name": "鱼丸", "priceInfo": {"price": 100, "priceType": "YUWAN"}},
            {"id": 5, "name": "别的钱", "priceInfo": {"price": 100, "priceType": "POINTS"}},
            {"id": 6, "name": "无价", "priceInfo": []},
            {"id": 7, "name": "负", "priceInfo": {"price": -1, "priceType": "YUCHI"}},
            {"id": 0, "name": "无号"}, {"id": 8, "name": ""}, null, [], "x",
        ], "tabs": []}});
        list(
            &answer.to_string(),
            &[
                (20_004, "火箭", Some(50_000)),
                (20_006, "赞", Some(10)),
                (20_000, "鱼丸", Some(0)),
                (5, "别的钱", None),
                (6, "无价", None),
                (7, "负", None),
            ],
        );
        list(r#"{"data":{"giftList":[]}}"#, &[]);
        for (answer, error) in [
            (r#"{"error":0,"data":{}}"#, "unreadable"),
            (r#"{"error":0,"data":{"giftList":7}}"#, "unreadable"),
            (r#"{"error":0}"#, "unreadable"),
            (r#"{"error":114,"data":null}"#, "service"),
            ("<html>斗鱼", "no_room"),
            ("", "empty"),
        ] {
            assert_eq!(read_gift_list(answer).unwrap_err().name(), error, "{answer}");
        }
    }

    #[test]
    fn the_prop_config_is_read_with_and_without_its_call() {
        let json = json!({"error": 0, "callback": "propGiftConfig", "data": {
            "824": {"name": "粉丝荧光棒", "type": 2, "pc": 10, "hit_interval": "5000"},
            "1859": {"name": "小(飞)碟;", "pc": "100"},
            "1860": {"name": "无价", "pc": ""},
            "x": {"name": "无号", "pc": 1}, "0": {"name": "零", "pc": 1}, "7": null, "8": [],
        }});
        let gifts = [(1859, "小(飞)碟;", Some(100)), (1860, "无价", None), (824, "粉丝荧光棒", Some(0))];
        for answer in
            [format!("DYConfigCallback({json});"), format!("\u{feff} DYConfigCallback ( {json} )\n"), json.to_string()]
        {
            props(&answer, &gifts);
        }
        props(r#"DYConfigCallback({"data":[]});"#, &[]);
        for (answer, error) in [
            ("DYConfigCallback();", "empty"),
            ("DYConfigCallback(", "unreadable"),
            ("alert({\"data\":{}})", "unreadable"),
            (")(", "unreadable"),
            (r#"DYConfigCallback({"error":1})"#, "service"),
            (r#"DYConfigCallback({"error":0})"#, "unreadable"),
        ] {
            assert_eq!(read_prop_config(answer).unwrap_err().name(), error, "{answer}");
        }
    }

    #[test]
    fn a_config_of_eight_mebibytes_is_read_in_bounds() {
        let entries: Vec<String> = (1..400_000).map(|id| format!("\"{id}\":{{\"name\":\"x\"}},")).collect();
        let answer = format!("DYConfigCallback({{\"data\":{{{}\"0\":0}}}});", entries.concat());
        assert!(answer.len() > 8 << 20);
        assert_eq!(read_prop_config(&answer).unwrap().len(), Table::<Prop>::MOST);
    }
}
