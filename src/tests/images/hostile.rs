//! What is not taken: each file, and the exact answer to it. Nothing of any of them is stored.

use super::form::{Form, uploads};
use super::picture::{encoded, jpeg, picture, png, small, with_segment};
use super::place::{Kind, hub, on_both_stores};
use crate::support::person::text;
use crate::support::{Hub, Person, in_time};

use image::{DynamicImage, ImageFormat};

on_both_stores!(
    every_hostile_file_is_answered_exactly_and_leaves_nothing,
    the_largest_picture_from_the_smallest_file_is_bounded,
    forms_that_are_none_are_refused,
);

const UNSUPPORTED: (u16, &str) = (415, "unsupported_media");
const INVALID: (u16, &str) = (422, "image_invalid");
const TOO_LARGE: (u16, &str) = (413, "image_too_large");

type Hostile = (&'static str, Vec<u8>, (u16, &'static str));

/// Files that are something else, whatever they are called.
fn other_kinds() -> Vec<Hostile> {
    let svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"/>";
    let padded = |start: &[u8]| [start, &[0; 600]].concat();
    let jpeg = small();
    let kinds: Vec<(&str, Vec<u8>)> = vec![
        ("a text", b"hello".to_vec()),
        ("one byte", vec![0xFF]),
        ("two bytes of a JPEG", vec![0xFF, 0xD8]),
        ("zeros", vec![0; 1_000_000]),
        ("html", b"<!DOCTYPE html><script>alert(1)</script>".to_vec()),
        ("svg", svg.as_bytes().to_vec()),
        ("svg behind a declaration", format!("<?xml version=\"1.0\"?>{svg}").into_bytes()),
        ("svg behind white space and a byte order mark", format!("\u{feff}\n {svg}").into_bytes()),
        ("php", b"<?php system($_GET['c']); ?>".to_vec()),
        ("a zip that is called a picture", padded(b"PK\x03\x04\x14\0\0\0\x08\0")),
        ("gzip", padded(b"\x1f\x8b\x08\0")),
        ("pdf", padded(b"%PDF-1.7\n")),
        ("a program for Windows", padded(b"MZ\x90\0")),
        ("a program for Linux", padded(b"\x7fELF\x02\x01\x01")),
        ("bmp", padded(b"BM\x36\0\0\0")),
        ("tiff", padded(b"II*\0\x08\0\0\0")),
        ("tiff, the other way round", padded(b"MM\0*\0\0\0\x08")),
        ("ico", padded(b"\0\0\x01\0\x01\0")),
        ("heic", padded(b"\0\0\0\x18ftypheic\0\0\0\0")),
        ("avif", padded(b"\0\0\0\x18ftypavif\0\0\0\0")),
        ("mp4", padded(b"\0\0\0\x18ftypisom\0\0\0\0")),
        ("jpeg xl", padded(b"\xff\x0a\xfa\x1f")),
        ("jpeg 2000", padded(b"\0\0\0\x0cjP  \r\n\x87\n")),
        ("a sound in RIFF", padded(b"RIFF\x24\x02\0\0WAVEfmt ")),
        ("a film in RIFF", padded(b"RIFF\x24\x02\0\0AVI LIST")),
        ("a JPEG without its first bytes", jpeg[2..].to_vec()),
        ("a JPEG behind a line feed", [b"\n", jpeg.as_slice()].concat()),
        ("a PNG that lost its line ends", padded(b"\x89PNG\n\x1a\n\0\0\0\rIHDR")),
        ("a GIF of a version that is none", padded(b"GIF90a\x01\0\x01\0")),
    ];
    kinds.into_iter().map(|(name, bytes)| (name, bytes, UNSUPPORTED)).collect()
}

