//! PostgreSQL keeps no NUL in a text. The hub refuses one before; if it came through, its commit alone would fail.

use chat_database::Error;
use chat_database::change::{Change, NewMessage, Notify, Ticket, Upload};
use chat_database::ids::MediaId;
use chat_database::objects::Image;
use chat_testkit::postgres::wanted;

use crate::support::world::{World, user};

#[tokio::test]
async fn a_nul_in_any_text_fails_its_commit_and_no_other() {
    if !wanted("a_nul_in_any_text_fails_its_commit_and_no_other") {
        return;
    }
    let mut w = World::postgres().await;
    for text in ["\0", "a\0", "\0b", "a\0b"] {
        let poisoned = poisoned(&mut w, text);
        for (number, change) in poisoned.into_iter().enumerate() {
            let refused = w.writer.commit(&[change]).await;
            assert!(matches!(refused, Err(Error::Refused(_))), "{number}: {refused:?}");
            w.says(user(1), user(2), "goes on").await;
        }
    }
}

/// Makes a change with a NUL in each text that a change may have.
fn poisoned(w: &mut World, text: &str) -> Vec<Change> {
    let text = text.to_owned();
    let send = w.send(user(1), user(2), None, "hi");
    let at = send.at;
    let notify = Notify {
        users: vec![user(3)],
        kind: "order".to_owned(),
        title: "title".to_owned(),
        body: "body".to_owned(),
        related_id: None,
        dedupe_key: Some("key".to_owned()),
        at,
    };
    let upload = |id: &str, object_key: &str, mime: &str, blurhash: &str| {
        let image = Image {
            id: MediaId(id.to_owned()),
            url: String::new(),
            thumb_url: String::new(),
            width: 1,
            height: 1,
            bytes: 1,
            mime: mime.to_owned(),
            blurhash: blurhash.to_owned(),
        };
        Change::Upload(vec![Upload { owner: user(1), image, object_key: object_key.to_owned(), at, expires_at: at }])
    };
    vec![
        Change::Send(NewMessage { content: Some(text.clone()), ..send.clone() }),
        Change::Send(NewMessage { temp_id: Some(text.clone()), ..send.clone() }),
        Change::Send(NewMessage { media: vec![MediaId(text.clone())], ..send }),
        Change::Notify(Notify { kind: text.clone(), ..notify.clone() }),
        Change::Notify(Notify { title: text.clone(), ..notify.clone() }),
        Change::Notify(Notify { body: text.clone(), ..notify.clone() }),
        Change::Notify(Notify { dedupe_key: Some(text.clone()), ..notify }),
        Change::UseTicket(Ticket { id: text.clone(), expires_at: at }),
        upload(&text, "k", "m", "b"),
        upload("i", &text, "m", "b"),
        upload("i", "k", &text, "b"),
        upload("i", "k", "m", &text),
    ]
}
