//! Reads the history of a conversation back into its ledger.

use super::pair::Conversation;
use crate::rest::Rest;
use crate::target::Target;

/// Reads the newest `quota` messages of a pair that were sent in this run.
///
/// # Errors
/// If the server does not answer with a history.
pub(super) async fn read_back(rest: &Rest, target: &Target, pair: &mut Conversation, quota: u64) -> anyhow::Result<()> {
    let from = pair.ledger.next_number().saturating_sub(quota);
    // Refused messages have no place, so this may be too early, but not too late.
    let mut after = pair.base + from.saturating_sub(pair.ledger.refused_count());
    let token = target.token(pair.reader)?;
    pair.ledger.begin_history(from);
    loop {
        let page = rest.page(&token, pair.author, after).await?;
        for entry in &page.messages {
            let number = entry.temp_id.as_deref().and_then(|key| pair.keys.number_of(key));
            // An earlier run may have written to the same thread.
            if let Some(number) = number {
                pair.ledger.stored(number);
            }
            after = after.max(entry.seq);
        }
        if !page.has_more || page.messages.is_empty() {
            return Ok(());
        }
    }
}
