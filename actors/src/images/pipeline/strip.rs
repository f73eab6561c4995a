//! What is kept of a file: its pixels as they were encoded, and of everything else which way is up and what the colours mean.
//!
//! Each kind is walked to the end of what is kept, and what is kept is copied into a file of its own. So a decoder never
//! meets a text, a thumbnail, a later frame or a profile, of which some are packed a thousandfold and others are read anew
//! with each of their parts; and a file that is cut, or damaged, where nothing is kept is as good as a whole one, as it is to
//! every browser. What is taken out beside the pixels is bounded before it is unpacked.
//!
//! Whether all pixels are there is for the decoders to say, which are strict here. They cannot where a JPEG ends in its
//! pixels (see [`Kept::open`]).

mod gif;
mod jpeg;
mod png;
mod webp;

use image::metadata::Orientation;

use super::{Bounds, Fault, Kind};

/// The most bytes of a colour profile, unpacked. Those of cameras and screens have a few thousand, those with tables for
/// print a few million; a longer one is not carried out.
const PROFILE: usize = 4 << 20;

/// What stands before EXIF in a JPEG. Some programs write it into the other kinds, too.
const EXIF: &[u8] = b"Exif\0\0";

/// What is kept of a file.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) kind: Kind,
    /// A file of that kind with pixels and nothing else.
    pub(super) file: Vec<u8>,
    /// A JPEG without the mark right behind its pixels: where they end in `file`. Maybe all are there.
    pub(super) open: Option<usize>,
    /// Pixels across and down.
    pub(super) size: (u32, u32),
    /// The same of what is decoded for it, which may be more.
    pub(super) decoded: (u32, u32),
    /// Bytes that decoding takes for each pixel, what it returns included, and what that takes while it becomes eight bits a
    /// channel.
    pub(super) bytes_per_pixel: u64,
    /// Bytes that it takes whatever the size.
    pub(super) beside: u64,
    /// How the picture must be turned to be upright.
    pub(super) orientation: Orientation,
    /// What its colours mean, if it says so.
    pub(super) profile: Option<Vec<u8>>,
}

impl Kept {
    fn new(kind: Kind, size: (u32, u32), bytes_per_pixel: u64) -> Self {
        let (orientation, profile) = (Orientation::NoTransforms, None);
        let (file, beside) = (Vec::new(), 1 << 20);
        Self { kind, file, open: None, size, decoded: size, bytes_per_pixel, beside, orientation, profile }
    }

    /// Takes out of EXIF which way is up. Of several the first that says so counts; what cannot be read is not there.
    fn read_exif(&mut self, exif: &[u8]) {
        let exif = exif.strip_prefix(EXIF).unwrap_or(exif);
        if self.orientation == Orientation::NoTransforms
            && let Some(orientation) = Orientation::from_exif_chunk(exif)
        {
            self.orientation = orientation;
        }
    }

    /// Takes a profile, unless it has one or this is too long.
    fn read_profile(&mut self, profile: &[u8]) {
        if self.profile.is_none() && profile.len() <= PROFILE {
            self.profile = Some(profile.to_vec());
        }
    }
}

/// Keeps of a file what a picture is made of.
pub(super) fn strip(kind: Kind, bytes: &[u8], bounds: &Bounds) -> Result<Kept, Fault> {
    match kind {
        Kind::Jpeg => jpeg::strip(bytes),
        Kind::Png => png::strip(bytes),
        Kind::WebP => webp::strip(bytes, bounds),
        Kind::Gif => gif::strip(bytes),
    }
}

fn cut() -> Fault {
    Fault::broken("it ends before its end")
}
