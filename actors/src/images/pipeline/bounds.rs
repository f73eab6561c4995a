//! How large an image may be, and how large its renditions are.

use chat_database::media::Rendition;

use super::error::Error;

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
    pub(super) fn check(&self, (width, height): (u32, u32)) -> Result<(), Error> {
        let fits = width.max(height) <= self.side && pixels((width, height)) <= self.pixels;
        if fits { Ok(()) } else { Err(Error::TooManyPixels(Some((width, height)))) }
    }
}

pub(super) fn pixels((width, height): (u32, u32)) -> u64 {
    u64::from(width) * u64::from(height)
}
