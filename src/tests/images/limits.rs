//! How many, how large, how slow: past a limit there is an answer, and nothing is stored.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::form::{Form, content_type, uploads};
use super::picture::{jpeg, picture, png, small};
use super::place::{Kind, hub, on_both_stores};
use crate::support::{Hub, Person, in_time, until};

on_both_stores!(
    files_are_counted_by_user,
    a_file_is_as_large_as_it_may_be_and_not_larger,
    a_whole_request_has_a_limit_too,
    a_client_refused_before_the_files_are_read_hears_why,
    a_length_that_is_not_true_stores_nothing,
    a_slow_upload_is_cut,
    so_many_upload_at_a_time_and_no_more,
    many_at_once_are_all_answered_and_text_goes_on,
);

async fn files_are_counted_by_user(kind: Kind) {
    let (hub, _) = hub(kind, &[("CHAT_UPLOAD_BURST", "5"), ("CHAT_UPLOAD_RATE", "60")]).await;
    let (alice, bob) = (hub.person(42), hub.person(7));
    let file = small();
    uploads(&alice, &[&file, &file, &file]).await;
    // What has begun is not cut in its middle: who comes back when they were told would never get in with ten.
    let ten = || (0..10).fold(Form::default(), |form, _| form.file(&file)).upload_by(&alice);
    ten().await.is(201);
    let more = ten().await;
    more.refused(429, "rate_limited");
    let wait = more.body["error"]["retry_after_ms"].as_u64().expect("how long");
    assert!((1_000..=9_000).contains(&wait), "the ten are paid for: {}", more.text);
    uploads(&bob, &[&file]).await;
}

async fn a_file_is_as_large_as_it_may_be_and_not_larger(kind: Kind) {
    let (hub, place) =
        hub(kind, &[("CHAT_MAX_IMAGE", "20000"), ("CHAT_MAX_IMAGE_PIXELS", "10000"), ("CHAT_MAX_IMAGE_SIDE", "200")])
            .await;
    let alice = hub.person(42);
    let flat = |width, height| png(&image::RgbImage::from_pixel(width, height, image::Rgb([9, 9, 9])).into(), None);
    let padded = |size: usize| {
        let mut file = small();
        file.resize(size, 0);
        file
    };
    uploads(&alice, &[&padded(20_000), &flat(100, 100), &flat(200, 50)]).await;
    let before = place.keys().await.len();
    for (name, file) in [
        ("a byte too many", padded(20_001)),
        ("far too many", padded(1 << 20)),
        ("too many pixels", flat(101, 100)),
        ("too long a side", flat(201, 1)),
    ] {
        let answer = Form::default().file(&file).upload_by(&alice).await;
        assert_eq!((answer.status, answer.code()), (413, Some("image_too_large")), "{name}: {}", answer.text);
    }
    assert_eq!(place.keys().await.len(), before);
}

async fn a_whole_request_has_a_limit_too(kind: Kind) {
    let (hub, _) = hub(kind, &[("CHAT_MAX_IMAGE", "100000"), ("CHAT_MAX_IMAGES", "2")]).await;
    let alice = hub.person(42);
    let answer = Form::default().field("content", &"x".repeat(70_000)).upload_by(&alice).await;
    answer.refused(413, "bad_request");
    let answer = Form::default().field("content", &"x".repeat(3_000_000)).upload_by(&alice).await;
    answer.refused(413, "image_too_large");
}

