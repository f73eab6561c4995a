//! What is taken, and what becomes of it.

use image::{DynamicImage, ImageDecoder, ImageFormat, Rgba, RgbaImage};

use super::form::{Form, uploads};
use super::picture::{SECRETS, as_seen, assert_upright, encoded, exif, jpeg, picture, png, with_segment};
use super::place::{Kind, hub, on_both_stores};
use crate::support::person::{number, text};

on_both_stores!(
    nothing_but_the_pixels_is_kept_and_they_are_upright,
    every_usual_kind_is_taken_by_what_it_is,
    transparency_is_kept,
    colours_are_shown_as_they_were_meant,
    a_picture_is_scaled_down_and_never_up,
    of_an_animation_the_first_frame_is_kept,
    what_every_browser_shows_is_taken,
    real_photographs_are_taken,
);

async fn nothing_but_the_pixels_is_kept_and_they_are_upright(kind: Kind) {
    let (hub, place) = hub(kind, &[]).await;
    let alice = hub.person(42);
    let upright = || picture(480, 320);
    let mut photos = Vec::new();
    for orientation in 1..=8 {
        let seen = as_seen(upright(), orientation);
        photos.push((format!("jpeg {orientation}"), jpeg(&seen, Some(exif(orientation)))));
        photos.push((format!("png {orientation}"), png(&seen, Some(exif(orientation)))));
    }
    let plain = jpeg(&upright().into(), Some(exif(1)));
    let xmp = format!("http://ns.adobe.com/xap/1.0/\0<x:xmpmeta>{}</x:xmpmeta>", SECRETS.join(" "));
    photos.push(("xmp".to_owned(), with_segment(&plain, 0xE1, xmp.as_bytes())));
    photos.push(("a comment".to_owned(), with_segment(&plain, 0xFE, SECRETS.join(" ").as_bytes())));
    photos.push((
        "iptc".to_owned(),
        with_segment(&plain, 0xED, format!("Photoshop 3.0\0{}", SECRETS.join(" ")).as_bytes()),
    ));
    let behind = format!("PK\x03\x04<script>alert('{}')</script>", SECRETS.join(" "));
    photos.push(("bytes behind the end".to_owned(), [plain.clone(), behind.clone().into_bytes()].concat()));
    let png_behind = [png(&upright().into(), Some(exif(1))), behind.clone().into_bytes()].concat();
    photos.push(("bytes behind the end of a png".to_owned(), png_behind));
    let gif_behind = [encoded(&upright().into(), ImageFormat::Gif), behind.into_bytes()].concat();
    photos.push(("bytes behind the end of a gif".to_owned(), gif_behind));
    photos.push(("webp".to_owned(), encoded(&upright().into(), ImageFormat::WebP)));

    for (name, photo) in &photos {
        let parsed = exif::Reader::new().read_from_container(&mut std::io::Cursor::new(photo));
        if name.starts_with("jpeg") || name.starts_with("png") {
            assert!(parsed.expect("EXIF").fields().count() > 10, "{name}: the test's own photo has none");
        }
        let form = Form::default().file_named("Rue Secrete 9, Ada Lovelace.jpg", "image/jpeg", photo);
        let answer = form.upload_by(&alice).await.is(201);
        for link in ["url", "thumb_url"] {
            let fetched = alice.fetch(text(&answer["images"][0], link), &[]).await;
            assert_eq!(fetched.status, 200, "{name}");
            assert_upright(&image::load_from_memory(&fetched.bytes).expect("a picture"), name);
        }
    }
    let contents = place.contents().await;
    assert_eq!(contents.len(), photos.len() * 2);
    for bytes in contents {
        let parsed = exif::Reader::new().read_from_container(&mut std::io::Cursor::new(&bytes));
        assert!(parsed.is_err(), "a rendition has EXIF");
        // The whole of a simple file: a header, one chunk, nothing else.
        assert_eq!((&bytes[..4], &bytes[8..15]), (&b"RIFF"[..], &b"WEBPVP8"[..]));
        for secret in SECRETS.iter().chain(&["Exif", "GPS", "xmpmeta", "Photoshop", "<script", "Rue Secr", "2026:11"]) {
            assert!(!holds(&bytes, secret.as_bytes()), "a rendition says {secret:?}");
        }
    }
    for key in place.keys().await {
        let plain = key.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'/');
        assert!(plain && !key.contains("rue"), "{key} is not the server's own");
    }
}

fn holds(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}

