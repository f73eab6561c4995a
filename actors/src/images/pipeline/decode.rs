//! A file's pixels, once its header has been found to be within bounds: all of them, or none.

use std::io::{self, BufRead, Cursor, Read, Seek, SeekFrom};

use image::{DynamicImage, ImageDecoder, ImageError, ImageReader, Limits, RgbImage};
use sha2::{Digest, Sha256};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use super::bounds::pixels;
use super::error::Error;
use super::sniff::Kind;
use super::strip::kept::Kept;

/// How many bytes decoders may take beside the pixels.
const BESIDE: u64 = 16 << 20;

/// How many bytes of a file a decoder is given at a time.
const PIECE: usize = 4 << 10;

/// Decodes a file. `held` returns how many bytes the OS thread holds: a decoder that takes more than `memory` is stopped.
pub(super) fn decode(kept: &Kept, memory: u64, held: fn() -> u64) -> Result<DynamicImage, Error> {
    match (kept.kind, kept.open) {
        (Kind::Jpeg, None) => jpeg(&kept.file),
        (Kind::Jpeg, Some(end)) => open_jpeg(&kept.file, end),
        _ => other(kept, Watched::new(&kept.file, memory, held)),
    }
}

fn other(kept: &Kept, file: Watched<'_>) -> Result<DynamicImage, Error> {
    let most = pixels(kept.size).max(pixels(kept.decoded)) * kept.bytes_per_pixel;
    let mut reader = ImageReader::with_format(file, kept.kind.format());
    let mut limits = Limits::default();
    limits.max_alloc = Some(most + BESIDE);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(fault)?;
    if decoder.dimensions() != kept.size {
        return Err(Error::broken("its size is not what its header says"));
    }
    DynamicImage::from_decoder(decoder).map_err(fault)
}

/// Decodes a JPEG strictly. By itself, `image` would fill missing parts with grey.
fn jpeg(file: &[u8]) -> Result<DynamicImage, Error> {
    let strict = DecoderOptions::default().set_strict_mode(true).set_max_width(usize::MAX).set_max_height(usize::MAX);
    let mut looking = JpegDecoder::new_with_options(ZCursor::new(file), strict);
    looking.decode_headers().map_err(Error::broken)?;
    let grey = looking.input_colorspace() == Some(ColorSpace::Luma);
    let colours = if grey { ColorSpace::Luma } else { ColorSpace::RGB };
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(file), strict.jpeg_set_out_colorspace(colours));
    let pixels = decoder.decode().map_err(Error::broken)?;
    let (width, height) = decoder.dimensions().ok_or_else(|| Error::broken("it has no size"))?;
    let (Ok(width), Ok(height)) = (u32::try_from(width), u32::try_from(height)) else {
        return Err(Error::broken("its size is none"));
    };
    let image = if grey {
        image::GrayImage::from_raw(width, height, pixels).map(DynamicImage::from)
    } else {
        RgbImage::from_raw(width, height, pixels).map(DynamicImage::from)
    };
    image.ok_or_else(|| Error::broken("it has another number of pixels than its size says"))
}

/// Decodes a JPEG whose pixel data ends at `end` without a marker: perhaps only the marker is missing, perhaps half of the
/// picture.
///
/// It is decoded twice, with padding at `end`, of which each bit is once 0 and once 1. If all data was there, no pixel
/// comes from the padding, and the two results are equal; otherwise they differ. The padding has restart markers where a
/// decoder would look for them.
fn open_jpeg(file: &[u8], end: usize) -> Result<DynamicImage, Error> {
    let ending = |bits: u8| {
        let (data, rest) = file.split_at(end);
        let put_in = [0xD0, 0xD1, 0xD2, 0xD3].map(|restart| [[bits; 64].as_slice(), &[0xFF, restart]].concat());
        [data, &put_in.concat(), rest].concat()
    };
    let digest = Sha256::digest(jpeg(&ending(0x55))?.as_bytes());
    let image = jpeg(&ending(0xAA))?;
    if Sha256::digest(image.as_bytes()) != digest {
        return Err(Error::broken("it ends before its end"));
    }
    Ok(image)
}

fn fault(error: ImageError) -> Error {
    match error {
        ImageError::Limits(_) => Error::TooManyPixels(None),
        other => Error::broken(other),
    }
}

/// A reader that fails when the decoder takes more memory than a picture of its size needs.
///
/// What a decoder takes beside the pixels is not always bounded by their number: a lossless WebP may have 65,536 groups of
/// prefix codes, of which 4 megabytes of file become more than a gigabyte. The decoder builds them as it reads the file.
struct Watched<'a> {
    file: Cursor<&'a [u8]>,
    held: fn() -> u64,
    before: u64,
    memory: u64,
}

impl<'a> Watched<'a> {
    fn new(file: &'a [u8], memory: u64, held: fn() -> u64) -> Self {
        Self { file: Cursor::new(file), held, before: held(), memory }
    }
}

impl BufRead for Watched<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        // The difference is negative if the decoder frees memory that was allocated before it.
        let taken = (self.held)().wrapping_sub(self.before).cast_signed();
        if u64::try_from(taken).is_ok_and(|taken| taken > self.memory) {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        let rest = self.file.fill_buf()?;
        Ok(&rest[..rest.len().min(PIECE)])
    }

    fn consume(&mut self, bytes: usize) {
        self.file.consume(bytes);
    }
}

impl Read for Watched<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let piece = self.fill_buf()?;
        let length = piece.len().min(into.len());
        into[..length].copy_from_slice(&piece[..length]);
        self.consume(length);
        Ok(length)
    }
}

impl Seek for Watched<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}
