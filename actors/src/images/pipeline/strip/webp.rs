//! WebP: the picture with its transparency; of an animated one, the first frame on its canvas.
//!
//! The decoder checks only the canvas before it decodes a frame, and a frame may claim 268 megapixels. So a frame must be
//! as large as its place on the canvas.

use super::kept::{Kept, cut};
use crate::images::pipeline::bounds::Bounds;
use crate::images::pipeline::error::Error;
use crate::images::pipeline::sniff::Kind;

/// The flags of VP8X that are kept: alpha and animation.
const ALPHA: u8 = 0x10;
const MOVES: u8 = 0x02;

/// How many bytes the prefix codes of a lossless picture take, at most: an encoder makes some 2,600 groups of them, each of
/// which takes about 20 KB decoded. A file that needs more, as one may, is stopped.
const CODES: u64 = 64 << 20;

/// The bytes of an animation frame's header: its position, size, duration and flags.
const FRAME_HEAD: usize = 16;

pub(super) fn strip(bytes: &[u8], bounds: &Bounds) -> Result<Kept, Error> {
    let rest = riff(bytes).ok_or_else(cut)?;
    let (name, content, _) = chunk(rest).ok_or_else(cut)?;
    if name != b"VP8X" {
        let picture = Picture::find(rest).ok_or_else(|| Error::broken("it has no picture"))?;
        let mut kept = picture.keep(picture.size()?, picture.bytes_per_pixel());
        kept.file = file(&[part(picture.name, picture.content)]);
        return Ok(kept);
    }
    let (flags, canvas) = content.first().zip(content.get(4..).and_then(size)).ok_or_else(cut)?;
    bounds.check(canvas)?;
    let mut kept = if flags & MOVES == 0 { still(rest, canvas)? } else { moving(rest, *flags, canvas)? };
    first(rest, b"EXIF").into_iter().for_each(|exif| kept.read_exif(exif));
    first(rest, b"ICCP").into_iter().for_each(|profile| kept.read_profile(profile));
    Ok(kept)
}

fn still(rest: &[u8], canvas: (u32, u32)) -> Result<Kept, Error> {
    let picture = Picture::find(rest).ok_or_else(|| Error::broken("it has no picture"))?;
    if picture.size()? != canvas {
        return Err(Error::broken("a frame has another size than its canvas"));
    }
    let mut kept = picture.keep(canvas, picture.bytes_per_pixel());
    let mut parts = vec![extended(if picture.has_alpha() { ALPHA } else { 0 }, canvas)];
    parts.extend(picture.parts());
    kept.file = file(&parts);
    Ok(kept)
}

fn moving(rest: &[u8], flags: u8, canvas: (u32, u32)) -> Result<Kept, Error> {
    let frame = first(rest, b"ANMF").ok_or_else(cut)?;
    let (head, inner) = frame.split_at_checked(FRAME_HEAD).ok_or_else(cut)?;
    let picture = Picture::find(inner).ok_or_else(|| Error::broken("a frame has no colours of its size"))?;
    if Some(picture.size()?) != size(&head[6..]) {
        return Err(Error::broken("a frame has another size than its canvas"));
    }
    // The frame, the canvas that it is drawn on, and the result.
    let mut kept = picture.keep(canvas, if picture.name == b"VP8 " { 15 } else { 14 });
    let alpha = if picture.has_alpha() { ALPHA } else { flags & ALPHA };
    let frame = [head, &picture.parts().concat()].concat();
    let parts = [extended(MOVES | alpha, canvas), part(b"ANIM", &[0; 6]), part(b"ANMF", &frame)];
    kept.file = file(&parts);
    Ok(kept)
}

/// A picture's chunks.
struct Picture<'a> {
    name: &'static [u8; 4],
    content: &'a [u8],
    /// The alpha chunk of a lossy picture, which stands before the picture's own chunk.
    alpha: Option<&'a [u8]>,
}

