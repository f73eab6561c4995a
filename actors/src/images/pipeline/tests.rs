//! What is kept of files, and which lack something that is.

use std::io::Write;
use std::path::Path;

use flate2::Crc;
use flate2::write::ZlibEncoder;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};

use super::*;

/// Every file of the corpus that is a whole picture, with its name.
fn corpus() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let files = folder.read_dir().expect("the corpus").map(|entry| entry.expect("an entry").path());
    let named = files.map(|path| {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        (name, std::fs::read(path).expect("a file"))
    });
    let mut whole: Vec<_> = named.filter(|(_, bytes)| picture(bytes).is_ok()).collect();
    whole.sort();
    assert!(whole.len() >= 19, "{} files", whole.len());
    whole
}

fn picture(bytes: &[u8]) -> Result<DynamicImage, Error> {
    let stripped = strip(bytes, &Bounds::default())?;
    decode::decode(&stripped.0, stripped.memory(), || 0)
}

fn encoded(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
    let image = RgbImage::from_fn(width, height, |x, y| Rgb([(x * 7) as u8, (y * 5) as u8, (x * y) as u8]));
    let mut bytes = std::io::Cursor::new(Vec::new());
    DynamicImage::from(image).write_to(&mut bytes, format).expect("encoded");
    bytes.into_inner()
}

/// EXIF that says: turn me by a quarter.
const TURNED: &[u8] = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";

fn png_chunk(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let mut sum = Crc::new();
    sum.update(kind);
    sum.update(content);
    let length = u32::try_from(content.len()).expect("small").to_be_bytes();
    [&length[..], kind, content, &sum.sum().to_be_bytes()].concat()
}

/// Puts chunks behind the header of a PNG.
fn with_chunks(png: &[u8], chunks: &[u8]) -> Vec<u8> {
    [&png[..33], chunks, &png[33..]].concat()
}

fn riff_chunk(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).expect("small").to_le_bytes();
    [&kind[..], &length, content, &vec![0; content.len() % 2]].concat()
}

fn webp(chunks: &[Vec<u8>]) -> Vec<u8> {
    riff_chunk(b"RIFF", &[b"WEBP".to_vec(), chunks.concat()].concat())
}

fn segment(marker: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len() + 2).expect("it fits").to_be_bytes();
    [&[0xFF, marker][..], &length, content].concat()
}

fn with_segments(jpeg: &[u8], segments: &[u8]) -> Vec<u8> {
    [&jpeg[..2], segments, &jpeg[2..]].concat()
}

fn packed(zeros: usize) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    (0..zeros >> 16).for_each(|_| encoder.write_all(&[0; 1 << 16]).expect("packed"));
    encoder.finish().expect("packed")
}

fn find(bytes: &[u8], what: &[u8]) -> usize {
    bytes.windows(what.len()).position(|window| window == what).expect("it is there")
}

/// Wherever a file is cut: it shows the whole picture, or it is refused. And what is cut where nothing is kept is taken.
#[test]
fn a_cut_file_is_the_whole_picture_or_none() {
    for (name, whole) in corpus() {
        let shown = picture(&whole).expect("whole");
        let taken: Vec<usize> = (1..whole.len())
            .filter(|length| picture(&whole[..*length]).is_ok_and(|cut| assert_same(&cut, &shown, &name, *length)))
            .collect();
        // Of a simple WebP each byte is the picture's.
        let simple = [&b"lossy.webp"[..], b"lossless.webp", b"alpha.webp"].contains(&name.as_bytes());
        assert!(!taken.is_empty() || simple, "{name}: its end is taken for pixels");
        assert!(taken.iter().all(|length| *length > whole.len() / 8), "{name}: {taken:?} of {}", whole.len());
    }
}

fn assert_same(cut: &DynamicImage, shown: &DynamicImage, name: &str, length: usize) -> bool {
    assert!(cut == shown, "{name}: {length} bytes of it are taken for all");
    true
}

