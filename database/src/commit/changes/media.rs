//! Images: each has a row before anything is in the store, and until nothing is in the store; in between a message may hold
//! it.

use std::borrow::Cow;

use crate::change::{NewMessage, Outcome, Upload};
use crate::commit::apply::Applier;
use crate::commit::read_set::ReadSet;
use crate::commit::write_set::{ForgottenImage, MediaStateRow, MessageImageRow, StrippedMessage, UploadRow};
use crate::ids::MediaId;
use crate::objects::Image;
use crate::time::Timestamp;

impl<'a> ReadSet<'a> {
    pub(super) fn images(&mut self, images: &'a [MediaId]) {
        self.media.extend(images.iter().map(|image| image.0.as_str()));
    }
}

impl<'a> Applier<'a> {
    pub(super) fn upload(&mut self, uploads: &'a [Upload]) -> Outcome {
        let owner = uploads.first().map(|upload| upload.owner.column());
        if let Some(until) = owner.and_then(|owner| self.cache.suspensions.until(owner)) {
            return Outcome::Suspended(until);
        }
        self.take_in(uploads);
        Outcome::Uploaded
    }

    /// Writes the rows of images that no message holds yet.
    pub(super) fn take_in(&mut self, uploads: &'a [Upload]) {
        for Upload { owner, image, object_key, at, expires_at } in uploads {
            let bytes = i64::try_from(image.bytes).unwrap_or(i64::MAX);
            self.write_set.uploads.push(UploadRow {
                id: &image.id.0,
                owner_id: owner.column(),
                object_key,
                mime: &image.mime,
                width: i64::from(image.width),
                height: i64::from(image.height),
                bytes,
                blurhash: &image.blurhash,
                created_at: at.millis(),
                expires_at: expires_at.millis(),
            });
        }
    }

    /// Returns a message's images, or the first one that cannot be used.
    pub(super) fn images(&self, send: &NewMessage) -> Result<Vec<Image>, MediaId> {
        let mut images: Vec<Image> = Vec::with_capacity(send.media.len());
        for id in &send.media {
            let upload = self.preloaded.media.get(&id.0).ok_or_else(|| id.clone())?;
            let twice = images.iter().any(|image| image.id == *id);
            if twice || upload.attached_at.is_some() || upload.owner != send.sender.column() {
                return Err(id.clone());
            }
            images.push(upload.image.clone());
        }
        Ok(images)
    }

    /// Gives images to a message: no other message can have them, and they stay for as long as it stands.
    pub(super) fn attach(&mut self, images: &'a [MediaId], message: i64, at: i64) {
        for (position, media) in (0..).zip(images) {
            if let Some(upload) = self.preloaded.media.get_mut(&media.0) {
                (upload.attached_at, upload.expires_at) = (Some(at), None);
            }
            self.write_set.images.push(MessageImageRow { message_id: message, position, media_id: &media.0 });
            self.write_set.media.push(MediaStateRow {
                id: Cow::Borrowed(&media.0),
                attached_at: Some(at),
                expires_at: None,
            });
        }
    }

    /// Takes a deleted message's images from it, and leaves them to the sweep.
    pub(super) fn detach(&mut self, message: i64, images: Vec<Image>, sent_at: i64, at: Timestamp) {
        if !images.is_empty() {
            self.write_set.stripped.push(StrippedMessage { message_id: message });
        }
        let freed = images.into_iter().map(|image| MediaStateRow {
            id: Cow::Owned(image.id.0),
            attached_at: Some(sent_at),
            expires_at: Some(at.millis()),
        });
        self.write_set.media.extend(freed);
    }

    /// Gives up those images that have expired. A message that is sent with one of them at the same moment either came
    /// before this commit, and keeps it, or comes after it, and is refused: the image is not there.
    pub(super) fn give_up(&mut self, images: &'a [MediaId], at: Timestamp) -> Outcome {
        let mut given_up = Vec::with_capacity(images.len());
        for id in images {
            let Some(upload) = self.preloaded.media.get_mut(&id.0) else { continue };
            if upload.expires_at.is_none_or(|expires_at| expires_at > at.millis()) {
                continue;
            }
            let attached_at = *upload.attached_at.get_or_insert(at.millis());
            self.write_set.media.push(MediaStateRow {
                id: Cow::Borrowed(&id.0),
                attached_at: Some(attached_at),
                expires_at: upload.expires_at,
            });
            given_up.push((id.clone(), upload.object_key.clone()));
        }
        Outcome::GivenUp(given_up)
    }

    pub(super) fn forget(&mut self, images: &'a [MediaId]) -> Outcome {
        self.write_set.forgotten.extend(images.iter().map(|id| ForgottenImage { id: &id.0 }));
        Outcome::Forgotten
    }
}
