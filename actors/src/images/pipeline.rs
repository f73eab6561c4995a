//! From the bytes that somebody sent to two renditions that are safe to show. Pure: bytes in, bytes or a [`Fault`] out.
//!
//! ```text
//!  sniff    what it really is, by its first bytes: JPEG, PNG, WebP or GIF; names and claimed types count for nothing
//!  whole    whether it is all there, by its own structure
//!  decode   its size, before a pixel is read; then its pixels, and what of its metadata the picture needs
//!  render   scaled, its colours as they were meant (colour), turned upright, encoded anew as WebP; and a placeholder
//! ```
//!
//! Nothing of the original's bytes is kept: what a camera, a program or an attacker wrote beside the pixels is not in what
//! an encoder makes of them.

mod colour;
mod decode;
mod render;
mod sniff;
mod whole;

use std::fmt;

use chat_database::media::Rendition;

pub use sniff::Kind;

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

/// Makes the renditions of a file.
///
/// # Errors
/// A [`Fault`]; memory and time are bounded by `bounds` before anything is allocated for pixels.
pub fn render(bytes: &[u8], bounds: &Bounds) -> Result<Rendered, Fault> {
    if bytes.len() > bounds.bytes {
        return Err(Fault::TooManyBytes(bounds.bytes));
    }
    let kind = sniff::kind(bytes).ok_or(Fault::Unsupported)?;
    whole::check(kind, bytes)?;
    let decoded = decode::decode(kind, bytes, bounds)?;
    render::render(decoded)
}
