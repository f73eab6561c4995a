//! Tickets: `<uuid>.<user>.<expiry, Unix seconds>.<base64url(HMAC-SHA256(secret, what stands before))>`.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chat_actors::Error;
use chat_database::ids::UserId;
use chat_database::time::Timestamp;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use uuid::Uuid;

use super::identity::unauthorized;

/// The maximum remaining lifetime of a ticket, in seconds.
const FARTHEST: i64 = 300;

/// The secret that signs tickets.
pub(super) struct Secret(Hmac<Sha256>);

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret")
    }
}

/// The claims of a ticket.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) id: String,
    pub(super) user: UserId,
    pub(super) expires_at: Timestamp,
}

impl Secret {
    pub(super) fn new(secret: &[u8]) -> Self {
        // HMAC takes keys of every length (RFC 2104, 2); `InvalidLength` is for other algorithms of the trait.
        let mac = Hmac::new_from_slice(secret).unwrap_or_else(|_| Hmac::new(&Default::default()));
        Self(mac)
    }

    pub(super) fn mint(&self, user: UserId, expires_at: Timestamp) -> String {
        let signed = format!("{}.{user}.{}", Uuid::new_v4(), expires_at.seconds());
        let signature = URL_SAFE_NO_PAD.encode(self.sign(&signed).finalize().into_bytes());
        format!("{signed}.{signature}")
    }

    pub(super) fn verify(&self, ticket: &str, now: Timestamp) -> Result<Read, Error> {
        let malformed = || unauthorized("this is no ticket; ask POST /chat/ticket for one");
        let (signed, signature) = ticket.rsplit_once('.').ok_or_else(malformed)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| malformed())?;
        // Compares in constant time.
        self.sign(signed).verify_slice(&signature).map_err(|_| unauthorized("the ticket's signature is wrong"))?;
        let read = read(signed).ok_or_else(malformed)?;
        let left = read.expires_at.seconds() - now.seconds();
        if left <= 0 {
            return Err(unauthorized("the ticket has expired; ask POST /chat/ticket for another one"));
        }
        if left > FARTHEST {
            return Err(unauthorized("the ticket would be good for too long: 300 seconds are allowed"));
        }
        Ok(read)
    }

    fn sign(&self, text: &str) -> Hmac<Sha256> {
        self.0.clone().chain_update(text)
    }
}

fn read(signed: &str) -> Option<Read> {
    let mut parts = signed.split('.');
    let (id, user, expiry) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || id.len() != 36 || !expiry.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let id = Uuid::try_parse(id).ok()?.to_string();
    // Years up to 9999 are enough, and their milliseconds fit into an `i64`.
    let seconds: i64 = expiry.parse().ok().filter(|seconds| *seconds < 253_402_300_800)?;
    Some(Read { id, user: user.parse().ok()?, expires_at: Timestamp::from_millis(seconds * 1_000) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_341_600_900);

    fn secret() -> Secret {
        Secret::new(b"a secret of at least thirty-two bytes")
    }

    fn signed(text: &str) -> String {
        let signature = URL_SAFE_NO_PAD.encode(secret().sign(text).finalize().into_bytes());
        format!("{text}.{signature}")
    }

    #[test]
    fn a_minted_ticket_is_good() {
        let user = UserId::new(42).expect("an id");
        let ticket = secret().mint(user, NOW.after(std::time::Duration::from_secs(60)));
        let read = secret().verify(&ticket, NOW).expect("good");
        assert_eq!(read.user, user);
        assert_eq!(read.expires_at.seconds(), NOW.seconds() + 60);
    }

    #[test]
    fn everything_else_is_refused() {
        let id = "7f2c1a52-4f0e-4b1d-9d0a-0f4f3f6c1d11";
        let now = NOW.seconds();
        let good = signed(&format!("{id}.42.{}", now + 60));
        secret().verify(&good, NOW).expect("good");
        secret().verify(&signed(&format!("{id}.42.{}", now + 300)), NOW).expect("300 seconds are allowed");
        for (what, ticket) in [
            ("empty", String::new()),
            ("no parts", "ticket".into()),
            ("expired this second", signed(&format!("{id}.42.{now}"))),
            ("too far ahead", signed(&format!("{id}.42.{}", now + 301))),
            ("another user", good.replace(".42.", ".43.")),
            ("padding", format!("{good}=")),
            ("no signature", format!("{id}.42.{}.", now + 60)),
            ("half a signature", good[..good.len() - 20].to_owned()),
            ("another secret", Secret::new(b"other").mint(UserId::new(42).expect("an id"), NOW)),
            ("no uuid", signed(&format!("x.42.{}", now + 60))),
            ("user zero", signed(&format!("{id}.0.{}", now + 60))),
            ("user with a sign", signed(&format!("{id}.+42.{}", now + 60))),
            ("expiry with a sign", signed(&format!("{id}.42.+{}", now + 60))),
            ("expiry empty", signed(&format!("{id}.42."))),
            ("expiry huge", signed(&format!("{id}.42.9223372036854775807"))),
            ("five parts", signed(&format!("{id}.42.{}.1", now + 60))),
        ] {
            let refused = secret().verify(&ticket, NOW).expect_err(what);
            assert_eq!(refused.code.as_str(), "unauthorized", "{what}");
        }
    }
}
