//! The keys that verify tokens and sign tickets and links.

use std::fmt;
use std::path::Path;

use chat_actors::relay;
use chat_actors::webhooks::signature::RootSecret;

use super::development::{self, Development};
use super::{images, values};
use crate::auth::keys::{SHORTEST_SECRET, named};
use crate::auth::{Authenticator, Issuer, Keys};
use crate::cli::secret::shown;
use crate::cli::serve::KeyArgs;

/// The keys of one process.
#[derive(Clone)]
pub struct KeySet {
    /// Verifies tokens and tickets.
    pub authenticator: Authenticator,
    /// The accepted issuers and audiences.
    pub issuer: Issuer,
    /// The secret that signs tokens; `None` with public keys.
    pub signing_secret: Option<String>,
    /// The secret that signs links to images.
    pub link_secret: [u8; 32],
    /// The secret that the secrets of webhooks are derived from.
    pub webhook_secret: RootSecret,
    /// The key that signs messages between nodes; `None` if no secret is configured that all nodes share.
    pub relay_key: Option<relay::Key>,
    /// Set if no key was configured.
    pub development: Option<Development>,
}

impl fmt::Debug for KeySet {
    /// Leaves out the secret.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("KeySet").field("development", &self.development).finish_non_exhaustive()
    }
}

/// Reads the configured keys; creates the development secret if there are none.
///
/// # Errors
/// A message that names the setting and the remedy.
pub fn key_set(args: &KeyArgs, folder: &Path) -> Result<KeySet, String> {
    let issuer = Issuer { issuers: values::list(&args.jwt_issuer), audiences: values::list(&args.jwt_audience) };
    let secrets = values::secrets(&args.jwt_secret);
    let (pem, jwks) = (values::file(args.jwt_public_key.as_ref()), values::file(args.jwt_jwks.as_ref()));
    let sources = [!secrets.is_empty(), pem.is_some(), jwks.is_some()];
    if sources.into_iter().filter(|configured| *configured).count() > 1 {
        return Err("JWT_SECRET, JWT_PUBLIC_KEY and JWT_JWKS exclude each other: set one".to_owned());
    }
    let (keys, signing_secret, development) = if let Some(path) = pem {
        (from_file("JWT_PUBLIC_KEY", path, |text| Keys::from_pem(text, &issuer))?, None, None)
    } else if let Some(path) = jwks {
        (from_file("JWT_JWKS", path, |text| Keys::from_jwks(text, &issuer))?, None, None)
    } else if secrets.is_empty() {
        let secret = development::secret(folder)?;
        let keys = from_secrets(std::slice::from_ref(&secret), &issuer)?;
        (keys, Some(secret.clone()), Some(Development::new(secret)))
    } else {
        (from_secrets(&secrets, &issuer)?, secrets.first().cloned(), None)
    };
    let shared_secret = match values::secret(args.ticket_secret.as_ref()) {
        Some(secret) if secret.len() < SHORTEST_SECRET => {
            return Err(format!(
                "CHAT_TICKET_SECRET is shorter than {SHORTEST_SECRET} bytes; try `openssl rand -base64 48`"
            ));
        }
        Some(secret) => Some(secret.to_owned()),
        None => signing_secret.as_deref().map(|secret| named(secret).1.to_owned()),
    };
    let relay_key = shared_secret.as_ref().map(|secret| relay::Key::derive(secret.as_bytes()));
    // Without a shared secret, a ticket is valid only on the node that made it.
    let ticket_secret = shared_secret.unwrap_or_else(secret_of_this_run);
    let webhook_secret = webhook_secret(args, &ticket_secret)?;
    let authenticator = Authenticator::new(keys, ticket_secret.as_bytes());
    let link_secret = images::link_secret(ticket_secret.as_bytes());
    Ok(KeySet { authenticator, issuer, signing_secret, link_secret, webhook_secret, relay_key, development })
}

/// Reads the keys of a hub, for a command beside it. It creates no development secret: no hub would have it.
///
/// # Errors
/// As [`key_set`]; that there is no key.
pub fn key_set_of_hub(args: &KeyArgs, folder: &Path) -> Result<KeySet, String> {
    if none_configured(args) && !development::is_there(folder) {
        return Err(format!(
            "there is no key to sign with: name the hub's settings (CHAT_CONFIG, JWT_SECRET), or go to the folder of a hub that runs \
             in development mode, where {} is",
            development::path(folder).display()
        ));
    }
    key_set(args, folder)
}

/// Derives the root secret of webhooks: from the configured secret, or else from that of tickets, which all nodes share.
fn webhook_secret(args: &KeyArgs, ticket_secret: &str) -> Result<RootSecret, String> {
    match values::secret(args.webhook_secret.as_ref()) {
        Some(secret) if secret.len() < SHORTEST_SECRET => {
            Err(format!("CHAT_WEBHOOK_SECRET is shorter than {SHORTEST_SECRET} bytes; try `openssl rand -base64 48`"))
        }
        Some(secret) => Ok(RootSecret::derive(secret.as_bytes())),
        None => Ok(RootSecret::derive(ticket_secret.as_bytes())),
    }
}

/// Makes a secret for this run, and warns about the consequences.
fn secret_of_this_run() -> String {
    tracing::warn!(
        "no CHAT_TICKET_SECRET: tickets and links to images are good until this node restarts, and on no other node"
    );
    development::random_secret()
}

fn from_secrets(secrets: &[String], issuer: &Issuer) -> Result<Keys, String> {
    Keys::from_secrets(secrets.iter().map(String::as_str), issuer).map_err(|error| format!("JWT_SECRET: {error}"))
}

fn from_file(
    name: &str,
    path: &Path,
    read: impl FnOnce(&str) -> Result<Keys, crate::auth::keys::Error>,
) -> Result<Keys, String> {
    let text =
        std::fs::read_to_string(path).map_err(|error| format!("{name}: {} cannot be read: {error}", shown(path)))?;
    read(&text).map_err(|error| format!("{name}: {}: {error}", shown(path)))
}

/// Tells whether no key is configured: that is development mode.
pub(super) fn none_configured(args: &KeyArgs) -> bool {
    values::secrets(&args.jwt_secret).is_empty()
        && [&args.jwt_public_key, &args.jwt_jwks].iter().all(|path| values::file(path.as_ref()).is_none())
}
