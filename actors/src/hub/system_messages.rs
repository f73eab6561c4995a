//! Messages of the marketplace itself.

use chat_database::change::{Change, LocalText};
use chat_database::ids::UserId;
use chat_database::objects::CardRef;

use super::{Hub, Stored};
use crate::error::Error;
use crate::protocol::ErrorCode;
use crate::requester::Answer;
use crate::validation;

/// A request of the marketplace to write into the thread of two users.
#[derive(Debug, Clone)]
pub struct SystemMessageRequest {
    /// The two users.
    pub users: [UserId; 2],
    /// The texts by language, in the order of the request. A text for all languages has an empty language.
    pub texts: Vec<LocalText>,
    /// The card that it shows.
    pub card: Option<CardRef>,
    /// The idempotency key: in the thread of the two users the same key is the same message, for ever.
    pub dedupe_key: String,
}

impl Hub {
    /// Stores a message of the marketplace itself and tells both users, each in the language of their profile. Makes their thread
    /// if they have none.
    ///
    /// # Errors
    /// `self_message`, `empty_message`, `text_too_long`, `not_found` for the card, `conflict` if the key belongs to another
    /// message of the two, and temporary ones.
    pub async fn send_system_message(&self, request: SystemMessageRequest) -> Result<Stored, Error> {
        let SystemMessageRequest { users: [one, other], texts, card, dedupe_key } = request;
        let pair = validation::receiver(one, other)?;
        let message = validation::system_message(pair, texts, card, dedupe_key, &self.0.options.limits)?;
        match self.request(Change::SystemMessage(message)).await {
            Ok(Answer::Stored { message, duplicate }) => Ok(Stored { message: *message, duplicate }),
            Ok(_) => Err(Error::internal()),
            Err(error) if error.code == ErrorCode::TempIdConflict => {
                let text = "this dedupe_key belongs to another message of the two users; take a new one";
                Err(Error::new(ErrorCode::Conflict, text))
            }
            Err(error) => Err(error),
        }
    }
}
