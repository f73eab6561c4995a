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
        Kind::WebP => webp(bytes),
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

/// Holds the length that it claims against the one that it has.
fn webp(bytes: &[u8]) -> Option<()> {
    let claimed = usize::try_from(u32::from_le_bytes(bytes.get(4..)?.first_chunk().copied()?)).ok()?;
    bytes.get(8..claimed.checked_add(8)?).map(drop)
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
