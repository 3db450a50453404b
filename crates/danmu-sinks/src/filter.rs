//! Filters: which messages of a recording are meant.

use std::borrow::Cow;
use std::ops::Range;
use std::str::FromStr;

use danmu_proto::{RoomId, Summary};
use regex::{Regex, RegexBuilder};
use rusqlite::Connection;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{Value, ValueRef};
use thiserror::Error;

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
    /// Text in which this is found.
    pub pattern: Option<Pattern>,
    /// By someone who wears one of these fan medals, by exact name.
    pub medals: Vec<String>,
    /// By someone who wears a fan medal of this level or higher.
    pub min_medal_level: Option<u32>,
    /// By someone of this level or higher.
    pub min_level: Option<u32>,
    /// One of these gifts, by number or by exact name; the name may be that of the message or of the catalogue.
    pub gift: Vec<String>,
    /// Of gifts, only these. Default all.
    pub gifts: Gifts,
    /// Of what has a price or is a gift, only what cost this much in all, in fen (1/100 yuan), or more. A gift whose price
    /// nobody knows counts as free. What has no price, such as chat, is let through.
    pub min_price_fen: Option<u64>,
}

/// Which gifts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gifts {
    /// All.
    #[default]
    All,
    /// Those with a price.
    Paid,
    /// None.
    None,
}

/// A regular expression over text, as the crate `regex` reads them. Takes time in proportion to the text, whatever it is.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

/// Why something is no regular expression.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{pattern:?} is no regular expression: {reason}")]
pub struct PatternError {
    /// What was to be one.
    pattern: String,
    /// What is wrong with it, in one line.
    reason: String,
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(pattern: &str) -> Result<Self, PatternError> {
        RegexBuilder::new(pattern).size_limit(PATTERN_BYTES).build().map(Self).map_err(|error| {
            // The last line says what; those before it draw the place with spaces and a caret.
            let reason = error.to_string();
            let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            PatternError { pattern: pattern.to_owned(), reason }
        })
    }
}

impl Pattern {
    /// Where it is found in a text: from, to, in bytes.
    pub fn found_in<'t>(&'t self, text: &'t str) -> impl Iterator<Item = Range<usize>> + 't {
        self.0.find_iter(text).map(|found| found.range())
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for Pattern {}

/// The most memory that a compiled pattern may take.
const PATTERN_BYTES: usize = 4 << 20;

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
        if let Some(Pattern(regex)) = &self.pattern {
            condition.and("text REGEXP ?", [regex.as_str().to_owned().into()]);
        }
        if !self.medals.is_empty() {
            let values = self.medals.iter().map(|name| name.clone().into());
            condition.and(&format!("medal IN {}", list(self.medals.len())), values);
        }
        if let Some(level) = self.min_medal_level {
            condition.and("medal_level >= ?", [level.into()]);
        }
        if let Some(level) = self.min_level {
            condition.and("level >= ?", [level.into()]);
        }
        if !self.gift.is_empty() {
            let ids: Vec<u64> = self.gift.iter().filter_map(|gift| gift.parse().ok()).collect();
            let names = list(self.gift.len());
            let catalog = "SELECT 1 FROM gift g WHERE g.kind = gift_kind AND g.id = gift_id AND g.name IN";
            condition.and(
                &format!(
                    "gift_kind IS NOT NULL AND (gift_id IN {} OR gift_name IN {names} OR EXISTS ({catalog} {names}))",
                    list(ids.len())
                ),
                ids.into_iter()
                    .map(|id| id.cast_signed().into())
                    .chain(self.gift.iter().chain(&self.gift).map(|name| name.clone().into())),
            );
        }
        match self.gifts {
            Gifts::All => {}
            Gifts::Paid => condition.and(&format!("(gift_kind IS NULL OR {PRICE} > 0)"), []),
            Gifts::None => condition.and("gift_kind IS NULL", []),
        }
        if let Some(fen) = self.min_price_fen {
            let costs = format!("coalesce({PRICE}, 0) * coalesce(count, 1) >= ?");
            condition.and(
                &format!("(gift_kind IS NULL AND price_fen IS NULL OR {costs})"),
                [i64::try_from(fen).unwrap_or(i64::MAX).into()],
            );
        }
        condition
    }
}

/// The same as [`Summary::is_superchat`].
const SUPERCHAT: &str = " OR type = 'comm_chatmsg' AND price_fen IS NOT NULL AND duration_s IS NOT NULL";

/// The price of one, from the message or the catalogue.
const PRICE: &str = "coalesce(price_fen, (SELECT price_fen FROM gift WHERE kind = gift_kind AND gift.id = gift_id))";

/// Teaches a connection the `REGEXP` that conditions use.
pub(crate) fn teach(conn: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    // `text REGEXP pattern` is `regexp(pattern, text)`. SQLite keeps the compiled pattern while a statement runs.
    conn.create_scalar_function("regexp", 2, flags, |call: &Context<'_>| {
        let regex = call.get_or_create_aux(0, |value| Ok::<_, Error>(Pattern::from_str(value.as_str()?)?))?;
        let text = match call.get_raw(1) {
            ValueRef::Text(text) => String::from_utf8_lossy(text),
            ValueRef::Null => return Ok(None),
            _ => Cow::default(),
        };
        Ok(Some(regex.0.is_match(&text)))
    })
}

type Error = Box<dyn std::error::Error + Send + Sync>;

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