#[test]
fn what_is_damaged_where_nothing_is_kept_is_taken() {
    let (jpeg, png) = (encoded(40, 24, ImageFormat::Jpeg), encoded(40, 24, ImageFormat::Png));
    let (gif, lossless) = (encoded(40, 24, ImageFormat::Gif), encoded(40, 24, ImageFormat::WebP));
    let quantisation = find(&jpeg, &[0xFF, 0xDB]);
    let stray = |bytes: &[u8]| [&jpeg[..quantisation], bytes, &jpeg[quantisation..]].concat();
    let bad_sum = |kind: &[u8; 4], content: &[u8]| {
        let mut chunk = png_chunk(kind, content);
        *chunk.last_mut().expect("a sum") ^= 0xFF;
        with_chunks(&png, &chunk)
    };
    let data = find(&png, b"IDAT") - 4;
    let still = webp(&[riff_chunk(b"VP8X", &[0, 0, 0, 0, 39, 0, 0, 23, 0, 0]), lossless[12..].to_vec()]);
    let claims = |bytes: &[u8], length: u32| [&b"RIFF"[..], &length.to_le_bytes(), &bytes[8..]].concat();
    let frame = gif.len() - 1;
    for (name, bytes, like) in [
        ("a JPEG without EOI", jpeg[..jpeg.len() - 2].to_vec(), &jpeg),
        ("a JPEG with half an EOI", jpeg[..jpeg.len() - 1].to_vec(), &jpeg),
        ("a JPEG with much behind it", [&jpeg[..], &[7; 5_000]].concat(), &jpeg),
        ("fill bytes", stray(&[0xFF; 9]), &jpeg),
        ("stray bytes between segments", stray(b"stray\0bytes, and FF 00: \xff\x00"), &jpeg),
        ("a stray restart marker", stray(&[0xFF, 0xD3]), &jpeg),
        ("a second SOI", stray(&[0xFF, 0xD8]), &jpeg),
        ("a segment of another kind", stray(&segment(0xEF, b"x")), &jpeg),
        ("EXIF that is none", stray(&segment(0xE1, b"Exif\0\0rubbish")), &jpeg),
        ("a profile of which a part is missing", stray(&segment(0xE2, b"ICC_PROFILE\0\x02\x03rubbish")), &jpeg),
        ("a PNG without IEND", png[..png.len() - 12].to_vec(), &png),
        ("a PNG with half an IEND", png[..png.len() - 5].to_vec(), &png),
        ("a PNG whose last sum is cut", png[..png.len() - 13].to_vec(), &png),
        ("a text with a wrong sum", bad_sum(b"tEXt", b"Title\0x"), &png),
        ("a profile with a wrong sum", bad_sum(b"iCCP", b"x\0\0rubbish"), &png),
        ("a profile that cannot be unpacked", with_chunks(&png, &png_chunk(b"iCCP", b"x\0\0rubbish")), &png),
        (
            "a broken animation",
            with_chunks(&png, &[png_chunk(b"acTL", &[0; 3]), png_chunk(b"fcTL", b"?")].concat()),
            &png,
        ),
        ("a broken later frame", [&png[..png.len() - 12], &png_chunk(b"fdAT", &[0, 0, 0, 1, 9])].concat(), &png),
        (
            "a text between the pixels",
            {
                let content = &png[data + 8..png.len() - 16];
                let (one, other) = content.split_at(content.len() / 2);
                let parts = [png_chunk(b"IDAT", one), png_chunk(b"tEXt", b"a\0b"), png_chunk(b"IDAT", other)];
                [&png[..data], &parts.concat(), &png[png.len() - 12..]].concat()
            },
            &png,
        ),
        ("a GIF without its last byte", gif[..frame].to_vec(), &gif),
        ("a GIF without the end of its blocks", gif[..frame - 1].to_vec(), &gif),
        ("a GIF with half a later frame", [&gif[..frame], b"\x2c\0\0\0\0"].concat(), &gif),
        ("a GIF with rubbish behind its frame", [&gif[..frame], b"rubbish"].concat(), &gif),
        ("a WebP that says it is longer", claims(&lossless, 9_999_999), &lossless),
        ("a WebP with rubbish behind it", [&lossless[..], b"rubbish"].concat(), &lossless),
        (
            "a WebP whose EXIF is cut",
            {
                let whole = [&still[..], &riff_chunk(b"EXIF", &[0; 90])].concat();
                claims(&whole[..whole.len() - 40], 9_999)
            },
            &lossless,
        ),
        (
            "a WebP that says it has what it has not",
            {
                let mut all = still.clone();
                all[20] = 0x2C;
                all
            },
            &lossless,
        ),
    ] {
        let found = picture(&bytes).unwrap_or_else(|fault| panic!("{name}: {fault:?}"));
        assert!(found == picture(like).expect("whole"), "{name}: it is another picture");
    }
}

