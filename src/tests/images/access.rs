//! Who sees what: every reader × every way to ask, and the exact answer to each.

use reqwest::Method;
use serde_json::json;

use super::form::{Form, content_type, ids, uploads};
use super::picture::small;
use super::place::{Kind, hub, on_both_stores};
use crate::support::person::{answer, text};
use crate::support::{Hub, Person};

on_both_stores!(each_reader_sees_what_is_theirs_and_nothing_else, what_is_deleted_is_gone_for_every_user);

/// An image of Alice's (42): waiting, or sent to Bob (7). Carol (8) has a thread with each of them; Mallory (666) has none.
struct Gallery {
    alice: Person,
    bob: Person,
    carol: Person,
    mallory: Person,
}

impl Gallery {
    async fn open(hub: &Hub) -> Self {
        let [alice, bob, carol, mallory] = [42, 7, 8, 666].map(|id| hub.person(id));
        for one in [&alice, &bob] {
            one.post("/chat/send", &json!({"receiver_id": 8, "content": "hello Carol"})).await.is(201);
        }
        Self { alice, bob, carol, mallory }
    }
}

async fn each_reader_sees_what_is_theirs_and_nothing_else(kind: Kind) {
    let (hub, _) = hub(kind, &[]).await;
    let Gallery { alice, bob, carol, mallory } = &Gallery::open(&hub).await;
    let waiting = uploads(alice, &[&small()]).await;
    let sent = uploads(alice, &[&small()]).await;
    let message = alice.post("/chat/send", &json!({"receiver_id": 7, "images": ids(&sent)})).await.is(201);
    let to_bob = bob.get("/chat/messages?with=42").await.is(200);
    let bobs = &to_bob["messages"][0]["images"][0];
    let of_mallory = uploads(mallory, &[&small()]).await;

    let mut wrong = Vec::new();
    let readers = [("Alice", alice), ("Bob", bob), ("Carol", carol), ("Mallory", mallory)];
    for (what, image, seen_by) in [
        ("waiting", &waiting[0], &["Alice"][..]),
        ("sent", &sent[0], &["Alice", "Bob"][..]),
        ("Mallory's", &of_mallory[0], &["Mallory"][..]),
    ] {
        for rendition in ["full", "thumb"] {
            let path = format!("/media/{}/{rendition}", text(image, "id"));
            for (name, reader) in readers {
                let wanted = if seen_by.contains(&name) { 200 } else { 404 };
                let bearer = format!("Bearer {}", reader.token);
                let cookie = format!("theme=dark; token={}", reader.token);
                for (way, header) in
                    [("a token", ("authorization", bearer.as_str())), ("the cookie", ("cookie", &cookie))]
                {
                    let got = alice.fetch(&path, &[header]).await;
                    if got.status != wanted {
                        wrong.push(format!("{name} with {way}, {what} {rendition}: {}", got.status));
                    }
                    let known = alice.fetch(&path, &[header, ("if-none-match", "*")]).await.status;
                    if known != if wanted == 200 { 304 } else { 404 } {
                        wrong.push(format!("{name} with {way}, {what} {rendition}, if-none-match: {known}"));
                    }
                }
            }
            let anonymous = alice.fetch(&path, &[]).await.status;
            if anonymous != 401 {
                wrong.push(format!("without credentials, {what} {rendition}: {anonymous}"));
            }
        }
    }

    // Links: the path that is requested, the image that it shows, the status that comes.
    let (full, thumb) = (text(bobs, "url"), text(bobs, "thumb_url"));
    let (path, query) = full.split_once('?').expect("a signed link");
    let (exp, sig) = query.split_once("&sig=").expect("a signature");
    let exp: u64 = exp.strip_prefix("exp=").expect("an expiry").parse().expect("a number");
    let (signer, signature) = sig.split_once('.').expect("a reader and a signature");
    assert_eq!(signer, "7", "it is Bob's own");
    let last = signature.chars().last().expect("not empty");
    let altered = format!("{}{}", &signature[..signature.len() - 2], if last == 'A' { "BB" } else { "AA" });
    let of_waiting = text(&waiting[0], "url").split_once('?').expect("a link").1;
    let mallorys = text(&of_mallory[0], "url").split_once('?').expect("a link").1;
    let bearer = |who: &Person| format!("Bearer {}", who.token);
    let (bobs_token, mallorys_token, no_token) = (bearer(bob), bearer(mallory), "Bearer x.y.z".to_owned());
    for (name, link, header, wanted) in [
        ("as it is", full.to_owned(), None, 200),
        ("the thumbnail's", thumb.to_owned(), None, 200),
        ("as it is, with more behind it", format!("{full}&x=1"), None, 200),
        ("as it is, beside a cookie that is worth nothing", full.to_owned(), Some(("cookie", "token=x.y.z")), 200),
        (
            "as it is, beside a token that is worth nothing",
            full.to_owned(),
            Some(("authorization", no_token.as_str())),
            200,
        ),
        (
            "another reader's, beside one's own token",
            full.to_owned(),
            Some(("authorization", mallorys_token.as_str())),
            404,
        ),
        (
            "expired, beside one's own token",
            format!("{path}?exp=1&sig={sig}"),
            Some(("authorization", bobs_token.as_str())),
            200,
        ),
        ("expired", format!("{path}?exp=1&sig={sig}"), None, 404),
        ("made good for longer", format!("{path}?exp={}&sig={sig}", exp + 1), None, 404),
        ("made good for ever", format!("{path}?sig={sig}"), None, 404),
        ("without a signature", format!("{path}?exp={exp}"), None, 404),
        ("with nothing in it", format!("{path}?exp=&sig="), None, 404),
        ("an altered signature", format!("{path}?exp={exp}&sig=7.{altered}"), None, 404),
        ("half a signature", format!("{path}?exp={exp}&sig=7.{}", &signature[..20]), None, 404),
        ("made out to the author", format!("{path}?exp={exp}&sig=42.{signature}"), None, 404),
        ("made out to a stranger", format!("{path}?exp={exp}&sig=666.{signature}"), None, 404),
        ("made out to no user", format!("{path}?exp={exp}&sig={signature}"), None, 404),
        ("the other rendition's", format!("{}?{query}", thumb.split_once('?').expect("a link").0), None, 404),
        ("another image's", format!("/media/{}/full?{query}", text(&waiting[0], "id")), None, 404),
        ("of another image, for this one", format!("{path}?{of_waiting}"), None, 404),
        ("a stranger's for their own, for this one", format!("{path}?{mallorys}"), None, 404),
        ("twice", format!("{full}&sig={sig}"), None, 400),
    ] {
        let headers: Vec<(&str, &str)> = header.into_iter().collect();
        let got = alice.fetch(&link, &headers).await;
        if got.status != wanted {
            wrong.push(format!("a link {name}: {}, not {wanted}", got.status));
        }
        if wanted != 200 && got.bytes.len() > 500 {
            wrong.push(format!("a link {name}: {} bytes came", got.bytes.len()));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));

    // An image that does not exist and an image of another user give the same answer.
    let none = mallory.get("/media/0123456789abcdef0123456789abcdef/full").await;
    let theirs = mallory.get(path).await;
    assert_eq!((none.status, &none.text), (theirs.status, &theirs.text));
    for strange in ["/media/x/full", "/media/..%2f..%2fetc/full", "/media/%00/full", "/media/%27%20OR%201=1--/full"] {
        assert_eq!(mallory.get(strange).await.status, 404, "{strange}");
    }
    for path in [format!("{path}/x"), path.replace("full", "original"), path.replace("/full", "")] {
        assert_eq!(bob.get(&path).await.status, 404, "{path}");
    }
    assert_eq!(message["message"]["images"][0]["id"], bobs["id"]);
}

