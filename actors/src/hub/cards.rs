//! Cards: what conversations of the marketplace are about.

use chat_database::change::{Change, Outcome};
use chat_database::objects::{Card, CardRef};
use chat_database::queries::cards;

use super::Hub;
use crate::error::Error;
use crate::updates::Updated;

impl Hub {
    /// Stores cards, ignores those of a lower version than the present one, and tells connected users in whose threads a card
    /// that changed was sent lately. Returns how many changed; if none does, nothing is written.
    ///
    /// # Errors
    /// Temporary ones alone: the edge has checked the cards.
    pub async fn put_cards(&self, mut put: Vec<Card>) -> Result<usize, Error> {
        let named: Vec<CardRef> = put.iter().map(Card::reference).collect();
        let present = cards::of(&self.0.database, &named).await?;
        put.retain(|card| {
            let present = present.iter().find(|present| present.kind == card.kind && present.id == card.id);
            present.is_none_or(|present| card.replaces(present))
        });
        if put.is_empty() {
            return Ok(0);
        }
        match self.0.storage.call(Change::PutCards(put)).await? {
            Outcome::CardsPut(changed) => {
                let count = changed.len();
                self.0.updates.announce(&self.0.relay, Updated::cards(&changed));
                Ok(count)
            }
            _ => Err(Error::internal()),
        }
    }

    /// Returns the present version of cards, by kind and id, as many as a page has room for, and whether there are more;
    /// those that are not known are left out.
    ///
    /// # Errors
    /// `unavailable` with the database down.
    pub async fn cards(&self, asked: &[CardRef]) -> Result<(Vec<Card>, bool), Error> {
        Ok(cards::page(&self.0.database, asked).await?)
    }
}
