//! Who may change a message: its author, and for edits within the window. Strangers learn nothing, not even that it exists.

use chat_database::ids::{MessageId, Pair, UserId};
use chat_database::queries::threads::{self, Authorship};

use crate::node::Node;
use crate::protocol::ErrorCode;
use crate::refused::Refused;

/// Checks that somebody may edit a message; returns its thread's members.
pub(crate) async fn may_edit(node: &Node, user: UserId, message: MessageId) -> Result<Pair, Refused> {
    let authorship = own(node, user, message).await?;
    let window = node.options.edit_window;
    if authorship.created_at < node.horizon.time().before(window) {
        let text = format!("a message can be edited for {} minutes", window.as_secs() / 60);
        return Err(Refused::new(ErrorCode::EditWindowClosed, text));
    }
    Ok(authorship.pair)
}

/// Checks that somebody may delete a message; returns its thread's members.
pub(crate) async fn may_delete(node: &Node, user: UserId, message: MessageId) -> Result<Pair, Refused> {
    own(node, user, message).await.map(|authorship| authorship.pair)
}

async fn own(node: &Node, user: UserId, message: MessageId) -> Result<Authorship, Refused> {
    let authorship = threads::authorship(&node.database, message).await?;
    let seen = authorship.filter(|authorship| authorship.pair.contains(user));
    let authorship = seen.ok_or_else(|| Refused::not_found("message"))?;
    if authorship.sender != user {
        return Err(Refused::new(ErrorCode::NotAuthor, "only its author may change a message"));
    }
    if authorship.deleted {
        return Err(Refused::not_found("message"));
    }
    Ok(authorship)
}
