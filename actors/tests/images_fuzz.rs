//! The path from a stranger's bytes to pixels, with files that no camera would write: seeds from `corpus/`, damaged at random.
//!
//! Whatever comes in, it neither panics nor hangs, and what it takes has become two renditions within bounds. Runs for ten
//! seconds, or for ten minutes with `CHAT_TEST_LONG=1`; `CHAT_FUZZ_SEED` begins elsewhere. A file that did harm goes into
//! `corpus/`, where every run begins.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may stop, and says what it did")]

use std::path::Path;
use std::time::{Duration, Instant};

use chat_actors::images::pipeline::{Bounds, Error, MIME, render};
use chat_database::media::Rendition;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};

/// Small, so that many fit into the time.
const BOUNDS: Bounds = Bounds { bytes: 1 << 20, pixels: 1 << 20, side: 4_096 };

/// Values at which programs stumble.
const CORNERS: [u32; 10] = [0, 1, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0xFFFF, 0x7FFF_FFFF, u32::MAX];

struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.roll() % end.max(1) as u64).unwrap()
    }
}

/// The committed files, and one of each kind that encoders write.
fn seeds() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut paths: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut seeds: Vec<Vec<u8>> = paths.into_iter().map(|path| std::fs::read(path).unwrap()).collect();
    let rgb: DynamicImage = RgbImage::from_fn(48, 32, |x, y| Rgb([x as u8 * 5, y as u8 * 7, (x * y) as u8])).into();
    for image in [rgb.clone(), rgb.to_rgba8().into(), rgb.to_luma8().into(), rgb.to_rgb16().into()] {
        for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::Gif, ImageFormat::WebP] {
            let mut bytes = std::io::Cursor::new(Vec::new());
            // Not every kind has every colour.
            if image.write_to(&mut bytes, format).is_ok() {
                seeds.push(bytes.into_inner());
            }
        }
    }
    seeds
}

/// Damages a file, mostly a little.
fn damaged(seed: &[u8], other: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=dice.below(4) {
        let at = dice.below(bytes.len());
        let length = dice.below(24).min(bytes.len() - at);
        let corner = CORNERS[dice.below(CORNERS.len())];
        match dice.below(9) {
            0 if !bytes.is_empty() => bytes[at] ^= 1 << dice.below(8),
            1 if !bytes.is_empty() => bytes[at] = dice.roll() as u8,
            2 => drop(bytes.drain(at..at + length)),
            3 => bytes.truncate(at),
            4 => {
                let copy = bytes[at..at + length].to_vec();
                bytes.splice(at..at, copy);
            }
            5 if bytes.len() >= at + 4 => bytes[at..at + 4].copy_from_slice(&corner.to_be_bytes()),
            6 if bytes.len() >= at + 4 => bytes[at..at + 4].copy_from_slice(&corner.to_le_bytes()),
            7 if bytes.len() >= at + 2 => bytes[at..at + 2].copy_from_slice(&(corner as u16).to_be_bytes()),
            8 => {
                let from = dice.below(other.len());
                let part = &other[from..(from + 64).min(other.len())];
                bytes.splice(at..at, part.iter().copied());
            }
            _ => bytes.push(dice.roll() as u8),
        }
    }
    repaired(bytes, dice)
}

/// Makes the sums of a PNG right again, half of the time: otherwise nothing comes further than them.
fn repaired(mut bytes: Vec<u8>, dice: &mut Dice) -> Vec<u8> {
    if !bytes.starts_with(b"\x89PNG") || dice.below(2) == 0 {
        return bytes;
    }
    let mut at = 8;
    while let Some(head) = bytes.get(at..at + 8) {
        let length = u32::from_be_bytes(head[..4].try_into().unwrap()) as usize;
        let Some(end) = at.checked_add(length + 12).filter(|end| *end <= bytes.len()) else { break };
        let step = |crc: u32, byte: &u8| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ if crc & 1 == 1 { 0xEDB8_8320 } else { 0 })
        };
        let sum = !bytes[at + 4..end - 4].iter().fold(u32::MAX, step);
        bytes[end - 4..end].copy_from_slice(&sum.to_be_bytes());
        at = end;
    }
    bytes
}

/// Holds what must hold for every file; tells whether it was taken.
fn holds(bytes: &[u8]) -> bool {
    match render(bytes, &BOUNDS) {
        Ok(rendered) => {
            for (rendition, bytes) in [(Rendition::Full, &rendered.full), (Rendition::Thumb, &rendered.thumb)] {
                let shown = image::load_from_memory_with_format(bytes, ImageFormat::WebP).unwrap();
                let longest = chat_actors::images::pipeline::longest(rendition);
                assert!(shown.width().max(shown.height()) <= longest && shown.width().min(shown.height()) >= 1);
                if rendition == Rendition::Full {
                    assert_eq!((shown.width(), shown.height()), (rendered.width, rendered.height));
                }
            }
            assert!(rendered.blurhash.len() >= 6);
            true
        }
        Err(Error::Unsupported | Error::TooManyBytes(_) | Error::TooManyPixels(_) | Error::Broken(_)) => false,
    }
}

#[test]
fn no_file_does_harm() {
    let long = std::env::var("CHAT_TEST_LONG").is_ok_and(|value| !matches!(value.as_str(), "" | "0"));
    let time = Duration::from_secs(if long { 600 } else { 10 });
    let seed: u64 = std::env::var("CHAT_FUZZ_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let seeds = seeds();
    let whole = seeds.iter().filter(|seed| holds(seed)).count();
    assert!(whole >= 10, "only {whole} of {} seeds are taken", seeds.len());

    // What a file was that does harm must be known afterwards.
    let last = std::env::temp_dir().join(format!("chat-fuzz-{}.bin", std::process::id()));
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let (mut tried, mut taken) = (0_u64, 0_u64);
    let begun = Instant::now();
    while begun.elapsed() < time {
        let (one, other) = (dice.below(seeds.len()), dice.below(seeds.len()));
        let bytes = damaged(&seeds[one], &seeds[other], &mut dice);
        let harm = std::panic::catch_unwind(|| holds(&bytes));
        tried += 1;
        match harm {
            Ok(was_taken) => taken += u64::from(was_taken),
            Err(_) => {
                std::fs::write(&last, &bytes).unwrap();
                panic!("file {tried} of seed {seed} does harm: it is in {}; put it into the corpus", last.display());
            }
        }
    }
    eprintln!("{tried} files, {taken} taken; {MIME}");
    assert!(tried > 100 && taken > 0, "{tried} files, {taken} taken: that was no fuzzing");
}
