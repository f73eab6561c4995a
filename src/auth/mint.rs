//! Tokens for development and tests: what the marketplace's core issues in production.

use std::time::Duration;

use chat_database::ids::UserId;
use chat_database::time::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;

use super::{Issuer, Role, keys};

/// What a token is to say.
#[derive(Debug, Clone)]
pub struct Mint<'a> {
    /// Whom it is for.
    pub user: UserId,
    /// What they may do.
    pub role: Role,
    /// How long it is good.
    pub expires_in: Duration,
    /// For the demo page: whose conversation it opens.
    pub peer: Option<UserId>,
    /// What `iss` and `aud` must say, where they are checked.
    pub issuer: &'a Issuer,
}

#[derive(Serialize)]
struct Claims<'a> {
    id: UserId,
    role: &'static str,
    iat: i64,
    exp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<UserId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<&'a str>,
}

/// Makes a token, signed with a shared secret (which may have a name, see [`keys::named`]).
///
/// # Errors
/// Whatever the signer says; it has no reason to.
pub fn token(secret: &str, mint: &Mint<'_>) -> Result<String, jsonwebtoken::errors::Error> {
    let (name, secret) = keys::named(secret);
    let now = Timestamp::now();
    let claims = Claims {
        id: mint.user,
        role: mint.role.as_str(),
        iat: now.seconds(),
        exp: now.after(mint.expires_in).seconds(),
        peer: mint.peer,
        iss: mint.issuer.issuers.first().map(String::as_str),
        aud: mint.issuer.audiences.first().map(String::as_str),
    };
    let header = Header { kid: name.map(str::to_owned), ..Header::new(Algorithm::HS256) };
    jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(secret.as_bytes()))
}