fn jpegs() -> Vec<Hostile> {
    let whole = jpeg(&picture(160, 120).into(), None);
    let cut = |percent: usize| whole[..whole.len() * percent / 100].to_vec();
    let frame = find(&whole, &[0xFF, 0xC0]);
    let with_frame = |change: &dyn Fn(&mut [u8])| {
        let mut bytes = whole.clone();
        change(&mut bytes[frame..frame + 19]);
        bytes
    };
    let size = |width: u16, height: u16| {
        with_frame(&|frame| {
            frame[5..7].copy_from_slice(&height.to_be_bytes());
            frame[7..9].copy_from_slice(&width.to_be_bytes());
        })
    };
    let scan = find(&whole, &[0xFF, 0xDA]);
    let one_scan = [&whole[scan..scan + 14], &[0x11; 40]].concat();
    let many_scans = [&whole[..scan], &one_scan.repeat(2_000), &whole[scan..]].concat();
    let mut long_segment = whole.clone();
    long_segment[4..6].copy_from_slice(&[0xFF, 0xFF]);
    let html = b"\xff\xd8\xff\xe0<html><script>alert(1)</script></html>".to_vec();
    let mut too_large = whole.clone();
    too_large.resize(10_000_001, 0);
    vec![
        ("the first bytes of a JPEG", vec![0xFF, 0xD8, 0xFF], INVALID),
        ("a tenth of a JPEG", cut(10), INVALID),
        ("half a JPEG", cut(50), INVALID),
        ("nearly all of a JPEG", cut(99), INVALID),
        ("a JPEG of 0 × 0", size(0, 0), INVALID),
        ("a JPEG of 160 × 0", size(160, 0), INVALID),
        ("a JPEG that says 65,535 × 65,535", size(65_535, 65_535), TOO_LARGE),
        ("a JPEG that says 1 × 65,535", size(1, 65_535), TOO_LARGE),
        ("a JPEG that says 12,001 × 1", size(12_001, 1), TOO_LARGE),
        ("a JPEG that says 11,000 × 11,000", size(11_000, 11_000), TOO_LARGE),
        ("a lossless JPEG", with_frame(&|frame| frame[1] = 0xC3), INVALID),
        ("an arithmetic JPEG", with_frame(&|frame| frame[1] = 0xC9), INVALID),
        ("a JPEG of 12 bits", with_frame(&|frame| frame[4] = 12), INVALID),
        ("a JPEG of no components", with_frame(&|frame| frame[9] = 0), INVALID),
        ("a JPEG whose segment is longer than it", [&long_segment[..200], &whole[whole.len() - 2..]].concat(), INVALID),
        ("a JPEG without a frame", [&whole[..frame], &whole[frame + 19..]].concat(), INVALID),
        ("a JPEG without a scan", [&whole[..scan], &[0xFF, 0xD9]].concat(), INVALID),
        ("a JPEG of two thousand scans", many_scans, INVALID),
        ("html that begins like a JPEG", html, INVALID),
        ("a JPEG of 10,000,001 bytes", too_large, TOO_LARGE),
    ]
}

fn pngs() -> Vec<Hostile> {
    let whole = png(&picture(160, 120).into(), None);
    let cut = |percent: usize| whole[..whole.len() * percent / 100].to_vec();
    // Signature, then the length, name, content and sum of IHDR: the sum is made right again.
    let header = |change: &dyn Fn(&mut [u8])| {
        let mut bytes = whole.clone();
        change(&mut bytes[16..29]);
        let sum = crc(&bytes[12..29]);
        bytes[29..33].copy_from_slice(&sum.to_be_bytes());
        bytes
    };
    let size = |width: u32, height: u32| {
        header(&|header| {
            header[..4].copy_from_slice(&width.to_be_bytes());
            header[4..8].copy_from_slice(&height.to_be_bytes());
        })
    };
    let data = find(&whole, b"IDAT");
    let damaged = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 0xFF;
        bytes
    };
    let mut long = whole.clone();
    long[data - 4..data].copy_from_slice(&u32::MAX.to_be_bytes());
    vec![
        ("the first bytes of a PNG", whole[..8].to_vec(), INVALID),
        ("a tenth of a PNG", cut(10), INVALID),
        ("half a PNG", cut(50), INVALID),
        ("a PNG of 0 × 0", size(0, 0), INVALID),
        ("a PNG that says 1 × 100,000", size(1, 100_000), TOO_LARGE),
        ("a PNG that says 100,000 × 1", size(100_000, 1), TOO_LARGE),
        ("a PNG that says 50,000 × 50,000", size(50_000, 50_000), TOO_LARGE),
        ("a PNG that says 8,000 × 8,000", size(8_000, 8_000), TOO_LARGE),
        ("a PNG that says 2^31 - 1 each way", size(i32::MAX as u32, i32::MAX as u32), TOO_LARGE),
        ("a PNG that says more than it has", size(160, 12_000), INVALID),
        ("a PNG of a colour type that is none", header(&|header| header[9] = 5), INVALID),
        ("a PNG of 3 bits", header(&|header| header[8] = 3), INVALID),
        ("a PNG of another compression", header(&|header| header[10] = 1), INVALID),
        ("a PNG with a wrong sum", damaged(30), INVALID),
        ("a PNG with damaged pixels", damaged(data + 40), INVALID),
        ("a PNG whose chunk is longer than it", long, INVALID),
        ("a PNG without pixels", [&whole[..33], &whole[whole.len() - 12..]].concat(), INVALID),
    ]
}

