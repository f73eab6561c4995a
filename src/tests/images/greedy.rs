//! One user's files and forms do not harm other users.

use std::io::Write;
use std::time::{Duration, Instant};

use flate2::write::ZlibEncoder;
use image::DynamicImage;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::form::{Form, content_type, ids, uploads};
use super::hostile::{crc, peak};
use super::picture::{jpeg, picture, png, small};
use super::place::{Kind, hub};
use crate::support::{Hub, Person, in_time, passes, until};

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
    let all = futures_util::future::join_all(people.iter().map(|who| Form::default().file(&large).upload_by(who)));
    // Builds without optimisation take their time over pixels.
    for answer in tokio::time::timeout(Duration::from_secs(60), all).await.expect("in a minute") {
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
            if self.1.is_multiple_of(8) {
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

async fn begins(hub: &Hub, who: &Person, path: &str, length: usize) -> TcpStream {
    let mut socket = TcpStream::connect(hub.address()).await.expect("a connection");
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {}\r\nContent-Type: {}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n",
        who.token,
        content_type(),
    );
    socket.write_all(head.as_bytes()).await.expect("written");
    socket
}

/// Returns how long a process has had a processor.
fn cpu(hub: &mut Hub) -> Duration {
    let pid = hub.server().pid();
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).expect("Linux");
    let took = threads.filter_map(|thread| {
        let stat = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        stat.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(took.sum())
}

/// Ninety megabytes before the first boundary were searched again and again, for a core and 46 ms at a time.
#[tokio::test]
async fn what_is_left_of_a_refused_form_is_forgotten_unread() {
    let (mut hub, place) = hub(Kind::Folder, &[]).await;
    let (alice, bob) = (hub.person(42), hub.person(7));
    let file = small();
    let much = vec![b'-'; 40 << 20];
    let boundary = content_type().split("boundary=").nth(1).expect("a boundary").to_owned();
    let part = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"images[]\"; filename=\"x\"\r\n\r\n");
    for (name, path, start, code) in [
        ("no boundary", "/chat/upload", Vec::new(), "bad_request"),
        ("no boundary, to send", "/chat/send", b"a note\r\n".to_vec(), "bad_request"),
        ("a header without an end", "/chat/upload", format!("--{boundary}\r\nX: ").into_bytes(), "bad_request"),
        ("no picture", "/chat/upload", part.clone().into_bytes(), "image_too_large"),
        (
            "half a boundary again and again",
            "/chat/upload",
            [part.as_bytes(), &file, b"\r\n", &b"\r\n--".repeat(50_000)].concat(),
            "image_too_large",
        ),
    ] {
        let before = cpu(&mut hub);
        let mut socket = begins(&hub, &alice, path, start.len() + much.len()).await;
        let answer = in_time(name, async {
            let (mut reading, mut writing) = socket.split();
            let writes = async {
                writing.write_all(&start).await.expect("written");
                writing.write_all(&much).await.expect("all of it is read");
                std::future::pending::<()>().await;
            };
            let reads = async {
                let mut all = Vec::new();
                let mut piece = [0; 4_096];
                while let Ok(count @ 1..) = reading.read(&mut piece).await {
                    all.extend_from_slice(&piece[..count]);
                }
                String::from_utf8_lossy(&all).into_owned()
            };
            tokio::select! { () = writes => unreachable!(), answer = reads => answer }
        })
        .await;
        assert!(answer.contains(code), "{name}: {answer}");
        let took = cpu(&mut hub) - before;
        assert!(took < Duration::from_millis(1_500), "{name}: it took {took:?} of a processor");
    }
    assert_eq!(place.keys().await.len(), 0);
    let (mut laptop, mut desk) = (alice.connect().await, bob.connect().await);
    laptop.sends_to(&bob, "still here").await;
    desk.receives("still here").await;
}

/// Sends a form a byte at a time, ten times a second, until it is told something else.
async fn trickles(mut socket: TcpStream, rest: Vec<u8>) -> String {
    let (mut reading, mut writing) = socket.split();
    let writes = async {
        for byte in rest {
            if writing.write_all(&[byte]).await.is_err() {
                break;
            }
            passes(Duration::from_millis(100)).await;
        }
        std::future::pending::<()>().await;
    };
    let reads = async {
        let mut answer = vec![0; 4_096];
        let count = reading.read(&mut answer).await.unwrap_or(0);
        String::from_utf8_lossy(&answer[..count]).into_owned()
    };
    tokio::select! { () = writes => unreachable!(), answer = reads => answer }
}

/// Four accounts had all sixteen places for two minutes, for 160 bytes a second.
#[tokio::test]
async fn forms_that_trickle_do_not_keep_uploads_waiting() {
    let (hub, _) = hub(Kind::Folder, &[]).await;
    let (carol, file) = (hub.person(7), small());
    let bytes = Form::default().field("content", "x").file(&file).bytes();
    let mut trickling = Vec::new();
    // A fifth account's forms are stuck before the first byte of a file: they have no place.
    for id in 0..20 {
        let begun = if id < 4 { 40 } else { bytes.len() / 2 };
        let mut socket = begins(&hub, &hub.person(100 + id / 4), "/chat/send", bytes.len()).await;
        socket.write_all(&bytes[..begun]).await.expect("written");
        trickling.push(tokio::spawn(trickles(socket, bytes[begun..].to_vec())));
    }
    until("all to have a place", || async { (uploads_under_way(&carol).await == 16).then_some(()) }).await;
    let begun = Instant::now();
    until("an upload to be taken", || async {
        (Form::default().file(&file).upload_by(&carol).await.status == 201).then_some(())
    })
    .await;
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    let over = async || trickling.iter().position(tokio::task::JoinHandle::is_finished);
    let at = until("one that made room", over).await;
    let told = trickling.swap_remove(at).await.expect("an answer");
    assert!(told.starts_with("HTTP/1.1 408 ") && told.contains("\"temporary\":true"), "{told}");
}

async fn uploads_under_way(who: &Person) -> u64 {
    let text = who.get("/metrics").await.text;
    let line = text.lines().find_map(|line| line.strip_prefix("chat_uploads "));
    line.and_then(|count| count.parse().ok()).unwrap_or_default()
}

#[tokio::test]
async fn uploads_that_wait_to_be_sent_have_a_quota() {
    let (mut hub, place) = hub(Kind::Folder, &[("CHAT_MAX_UNSENT", "3")]).await;
    let (alice, bob) = (hub.person(42), hub.person(7));
    let file = small();
    let two = || Form::default().file(&file).file(&file);
    let images = uploads(&alice, &[&file, &file]).await;
    let answer = two().upload_by(&alice).await;
    answer.refused(429, "rate_limited");
    assert!(answer.body["error"]["retry_after_ms"].as_u64().is_some_and(|wait| wait > 1_000), "{}", answer.text);
    assert_eq!(place.keys().await.len(), 4, "all or none");
    uploads(&alice, &[&file]).await;
    Form::default().file(&file).upload_by(&alice).await.refused(429, "rate_limited");
    uploads(&bob, &[&file]).await;
    // A restart forgets nothing of it, and what is sent at once does not count.
    hub.kill().await;
    hub.restart().await;
    Form::default().file(&file).upload_by(&alice).await.refused(429, "rate_limited");
    two().field("receiver_id", "7").send_by(&alice).await.is(201);
    let message = serde_json::json!({"receiver_id": 7, "images": ids(&images)});
    alice.post("/chat/send", &message).await.is(201);
    uploads(&alice, &[&file, &file]).await;
    Form::default().file(&file).upload_by(&alice).await.refused(429, "rate_limited");
}

#[tokio::test]
async fn uploads_that_wait_to_be_sent_have_a_quota_of_bytes() {
    let photo = jpeg(&picture(600, 400).into(), None);
    let (hub, _) = hub(Kind::Folder, &[("CHAT_MAX_UNSENT_BYTES", "50000"), ("CHAT_UPLOAD_RATE", "off")]).await;
    let alice = hub.person(42);
    let first = uploads(&alice, &[&photo]).await;
    let bytes = first[0]["bytes"].as_u64().expect("bytes");
    let more = usize::try_from(50_000 / bytes).expect("small");
    assert!((2..=10).contains(&more), "{bytes} bytes each");
    for _ in 1..more {
        uploads(&alice, &[&photo]).await;
    }
    Form::default().file(&photo).upload_by(&alice).await.refused(429, "rate_limited");
    // Several at once, as a crowd of tabs would: all or none of each, and no more than may be.
    let carol = hub.person(7);
    let both = (0..4).map(|_| Form::default().file(&photo).upload_by(&carol));
    let taken = futures_util::future::join_all(both).await.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(taken, more.min(4));
}
