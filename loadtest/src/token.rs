//! Tokens and tickets as the marketplace's core mints them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;
use sha2::Sha256;

/// A secret that is long enough for the hub.
pub const SECRET: &str = "a secret of the load test with 32 bytes and more";

/// The secret is not valid, or the clock is before 1970.
#[derive(Debug, thiserror::Error)]
#[error("cannot mint a token: {0}")]
pub struct Error(String);

#[derive(Serialize)]
struct Claims<'a> {
    id: u64,
    iat: u64,
    exp: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'a str>,
}

/// Mints an HS256 token of a user.
///
/// # Errors
/// [`Error`] if the token cannot be signed.
pub fn mint(secret: &str, user: u64, lifetime: Duration) -> Result<String, Error> {
    mint_with_role(secret, user, lifetime, None)
}

/// Mints an HS256 token with a role: `user`, `admin` or `service`.
///
/// # Errors
/// [`Error`] if the token cannot be signed.
pub fn mint_with_role(secret: &str, user: u64, lifetime: Duration, role: Option<&str>) -> Result<String, Error> {
    let now = now()?;
    let claims = Claims { id: user, iat: now, exp: now.saturating_add(lifetime.as_secs()), role };
    let key = EncodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).map_err(|error| Error(error.to_string()))
}

/// Mints a single-use ticket: `<uuid>.<user>.<exp>.<base64url(HMAC-SHA256(secret, "<uuid>.<user>.<exp>"))>`.
///
/// # Errors
/// [`Error`] if the ticket cannot be signed.
pub fn ticket(secret: &str, user: u64, lifetime: Duration) -> Result<String, Error> {
    let exp = now()?.saturating_add(lifetime.as_secs());
    let body = format!("{}.{user}.{exp}", uuid::Uuid::new_v4());
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).map_err(|error| Error(error.to_string()))?;
    mac.update(body.as_bytes());
    Ok(format!("{body}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())))
}

fn now() -> Result<u64, Error> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|error| Error(error.to_string()))?;
    Ok(since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_has_four_parts_and_an_unpadded_signature() {
        let ticket = ticket(SECRET, 42, Duration::from_secs(60)).expect("a ticket");
        let parts: Vec<&str> = ticket.split('.').collect();
        assert_eq!(parts.len(), 4, "{ticket}");
        assert_eq!(parts[1], "42");
        assert_eq!(URL_SAFE_NO_PAD.decode(parts[3]).expect("base64url").len(), 32);
    }
}
