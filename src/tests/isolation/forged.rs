//! Tokens and tickets that must open nothing.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chat_loadtest::token;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Makes what must be refused.
pub(crate) struct Forged;

impl Forged {
    /// Returns tokens of a user, each with what is wrong with it.
    pub(crate) fn all(secret: &str, user: u64) -> Vec<(&'static str, String)> {
        let good = json!({"id": user, "exp": now() + 3_600});
        let with = |change: Value| {
            let mut claims = good.clone();
            for (name, value) in change.as_object().expect("claims") {
                claims[name] = value.clone();
            }
            claims
        };
        let hs = |claims: &Value| signed(Algorithm::HS256, secret, claims);
        let valid = hs(&good);
        let (head, tail) = valid.rsplit_once('.').expect("a signature");
        let other_payload = URL_SAFE_NO_PAD.encode(with(json!({"id": 7})).to_string());
        let swapped = format!("{}.{other_payload}.{tail}", head.split('.').next().expect("a header"));
        vec![
            ("no dots", "nonsense".to_owned()),
            ("an empty signature", format!("{head}.")),
            ("another payload", swapped),
            ("a wrong key", signed(Algorithm::HS256, "another secret of 32 bytes and more", &good)),
            ("alg none", unsigned("none", &good)),
            ("alg None", unsigned("None", &good)),
            ("alg none with a signature", format!("{}{tail}", unsigned("none", &good))),
            ("another algorithm, the same secret", signed(Algorithm::HS512, secret, &good)),
            ("an algorithm of another kind", relabelled("RS256", &valid)),
            ("expired", hs(&with(json!({"exp": now() - 31 - 5})))),
            ("no exp", hs(&json!({"id": user}))),
            ("exp is text", hs(&with(json!({"exp": "tomorrow"})))),
            ("not yet valid", hs(&with(json!({"nbf": now() + 3_600})))),
            ("no user", hs(&json!({"exp": now() + 3_600}))),
            ("user 0", hs(&with(json!({"id": 0})))),
            ("a negative user", hs(&with(json!({"id": -42})))),
            ("a user beyond 2^53", hs(&with(json!({"id": 1_u64 << 53})))),
            ("a user that is no number", hs(&with(json!({"id": "alice"})))),
            ("a user with a sign", hs(&with(json!({"id": "+42"})))),
            ("a fractional user", hs(&with(json!({"id": 42.5})))),
        ]
    }

    /// Returns tickets of a user, each with what is wrong with it.
    pub(crate) fn tickets(secret: &str, user: u64) -> Vec<(&'static str, String)> {
        let ticket =
            |secret: &str, seconds| token::ticket(secret, user, Duration::from_secs(seconds)).expect("a ticket");
        let good = ticket(secret, 60);
        let parts: Vec<&str> = good.split('.').collect();
        let (id, exp, signature) = (parts[0], parts[2], parts[3]);
        vec![
            ("no ticket", "nonsense".to_owned()),
            ("a wrong secret", ticket("another secret of 32 bytes and more", 60)),
            ("another user", format!("{id}.7.{exp}.{signature}")),
            ("a later end", format!("{id}.{user}.{}.{signature}", now() + 100)),
            ("expired just now", ticket(secret, 0)),
            ("more than 300 s ahead", ticket(secret, 330)),
            ("a part too many", format!("{good}.x")),
            ("no signature", format!("{id}.{user}.{exp}.")),
            ("padding", format!("{good}=")),
        ]
    }
}

fn signed(algorithm: Algorithm, secret: &str, claims: &Value) -> String {
    let key = EncodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::encode(&Header::new(algorithm), claims, &key).expect("a token")
}

fn unsigned(algorithm: &str, claims: &Value) -> String {
    let header = json!({"alg": algorithm, "typ": "JWT"}).to_string();
    format!("{}.{}.", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims.to_string()))
}

/// Writes another algorithm into a token's header.
fn relabelled(algorithm: &str, token: &str) -> String {
    let (_, rest) = token.split_once('.').expect("a header");
    let header = json!({"alg": algorithm, "typ": "JWT"}).to_string();
    format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header))
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs()
}
