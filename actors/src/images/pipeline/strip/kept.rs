//! What is kept of a file.

use image::metadata::Orientation;

use crate::images::pipeline::error::Error;
use crate::images::pipeline::sniff::Kind;

/// The most bytes of a colour profile, decompressed. Those of cameras and screens have a few thousand, those with tables
/// for print a few million; a longer one is ignored.
pub(super) const PROFILE: usize = 4 << 20;

/// The prefix of EXIF in a JPEG. Some programs write it into the other kinds, too.
pub(super) const EXIF: &[u8] = b"Exif\0\0";

/// What is kept of a file.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) kind: Kind,
    /// A file of that kind with the encoded pixels and nothing else.
    pub(crate) file: Vec<u8>,
    /// For a JPEG without an end marker right behind its pixel data: where that data ends in `file`. It may be complete.
    pub(crate) open: Option<usize>,
    /// Width and height in pixels.
    pub(crate) size: (u32, u32),
    /// Width and height of what is decoded for it, which may be larger.
    pub(crate) decoded: (u32, u32),
    /// How many bytes decoding takes for each pixel, including its result and the conversion to eight bits a channel.
    pub(crate) bytes_per_pixel: u64,
    /// How many bytes decoding takes besides, whatever the size.
    pub(crate) beside: u64,
    /// How the picture must be turned to be upright.
    pub(crate) orientation: Orientation,
    /// The colour profile, if the file has one.
    pub(crate) profile: Option<Vec<u8>>,
}

impl Kept {
    pub(super) fn new(kind: Kind, size: (u32, u32), bytes_per_pixel: u64) -> Self {
        let (orientation, profile) = (Orientation::NoTransforms, None);
        let (file, beside) = (Vec::new(), 1 << 20);
        Self { kind, file, open: None, size, decoded: size, bytes_per_pixel, beside, orientation, profile }
    }

    /// Reads the orientation from EXIF. Of several EXIFs the first with an orientation counts; one that cannot be read is
    /// ignored.
    pub(super) fn read_exif(&mut self, exif: &[u8]) {
        let exif = exif.strip_prefix(EXIF).unwrap_or(exif);
        if self.orientation == Orientation::NoTransforms
            && let Some(orientation) = Orientation::from_exif_chunk(exif)
        {
            self.orientation = orientation;
        }
    }

    /// Keeps a colour profile, unless there is one already or this one is too long.
    pub(super) fn read_profile(&mut self, profile: &[u8]) {
        if self.profile.is_none() && profile.len() <= PROFILE {
            self.profile = Some(profile.to_vec());
        }
    }
}

pub(super) fn cut() -> Error {
    Error::broken("it ends before its end")
}
