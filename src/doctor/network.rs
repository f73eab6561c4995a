//! Checks of the CA certificates, of NATS, and of the receivers of webhooks.

use anyhow::Context as _;
use chat_actors::relay::{self, Carrier};
use chat_actors::webhooks::WebhookAdmin;
use chat_actors::webhooks::signature::RootSecret;
use chat_database::Database;
use chat_database::commit::Writer;
use chat_database::connect::{Location, Options};
use chat_database::nodes::NodeId;

use super::finding::{Finding, broken, ok, warning};
use crate::cli::ServeArgs;
use crate::config::{self, Config};

const CERTIFICATES: &str = "certificates";
const NATS: &str = "NATS";
const WEBHOOKS: &str = "webhooks";

/// Looks for CA certificates: without any the hub cannot make its HTTP client for webhooks, and does not start.
pub(super) fn certificates() -> Finding {
    match rustls_native_certs::load_native_certs().certs.len() {
        0 => {
            broken(CERTIFICATES, "this machine has none of an authority: install ca-certificates, or set SSL_CERT_FILE")
        }
        number => ok(CERTIFICATES, format!("those of {number} authorities are trusted")),
    }
}

pub(super) async fn nats(args: &ServeArgs, config: Option<&Config>) -> Finding {
    match config.map(|config| &config.hub.relay.carrier) {
        Some(Carrier::Nats(options)) => match relay::check(options).await {
            Ok(servers) => ok(NATS, format!("{servers} takes and sends messages")),
            Err(why) => broken(NATS, format!("{why}. The hub serves without it, and nodes poll")),
        },
        Some(_) => ok(NATS, "it is not used: nodes of one database poll"),
        None if args.nodes.nats_url.is_none() => ok(NATS, "it is not used: nodes of one database poll"),
        None => warning(NATS, "it was not looked at: see to the settings first"),
    }
}

/// Asks the receivers of all webhooks for a sign of life, which sends no event.
pub(super) async fn webhooks(args: &ServeArgs) -> Vec<Finding> {
    let url = args.database_url.expose();
    let is_there = |location: &Location| location.sqlite().is_none_or(|file| file.path.exists());
    if !url.parse::<Location>().is_ok_and(|location| is_there(&location)) {
        return Vec::new();
    }
    // The check of the database has reported the error.
    let Ok(database) = Database::connect(&Options { url: url.to_owned(), readers: 1 }).await else { return Vec::new() };
    let found = asked(args, &database).await;
    database.close().await;
    found.unwrap_or_else(|error| {
        vec![warning(WEBHOOKS, format!("they cannot be read ({error:#}): see to the schema first"))]
    })
}

async fn asked(args: &ServeArgs, database: &Database) -> anyhow::Result<Vec<Finding>> {
    let node = NodeId::draw("doctor").context("the name of a node")?;
    // Nothing is signed: any secret will do.
    let options = config::webhooks(&args.webhooks, RootSecret::derive(b"doctor"));
    let admin = WebhookAdmin::beside_hub(database.clone(), options, Writer::new(database.clone(), node))?;
    let mut found = Vec::new();
    for webhook in admin.all().await? {
        let id = webhook.id;
        if !webhook.enabled {
            let why = webhook.disabled_reason.as_deref().unwrap_or("an operator did");
            found.push(warning(WEBHOOKS, format!("{id} is disabled ({why}): enable it when its receiver is well")));
            continue;
        }
        found.push(match admin.reach(&webhook).await {
            Ok(status) => ok(WEBHOOKS, format!("the receiver of {id} can be reached, and answers {status}")),
            Err(why) => broken(
                WEBHOOKS,
                format!("the receiver of {id} cannot be reached ({why}): see to its address, its certificate and CHAT_WEBHOOK_ALLOW"),
            ),
        });
    }
    if found.is_empty() {
        found.push(ok(WEBHOOKS, "there are none"));
    }
    Ok(found)
}