async fn every_usual_kind_is_taken_by_what_it_is(kind: Kind) {
    let (hub, _) = hub(kind, &[]).await;
    let alice = hub.person(42);
    let rgb: DynamicImage = picture(200, 100).into();
    let kinds = [
        ("8-bit rgb", png(&rgb, None)),
        ("16-bit rgb", png(&rgb.to_rgb16().into(), None)),
        ("16-bit rgba", png(&rgb.to_rgba16().into(), None)),
        ("gif", encoded(&rgb, ImageFormat::Gif)),
        ("webp", encoded(&rgb, ImageFormat::WebP)),
        ("webp with alpha", encoded(&rgb.to_rgba8().into(), ImageFormat::WebP)),
        ("jpeg", jpeg(&rgb, None)),
    ];
    for (name, bytes) in &kinds {
        // What it is called counts for nothing.
        for claimed in ["image/svg+xml", "text/html", "image/png", "application/octet-stream"] {
            let answer = Form::default().file_named("x.exe", claimed, bytes).upload_by(&alice).await.is(201);
            let image = &answer["images"][0];
            assert_eq!((number(image, "width"), number(image, "height")), (200, 100), "{name}");
            assert_upright(&fetched(&alice, image, "url").await, name);
        }
    }
    let grey = png(&rgb.to_luma8().into(), None);
    let shown = fetched(&alice, &uploads(&alice, &[&grey]).await[0], "url").await.to_rgb8();
    let [red, green, blue] = shown.get_pixel(50, 25).0;
    assert!(red.abs_diff(green) < 6 && green.abs_diff(blue) < 6, "grey stays grey: {red} {green} {blue}");
}

async fn transparency_is_kept(kind: Kind) {
    let (hub, _) = hub(kind, &[]).await;
    let alice = hub.person(42);
    let logo = RgbaImage::from_fn(400, 400, |x, _| if x < 200 { Rgba([200, 30, 30, 255]) } else { Rgba([0, 0, 0, 0]) });
    for bytes in [png(&logo.clone().into(), None), encoded(&logo.into(), ImageFormat::Gif)] {
        let images = uploads(&alice, &[&bytes]).await;
        for link in ["url", "thumb_url"] {
            let shown = fetched(&alice, &images[0], link).await.to_rgba8();
            let (width, height) = shown.dimensions();
            assert!(shown.get_pixel(width / 4, height / 2).0[3] > 250);
            assert!(shown.get_pixel(width * 3 / 4, height / 2).0[3] < 5);
        }
    }
}

async fn colours_are_shown_as_they_were_meant(kind: Kind) {
    let (hub, _) = hub(kind, &[]).await;
    let alice = hub.person(42);
    let rgb: DynamicImage = image::RgbImage::from_pixel(64, 64, image::Rgb([30, 180, 40])).into();
    let display_p3 = moxcms::ColorProfile::new_display_p3().encode().expect("a profile");
    let tagged = with_segment(&jpeg(&rgb, None), 0xE2, &[b"ICC_PROFILE\0\x01\x01", display_p3.as_slice()].concat());
    let images = uploads(&alice, &[&jpeg(&rgb, None), &tagged]).await;
    let mut seen = Vec::new();
    for image in &images {
        seen.push(fetched(&alice, image, "url").await.to_rgb8().get_pixel(32, 32).0);
    }
    assert!(seen[0].iter().zip([30_u8, 180, 40]).all(|(found, wanted)| found.abs_diff(wanted) < 8), "{seen:?}");
    // The same numbers mean a stronger green in Display P3: less red, more green.
    assert!(seen[1][0] + 15 < seen[0][0] && seen[1][1] > seen[0][1], "{seen:?}");
}

async fn a_picture_is_scaled_down_and_never_up(kind: Kind) {
    let (hub, _) = hub(kind, &[]).await;
    let alice = hub.person(42);
    for (from, full, thumb) in [
        ((1, 1), (1, 1), (1, 1)),
        ((320, 200), (320, 200), (320, 200)),
        ((321, 100), (321, 100), (320, 100)),
        ((2_049, 1_000), (2_048, 1_000), (320, 156)),
        ((1_000, 4_000), (512, 2_048), (80, 320)),
        ((12_000, 2), (2_048, 1), (320, 1)),
    ] {
        let images = uploads(&alice, &[&png(&picture(from.0, from.1).into(), None)]).await;
        for (link, wanted) in [("url", full), ("thumb_url", thumb)] {
            let shown = fetched(&alice, &images[0], link).await;
            assert_eq!((shown.width(), shown.height()), wanted, "{link} of {from:?}");
        }
    }
}

