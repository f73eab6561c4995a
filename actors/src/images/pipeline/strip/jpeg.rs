//! JPEG: tables, frame and scans, up to EOI. Stray bytes before a marker are left out, as every decoder does.

use std::collections::BTreeMap;

use super::kept::{EXIF, Kept, PROFILE, cut};
use crate::images::pipeline::error::Error;
use crate::images::pipeline::sniff::Kind;

/// The most scans. Cameras write up to a dozen; each one may cost a walk over all pixels.
const SCANS: usize = 64;

/// The prefix of a part of a colour profile, which may need several segments.
const ICC: &[u8] = b"ICC_PROFILE\0";

const SOI: u8 = 0xD8;
const EOI: u8 = 0xD9;
const SOS: u8 = 0xDA;

/// For each of a component's 64 coefficients, how many of its low bits have not come yet; at first, all.
type Missing = [u8; 64];

/// A frame header: whether the frame is progressive, and its components.
struct Frame {
    progressive: bool,
    /// By their ids; the decoder refuses an id that occurs twice.
    components: BTreeMap<u8, Missing>,
}

pub(super) fn strip(bytes: &[u8]) -> Result<Kept, Error> {
    let mut kept = Kept::new(Kind::Jpeg, (0, 0), 0);
    let (mut frame, mut scans, mut profile) = (None, Vec::new(), Profile::default());
    let mut rest = bytes.get(2..).unwrap_or_default();
    kept.file.extend_from_slice(&[0xFF, SOI]);
    let ended = loop {
        let Some((marker, after)) = marker(rest) else { break false };
        rest = after;
        match marker {
            EOI => break true,
            // These markers have no segment: here they are stray.
            0x01 | 0xD0..=SOI => continue,
            _ => {}
        }
        let Some((content, after)) = segment(rest)? else { break false };
        rest = after;
        match marker {
            // Frame headers: all of these markers but the tables among them.
            0xC0..=0xCF if !matches!(marker, 0xC4 | 0xC8 | 0xCC) => {
                if frame.is_some() {
                    return Err(Error::broken("it has two frames"));
                }
                let read = Frame::read(marker, content).ok_or_else(cut)?;
                (kept.size, kept.decoded, frame) = (read.0, read.0, Some(read.1));
            }
            SOS => scans.push(content),
            0xC4 | 0xCC | 0xDB | 0xDD => {}
            // APP14 of Adobe says how colours are stored; `AVI1` marks a frame of Motion JPEG, which leaves its tables out.
            0xEE => {}
            0xE0 if content.starts_with(b"AVI1\0") => {}
            0xE1 => {
                content.strip_prefix(EXIF).into_iter().for_each(|exif| kept.read_exif(exif));
                continue;
            }
            0xE2 => {
                profile.add(content);
                continue;
            }
            _ => continue,
        }
        let length = u16::try_from(content.len() + 2).unwrap_or(u16::MAX).to_be_bytes();
        kept.file.extend_from_slice(&[0xFF, marker]);
        kept.file.extend_from_slice(&length);
        kept.file.extend_from_slice(content);
        if marker == SOS {
            if scans.len() > SCANS {
                return Err(Error::broken(format!("it has more than {SCANS} scans")));
            }
            let (data, after) = scan(rest);
            rest = after;
            kept.file.extend_from_slice(data);
            kept.open = (!after.starts_with(&[0xFF, EOI])).then_some(kept.file.len());
        }
    };
    let frame = frame.filter(|_| !scans.is_empty()).ok_or_else(cut)?;
    kept.bytes_per_pixel = frame.bytes_per_pixel(&scans);
    if !ended && !frame.covered_by(&scans) {
        return Err(cut());
    }
    // No decoder reads what stands behind the last scan.
    kept.file.truncate(kept.open.unwrap_or(kept.file.len()));
    kept.file.extend_from_slice(&[0xFF, EOI]);
    if let Some(profile) = profile.whole() {
        kept.read_profile(&profile);
    }
    Ok(kept)
}

