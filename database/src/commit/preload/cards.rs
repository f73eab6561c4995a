//! The cards that there are.

use super::Preload;
use crate::backend::column::{Column, Kind};
use crate::commit::preloaded::Preloaded;
use crate::commit::read_set::ReadSet;
use crate::driver_error::DriverError;
use crate::message_rows::card;
use crate::rows::Reads;

/// The columns of a set of cards' names.
const NAME: [Column; 2] = [("kind", Kind::BinaryText), ("id", Kind::BinaryText)];

impl<R: Reads> Preload<'_, R> {
    /// Reads the cards that are put, or that messages show.
    pub(super) async fn cards(&mut self, read_set: &ReadSet<'_>, preloaded: &mut Preloaded) -> Result<(), DriverError> {
        if read_set.cards.is_empty() {
            return Ok(());
        }
        let asked: Vec<(&str, &str)> =
            read_set.cards.iter().map(|card| (card.kind.as_str(), card.id.as_str())).collect();
        let set = self.dialect.json_table("j", &NAME);
        let [kind, id] = NAME.map(|column| self.dialect.json_column("j", column));
        let text = format!("SELECT c.body FROM {set} JOIN cards c ON c.kind = {kind} AND c.id = {id}");
        for body in self.rows::<String, _>(text, &asked).await? {
            preloaded.cards.extend(card(&body).map(|card| (card.reference(), card)));
        }
        Ok(())
    }
}
