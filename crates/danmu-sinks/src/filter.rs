//! Filters: which messages of a recording are meant.

use danmu_proto::{RoomId, Summary};
use rusqlite::types::Value;

/// Which messages to read. Empty lists let everything through; what is set must all hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Heard in one of these rooms.
    pub rooms: Vec<RoomId>,
    /// Of one of these types.
    pub types: Types,
    /// Of one of these people, by account number or by exact name.
    pub users: Vec<String>,
    /// Received then or later, in microseconds since the Unix epoch.
    pub since_us: Option<i64>,
    /// Received before then, in microseconds since the Unix epoch.
    pub until_us: Option<i64>,
    /// Text that has all of these in it, upper and lower case of ASCII letters being the same.
    pub words: Vec<String>,
}

/// Types of messages, by their wire names or by what people call them: `chat`, `gift`, `superchat`, `enter`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Types(Vec<String>);

impl Types {
    /// The types with these names. Any name may be one: an unknown type is normal.
    pub fn new(names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self(names.into_iter().map(Into::into).collect())
    }

    /// Whether every type is one of these.
    pub const fn is_all(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a message is of one of these types; of every type if there are none.
    pub fn has(&self, summary: &Summary<'_>) -> bool {
        self.is_all()
            || self.0.iter().any(|name| match wire_name(name) {
                _ if name == "superchat" => summary.is_superchat(),
                wire => summary.kind == wire,
            })
    }
}

/// What people call a type, as it is called on the wire. The views of a recording use the same.
fn wire_name(name: &str) -> &str {
    match name {
        "chat" => "chatmsg",
        "gift" => "dgb",
        "enter" => "uenter",
        name => name,
    }
}

/// A condition in SQL with the values of its parameters, which are numbered in order.
#[derive(Debug, Default)]
pub(crate) struct Condition {
    pub(crate) sql: String,
    pub(crate) values: Vec<Value>,
}

impl Filter {
    /// All but the time, which is a range of ids. Begins with ` AND` unless it is empty.
    ///
    /// Nothing that a user wrote goes into the SQL itself.
    pub(crate) fn condition(&self) -> Condition {
        let mut condition = Condition::default();
        if let [room] = &*self.rooms {
            // With an index this is a range of it, in the order of ids.
            condition.and("room = ?", [room.as_i64().into()]);
        } else if !self.rooms.is_empty() {
            // The plus keeps SQLite from using the index, because it would have to sort what that gives.
            let values = self.rooms.iter().map(|room| room.as_i64().into());
            condition.and(&format!("+room IN {}", list(self.rooms.len())), values);
        }
        if !self.types.0.is_empty() {
            let (people, wire): (Vec<_>, Vec<_>) = self.types.0.iter().partition(|name| *name == "superchat");
            let superchat = if people.is_empty() { "" } else { SUPERCHAT };
            let values = wire.iter().map(|name| wire_name(name).to_owned().into());
            condition.and(&format!("(type IN {}{superchat})", list(wire.len())), values);
        }
        if !self.users.is_empty() {
            let ids: Vec<u64> = self.users.iter().filter_map(|user| user.parse().ok()).collect();
            let values = ids.iter().map(|id| id.cast_signed().into());
            let values = values.chain(self.users.iter().map(|name| name.clone().into()));
            condition.and(&format!("(uid IN {} OR name IN {})", list(ids.len()), list(self.users.len())), values);
        }
        for word in &self.words {
            condition.and("text LIKE ? ESCAPE '\\'", [pattern(word).into()]);
        }
        condition
    }
}

/// The same as [`Summary::is_superchat`].
const SUPERCHAT: &str = " OR type = 'comm_chatmsg' AND price_fen IS NOT NULL AND duration_s IS NOT NULL";

impl Condition {
    fn and(&mut self, sql: &str, values: impl IntoIterator<Item = Value>) {
        self.sql.push_str(" AND ");
        self.sql.push_str(sql);
        self.values.extend(values);
    }
}

/// A list of parameters.
fn list(values: usize) -> String {
    format!("({})", vec!["?"; values].join(", "))
}

/// The pattern for text that has `word` in it, whatever characters that has.
fn pattern(word: &str) -> String {
    let mut pattern = String::from("%");
    for c in word.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}
