//! Whether a file is all there: walks its structure to its end, without decoding anything.
//!
//! Decoders make the best of half a file, a grey rest for one; half a picture in a conversation would be taken for the
//! whole. What stands behind the end (a zip, a script) is not looked at: it does not survive the encoding.

use super::{Fault, Kind};

/// The most scans of a JPEG. Cameras write up to a dozen; each one may cost a walk over all pixels.
const SCANS: usize = 64;

/// Refuses what ends before its end.
pub(super) fn check(kind: Kind, bytes: &[u8]) -> Result<(), Fault> {
    let whole = match kind {
        Kind::Jpeg => jpeg(bytes)?,
        Kind::Png => png(bytes),
        Kind::WebP => webp(bytes)?,
        Kind::Gif => gif(bytes),
    };
    whole.ok_or_else(|| Fault::broken("it ends before its end"))
}

/// Walks segments, and in a scan its bytes, from SOI to EOI.
fn jpeg(bytes: &[u8]) -> Result<Option<()>, Fault> {
    let mut scans = 0;
    let mut rest = bytes.get(2..).unwrap_or_default();
    loop {
        // Any number of fill bytes may stand before a marker.
        let fill = rest.iter().take_while(|byte| **byte == 0xFF).count();
        let Some(marker) = rest.get(fill) else { return Ok(None) };
        if fill == 0 {
            return Err(Fault::broken("a marker is missing"));
        }
        rest = &rest[fill + 1..];
        match marker {
            0xD9 => return Ok(Some(())),
            0x01 | 0xD0..=0xD7 => continue,
            _ => {}
        }
        let Some(after) = segment(rest) else { return Ok(None) };
        rest = after;
        if *marker == 0xDA {
            scans += 1;
            if scans > SCANS {
                return Err(Fault::broken(format!("it has more than {SCANS} scans")));
            }
            let Some(after) = scan(rest) else { return Ok(None) };
            rest = after;
        }
    }
}

fn segment(bytes: &[u8]) -> Option<&[u8]> {
    let length = usize::from(u16::from_be_bytes(bytes.first_chunk().copied()?));
    bytes.get(length.max(2)..)
}

/// Skips a scan's bytes up to the next marker; `FF 00` is a byte, and restart markers are part of it.
fn scan(bytes: &[u8]) -> Option<&[u8]> {
    let mut from = 0;
    loop {
        let at = from + bytes.get(from..)?.iter().position(|byte| *byte == 0xFF)?;
        match bytes.get(at + 1)? {
            0x00 | 0xD0..=0xD7 => from = at + 2,
            0xFF => from = at + 1,
            _ => return bytes.get(at..),
        }
    }
}

/// Walks chunks up to IEND.
fn png(bytes: &[u8]) -> Option<()> {
    let mut rest = bytes.get(8..)?;
    loop {
        let length = usize::try_from(u32::from_be_bytes(rest.first_chunk().copied()?)).ok()?;
        let kind = rest.get(4..8)?;
        rest = rest.get(length.checked_add(12)?..)?;
        if kind == b"IEND" {
            return Some(());
        }
    }
}

/// Holds the length that it claims against the one that it has, and the size of a frame against that of its canvas: only
/// the canvas is looked at before a frame is decoded, and a frame may say that it has 268 megapixels.
fn webp(bytes: &[u8]) -> Result<Option<()>, Fault> {
    let Some(mut rest) = riff(bytes) else { return Ok(None) };
    let (mut moves, mut wanted, mut in_frame, mut behind_alpha) = (false, None, false, false);
    while let Some((kind, content, after)) = chunk(rest) {
        rest = after;
        let fits = || wanted.is_none() || wanted == vp8(content);
        match kind {
            // The decoder takes whatever stands behind the alpha channel of a moving frame for its colours.
            _ if behind_alpha => {
                let whole = kind == b"VP8 " && fits();
                return whole.then_some(Some(())).ok_or_else(|| Fault::broken("a frame has no colours of its size"));
            }
            b"VP8X" => {
                let (Some(flags), Some(canvas)) = (content.first(), content.get(4..).and_then(canvas)) else {
                    return Ok(None);
                };
                (moves, wanted) = (flags & 2 != 0, Some(canvas));
            }
            // Only the first frame is decoded: what follows it does not matter.
            b"ANMF" if moves => {
                let Some(frame) = content.get(6..).and_then(canvas) else { return Ok(None) };
                (rest, wanted, in_frame) = (content.get(16..).unwrap_or_default(), Some(frame), true);
            }
            b"ALPH" if in_frame => behind_alpha = true,
            b"VP8 " if !fits() => return Err(Fault::broken("a frame has another size than its canvas")),
            _ => {}
        }
    }
    Ok((!behind_alpha).then_some(()))
}

