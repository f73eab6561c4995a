//! `softadastra-chat webhooks`: what an operator does with webhooks at the machine, on the hub's database.

use std::path::Path;

use anyhow::Context as _;
use chat_actors::webhooks::WebhookAdmin;
use chat_actors::webhooks::admin::{Only, Tested};
use chat_database::audit::Act;
use chat_database::commit::Writer;
use chat_database::ids::WebhookId;
use chat_database::nodes::NodeId;
use chat_database::time::Timestamp;
use serde_json::json;

use crate::cli::webhooks::{Action, Machine, OnlyArg};
use crate::{admin_command, config};

/// Runs `webhooks …`; returns the text to print.
///
/// # Errors
/// What went wrong, and what to do.
pub async fn run(action: Action) -> anyhow::Result<Vec<String>> {
    match action {
        Action::Add { url, types, description, at } => {
            let webhooks = open(&at).await?;
            webhooks.check(Some(&url), Some(&types), Some(&description)).await?;
            note(&at, Act::WebhookAdd, None, Some(json!({"url": url, "types": types}).to_string())).await?;
            let (webhook, secret) = webhooks.add(url, types, description, true).await?;
            Ok(vec![json!({"id": webhook.id, "secret": secret}).to_string()])
        }
        Action::List { at } => {
            let webhooks = open(&at).await?.all().await?;
            let line = |webhook: &chat_database::webhooks::Webhook| {
                json!({
                    "id": webhook.id,
                    "url": webhook.url,
                    "types": webhook.types,
                    "description": webhook.description,
                    "enabled": webhook.enabled,
                    "disabled_reason": webhook.disabled_reason,
                })
                .to_string()
            };
            Ok(webhooks.iter().map(line).collect())
        }
        Action::Test { id, at } => {
            note(&at, Act::WebhookTest, Some(id), None).await?;
            let Tested { status, ms, body } = open(&at).await?.test(id).await?;
            Ok(vec![json!({"status": status, "ms": ms, "body": body}).to_string()])
        }
        Action::Replay { id, since, only, at } => {
            note(&at, Act::WebhookReplay, Some(id), None).await?;
            let only = match only {
                OnlyArg::Failed => Only::Failed,
                OnlyArg::All => Only::All,
            };
            let count = open(&at).await?.replay(id, Timestamp::now().before(since), None, only).await?;
            Ok(vec![json!({"count": count}).to_string()])
        }
        Action::Remove { id, at } => {
            note(&at, Act::WebhookRemove, Some(id), None).await?;
            open(&at).await?.remove(id).await?;
            Ok(Vec::new())
        }
    }
}

async fn note(at: &Machine, what: Act, id: Option<WebhookId>, detail: Option<String>) -> anyhow::Result<()> {
    admin_command::note(&at.database.database_url, what, id.map(|id| format!("webhook:{id}")), detail).await
}

async fn open(at: &Machine) -> anyhow::Result<WebhookAdmin> {
    let database = admin_command::hubs_database(&at.database.database_url).await?;
    let keys = config::key_set_of_hub(&at.keys, Path::new("data")).map_err(anyhow::Error::msg)?;
    let options = config::webhooks(&at.webhooks, keys.webhook_secret);
    let node = NodeId::draw("webhooks-command").context("the name of a node")?;
    let writer = Writer::new(database.clone(), node);
    Ok(WebhookAdmin::beside_hub(database, options, writer)?)
}