fn gifs_and_webps() -> Vec<Hostile> {
    let rgb: DynamicImage = picture(64, 48).into();
    let (gif, webp) = (encoded(&rgb, ImageFormat::Gif), encoded(&rgb, ImageFormat::WebP));
    let gif_of = |width: u16, height: u16| {
        let mut bytes = gif.clone();
        bytes[6..8].copy_from_slice(&width.to_le_bytes());
        bytes[8..10].copy_from_slice(&height.to_le_bytes());
        bytes
    };
    // A canvas of 16,384 × 16,384 around a small picture; and a picture that says 16,383 × 16,383 itself.
    let canvas = b"VP8X\x0a\0\0\0\0\0\0\0\xff\x3f\0\xff\x3f\0";
    let length = u32::try_from(webp.len() - 8 + canvas.len()).expect("small").to_le_bytes();
    let extended = [b"RIFF", &length[..], b"WEBP", canvas, &webp[12..]].concat();
    let huge = [b"RIFF\x1e\0\0\0WEBPVP8L\x12\0\0\0\x2f\xfe\xbf\xff\x0f".as_slice(), &[0; 13]].concat();
    let mut garbage = webp.clone();
    garbage[20..60].fill(0xA5);
    vec![
        ("the first bytes of a GIF", gif[..6].to_vec(), INVALID),
        ("half a GIF", gif[..gif.len() / 2].to_vec(), INVALID),
        ("a GIF without a picture", [&gif[..13], b";"].concat(), INVALID),
        ("a GIF of 0 × 0", gif_of(0, 0), INVALID),
        ("a GIF that says 65,535 × 65,535", gif_of(65_535, 65_535), TOO_LARGE),
        ("a GIF that says 12,001 × 1", gif_of(12_001, 1), TOO_LARGE),
        ("a script that begins like a GIF", b"GIF89a/*\x01\0=1;alert(1);//*/".to_vec(), INVALID),
        ("the first bytes of a WebP", webp[..12].to_vec(), INVALID),
        ("half a WebP", webp[..webp.len() / 2].to_vec(), INVALID),
        ("a WebP of garbage", garbage, INVALID),
        ("a WebP on a canvas of 16,384 × 16,384", extended, TOO_LARGE),
        ("a WebP that says 16,383 × 16,383", huge, TOO_LARGE),
    ]
}

fn find(bytes: &[u8], what: &[u8]) -> usize {
    bytes.windows(what.len()).position(|window| window == what).expect("it is there")
}

/// The sum of a PNG's chunk (ISO 3309).
pub(super) fn crc(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ if crc & 1 == 1 { 0xEDB8_8320 } else { 0 })
    };
    !bytes.iter().fold(u32::MAX, step)
}