/// Many clients write all of a body before they read an answer: a connection that was closed meanwhile lost it.
async fn a_client_refused_before_the_files_are_read_hears_why(kind: Kind) {
    let (hub, _) = hub(kind, &[("CHAT_MAX_IMAGE", "100000"), ("CHAT_MAX_IMAGES", "2")]).await;
    let token = hub.person(42).token;
    for (name, token, status) in [("a stranger", "none", 401), ("too much", token.as_str(), 413)] {
        let mut socket = TcpStream::connect(hub.address()).await.expect("a connection");
        let head = format!(
            "POST /chat/upload HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {token}\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n",
            content_type(),
            16 << 20
        );
        socket.write_all(head.as_bytes()).await.expect("written");
        for _ in 0..16 {
            socket.write_all(&vec![b'x'; 1 << 20]).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        let answer = reads_status(&mut socket).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{name}: {answer}");
    }
}

/// Lengths that are wrong, and none at all: what counts is what comes.
async fn a_length_that_is_not_true_stores_nothing(kind: Kind) {
    let (hub, place) = hub(kind, &[("CHAT_UPLOAD_DEADLINE", "500ms"), ("CHAT_MAX_IMAGE", "20000")]).await;
    let alice = hub.person(42);
    let form = Form::default().file(&small()).bytes();
    let large = Form::default().file(&vec![0xFF; 500_000]).bytes();
    let chunked = |body: &[u8], last: &str| {
        let chunks =
            body.chunks(1_000).map(|chunk| [format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat());
        [chunks.collect::<Vec<_>>().concat(), last.as_bytes().to_vec()].concat()
    };
    let length = |bytes: usize| format!("Content-Length: {bytes}");
    let in_chunks = || "Transfer-Encoding: chunked".to_owned();
    for (name, length, body, wanted) in [
        ("in chunks, without a length", in_chunks(), chunked(&form, "0\r\n\r\n"), "HTTP/1.1 201 "),
        ("in chunks, too large", in_chunks(), chunked(&large, "0\r\n\r\n"), "HTTP/1.1 413 "),
        ("in chunks that are none", in_chunks(), [b"zz\r\n", form.as_slice()].concat(), "HTTP/1.1 400 "),
        ("in chunks without an end", in_chunks(), chunked(&form[..form.len() / 2], ""), "HTTP/1.1 408 "),
        ("short of its length", length(form.len()), form[..form.len() / 2].to_vec(), "HTTP/1.1 408 "),
        ("short of its length by what follows the form's end", length(form.len() + 9), form.clone(), "HTTP/1.1 201 "),
        ("longer than its length", length(form.len() - 40), form.clone(), "HTTP/1.1 400 "),
        ("of a length that is none", length(0), form.clone(), "HTTP/1.1 400 "),
        ("of a length that is no number", "Content-Length: -1".to_owned(), form.clone(), "HTTP/1.1 400 "),
        (
            "of a length and in chunks, which exclude each other",
            format!("{}\r\n{}", length(4), in_chunks()),
            chunked(&form[..form.len() / 2], "0\r\n\r\n"),
            "HTTP/1.1 400 ",
        ),
    ] {
        let mut socket = TcpStream::connect(hub.address()).await.expect("a connection");
        let head = format!(
            "POST /chat/upload HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {}\r\nContent-Type: {}\r\n{length}\r\n\r\n",
            alice.token,
            content_type(),
        );
        socket.write_all(head.as_bytes()).await.expect("written");
        // A request that is refused early may be cut off.
        drop(socket.write_all(&body).await);
        let answer = reads_status(&mut socket).await;
        assert!(answer.starts_with(wanted), "{name}: {answer}, not {wanted}");
    }
    assert_eq!(place.keys().await.len(), 4, "the two that were whole");
    uploads(&alice, &[&small()]).await;
}

/// Begins an upload and says no more.
async fn stalls(hub: &Hub, who: &Person) -> TcpStream {
    let mut socket = TcpStream::connect(hub.address()).await.expect("a connection");
    let body = Form::default().file(&small()).bytes();
    let head = format!(
        "POST /chat/upload HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n",
        who.token,
        content_type(),
        body.len()
    );
    socket.write_all(head.as_bytes()).await.expect("written");
    socket.write_all(&body[..body.len() / 2]).await.expect("written");
    socket
}

async fn are_under_way(hub: &Hub, uploads: usize) {
    let wanted = format!("chat_uploads {uploads}");
    let person = hub.person(1);
    until(&wanted, || async { person.get("/metrics").await.text.lines().any(|line| line == wanted).then_some(()) })
        .await;
}

async fn reads(socket: &mut TcpStream) -> String {
    let mut bytes = [0; 2_048];
    let count = in_time("an answer", socket.read(&mut bytes)).await.expect("read");
    String::from_utf8_lossy(&bytes[..count]).into_owned()
}

async fn reads_status(socket: &mut TcpStream) -> String {
    reads(socket).await.lines().next().unwrap_or_default().to_owned()
}

async fn a_slow_upload_is_cut(kind: Kind) {
    let (hub, place) = hub(kind, &[("CHAT_UPLOAD_DEADLINE", "300ms")]).await;
    let mut socket = stalls(&hub, &hub.person(42)).await;
    let answer = reads(&mut socket).await;
    assert!(answer.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{answer}");
    assert!(answer.contains(r#""temporary":true"#), "the network may be better the next time: {answer}");
    assert_eq!(place.keys().await.len(), 0);
}

async fn so_many_upload_at_a_time_and_no_more(kind: Kind) {
    let (hub, _) = hub(kind, &[("CHAT_MAX_UPLOADS", "3"), ("CHAT_MAX_UPLOADS_PER_USER", "2")]).await;
    let (alice, bob, carol) = (hub.person(42), hub.person(7), hub.person(8));
    let file = small();
    let upload = |who: &Person| {
        let (form, who) = (Form::default().file(&file), who.clone());
        async move { form.upload_by(&who).await }
    };
    let under_way = [stalls(&hub, &alice).await, stalls(&hub, &alice).await];
    are_under_way(&hub, 2).await;
    upload(&alice).await.refused(429, "rate_limited");
    upload(&bob).await.is(201);
    let third = stalls(&hub, &bob).await;
    are_under_way(&hub, 3).await;
    upload(&carol).await.refused(503, "overloaded");
    // Who hangs up makes room.
    drop((under_way, third));
    are_under_way(&hub, 0).await;
    upload(&carol).await.is(201);
    upload(&alice).await.is(201);
}

async fn many_at_once_are_all_answered_and_text_goes_on(kind: Kind) {
    let (hub, _) = hub(kind, &[]).await;
    let photo = jpeg(&picture(1_600, 1_200).into(), None);
    let people: Vec<Person> = (100..112).map(|id| hub.person(id)).collect();
    let (alice, bob) = (hub.person(42), hub.person(7));
    let (mut laptop, mut desk) = (alice.connect().await, bob.connect().await);
    let uploading = join_all(people.iter().map(|who| Form::default().file(&photo).upload_by(who)));
    let talking = async {
        for number in 0..50 {
            let said = format!("text {number}");
            laptop.sends_to(&bob, &said).await;
            desk.receives(&said).await;
        }
    };
    let (answers, ()) = tokio::time::timeout(Duration::from_secs(60), async { tokio::join!(uploading, talking) })
        .await
        .expect("all of it in a minute");
    for answer in answers {
        answer.is(201);
    }
}
