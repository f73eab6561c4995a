//! The keys that verify tokens, each pinned to exactly one algorithm.

use std::fmt;
use std::sync::Arc;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};

use super::identity::LEEWAY_SECONDS;

/// The minimum length of a secret, in bytes (RFC 7518, 3.2).
pub const SHORTEST_SECRET: usize = 32;

/// The accepted issuers and audiences of tokens; an empty list is not checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Issuer {
    /// The accepted values of `iss`.
    pub issuers: Vec<String>,
    /// The accepted values of `aud`.
    pub audiences: Vec<String>,
}

/// Why a set of keys is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A secret is too short.
    #[error("secret {0} is {1} bytes long; at least {SHORTEST_SECRET} are needed (try `openssl rand -base64 48`)")]
    ShortSecret(usize, usize),
    /// Two keys have one name.
    #[error("two keys are called {0:?}")]
    SameName(String),
    /// A PEM block is not a supported public key.
    #[error("PEM block {0} is no RSA, P-256 or Ed25519 public key (make one with `openssl pkey -pubout`)")]
    Pem(usize),
    /// A PEM block is a private key, where a public one is needed.
    #[error("PEM block {0} is a private key: leave it with the issuer of the tokens, and give the hub the public one")]
    Private(usize),
    /// There is no PEM block.
    #[error("there is no PEM block in it")]
    NoPem,
    /// The JWKS cannot be parsed.
    #[error("it is no JWKS: {0}")]
    Jwks(String),
    /// The JWKS holds no key that verifies signatures.
    #[error("there is no RS256, ES256, EdDSA or HS256 key in it")]
    NoJwk,
}

/// A set of keys. Cheap to clone.
#[derive(Clone)]
pub struct Keys(Arc<[Key]>);

impl fmt::Debug for Keys {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} keys", self.0.len())
    }
}

/// A key, its one algorithm, and the required claims of its tokens.
pub(super) struct Key {
    /// Its name, which a token's `kid` may select.
    name: Option<String>,
    pub(super) decoding: DecodingKey,
    pub(super) validation: Validation,
}

/// Describes a JSON error by its position only: the text there may be a secret.
fn place_of(error: &serde_json::Error) -> String {
    format!("line {}, column {} is not what a key set has there", error.line(), error.column())
}

impl Keys {
    /// Makes keys of shared secrets, for HS256. A secret may have a name, which a token's `kid` selects: `kid=<name>:<secret>`.
    ///
    /// # Errors
    /// [`Error::ShortSecret`], [`Error::SameName`].
    pub fn from_secrets<'a>(secrets: impl IntoIterator<Item = &'a str>, issuer: &Issuer) -> Result<Self, Error> {
        let read = |(at, text): (usize, &str)| {
            let (name, secret) = named(text);
            if secret.len() < SHORTEST_SECRET {
                return Err(Error::ShortSecret(at + 1, secret.len()));
            }
            Ok(Key::new(name.map(str::to_owned), DecodingKey::from_secret(secret.as_bytes()), Algorithm::HS256, issuer))
        };
        Self::collect(secrets.into_iter().enumerate().map(read))
    }

    /// Makes keys of public keys in PEM, one block after another; RSA for RS256, P-256 for ES256, Ed25519 for EdDSA.
    ///
    /// # Errors
    /// An [`Error`] that names the block.
    pub fn from_pem(text: &str, issuer: &Issuer) -> Result<Self, Error> {
        let blocks = pem_blocks(text);
        if blocks.is_empty() {
            return Err(Error::NoPem);
        }
        let read = |(at, block): (usize, &str)| {
            if block.contains("PRIVATE KEY-----") {
                return Err(Error::Private(at + 1));
            }
            let (key, algorithm) = public_key(block.as_bytes()).ok_or(Error::Pem(at + 1))?;
            Ok(Key::new(None, key, algorithm, issuer))
        };
        Self::collect(blocks.into_iter().enumerate().map(read))
    }

    /// Makes keys of a JSON Web Key Set (RFC 7517). Keys of other kinds, or not for signatures, are skipped.
    ///
    /// # Errors
    /// [`Error::Jwks`], [`Error::NoJwk`], [`Error::ShortSecret`], [`Error::SameName`].
    pub fn from_jwks(text: &str, issuer: &Issuer) -> Result<Self, Error> {
        let set: JwkSet = serde_json::from_str(text).map_err(|error| Error::Jwks(place_of(&error)))?;
        let mut keys = Vec::new();
        for (at, jwk) in set.keys.iter().enumerate() {
            let Some(algorithm) = algorithm(jwk) else { continue };
            let key = DecodingKey::from_jwk(jwk).map_err(|error| Error::Jwks(error.to_string()))?;
            let length = key.try_get_as_bytes().map_or(0, <[u8]>::len);
            if algorithm == Algorithm::HS256 && length < SHORTEST_SECRET {
                return Err(Error::ShortSecret(at + 1, length));
            }
            keys.push(Ok(Key::new(jwk.common.key_id.clone(), key, algorithm, issuer)));
        }
        if keys.is_empty() { Err(Error::NoJwk) } else { Self::collect(keys) }
    }

    /// Returns the keys that may have signed a token. Without a `kid`: all keys. With the name of a key as `kid`: that key.
    /// With an unknown `kid`: the keys that have no name.
    pub(super) fn candidates<'a>(&'a self, kid: Option<&'a str>) -> impl Iterator<Item = &'a Key> {
        let known = kid.is_some_and(|kid| self.0.iter().any(|key| key.name.as_deref() == Some(kid)));
        self.0.iter().filter(move |key| match (kid, known) {
            (None, _) => true,
            (Some(kid), true) => key.name.as_deref() == Some(kid),
            (Some(_), false) => key.name.is_none(),
        })
    }

    fn collect(keys: impl IntoIterator<Item = Result<Key, Error>>) -> Result<Self, Error> {
        let keys: Vec<Key> = keys.into_iter().collect::<Result<_, _>>()?;
        for (at, key) in keys.iter().enumerate() {
            if let Some(name) = &key.name
                && keys[..at].iter().any(|other| other.name.as_ref() == Some(name))
            {
                return Err(Error::SameName(name.clone()));
            }
        }
        Ok(Self(keys.into()))
    }
}

