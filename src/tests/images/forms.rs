//! What of a form is a file, what is a field and what names an image: as clients of all kinds write it.

use serde_json::Value;

use super::form::{Form, ids, uploads};
use super::picture::{encoded, picture, small};
use super::place::{Kind, hub, on_both_stores};
use crate::support::person::text;

on_both_stores!(
    an_id_is_an_id_whatever_its_part_says_that_it_is,
    a_file_is_a_file_however_it_is_named,
    what_is_neither_is_refused_for_what_it_is,
    fields_are_read_in_their_charset_and_as_json,
);

fn disposition(rest: &str) -> String {
    format!("Content-Disposition: form-data; {rest}")
}

async fn an_id_is_an_id_whatever_its_part_says_that_it_is(kind: Kind) {
    let (hub, _) = hub(kind, &[("CHAT_UPLOAD_RATE", "off")]).await;
    let alice = hub.person(42);
    /// A part's headers, and what it says of an image.
    type Way = (&'static str, fn(&Value) -> String);
    let ways: [Way; 15] = [
        ("name=\"images[]\"\r\nContent-Type: text/plain; charset=utf-8", |image| text(image, "id").to_owned()),
        ("name=images[]\r\nContent-Type: text/plain", |image| text(image, "id").to_owned()),
        ("name=\"images\"\r\nContent-Type: text/plain; charset=us-ascii", |image| text(image, "id").to_owned()),
        ("name=\"image\"\r\nContent-Type: application/json; charset=UTF-8", |image| image["id"].to_string()),
        ("name=\"images[0]\"\r\nContent-Type: application/json", |image| image["id"].to_string()),
        ("name=\"images[12]\"\r\nContent-Type: application/octet-stream", |image| text(image, "id").to_owned()),
        ("name=\"image[]\"\r\nContent-Type: image/jpeg", |image| text(image, "id").to_owned()),
        ("name=\"images[]\"; filename=\"\"\r\nContent-Type: text/plain", |image| text(image, "id").to_owned()),
        ("name*=utf-8''images%5B%5D\r\nContent-Type: text/plain", |image| text(image, "id").to_owned()),
        ("name=\"images[]\"", |image| format!("{}\r\n", text(image, "id"))),
        ("name=\"images\"\r\nContent-Type: application/json", |image| format!("[{}]", image["id"])),
        ("name=\"images[]\"\r\nContent-Type: text/plain", |image| text(image, "url").to_owned()),
        ("name=\"image\"\r\nContent-Type: application/json", |image| image["url"].to_string()),
        ("name=\"image_urls[]\"\r\nContent-Type: text/plain", |image| text(image, "url").to_owned()),
        ("name=\"image_url\"\r\nContent-Type: application/json", |image| image["url"].to_string()),
    ];
    let file = small();
    let mut images = Vec::new();
    while images.len() < ways.len() {
        images.extend(uploads(&alice, &[file.as_slice(); 5]).await);
    }
    for ((head, body), image) in ways.into_iter().zip(&images) {
        let form = Form::default().field("receiver_id", "7").part(&disposition(head), body(image).as_bytes());
        let answer = form.send_by(&alice).await;
        assert_eq!(answer.status, 201, "{head}: {}", answer.text);
        let sent: Vec<Value> = answer.body["message"]["images"].as_array().expect("images").clone();
        assert_eq!(ids(&sent), [text(image, "id")], "{head}");
    }
    // Where there is nothing to send, an id is no file.
    let id = text(&images[0], "id").as_bytes();
    let answer = Form::default().part(&disposition("name=\"images[]\"\r\nContent-Type: text/plain"), id);
    answer.upload_by(&alice).await.refused(400, "bad_request");
}

async fn a_file_is_a_file_however_it_is_named(kind: Kind) {
    let (hub, _) = hub(kind, &[("CHAT_UPLOAD_RATE", "off")]).await;
    let alice = hub.person(42);
    let gif = encoded(&picture(20, 10).into(), image::ImageFormat::Gif);
    let heads: [&[u8]; 14] = [
        b"name=\"image\"; filename=\"x.jpg\"",
        b"name=\"images\"; filename=\"x.jpg\"\r\nContent-Type: text/plain",
        b"name=\"images[0]\"; filename=\"x.jpg\"\r\nContent-Type: application/json",
        b"name=images[12]; filename=x.jpg",
        b"name=\"images[]\"; filename*=UTF-8''%e2%82%ac%20rates.jpg",
        b"filename*=UTF-8''x%3B%20name%3Davatar.jpg; name=\"images[]\"",
        b"filename=\"a; name=\\\"avatar\\\"; b.jpg\"; name=\"images[]\"",
        b"filename=\"x; name=avatar; .jpg\"; name=\"images[]\"",
        b"name=\"images[]\"; filename=\"caf\xe9.jpg\"",
        b"NAME=\"images[]\"; FileName=\"x.jpg\"",
        b"name=\"images[]\"",
        b"name=\"image\"\r\nContent-Type: text/plain",
        b"name=\"images[3]\"\r\nContent-Type: image/gif",
        b"name=\"images[]\"; filename=\"\"",
    ];
    for head in heads {
        let shown = String::from_utf8_lossy(head).into_owned();
        for file in [small(), gif.clone()] {
            let form = || Form::default().raw_part(&[&b"Content-Disposition: form-data; "[..], head].concat(), &file);
            let answer = form().upload_by(&alice).await;
            assert_eq!(answer.status, 201, "{shown}: {}", answer.text);
            let answer = form().field("receiver_id", "7").send_by(&alice).await;
            assert_eq!(answer.status, 201, "{shown}: {}", answer.text);
            assert_eq!(answer.body["message"]["images"].as_array().map(Vec::len), Some(1), "{shown}");
        }
    }
}

async fn what_is_neither_is_refused_for_what_it_is(kind: Kind) {
    let (hub, place) = hub(kind, &[]).await;
    let alice = hub.person(42);
    let file = small();
    for (head, body, status, code) in [
        ("name=\"images[]\"", &b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>"[..], 415, "unsupported_media"),
        ("name=\"images[]\"; filename=\"x\"", b"9857a3d900cc405083595667e180d86f", 415, "unsupported_media"),
        ("name=\"images[]\"\r\nContent-Type: image/jpeg", b"\xff\xd8 no picture \0\x01", 415, "unsupported_media"),
        ("name=\"images[]\"", &file[..file.len() / 2], 422, "image_invalid"),
        ("name=\"images[]\"\r\nContent-Type: text/plain", b"9857a3d900cc405083595667e180d86f", 404, "not_found"),
        ("name=\"images\"", b"[\"no such\"", 400, "bad_request"),
        ("name=\"avatar\"; filename*=utf-8''x.jpg", &file, 400, "bad_request"),
        ("filename=\"x; name=images\"", &file, 400, "bad_request"),
        ("filename=\"x.jpg\"", &file, 400, "bad_request"),
    ] {
        let form = Form::default().field("receiver_id", "7").part(&disposition(head), body);
        let answer = form.send_by(&alice).await;
        assert_eq!((answer.status, answer.code()), (status, Some(code)), "{head}: {}", answer.text);
    }
    assert_eq!(place.keys().await.len(), 0);
    // A browser sends an empty field of files so; the rest is there.
    let nothing = disposition("name=\"images[]\"; filename=\"\"\r\nContent-Type: application/octet-stream");
    let elsewhere = disposition("name=\"avatar\"; filename=\"\"\r\nContent-Type: application/octet-stream");
    let form = Form::default().field("receiver_id", "7").field("content", "text alone");
    let sent = form.part(&nothing, b"").part(&elsewhere, b"").send_by(&alice).await.is(201);
    assert_eq!(sent["message"]["images"].as_array().map(Vec::len), Some(0));
}

async fn fields_are_read_in_their_charset_and_as_json(kind: Kind) {
    let (hub, _) = hub(kind, &[]).await;
    let alice = hub.person(42);
    let typed =
        |name: &str, kind: &str| format!("{}\r\nContent-Type: {kind}", disposition(&format!("name=\"{name}\"")));
    let to_bob = || Form::default().field("receiver_id", "7");
    for (form, content) in [
        (to_bob().part(&typed("content", "text/plain; charset=ISO-8859-1"), b"caf\xe9"), "café"),
        (to_bob().part(&typed("content", "text/plain; charset=\"utf-8\""), "café".as_bytes()), "café"),
        (
            to_bob()
                .raw_part(disposition("name=\"content\"").as_bytes(), b"caf\xe9")
                .field("_charset_", "windows-1252"),
            "café",
        ),
        (to_bob().part(&typed("content", "application/json"), "\"ca\\u0066é\"".as_bytes()), "café"),
        (to_bob().part(&typed("content", "application/json"), b"not quite {"), "not quite {"),
        (to_bob().field("content", "\"quoted\""), "\"quoted\""),
        (
            Form::default()
                .part(&typed("receiver_id", "application/json"), b"7")
                .part(&typed("extra_data", "application/json; charset=utf-8"), b"{\"product_id\": 5}")
                .field("content", "x"),
            "x",
        ),
        (
            Form::default()
                .field("receiver_id", "\"7\"")
                .field("extra_data[product_id]", "\"5\"")
                .field("content", "y"),
            "y",
        ),
    ] {
        let sent = form.send_by(&alice).await.is(201);
        assert_eq!(sent["message"]["content"], content);
        let product = &sent["message"]["extra_data"]["product_id"];
        assert!(if content.len() == 1 { *product == 5 } else { product.is_null() }, "{content}: {product}");
    }
    let odd = to_bob().part(&typed("content", "text/plain; charset=klingon"), b"x").send_by(&alice).await;
    odd.refused(400, "bad_request");
    assert!(odd.text.contains("charset"), "{}", odd.text);
    let wrong = to_bob().raw_part(disposition("name=\"content\"").as_bytes(), b"caf\xe9").send_by(&alice).await;
    wrong.refused(400, "bad_request");
}
