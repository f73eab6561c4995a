//! Cards: what conversations of the marketplace are about.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ids::{ProductId, Whole};

/// A thing of the marketplace, as the core describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Card {
    /// What kind of thing it is.
    pub kind: CardKind,
    /// The core's id of it, among those of its kind.
    #[schema(value_type = String, min_length = 1, max_length = 64)]
    pub id: CardId,
    /// The version of this description: a higher one is newer.
    pub version: u64,
    /// What it is called.
    pub title: String,
    /// A second line.
    pub subtitle: Option<String>,
    /// Where its picture is.
    pub image_url: Option<String>,
    /// What it costs: a decimal number.
    pub amount: Option<String>,
    /// In which currency: a code of ISO 4217.
    pub currency: Option<String>,
    /// Where its page is.
    pub url: String,
    /// What has become of it, as the core names it: `sold`, `shipped`.
    pub state: Option<String>,
}

impl Card {
    /// Returns its name.
    #[must_use]
    pub fn reference(&self) -> CardRef {
        CardRef { kind: self.kind, id: self.id.clone() }
    }

    /// Tells whether it replaces another version of the same card: not if that one is newer, or the same.
    #[must_use]
    pub fn replaces(&self, present: &Self) -> bool {
        self.version >= present.version && self != present
    }
}

/// What kind of thing a card is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CardKind {
    /// A product.
    Product,
    /// An order.
    Order,
    /// A shop.
    Shop,
    /// A place where people meet.
    Place,
}

impl CardKind {
    const ALL: [Self; 4] = [Self::Product, Self::Order, Self::Shop, Self::Place];

    /// Returns the kind as it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Product => "product",
            Self::Order => "order",
            Self::Shop => "shop",
            Self::Place => "place",
        }
    }
}

/// The core's id of a card: 1 to 64 characters without control characters and commas.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct CardId(String);

/// The most characters of an id.
const ID_CHARS: usize = 64;

/// The most bytes of an id: what its column holds.
const ID_BYTES: usize = 255;

impl CardId {
    /// Takes a text that may be an id.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Option<Self> {
        let text = text.into();
        let fits = (1..=ID_CHARS).contains(&text.chars().count()) && text.len() <= ID_BYTES;
        let plain = !text.contains(|letter: char| letter.is_control() || letter == ',');
        (fits && plain).then_some(Self(text))
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for CardId {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(CardIdVisitor)
    }
}

/// Reads an id as a text, or as a number: that is how the core may keep it.
struct CardIdVisitor;

impl Visitor<'_> for CardIdVisitor {
    type Value = CardId;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "a card's id: 1 to {ID_CHARS} characters without control characters and commas")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<CardId, E> {
        CardId::new(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<CardId, E> {
        Ok(CardId(number.to_string()))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<CardId, E> {
        Whole::<0>.visit_f64(number).map(|number| CardId(number.to_string()))
    }
}

/// The name of a card: its kind and id, written `product:5`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
pub struct CardRef {
    /// What kind of thing it is.
    pub kind: CardKind,
    /// The core's id of it.
    #[schema(value_type = String, min_length = 1, max_length = 64)]
    pub id: CardId,
}

impl CardRef {
    /// Makes a name of its two parts, if they may be those of one.
    #[must_use]
    pub fn from_parts(kind: &str, id: &str) -> Option<Self> {
        let kind = CardKind::ALL.into_iter().find(|known| known.as_str() == kind)?;
        Some(Self { kind, id: CardId::new(id)? })
    }
}

impl From<ProductId> for CardRef {
    fn from(product: ProductId) -> Self {
        Self { kind: CardKind::Product, id: CardId(product.to_string()) }
    }
}

/// A text is no name of a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a card is named by kind and id, as in product:5")]
pub struct NotACard;

impl FromStr for CardRef {
    type Err = NotACard;

    fn from_str(text: &str) -> Result<Self, NotACard> {
        let (kind, id) = text.split_once(':').ok_or(NotACard)?;
        Self::from_parts(kind, id).ok_or(NotACard)
    }
}

impl fmt::Display for CardRef {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.kind.as_str(), self.id.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_reads_back_and_what_is_none_does_not() {
        for text in ["product:5", "order:2026-11:17", "shop:é", "place:Kampala Road"] {
            assert_eq!(text.parse::<CardRef>().expect(text).to_string(), text);
        }
        let long = format!("product:{}", "x".repeat(65));
        for text in ["", "product", "product:", ":5", "user:5", "Product:5", "product:a,b", "product:a\n", &long] {
            assert_eq!(text.parse::<CardRef>(), Err(NotACard), "{text:?}");
        }
    }

    #[test]
    fn an_id_is_a_text_or_a_number() {
        let read = |text: &str| serde_json::from_str::<CardId>(text).ok().map(|id| id.as_str().to_owned());
        assert_eq!(read("\"5\"").as_deref(), Some("5"));
        for number in ["5", "5.0", "5e0"] {
            assert_eq!(read(number).as_deref(), Some("5"), "{number}");
        }
        assert_eq!(read("\"5.0\"").as_deref(), Some("5.0"), "a text is what it is");
        for text in ["\"\"", "-5", "5.5", "1e300", "null", "[]", "\"a,b\"", "\"\\u0000\""] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