impl Key {
    fn new(name: Option<String>, decoding: DecodingKey, algorithm: Algorithm, issuer: &Issuer) -> Self {
        let mut validation = Validation::new(algorithm);
        validation.leeway = LEEWAY_SECONDS;
        validation.validate_nbf = true;
        // Without a configured audience, a token for any audience is accepted.
        validation.validate_aud = !issuer.audiences.is_empty();
        let mut required = vec!["exp"];
        if !issuer.audiences.is_empty() {
            validation.set_audience(&issuer.audiences);
            required.push("aud");
        }
        if !issuer.issuers.is_empty() {
            validation.set_issuer(&issuer.issuers);
            required.push("iss");
        }
        validation.set_required_spec_claims(&required);
        Self { name, decoding, validation }
    }
}

/// Splits a secret into its name and the secret itself: `kid=<name>:<secret>`.
#[must_use]
pub fn named(text: &str) -> (Option<&str>, &str) {
    match text.strip_prefix("kid=").and_then(|rest| rest.split_once(':')) {
        Some((name, secret)) => (Some(name), secret),
        None => (None, text),
    }
}

fn pem_blocks(text: &str) -> Vec<&str> {
    let mut blocks = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("-----BEGIN ") {
        let Some(end) = rest[start..].find("-----END ") else { break };
        let after = start + end + "-----END ".len();
        let Some(close) = rest[after..].find("-----") else { break };
        let end = after + close + "-----".len();
        blocks.push(&rest[start..end]);
        rest = &rest[end..];
    }
    blocks
}

fn public_key(pem: &[u8]) -> Option<(DecodingKey, Algorithm)> {
    if let Ok(key) = DecodingKey::from_ed_pem(pem) {
        return Some((key, Algorithm::EdDSA));
    }
    if let Ok(key) = DecodingKey::from_ec_pem(pem) {
        // An uncompressed point of P-256: 04, x, y.
        let p256 = key.try_get_as_bytes().is_ok_and(|point| point.len() == 65);
        return p256.then_some((key, Algorithm::ES256));
    }
    let key = DecodingKey::from_rsa_pem(pem).ok()?;
    Some((key, Algorithm::RS256))
}

fn algorithm(jwk: &Jwk) -> Option<Algorithm> {
    if jwk.common.public_key_use.as_ref().is_some_and(|usage| *usage != PublicKeyUse::Signature) {
        return None;
    }
    let fits = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => Algorithm::RS256,
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => Algorithm::ES256,
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => Algorithm::EdDSA,
        AlgorithmParameters::OctetKey(_) => Algorithm::HS256,
        _ => return None,
    };
    // A key that names its use or its algorithm must be meant for signatures with that algorithm.
    match jwk.common.key_algorithm {
        Some(said) if Algorithm::try_from(said).ok() != Some(fits) => None,
        _ => Some(fits),
    }
}
