//! Pictures that tests make: each corner has its own colour, so that one sees which way is up; and EXIF as a phone writes it.

use exif::experimental::Writer;
use exif::{Field, In, Rational, Tag, Value};
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::metadata::Orientation;
use image::{DynamicImage, ExtendedColorType, ImageEncoder, Rgb, RgbImage};

/// Private metadata, as a phone writes it.
pub(crate) const SECRETS: [&str; 5] =
    ["Nimbus Phone 9", "Ada Lovelace", "at home, Rue Secrète", "SN-0042-SECRET", "EditorPro 7"];

/// The colours of the corners, clockwise from the upper left.
pub(crate) const CORNERS: [[u8; 3]; 4] = [[200, 30, 30], [30, 180, 40], [240, 240, 235], [30, 40, 190]];

/// Makes a picture with some texture, upright.
pub(crate) fn picture(width: u32, height: u32) -> RgbImage {
    let mut noise = 0x2545_f491_u32;
    RgbImage::from_fn(width, height, |x, y| {
        let corner = match (x * 2 < width, y * 2 < height) {
            (true, true) => CORNERS[0],
            (false, true) => CORNERS[1],
            (false, false) => CORNERS[2],
            (true, false) => CORNERS[3],
        };
        noise ^= noise << 13;
        noise ^= noise >> 17;
        noise ^= noise << 5;
        let grain = (noise % 15) as i16 - 7 + ((x / 8 + y / 8) % 2) as i16 * 6;
        Rgb(corner.map(|channel| (i16::from(channel) + grain).clamp(0, 255) as u8))
    })
}

/// Holds that a picture is upright: each corner has its colour.
#[track_caller]
pub(crate) fn assert_upright(picture: &DynamicImage, what: &str) {
    let rgb = picture.to_rgb8();
    let (right, bottom) = (rgb.width() * 3 / 4, rgb.height() * 3 / 4);
    let (left, top) = (rgb.width() / 4, rgb.height() / 4);
    for ((x, y), wanted) in [(left, top), (right, top), (right, bottom), (left, bottom)].into_iter().zip(CORNERS) {
        let found = rgb.get_pixel(x, y).0;
        let far = found.iter().zip(wanted).any(|(found, wanted)| found.abs_diff(wanted) > 45);
        assert!(!far, "{what}: at {x},{y} there is {found:?}, not {wanted:?}");
    }
}

/// Turns an upright picture into what a sensor held that way has seen.
pub(crate) fn as_seen(picture: RgbImage, orientation: u8) -> DynamicImage {
    let inverse = match Orientation::from_exif(orientation).expect("one of eight") {
        Orientation::Rotate90 => Orientation::Rotate270,
        Orientation::Rotate270 => Orientation::Rotate90,
        same => same,
    };
    let mut seen = DynamicImage::from(picture);
    seen.apply_orientation(inverse);
    seen
}

/// Writes EXIF with a place, a person, a camera and its number.
pub(crate) fn exif(orientation: u8) -> Vec<u8> {
    let ascii = |text: &str| Value::Ascii(vec![text.as_bytes().to_vec()]);
    let degrees = |parts: [u32; 3]| Value::Rational(parts.map(|num| Rational { num, denom: 1 }).to_vec());
    let field = |tag, value| Field { tag, ifd_num: In::PRIMARY, value };
    let fields = [
        field(Tag::Orientation, Value::Short(vec![u16::from(orientation)])),
        field(Tag::Model, ascii(SECRETS[0])),
        field(Tag::Artist, ascii(SECRETS[1])),
        field(Tag::ImageDescription, ascii("at home, Rue Secr\u{e8}te")),
        field(Tag::BodySerialNumber, ascii(SECRETS[3])),
        field(Tag::Software, ascii(SECRETS[4])),
        field(Tag::DateTimeOriginal, ascii("2026:11:20 18:03:07")),
        field(Tag::GPSLatitudeRef, ascii("N")),
        field(Tag::GPSLatitude, degrees([48, 51, 24])),
        field(Tag::GPSLongitudeRef, ascii("E")),
        field(Tag::GPSLongitude, degrees([2, 21, 7])),
    ];
    let mut writer = Writer::new();
    fields.iter().for_each(|field| writer.push_field(field));
    let mut out = std::io::Cursor::new(Vec::new());
    writer.write(&mut out, false).expect("written");
    out.into_inner()
}

/// Writes a JPEG.
pub(crate) fn jpeg(picture: &DynamicImage, exif: Option<Vec<u8>>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut bytes, 92);
    if let Some(exif) = exif {
        encoder.set_exif_metadata(exif).expect("JPEG has EXIF");
    }
    let rgb = picture.to_rgb8();
    encoder.write_image(&rgb, rgb.width(), rgb.height(), ExtendedColorType::Rgb8).expect("encoded");
    bytes
}

/// Writes a PNG.
pub(crate) fn png(picture: &DynamicImage, exif: Option<Vec<u8>>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = PngEncoder::new(&mut bytes);
    if let Some(exif) = exif {
        encoder.set_exif_metadata(exif).expect("PNG has EXIF");
    }
    let color = picture.color().into();
    encoder.write_image(picture.as_bytes(), picture.width(), picture.height(), color).expect("encoded");
    bytes
}

/// Writes another kind.
pub(crate) fn encoded(picture: &DynamicImage, format: image::ImageFormat) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).expect("encoded");
    bytes.into_inner()
}

/// Returns a small, plain JPEG.
pub(crate) fn small() -> Vec<u8> {
    jpeg(&picture(96, 64).into(), None)
}

/// Puts a segment right behind a JPEG's first two bytes.
pub(crate) fn with_segment(jpeg: &[u8], marker: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len() + 2).expect("it fits");
    [&jpeg[..2], &[0xFF, marker], &length.to_be_bytes(), content, &jpeg[2..]].concat()
}
