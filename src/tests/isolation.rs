//! Who may do what: every operation × every kind of caller, and the exact status or code for each.

mod doors;
mod forged;
mod origins;
mod roles;

use crate::support::person::{Answer, answer, array, number, text};
use crate::support::{Device, Hub, Person};
use forged::Forged;
use reqwest::Method;
use serde_json::{Value, json};

/// Alice (42) has written to Bob (7): `message` stands, `deleted` she has deleted. Alice and Carol (8) have a thread, too.
struct Shop {
    hub: Hub,
    alice: Person,
    bob: Person,
    mallory: Person,
    thread: u64,
    message: u64,
    deleted: u64,
    /// A notification of Bob's.
    notification: u64,
    /// Images of Alice's: in `message`'s thread, and not sent yet.
    sent: String,
    waiting: String,
}

impl Shop {
    async fn open() -> Self {
        Self::on(Hub::start().await).await
    }

    async fn on(hub: Hub) -> Self {
        let (alice, bob, mallory) = (hub.person(42), hub.person(7), hub.person(666));
        let mut laptop = alice.connect().await;
        let ack = laptop.sends_to(&bob, "Still available?").await;
        let gone = laptop.sends_to(&bob, "never mind").await;
        let deleted = number(&gone, "message_id");
        alice.delete(&format!("/chat/messages/{deleted}")).await.is(204);
        laptop.sends_to(&hub.person(8), "hello Carol").await;
        let (sent, waiting) = (uploads(&alice).await, uploads(&alice).await);
        laptop.sends(json!({"temp_id": "look", "receiver_id": 7, "images": [sent]})).await;
        let bell = bob.get("/notifications").await.is(200);
        Self {
            thread: number(&ack, "thread_id"),
            message: number(&ack, "message_id"),
            deleted,
            notification: number(&bell["notifications"][0], "id"),
            sent,
            waiting,
            hub,
            alice,
            bob,
            mallory,
        }
    }

    /// Every operation of PROTOCOL 6 that needs a caller, in an order in which none spoils the next.
    fn operations(&self) -> Vec<Operation> {
        let Self { thread, message, deleted, notification, sent, waiting, .. } = self;
        let get = |path: String| Operation { method: Method::GET, path, body: None };
        let write = |method: Method, path: String, body: Value| Operation { method, path, body: Some(body) };
        vec![
            get(format!("/chat/messages?thread_id={thread}")),
            get("/chat/messages?with=8".to_owned()),
            get("/chat/threads".to_owned()),
            get(format!("/chat/threads/{thread}")),
            get("/chat/unread".to_owned()),
            get("/chat/sync?cursor=x".to_owned()),
            get("/chat/presence?user_ids=42,7".to_owned()),
            get("/chat/profiles?ids=42,7".to_owned()),
            get("/chat/cards?refs=product:5".to_owned()),
            get("/notifications".to_owned()),
            get(format!("/media/{sent}/full")),
            get(format!("/media/{sent}/thumb")),
            get(format!("/media/{waiting}/full")),
            write(
                Method::POST,
                "/chat/send".to_owned(),
                json!({"temp_id": "w", "receiver_id": 9, "images": [waiting]}),
            ),
            write(Method::POST, "/chat/upload".to_owned(), json!({})),
            write(Method::POST, "/chat/ticket".to_owned(), json!({})),
            write(Method::POST, format!("/chat/threads/{thread}/read"), json!({"up_to": 1})),
            write(Method::POST, "/chat/send".to_owned(), json!({"temp_id": "i", "thread_id": thread, "content": "x"})),
            write(Method::PATCH, format!("/chat/messages/{message}"), json!({"content": "changed"})),
            write(Method::PATCH, format!("/chat/messages/{deleted}"), json!({"content": "changed"})),
            write(Method::DELETE, format!("/chat/messages/{deleted}"), json!({})),
            write(Method::POST, format!("/notifications/{notification}/read"), json!({})),
            write(Method::POST, "/notifications/read-all".to_owned(), json!({})),
            write(Method::DELETE, format!("/notifications/{notification}"), json!({})),
            write(
                Method::POST,
                "/internal/notifications".to_owned(),
                json!({"user_id": 7, "type": "t", "title": "t", "body": "b"}),
            ),
            write(Method::PUT, "/internal/profiles".to_owned(), json!({"profiles": []})),
            write(Method::PUT, "/internal/cards".to_owned(), json!({"cards": []})),
            write(
                Method::POST,
                "/internal/messages".to_owned(),
                json!({"user_a": 42, "user_b": 7, "text": "t", "dedupe_key": "k"}),
            ),
            write(Method::DELETE, format!("/chat/messages/{message}"), json!({})),
        ]
    }
}

