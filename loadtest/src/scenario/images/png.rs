//! Makes images to upload: each another one, and about as hard to compress as a photograph.

use std::io::Write as _;

use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};

/// Makes a PNG of a size: a slope of colours with noise on it.
pub(super) fn noise((width, height): (u32, u32), rng: &mut fastrand::Rng) -> Vec<u8> {
    let mut head = Vec::new();
    head.extend(width.to_be_bytes());
    head.extend(height.to_be_bytes());
    // Eight bits for each of red, green and blue; no palette, no interlacing.
    head.extend([8, 2, 0, 0, 0]);
    let shift = rng.u32(..256);
    let mut pixels = Vec::new();
    for row in 0..height {
        // No filter.
        pixels.push(0);
        for column in 0..width {
            let grain = rng.u32(..16);
            let colours = [column + shift + grain, row + grain, column / 2 + row / 2 + shift];
            pixels.extend(colours.map(|colour| u8::try_from(colour % 256).unwrap_or_default()));
        }
    }
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::fast());
    // Writing to memory does not fail.
    let _ = packed.write_all(&pixels);
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(&mut png, *b"IHDR", &head);
    chunk(&mut png, *b"IDAT", &packed.finish().unwrap_or_default());
    chunk(&mut png, *b"IEND", &[]);
    png
}

fn chunk(png: &mut Vec<u8>, name: [u8; 4], content: &[u8]) {
    png.extend(u32::try_from(content.len()).unwrap_or_default().to_be_bytes());
    let mut sum = Crc::new();
    sum.update(&name);
    sum.update(content);
    png.extend(name);
    png.extend(content);
    png.extend(sum.sum().to_be_bytes());
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn a_png_has_its_parts_and_all_its_pixels() {
        let png = noise((20, 10), &mut fastrand::Rng::with_seed(1));
        assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
        assert_eq!(&png[12..16], b"IHDR");
        assert_eq!(png[16..24], [0, 0, 0, 20, 0, 0, 0, 10]);
        let length = usize::try_from(u32::from_be_bytes(png[33..37].try_into().expect("four bytes"))).expect("small");
        let mut pixels = Vec::new();
        flate2::read::ZlibDecoder::new(&png[41..41 + length]).read_to_end(&mut pixels).expect("packed pixels");
        assert_eq!(pixels.len(), 10 * (1 + 20 * 3));
        // The sum over an empty IEND is known.
        assert_eq!(png[png.len() - 4..], [0xAE, 0x42, 0x60, 0x82]);
        assert_ne!(png, noise((20, 10), &mut fastrand::Rng::with_seed(2)));
    }
}
