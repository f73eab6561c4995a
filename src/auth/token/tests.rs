use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519};
use serde_json::json;

use super::*;
use crate::auth::Issuer;
use crate::auth::keys::Error;

const FIRST: &str = "the first secret, longer than thirty-two bytes";
const SECOND: &str = "the second secret, longer than thirty-two bytes";

fn keys(secrets: &[&str]) -> Keys {
    Keys::from_secrets(secrets.iter().copied(), &Issuer::default()).expect("good secrets")
}

fn signed(secret: &str, header: &Header, claims: &Value) -> String {
    jsonwebtoken::encode(header, claims, &EncodingKey::from_secret(secret.as_bytes())).expect("signed")
}

fn token(claims: &Value) -> String {
    signed(FIRST, &Header::new(Algorithm::HS256), claims)
}

fn named(kid: &str) -> Header {
    Header { kid: Some(kid.to_owned()), ..Header::new(Algorithm::HS256) }
}

fn now() -> i64 {
    Timestamp::now().seconds()
}

fn user(keys: &Keys, token: &str) -> Option<u64> {
    verify(keys, token).ok().map(|identity| identity.user.get())
}

#[test]
fn the_user_is_the_first_claim_that_is_present() {
    let keys = keys(&[FIRST]);
    let exp = now() + 60;
    for (claims, expected) in [
        (json!({"id": 1, "user_id": 2, "userId": 3, "sub": "4", "exp": exp}), Some(1)),
        (json!({"user_id": 2, "userId": 3, "sub": "4", "exp": exp}), Some(2)),
        (json!({"userId": "3", "sub": "4", "exp": exp}), Some(3)),
        (json!({"sub": "4", "exp": exp}), Some(4)),
        (json!({"sub": 4, "exp": exp}), Some(4)),
        (json!({"id": null, "sub": "4", "exp": exp}), Some(4)),
        (json!({"id": 4, "exp": exp as f64 + 0.5}), Some(4)),
        (json!({"id": "me", "sub": "4", "exp": exp}), None),
        (json!({"id": 0, "exp": exp}), None),
        (json!({"id": -1, "exp": exp}), None),
        (json!({"id": 7.0, "exp": exp}), Some(7)),
        (json!({"sub": 7e0, "exp": exp}), Some(7)),
        (json!({"id": 1.5, "exp": exp}), None),
        (json!({"id": 9_007_199_254_740_992.0, "exp": exp}), None),
        (json!({"id": "1 ", "exp": exp}), None),
        (json!({"id": 9_007_199_254_740_992_u64, "exp": exp}), None),
        (json!({"id": [1], "exp": exp}), None),
        (json!({"exp": exp}), None),
    ] {
        assert_eq!(user(&keys, &token(&claims)), expected, "{claims}");
    }
}

#[test]
fn roles() {
    let keys = keys(&[FIRST]);
    for (role, expected) in [
        (json!("admin"), Role::Admin),
        (json!("service"), Role::Service),
        (json!("user"), Role::User),
        (json!("seller"), Role::User),
        (json!(null), Role::User),
        (json!(["admin"]), Role::User),
    ] {
        let token = token(&json!({"id": 1, "exp": now() + 60, "role": role}));
        assert_eq!(verify(&keys, &token).expect("good").role, expected, "{role}");
    }
}

#[test]
fn times_are_checked_with_thirty_seconds_of_leeway() {
    let keys = keys(&[FIRST]);
    let now = now();
    for (claims, good) in [
        (json!({"id": 1, "exp": now + 60}), true),
        (json!({"id": 1, "exp": now - 20}), true),
        (json!({"id": 1, "exp": now - 40}), false),
        (json!({"id": 1}), false),
        (json!({"id": 1, "exp": null}), false),
        (json!({"id": 1, "exp": "soon"}), false),
        (json!({"id": 1, "exp": -1}), false),
        (json!({"id": 1, "exp": 1e300}), false),
        (json!({"id": 1, "exp": 1e18}), true),
        (json!({"id": 1, "exp": now + 60, "nbf": now + 20}), true),
        (json!({"id": 1, "exp": now as f64 + 60.0, "nbf": now as f64 - 0.5}), true),
        (json!({"id": 1, "exp": now as f64 - 40.0}), false),
        (json!({"id": 1, "exp": now + 60, "nbf": now as f64 + 40.0}), false),
        (json!({"id": 1, "exp": now + 60, "nbf": now + 40}), false),
        (json!({"id": 1, "exp": now + 60, "nbf": "later"}), false),
    ] {
        assert_eq!(user(&keys, &token(&claims)).is_some(), good, "{claims}");
    }
    let identity = verify(&keys, &token(&json!({"id": 1, "exp": now + 60}))).expect("good");
    assert_eq!(identity.expires_at.seconds(), now + 60);
}

