//! Applies an image's colour profile, which the renditions do not keep.
//!
//! Otherwise a phone's photograph in a wide colour space (Display P3) would look pale to every viewer.

use image::DynamicImage;
use moxcms::{ColorProfile, DataColorSpace, Layout, TransformOptions};

/// Converts the colours of a profile to sRGB, the colour space of renditions. A profile that cannot be read, or is not of
/// RGB, changes nothing.
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
    // Both buffers have the same size: the transform cannot fail half-way.
    let _ = transform.transform(&before, pixels);
}
