//! Updates between nodes, as bytes: the names of what has changed.

use bytes::Bytes;
use chat_database::objects::CardRef;
use serde::{Deserialize, Serialize};

/// What has changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Updated {
    /// The public profiles of these users.
    Profiles(Vec<u64>),
    /// These cards, by kind and id.
    Cards(Vec<(String, String)>),
    /// Restrictions of users: each node reads them, and tells no user.
    Restrictions,
}

impl Updated {
    /// Names cards.
    pub(crate) fn cards(cards: &[CardRef]) -> Self {
        Self::Cards(cards.iter().map(|card| (card.kind.as_str().to_owned(), card.id.as_str().to_owned())).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Profiles(users) => users.is_empty(),
            Self::Cards(cards) => cards.is_empty(),
            Self::Restrictions => false,
        }
    }

    pub(super) fn encode(&self) -> Bytes {
        // Writing into memory cannot fail.
        postcard::to_stdvec(self).map(Bytes::from).unwrap_or_default()
    }

    /// Decodes a body; `None` if it cannot be read, as one of another version may be.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        postcard::from_bytes(bytes).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_reads_back_and_what_is_none_does_not() {
        let updated = Updated::Profiles(vec![7, 42]);
        let bytes = updated.encode();
        // Written down: a node of this version must read it tomorrow.
        assert_eq!(bytes[..], [0, 2, 7, 42]);
        assert_eq!(Updated::decode(&bytes), Some(updated));
        let updated = Updated::cards(&["shop:5".parse().expect("a card")]);
        assert_eq!(updated.encode()[..], *b"\x01\x01\x04shop\x015");
        assert_eq!(Updated::decode(&updated.encode()), Some(updated));
        assert_eq!(Updated::Restrictions.encode()[..], [2]);
        assert_eq!(Updated::decode(&[2]), Some(Updated::Restrictions));
        for bytes in [&[][..], &[9, 1], &[0, 2, 7], &[255; 40]] {
            assert_eq!(Updated::decode(bytes), None, "{bytes:?}");
        }
    }
}
