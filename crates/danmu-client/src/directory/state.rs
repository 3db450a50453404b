//! What goes on in a room.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::civil::DateTime;
use jiff::tz::{TimeZone, offset};
use serde::Deserialize;

use super::json::{self, Loose, Nested};
use super::name::RoomName;
use super::web::Left;
use super::{Api, Directory, Failure, LookupError, Question, RequestError};
use crate::RoomId;

/// What Douyu tells of a room. What it leaves out, or writes so that it cannot be read, is `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RoomState {
    /// Its real number.
    pub room: RoomId,
    /// Whether there is a live broadcast. Where `replay` is `None`, this is true for replays as well.
    pub live: Option<bool>,
    /// Whether it plays recordings in a loop. The open API does not tell.
    pub replay: Option<bool>,
    /// Title.
    pub title: Option<String>,
    /// Name of the streamer.
    pub owner: Option<String>,
    /// Account number of the streamer.
    pub owner_uid: Option<u64>,
    /// What is played: the name of Douyu's category.
    pub category: Option<String>,
    /// When the broadcast, or the loop, began; only while it runs.
    pub started: Option<SystemTime>,
    /// Who says so.
    pub source: Api,
}

impl Directory {
    /// What goes on in a room, now: neither this nor Douyu's CDN answers from a cache. Blocks for at most
    /// [`Options::lookup`](super::Options::lookup), and while other threads have their turns.
    ///
    /// # Errors
    /// [`LookupError::NoSuchRoom`] only if Douyu says so and nobody knows better.
    pub fn state(&self, room: RoomId) -> Result<RoomState, LookupError> {
        let name = RoomName::from(room);
        let mut left = self.left();
        let mut tried = Vec::new();
        match self.betard(&name, &mut left) {
            Ok(state) => return Ok(state),
            Err(error) => tried.push(Failure { api: Api::Betard, error }),
        }
        match self.room_api(&name, &mut left) {
            Ok(state) => return Ok(state),
            Err(error) => tried.push(Failure { api: Api::RoomApi, error }),
        }
        if tried.iter().any(Failure::denies_room) {
            return Err(LookupError::NoSuchRoom { name });
        }
        Err(LookupError::Unanswered { question: Question::State(room), tried })
    }

    pub(super) fn betard(&self, room: &RoomName, left: &mut Left) -> Result<RoomState, RequestError> {
        // The CDN keeps answers for 60 s, but only under the same address.
        let target = format!("{}?_={}", Api::Betard.target(room), self.unique());
        read_betard(&self.text(Api::Betard, target, room, left)?, room.number())
    }

