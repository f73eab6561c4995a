//! The configuration of webhooks.

use chat_actors::webhooks::Options;
use chat_actors::webhooks::address::Policy;
use chat_actors::webhooks::signature::RootSecret;

use crate::cli::serve::WebhookArgs;

/// Returns the options of webhooks: the secret that signs, and the addresses that deliveries may go to.
#[must_use]
pub fn webhooks(args: &WebhookArgs, secret: RootSecret) -> Options {
    Options { secret, policy: Policy::new(args.webhook_allow.iter().copied().flatten().collect()) }
}
