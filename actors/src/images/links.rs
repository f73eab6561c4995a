//! Where images are, as a client sees it: `…/media/{id}/{rendition}?exp=…&sig=…`.
//!
//! An `<img>` cannot send a token. So each reader is given links of their own: `sig` names the reader and signs image,
//! rendition, reader and expiry. A request with such a link counts as that reader's, and each request checks what the
//! reader may see, as with a token.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use chat_database::ids::{MediaId, UserId};
use chat_database::media::Rendition;
use chat_database::objects::{Image, Message};
use chat_database::time::Timestamp;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::protocol::ServerFrame;

/// How links are made.
#[derive(Clone)]
pub struct Options {
    /// What stands before `/media`: nothing, a base path, or the hub's address as browsers see it.
    pub prefix: String,
    /// The secret that links are signed with; the same on all nodes.
    pub secret: [u8; 32],
    /// How long a link is valid at least; at most it is half as long again.
    pub good_for: Duration,
}

impl fmt::Debug for Options {
    /// Leaves out the secret.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Options")
            .field("prefix", &self.prefix)
            .field("good_for", &self.good_for)
            .finish_non_exhaustive()
    }
}

/// Reads the image's id out of `…/media/{id}/full`, perhaps with a query.
#[must_use]
pub fn named(url: &str) -> Option<MediaId> {
    let path = url.split(['?', '#']).next()?;
    let id = path.rsplit_once("/media/")?.1.split('/').next()?;
    (!id.is_empty()).then(|| MediaId(id.to_owned()))
}

/// Makes links and verifies them.
#[derive(Clone)]
pub struct Links {
    prefix: String,
    mac: Hmac<Sha256>,
    good_for: i64,
}

impl fmt::Debug for Links {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Links").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

impl Links {
    /// Makes links with these options.
    #[must_use]
    pub fn new(options: &Options) -> Self {
        // HMAC takes keys of every length (RFC 2104, 2); `InvalidLength` is for other algorithms of the trait.
        let mac = Hmac::new_from_slice(&options.secret).unwrap_or_else(|_| Hmac::new(&Default::default()));
        let good_for = i64::try_from(options.good_for.as_secs()).unwrap_or(i64::MAX).clamp(2, 10 * 365 * 86_400);
        Self { prefix: options.prefix.clone(), mac, good_for }
    }

    /// Adapts a message to a reader: to the reader's links, and to the text that the reader is told.
    pub fn personalize(&self, message: &mut Message, reader: UserId) {
        message.address(reader);
        if message.images.is_empty() {
            return;
        }
        let expiry = self.expiry(Timestamp::now());
        for image in &mut message.images {
            self.dress_image(image, reader, expiry);
        }
        message.image_urls = message.images.iter().map(|image| image.url.clone()).collect();
    }

    /// Puts a reader's links into images.
    pub fn dress_images<'a>(&self, images: impl IntoIterator<Item = &'a mut Image>, reader: UserId) {
        let expiry = self.expiry(Timestamp::now());
        images.into_iter().for_each(|image| self.dress_image(image, reader, expiry));
    }

    /// Adapts a frame to a reader; most frames are the same for all.
    pub fn dress_frame(&self, frame: &mut ServerFrame, reader: UserId) {
        if let ServerFrame::NewMessage(new) = frame {
            self.personalize(&mut new.message, reader);
        }
    }

    /// Encodes a frame for one reader.
    pub(crate) fn encode(&self, mut frame: ServerFrame, reader: UserId) -> Bytes {
        self.encode_again(&mut frame, reader)
    }

    /// Encodes a frame for one reader; it may have been encoded for another reader before.
    pub(crate) fn encode_again(&self, frame: &mut ServerFrame, reader: UserId) -> Bytes {
        self.dress_frame(frame, reader);
        frame.encode_for(reader)
    }

    /// Returns the reader that a link was made for; `None` if the signature is wrong, or the link has expired.
    #[must_use]
    pub fn reader(
        &self,
        image: &MediaId,
        rendition: Rendition,
        exp: &str,
        sig: &str,
        now: Timestamp,
    ) -> Option<UserId> {
        let (reader, signature) = sig.split_once('.')?;
        let reader: UserId = reader.parse().ok()?;
        let digits = !exp.is_empty() && exp.bytes().all(|byte| byte.is_ascii_digit());
        let expiry: i64 = exp.parse().ok().filter(|_| digits)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        // Compares in constant time.
        self.sign(image, rendition, reader, expiry).verify_slice(&signature).ok()?;
        (now.seconds() < expiry).then_some(reader)
    }

