//! Messages of the marketplace itself.

use crate::ids::Pair;
use crate::objects::CardRef;
use crate::time::Timestamp;

/// A message of the marketplace itself, to both members of a thread. The thread is made if there is none.
#[derive(Debug, Clone)]
pub struct SystemMessage {
    /// The members of the thread.
    pub pair: Pair,
    /// The marketplace's idempotency key in this thread, 1–128 bytes.
    pub dedupe_key: String,
    /// SHA-256 of what was sent, as of a [`NewMessage`].
    pub payload_hash: [u8; 32],
    /// What it says, by language; at least one. Each member is told the text in the language of the member's profile; else the
    /// one in `en`, or the first. A text for all has any language.
    pub texts: Vec<LocalText>,
    /// The card that it shows.
    pub card: Option<CardRef>,
    /// When it arrived.
    pub at: Timestamp,
}

/// A text in a language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalText {
    /// The language: a BCP 47 tag.
    pub locale: String,
    /// The text.
    pub text: String,
}
