//! Makes tokens for development and tests; in production the marketplace's core issues them.

use std::time::Duration;

use chat_database::ids::UserId;
use chat_database::time::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;

use super::identity::Role;
use super::keys::{self, Issuer};

/// The claims of a token.
#[derive(Debug, Clone)]
pub struct Mint<'a> {
    /// The user.
    pub user: UserId,
    /// The role.
    pub role: Role,
    /// The token's lifetime.
    pub expires_in: Duration,
    /// For the demo page: the user whose conversation it opens.
    pub peer: Option<UserId>,
    /// The values of `iss` and `aud`, where they are checked.
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
/// If the token cannot be signed, which does not happen with a valid secret.
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
