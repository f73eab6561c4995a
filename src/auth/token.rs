//! Verifies a token and reads its claims.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chat_actors::Error;
use chat_database::ids::UserId;
use chat_database::time::Timestamp;
use jsonwebtoken::errors::ErrorKind;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::identity::{Identity, Role, unauthorized};
use super::keys::Keys;

/// The claims that we read. The user is the first of the four that is present.
#[derive(Deserialize)]
struct Claims {
    #[serde(default)]
    id: Option<Value>,
    #[serde(default)]
    user_id: Option<Value>,
    #[serde(default, rename = "userId")]
    user_id_camel: Option<Value>,
    #[serde(default)]
    sub: Option<Value>,
    #[serde(default)]
    role: Option<Value>,
    #[serde(default)]
    iat: Option<f64>,
    exp: f64,
}

/// The parts of a token's header that are checked before its signature.
#[derive(Deserialize)]
struct Header {
    #[serde(default)]
    kid: Option<String>,
    /// Whether the header marks extensions as critical (RFC 7515, 4.1.11): the hub understands none.
    #[serde(default, rename = "crit", deserialize_with = "present")]
    critical: bool,
}

fn present<'de, D: Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(from).map(|_| true)
}

fn header(token: &str) -> Option<Header> {
    let (header, _) = token.split_once('.')?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()
}

pub(super) fn verify(keys: &Keys, token: &str) -> Result<Identity, Error> {
    let header = header(token).ok_or_else(|| unauthorized("this is no token that we take: a signed JWT is needed"))?;
    if header.critical {
        // jsonwebtoken ignores `crit`.
        return Err(unauthorized("the token's header has `crit`, and we know no extension that could be meant"));
    }
    let mut why = ErrorKind::InvalidAlgorithm;
    for key in keys.candidates(header.kid.as_deref()) {
        match jsonwebtoken::decode::<Claims>(token, &key.decoding, &key.validation) {
            Ok(verified) => return identity(verified.claims),
            Err(error) => why = the_nearer(why, error.into_kind()),
        }
    }
    Err(unauthorized(explain(&why)))
}

fn identity(claims: Claims) -> Result<Identity, Error> {
    let Claims { id, user_id, user_id_camel, sub, role, iat, exp } = claims;
    let user = id.or(user_id).or(user_id_camel).or(sub);
    let user = user.ok_or_else(|| unauthorized("the token names no user: `id`, `user_id`, `userId` or `sub`"))?;
    let user = UserId::deserialize(user).map_err(|_| unauthorized("the token's user is no id"))?;
    let role = match role.as_ref().and_then(Value::as_str) {
        Some("admin") => Role::Admin,
        Some("service") => Role::Service,
        _ => Role::User,
    };
    // Saturates: a token without a realistic end is valid for a very long time.
    Ok(Identity { user, role, issued_at: iat.map(timestamp), expires_at: timestamp(exp) })
}

/// Reads seconds, up to the end of the year 9999.
#[expect(clippy::cast_possible_truncation, reason = "clamped before")]
fn timestamp(seconds: f64) -> Timestamp {
    Timestamp::from_millis((seconds.clamp(0.0, 253_402_300_799.0) * 1_000.0) as i64)
}

/// Chooses the error to report when several keys refuse a token: an error after the signature check tells more than a wrong
/// signature.
fn the_nearer(one: ErrorKind, other: ErrorKind) -> ErrorKind {
    let depth = |kind: &ErrorKind| match kind {
        ErrorKind::InvalidAlgorithm => 0,
        ErrorKind::InvalidSignature => 1,
        _ => 2,
    };
    if depth(&other) > depth(&one) { other } else { one }
}

fn explain(why: &ErrorKind) -> &'static str {
    match why {
        ErrorKind::ExpiredSignature => "the token has expired; get a fresh one",
        ErrorKind::ImmatureSignature => "the token is not good yet",
        ErrorKind::MissingRequiredClaim(_) => {
            "the token lacks a claim: `exp`, and `iss` or `aud` where they are checked"
        }
        ErrorKind::InvalidIssuer => "the token is of an issuer that is not ours",
        ErrorKind::InvalidAudience => "the token is not meant for us",
        ErrorKind::InvalidSignature => "the token's signature is wrong",
        ErrorKind::InvalidAlgorithm => "no key of ours fits the token's `alg` and `kid`",
        _ => "the token cannot be read",
    }
}

#[cfg(test)]
mod tests;
