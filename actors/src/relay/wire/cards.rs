//! A message's card, as it is written for other nodes.

use chat_database::objects::{Card, CardRef};
use serde::{Deserialize, Serialize};

use crate::relay::commit::Malformed;

#[derive(Debug, Serialize, Deserialize)]
pub(in crate::relay) struct WireCard<'a> {
    kind: &'a str,
    id: &'a str,
    version: u64,
    title: &'a str,
    subtitle: Option<&'a str>,
    image_url: Option<&'a str>,
    amount: Option<&'a str>,
    currency: Option<&'a str>,
    url: &'a str,
    state: Option<&'a str>,
}

impl<'a> WireCard<'a> {
    pub(in crate::relay) fn of(card: &'a Card) -> Self {
        Self {
            kind: card.kind.as_str(),
            id: card.id.as_str(),
            version: card.version,
            title: &card.title,
            subtitle: card.subtitle.as_deref(),
            image_url: card.image_url.as_deref(),
            amount: card.amount.as_deref(),
            currency: card.currency.as_deref(),
            url: &card.url,
            state: card.state.as_deref(),
        }
    }

    pub(in crate::relay) fn read(self) -> Result<Card, Malformed> {
        let CardRef { kind, id } = CardRef::from_parts(self.kind, self.id).ok_or(Malformed)?;
        Ok(Card {
            kind,
            id,
            version: self.version,
            title: self.title.to_owned(),
            subtitle: self.subtitle.map(str::to_owned),
            image_url: self.image_url.map(str::to_owned),
            amount: self.amount.map(str::to_owned),
            currency: self.currency.map(str::to_owned),
            url: self.url.to_owned(),
            state: self.state.map(str::to_owned),
        })
    }
}
