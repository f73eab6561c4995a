//! From one person's picture to the other one's screen.

use serde_json::{Value, json};

use super::form::{Form, ids, uploads};
use super::picture::{as_seen, assert_upright, exif, jpeg, picture};
use super::place::{Kind, hub, on_both_stores};
use crate::support::person::{array, number, text};
use crate::support::{Device, Person};

on_both_stores!(
    an_uploaded_picture_is_sent_heard_fetched_and_read_again,
    ten_pictures_are_one_message_in_their_order,
    text_and_files_go_in_one_request,
    a_text_that_shows_nothing_is_none_beside_a_picture,
    a_repeated_form_is_the_same_message_and_stores_nothing_more,
    an_image_is_sent_once_and_by_its_uploader_alone,
    a_batch_with_a_bad_file_stores_nothing,
    a_form_whose_message_is_refused_stores_nothing,
    a_rendition_is_served_in_parts_and_told_unchanged,
);

async fn an_uploaded_picture_is_sent_heard_fetched_and_read_again(kind: Kind) {
    let (hub, _) = hub(kind, &[]).await;
    let (alice, bob) = (hub.person(42), hub.person(7));
    let (mut laptop, mut phone, mut desk) = (alice.connect().await, alice.connect().await, bob.connect().await);
    let cursor = desk.cursor.clone();

    let photo = jpeg(&as_seen(picture(3_000, 2_000), 6), Some(exif(6)));
    let images = uploads(&alice, &[&photo]).await;
    assert_eq!((number(&images[0], "width"), number(&images[0], "height")), (2_048, 1_365));
    assert_eq!(images[0]["mime"], "image/webp");
    let ack = laptop.sends(json!({"temp_id": "p", "receiver_id": 7, "images": ids(&images), "content": "mine"})).await;

    let heard = desk.receives("mine").await;
    let echoed = phone.receives("mine").await;
    assert_eq!((heard["id"].clone(), &heard["images"][0]["id"]), (ack["message_id"].clone(), &images[0]["id"]));
    assert_eq!(heard["images"][0]["bytes"], images[0]["bytes"]);
    assert!(text(&images[0], "blurhash").len() > 20, "{images:?}");
    for (who, message) in [(&bob, &heard), (&alice, &echoed)] {
        is_shown(who, message).await;
    }
    // Each one's links are their own, and say the same.
    assert_ne!(heard["images"][0]["url"], echoed["images"][0]["url"]);
    assert_eq!(without_links(&heard), without_links(&echoed));

    let history = bob.get("/chat/messages?with=42").await.is(200);
    is_shown(&bob, &history["messages"][0]).await;
    let inbox = bob.get("/chat/threads").await.is(200);
    is_shown(&bob, &inbox["threads"][0]["last_message"]).await;
    let missed = bob.get(&format!("/chat/sync?cursor={cursor}")).await.is(200);
    let event = array(&missed, "events").iter().find(|event| event["type"] == "new_message").expect("a message");
    is_shown(&bob, event).await;
    let mut back = bob.resumes(&cursor).await;
    let replayed = back.catches_up().await;
    let replayed = replayed.iter().find(|frame| frame["type"] == "new_message").expect("a message");
    is_shown(&bob, replayed).await;
    assert_eq!(without_links(replayed), without_links(&heard));
}

/// Fetches both renditions as an `<img>` would, without saying who it is.
async fn is_shown(who: &Person, message: &Value) {
    let image = &message["images"][0];
    assert_eq!(message["image_urls"], json!([image["url"]]));
    for (link, longest) in [("url", 2_048), ("thumb_url", 320)] {
        let link = text(image, link);
        let answer = who.fetch(link, &[]).await;
        assert_eq!(answer.status, 200, "{link}: {}", String::from_utf8_lossy(&answer.bytes));
        let shown = image::load_from_memory(&answer.bytes).expect("a picture");
        assert_eq!(shown.width().max(shown.height()), longest);
        assert_upright(&shown, link);
        if longest == 2_048 {
            assert_eq!(
                (shown.width(), shown.height()),
                (number(image, "width") as u32, number(image, "height") as u32)
            );
            assert_eq!(answer.bytes.len() as u64, number(image, "bytes"));
        }
    }
}

