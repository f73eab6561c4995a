//! Images that no message holds are deleted from the store and from the table; those of a message stay.

use std::collections::BTreeSet;

use serde_json::json;

use super::form::{Form, ids, uploads};
use super::picture::small;
use super::place::{Kind, Place, hub, on_both_stores};
use crate::support::person::text;
use crate::support::{Hub, until};

on_both_stores!(orphans_and_images_of_deleted_messages_are_swept, what_a_crash_left_in_the_middle_is_swept);

const QUICK: [(&str, &str); 2] = [("CHAT_MEDIA_ORPHANS", "1s"), ("CHAT_MEDIA_SWEEP", "100ms")];

async fn orphans_and_images_of_deleted_messages_are_swept(kind: Kind) {
    let (hub, place) = hub(kind, &QUICK).await;
    let (alice, bob) = (hub.person(42), hub.person(7));
    let file = small();
    let sent = Form::default().field("receiver_id", "7").file(&file).file(&file).send_by(&alice).await.is(201);
    let deleted = Form::default().field("receiver_id", "7").file(&file).send_by(&alice).await.is(201);
    let orphans = uploads(&alice, &[&file, &file]).await;
    assert_eq!(place.keys().await.len(), 10);
    alice.delete(&format!("/chat/messages/{}", deleted["message"]["id"])).await.is(204);
    let held: BTreeSet<String> =
        ids(sent["message"]["images"].as_array().expect("images")).into_iter().map(str::to_owned).collect();
    until("all but what is held to go", || async {
        let keys = place.keys().await;
        let left: BTreeSet<String> = keys.iter().filter_map(|key| key.split('/').nth(1)).map(str::to_owned).collect();
        assert!(left.is_superset(&held), "what a message holds was swept");
        (left == held).then_some(())
    })
    .await;
    let orphan = json!({"receiver_id": 7, "images": [ids(&orphans)[0]]});
    alice.post("/chat/send", &orphan).await.refused(404, "not_found");
    let seen = bob.get("/chat/messages?with=42").await.is(200);
    for link in ["url", "thumb_url"] {
        assert_eq!(bob.fetch(text(&seen["messages"][0]["images"][1], link), &[]).await.status, 200);
    }
    until("the count of it", || async { (swept(&hub).await == 3).then_some(()) }).await;
    assert!(hub.log().contains("swept images that no message holds"));
}

/// Returns how many images the hub says that it has swept.
async fn swept(hub: &Hub) -> u64 {
    let text = hub.person(1).get("/metrics").await.text;
    let line = text.lines().find_map(|line| line.strip_prefix("chat_images_swept_total "));
    line.and_then(|count| count.parse().ok()).unwrap_or_default()
}

async fn what_a_crash_left_in_the_middle_is_swept(kind: Kind) {
    let (mut hub, place) = hub(kind, &[("CHAT_MEDIA_ORPHANS", "1s"), ("CHAT_MEDIA_SWEEP", "1h")]).await;
    let alice = hub.person(42);
    let images = uploads(&alice, &[&small(), &small()]).await;
    for (image, rendition) in ids(&images).into_iter().zip(["full", "thumb"]) {
        // As if the hub had died in the middle of writing the one, and of removing the other.
        place.lose(&format!("{}/{image}/{rendition}", &image[..2]), rendition == "full");
    }
    hub.kill().await;
    hub.launch.set("CHAT_MEDIA_SWEEP", "100ms");
    hub.restart().await;
    until("both to go", || async { (swept(&hub).await == 2).then_some(()) }).await;
    assert_eq!(place.keys().await.len(), 0);
}

/// A sweep that began with the same hundred each time never came to the others.
#[tokio::test]
async fn what_the_store_does_not_give_up_keeps_nothing_else_waiting() {
    let settings = [("CHAT_MEDIA_ORPHANS", "1s"), ("CHAT_MEDIA_SWEEP", "1h"), ("CHAT_UPLOAD_RATE", "off")];
    let (mut hub, place) = hub(Kind::Folder, &settings).await;
    let alice = hub.person(42);
    let file = small();
    let ten: Vec<&[u8]> = vec![&file; 10];
    let mut stuck = BTreeSet::new();
    for _ in 0..11 {
        stuck.extend(ids(&uploads(&alice, &ten).await).into_iter().map(str::to_owned));
    }
    let Place::Folder(folder) = &place else { panic!("a folder") };
    for image in &stuck {
        // What is no folder cannot be removed as one.
        let path = folder.join(&image[..2]).join(image);
        std::fs::remove_dir_all(&path).expect("removed");
        std::fs::write(path, "in the way").expect("written");
    }
    uploads(&alice, &ten).await;
    hub.kill().await;
    hub.launch.set("CHAT_MEDIA_SWEEP", "100ms");
    hub.restart().await;
    until("the others to go", || async { (swept(&hub).await == 10).then_some(()) }).await;
    assert!(hub.log().contains("the sweep of images stopped"));
    for image in &stuck {
        std::fs::remove_file(folder.join(&image[..2]).join(image)).expect("removed");
    }
    until("all to go", || async { (swept(&hub).await == 120).then_some(()) }).await;
}
