//! What may be sent: a `message_send` becomes a change, or is refused. Pure.

use chat_database::change::{LocalText, NewMessage, SystemMessage};
use chat_database::ids::{MediaId, Pair, UserId};
use chat_database::objects::CardRef;
use chat_database::time::Timestamp;
use sha2::{Digest, Sha256};

use crate::blank::is_blank;
use crate::error::Error;
use crate::images::{Prepared, links};
use crate::protocol::ErrorCode;
use crate::protocol::client::MessageSend;
use crate::protocol::server::Limits;

/// The longest `temp_id`, in bytes.
const TEMP_ID_BYTES: usize = 128;

/// The longest id of an image, in bytes.
const MEDIA_ID_BYTES: usize = 64;

/// Makes the change that a send asks for, once its thread is known. `files` came with the send, and follow the images that
/// it names.
pub(crate) fn message(
    user: UserId,
    pair: Pair,
    send: MessageSend,
    files: &[Prepared],
    limits: &Limits,
) -> Result<NewMessage, Error> {
    let temp_id = send.temp_id.map(key).transpose()?;
    let content = send.content.filter(|content| !is_blank(content));
    if let Some(content) = &content {
        text(content, limits)?;
    }
    let mut media = images(send.images, send.image_urls)?;
    media.extend(files.iter().map(|file| file.id.clone()));
    if media.len() > limits.images {
        return Err(too_many_images(limits));
    }
    if content.is_none() && media.is_empty() && send.card.is_none() {
        return Err(Error::new(ErrorCode::EmptyMessage, "a message needs a text, an image or a card"));
    }
    let product_id = send.extra_data.and_then(|extra| extra.product_id);
    let mut draft = NewMessage {
        pair,
        sender: user,
        temp_id,
        payload_hash: [0; 32],
        content,
        media,
        product_id,
        card: send.card,
        reply_to: send.reply_to,
        at: Timestamp::now(),
    };
    draft.payload_hash = payload_hash(&draft, files);
    Ok(draft)
}

/// Makes the change that a message of the marketplace itself asks for.
pub(crate) fn system_message(
    pair: Pair,
    texts: Vec<LocalText>,
    card: Option<CardRef>,
    dedupe_key: String,
    limits: &Limits,
) -> Result<SystemMessage, Error> {
    if texts.is_empty() || texts.iter().any(|text| is_blank(&text.text)) {
        return Err(Error::new(
            ErrorCode::EmptyMessage,
            "a message of the marketplace needs a text, in each of its languages",
        ));
    }
    texts.iter().try_for_each(|local| text(&local.text, limits))?;
    let mut hash = Sha256::new();
    for local in &texts {
        part(&mut hash, local.locale.as_bytes());
        part(&mut hash, local.text.as_bytes());
    }
    part(&mut hash, card.as_ref().map(CardRef::to_string).unwrap_or_default().as_bytes());
    Ok(SystemMessage { pair, dedupe_key, payload_hash: hash.finalize().into(), texts, card, at: Timestamp::now() })
}

/// Makes the error for a message, or an upload, with too many images.
pub(crate) fn too_many_images(limits: &Limits) -> Error {
    Error::new(ErrorCode::TooManyImages, format!("at most {} images are taken at once", limits.images))
}

/// Makes the error for an image that cannot be used. An unknown, another user's and a used one get the same answer.
pub(crate) fn no_image(named: &str) -> Error {
    let short: String = named.chars().take(MEDIA_ID_BYTES).collect();
    Error::new(ErrorCode::NotFound, format!("there is no image {short:?} of yours that is not sent yet"))
}

/// Checks the text of an edit.
pub(crate) fn edited_text(content: &str, limits: &Limits) -> Result<(), Error> {
    if is_blank(content) {
        return Err(Error::new(ErrorCode::EmptyMessage, "a message needs text; to take it back, delete it"));
    }
    text(content, limits)
}

/// Returns the members of the thread that a send goes to, by its receiver alone.
pub(crate) fn receiver(user: UserId, receiver: UserId) -> Result<Pair, Error> {
    Pair::new(user, receiver).ok_or_else(|| Error::new(ErrorCode::SelfMessage, "you cannot write to yourself"))
}

