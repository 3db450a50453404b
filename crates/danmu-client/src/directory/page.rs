//! The room in a page, and whose page it is. Pure.
//!
//! | page | where the real number stands |
//! |---|---|
//! | for phones | `"rid":6979222` or `"room_id":"6979222"`, whichever comes first |
//! | for computers | `window.room_id = 6979222`, `$ROOM.room_id =6979222` or `"room_id":6979222` |
//!
//! JSON in a string (`\"rid\":6979222`) counts as well. A computer's page without a room may still hold `"rid"`: those
//! are rooms that it recommends.

use crate::RoomId;

/// The room in a page for phones.
pub(super) fn room_in_mobile_page(html: &str) -> Option<RoomId> {
    [find(html, "rid", quoted), find(html, "room_id", quoted)].into_iter().flatten().min().map(|(_, room)| room)
}

/// The room in a page for computers.
pub(super) fn room_in_web_page(html: &str) -> Option<RoomId> {
    find(html, "room_id", assigned).or_else(|| find(html, "room_id", quoted)).map(|(_, room)| room)
}

/// Whether a page is Douyu's own. Not by its address alone: log-in pages of networks like to repeat that.
pub(super) fn is_douyus(html: &str) -> bool {
    ["douyucdn.cn", "斗鱼"].iter().any(|mark| html.contains(mark))
}

/// The first place where a key has a room's number for its value.
fn find(html: &str, key: &str, value: impl Fn(&str, &str) -> Option<RoomId>) -> Option<(usize, RoomId)> {
    html.match_indices(key).find_map(|(at, _)| Some((at, value(&html[..at], &html[at + key.len()..])?)))
}

/// After `"key`: `": 5` or `":"5"`, with backslashes if the JSON is in a string.
fn quoted(before: &str, after: &str) -> Option<RoomId> {
    before.strip_suffix('"')?;
    let value = after.trim_start_matches('\\').strip_prefix('"')?.trim_start().strip_prefix(':')?.trim_start();
    leading_number(value.trim_start_matches('\\').trim_start_matches('"'))
}

/// After `.key`: ` = 5` or `="5"`.
fn assigned(before: &str, after: &str) -> Option<RoomId> {
    before.strip_suffix('.')?;
    let value = after.trim_start().strip_prefix('=')?.trim_start();
    leading_number(value.trim_start_matches(['"', '\'']))
}

fn leading_number(text: &str) -> Option<RoomId> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn reads(html: &str, mobile: Option<u64>, web: Option<u64>) {
        assert_eq!(room_in_mobile_page(html).map(RoomId::get), mobile, "mobile: {html}");
        assert_eq!(room_in_web_page(html).map(RoomId::get), web, "web: {html}");
    }

    #[test]
    fn the_room_is_found_in_every_shape_of_page() {
        reads(r#"<script>{"rid":6979222,"x":1}"#, Some(6_979_222), None);
        reads(r#"{"vipId":6657,"rid" : "6979222"}"#, Some(6_979_222), None);
        reads(r#"{"room_id":5,"rid":6}"#, Some(5), Some(5));
        reads(r#"{"rid":6,"room_id":"5"}"#, Some(6), Some(5));
        reads(r#"JSON.parse("{\"rid\":7,\"room_id\":\"8\"}")"#, Some(7), Some(8));
        reads("<script>window.room_id = 5;", None, Some(5));
        reads("$ROOM.room_id =5;$ROOM.x", None, Some(5));
        reads(r#"{"room_id":4} window.room_id="5""#, Some(4), Some(5));
    }

    #[test]
    fn what_is_no_room_number_is_passed_over() {
        reads(r#"{"rid":0,"rid":null,"rid":-1,"rid":"x","rid":9}"#, Some(9), None);
        reads(r#"{"brid":1,"grid":2,"rids":3} ?rid=4 room_id=5 apm_room_id = 6"#, None, None);
        reads(r#"{"rid":99999999999999999999}"#, None, None);
        reads(r#"{"rid""#, None, None);
        reads("", None, None);
        reads("rid room_id .room_id .room_id=", None, None);
    }

    #[test]
    fn a_hostile_page_takes_linear_time() {
        let start = std::time::Instant::now();
        for piece in [r#""rid""#, r#""rid"\\\\\\"#, "\"rid\": ", ".room_id = ", "\"room_id\":\\\\"] {
            reads(&piece.repeat((2 << 20) / piece.len()), None, None);
        }
        reads(&format!("\"rid\":{}", "9".repeat(2 << 20)), None, None);
        assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
    }

    #[test]
    fn douyus_pages_are_told_from_others() {
        assert!(is_douyus("<title>斗鱼 - 每个人的直播平台</title>"));
        assert!(is_douyus(r#"<link href="https://shark2.douyucdn.cn/x.css">"#));
        assert!(!is_douyus("<h1>Welcome to the hotel</h1><a href='/login?from=www.douyu.com/9999'>"));
    }
}
