//! From pixels to renditions.
//!
//! The encoder is libwebp, lossy. For photographs of 12 megapixels its full rendition has about the same error (PSNR) as
//! that of a fast JPEG encoder with 15 to 35 % fewer bytes, in 60 to 170 ms of CPU time; mozjpeg takes 190 to 730 ms for
//! its savings. Every browser shows WebP, and it keeps transparency. docs/IMAGES.md has the figures. The encoder is the one
//! part in C; it sees nothing but pixels that decoders in Rust have made.

use chat_database::media::Rendition;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use image::DynamicImage;
use image::metadata::Orientation;
use webp::{Encoder, WebPConfig};

use super::bounds::longest;
use super::colour::to_srgb;
use super::error::Error;

/// The quality of both renditions, of 100.
const QUALITY: f32 = 80.0;

/// How hard the encoder tries, of 6. For the full rendition 4 takes twice the time for 2 % of the bytes.
const EFFORT_FULL: i32 = 2;
const EFFORT_THUMB: i32 = 4;

/// The longest side of the picture that the placeholder is made of, in pixels.
const SEED: u32 = 32;

/// The renditions of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The rendition for viewing.
    pub full: Vec<u8>,
    /// The rendition for lists.
    pub thumb: Vec<u8>,
    /// Pixels across, of the full rendition.
    pub width: u32,
    /// Pixels down, of the full rendition.
    pub height: u32,
    /// The placeholder to show while it loads.
    pub blurhash: String,
}

/// Makes the renditions of decoded pixels.
pub(super) fn render(image: DynamicImage, orientation: Orientation, profile: Option<&[u8]>) -> Result<Rendered, Error> {
    let mut full = fit(&plain(image), longest(Rendition::Full))?;
    // After scaling, which leaves fewer pixels.
    if let Some(profile) = profile {
        to_srgb(&mut full, profile);
    }
    full.apply_orientation(orientation);
    let thumb = fit(&full, longest(Rendition::Thumb))?;
    Ok(Rendered {
        width: full.width(),
        height: full.height(),
        blurhash: blurhash(&thumb)?,
        full: encode(&full, EFFORT_FULL)?,
        thumb: encode(&thumb, EFFORT_THUMB)?,
    })
}

/// Converts pixels to eight bits a channel: RGB, or RGBA if there is transparency.
fn plain(image: DynamicImage) -> DynamicImage {
    match image {
        DynamicImage::ImageRgb8(_) | DynamicImage::ImageRgba8(_) => image,
        other if other.color().has_alpha() => other.into_rgba8().into(),
        other => other.into_rgb8().into(),
    }
}

/// Scales an image down so that its longest side is `longest`; a smaller one stays as it is.
fn fit(image: &DynamicImage, longest: u32) -> Result<DynamicImage, Error> {
    let (width, height) = (image.width(), image.height());
    let side = width.max(height);
    if side <= longest {
        return Ok(image.clone());
    }
    let scaled = |length: u32| {
        let scaled = (u64::from(length) * u64::from(longest) + u64::from(side) / 2) / u64::from(side);
        u32::try_from(scaled).unwrap_or(longest).max(1)
    };
    let mut small = DynamicImage::new(scaled(width), scaled(height), image.color());
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3));
    Resizer::new().resize(image, &mut small, &options).map_err(Error::broken)?;
    Ok(small)
}

fn encode(image: &DynamicImage, effort: i32) -> Result<Vec<u8>, Error> {
    let failed = || Error::broken("it cannot be encoded");
    let mut config = WebPConfig::new().map_err(|()| failed())?;
    config.quality = QUALITY;
    config.method = effort;
    let (width, height) = (image.width(), image.height());
    let encoder = match image {
        DynamicImage::ImageRgb8(pixels) => Encoder::from_rgb(pixels, width, height),
        DynamicImage::ImageRgba8(pixels) => Encoder::from_rgba(pixels, width, height),
        _ => return Err(failed()),
    };
    let encoded = encoder.encode_advanced(&config);
    encoded.map(|bytes| bytes.to_vec()).map_err(|_| failed())
}

fn blurhash(thumb: &DynamicImage) -> Result<String, Error> {
    let seed = fit(thumb, SEED)?.into_rgba8();
    let (width, height) = seed.dimensions();
    // More components along the longer side.
    let (across, down) = if width >= height { (4, 3) } else { (3, 4) };
    blurhash::encode(across, down, width, height, seed.as_raw()).map_err(Error::broken)
}
