//! Keeps of a file what its picture needs: the encoded pixels, the orientation and the colour profile.
//!
//! Each kind is parsed to the end of what is kept, and what is kept is copied into a file of its own. So a decoder never
//! meets texts, thumbnails, later frames or profiles, some of which are compressed a thousandfold, and others are parsed
//! anew with each of their parts. A file that is cut or damaged elsewhere is as good as a whole one, as it is to every
//! browser. Metadata that is extracted is bounded before it is decompressed.
//!
//! The decoders, which are strict here, decide whether all pixels are there. They cannot if a JPEG ends in its pixel data
//! (see `Kept::open`).

mod gif;
mod jpeg;
pub(super) mod kept;
mod png;
mod webp;

use super::bounds::Bounds;
use super::error::Error;
use super::sniff::Kind;
use kept::Kept;

/// Keeps of a file what its picture needs.
pub(super) fn strip(kind: Kind, bytes: &[u8], bounds: &Bounds) -> Result<Kept, Error> {
    match kind {
        Kind::Jpeg => jpeg::strip(bytes),
        Kind::Png => png::strip(bytes),
        Kind::WebP => webp::strip(bytes, bounds),
        Kind::Gif => gif::strip(bytes),
    }
}
