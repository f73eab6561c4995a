//! What is kept of a file: its pixels as they were encoded, and of everything else which way is up and what the colours mean.
//!
//! Each kind is walked to the end of what is kept, and what is kept is copied into a file of its own. So a decoder never
//! meets a text, a thumbnail, a later frame or a profile, of which some are packed a thousandfold and others are read anew
//! with each of their parts; and a file that is cut, or damaged, where nothing is kept is as good as a whole one, as it is to
//! every browser. What is taken out beside the pixels is bounded before it is unpacked.
//!
//! Whether all pixels are there is for the decoders to say, which are strict here. They cannot where a JPEG ends in its
//! pixels (see `Kept::open`).

mod gif;
mod jpeg;
pub(super) mod kept;
mod png;
mod webp;

use super::bounds::Bounds;
use super::error::Error;
use super::sniff::Kind;
use kept::Kept;

/// Keeps of a file what a picture is made of.
pub(super) fn strip(kind: Kind, bytes: &[u8], bounds: &Bounds) -> Result<Kept, Error> {
    match kind {
        Kind::Jpeg => jpeg::strip(bytes),
        Kind::Png => png::strip(bytes),
        Kind::WebP => webp::strip(bytes, bounds),
        Kind::Gif => gif::strip(bytes),
    }
}
