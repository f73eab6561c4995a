//! What is kept of a file.

use image::metadata::Orientation;

use crate::images::pipeline::error::Error;
use crate::images::pipeline::sniff::Kind;

/// The most bytes of a colour profile, unpacked. Those of cameras and screens have a few thousand, those with tables for
/// print a few million; a longer one is not carried out.
pub(super) const PROFILE: usize = 4 << 20;

/// What stands before EXIF in a JPEG. Some programs write it into the other kinds, too.
pub(super) const EXIF: &[u8] = b"Exif\0\0";

/// What is kept of a file.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) kind: Kind,
    /// A file of that kind with pixels and nothing else.
    pub(crate) file: Vec<u8>,
    /// A JPEG without the mark right behind its pixels: where they end in `file`. Maybe all are there.
    pub(crate) open: Option<usize>,
    /// Pixels across and down.
    pub(crate) size: (u32, u32),
    /// The same of what is decoded for it, which may be more.
    pub(crate) decoded: (u32, u32),
    /// Bytes that decoding takes for each pixel, what it returns included, and what that takes while it becomes eight bits a
    /// channel.
    pub(crate) bytes_per_pixel: u64,
    /// Bytes that it takes whatever the size.
    pub(crate) beside: u64,
    /// How the picture must be turned to be upright.
    pub(crate) orientation: Orientation,
    /// What its colours mean, if it says so.
    pub(crate) profile: Option<Vec<u8>>,
}

impl Kept {
    pub(super) fn new(kind: Kind, size: (u32, u32), bytes_per_pixel: u64) -> Self {
        let (orientation, profile) = (Orientation::NoTransforms, None);
        let (file, beside) = (Vec::new(), 1 << 20);
        Self { kind, file, open: None, size, decoded: size, bytes_per_pixel, beside, orientation, profile }
    }

    /// Takes out of EXIF which way is up. Of several the first that says so counts; what cannot be read is not there.
    pub(super) fn read_exif(&mut self, exif: &[u8]) {
        let exif = exif.strip_prefix(EXIF).unwrap_or(exif);
        if self.orientation == Orientation::NoTransforms
            && let Some(orientation) = Orientation::from_exif_chunk(exif)
        {
            self.orientation = orientation;
        }
    }

    /// Takes a profile, unless it has one or this is too long.
    pub(super) fn read_profile(&mut self, profile: &[u8]) {
        if self.profile.is_none() && profile.len() <= PROFILE {
            self.profile = Some(profile.to_vec());
        }
    }
}

pub(super) fn cut() -> Error {
    Error::broken("it ends before its end")
}
