//! Uploading, storing and finding images.

use chat_database::ids::{MediaId, UserId};
use chat_database::media::Store;
use chat_database::objects::Image;
use chat_database::queries::media::{self, ImageLocation};

use super::{Hub, Inner};
use crate::error::Error;
use crate::images::{Links, Prepared, Uploading};
use crate::validation;

impl Hub {
    /// Tells whether this node takes uploads, before anything of one is read.
    ///
    /// # Errors
    /// `shutting_down`.
    pub fn may_upload(&self) -> Result<(), Error> {
        if self.0.draining.has_started() { Err(Error::shutting_down()) } else { Ok(()) }
    }

    /// Tells whether a user may upload an image to be sent later.
    ///
    /// # Errors
    /// `rate_limited` if the user has as many unsent images as allowed; temporary ones.
    pub async fn may_upload_for_later(&self, user: UserId) -> Result<(), Error> {
        self.0.images.have_room(&self.0.database, user, 1, 0).await
    }

    /// Admits a request that uploads files. It holds a permit until the returned value is dropped, or until it is so slow
    /// that another upload takes the permit.
    ///
    /// # Errors
    /// `overloaded`, `rate_limited` with as many uploads under way as this node, or the user, may have; `shutting_down`.
    pub fn begin_upload(&self, user: UserId) -> Result<Uploading, Error> {
        self.may_upload()?;
        self.0.images.admit(user)
    }

    /// Counts a file before it is read; `before` is the number of files before it in the same request.
    ///
    /// # Errors
    /// `too_many_images`, `rate_limited`.
    pub fn expect_file(&self, uploading: &Uploading, before: usize) -> Result<(), Error> {
        if before >= self.0.options.limits.images {
            return Err(validation::too_many_images(&self.0.options.limits));
        }
        self.0.images.expect_file(uploading, before)
    }

    /// Makes a file, given in consecutive pieces, into an image, which is not stored yet.
    ///
    /// # Errors
    /// `unsupported_media`, `image_too_large`, `image_invalid`.
    pub async fn prepare_image(&self, pieces: Vec<Vec<u8>>) -> Result<Prepared, Error> {
        self.0.images.prepare(pieces).await
    }

    /// Stores images for their owner to send later, all or none.
    ///
    /// # Errors
    /// Temporary ones alone; `rate_limited`, among them, if the owner would have more unsent images than allowed.
    pub async fn keep_images(&self, owner: UserId, prepared: Vec<Prepared>) -> Result<Vec<Image>, Error> {
        let Inner { images, database, storage, .. } = &*self.0;
        let mut images = images.keep_for_later(database, storage, owner, prepared).await?;
        self.links().dress_images(&mut images, owner);
        Ok(images)
    }

    /// Finds an image for a user who may see it.
    ///
    /// # Errors
    /// `not_found`: there is none, or the user may not see it.
    pub async fn find_image(&self, reader: UserId, image: &MediaId) -> Result<ImageLocation, Error> {
        let found = media::find(&self.0.database, reader, image).await?;
        found.ok_or_else(|| Error::not_found("image"))
    }

    /// Returns the store of images, for reading.
    #[must_use]
    pub fn store(&self) -> &Store {
        self.0.images.store()
    }

    /// Returns what makes and reads the links of images.
    #[must_use]
    pub fn links(&self) -> &Links {
        self.0.images.links()
    }
}