impl<'a> Picture<'a> {
    /// Finds the first picture, if all of it is there.
    fn find(mut rest: &'a [u8]) -> Option<Self> {
        let mut alpha = None;
        while let Some((name, content, after)) = chunk(rest) {
            match name {
                b"ALPH" if alpha.is_none() => alpha = Some(whole(rest, content)?),
                b"VP8 " => return Some(Self { name: b"VP8 ", content: whole(rest, content)?, alpha }),
                b"VP8L" => return Some(Self { name: b"VP8L", content: whole(rest, content)?, alpha: None }),
                _ => {}
            }
            rest = after;
        }
        None
    }

    /// Reads the size from the picture's header: RFC 6386, 9.1, and RFC 9649, 3.4.
    fn size(&self) -> Result<(u32, u32), Error> {
        let size = if self.name == b"VP8 " { lossy(self.content) } else { lossless(self.content) };
        size.ok_or_else(|| Error::broken("its picture has no size"))
    }

    fn has_alpha(&self) -> bool {
        self.alpha.is_some() || (self.name == b"VP8L" && self.content.get(4).is_some_and(|byte| byte & 0x10 != 0))
    }

    /// Lossy: luma, two chroma planes of a quarter each, alpha, and four bytes of the result. Lossless: twice four bytes,
    /// and the transform of each block.
    fn bytes_per_pixel(&self) -> u64 {
        if self.name == b"VP8 " { 8 } else { 10 }
    }

    fn keep(&self, size: (u32, u32), bytes_per_pixel: u64) -> Kept {
        let kept = Kept::new(Kind::WebP, size, bytes_per_pixel);
        if self.name == b"VP8L" { Kept { beside: CODES, ..kept } } else { kept }
    }

    fn parts(&self) -> Vec<Vec<u8>> {
        let alpha = self.alpha.map(|alpha| part(b"ALPH", alpha));
        alpha.into_iter().chain([part(self.name, self.content)]).collect()
    }
}

/// Returns the content of a RIFF file behind its form type, up to the length that it claims.
fn riff(bytes: &[u8]) -> Option<&[u8]> {
    let claimed = usize::try_from(u32::from_le_bytes(bytes.get(4..)?.first_chunk().copied()?)).ok()?;
    let end = claimed.checked_add(8)?.min(bytes.len());
    bytes.get(12..end)
}

/// Splits off a chunk of a RIFF file: its kind, the part of its content that is there, and what follows.
fn chunk(bytes: &[u8]) -> Option<(&[u8; 4], &[u8], &[u8])> {
    let (kind, rest) = bytes.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let after = rest.get(length.checked_add(length % 2)?..).unwrap_or_default();
    Some((kind, rest.get(..length).unwrap_or(rest), after))
}

/// Returns a chunk's content if it is as long as the chunk says.
fn whole<'a>(chunk: &[u8], content: &'a [u8]) -> Option<&'a [u8]> {
    let length = u32::from_le_bytes(chunk.get(4..)?.first_chunk().copied()?);
    (usize::try_from(length).ok()? == content.len()).then_some(content)
}

fn first<'a>(mut rest: &'a [u8], wanted: &[u8; 4]) -> Option<&'a [u8]> {
    while let Some((name, content, after)) = chunk(rest) {
        if name == wanted {
            return Some(content);
        }
        rest = after;
    }
    None
}

/// Reads a size: width and height of three bytes each, both stored less one.
fn size(bytes: &[u8]) -> Option<(u32, u32)> {
    let [w0, w1, w2, h0, h1, h2] = *bytes.first_chunk::<6>()?;
    Some((u32::from_le_bytes([w0, w1, w2, 0]) + 1, u32::from_le_bytes([h0, h1, h2, 0]) + 1))
}

fn lossy(bytes: &[u8]) -> Option<(u32, u32)> {
    let [_, _, _, 0x9D, 0x01, 0x2A, w0, w1, h0, h1] = *bytes.first_chunk::<10>()? else { return None };
    let length = |bytes| u32::from(u16::from_le_bytes(bytes) & 0x3FFF);
    Some((length([w0, w1]), length([h0, h1])))
}