async fn of_an_animation_the_first_frame_is_kept(kind: Kind) {
    let (hub, _) = hub(kind, &[]).await;
    let alice = hub.person(42);
    let mut bytes = Vec::new();
    let mut encoder = image::codecs::gif::GifEncoder::new(&mut bytes);
    let blank = RgbaImage::from_pixel(200, 100, Rgba([0, 0, 0, 255]));
    let frames = [DynamicImage::from(picture(200, 100)).to_rgba8(), blank.clone(), blank].map(image::Frame::new);
    encoder.encode_frames(frames).expect("encoded");
    drop(encoder);
    let images = uploads(&alice, &[&bytes]).await;
    assert_upright(&fetched(&alice, &images[0], "url").await, "an animation");
}

/// Each is whole where anything of it is kept.
async fn what_every_browser_shows_is_taken(kind: Kind) {
    let (hub, _) = hub(kind, &[]).await;
    let alice = hub.person(42);
    let upright: DynamicImage = picture(240, 160).into();
    let photo = jpeg(&upright, None);
    let [gif, png, webp] =
        [ImageFormat::Gif, ImageFormat::Png, ImageFormat::WebP].map(|format| encoded(&upright, format));
    let without = |file: &[u8], bytes: usize| file[..file.len() - bytes].to_vec();
    let tables = photo.windows(2).position(|two| two == [0xFF, 0xDB]).expect("tables");
    let stray = [&photo[..tables], b"stray bytes", &photo[tables..]].concat();
    // A tag of EXIF that says to turn it by a half, behind what JPEG has before it.
    let turned = b"\0\0\0\x1ceXIfExif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x03\0\0";
    let over = encoded(&as_seen(picture(240, 160), 3), ImageFormat::Png);
    let prefixed = [&over[..33], turned, &super::hostile::crc(&turned[4..]).to_be_bytes(), &over[33..]].concat();
    let longer = [b"RIFF\xff\xff\xff\0".as_slice(), &webp[8..]].concat();
    for (name, file) in [
        ("a GIF without its last byte", without(&gif, 1)),
        ("a JPEG without EOI", without(&photo, 2)),
        ("a JPEG with stray bytes between segments", stray),
        ("a PNG without IEND", without(&png, 12)),
        ("a PNG with EXIF as in a JPEG", prefixed),
        ("a WebP that says it is longer", longer),
    ] {
        let answer = Form::default().file(&file).upload_by(&alice).await;
        assert_eq!(answer.status, 201, "{name}: {}", answer.text);
        assert_upright(&fetched(&alice, &answer.body["images"][0], "url").await, name);
    }
    for (name, file) in [("GIF", &gif), ("JPEG", &photo), ("PNG", &png), ("WebP", &webp)] {
        let answer = Form::default().file(&without(file, file.len() / 3)).upload_by(&alice).await;
        assert_eq!((answer.status, answer.code()), (422, Some("image_invalid")), "{name}: {}", answer.text);
    }
}

/// Photographs that packages ship: `scripts/test` gets some.
async fn real_photographs_are_taken(kind: Kind) {
    let Some(folder) = std::env::var_os("CHAT_TEST_PHOTOS") else { return };
    let (hub, _) = hub(kind, &[]).await;
    let alice = hub.person(42);
    let mut taken = 0;
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let bytes = std::fs::read(&path).expect("a file");
        if !bytes.starts_with(&[0xFF, 0xD8]) || bytes.len() > 10_000_000 {
            continue;
        }
        let images = uploads(&alice, &[&bytes]).await;
        let (before, after) = (upright(&bytes), fetched(&alice, &images[0], "url").await);
        let before = before.thumbnail_exact(16, 16).to_rgb8();
        let after = after.thumbnail_exact(16, 16).to_rgb8();
        let apart: u32 =
            before.iter().zip(after.iter()).map(|(before, after)| u32::from(before.abs_diff(*after))).sum();
        assert!(apart / 768 < 6, "{} does not look like itself: {}", path.display(), apart / 768);
        taken += 1;
    }
    assert!(taken > 0, "CHAT_TEST_PHOTOS holds no JPEG");
}

/// Decodes a photograph as its camera meant it to be seen.
fn upright(bytes: &[u8]) -> DynamicImage {
    let reader = image::ImageReader::new(std::io::Cursor::new(bytes)).with_guessed_format().expect("in memory");
    let mut decoder = reader.into_decoder().expect("a photo");
    let orientation = decoder.orientation().expect("read");
    let mut photo = DynamicImage::from_decoder(decoder).expect("decoded");
    photo.apply_orientation(orientation);
    photo
}

async fn fetched(who: &crate::support::Person, image: &serde_json::Value, link: &str) -> DynamicImage {
    let answer = who.fetch(text(image, link), &[]).await;
    assert_eq!(answer.status, 200);
    image::load_from_memory(&answer.bytes).expect("a picture")
}