/// Returns what a RIFF file has behind its kind, if it has all that it claims; more than that too, for the decoder goes on
/// behind the claimed end.
fn riff(bytes: &[u8]) -> Option<&[u8]> {
    let claimed = usize::try_from(u32::from_le_bytes(bytes.get(4..)?.first_chunk().copied()?)).ok()?;
    bytes.get(8..claimed.checked_add(8)?)?.get(4..)?;
    bytes.get(12..)
}

/// Splits off a chunk of a RIFF file: its kind, what is there of its content, and what follows.
fn chunk(bytes: &[u8]) -> Option<(&[u8; 4], &[u8], &[u8])> {
    let (kind, rest) = bytes.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let after = rest.get(length.checked_add(length % 2)?..).unwrap_or_default();
    Some((kind, rest.get(..length).unwrap_or(rest), after))
}

/// Reads the size of a canvas: twice three bytes, each less by one.
fn canvas(bytes: &[u8]) -> Option<(u32, u32)> {
    let [w0, w1, w2, h0, h1, h2] = *bytes.first_chunk::<6>()?;
    Some((u32::from_le_bytes([w0, w1, w2, 0]) + 1, u32::from_le_bytes([h0, h1, h2, 0]) + 1))
}

/// Reads the size of a lossy frame (RFC 6386, 9.1).
fn vp8(bytes: &[u8]) -> Option<(u32, u32)> {
    let [_, _, _, 0x9D, 0x01, 0x2A, w0, w1, h0, h1] = *bytes.first_chunk::<10>()? else { return None };
    let length = |bytes| u32::from(u16::from_le_bytes(bytes) & 0x3FFF);
    Some((length([w0, w1]), length([h0, h1])))
}

/// Walks blocks up to the trailer.
fn gif(bytes: &[u8]) -> Option<()> {
    let table = |flags: u8| if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) };
    let mut rest = bytes.get(13 + table(*bytes.get(10)?)..)?;
    loop {
        match rest.first()? {
            0x3B => return Some(()),
            // An extension: its label, then blocks.
            0x21 => rest = blocks(rest.get(2..)?)?,
            // An image: its place, perhaps a table, the size of its codes, then blocks.
            0x2C => rest = blocks(rest.get(11 + table(*rest.get(9)?)..)?)?,
            // Some programs pad with zeros.
            0x00 => rest = rest.get(1..)?,
            _ => return None,
        }
    }
}

fn blocks(mut bytes: &[u8]) -> Option<&[u8]> {
    loop {
        let length = usize::from(*bytes.first()?);
        bytes = bytes.get(length + 1..)?;
        if length == 0 {
            return Some(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
        let length = u32::try_from(content.len()).expect("small").to_le_bytes();
        [kind.as_slice(), &length, content, &vec![0; content.len() % 2]].concat()
    }

    fn file(parts: &[Vec<u8>]) -> Vec<u8> {
        part(b"RIFF", &[b"WEBP".to_vec(), parts.concat()].concat())
    }

    fn extended(flags: u8, side: u8) -> Vec<u8> {
        part(b"VP8X", &[flags, 0, 0, 0, side - 1, 0, 0, side - 1, 0, 0])
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
            assert_eq!(check(Kind::WebP, &bytes).is_ok(), taken, "{name}");
        }
        let nested = (0..1_000).fold(lossy(4), |inner, _| frame(4, &[inner]));
        check(Kind::WebP, &file(&[extended(2, 10), nested])).expect("it is walked, and not gone into");
    }
}