async fn what_is_deleted_is_gone_for_every_user(kind: Kind) {
    let (hub, _) = hub(kind, &[]).await;
    let Gallery { alice, bob, .. } = &Gallery::open(&hub).await;
    let images = uploads(alice, &[&small()]).await;
    let sent = alice.post("/chat/send", &json!({"receiver_id": 7, "images": ids(&images)})).await.is(201);
    let page = bob.get("/chat/messages?with=42").await.is(200);
    let links = [text(&page["messages"][0]["images"][0], "url"), text(&sent["message"]["images"][0], "thumb_url")];
    for link in links {
        assert_eq!(alice.fetch(link, &[]).await.status, 200);
    }
    alice.delete(&format!("/chat/messages/{}", sent["message"]["id"])).await.is(204);
    for link in links {
        assert_eq!(alice.fetch(link, &[]).await.status, 404, "{link}");
    }
    for one in [alice, bob] {
        assert_eq!(one.get(&format!("/media/{}/full", text(&images[0], "id"))).await.status, 404);
    }
    let again = json!({"receiver_id": 7, "images": ids(&images)});
    alice.post("/chat/send", &again).await.refused(404, "not_found");
}

#[tokio::test]
async fn who_uploads_must_say_who_they_are_and_speak_for_themselves() {
    let (hub, place) = hub(Kind::Folder, &[("CHAT_ALLOWED_ORIGINS", "https://shop.example")]).await;
    let alice = hub.person(42);
    for path in ["/chat/upload", "/chat/send"] {
        let body = || Form::default().field("receiver_id", "7").file(&small()).bytes();
        let request = || alice.request(Method::POST, path).header("content-type", content_type()).body(body());
        answer(request()).await.refused(401, "unauthorized");
        answer(request().bearer_auth("x.y.z")).await.refused(401, "unauthorized");
        let cookie = format!("token={}", alice.token);
        let foreign = request().header("cookie", &cookie).header("origin", "https://evil.example");
        answer(foreign).await.refused(403, "forbidden_origin");
        answer(request().header("cookie", &cookie)).await.refused(403, "forbidden_origin");
        answer(request().header("cookie", &cookie).header("origin", "https://shop.example")).await.is(201);
    }
    let before = place.keys().await.len();
    let as_bob = Form::default().field("receiver_id", "8").field("sender_id", "7").file(&small()).send_by(&alice).await;
    as_bob.refused(400, "sender_mismatch");
    assert_eq!(place.keys().await.len(), before, "nothing was stored");
}