fn key(temp_id: String) -> Result<String, Error> {
    let fits = (1..=TEMP_ID_BYTES).contains(&temp_id.len()) && !temp_id.contains('\0');
    if fits { Ok(temp_id) } else { Err(Error::bad_request("temp_id is a text of 1 to 128 bytes, without NUL")) }
}

fn text(content: &str, limits: &Limits) -> Result<(), Error> {
    // Not every database that the hub runs on can store a NUL.
    if content.contains('\0') {
        return Err(Error::bad_request("content must not contain the character NUL (U+0000)"));
    }
    let most = limits.text_chars;
    // A text has no more characters than bytes: a short one need not be counted.
    if content.len() > most && content.chars().count() > most {
        return Err(Error::new(ErrorCode::TextTooLong, format!("a text has at most {most} characters")));
    }
    Ok(())
}

/// Returns the images of a message, by their ids or by the URLs that the upload returned.
fn images(ids: Option<Vec<MediaId>>, urls: Option<Vec<String>>) -> Result<Vec<MediaId>, Error> {
    let ids = ids.unwrap_or_default();
    let urls = urls.unwrap_or_default();
    if !ids.is_empty() && !urls.is_empty() {
        let by_url: Vec<_> = urls.iter().filter_map(|url| media_id(url)).collect();
        return if by_url == ids {
            Ok(ids)
        } else {
            Err(Error::bad_request("images and image_urls must agree, or one be left out"))
        };
    }
    if urls.is_empty() {
        let unfit = ids.iter().find(|id| !is_media_id(id));
        return unfit.map_or(Ok(()), |id| Err(no_image(&id.0))).map(|()| ids);
    }
    urls.iter().map(|url| media_id(url).ok_or_else(|| no_image(url))).collect()
}

fn media_id(url: &str) -> Option<MediaId> {
    links::named(url).filter(is_media_id)
}

/// Tells whether an id may be an image's. Where a database stores no NUL, one in an id would fail the whole group commit.
fn is_media_id(id: &MediaId) -> bool {
    (1..=MEDIA_ID_BYTES).contains(&id.0.len()) && !id.0.contains('\0')
}

/// Returns the hash of a payload. Each part has its length before it, so that no two payloads give the same bytes. A file
/// counts by its content, for it gets another id each time that it is sent.
fn payload_hash(draft: &NewMessage, files: &[Prepared]) -> [u8; 32] {
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| part(&mut hash, bytes);
    part(draft.content.as_deref().unwrap_or_default().as_bytes());
    part(&draft.product_id.map_or(0, |id| id.get()).to_le_bytes());
    part(&draft.reply_to.map_or(0, |id| id.get()).to_le_bytes());
    if let Some(card) = &draft.card {
        // No image's id has a NUL in it.
        part(format!("card\0{card}").as_bytes());
    }
    for media in &draft.media[..draft.media.len() - files.len()] {
        part(media.0.as_bytes());
    }
    for file in files {
        part(b"file");
        part(&file.digest);
    }
    hash.finalize().into()
}

