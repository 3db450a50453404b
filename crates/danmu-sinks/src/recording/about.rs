//! What a recording knows beside its messages: the states of its rooms, and what gifts are called and cost.

use std::borrow::Cow;
use std::collections::HashMap;

use danmu_proto::summary::GiftKind;
use danmu_proto::{RoomId, Summary};

use super::reader::{ReadError, Recording};
use super::writer::{CatalogGift, RoomState};

impl Recording {
    /// What was learnt of a room and when, in microseconds since the Unix epoch, in order.
    pub fn room_states(&self, room: RoomId) -> Result<Vec<(i64, RoomState)>, ReadError> {
        let mut states = self.conn.prepare(
            "SELECT at_us, live, title, owner, owner_uid, category FROM room_state WHERE room = ?1 ORDER BY at_us, rowid",
        )?;
        let states = states.query_map([room.as_i64()], |row| {
            let state = RoomState {
                live: row.get::<_, Option<i64>>(1)?.map(|live| live != 0),
                title: row.get(2)?,
                owner: row.get(3)?,
                owner_uid: row.get::<_, Option<i64>>(4)?.map(i64::cast_unsigned),
                category: row.get(5)?,
            };
            Ok((row.get(0)?, state))
        })?;
        Ok(states.collect::<Result<_, _>>()?)
    }

    /// The catalogue of gifts.
    pub fn catalog(&self) -> Result<Catalog, ReadError> {
        let mut gifts = self.conn.prepare("SELECT kind, id, name, price_fen FROM gift")?;
        let gifts = gifts.query_map([], |row| {
            let kind = GiftKind::by_name(&row.get::<_, String>(0)?).unwrap_or_default();
            let price_fen = row.get::<_, Option<i64>>(3)?.map(i64::cast_unsigned);
            Ok(CatalogGift { kind, id: row.get::<_, i64>(1)?.cast_unsigned(), name: row.get(2)?, price_fen })
        })?;
        Ok(gifts.collect::<Result<_, _>>()?)
    }
}

/// What gifts are called and what one costs: messages often have only their numbers.
#[derive(Clone, Debug, Default)]
pub struct Catalog(HashMap<(GiftKind, u64), CatalogGift>);

impl Catalog {
    /// Adds to a message with a gift what it does not say itself: the gift's name, and the price of one.
    pub fn complete(&self, summary: &mut Summary<'_>) {
        let Some(gift) = &mut summary.gift else { return };
        let Some(known) = self.0.get(&(gift.kind, gift.id)) else { return };
        if gift.name.is_none() {
            gift.name = known.name.clone().map(Cow::Owned);
        }
        summary.price_fen = summary.price_fen.or(known.price_fen);
    }
}

impl Catalog {
    /// What is known of a gift.
    pub fn get(&self, kind: GiftKind, id: u64) -> Option<&CatalogGift> {
        self.0.get(&(kind, id))
    }

    /// Adds what others know. Where both know something of a gift, theirs counts.
    pub fn improve(&mut self, others: &[CatalogGift]) {
        for gift in others {
            let known = self.0.entry((gift.kind, gift.id)).or_insert_with(|| gift.clone());
            known.name = gift.name.clone().or(known.name.take());
            known.price_fen = gift.price_fen.or(known.price_fen);
        }
    }
}

impl FromIterator<CatalogGift> for Catalog {
    fn from_iter<T: IntoIterator<Item = CatalogGift>>(gifts: T) -> Self {
        Self(gifts.into_iter().map(|gift| ((gift.kind, gift.id), gift)).collect())
    }
}