#[tokio::test]
async fn links_stand_under_the_address_that_browsers_see() {
    for (settings, prefix) in [
        (&[("CHAT_BASE_PATH", "/api")][..], "/api/media/"),
        (&[("CHAT_BASE_PATH", "/api"), ("CHAT_PUBLIC_URL", "https://chat.example")], "https://chat.example/api/media/"),
        (
            &[("CHAT_BASE_PATH", "/api"), ("CHAT_PUBLIC_URL", "https://chat.example/v1/")],
            "https://chat.example/v1/media/",
        ),
    ] {
        let (hub, _) = hub(Kind::Folder, settings).await;
        let (alice, bob) = (hub.person(42), hub.person(7));
        let mut desk = bob.connect().await;
        let images = uploads(&alice, &[&small()]).await;
        alice.post("/chat/send", &json!({"receiver_id": 7, "images": ids(&images)})).await.is(201);
        let heard = desk.expect("new_message").await;
        let read = bob.get("/chat/messages?with=42").await.is(200);
        for message in [&heard, &read["messages"][0]] {
            for link in [&message["images"][0]["url"], &message["images"][0]["thumb_url"], &message["image_urls"][0]] {
                let link = link.as_str().expect("a link");
                assert!(link.starts_with(prefix), "{link} does not stand under {prefix}");
                let here = format!("/api/media/{}", &link[prefix.len()..]);
                assert_eq!(bob.fetch(&here, &[]).await.status, 200, "{here}");
            }
        }
    }
}

#[tokio::test]
async fn a_link_ends() {
    let (hub, _) = hub(Kind::Folder, &[("CHAT_MEDIA_LINKS", "2s")]).await;
    let alice = hub.person(42);
    let images = uploads(&alice, &[&small()]).await;
    let link = text(&images[0], "url");
    assert_eq!(alice.fetch(link, &[]).await.status, 200);
    crate::support::until("the link to end", || async {
        let status = alice.fetch(link, &[]).await.status;
        assert!(status == 200 || status == 404, "{status}");
        (status == 404).then_some(())
    })
    .await;
    let fresh = uploads(&alice, &[&small()]).await;
    assert_eq!(alice.fetch(text(&fresh[0], "url"), &[]).await.status, 200);
}

#[tokio::test]
async fn readers_are_sent_on_to_a_store_that_has_links_of_its_own() {
    if super::place::server().is_none() {
        return;
    }
    let (hub, _) = hub(Kind::Bucket, &[("CHAT_MEDIA_REDIRECT", "true")]).await;
    let (alice, mallory) = (hub.person(42), hub.person(666));
    let images = uploads(&alice, &[&small()]).await;
    let link = text(&images[0], "url");
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
    let asked = client.get(format!("http://{}{link}", hub.address())).send().await.expect("an answer");
    assert_eq!(asked.status(), 307);
    assert_eq!(asked.headers()["cache-control"], "private, max-age=240");
    let target = asked.headers()["location"].to_str().expect("a text").to_owned();
    assert!(target.contains("X-Amz-Signature=") && target.contains("X-Amz-Expires=300"), "{target}");
    let stored = alice.fetch(&target, &[]).await;
    assert_eq!((stored.status, stored.header("content-type")), (200, "image/webp"));
    assert_eq!(stored.bytes.len() as u64, images[0]["bytes"].as_u64().expect("a number"));
    // A link of the store is signed for GET: what HEAD asks is answered here.
    let head = client.head(format!("http://{}{link}", hub.address())).send().await.expect("an answer");
    assert_eq!(head.status(), 200);
    assert_eq!(head.headers()["content-length"], images[0]["bytes"].to_string().as_str());
    // A reader who may not see it is not redirected.
    let path = link.split_once('?').expect("a link").0;
    assert_eq!(mallory.get(path).await.status, 404);
}
