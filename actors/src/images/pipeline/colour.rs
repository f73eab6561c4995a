//! What an image's colours mean: a profile is carried out before it is dropped.
//!
//! Without that, what a phone photographs in a wider range of colours (Display P3) would look pale to every viewer.

use image::DynamicImage;
use moxcms::{ColorProfile, DataColorSpace, Layout, TransformOptions};

/// Turns colours of a profile into those of sRGB, which renditions have. A profile that cannot be read, or is not one of red,
/// green and blue, changes nothing.
pub(super) fn to_srgb(image: &mut DynamicImage, profile: &[u8]) {
    let Ok(profile) = ColorProfile::new_from_slice(profile) else { return };
    if profile.color_space != DataColorSpace::Rgb {
        return;
    }
    let (layout, pixels): (_, &mut [u8]) = match image {
        DynamicImage::ImageRgb8(pixels) => (Layout::Rgb, pixels),
        DynamicImage::ImageRgba8(pixels) => (Layout::Rgba, pixels),
        _ => return,
    };
    let srgb = ColorProfile::new_srgb();
    let Ok(transform) = profile.create_transform_8bit(layout, &srgb, layout, TransformOptions::default()) else {
        return;
    };
    let before = pixels.to_vec();
    // Both sides have one size: it cannot fail half-way.
    let _ = transform.transform(&before, pixels);
}
