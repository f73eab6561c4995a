//! A file's pixels, once its header has been found to be within bounds.

use std::io::Cursor;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageReader, Limits};

use super::{Bounds, Fault, Kind};

/// How many bytes a decoder may take for a pixel, at most: sixteen bits for each of four channels.
const BYTES_PER_PIXEL: u64 = 8;

/// What decoders may take beside the pixels.
const BESIDE: u64 = 16 << 20;

/// An image in memory.
#[derive(Debug)]
pub(super) struct Decoded {
    pub(super) image: DynamicImage,
    /// How it must be turned to be upright.
    pub(super) orientation: Orientation,
    /// What its colours mean, if it says so.
    pub(super) profile: Option<Vec<u8>>,
}

/// Decodes a file.
pub(super) fn decode(kind: Kind, bytes: &[u8], bounds: &Bounds) -> Result<Decoded, Fault> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), kind.format());
    let mut limits = Limits::default();
    limits.max_alloc = Some(bounds.pixels * BYTES_PER_PIXEL + BESIDE);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(fault)?;
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        return Err(Fault::broken("it has no pixels"));
    }
    if width.max(height) > bounds.side || u64::from(width) * u64::from(height) > bounds.pixels {
        return Err(Fault::TooManyPixels(Some((width, height))));
    }
    // What of it cannot be read is as good as not there: the picture is what counts.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let profile = decoder.icc_profile().unwrap_or_default();
    let image = DynamicImage::from_decoder(decoder).map_err(fault)?;
    Ok(Decoded { image, orientation, profile })
}

fn fault(error: ImageError) -> Fault {
    match error {
        ImageError::Limits(_) => Fault::TooManyPixels(None),
        other => Fault::broken(other),
    }
}
