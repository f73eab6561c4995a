//! Cards: the newest version counts, and a message keeps the one that it was sent with.

use std::collections::BTreeSet;

use crate::change::{NewMessage, Outcome};
use crate::commit::apply::Applier;
use crate::commit::read_set::ReadSet;
use crate::commit::write_set::{CardRow, CardThreadRow};
use crate::message_rows::card_text;
use crate::objects::{Card, CardRef};

impl ReadSet<'_> {
    pub(super) fn put_cards(&mut self, cards: &[Card]) {
        self.cards.extend(cards.iter().map(Card::reference));
    }
}

impl<'a> Applier<'a> {
    pub(super) fn put_cards(&mut self, cards: &'a [Card]) -> Outcome {
        let mut changed = BTreeSet::new();
        for card in cards {
            let reference = card.reference();
            if self.preloaded.cards.get(&reference).is_some_and(|present| !card.replaces(present)) {
                continue;
            }
            self.preloaded.cards.insert(reference.clone(), card.clone());
            self.write_set.cards.insert(reference.clone(), row(card));
            changed.insert(reference);
        }
        Outcome::CardsPut(changed.into_iter().collect())
    }

    /// Returns the card that a message shows: the one that it names, or that of its product, if there is any.
    pub(super) fn card_of(&self, send: &NewMessage) -> Result<Option<Box<Card>>, UnknownCard> {
        match (&send.card, send.product_id) {
            (Some(named), _) => self.known_card(named).map(Some).ok_or(UnknownCard),
            (None, Some(product)) => Ok(self.known_card(&product.into())),
            (None, None) => Ok(None),
        }
    }

    /// Returns a card as it is now.
    pub(super) fn known_card(&self, named: &CardRef) -> Option<Box<Card>> {
        self.preloaded.cards.get(named).cloned().map(Box::new)
    }

    /// Notes that a card was sent in a thread.
    pub(super) fn sent_card(&mut self, slot: usize, card: &Card, at: i64) {
        let thread = &self.cache.threads[slot];
        let row = CardThreadRow {
            kind: card.kind.as_str(),
            card_id: card.id.as_str().to_owned(),
            thread_id: thread.id,
            user1_id: thread.members[0].user,
            user2_id: thread.members[1].user,
            sent_at: at,
        };
        self.write_set.card_threads.insert((card.reference(), thread.id), row);
    }
}

/// There is no such card.
pub(super) struct UnknownCard;

/// Returns the name of the card that a message may show.
pub(super) fn reference(send: &NewMessage) -> Option<CardRef> {
    send.card.clone().or_else(|| send.product_id.map(CardRef::from))
}

fn row(card: &Card) -> CardRow<'_> {
    CardRow {
        kind: card.kind.as_str(),
        id: card.id.as_str(),
        version: i64::try_from(card.version).unwrap_or(i64::MAX),
        body: card_text(card),
    }
}
