//! What one person can do to everybody with files and forms: little.

use std::io::Write;

use flate2::write::ZlibEncoder;
use image::DynamicImage;

use super::form::{Form, uploads};
use super::hostile::{crc, peak};
use super::picture::{jpeg, picture, png, small};
use super::place::{Kind, hub};
use crate::support::in_time;

fn packed(bytes: usize) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    (0..bytes >> 16).for_each(|_| encoder.write_all(&[0; 1 << 16]).expect("packed"));
    encoder.finish().expect("packed")
}

/// Puts a chunk behind the header of a PNG.
fn with_chunk(png: &[u8], kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).expect("it fits").to_be_bytes();
    let named = [&kind[..], content].concat();
    [&png[..33], &length, &named, &crc(&named).to_be_bytes(), &png[33..]].concat()
}

/// A picture of 8 × 8 pixels whose profile unpacks to 300 megabytes took 1.2 gigabytes.
#[tokio::test]
async fn what_is_packed_into_a_picture_stays_packed() {
    let (mut hub, _) = hub(Kind::Folder, &[("CHAT_IMAGE_WORKERS", "4"), ("CHAT_UPLOAD_RATE", "off")]).await;
    let alice = hub.person(42);
    let plain = png(&picture(8, 8).into(), None);
    uploads(&alice, &[&plain]).await;
    let before = peak(&mut hub);
    let bomb = packed(300 << 20);
    assert!(bomb.len() < 2_000_000, "{} bytes", bomb.len());
    let files: Vec<Vec<u8>> = [
        (b"iCCP", &b"profile\0\0"[..]),
        (b"zTXt", b"Raw profile type exif\0\0"),
        (b"iTXt", b"XML:com.adobe.xmp\0\x01\0\0\0"),
        (b"iCCP", b"another\0\0"),
    ]
    .map(|(kind, start)| with_chunk(&plain, kind, &[start, &bomb].concat()))
    .into();
    let all = files.iter().map(|file| Form::default().file(file).upload_by(&alice));
    for answer in in_time("all of them", futures_util::future::join_all(all)).await {
        answer.is(201);
    }
    let grown = peak(&mut hub).saturating_sub(before);
    assert!(grown < 60 << 20, "{} MiB were needed", grown >> 20);
}

/// As many pictures at a time as there are threads, and each as large as may be: memory is what they share.
#[tokio::test]
async fn pictures_that_are_worked_on_at_a_time_share_one_budget() {
    let settings = [("CHAT_IMAGE_WORKERS", "4"), ("CHAT_IMAGE_MEMORY", "200MB"), ("CHAT_UPLOAD_RATE", "off")];
    let (mut hub, _) = hub(Kind::Folder, &settings).await;
    let people = [42, 43, 44, 45].map(|id| hub.person(id));
    uploads(&people[0], &[&small()]).await;
    let before = peak(&mut hub);
    // 46 megabytes of pixels, half as much again while they have eight bits, and the renditions: 154 are counted for one.
    let wide = |side| DynamicImage::from(image::ImageBuffer::<image::Rgba<u16>, _>::new(side, side));
    let large = png(&wide(2_400), None);
    let all = people.iter().map(|who| Form::default().file(&large).upload_by(who));
    for answer in in_time("all of them", futures_util::future::join_all(all)).await {
        answer.is(201);
    }
    let grown = peak(&mut hub).saturating_sub(before);
    assert!((60 << 20..220 << 20).contains(&grown), "{} MiB were needed", grown >> 20);
    // One that would wait for ever is refused for what it is.
    let answer = Form::default().file(&png(&wide(3_400), None)).upload_by(&people[0]).await;
    answer.refused(413, "image_too_large");
    assert!(answer.text.contains("memory"), "{}", answer.text);
    uploads(&people[0], &[&jpeg(&picture(3_400, 3_400).into(), None)]).await;
}

/// Bits in the order of WebP: the lowest first.
#[derive(Default)]
struct Bits(Vec<u8>, usize);

impl Bits {
    fn add(&mut self, value: u32, count: usize) {
        for bit in 0..count {
            if self.1 % 8 == 0 {
                self.0.push(0);
            }
            *self.0.last_mut().expect("a byte") |= u8::from(value >> bit & 1 == 1) << (self.1 % 8);
            self.1 += 1;
        }
    }
}

/// A lossless WebP of 8 × 8 pixels with 65,536 sets of five codes (RFC 9649, 3.7), each of which a decoder makes a table of a
/// thousand entries for: 4 megabytes become 1.3 gigabytes.
fn all_codes() -> Vec<u8> {
    let mut bits = Bits::default();
    bits.add(0x2F, 8);
    bits.add(7, 14);
    bits.add(7, 14);
    bits.add(0, 4);
    // No transform, no cache of colours; several sets, by blocks of four pixels, all of which name the last set.
    bits.add(0b100, 3);
    bits.add(0, 3);
    bits.add(0, 1);
    for symbol in [255, 255, 0, 0, 0] {
        bits.add(0b101, 3);
        bits.add(symbol, 8);
    }
    // Lengths from 1 to 10, written in a code of three and four bits.
    let mut code = Bits::default();
    code.add(0, 1);
    code.add(10, 4);
    for length in [0, 0, 0, 3, 3, 3, 3, 3, 0, 3, 4, 4, 4, 4] {
        code.add(length, 3);
    }
    code.add(1, 1);
    code.add(1, 3);
    code.add(9, 4);
    for length in (1..=10).chain([10]) {
        let (value, count) = if length <= 6 { (length - 1, 3) } else { (length + 5, 4) };
        (0..count).rev().for_each(|bit| code.add(value >> bit & 1, 1));
    }
    for _ in 0..65_536 * 5 {
        (0..code.1).for_each(|bit| bits.add(u32::from(code.0[bit / 8] >> (bit % 8) & 1), 1));
    }
    bits.0.resize(bits.0.len() + bits.0.len() % 2 + 64, 0);
    let length = |bytes: usize| u32::try_from(bytes).expect("it fits").to_le_bytes();
    [&b"RIFF"[..], &length(bits.0.len() + 12), b"WEBPVP8L", &length(bits.0.len()), &bits.0].concat()
}

#[tokio::test]
async fn a_picture_whose_codes_take_a_gigabyte_is_refused() {
    let (mut hub, place) = hub(Kind::Folder, &[]).await;
    let alice = hub.person(42);
    uploads(&alice, &[&super::picture::encoded(&picture(64, 48).into(), image::ImageFormat::WebP)]).await;
    let (before, stored) = (peak(&mut hub), place.keys().await.len());
    let file = all_codes();
    assert!(file.len() < 4_000_000, "{} bytes", file.len());
    Form::default().file(&file).upload_by(&alice).await.refused(422, "image_invalid");
    let grown = peak(&mut hub).saturating_sub(before);
    assert!((20 << 20..120 << 20).contains(&grown), "{} MiB were needed", grown >> 20);
    assert_eq!(place.keys().await.len(), stored);
}
