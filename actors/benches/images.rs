//! The image pipeline: a JPEG of 12 megapixels, from its bytes to both renditions and the placeholder.
//!
//! With `CHAT_BENCH_PHOTO=photo.jpg` that photograph, else one that is made up: detail everywhere, as in grass or in a crowd,
//! which costs encoders most. One thread works, so the time is CPU time.
//! Run with `cargo bench -p chat-actors --bench images`.

use std::hint::black_box;

use chat_actors::images::pipeline::{Bounds, render};
use criterion::{Criterion, criterion_group, criterion_main};
use image::codecs::jpeg::JpegEncoder;
use image::{Rgb, RgbImage};

fn photograph() -> Vec<u8> {
    if let Some(path) = std::env::var_os("CHAT_BENCH_PHOTO") {
        return std::fs::read(path).expect("a photograph");
    }
    let mut noise = 1_u32;
    let picture = RgbImage::from_fn(4_000, 3_000, |x, y| {
        // Marsaglia's xorshift (2003), over soft hills of light.
        noise ^= noise << 13;
        noise ^= noise >> 17;
        noise ^= noise << 5;
        let hills = (x / 8 % 97 + y / 6 % 89) as u8;
        let grain = (noise >> 27) as u8;
        Rgb([hills.saturating_add(grain), hills, 200 - hills.min(180) + grain])
    });
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 88).encode_image(&picture).expect("a JPEG");
    bytes
}

fn benches(bench: &mut Criterion) {
    let photograph = photograph();
    let mut group = bench.benchmark_group("images");
    group.sample_size(10);
    group.bench_function("a photograph of 12 megapixels", |bench| {
        bench.iter(|| render(black_box(&photograph), &Bounds::default()).expect("an image"));
    });
    group.finish();
}

criterion_group!(images, benches);
criterion_main!(images);
