//! From the bytes that somebody sent to two renditions that are safe to show. Pure: bytes in, bytes or a [`Fault`] out.
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

mod colour;
mod decode;
mod render;
mod sniff;
mod strip;

use std::fmt;

use chat_database::media::Rendition;

pub use sniff::{Kind, kind};
use strip::Kept;

/// The media type of every rendition.
pub const MIME: &str = "image/webp";

/// The longest side of a rendition, in pixels.
#[must_use]
pub const fn longest(rendition: Rendition) -> u32 {
    match rendition {
        Rendition::Full => 2_048,
        Rendition::Thumb => 320,
    }
}

/// How large an image may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes of one file.
    pub bytes: usize,
    /// Pixels of one image.
    pub pixels: u64,
    /// Pixels of its longest side.
    pub side: u32,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { bytes: 10_000_000, pixels: 40_000_000, side: 12_000 }
    }
}

impl Bounds {
    /// Refuses what has too many pixels.
    fn check(&self, (width, height): (u32, u32)) -> Result<(), Fault> {
        let fits = width.max(height) <= self.side && pixels((width, height)) <= self.pixels;
        if fits { Ok(()) } else { Err(Fault::TooManyPixels(Some((width, height)))) }
    }
}

/// Why a file is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It is none of the kinds that are taken.
    Unsupported,
    /// It has more bytes than are taken.
    TooManyBytes(usize),
    /// It has more pixels than are taken; how many, if it can be said.
    TooManyPixels(Option<(u32, u32)>),
    /// It begins like an image, and is none.
    Broken(String),
}

impl Fault {
    fn broken(why: impl fmt::Display) -> Self {
        Self::Broken(why.to_string())
    }
}

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// For looking at.
    pub full: Vec<u8>,
    /// For lists.
    pub thumb: Vec<u8>,
    /// Pixels across, of the full rendition.
    pub width: u32,
    /// Pixels down, of the full rendition.
    pub height: u32,
    /// What to show while it loads.
    pub blurhash: String,
}

/// A file of which is kept what a picture is made of, and which is within bounds.
#[derive(Debug)]
pub struct Stripped(Kept);

/// Looks at a file: what it is, how large, and what of it is kept.
///
/// # Errors
/// A [`Fault`]. What it takes is the file once more, and a few megabytes.
pub fn strip(bytes: &[u8], bounds: &Bounds) -> Result<Stripped, Fault> {
    if bytes.len() > bounds.bytes {
        return Err(Fault::TooManyBytes(bounds.bytes));
    }
    let kind = kind(bytes).ok_or(Fault::Unsupported)?;
    let kept = strip::strip(kind, bytes, bounds)?;
    if kept.size.0 == 0 || kept.size.1 == 0 {
        return Err(Fault::broken("it has no pixels"));
    }
    bounds.check(kept.size)?;
    bounds.check(kept.decoded)?;
    Ok(Stripped(kept))
}

fn pixels((width, height): (u32, u32)) -> u64 {
    u64::from(width) * u64::from(height)
}

impl Stripped {
    /// Returns how many bytes of memory its renditions take to make, about and at most: its file, its pixels, and then the
    /// renditions' pixels some times over (scaled, turned, in other colours, encoded).
    #[must_use]
    pub fn memory(&self) -> u64 {
        const RENDITIONS: u64 = 20;
        let shown = pixels(self.0.size).min(u64::from(longest(Rendition::Full)).pow(2));
        let decoded = pixels(self.0.size).max(pixels(self.0.decoded)) * self.0.bytes_per_pixel;
        self.0.beside + 2 * self.0.file.len() as u64 + decoded + shown * RENDITIONS
    }

    /// Makes the renditions. `held` tells how many bytes of memory the thread holds, if that is known, or else always the same:
    /// a decoder that takes more than it should is stopped.
    ///
    /// # Errors
    /// [`Fault::Broken`].
    pub fn render(self, held: fn() -> u64) -> Result<Rendered, Fault> {
        let image = decode::decode(&self.0, self.memory(), held)?;
        render::render(image, self.0.orientation, self.0.profile.as_deref())
    }
}

/// Makes the renditions of a file.
///
/// # Errors
/// A [`Fault`]; memory and time are bounded by `bounds` before anything is allocated for pixels.
pub fn render(bytes: &[u8], bounds: &Bounds) -> Result<Rendered, Fault> {
    strip(bytes, bounds)?.render(|| 0)
}

#[cfg(test)]
mod tests;