fn without_links(message: &Value) -> Value {
    let mut message = message.clone();
    for field in ["cursor", "image_urls", "type"] {
        message.as_object_mut().expect("an object").remove(field);
    }
    for image in message["images"].as_array_mut().expect("images") {
        for field in ["url", "thumb_url"] {
            image.as_object_mut().expect("an object").remove(field);
        }
    }
    message
}

async fn ten_pictures_are_one_message_in_their_order(kind: Kind) {
    let (hub, place) = hub(kind, &[]).await;
    let (alice, bob) = (hub.person(42), hub.person(7));
    let (mut laptop, mut desk) = (alice.connect().await, bob.connect().await);
    let files: Vec<Vec<u8>> = (1..=10).map(|size| jpeg(&picture(40 + size * 8, 40).into(), None)).collect();
    let images = uploads(&alice, &files.iter().map(Vec::as_slice).collect::<Vec<_>>()).await;
    let ack = laptop.sends(json!({"temp_id": "ten", "receiver_id": 7, "images": ids(&images)})).await;
    assert_eq!(number(&ack, "seq"), 1);
    let heard = desk.expect("new_message").await;
    assert_eq!(ids(array(&heard, "images")), ids(&images));
    let widths: Vec<u64> = array(&heard, "images").iter().map(|image| number(image, "width")).collect();
    assert_eq!(widths, (1..=10).map(|size| 40 + size * 8).collect::<Vec<u64>>());
    assert_eq!(heard["content"], Value::Null);
    assert_eq!(place.keys().await.len(), 20);
    // By their URLs is the same as by their ids.
    let more = uploads(&alice, &[&files[0], &files[1]]).await;
    let urls: Vec<&Value> = more.iter().map(|image| &image["url"]).collect();
    laptop.sends(json!({"temp_id": "by url", "receiver_id": 7, "image_urls": urls})).await;
    assert_eq!(ids(array(&desk.expect("new_message").await, "images")), ids(&more));
}

async fn text_and_files_go_in_one_request(kind: Kind) {
    let (hub, _) = hub(kind, &[]).await;
    let (alice, bob) = (hub.person(42), hub.person(7));
    let (mut phone, mut desk) = (alice.connect().await, bob.connect().await);
    let before = uploads(&alice, &[&jpeg(&picture(64, 40).into(), None)]).await;
    let form = Form::default()
        .field("receiver_id", "7")
        .field("content", "two of them: ü")
        .field("extra_data[product_id]", "5")
        .field("images[]", ids(&before)[0])
        .file(&jpeg(&picture(80, 40).into(), None));
    let sent = form.send_by(&alice).await.is(201);
    assert_eq!(sent["duplicate"], false);
    let heard = desk.receives("two of them: ü").await;
    assert_eq!(phone.receives("two of them: ü").await["id"], heard["id"]);
    assert_eq!(heard["extra_data"], json!({"product_id": 5}));
    let widths: Vec<u64> = array(&heard, "images").iter().map(|image| number(image, "width")).collect();
    assert_eq!(widths, [64, 80], "what was uploaded before, then the file");
    assert_eq!(without_links(&heard), without_links(&sent["message"]));
    for link in [&heard["images"][1]["url"], &sent["message"]["images"][1]["url"]] {
        assert_eq!(bob.fetch(link.as_str().expect("a link"), &[]).await.status, 200);
    }
    // A form without files is a message, too.
    Form::default().field("receiver_id", "7").field("content", "no file").send_by(&alice).await.is(201);
    desk.receives("no file").await;
    Form::default().field("receiver_id", "7").send_by(&alice).await.refused(400, "empty_message");
    let unaddressed = Form::default().file(&jpeg(&picture(80, 40).into(), None)).send_by(&alice).await;
    unaddressed.refused(400, "bad_request");
}