#[test]
fn issuer_and_audience_where_configured() {
    let claims = json!({"id": 1, "exp": now() + 60, "iss": "core", "aud": ["chat", "mail"]});
    let plain = json!({"id": 1, "exp": now() + 60});
    let with = |issuers: &[&str], audiences: &[&str]| {
        let owned = |list: &[&str]| list.iter().map(|&name| name.to_owned()).collect();
        let issuer = Issuer { issuers: owned(issuers), audiences: owned(audiences) };
        Keys::from_secrets([FIRST], &issuer).expect("a good secret")
    };
    for (issuers, audiences, all, nothing) in [
        (&[][..], &[][..], true, true),
        (&["core"], &["chat"], true, false),
        (&["core"], &[], true, false),
        (&["other"], &[], false, false),
        (&[], &["web"], false, false),
        (&[], &["web", "mail"], true, false),
    ] {
        let keys = with(issuers, audiences);
        assert_eq!(user(&keys, &token(&claims)).is_some(), all, "{issuers:?} {audiences:?}");
        assert_eq!(user(&keys, &token(&plain)).is_some(), nothing, "{issuers:?} {audiences:?}");
    }
}

#[test]
fn secrets_are_rotated() {
    let claims = json!({"id": 1, "exp": now() + 60});
    let plain = Header::new(Algorithm::HS256);
    let both = keys(&[SECOND, FIRST]);
    assert_eq!(user(&both, &signed(FIRST, &plain, &claims)), Some(1));
    assert_eq!(user(&both, &signed(SECOND, &plain, &claims)), Some(1));
    assert_eq!(user(&keys(&[SECOND]), &signed(FIRST, &plain, &claims)), None);
    // A `kid` selects the key of that name; a `kid` that no key has selects the keys without a name.
    let old = format!("kid=old:{FIRST}");
    let mixed = keys(&[SECOND, &old]);
    assert_eq!(user(&mixed, &signed(FIRST, &named("old"), &claims)), Some(1));
    assert_eq!(user(&mixed, &signed(SECOND, &named("old"), &claims)), None);
    assert_eq!(user(&mixed, &signed(SECOND, &named("core-7"), &claims)), Some(1));
    assert_eq!(user(&mixed, &signed(FIRST, &named("core-7"), &claims)), None);
    assert_eq!(user(&mixed, &signed(FIRST, &plain, &claims)), Some(1));
}

#[test]
fn other_algorithms_and_damaged_tokens_are_refused() {
    let keys = keys(&[FIRST]);
    let claims = json!({"id": 1, "exp": now() + 60});
    let good = token(&claims);
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let none = format!("{}.{}.", part(&json!({"alg": "none"})), part(&claims));
    let unsigned = format!("{}.{}.", part(&json!({"alg": "HS256"})), part(&claims));
    let (head, rest) = good.split_once('.').expect("three parts");
    let (_, signature) = rest.split_once('.').expect("three parts");
    let forged = format!("{head}.{}.{signature}", part(&json!({"id": 2, "exp": now() + 60})));
    for token in [
        "",
        "x",
        "..",
        "a.b.c",
        &none,
        &unsigned,
        &forged,
        &good[..good.len() - 2],
        &format!("{good}.x"),
        &format!(" {good}"),
        &signed(FIRST, &Header::new(Algorithm::HS512), &claims),
        &signed(SECOND, &Header::new(Algorithm::HS256), &claims),
    ] {
        let refused = verify(&keys, token).expect_err(token);
        assert_eq!(refused.code.as_str(), "unauthorized");
        assert!(!refused.message.contains("secret"), "{}", refused.message);
    }
    let kid = json!({"alg": "HS256", "kid": 7});
    verify(&keys, &format!("{}.{}.x", part(&kid), part(&claims))).expect_err("a kid is a string");
}

