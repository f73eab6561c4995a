//! Cards as they are now, and whom they concern.

use sea_orm::Value;

use crate::backend::column::{Column, Kind};
use crate::backend::dialect::Dialect;
use crate::driver_error::error;
use crate::ids::UserId;
use crate::message_rows::card;
use crate::objects::{Card, CardRef};
use crate::rows::{BinaryText, Reads, row};
use crate::size::cut_to_page;
use crate::time::Timestamp;
use crate::{Database, Error, sql};

row! {
    /// A thread in which a card was sent.
    struct CardThreadRow {
        kind: BinaryText,
        card_id: BinaryText,
        user1_id: i64,
        user2_id: i64,
    }
}

/// A card, and the members of a thread in which it was sent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CardReaders {
    /// The card.
    pub card: CardRef,
    /// The members.
    pub members: [UserId; 2],
}

/// Returns the present version of cards, by kind and id; those that are not known are left out.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn of(db: &Database, asked: &[CardRef]) -> Result<Vec<Card>, Error> {
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let (set, [kind, id]) = names(db.backend.dialect());
    let text = format!("SELECT c.body FROM {set} JOIN cards c ON c.kind = {kind} AND c.id = {id}");
    let bodies = (&db.readers).rows::<String>(&text, [values(asked)]).await.map_err(error)?;
    let mut found: Vec<Card> = bodies.iter().filter_map(|body| card(body)).collect();
    found.sort_unstable_by_key(Card::reference);
    Ok(found)
}

/// Returns the present version of cards as [`of`] does, as many as a page has room for, and whether there are more.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn page(db: &Database, asked: &[CardRef]) -> Result<(Vec<Card>, bool), Error> {
    let mut found = of(db, asked).await?;
    let has_more = cut_to_page(&mut found);
    Ok((found, has_more))
}

/// Returns the members of threads in which cards were sent after `since`; at most `limit` threads.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn recent_readers(
    db: &Database,
    asked: &[CardRef],
    since: Timestamp,
    limit: u32,
) -> Result<Vec<CardReaders>, Error> {
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let (set, [kind, id]) = names(db.backend.dialect());
    let text = format!(
        "SELECT t.kind, t.card_id, t.user1_id, t.user2_id FROM {set} \
         JOIN card_threads t ON t.kind = {kind} AND t.card_id = {id} AND t.sent_at > ? LIMIT ?"
    );
    let values = [values(asked), since.millis().into(), i64::from(limit).into()];
    let rows = (&db.readers).rows::<CardThreadRow>(&text, values).await.map_err(error)?;
    let readers = rows.into_iter().filter_map(|row| {
        let card = CardRef::from_parts(&row.kind.into_text(), &row.card_id.into_text())?;
        Some(CardReaders { card, members: [row.user1_id, row.user2_id].map(UserId::from_column) })
    });
    Ok(readers.collect())
}

/// Returns a JSON table of cards' names, and the expressions for its columns.
fn names(dialect: &dyn Dialect) -> (String, [String; 2]) {
    const NAME: [Column; 2] = [("kind", Kind::BinaryText), ("id", Kind::BinaryText)];
    (dialect.json_table("j", &NAME), NAME.map(|column| dialect.json_column("j", column)))
}

fn values(asked: &[CardRef]) -> Value {
    let rows: Vec<(&str, &str)> = asked.iter().map(|card| (card.kind.as_str(), card.id.as_str())).collect();
    sql::json(&rows)
}