async fn a_text_that_shows_nothing_is_none_beside_a_picture(kind: Kind) {
    let (hub, _) = hub(kind, &[]).await;
    let (alice, bob) = (hub.person(42), hub.person(7));
    let mut laptop = alice.connect().await;
    let photo = jpeg(&picture(80, 40).into(), None);
    for content in [" ", "\u{200b}", "\u{2800}\u{3164}", "\u{202e}\u{fe0f}\u{ad}"] {
        let form = || Form::default().field("receiver_id", "7").field("content", content);
        form().send_by(&alice).await.refused(400, "empty_message");
        let sent = form().file(&photo).send_by(&alice).await.is(201);
        assert_eq!(sent["message"]["content"], Value::Null, "{content:?}");
        let images = uploads(&alice, &[&photo]).await;
        laptop
            .sends(json!({"type": "message_send", "receiver_id": 7, "temp_id": content, "content": content, "images": ids(&images)}))
            .await;
    }
    let history = bob.history_with(&alice).await;
    assert_eq!(history.len(), 8);
    assert!(history.iter().all(|message| message["content"].is_null()), "{history:?}");
}

async fn a_repeated_form_is_the_same_message_and_stores_nothing_more(kind: Kind) {
    let (hub, place) = hub(kind, &[]).await;
    let (alice, bob) = (hub.person(42), hub.person(7));
    let mut desk = bob.connect().await;
    let photo = jpeg(&picture(120, 80).into(), None);
    let form = || Form::default().field("receiver_id", "7").field("temp_id", "once").file(&photo);
    let first = form().send_by(&alice).await.is(201);
    let keys = place.keys().await;
    let again = form().send_by(&alice).await.is(200);
    assert_eq!((&again["duplicate"], &again["message"]["id"]), (&json!(true), &first["message"]["id"]));
    assert_eq!(again["message"]["images"][0]["id"], first["message"]["images"][0]["id"]);
    let other = jpeg(&picture(120, 81).into(), None);
    let another = Form::default().field("receiver_id", "7").field("temp_id", "once").file(&other).send_by(&alice).await;
    another.refused(409, "temp_id_conflict");
    let more = form().file(&photo).send_by(&alice).await;
    more.refused(409, "temp_id_conflict");
    assert_eq!(place.keys().await, keys, "nothing more is stored");
    desk.expect("new_message").await;
    desk.heard_nothing_of(&["new_message"]).await;
    // Also after its end.
    alice.delete(&format!("/chat/messages/{}", first["message"]["id"])).await.is(204);
    let last = form().send_by(&alice).await.is(200);
    assert_eq!((&last["duplicate"], &last["message"]["deleted"]), (&json!(true), &json!(true)));
    assert_eq!(last["message"]["images"], json!([]));
}

async fn an_image_is_sent_once_and_by_its_uploader_alone(kind: Kind) {
    let (hub, _) = hub(kind, &[]).await;
    let (alice, bob) = (hub.person(42), hub.person(7));
    let mut laptop = alice.connect().await;
    let images = uploads(&alice, &[&jpeg(&picture(64, 40).into(), None), &jpeg(&picture(64, 48).into(), None)]).await;
    let [used, fresh] = ids(&images)[..] else { panic!("two images") };
    laptop.sends(json!({"temp_id": "1", "receiver_id": 7, "images": [used]})).await;
    let their_images = uploads(&bob, &[&jpeg(&picture(64, 40).into(), None)]).await;
    let (theirs, unknown) = (ids(&their_images)[0], "0123456789abcdef0123456789abcdef");
    for at_fault in [used, theirs, unknown, "x", ""] {
        let send = json!({"temp_id": "2", "receiver_id": 7, "images": [fresh, at_fault]});
        names(&is_refused(&mut laptop, send.clone()).await, at_fault);
        let answer = alice.post("/chat/send", &send).await;
        answer.refused(404, "not_found");
        names(&answer.body["error"], at_fault);
    }
    let twice = json!({"temp_id": "2", "receiver_id": 7, "images": [fresh, fresh]});
    names(&is_refused(&mut laptop, twice).await, fresh);
    // A link shows another user's image; it does not allow sending it.
    let link = text(&their_images[0], "url");
    names(&is_refused(&mut laptop, json!({"temp_id": "2", "receiver_id": 7, "image_urls": [link]})).await, theirs);
    let elsewhere = json!({"temp_id": "2", "receiver_id": 7, "image_urls": ["https://evil.example/cat.png"]});
    names(&is_refused(&mut laptop, elsewhere).await, "https://evil.example/cat.png");
    let eleven = json!({"temp_id": "2", "receiver_id": 7, "images": vec![fresh; 11]});
    laptop
        .is_refused(
            json!({"type": "message_send", "temp_id": "2", "receiver_id": 7, "images": eleven["images"]}),
            "too_many_images",
        )
        .await;
    // What was refused has cost nothing: neither the image nor the key.
    laptop.sends(json!({"temp_id": "2", "receiver_id": 7, "images": [fresh]})).await;
    assert_eq!(alice.history_with(&bob).await.len(), 2);
}