    pub(super) fn room_api(&self, room: &RoomName, left: &mut Left) -> Result<RoomState, RequestError> {
        read_room_api(&self.text(Api::RoomApi, Api::RoomApi.target(room), room, left)?, room.number())
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Betard {
    room: Nested<BetardRoom>,
    game: Nested<BetardGame>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct BetardRoom {
    room_id: Loose,
    room_name: Loose,
    owner_name: Loose,
    nickname: Loose,
    owner_uid: Loose,
    /// 1 on, 2 off.
    show_status: Loose,
    #[serde(rename = "videoLoop")]
    video_loop: Loose,
    /// Seconds since the Unix epoch; of the last show while off.
    show_time: Loose,
    second_lvl_name: Loose,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct BetardGame {
    tag_name: Loose,
}

pub(super) fn read_betard(answer: &str, asked: Option<RoomId>) -> Result<RoomState, RequestError> {
    let betard: Betard = json::read(answer)?;
    let room = betard.room.0.ok_or(RequestError::unreadable("it has no room"))?;
    let on = is_on(&room.show_status);
    let replay = room.video_loop.number().map(|value| value != 0);
    Ok(RoomState {
        room: answered(&room.room_id, asked)?,
        live: on.map(|on| on && replay != Some(true)),
        replay,
        title: room.room_name.text(),
        owner: room.owner_name.text().or_else(|| room.nickname.text()),
        owner_uid: room.owner_uid.count(),
        category: room.second_lvl_name.text().or_else(|| betard.game.0.and_then(|game| game.tag_name.text())),
        started: room.show_time.count().filter(|_| on == Some(true)).and_then(unix),
        source: Api::Betard,
    })
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RoomApi {
    error: Loose,
    data: Nested<RoomApiRoom>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RoomApiRoom {
    room_id: Loose,
    room_name: Loose,
    owner_name: Loose,
    /// 1 on, 2 off.
    room_status: Loose,
    /// In Beijing, as `2016-03-04 11:22`.
    start_time: Loose,
    cate_name: Loose,
}

pub(super) fn read_room_api(answer: &str, asked: Option<RoomId>) -> Result<RoomState, RequestError> {
    let api: RoomApi = json::read(answer)?;
    json::accepted(&api.error)?;
    let room = api.data.0.ok_or(RequestError::unreadable("it has no room"))?;
    let on = is_on(&room.room_status);
    Ok(RoomState {
        room: answered(&room.room_id, asked)?,
        live: on,
        replay: None,
        title: room.room_name.text(),
        owner: room.owner_name.text(),
        owner_uid: None,
        category: room.cate_name.text(),
        started: room.start_time.text().filter(|_| on == Some(true)).and_then(|time| beijing(&time)),
        source: Api::RoomApi,
    })
}

/// The room that the answer is about.
fn answered(room_id: &Loose, asked: Option<RoomId>) -> Result<RoomId, RequestError> {
    room_id.count().and_then(RoomId::new).or(asked).ok_or(RequestError::unreadable("it has no room number"))
}

fn is_on(status: &Loose) -> Option<bool> {
    match status.number() {
        Some(1) => Some(true),
        Some(2) => Some(false),
        _ => None,
    }
}

/// Seconds since the Unix epoch; 0 stands for no time.
fn unix(seconds: u64) -> Option<SystemTime> {
    Some(seconds)
        .filter(|&seconds| seconds > 0)
        .and_then(|seconds| UNIX_EPOCH.checked_add(Duration::from_secs(seconds)))
}

fn beijing(text: &str) -> Option<SystemTime> {
    let time: DateTime = text.parse().ok()?;
    Some(time.to_zoned(TimeZone::fixed(offset(8))).ok()?.into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn room(number: u64) -> RoomId {
        RoomId::new(number).unwrap()
    }

    /// The state, and the error's name.
    fn betard(answer: &str) -> Result<RoomState, &'static str> {
        read_betard(answer, Some(room(9999))).map_err(|error| error.name())
    }

    fn room_api(answer: &str) -> Result<RoomState, &'static str> {
        read_room_api(answer, Some(room(9999))).map_err(|error| error.name())
    }

    fn full() -> RoomState {
        RoomState {
            room: room(288_016),
            live: Some(true),
            replay: Some(false),
            title: Some("今晚\"直播\" <b>&".to_owned()),
            owner: Some("主播甲".to_owned()),
            owner_uid: Some(1_000_001),
            category: Some("英雄联盟".to_owned()),
            started: unix(1_790_000_000),
            source: Api::Betard,
        }
    }

    #[test]
    fn betard_is_read_with_numbers_as_numbers_or_as_text_and_objects_in_strings() {
        let plain = json!({
            "room": {
                "room_id": 288_016, "room_name": "今晚\"直播\" <b>&", "owner_name": "主播甲", "nickname": "昵称",
                "owner_uid": 1_000_001, "show_status": 1, "videoLoop": 0, "show_time": 1_790_000_000,
                "second_lvl_name": "英雄联盟", "room_biz_all": {"hot": "12"}, "avatar": [],
            },
            "game": {"tag_name": "别的"}, "column": null,
        });
        assert_eq!(betard(&plain.to_string()), Ok(full()));

        let mut texts = plain.clone();
        for key in ["room_id", "owner_uid", "show_status", "videoLoop", "show_time"] {
            texts["room"][key] = json!(plain["room"][key].to_string());
        }
        assert_eq!(betard(&texts.to_string()), Ok(full()));
        assert_eq!(betard(&json!(plain.to_string()).to_string()), Ok(full()), "all of it in a string");
        let mut inner = plain.clone();
        inner["room"] = json!(plain["room"].to_string());
        assert_eq!(betard(&inner.to_string()), Ok(full()), "the room in a string");
        assert_eq!(betard(&format!("\u{feff}\n {plain}\r\n")), Ok(full()));
    }

    #[test]
    fn live_is_shown_and_not_in_a_loop() {
        for (status, video_loop, live, replay, began) in [
            (json!(1), json!(0), Some(true), Some(false), true),
            (json!("1"), json!("1"), Some(false), Some(true), true),
            (json!(2), json!(0), Some(false), Some(false), false),
            (json!(2), json!(1), Some(false), Some(true), false),
            (json!(1), json!(null), Some(true), None, true),
            (json!(0), json!(0), None, Some(false), false),
            (json!("on"), json!([]), None, None, false),
        ] {
            let answer = json!({"room": {"show_status": status, "videoLoop": video_loop, "show_time": 5}});
            let state = betard(&answer.to_string()).unwrap();
            assert_eq!(
                (state.live, state.replay, state.started),
                (live, replay, began.then(|| unix(5).unwrap())),
                "{answer}"
            );
        }
    }

    #[test]
    fn what_is_missing_or_odd_is_absent() {
        let nothing = RoomState {
            room: room(9999),
            live: None,
            replay: None,
            title: None,
            owner: None,
            owner_uid: None,
            category: None,
            started: None,
            source: Api::Betard,
        };
        assert_eq!(betard(r#"{"room":{}}"#), Ok(nothing.clone()));
        let odd = json!({"room": {
            "room_id": 0, "room_name": {"a": 1}, "owner_name": "", "owner_uid": -1, "show_status": 1.5, "videoLoop": "?",
            "show_time": 1, "second_lvl_name": null,
        }, "game": []});
        assert_eq!(betard(&odd.to_string()), Ok(nothing));
        let other = betard(
            r#"{"room":{"nickname":"乙","show_status":1,"show_time":9223372036854775807},"game":{"tag_name":"绝地求生"}}"#,
        );
        let other = other.unwrap();
        assert_eq!((other.owner.as_deref(), other.category.as_deref()), (Some("乙"), Some("绝地求生")));
    }

    #[test]
    fn what_is_no_room_data_is_named() {
        for (answer, error) in [
            ("", "empty"),
            (" \n", "empty"),
            ("<!DOCTYPE html><title>斗鱼</title>该房间目前没有开放", "no_room"),
            ("<html>Welcome! Please log in</html>", "portal"),
            ("{\"room\":", "unreadable"),
            ("{}", "unreadable"),
            ("[]", "unreadable"),
            ("null", "unreadable"),
            ("42", "unreadable"),
            ("\"text\"", "unreadable"),
            (r#"{"room":null}"#, "unreadable"),
            (r#"{"room":"gone"}"#, "unreadable"),
            ("\0\u{1}\u{fffd}", "unreadable"),
        ] {
            assert_eq!(betard(answer), Err(error), "{answer}");
        }
        let deep = "[".repeat(1 << 20) + &"]".repeat(1 << 20);
        assert!(betard(&format!(r#"{{"x":{deep},"room":{{}}}}"#)).is_ok(), "what nobody reads may be deep");
        assert_eq!(betard(&deep), Err("unreadable"));
        assert!(read_betard(r#"{"room":{}}"#, None).is_err(), "a word cannot stand in for a number");
    }

    #[test]
    fn the_open_api_is_read_with_its_times_in_beijing() {
        let answer = json!({"error": 0, "data": {
            "room_id": "9999", "room_name": "标题", "room_status": "1", "owner_name": "甲", "cate_name": "游戏",
            "start_time": "2026-03-04 11:22", "online": 5, "gift": [{"id": "1", "pc": "10"}],
        }});
        let state = room_api(&answer.to_string()).unwrap();
        // 11:22 in Beijing is 03:22 UTC.
        assert_eq!(state.started, unix(1_772_594_520));
        assert_eq!((state.live, state.replay, state.source), (Some(true), None, Api::RoomApi));
        assert_eq!((state.title.as_deref(), state.owner.as_deref()), (Some("标题"), Some("甲")));
        assert_eq!((state.category.as_deref(), state.owner_uid), (Some("游戏"), None));
        let off = room_api(r#"{"error":"0","data":{"room_status":2,"start_time":"2026-03-04 11:22"}}"#).unwrap();
        assert_eq!((off.live, off.started, off.room), (Some(false), None, room(9999)));
        for time in ["", "gestern", "2026-03-04", "99999-99-99 99:99", "2026-03-04 11:22:33"] {
            let answer = json!({"data": {"room_status": 1, "start_time": time}});
            let started = room_api(&answer.to_string()).unwrap().started;
            assert_eq!(started.is_some(), time.len() == 19 || time.len() == 10, "{time}: {started:?}");
        }
    }

    #[test]
    fn the_open_api_says_what_is_wrong_by_number() {
        for (answer, text) in [
            (r#"{"error":101,"data":"Not Found"}"#, "Douyu reports error 101 (no such room)"),
            (r#"{"error":"501","data":[]}"#, "Douyu reports error 501 (no such category)"),
            (r#"{"error":999}"#, "Douyu reports error 999 (maintenance)"),
            (r#"{"error":-1}"#, "Douyu reports error -1"),
            (r#"{"error":0,"data":[]}"#, "the answer cannot be understood: it has no room"),
        ] {
            assert_eq!(read_room_api(answer, None).unwrap_err().to_string(), text);
        }
    }
}