/// Where the first frame is whole and a later one is not, and the other way round.
#[test]
fn of_an_animation_the_first_frame_counts() {
    let animated = |name: &str| corpus().into_iter().find(|(file, _)| file == name).expect(name).1;
    for (name, mark) in [("animated.gif", &b"\x21\xf9"[..]), ("animated.webp", b"ANMF"), ("animated.png", b"fcTL")] {
        let whole = animated(name);
        let frames: Vec<usize> =
            whole.windows(mark.len()).enumerate().filter(|(_, at)| *at == mark).map(|(at, _)| at).collect();
        assert!(frames.len() >= 2, "{name}");
        let mut broken = whole[..frames[1] + 12].to_vec();
        broken.extend_from_slice(&[0xA5; 30]);
        let found = picture(&broken).unwrap_or_else(|fault| panic!("{name}: {fault:?}"));
        assert!(found == picture(&whole).expect("whole"), "{name}");
        picture(&whole[..frames[0] + 40]).expect_err(name);
    }
}

#[test]
fn pixels_that_are_missing_or_damaged_are_refused() {
    let (jpeg, png) = (encoded(64, 64, ImageFormat::Jpeg), encoded(64, 64, ImageFormat::Png));
    let scan = find(&jpeg, &[0xFF, 0xDA]);
    let data = find(&png, b"IDAT");
    let with = |file: &[u8], at: usize, byte: u8| {
        let mut file = file.to_vec();
        file[at] = byte;
        file
    };
    let short = |file: &[u8]| file[..file.len() - 40].to_vec();
    for (name, bytes) in [
        ("a JPEG that ends in its pixels", short(&jpeg)),
        ("a JPEG that ends in a segment before its pixels", jpeg[..scan + 5].to_vec()),
        ("a JPEG without pixels", [&jpeg[..scan], &[0xFF, 0xD9]].concat()),
        ("a JPEG with a marker in the middle of its pixels", {
            let mut file = jpeg.clone();
            let middle = (scan + jpeg.len()) / 2;
            file.splice(middle..middle, segment(0xC4, &[0; 17]));
            file
        }),
        ("a PNG that ends in its pixels", short(&png)),
        ("a PNG whose pixels have a wrong sum", with(&png, data + 40, png[data + 40] ^ 0xFF)),
        ("a PNG without pixels", [&png[..33], &png[png.len() - 12..]].concat()),
        ("a GIF that ends in its pixels", short(&encoded(64, 64, ImageFormat::Gif))),
        ("a WebP that ends in its pixels", short(&encoded(64, 64, ImageFormat::WebP))),
    ] {
        assert!(matches!(picture(&bytes), Err(Error::Broken(_))), "{name}: {:?}", picture(&bytes).map(|_| "taken"));
    }
}