async fn is_refused(device: &mut Device, mut send: Value) -> Value {
    send["type"] = json!("message_send");
    let error = device.is_refused(send, "not_found").await;
    assert_eq!(error["temp_id"], "2");
    error
}

#[track_caller]
fn names(error: &Value, at_fault: &str) {
    assert!(text(error, "message").contains(&format!("{at_fault:?}")), "{error} does not name {at_fault:?}");
}

async fn a_batch_with_a_bad_file_stores_nothing(kind: Kind) {
    let (hub, place) = hub(kind, &[]).await;
    let (alice, bob) = (hub.person(42), hub.person(7));
    let mut desk = bob.connect().await;
    let good = jpeg(&picture(64, 40).into(), None);
    let nine =
        || (0..9).fold(Form::default().field("receiver_id", "7").field("temp_id", "b"), |form, _| form.file(&good));
    for (bad, status, code) in
        [(&b"not a picture"[..], 415, "unsupported_media"), (&good[..good.len() - 40], 422, "image_invalid")]
    {
        for answer in [nine().file(bad).upload_by(&alice).await, nine().file(bad).send_by(&alice).await] {
            answer.refused(status, code);
            let message = text(&answer.body["error"], "message").to_owned();
            assert!(message.starts_with("image 10: "), "{message}");
        }
    }
    nine().file(&good).file(&good).upload_by(&alice).await.refused(400, "too_many_images");
    nine().file(&good).file(&good).send_by(&alice).await.refused(400, "too_many_images");
    Form::default().upload_by(&alice).await.refused(400, "bad_request");
    assert_eq!(place.keys().await.len(), 0);
    assert_eq!(alice.history_with(&bob).await.len(), 0);
    desk.heard_nothing_of(&["new_message", "new_thread"]).await;
    nine().file(&good).send_by(&alice).await.is(201);
    assert_eq!(place.keys().await.len(), 20);
}

/// The files were kept before the commit said no, and stayed for a day.
async fn a_form_whose_message_is_refused_stores_nothing(kind: Kind) {
    let (hub, place) = hub(kind, &[("CHAT_NEW_CONVERSATIONS_PER_DAY", "1")]).await;
    let (alice, bob, mallory) = (hub.person(42), hub.person(7), hub.person(666));
    let file = jpeg(&picture(64, 40).into(), None);
    let form = |to: (&str, &str), key: &str| {
        Form::default().field(to.0, to.1).field("temp_id", key).field("content", "look").file(&file).file(&file)
    };
    let sent = form(("receiver_id", "7"), "1").send_by(&alice).await.is(201);
    let thread = sent["message"]["thread_id"].to_string();
    let kept = place.keys().await;
    assert_eq!(kept.len(), 4);
    for answer in [
        form(("receiver_id", "7"), "2").field("reply_to", "99999").send_by(&alice).await,
        form(("receiver_id", "7"), "2").field("images", "0123456789abcdef0123456789abcdef").send_by(&alice).await,
        form(("thread_id", "99999"), "2").send_by(&alice).await,
        form(("thread_id", &thread), "2").send_by(&mallory).await,
    ] {
        answer.refused(404, "not_found");
        assert_eq!(place.keys().await, kept, "{}", answer.text);
    }
    form(("receiver_id", "7"), "1").field("reply_to", "1").send_by(&alice).await.refused(409, "temp_id_conflict");
    form(("receiver_id", "8"), "3").send_by(&alice).await.refused(429, "rate_limited");
    assert_eq!(place.keys().await, kept);
    // The key that was refused is free, and what a message holds is there.
    form(("thread_id", &thread), "2").send_by(&alice).await.is(201);
    assert_eq!(place.keys().await.len(), 8);
    assert_eq!(bob.history_with(&alice).await.len(), 2);
}