fn part(hash: &mut Sha256, bytes: &[u8]) {
    hash.update((bytes.len() as u64).to_le_bytes());
    hash.update(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { frame_bytes: 65_536, text_chars: 5, images: 2, in_flight: 16, rate: None };

    fn user(id: u64) -> UserId {
        UserId::new(id).expect("an id")
    }

    fn compose(send: MessageSend) -> Result<NewMessage, ErrorCode> {
        let pair = receiver(user(42), user(7)).expect("two users");
        message(user(42), pair, send, &[], &LIMITS).map_err(|refused| refused.code)
    }

    fn text_of(content: &str) -> MessageSend {
        MessageSend { content: Some(content.into()), ..MessageSend::default() }
    }

    #[test]
    fn a_text_is_measured_in_characters() {
        for content in ["hello", "héllo", "👍👍👍👍👍", "שלום!", "a\tb\n"] {
            assert_eq!(compose(text_of(content)).expect(content).content.as_deref(), Some(content));
        }
        assert_eq!(compose(text_of("👍👍👍👍👍👍")).err(), Some(ErrorCode::TextTooLong));
        assert_eq!(compose(text_of("a\0b")).err(), Some(ErrorCode::BadRequest));
    }

    #[test]
    fn what_shows_nothing_is_no_message_and_beside_an_image_no_text() {
        for content in ["", " ", "\n\t\u{a0}\u{3000}", "\u{200b}", "\u{2800}\u{3164}", "\u{202e}\u{fe0f}"] {
            assert_eq!(compose(text_of(content)).err(), Some(ErrorCode::EmptyMessage), "{content:?}");
        }
        for content in [" ", "\u{2060}\u{ad}"] {
            let image = MessageSend { images: Some(vec![MediaId("a".into())]), ..text_of(content) };
            assert_eq!(compose(image).expect("an image").content, None, "{content:?}");
            assert_eq!(edited_text(content, &LIMITS).map_err(|refused| refused.code), Err(ErrorCode::EmptyMessage));
        }
    }

    #[test]
    fn a_card_alone_is_a_message() {
        let card = "product:5".parse().ok();
        let alone = compose(MessageSend { card: card.clone(), ..MessageSend::default() }).expect("a message");
        assert_eq!((alone.content, alone.card), (None, card));
    }

    #[test]
    fn a_key_has_1_to_128_bytes() {
        let keyed = |key: &str| MessageSend { temp_id: Some(key.into()), ..text_of("hi") };
        for good in ["a", &"é".repeat(64), &"x".repeat(128)] {
            compose(keyed(good)).expect(good);
        }
        for bad in ["", "a\0", &"é".repeat(65), &"x".repeat(129)] {
            assert_eq!(compose(keyed(bad)).err(), Some(ErrorCode::BadRequest), "{bad:?}");
        }
    }

    #[test]
    fn images_come_by_id_or_by_url() {
        let by_url = |urls: &[&str]| MessageSend {
            image_urls: Some(urls.iter().map(|url| (*url).into()).collect()),
            ..MessageSend::default()
        };
        let media = compose(by_url(&["/media/a/full", "https://x.example/api/media/b/full?exp=1"])).expect("two").media;
        assert_eq!(media, [MediaId("a".into()), MediaId("b".into())]);
        assert_eq!(compose(by_url(&["https://evil.example/cat.png"])).err(), Some(ErrorCode::NotFound));
        assert_eq!(compose(by_url(&["/media/a/full"; 3])).err(), Some(ErrorCode::TooManyImages));
    }

    /// Where a database keeps no NUL, one that came through would fail the commit of all who wrote meanwhile.
    #[test]
    fn no_text_with_a_nul_reaches_the_database() {
        for at in 0..=2 {
            let mut text = "ab".to_owned();
            text.insert(at, '\0');
            let url = format!("/media/{text}/full");
            for send in [
                text_of(&text),
                MessageSend { temp_id: Some(text.clone()), ..text_of("hi") },
                MessageSend { images: Some(vec![MediaId(text.clone())]), ..text_of("hi") },
                MessageSend { image_urls: Some(vec![url]), ..text_of("hi") },
            ] {
                let refused = compose(send).expect_err("a NUL");
                assert!(matches!(refused, ErrorCode::BadRequest | ErrorCode::NotFound), "{refused:?}");
            }
            assert!(edited_text(&text, &LIMITS).is_err());
        }
    }

    #[test]
    fn every_part_of_the_payload_is_in_its_hash() {
        let hash = |send: MessageSend| compose(send).expect("fine").payload_hash;
        let plain = hash(text_of("hi"));
        assert_eq!(plain, hash(MessageSend { temp_id: Some("k".into()), ..text_of("hi") }));
        let reply_to = chat_database::ids::MessageId::new(1).ok();
        assert_ne!(plain, hash(text_of("ho")));
        assert_ne!(plain, hash(MessageSend { reply_to, ..text_of("hi") }));
        let of_card = |name: &str| hash(MessageSend { card: Some(name.parse().expect("a card")), ..text_of("hi") });
        assert_ne!(plain, of_card("product:5"));
        assert_ne!(of_card("shop:5"), of_card("product:5"));
        assert_ne!(plain, hash(MessageSend { images: Some(vec![MediaId("a".into())]), ..text_of("hi") }));
    }
}