#[test]
fn which_way_is_up_is_read_wherever_it_stands() {
    let prefixed = [&b"Exif\0\0"[..], TURNED].concat();
    let (jpeg, png) = (encoded(40, 24, ImageFormat::Jpeg), encoded(40, 24, ImageFormat::Png));
    let lossless = encoded(40, 24, ImageFormat::WebP);
    let extended = |exif: &[u8]| {
        webp(&[
            riff_chunk(b"VP8X", &[8, 0, 0, 0, 39, 0, 0, 23, 0, 0]),
            lossless[12..].to_vec(),
            riff_chunk(b"EXIF", exif),
        ])
    };
    for (name, bytes) in [
        ("a JPEG", with_segments(&jpeg, &segment(0xE1, &prefixed))),
        (
            "a JPEG with XMP before it",
            with_segments(
                &jpeg,
                &[segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x/>"), segment(0xE1, &prefixed)].concat(),
            ),
        ),
        ("a PNG", with_chunks(&png, &png_chunk(b"eXIf", TURNED))),
        ("a PNG with a prefix", with_chunks(&png, &png_chunk(b"eXIf", &prefixed))),
        (
            "a PNG with it at its end",
            [&png[..png.len() - 12], &png_chunk(b"eXIf", TURNED), &png[png.len() - 12..]].concat(),
        ),
        ("a WebP", extended(TURNED)),
        ("a WebP with a prefix", extended(&prefixed)),
    ] {
        let rendered = render(&bytes, &Bounds::default()).unwrap_or_else(|fault| panic!("{name}: {fault:?}"));
        assert_eq!((rendered.width, rendered.height), (24, 40), "{name}");
    }
}

/// What is packed beside the pixels comes out of a few hundred kilobytes; 64 megabytes of it would show here as time, and
/// in the hub's test as memory.
#[test]
fn what_stands_beside_the_pixels_is_bounded_before_it_is_unpacked() {
    let bomb = packed(64 << 20);
    assert!(bomb.len() < 100_000);
    let png = encoded(8, 8, ImageFormat::Png);
    let profile = [&b"p\0\0"[..], &bomb].concat();
    let text = [&b"t\0\0"[..], &bomb].concat();
    let international = [&b"XML:com.adobe.xmp\0\x01\0\0\0"[..], &bomb].concat();
    let hundred = |chunk: Vec<u8>| chunk.repeat(50);
    let kept = strip(&with_chunks(&png, &hundred(png_chunk(b"iCCP", &profile))), &Bounds::default()).expect("kept").0;
    assert_eq!(kept.profile, None);
    for (kind, content) in [(b"zTXt", &text), (b"iTXt", &international), (b"iCCP", &profile)] {
        let kept = strip(&with_chunks(&png, &png_chunk(kind, content)), &Bounds::default()).expect("kept").0;
        assert_eq!(kept.profile, None);
        assert!(kept.file.len() <= png.len(), "{kind:?}: it is not among what is kept");
    }
    // A profile in as many segments as there may be has 16 megabytes.
    let jpeg = encoded(8, 8, ImageFormat::Jpeg);
    let part = |number: u8| segment(0xE2, &[&b"ICC_PROFILE\0"[..], &[number, 255], &[9; 65_000]].concat());
    let kept = strip(&with_segments(&jpeg, &(1..=128).flat_map(part).collect::<Vec<_>>()), &Bounds::default());
    assert_eq!(kept.expect("kept").0.profile, None);
    let part = |number: u8| segment(0xE2, &[&b"ICC_PROFILE\0"[..], &[number, 3], &[number; 1_000]].concat());
    let parts = [2, 1, 3].into_iter().flat_map(part).collect::<Vec<_>>();
    let kept = strip(&with_segments(&jpeg, &parts), &Bounds::default()).expect("kept").0;
    let profile = kept.profile.expect("a profile");
    assert_eq!((profile.len(), profile[0], profile[1_000], profile[2_999]), (3_000, 1, 2, 3), "in order");
}

/// The decoder would sort all parts of an extended XMP with each one that comes.
#[test]
fn a_hundred_thousand_segments_are_read_once() {
    let jpeg = encoded(8, 8, ImageFormat::Jpeg);
    let part = [&b"http://ns.adobe.com/xmp/extension/\0"[..], &[b'0'; 32], &[0, 0, 0, 9, 0, 0, 0, 1, 7]].concat();
    let parts = segment(0xE1, &part).repeat(100_000);
    assert!(parts.len() < Bounds::default().bytes);
    let begun = std::time::Instant::now();
    render(&with_segments(&jpeg, &parts), &Bounds::default()).expect("a picture");
    assert!(begun.elapsed() < std::time::Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[test]
fn what_a_picture_takes_is_known_before_it_is_decoded() {
    let memory = |bytes: &[u8]| strip(bytes, &Bounds::default()).expect("within bounds").memory();
    let wide: DynamicImage = image::ImageBuffer::<image::Rgba<u16>, _>::new(600, 400).into();
    let mut png = std::io::Cursor::new(Vec::new());
    wide.write_to(&mut png, ImageFormat::Png).expect("encoded");
    let pixels = 600 * 400;
    assert!(memory(png.get_ref()) >= pixels * 12, "sixteen bits, and then eight");
    assert!(memory(&encoded(600, 400, ImageFormat::Jpeg)) >= pixels * 3);
    // The largest that is taken has room, whatever it is.
    let usual = crate::images::Options::new([0; 32]);
    let Bounds { bytes, pixels, .. } = usual.bounds;
    for (bytes_per_pixel, beside) in [(12, 1 << 20), (15, 1 << 20), (14, 64 << 20)] {
        let largest = Kept {
            file: vec![0; bytes],
            size: (8_000, u32::try_from(pixels / 8_000).expect("a side")),
            decoded: (1, 1),
            bytes_per_pixel,
            beside,
            ..strip(png.get_ref(), &Bounds::default()).expect("within bounds").0
        };
        assert!(Stripped(largest).memory() <= usual.memory, "{bytes_per_pixel}");
    }
}