#[test]
fn a_token_that_must_be_understood_in_more_ways_is_refused() {
    let keys = keys(&[FIRST]);
    let claims = json!({"id": 1, "exp": now() + 60});
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let with = |header: &Value| {
        let signed = format!("{}.{}", part(header), part(&claims));
        let key = EncodingKey::from_secret(FIRST.as_bytes());
        let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &key, Algorithm::HS256).expect("signed");
        format!("{signed}.{signature}")
    };
    assert_eq!(user(&keys, &with(&json!({"alg": "HS256", "typ": "JWT", "x-shop": ["exp"]}))), Some(1));
    for crit in [json!(["x-shop"]), json!(["exp"]), json!(["b64"]), json!([]), json!("exp"), json!(null), json!({})] {
        for header in [json!({"alg": "HS256", "crit": crit}), json!({"crit": crit, "alg": "HS256", "b64": true})] {
            let refused = verify(&keys, &with(&header)).expect_err(&header.to_string());
            assert_eq!(refused.code.as_str(), "unauthorized", "{header}");
        }
    }
}

#[test]
fn public_keys_verify_and_cannot_be_used_as_secrets() {
    let claims = json!({"id": 1, "exp": now() + 60});
    let ed = KeyPair::generate_for(&PKCS_ED25519).expect("a key");
    let ec = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key");
    let pem = format!("# the core's keys\n{}\n{}", ed.public_key_pem(), ec.public_key_pem());
    let keys = Keys::from_pem(&pem, &Issuer::default()).expect("two keys");
    let sign =
        |algorithm, key: &EncodingKey| jsonwebtoken::encode(&Header::new(algorithm), &claims, key).expect("signed");
    let ed_key = EncodingKey::from_ed_der(ed.serialized_der());
    let ec_key = EncodingKey::from_ec_der(ec.serialized_der());
    assert_eq!(user(&keys, &sign(Algorithm::EdDSA, &ed_key)), Some(1));
    assert_eq!(user(&keys, &sign(Algorithm::ES256, &ec_key)), Some(1));
    // The old trick: the public key as an HMAC secret.
    for secret in [ed.public_key_pem(), ec.public_key_pem(), pem.clone()] {
        assert_eq!(user(&keys, &signed(&secret, &Header::new(Algorithm::HS256), &claims)), None);
    }
    let foreign = KeyPair::generate_for(&PKCS_ED25519).expect("a key");
    assert_eq!(user(&keys, &sign(Algorithm::EdDSA, &EncodingKey::from_ed_der(foreign.serialized_der()))), None);
}

#[test]
fn keys_that_cannot_be_used_are_named() {
    let issuer = Issuer::default();
    let refuse = |pem: &str| Keys::from_pem(pem, &issuer).expect_err("no key of ours");
    let p384 = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).expect("a key");
    assert_eq!(refuse(""), Error::NoPem);
    assert_eq!(refuse(&p384.public_key_pem()), Error::Pem(1));
    assert_eq!(refuse(&p384.serialize_pem()), Error::Private(1));
    let short = Keys::from_secrets([FIRST, "short"], &issuer).expect_err("too short");
    assert_eq!(short, Error::ShortSecret(2, 5));
    let named = format!("kid=a:{FIRST}");
    assert_eq!(
        Keys::from_secrets([named.as_str(), &named], &issuer).expect_err("one name"),
        Error::SameName("a".into())
    );
}

#[test]
fn a_jwks_is_a_set_of_keys() {
    let issuer = Issuer::default();
    let claims = json!({"id": 1, "exp": now() + 60});
    let secret = URL_SAFE_NO_PAD.encode(FIRST);
    let set = json!({"keys": [
        {"kty": "oct", "kid": "one", "alg": "HS256", "k": secret},
        {"kty": "oct", "kid": "for HS512", "alg": "HS512", "k": URL_SAFE_NO_PAD.encode(SECOND)},
        {"kty": "AKP", "kid": "of tomorrow", "alg": "ML-DSA-44", "pub": "x"},
    ]});
    let keys = Keys::from_jwks(&set.to_string(), &issuer).expect("one key");
    assert_eq!(user(&keys, &signed(FIRST, &named("one"), &claims)), Some(1));
    assert_eq!(user(&keys, &signed(FIRST, &Header::new(Algorithm::HS256), &claims)), Some(1));
    assert_eq!(user(&keys, &signed(FIRST, &named("two"), &claims)), None);
    assert_eq!(user(&keys, &signed(SECOND, &Header::new(Algorithm::HS256), &claims)), None);
    assert!(matches!(Keys::from_jwks("{", &issuer), Err(Error::Jwks(_))));
    assert_eq!(Keys::from_jwks(r#"{"keys":[]}"#, &issuer).expect_err("empty"), Error::NoJwk);
}
