//! `kill -9` at random instants while people upload, send and delete: what was acknowledged is there whole, what was not is
//! sent again and stands once, and nothing is left behind.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use reqwest::Method;
use serde_json::Value;

use super::form::{Form, content_type, ids, uploads};
use super::picture::{jpeg, picture};
use super::place::{Kind, Place, hub, on_both_stores};
use crate::support::person::{array, number, text};
use crate::support::{Dice, Hub, Person, in_time, passes, until, usual_or_long};

on_both_stores!(kill_9_leaves_no_message_without_its_images_and_no_image_without_a_row, an_upload_survives_the_hub,);

/// A client that sends pictures until they are acknowledged, and deletes every third.
struct Author {
    me: Person,
    next: u32,
    /// Sent, and not answered yet.
    open: Option<u32>,
    acked: BTreeMap<u32, Value>,
    deleted: BTreeSet<u32>,
}

impl Author {
    fn form(number: u32) -> Form {
        let file = |more: u32| jpeg(&picture(40 + number % 50, 40 + more).into(), None);
        Form::default().field("receiver_id", "7").field("temp_id", &number.to_string()).file(&file(0)).file(&file(9))
    }

    /// Lives through one life of the hub.
    async fn live(&mut self, until: Option<u32>) {
        loop {
            if self.open.is_none() && until.is_some_and(|until| self.next >= until) {
                return;
            }
            // Only the hub knows whether an unacknowledged one is stored.
            let number = *self.open.get_or_insert(self.next);
            let request = self.me.ask(Method::POST, "/chat/send").header("content-type", content_type());
            let Ok(answer) = request.body(Self::form(number).bytes()).send().await else { return };
            let status = answer.status().as_u16();
            let Ok(body) = answer.json::<Value>().await else { return };
            assert!(status == 200 || status == 201, "{status} {body}");
            self.next = self.next.max(number + 1);
            self.open = None;
            let message = body["message"].clone();
            if number % 3 == 2 {
                // Whether this one is heard or not, it is asked for again after the end.
                let path = format!("/chat/messages/{}", message["id"]);
                if self.me.ask(Method::DELETE, &path).send().await.is_err() {
                    self.deleted.insert(number);
                    self.acked.insert(number, message);
                    return;
                }
                self.deleted.insert(number);
            }
            self.acked.insert(number, message);
        }
    }
}

async fn kill_9_leaves_no_message_without_its_images_and_no_image_without_a_row(kind: Kind) {
    let crashes = usual_or_long(12, 60);
    let quick = [("CHAT_MEDIA_ORPHANS", "1s"), ("CHAT_MEDIA_SWEEP", "50ms")];
    let (mut hub, place) = hub(kind, &quick).await;
    let bob = hub.person(7);
    let mut random = Dice::new(11);
    let mut author =
        Author { me: hub.person(42), next: 0, open: None, acked: BTreeMap::new(), deleted: BTreeSet::new() };
    let loner = hub.person(8);
    for crash in 0..crashes {
        let dying = async {
            // The instant is the point of this test: any one will do.
            passes(Duration::from_millis(20 + random.below(150) as u64)).await;
            hub.kill().await;
        };
        let uploading = async {
            let request = loner.ask(Method::POST, "/chat/upload").header("content-type", content_type());
            let _ = request.body(Author::form(crash).bytes()).send().await;
        };
        in_time(&format!("life and death {crash}"), async { tokio::join!(author.live(None), uploading, dying) }).await;
        hub.restart().await;
        for message in bob.history_with(&author.me).await {
            is_whole(&bob, &message).await;
        }
    }
    let end = author.next + 3;
    in_time("the last life", author.live(Some(end))).await;
    for number in &author.deleted {
        let id = &author.acked[number]["id"];
        assert!([204, 404].contains(&author.me.delete(&format!("/chat/messages/{id}")).await.status));
    }

    let history = bob.history_with(&author.me).await;
    assert_eq!(history.len(), author.acked.len(), "every message once");
    assert!(history.len() > crashes as usize / 3, "the load was no load: {}", history.len());
    let mut held = BTreeSet::new();
    for (message, (number, acked)) in history.iter().zip(&author.acked) {
        assert_eq!((&message["id"], text(message, "temp_id")), (&acked["id"], number.to_string().as_str()));
        assert_eq!(message["deleted"] == true, author.deleted.contains(number), "{message}");
        if message["deleted"] == false {
            assert_eq!(ids(array(message, "images")), ids(array(acked, "images")), "the same images as acknowledged");
            is_whole(&bob, message).await;
            held.extend(ids(array(message, "images")).into_iter().map(str::to_owned));
        }
    }
    // What was under way when the hub died is swept: nothing is in the store that no message holds.
    until("nothing to be left behind", || async {
        let keys = place.keys().await;
        let left: BTreeSet<String> = keys.iter().filter_map(|key| key.split('/').nth(1)).map(str::to_owned).collect();
        (left == held && keys.len() == held.len() * 2).then_some(())
    })
    .await;
    if let Place::Folder(folder) = &place {
        let folders = |entry: std::fs::DirEntry| std::fs::read_dir(entry.path()).expect("a folder").count();
        until("not even an empty folder to be left", || async {
            let entries = std::fs::read_dir(folder).expect("a folder");
            let images: usize = entries.map(|entry| folders(entry.expect("one"))).sum();
            (images == held.len()).then_some(())
        })
        .await;
    }
    until("no row to be left whose time is over", || async { (Box::pin(over(&hub)).await == 0).then_some(()) }).await;
}

/// Holds that a message has all its images, each in both renditions, or is deleted.
async fn is_whole(reader: &Person, message: &Value) {
    let images = array(message, "images");
    assert_eq!(images.len(), if message["deleted"] == true { 0 } else { 2 }, "{message}");
    for image in images {
        for link in ["url", "thumb_url"] {
            let fetched = reader.fetch(text(image, link), &[]).await;
            assert_eq!(fetched.status, 200, "{image}");
            let shown = image::load_from_memory(&fetched.bytes).expect("a picture");
            assert_eq!(u64::from(shown.width()), number(image, "width"));
        }
    }
}

/// Returns how many rows there are whose time is over, or will be.
async fn over(hub: &Hub) -> usize {
    let url = format!("sqlite://{}?mode=rw", hub.folder().path().join("chat.db").display());
    let options = chat_database::connect::Options { url, readers: 1 };
    let database = chat_database::Database::connect(&options).await.expect("the database");
    let end = chat_database::time::Timestamp::from_millis(i64::MAX);
    let over = chat_database::queries::media::over(&database, end, 0, 1_000).await.expect("read");
    database.close().await;
    over.len()
}

async fn an_upload_survives_the_hub(kind: Kind) {
    let (mut hub, _) = hub(kind, &[]).await;
    let (alice, bob) = (hub.person(42), hub.person(7));
    let images = uploads(&alice, &[&jpeg(&picture(64, 40).into(), None)]).await;
    hub.kill().await;
    hub.restart().await;
    let mut laptop = alice.connect().await;
    let send = serde_json::json!({"temp_id": "k", "receiver_id": 7, "images": ids(&images)});
    laptop.sends(send.clone()).await;
    hub.kill().await;
    hub.restart().await;
    // The answer may have been lost: the same again is the same.
    let mut laptop = alice.connect().await;
    assert_eq!(laptop.sends(send).await["duplicate"], true);
    let page = bob.get("/chat/messages?with=42").await.is(200);
    assert_eq!(array(&page, "messages").len(), 1);
    assert_eq!(bob.fetch(text(&page["messages"][0]["images"][0], "url"), &[]).await.status, 200);
}