async fn a_rendition_is_served_in_parts_and_told_unchanged(kind: Kind) {
    let (hub, _) = hub(kind, &[]).await;
    let alice = hub.person(42);
    let images = uploads(&alice, &[&jpeg(&picture(2_048, 1_536).into(), None)]).await;
    let link = text(&images[0], "url");
    let whole = alice.fetch(link, &[]).await;
    let (size, etag) = (whole.bytes.len(), whole.header("etag").to_owned());
    assert!(size > 200_000, "more than one piece: {size}");
    for (name, value) in [
        ("content-type", "image/webp"),
        ("content-length", &size.to_string()),
        ("cache-control", "private, max-age=31536000, immutable"),
        ("x-content-type-options", "nosniff"),
        ("accept-ranges", "bytes"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'; sandbox"),
    ] {
        assert_eq!(whole.header(name), value, "{name}");
    }
    let disposition = whole.header("content-disposition");
    assert!(disposition.starts_with("inline; filename=\"") && disposition.ends_with("-full.webp\""), "{disposition}");
    for (range, status, wanted) in [
        ("bytes=0-0", 206, 0..1),
        ("bytes=100-299999", 206, 100..300_000.min(size)),
        ("bytes=200000-", 206, 200_000..size),
        ("bytes=-17", 206, size - 17..size),
        ("bytes=0-99999999", 206, 0..size),
        ("bytes=0-1,5-6", 200, 0..size),
        ("bytes=5-1", 200, 0..size),
        ("chars=0-1", 200, 0..size),
    ] {
        let part = alice.fetch(link, &[("range", range)]).await;
        assert_eq!((part.status, part.bytes.len()), (status, wanted.len()), "{range}");
        assert!(part.bytes == whole.bytes[wanted.clone()], "{range}");
        if status == 206 {
            let place = format!("bytes {}-{}/{size}", wanted.start, wanted.end - 1);
            assert_eq!(part.header("content-range"), place, "{range}");
        }
    }
    for range in
        [format!("bytes={size}-"), format!("bytes={size}-{}", size + 9), "bytes=-0".to_owned(), "bytes=-00".to_owned()]
    {
        let beyond = alice.fetch(link, &[("range", &range)]).await;
        assert_eq!(
            (beyond.status, beyond.header("content-range")),
            (416, format!("bytes */{size}").as_str()),
            "{range}"
        );
    }
    let of_another = alice.fetch(link, &[("range", "bytes=0-9"), ("if-range", "\"other\"")]).await;
    assert_eq!((of_another.status, of_another.bytes.len()), (200, size));
    let of_this = alice.fetch(link, &[("range", "bytes=0-9"), ("if-range", &etag)]).await;
    assert_eq!((of_this.status, of_this.bytes.len()), (206, 10));
    for known in [etag.as_str(), "*", &format!("\"other\", W/{etag}")] {
        let unchanged = alice.fetch(link, &[("if-none-match", known)]).await;
        assert_eq!((unchanged.status, unchanged.bytes.len()), (304, 0), "{known}");
        assert_eq!(unchanged.header("etag"), etag);
    }
    assert_eq!(alice.fetch(link, &[("if-none-match", "\"other\"")]).await.status, 200);
}