fn lossless(bytes: &[u8]) -> Option<(u32, u32)> {
    let [0x2F, b0, b1, b2, b3] = *bytes.first_chunk::<5>()? else { return None };
    let bits = u32::from_le_bytes([b0, b1, b2, b3]);
    Some(((bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1))
}

fn part(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap_or(u32::MAX).to_le_bytes();
    [kind.as_slice(), &length, content, &vec![0; content.len() % 2]].concat()
}

fn extended(flags: u8, (width, height): (u32, u32)) -> Vec<u8> {
    let ([w0, w1, w2, _], [h0, h1, h2, _]) = ((width - 1).to_le_bytes(), (height - 1).to_le_bytes());
    part(b"VP8X", &[flags, 0, 0, 0, w0, w1, w2, h0, h1, h2])
}

fn file(parts: &[Vec<u8>]) -> Vec<u8> {
    part(b"RIFF", &[b"WEBP".to_vec(), parts.concat()].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LARGE: Bounds = Bounds { bytes: 1 << 20, pixels: 1 << 40, side: 1 << 20 };

    fn extended(flags: u8, side: u32) -> Vec<u8> {
        super::extended(flags, (side, side))
    }

    fn lossy(side: u16) -> Vec<u8> {
        let [low, high] = side.to_le_bytes();
        part(b"VP8 ", &[0x10, 0, 0, 0x9D, 0x01, 0x2A, low, high, low, high, 0])
    }

    fn frame(side: u8, parts: &[Vec<u8>]) -> Vec<u8> {
        let head = [0, 0, 0, 0, 0, 0, side - 1, 0, 0, side - 1, 0, 0, 0, 0, 0, 0];
        part(b"ANMF", &[head.to_vec(), parts.concat()].concat())
    }

    #[test]
    fn a_frame_of_a_webp_is_as_large_as_its_canvas() {
        let alpha = part(b"ALPH", &[0; 5]);
        let mut other = lossy(10);
        other[..4].copy_from_slice(b"VP9 ");
        let claims_less = |mut bytes: Vec<u8>| {
            bytes[4] = 60;
            bytes
        };
        for (name, bytes, taken) in [
            ("alone", file(&[lossy(16_000)]), true),
            ("as large", file(&[extended(0, 10), lossy(10)]), true),
            ("as large, behind a profile", file(&[extended(0x20, 10), part(b"ICCP", b"odd"), lossy(10)]), true),
            ("larger", file(&[extended(0, 10), lossy(16_000)]), false),
            ("smaller", file(&[extended(0x10, 10), alpha.clone(), lossy(9)]), false),
            ("as large, moving", file(&[extended(2, 10), frame(4, &[lossy(4)]), frame(4, &[lossy(9)])]), true),
            ("larger, moving", file(&[extended(2, 10), frame(4, &[lossy(16_000)])]), false),
            ("larger, moving, with alpha", file(&[extended(0x12, 10), frame(4, &[alpha.clone(), lossy(10)])]), false),
            ("as large, moving, with alpha", file(&[extended(0x12, 10), frame(4, &[alpha.clone(), lossy(4)])]), true),
            ("behind alpha, another kind", file(&[extended(0x12, 10), frame(4, &[alpha.clone(), other])]), false),
            ("behind alpha, nothing", file(&[extended(0x12, 10), frame(4, &[alpha])]), false),
            (
                "larger, behind the claimed end",
                claims_less(file(&[part(b"FREE", &[0; 50]), extended(0, 10), lossy(16_000)])),
                false,
            ),
            ("half a canvas", file(&[part(b"VP8X", &[0; 4]), lossy(16_000)]), false),
        ] {
            assert_eq!(strip(&bytes, &LARGE).is_ok(), taken, "{name}");
        }
        let nested = (0..1_000).fold(lossy(4), |inner, _| frame(4, &[inner]));
        strip(&file(&[extended(2, 10), nested]), &LARGE).expect_err("it is walked, and not gone into");
    }
}
