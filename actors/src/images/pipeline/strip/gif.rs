//! GIF: the logical screen, its colour table, and the first image with its graphic control extension (which has the
//! transparency).

use super::kept::{Kept, cut};
use crate::images::pipeline::error::Error;
use crate::images::pipeline::sniff::Kind;

/// The extension introducer, the label of a graphic control extension, the image separator, and the trailer.
const EXTENSION: u8 = 0x21;
const CONTROL: u8 = 0xF9;
const IMAGE: u8 = 0x2C;
const END: u8 = 0x3B;

/// The bytes of an image descriptor: the separator, position and size, and flags.
const HEAD: usize = 10;

pub(super) fn strip(bytes: &[u8]) -> Result<Kept, Error> {
    let flags = *bytes.get(10).ok_or_else(cut)?;
    let (screen, mut rest) = bytes.split_at_checked(13 + table(flags)).ok_or_else(cut)?;
    let mut control: &[u8] = &[];
    loop {
        match *rest {
            [IMAGE, ..] => break,
            [EXTENSION, label, ref blocks @ ..] => {
                let length = 2 + length(blocks).ok_or_else(cut)?;
                if label == CONTROL {
                    control = &rest[..length];
                }
                rest = &rest[length..];
            }
            // Some programs pad with zeros.
            [0, ref after @ ..] => rest = after,
            _ => return Err(Error::broken("it has no image")),
        }
    }
    let head = rest.get(..HEAD).ok_or_else(cut)?;
    let data = HEAD + table(head[9]) + 1;
    let blocks = rest.get(data..).ok_or_else(cut)?;
    let (canvas, frame) = (size(&screen[6..]), size(&head[5..]));
    // The image is decoded beside the screen that it is then drawn on.
    let mut kept = Kept::new(Kind::Gif, canvas, 8);
    kept.decoded = frame;
    kept.file = [screen, control, &rest[..data]].concat();
    match length(blocks) {
        Some(length) => kept.file.extend_from_slice(&blocks[..length]),
        None => whole_blocks(&mut kept.file, blocks),
    }
    kept.file.push(END);
    Ok(kept)
}

fn table(flags: u8) -> usize {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) }
}

fn size(bytes: &[u8]) -> (u32, u32) {
    let length =
        |at: usize| bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |two| u16::from_le_bytes(*two).into());
    (length(0), length(2))
}

/// Returns the length of data sub-blocks with the terminator that ends them; `None` if there is no terminator.
fn length(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let length = usize::from(*bytes.get(at)?);
        at += length + 1;
        if length == 0 {
            return Some(at);
        }
    }
}

/// Adds a terminator to sub-blocks that are cut, behind what is there of them: perhaps only the end was missing.
fn whole_blocks(file: &mut Vec<u8>, mut blocks: &[u8]) {
    while let Some((length, after)) = blocks.split_first() {
        let there = usize::from(*length).min(after.len());
        if there > 0 {
            file.push(u8::try_from(there).unwrap_or(u8::MAX));
            file.extend_from_slice(&after[..there]);
        }
        blocks = &after[there..];
    }
    file.push(0);
}