struct Operation {
    method: Method,
    path: String,
    body: Option<Value>,
}

impl Operation {
    async fn by(&self, who: &Person) -> Answer {
        self.send(who.ask(self.method.clone(), &self.path)).await
    }

    async fn send(&self, mut request: reqwest::RequestBuilder) -> Answer {
        if let Some(body) = &self.body {
            request = request.json(body);
        }
        answer(request).await
    }

    fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// What each caller is answered, in the order of [`Shop::operations`].
#[rustfmt::skip]
const TABLE: &[(&str, &str, &str)] = &[
    // the author           the other member      a stranger
    ("200",                 "200",                "404 not_found"),     // history of the thread
    ("200",                 "200",                "200"),               // history with Carol: one's own, or empty
    ("200",                 "200",                "200"),               // one's own threads
    ("200",                 "200",                "404 not_found"),     // the thread
    ("200",                 "200",                "200"),               // one's own unread
    ("200",                 "200",                "200"),               // one's own changes
    ("200",                 "200",                "200"),               // presence, without strangers
    ("200",                 "200",                "200"),               // profiles, without strangers'
    ("200",                 "200",                "200"),               // cards, which are for all
    ("200",                 "200",                "200"),               // one's own notifications
    ("200",                 "200",                "404 not_found"),     // an image of the thread
    ("200",                 "200",                "404 not_found"),     // its thumbnail
    ("200",                 "404 not_found",      "404 not_found"),     // an image that is not sent yet
    ("201",                 "404 not_found",      "404 not_found"),     // send it
    ("415 unsupported_media", "415 unsupported_media", "415 unsupported_media"), // upload what is no form
    ("200",                 "200",                "200"),               // a ticket
    ("200",                 "200",                "404 not_found"),     // read
    ("201",                 "201",                "404 not_found"),     // send into the thread
    ("200",                 "403 not_author",     "404 not_found"),     // edit
    ("404 not_found",       "403 not_author",     "404 not_found"),     // edit what is deleted
    ("404 not_found",       "403 not_author",     "404 not_found"),     // delete what is deleted
    ("404 not_found",       "204",                "404 not_found"),     // read Bob's notification
    ("204",                 "204",                "204"),               // read all of one's own
    ("404 not_found",       "204",                "404 not_found"),     // delete Bob's notification
    ("403 forbidden",       "403 forbidden",      "403 forbidden"),     // the core's door
    ("403 forbidden",       "403 forbidden",      "403 forbidden"),     // profiles
    ("403 forbidden",       "403 forbidden",      "403 forbidden"),     // cards
    ("403 forbidden",       "403 forbidden",      "403 forbidden"),     // the marketplace's own messages
    ("204",                 "403 not_author",     "404 not_found"),     // delete
];

/// Uploads a picture of one pixel; returns its id.
async fn uploads(who: &Person) -> String {
    const GIF: &[u8] = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";
    let head = b"--b\r\nContent-Disposition: form-data; name=\"images[]\"; filename=\"x\"\r\n\r\n";
    let body = [head, GIF, b"\r\n--b--\r\n"].concat();
    let request = who.ask(Method::POST, "/chat/upload").header("content-type", "multipart/form-data; boundary=b");
    let uploaded = answer(request.body(body)).await.is(201);
    text(&uploaded["images"][0], "id").to_owned()
}

fn said(answer: &Answer) -> String {
    answer.code().map_or_else(|| answer.status.to_string(), |code| format!("{} {code}", answer.status))
}

#[tokio::test]
async fn each_caller_may_do_what_is_theirs() {
    let shop = Shop::open().await;
    let mut wrong = Vec::new();
    for (operation, (author, other, stranger)) in shop.operations().iter().zip(TABLE) {
        // The stranger first: nothing of theirs may have an effect on what follows. The author last.
        for (name, who, wanted) in
            [("stranger", &shop.mallory, stranger), ("other", &shop.bob, other), ("author", &shop.alice, author)]
        {
            let got = said(&operation.by(who).await);
            if got != **wanted {
                wrong.push(format!("{} by the {name}: {got}, not {wanted}", operation.name()));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert_eq!(shop.operations().len(), TABLE.len());
}

#[tokio::test]
async fn what_is_not_ones_own_looks_as_if_it_did_not_exist() {
    let shop = Shop::open().await;
    let nothing = 9_007_199_254_740_991_u64;
    for (path, method, body) in [
        (format!("/chat/messages?thread_id={}", shop.thread), Method::GET, json!({})),
        (format!("/chat/threads/{}", shop.thread), Method::GET, json!({})),
        (format!("/chat/threads/{}/read", shop.thread), Method::POST, json!({})),
        (format!("/chat/messages/{}", shop.message), Method::PATCH, json!({"content": "x"})),
        (format!("/chat/messages/{}", shop.message), Method::DELETE, json!({})),
        (format!("/notifications/{}/read", shop.notification), Method::POST, json!({})),
        (format!("/notifications/{}", shop.notification), Method::DELETE, json!({})),
    ] {
        let theirs = answer(shop.mallory.ask(method.clone(), &path).json(&body)).await;
        let id = path.split(|letter: char| !letter.is_ascii_digit()).find(|part| !part.is_empty()).expect("an id");
        let none = answer(shop.mallory.ask(method, &path.replace(id, &nothing.to_string())).json(&body)).await;
        assert_eq!((theirs.status, &theirs.text), (none.status, &none.text), "{path}");
    }
}

#[tokio::test]
async fn a_forged_token_opens_nothing() {
    let shop = Shop::open().await;
    let forged = Forged::all(shop.hub.secret(), 42);
    for (name, token) in &forged {
        let stranger = shop.hub.person_with(42, token);
        for operation in shop.operations() {
            let answer = operation.by(&stranger).await;
            assert_eq!(said(&answer), "401 unauthorized", "{} with {name}", operation.name());
        }
        for path in ["/chat", "/notifications", "/ws/chat", "/ws/notifications"] {
            stranger.knocks(path, &[("authorization", &format!("Bearer {token}"))]).await.refused(401, "unauthorized");
            stranger.knocks(&format!("{path}?token={token}"), &[]).await.refused(401, "unauthorized");
            stranger
                .knocks(path, &[("sec-websocket-protocol", &format!("bearer, {token}"))])
                .await
                .refused(401, "unauthorized");
            stranger.knocks(path, &[("cookie", &format!("token={token}"))]).await.refused(401, "unauthorized");
        }
    }
    let anonymous = shop.hub.person(42);
    for operation in shop.operations() {
        let answer = operation.send(anonymous.request(operation.method.clone(), &operation.path)).await;
        assert_eq!(said(&answer), "401 unauthorized", "{} without a token", operation.name());
    }
}

#[tokio::test]
async fn a_forged_ticket_opens_nothing() {
    let hub = Hub::start().await;
    let alice = hub.person(42);
    for (name, ticket) in Forged::tickets(hub.secret(), 42) {
        let answer = alice.knocks(&format!("/chat?ticket={ticket}"), &[]).await;
        assert_eq!(said(&answer), "401 unauthorized", "{name}");
    }
    let ticket = alice.ticket().await;
    assert_eq!(alice.knocks(&format!("/chat?ticket={ticket}"), &[]).await.status, 101);
    alice.knocks(&format!("/notifications?ticket={ticket}"), &[]).await.refused(401, "ticket_used");
}

/// The author of a deleted message has no more of it than the other member: it has a place and an author, and no text.
#[tokio::test]
async fn what_its_author_deleted_is_nowhere_to_be_read() {
    let shop = Shop::open().await;
    let Shop { thread, deleted, .. } = &shop;
    let beginning = shop.bob.connect().await.greeting["cursor"].clone();
    let mut laptop = shop.alice.connect().await;
    let before = laptop.cursor.clone();
    let gone = laptop.sends_to(&shop.bob, "unsaid").await;
    laptop.says(json!({"type": "message_delete", "message_id": gone["message_id"]})).await;
    laptop.expect("message_deleted").await;
    for (who, cursor) in [(&shop.alice, before.as_str()), (&shop.bob, beginning.as_str().expect("a cursor"))] {
        for path in [
            format!("/chat/messages?thread_id={thread}"),
            format!("/chat/messages?thread_id={thread}&after_rev=0"),
            format!("/chat/messages?thread_id={thread}&after_seq=0"),
            "/chat/threads".to_owned(),
            "/notifications".to_owned(),
            format!("/chat/sync?cursor={cursor}"),
        ] {
            let answer = who.get(&path).await;
            assert!(!answer.text.contains("unsaid") && !answer.text.contains("never mind"), "{path}: {}", answer.text);
            assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        }
        let history = who.get(&format!("/chat/messages?thread_id={thread}")).await.is(200);
        let message = array(&history, "messages").iter().find(|message| message["id"] == *deleted).expect("its place");
        assert_eq!(
            (&message["deleted"], &message["content"], &message["sender_id"]),
            (&json!(true), &Value::Null, &json!(42))
        );
        for frame in who.resumes(cursor).await.catches_up().await {
            assert!(!frame.to_string().contains("unsaid"), "{frame}");
        }
    }
    // The author can neither change nor delete it again, nor send it anew by its key.
    for id in [deleted, &number(&gone, "message_id")] {
        laptop.is_refused(json!({"type": "message_edit", "message_id": id, "content": "back"}), "not_found").await;
        laptop.is_refused(json!({"type": "message_delete", "message_id": id}), "not_found").await;
    }
    let key = &gone["temp_id"];
    let again = laptop.sends(json!({"temp_id": key, "receiver_id": 7, "content": "unsaid"})).await;
    assert_eq!((&again["duplicate"], &again["message_id"]), (&json!(true), &gone["message_id"]));
    let other = json!({"type": "message_send", "temp_id": key, "receiver_id": 7, "content": "said after all"});
    laptop.is_refused(other, "temp_id_conflict").await;
    assert!(!shop.bob.get(&format!("/chat/messages?thread_id={thread}")).await.text.contains("unsaid"));
}

#[tokio::test]
async fn frames_about_other_peoples_things_are_refused() {
    let shop = Shop::open().await;
    let Shop { thread, message, deleted, .. } = &shop;
    let mut bobs = shop.bob.connect().await;
    let mut evil = shop.mallory.connect().await;
    let frames = |who: &str| -> Vec<(Value, Option<&str>)> {
        let by = |stranger, other, author| match who {
            "stranger" => stranger,
            "other" => other,
            _ => author,
        };
        let none = Some("not_found");
        vec![
            (
                json!({"type": "message_send", "temp_id": who, "thread_id": thread, "content": "x"}),
                by(none, None, None),
            ),
            (
                json!({"type": "message_edit", "message_id": message, "content": "y"}),
                by(none, Some("not_author"), None),
            ),
            (
                json!({"type": "message_edit", "message_id": deleted, "content": "y"}),
                by(none, Some("not_author"), none),
            ),
            (json!({"type": "message_delete", "message_id": deleted}), by(none, Some("not_author"), none)),
            (json!({"type": "message_seen", "thread_id": thread}), by(none, None, None)),
            (json!({"type": "message_delivered", "thread_id": thread, "up_to": 1}), by(none, None, None)),
            (json!({"type": "typing", "thread_id": thread}), by(none, None, None)),
            (json!({"type": "stop_typing", "thread_id": thread}), by(none, None, None)),
            (json!({"type": "notification_read", "id": shop.notification}), by(none, None, none)),
            (json!({"type": "message_delete", "message_id": message}), by(none, Some("not_author"), None)),
        ]
    };
    for (frame, code) in frames("stranger") {
        evil.is_refused(frame, code.expect("a stranger may do nothing")).await;
    }
    let quiet = ["new_message", "message_updated", "message_deleted", "messages_seen", "messages_delivered", "typing"];
    bobs.heard_nothing_of(&quiet).await;
    let mut alices = shop.alice.connect().await;
    for (who, device) in [("other", &mut bobs), ("author", &mut alices)] {
        for (frame, code) in frames(who) {
            outcome(device, frame, code).await;
        }
    }
    evil.heard_nothing_of(&quiet).await;
}

/// Says a frame, and holds that it is refused with the code, or not at all.
async fn outcome(device: &mut Device, frame: Value, code: Option<&str>) {
    let said = frame.to_string();
    match code {
        Some(code) => drop(device.is_refused(frame, code).await),
        None => {
            device.says(frame).await;
            let errors: Vec<Value> =
                device.settles().await.into_iter().filter(|frame| frame["type"] == "error").collect();
            assert!(errors.is_empty(), "{said} was refused: {errors:?}");
        }
    }
}
