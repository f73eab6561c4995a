//! PNG: IHDR, PLTE, tRNS and IDAT, up to IEND. Of an animated one that is the default image.

use std::io::Read;

use flate2::Crc;
use flate2::read::ZlibDecoder;

use super::kept::{Kept, PROFILE, cut};
use crate::images::pipeline::error::Error;
use crate::images::pipeline::sniff::Kind;

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// A chunk, or the part of it that is there.
struct Chunk<'a> {
    kind: &'a [u8],
    content: &'a [u8],
    /// The whole chunk: length, kind, content and checksum; `None` if it is cut.
    whole: Option<&'a [u8]>,
    after: &'a [u8],
}

pub(super) fn strip(bytes: &[u8]) -> Result<Kept, Error> {
    let mut rest = bytes.get(SIGNATURE.len()..).unwrap_or_default();
    let header = chunk(rest).filter(|chunk| chunk.kind == b"IHDR").ok_or_else(cut)?;
    let mut kept = Kept::new(Kind::Png, size(header.content).ok_or_else(cut)?, bytes_per_pixel(header.content));
    kept.file.extend_from_slice(SIGNATURE);
    let mut has_profile = false;
    while let Some(chunk) = chunk(rest) {
        rest = chunk.after;
        match chunk.kind {
            b"IEND" => break,
            b"eXIf" => kept.read_exif(chunk.content),
            // A PNG has at most one (PNG, 5.6). Decompressing each of a thousand would cost as much as so many files.
            b"iCCP" if !has_profile => (has_profile, kept.profile) = (true, profile(chunk.content)),
            // An ancillary chunk has a lower-case first letter (PNG, 5.4) and is left out, except for transparency.
            b"tRNS" => kept.file.extend_from_slice(chunk.whole.unwrap_or_default()),
            [b'a'..=b'z', ..] => {}
            b"IDAT" if chunk.whole.is_none() => write(&mut kept.file, b"IDAT", chunk.content),
            _ => kept.file.extend_from_slice(chunk.whole.unwrap_or_default()),
        }
    }
    write(&mut kept.file, b"IEND", &[]);
    Ok(kept)
}

fn chunk(bytes: &[u8]) -> Option<Chunk<'_>> {
    // Lengths have 31 bits (PNG, 5.3).
    let length = usize::try_from(i32::from_be_bytes(bytes.first_chunk().copied()?)).ok()?;
    let kind = bytes.get(4..8)?;
    let content = bytes.get(8..)?;
    let content = content.get(..length).unwrap_or(content);
    let whole = length.checked_add(12).and_then(|length| bytes.get(..length));
    Some(Chunk { kind, content, whole, after: whole.and_then(|whole| bytes.get(whole.len()..)).unwrap_or_default() })
}

fn write(file: &mut Vec<u8>, kind: &[u8; 4], content: &[u8]) {
    let mut sum = Crc::new();
    sum.update(kind);
    sum.update(content);
    let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
    file.extend_from_slice(&length.to_be_bytes());
    file.extend_from_slice(kind);
    file.extend_from_slice(content);
    file.extend_from_slice(&sum.sum().to_be_bytes());
}

fn size(header: &[u8]) -> Option<(u32, u32)> {
    let length = |from: usize| Some(u32::from_be_bytes(header.get(from..)?.first_chunk().copied()?));
    Some((length(0)?, length(4)?))
}

/// Up to four channels of eight bits; those of sixteen bits are converted into a second buffer.
fn bytes_per_pixel(header: &[u8]) -> u64 {
    if header.get(8) == Some(&16) { 12 } else { 4 }
}

/// Decompresses a profile: its name, a zero, the compression method (0 alone is known), and the compressed profile.
fn profile(content: &[u8]) -> Option<Vec<u8>> {
    let name = content.iter().position(|byte| *byte == 0)?;
    let packed = content.get(name + 1..)?.strip_prefix(&[0])?;
    let mut profile = Vec::new();
    ZlibDecoder::new(packed).take(PROFILE as u64 + 1).read_to_end(&mut profile).ok()?;
    (profile.len() <= PROFILE).then_some(profile)
}