/// Finds the next marker, and what follows it. Any number of fill bytes (`FF`) may stand before it; `FF 00` is none.
fn marker(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let mut from = 0;
    loop {
        let at = from + bytes.get(from..)?.iter().position(|byte| *byte == 0xFF)?;
        let next = at + bytes[at..].iter().position(|byte| *byte != 0xFF)?;
        match bytes[next] {
            0x00 => from = next + 1,
            marker => return Some((marker, &bytes[next + 1..])),
        }
    }
}

/// A part of a file, and what follows it.
type Split<'a> = (&'a [u8], &'a [u8]);

/// Splits off a segment's content; `None` if it is cut.
fn segment(bytes: &[u8]) -> Result<Option<Split<'_>>, Error> {
    let Some((length, rest)) = bytes.split_first_chunk() else { return Ok(None) };
    let length = usize::from(u16::from_be_bytes(*length));
    let length = length.checked_sub(2).ok_or_else(|| Error::broken("a segment is shorter than its length"))?;
    Ok(rest.split_at_checked(length))
}

/// Splits off a scan's data, up to the next marker. `FF 00` and restart markers are part of the data.
fn scan(bytes: &[u8]) -> Split<'_> {
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|byte| *byte == 0xFF).map(|at| from + at) {
        match bytes.get(at + 1) {
            Some(0x00 | 0xD0..=0xD7) => from = at + 2,
            Some(0xFF) => from = at + 1,
            // The marker is cut.
            None => return (&bytes[..at], &[]),
            Some(_) => return bytes.split_at(at),
        }
    }
    (bytes, &[])
}

impl Frame {
    fn read(marker: u8, content: &[u8]) -> Option<((u32, u32), Self)> {
        let [_, h0, h1, w0, w1, _] = *content.first_chunk::<6>()?;
        let names = content[6..].chunks_exact(3).map(|component| component[0]);
        let components = names.map(|name| (name, [u8::MAX; 64])).collect();
        let size = (u16::from_be_bytes([w0, w1]).into(), u16::from_be_bytes([h0, h1]).into());
        Some((size, Self { progressive: marker == 0xC2, components }))
    }

    /// Returns how many bytes decoding takes for each pixel: four, and two for each component if the coefficients come in
    /// several scans.
    fn bytes_per_pixel(&self, scans: &[&[u8]]) -> u64 {
        let at_once = scans.first().and_then(|scan| scan.first()).map_or(0, |count| usize::from(*count));
        if !self.progressive && at_once >= self.components.len() { 4 } else { 4 + 2 * self.components.len() as u64 }
    }

    /// Tells whether the scans hold all bits of all coefficients (T.81, B.2.3). Those of a file that was cut between two
    /// scans may not.
    fn covered_by(mut self, scans: &[&[u8]]) -> bool {
        for scan in scans {
            let Some((count, rest)) = scan.split_first() else { return false };
            let Some((named, [from, to, bits, ..])) = rest.split_at_checked(2 * usize::from(*count)) else {
                return false;
            };
            let (from, to, bits) =
                if self.progressive { (usize::from(*from), usize::from(*to), bits & 0x0F) } else { (0, 63, 0) };
            for component in named.chunks_exact(2) {
                let Some(missing) = self.components.get_mut(&component[0]) else { return false };
                let Some(missing) = missing.get_mut(from..=to) else { return false };
                missing.iter_mut().for_each(|missing| *missing = bits.min(*missing));
            }
        }
        self.components.values().flatten().all(|missing| *missing == 0)
    }
}

/// The parts of a colour profile: each has its number, and how many there are.
#[derive(Default)]
struct Profile<'a> {
    parts: BTreeMap<u8, &'a [u8]>,
    of: Option<u8>,
    broken: bool,
}

impl<'a> Profile<'a> {
    fn add(&mut self, content: &'a [u8]) {
        let Some([number, of, part @ ..]) = content.strip_prefix(ICC) else { return };
        self.broken |= *number == 0 || number > of || self.of.is_some_and(|before| before != *of);
        self.broken |= self.parts.insert(*number, part).is_some();
        self.of = Some(*of);
    }

    fn whole(&self) -> Option<Vec<u8>> {
        let length: usize = self.parts.values().map(|part| part.len()).sum();
        let whole = !self.broken && self.of.is_some_and(|of| usize::from(of) == self.parts.len()) && length <= PROFILE;
        whole.then(|| self.parts.values().copied().collect::<Vec<_>>().concat())
    }
}