async fn every_hostile_file_is_answered_exactly_and_leaves_nothing(kind: Kind) {
    let (mut hub, place) = hub(kind, &[("CHAT_UPLOAD_RATE", "off")]).await;
    let alice = hub.person(42);
    let table: Vec<Hostile> = [other_kinds(), jpegs(), pngs(), gifs_and_webps()].concat();
    assert!(table.len() >= 40, "only {} files", table.len());
    let mut wrong = Vec::new();
    for (name, bytes, (status, code)) in &table {
        let form = Form::default().file_named("cat.jpg", "image/jpeg", bytes);
        let answer = in_time(name, form.upload_by(&alice)).await;
        if (answer.status, answer.code()) != (*status, Some(code)) {
            wrong.push(format!("{name}: {} {:?}, not {status} {code}", answer.status, answer.code()));
        } else {
            // It says what is wrong, and nothing of how it was found out.
            let message = text(&answer.body["error"], "message");
            assert!(message.starts_with("image 1: ") && message.len() < 120, "{name}: {message}");
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert_eq!(place.keys().await.len(), 0, "something was stored");
    // The node is none the worse.
    uploads(&alice, &[&small()]).await;
    assert!(peak(&mut hub) < 400 << 20, "{} MiB were needed", peak(&mut hub) >> 20);
}

/// The largest pictures that are taken, from files that are as small as can be.
async fn the_largest_picture_from_the_smallest_file_is_bounded(kind: Kind) {
    // A quarter of the usual: builds without optimisation take their time over pixels.
    let (mut hub, _) = hub(kind, &[("CHAT_MAX_IMAGE_PIXELS", "10000000")]).await;
    let alice = hub.person(42);
    let flat = |width, height| DynamicImage::from(image::GrayImage::from_pixel(width, height, image::Luma([7])));
    let bombs = [png(&flat(3_150, 3_150), None), png(&flat(12_000, 830), None)];
    for bomb in &bombs {
        assert!(bomb.len() < 150_000, "{} bytes", bomb.len());
    }
    let uploading = bombs.iter().map(|bomb| Form::default().file(bomb).upload_by(&alice));
    for answer in tokio::time::timeout(std::time::Duration::from_secs(60), futures_util::future::join_all(uploading))
        .await
        .expect("in a minute")
    {
        answer.is(201);
    }
    assert!(peak(&mut hub) < 200 << 20, "{} MiB were needed", peak(&mut hub) >> 20);
}

/// Returns the most memory that a hub has needed, in bytes.
pub(super) fn peak(hub: &mut Hub) -> u64 {
    let pid = hub.server().pid();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
}

async fn forms_that_are_none_are_refused(kind: Kind) {
    let (hub, place) = hub(kind, &[]).await;
    let alice = hub.person(42);
    let post = async |kind: &str, body: Vec<u8>| post(&alice, kind, body).await;
    let multipart = "multipart/form-data; boundary=b";
    let part = |head: &str, body: &[u8]| [format!("--b\r\n{head}\r\n\r\n").as_bytes(), body, b"\r\n--b--\r\n"].concat();
    let named = "Content-Disposition: form-data; name=\"images[]\"; filename=\"x.jpg\"";
    for (name, kind, body, status, code) in [
        ("JSON", "application/json", b"{}".to_vec(), 415, "unsupported_media"),
        ("a bare picture", "image/jpeg", small(), 415, "unsupported_media"),
        ("no boundary", "multipart/form-data", part(named, &small()), 400, "bad_request"),
        ("another boundary", "multipart/form-data; boundary=other", part(named, &small()), 400, "bad_request"),
        ("nothing", multipart, Vec::new(), 400, "bad_request"),
        ("an end alone", multipart, b"--b--\r\n".to_vec(), 400, "bad_request"),
        ("no end", multipart, part(named, &small())[..200].to_vec(), 400, "bad_request"),
        ("a part without a name", multipart, part("Content-Type: image/jpeg", &small()), 400, "bad_request"),
        ("an empty file", multipart, part(named, b""), 400, "bad_request"),
        (
            "a file in another field",
            multipart,
            part(&named.replace("images[]", "avatar"), &small()),
            400,
            "bad_request",
        ),
        (
            "a header without an end",
            multipart,
            [b"--b\r\nX: ".as_slice(), &vec![b'x'; 3_000_000]].concat(),
            400,
            "bad_request",
        ),
        ("no boundary in sight", multipart, vec![b'x'; 3_000_000], 400, "bad_request"),
    ] {
        let answer = in_time(name, post(kind, body)).await;
        assert_eq!((answer.status, answer.code()), (status, Some(code)), "{name}: {}", answer.text);
    }
    assert_eq!(place.keys().await.len(), 0);
    // What is a file's name to us: nothing.
    for file_name in ["../../../etc/passwd", "C:\\\\x.jpg", "\u{202e}gpj.exe", "", "a\0b", &"x".repeat(3_000)] {
        let answer = Form::default().file_named(file_name, "image/jpeg", &small()).upload_by(&alice).await;
        assert!(answer.status == 201 || answer.status == 400, "{file_name:?}: {}", answer.text);
    }
    let comment = with_segment(&small(), 0xFE, &[b'x'; 60_000]);
    uploads(&alice, &[&comment]).await;
}

async fn post(who: &Person, kind: &str, body: Vec<u8>) -> crate::support::Answer {
    let request = who.ask(reqwest::Method::POST, "/chat/upload").header("content-type", kind);
    crate::support::person::answer(request.body(body)).await
}