    fn dress_image(&self, image: &mut Image, reader: UserId, expiry: i64) {
        image.url = self.link(&image.id, Rendition::Full, reader, expiry);
        image.thumb_url = self.link(&image.id, Rendition::Thumb, reader, expiry);
    }

    fn link(&self, image: &MediaId, rendition: Rendition, reader: UserId, expiry: i64) -> String {
        let signature = URL_SAFE_NO_PAD.encode(self.sign(image, rendition, reader, expiry).finalize().into_bytes());
        format!("{}/media/{image}/{rendition}?exp={expiry}&sig={reader}.{signature}", self.prefix)
    }

    /// Returns when a link that is made now expires. It stays the same for a while, so that a browser which receives an
    /// image again finds it in its cache.
    fn expiry(&self, now: Timestamp) -> i64 {
        let step = (self.good_for / 2).max(1);
        (now.seconds() / step + 1) * step + self.good_for
    }

    fn sign(&self, image: &MediaId, rendition: Rendition, reader: UserId, expiry: i64) -> Hmac<Sha256> {
        self.mac.clone().chain_update(format!("media\n{image}\n{rendition}\n{reader}\n{expiry}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_341_600_900);

    fn links(prefix: &str, secret: u8) -> Links {
        Links::new(&Options { prefix: prefix.to_owned(), secret: [secret; 32], good_for: Duration::from_secs(3_600) })
    }

    fn user(id: u64) -> UserId {
        UserId::new(id).expect("an id")
    }

    fn image(id: &str) -> MediaId {
        MediaId(id.to_owned())
    }

    #[test]
    fn a_link_is_good_for_what_it_was_made_for_and_nothing_else() {
        let ours = links("/api", 1);
        let expiry = ours.expiry(NOW);
        let link = ours.link(&image("a1"), Rendition::Full, user(42), expiry);
        let (path, query) = link.split_once('?').expect("a query");
        assert_eq!(path, "/api/media/a1/full");
        let (exp, sig) = query.split_once('&').expect("two of them");
        let (exp, sig) = (exp.strip_prefix("exp=").expect("exp"), sig.strip_prefix("sig=").expect("sig"));
        let read = |links: &Links, id: &str, rendition, exp: &str, sig: &str, now| {
            links.reader(&image(id), rendition, exp, sig, now)
        };
        assert_eq!(read(&ours, "a1", Rendition::Full, exp, sig, NOW), Some(user(42)));

        let later = (expiry + 1).to_string();
        let other = sig.replace("42.", "43.");
        for (what, id, rendition, exp, sig) in [
            ("another image", "a2", Rendition::Full, exp, sig),
            ("the other rendition", "a1", Rendition::Thumb, exp, sig),
            ("a later expiry", "a1", Rendition::Full, later.as_str(), sig),
            ("another reader", "a1", Rendition::Full, exp, other.as_str()),
            ("half a signature", "a1", Rendition::Full, exp, &sig[..sig.len() / 2]),
            ("no signature", "a1", Rendition::Full, exp, "42."),
            ("no reader", "a1", Rendition::Full, exp, &sig[2..]),
            ("nothing", "a1", Rendition::Full, "", ""),
            ("an expiry with a sign", "a1", Rendition::Full, "+1", sig),
        ] {
            assert_eq!(read(&ours, id, rendition, exp, sig, NOW), None, "{what}");
        }
        assert_eq!(read(&links("/api", 2), "a1", Rendition::Full, exp, sig, NOW), None, "another secret");
        let end = Timestamp::from_millis(expiry * 1_000);
        assert_eq!(read(&ours, "a1", Rendition::Full, exp, sig, end), None, "its time is over");
        assert_eq!(read(&ours, "a1", Rendition::Full, exp, sig, end.before(Duration::from_secs(1))), Some(user(42)));
    }

    #[test]
    fn a_link_stays_the_same_for_a_while_and_is_always_good_for_long_enough() {
        let links = links("", 1);
        let mut different = std::collections::BTreeSet::new();
        for minute in 0..120 {
            let now = NOW.after(Duration::from_secs(minute * 60));
            let left = links.expiry(now) - now.seconds();
            assert!((3_600..=5_400).contains(&left), "{left}");
            different.insert(links.expiry(now));
        }
        assert!(different.len() <= 5, "{different:?}");
    }
}
