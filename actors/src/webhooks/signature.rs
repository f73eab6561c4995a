//! Secrets of endpoints, and the signatures that are made with them: [Standard Webhooks](https://www.standardwebhooks.com).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// The prefix of a secret in the form that its receiver gets.
const PREFIX: &str = "whsec_";

/// The secret that those of all endpoints are derived from, so that no table holds one. All nodes have the same.
#[derive(Clone)]
pub struct RootSecret([u8; 32]);

impl RootSecret {
    /// Derives one from the operator's configuration.
    #[must_use]
    pub fn derive(configured: &[u8]) -> Self {
        Self(sign(configured, &[b"webhooks"]))
    }

    /// Returns a version of an endpoint's secret.
    pub(super) fn of(&self, webhook: u64, version: u64) -> Secret {
        Secret(sign(&self.0, &[webhook.to_string().as_bytes(), b".", version.to_string().as_bytes()]))
    }
}

impl fmt::Debug for RootSecret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("RootSecret")
    }
}

/// The secret of an endpoint.
#[derive(Clone)]
pub(super) struct Secret([u8; 32]);

impl Secret {
    /// Returns the form that its receiver gets. To be shown once.
    pub(super) fn shown(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(self.0))
    }

    /// Signs a body that is sent under an id at a time, in Unix seconds.
    fn signature(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let timestamp = timestamp.to_string();
        let signature = sign(&self.0, &[id.as_bytes(), b".", timestamp.as_bytes(), b".", body]);
        format!("v1,{}", STANDARD.encode(signature))
    }
}

/// Returns the header `webhook-signature`: a signature with each of the secrets.
pub(super) fn header(secrets: &[Secret], id: &str, timestamp: i64, body: &[u8]) -> String {
    let signatures: Vec<String> = secrets.iter().map(|secret| secret.signature(id, timestamp, body)).collect();
    signatures.join(" ")
}

fn sign(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    // HMAC takes keys of every length (RFC 2104, 2); `InvalidLength` is for other algorithms of the trait.
    let mac = Hmac::<Sha256>::new_from_slice(key).unwrap_or_else(|_| Hmac::new(&Default::default()));
    parts.iter().fold(mac, |mac, part| mac.chain_update(part)).finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Standard Webhooks specification's reference libraries.
    #[test]
    fn a_signature_is_that_of_the_standard() {
        let key = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("base64");
        let (id, timestamp, body) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        let timestamp_text = i64::to_string(&timestamp);
        let signed = sign(&key, &[id.as_bytes(), b".", timestamp_text.as_bytes(), b".", body]);
        assert_eq!(STANDARD.encode(signed), "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn each_endpoint_and_version_has_a_secret_of_its_own() {
        let root = RootSecret::derive(b"configured");
        let secrets = [root.of(1, 1), root.of(1, 2), root.of(11, 1), root.of(1, 11), RootSecret::derive(b"x").of(1, 1)];
        let mut shown: Vec<String> = secrets.iter().map(Secret::shown).collect();
        assert!(shown.iter().all(|shown| shown.starts_with("whsec_") && shown.len() == 50), "{shown:?}");
        assert_eq!(root.of(1, 1).shown(), shown[0], "for ever");
        shown.sort();
        shown.dedup();
        assert_eq!(shown.len(), secrets.len());
    }

    #[test]
    fn while_a_secret_is_changed_both_sign() {
        let root = RootSecret::derive(b"configured");
        let both = header(&[root.of(1, 2), root.of(1, 1)], "evt_1", 5, b"{}");
        let (new, old) = both.split_once(' ').expect("two");
        assert_eq!(new, header(&[root.of(1, 2)], "evt_1", 5, b"{}"));
        assert_eq!(old, header(&[root.of(1, 1)], "evt_1", 5, b"{}"));
        assert!(new.starts_with("v1,") && old.starts_with("v1,") && new != old);
    }
}
