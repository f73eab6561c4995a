//! From the bytes that a user sent to two renditions that are safe to show. Pure: bytes in, bytes or an [`Error`] out.
//!
//! ```text
//!  sniff    what it really is, by its first bytes: JPEG, PNG, WebP or GIF; names and claimed types count for nothing
//!  strip    what of it is kept: pixels, and what of its metadata the picture needs; its size, before a pixel is read
//!  decode   its pixels, if all of them are there
//!  render   scaled, its colours as they were meant (colour), turned upright, encoded anew as WebP; and a placeholder
//! ```
//!
//! Nothing of the original's bytes is kept: what a camera, a program or an attacker wrote beside the pixels is not in what
//! an encoder makes of them.

mod bounds;
mod colour;
mod decode;
mod error;
mod render;
mod sniff;
mod strip;

use chat_database::media::Rendition;

use bounds::pixels;
pub use bounds::{Bounds, longest};
pub use error::Error;
pub use render::Rendered;
pub use sniff::{Kind, kind};
use strip::kept::Kept;

/// The media type of every rendition.
pub const MIME: &str = "image/webp";

/// A file that holds what its picture needs and nothing else, and is within bounds.
#[derive(Debug)]
pub struct Stripped(Kept);

/// Identifies a file, checks its size, and keeps what its picture needs.
///
/// # Errors
/// An [`Error`] if the file is refused. The call takes the memory of a second copy of the file, and a few megabytes.
pub fn strip(bytes: &[u8], bounds: &Bounds) -> Result<Stripped, Error> {
    if bytes.len() > bounds.bytes {
        return Err(Error::TooManyBytes(bounds.bytes));
    }
    let kind = kind(bytes).ok_or(Error::Unsupported)?;
    let kept = strip::strip(kind, bytes, bounds)?;
    if kept.size.0 == 0 || kept.size.1 == 0 {
        return Err(Error::broken("it has no pixels"));
    }
    bounds.check(kept.size)?;
    bounds.check(kept.decoded)?;
    Ok(Stripped(kept))
}

impl Stripped {
    /// Returns about how many bytes of memory it takes at most to make the renditions: for the file, for its pixels, and
    /// for the renditions' pixels several times (scaled, turned, converted, encoded).
    #[must_use]
    pub fn memory(&self) -> u64 {
        const RENDITIONS: u64 = 20;
        let shown = pixels(self.0.size).min(u64::from(longest(Rendition::Full)).pow(2));
        let decoded = pixels(self.0.size).max(pixels(self.0.decoded)) * self.0.bytes_per_pixel;
        self.0.beside + 2 * self.0.file.len() as u64 + decoded + shown * RENDITIONS
    }

    /// Makes the renditions. `held` returns how many bytes of memory the OS thread holds, or a constant where that is not
    /// known: a decoder that takes more than [`Stripped::memory`] is stopped.
    ///
    /// # Errors
    /// [`Error::Broken`].
    pub fn render(self, held: fn() -> u64) -> Result<Rendered, Error> {
        let image = decode::decode(&self.0, self.memory(), held)?;
        render::render(image, self.0.orientation, self.0.profile.as_deref())
    }
}

/// Makes the renditions of a file.
///
/// # Errors
/// An [`Error`]; `bounds` limit memory and time before anything is allocated for pixels.
pub fn render(bytes: &[u8], bounds: &Bounds) -> Result<Rendered, Error> {
    strip(bytes, bounds)?.render(|| 0)
}

#[cfg(test)]
mod tests;
