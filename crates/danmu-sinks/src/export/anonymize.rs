//! Anonymizing: the same person has the same pseudonym in all of an export, and nobody can tell whose it is.
//!
//! Pseudonyms come from a keyed hash with a key that is made for one export and kept nowhere: whoever knows an account
//! number cannot find its pseudonym, and no table grows. Account numbers, names, message ids, pictures and `@mentions` go,
//! also from the payload: of that only pairs remain that are known to name nobody. What people say of each other in other
//! words stays, and so does the number of the room.

use std::hash::{BuildHasher, Hash, RandomState};

use danmu_proto::{Fields, stt};

use crate::recording::row::Row;
use crate::recording::writer::RoomState;

/// The pseudonyms of one export.
#[derive(Debug, Default)]
pub(super) struct Pseudonyms(RandomState);

/// Pairs that name nobody. All others go: types that are not known yet may name people in pairs that are not known either.
const KEPT: &[&str] = &[
    "type", "rid", "gid", "level", "col", "cst", "ct", "dms", "if", "rg", "pg", "nl", "nc", "bl", "bnn", "brid", "fl",
    "ifs", "diaf", "ol", "hl", "gfid", "pid", "gfn", "gfcnt", "hits", "bt", "drid", "mn", "cdays", "price", "cprice",
    "cet", "now", "ts", "btype", "ss", "sc", "sctn", "num", "sum", "vn",
];
/// Account numbers of whom the message is from.
const IDS: &[&str] = &["uid", "sid"];
/// Names of the same.
const NAMES: &[&str] = &["nn", "unk", "sn", "nick"];
/// What they say.
const TEXTS: &[&str] = &["txt"];
/// Messages within messages.
const NESTED: &[&str] = &["chatmsg"];

impl Pseudonyms {
    /// Takes out of a message who it is from and about.
    pub(super) fn hide(&self, row: &mut Row) {
        let summary = &mut row.summary;
        let person = match (summary.user, summary.name.as_deref()) {
            (Some(user), _) => Some(self.hash(user)),
            (None, Some(name)) => Some(self.hash(name)),
            (None, None) => None,
        };
        summary.user = summary.user.and(person);
        summary.name = summary.name.take().and(person).map(|person| pseudonym(person).into());
        summary.receiver = summary.receiver.take().map(|receiver| pseudonym(self.hash(&*receiver)).into());
        summary.id = None;
        summary.text = summary.text.take().map(|text| without_mentions(&text).into());
        row.payload = row.payload.take().map(|payload| rebuilt(Fields::new(&payload), person).into());
    }

    /// 48 bits: exact in every program, and enough that no two people in an export share one.
    fn hash(&self, of: impl Hash) -> u64 {
        self.0.hash_one(of) >> 16
    }
}

/// Takes out of what is known of a room whose it is.
pub(super) fn hide_owner(state: &mut RoomState) {
    state.owner = None;
    state.owner_uid = None;
}

fn pseudonym(person: u64) -> String {
    format!("user-{person:012x}")
}

/// A payload of what may be kept.
fn rebuilt(fields: Fields<'_>, person: Option<u64>) -> String {
    let mut kept = stt::Writer::new();
    for (key, value) in fields.pairs() {
        let key = &*key.text();
        let is_of = |keys: &[&str]| keys.contains(&key);
        if is_of(KEPT) {
            kept = kept.pair(key, value.text());
        } else if is_of(TEXTS) {
            kept = kept.pair(key, without_mentions(&value.text()));
        } else if is_of(NESTED) {
            kept = kept.pair(key, rebuilt(Fields::from(&value.nested()), person));
        } else if let Some(person) = person {
            if is_of(IDS) {
                kept = kept.pair(key, person);
            } else if is_of(NAMES) {
                kept = kept.pair(key, pseudonym(person));
            }
        }
    }
    kept.finish()
}

/// Text in which `@someone` says no more than that someone is meant.
fn without_mentions(text: &str) -> String {
    let mut words = text.split('@');
    let mut out = words.next().unwrap_or_default().to_owned();
    for word in words {
        let end = word.find(|c: char| c.is_whitespace() || matches!(c, ':' | '：' | ',' | '，')).unwrap_or(word.len());
        out.push_str(if end == 0 { "@" } else { "@…" });
        out.push_str(&word[end..]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mentions_name_nobody() {
        for (text, hidden) in [
            ("666", "666"),
            ("@小明 你好", "@… 你好"),
            ("回复 @小明：@小红,好", "回复 @…：@…,好"),
            ("a@b.c @ 3", "a@… @ 3"),
            ("@", "@"),
        ] {
            assert_eq!(without_mentions(text), hidden);
        }
    }

    #[test]
    fn a_payload_keeps_what_names_nobody() {
        let payload =
            "type@=chatmsg/rid@=9999/uid@=12/nn@=小明/ic@=avatar_v3@Sx/txt@=@A小红 1@S2/cid@=a589/level@=24/new@=小明/";
        let kept = rebuilt(Fields::new(payload.as_bytes()), Some(7));
        let written = "type@=chatmsg/rid@=9999/uid@=7/nn@=user-000000000007/txt@=@A… 1@S2/level@=24/";
        assert_eq!(kept, written);
        let nested = "type@=comm_chatmsg/chatmsg@=nn@A=小明@Stxt@A=好@S/sn2@=小明/";
        assert_eq!(rebuilt(Fields::new(nested.as_bytes()), None), "type@=comm_chatmsg/chatmsg@=txt@A=好@S/");
    }
}
