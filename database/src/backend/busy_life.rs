//! A busy life, which runs every statement of ours once at least: what the tests of the query plans go through.

use crate::audit::{Act, NewEntry};
use crate::change::{
    Change, Delete, Edit, LocalText, NewMessage, Notify, Outcome, OwnNotification, Receipt, ReceiptKind, SystemMessage,
    Ticket, Upload,
};
use crate::commit::Writer;
use crate::consumers::{Advance, ConsumerChange, WEBHOOKS};
use crate::events::EventPosition;
use crate::ids::{
    CommitNo, DeliveryId, MediaId, MessageId, NotificationId, Pair, Rev, Seq, ThreadId, UserId, WebhookId,
};
use crate::nodes::NodeId;
use crate::objects::{Card, CardRef, Image, Profile, PublicProfile};
use crate::queries::events::{FeedPosition, Found};
use crate::queries::messages::{Page, ThreadRef};
use crate::queries::{
    audit, cards, changes, consumers, events, inbox, media, messages, notifications, people, profiles, restrictions,
    threads, unread, webhooks,
};
use crate::restrictions::AdminChange;
use crate::time::Timestamp;
use crate::webhooks::{DeliveryResult, NewDelivery, NewWebhook, Status, WebhookEdit};
use crate::{Database, history};

/// Runs every statement on a new database.
pub(super) async fn run_every_statement(db: &Database) {
    write_everything(db).await;
    read_everything(db).await;
}

/// Writes with every statement.
async fn write_everything(db: &Database) {
    let mut writer = Writer::new(db.clone(), NodeId::draw("node").unwrap());
    let (ann, ben) = (UserId::new(1).unwrap(), UserId::new(2).unwrap());
    let pair = Pair::new(ann, ben).unwrap();
    let at = Timestamp::now();
    let message = MessageId::new(1).unwrap();
    let send = |key: usize| NewMessage {
        pair,
        sender: ann,
        temp_id: Some(key.to_string()),
        payload_hash: [0; 32],
        content: Some("text".to_owned()),
        media: Vec::new(),
        product_id: None,
        card: None,
        reply_to: None,
        at,
    };
    writer.commit(&[Change::Upload(vec![upload("a", ann, at), upload("b", ann, at)])]).await.unwrap();
    let ids = || vec![MediaId("b".to_owned())];
    writer.commit(&[Change::GiveUp(ids(), at), Change::Forget(ids())]).await.unwrap();
    writer.commit(&(0..400).map(|key| Change::Send(send(key))).collect::<Vec<_>>()).await.unwrap();
    // A writer that knows nothing has to read.
    let mut writer = Writer::new(db.clone(), NodeId::draw("node").unwrap());
    let with_image = NewMessage { media: vec![MediaId("a".to_owned())], reply_to: Some(message), ..send(1_000) };
    let own = OwnNotification { id: NotificationId::new(1).unwrap(), user: ben };
    let notify = Notify {
        users: vec![ann],
        kind: "order".to_owned(),
        title: String::new(),
        body: String::new(),
        related_id: None,
        dedupe_key: Some("k".to_owned()),
        at,
    };
    let receipt = Receipt { pair, user: ben, kind: ReceiptKind::Seen, up_to: Some(Seq(5)), at };
    let changes = [
        Change::Receipt(receipt),
        Change::Send(send(3)),
        Change::Send(with_image),
        Change::Edit(Edit { message, pair, content: "edited".to_owned(), at }),
        Change::Notify(notify),
        Change::ReadNotification(own),
        Change::ReadAllNotifications(ben),
        Change::DeleteNotification(own),
        Change::LastSeen(vec![(ann, at)]),
        Change::PutProfiles(vec![profile(ann)]),
        Change::PutCards(vec![card()]),
        Change::Send(NewMessage { card: Some(card().reference()), ..send(1_001) }),
        Change::SystemMessage(SystemMessage {
            pair,
            dedupe_key: "k".to_owned(),
            payload_hash: [0; 32],
            texts: vec![LocalText { locale: "en".to_owned(), text: "shipped".to_owned() }],
            card: None,
            at,
        }),
        Change::UseTicket(Ticket { id: "t".to_owned(), expires_at: at }),
    ];
    let committed = writer.commit(&changes).await.unwrap();
    let Outcome::Sent(with_image) = &committed.outcomes[2] else { panic!("{:?}", committed.outcomes) };
    let newest = with_image.message.id;
    for message in [message, newest] {
        writer.commit(&[Change::Delete(Delete { message, pair, at })]).await.unwrap();
    }
    let mut elsewhere = Writer::new(db.clone(), NodeId::draw("elsewhere").unwrap());
    elsewhere.commit(&[Change::Send(send(2_000))]).await.unwrap();
    writer.commit(&[Change::Send(send(2_001))]).await.unwrap();
    write_for_consumers(&mut writer, at).await;
    write_for_operators(&mut writer, ann, at).await;
    writer.commit(&[Change::Send(send(2_002))]).await.unwrap();
    writer.sweep().await.unwrap();
    writer.probe().await.unwrap();
    let stands = history::head(db).await.unwrap();
    writer.resolve_in_doubt(&stands, None).await.unwrap();
    writer.begin_anew().await.unwrap();
}

fn card() -> Card {
    let CardRef { kind, id } = "product:5".parse().unwrap();
    let (title, url) = ("A lamp".to_owned(), "https://shop.example/p/5".to_owned());
    let (subtitle, image_url, amount, currency, state) = (None, None, None, None, None);
    Card { kind, id, version: 1, title, subtitle, image_url, amount, currency, url, state }
}

fn profile(user_id: UserId) -> Profile {
    let public = PublicProfile { name: "Ann".to_owned(), avatar_url: None, verified: true, role: None };
    Profile { user_id, public, locale: None, timezone: None, email: None, contactable: Vec::new() }
}

fn upload(id: &str, owner: UserId, at: Timestamp) -> Upload {
    let image = Image {
        id: MediaId(id.to_owned()),
        url: String::new(),
        thumb_url: String::new(),
        width: 1,
        height: 1,
        bytes: 1,
        mime: "image/webp".to_owned(),
        blurhash: String::new(),
    };
    Upload { owner, image, object_key: "k".to_owned(), at, expires_at: at }
}

/// Reads with every query.
async fn read_everything(db: &Database) {
    let (ann, ben) = (UserId::new(1).unwrap(), UserId::new(2).unwrap());
    let thread = ThreadId::new(1).unwrap();
    for unread_only in [false, true] {
        let page = inbox::page(db, ben, None, unread_only, 5).await.unwrap();
        assert_eq!(page.threads.len(), 1);
        notifications::page(db, ben, None, unread_only, 5).await.unwrap();
    }
    inbox::one(db, ben, thread).await.unwrap().unwrap();
    notifications::of_thread(db, ben, thread).await.unwrap();
    for page in [Page::Newest, Page::BeforeSeq(Seq(9)), Page::AfterSeq(Seq(9)), Page::AfterRev(Rev(9))] {
        messages::page(db, ben, thread, page, 5).await.unwrap();
    }
    let pair = Pair::new(ann, ben).unwrap();
    messages::page(db, ben, ThreadRef::Pair(pair), Page::Newest, 5).await.unwrap();
    messages::one(db, ben, MessageId::new(5).unwrap()).await.unwrap().unwrap();
    messages::was_sent(db, pair, ann, "k").await.unwrap();
    media::find(db, ann, &MediaId("a".to_owned())).await.unwrap();
    media::over(db, Timestamp::now(), 0, 10).await.unwrap();
    media::unsent(db, ann, Timestamp::now()).await.unwrap();
    threads::members(db, thread).await.unwrap().unwrap();
    threads::of_pair(db, pair).await.unwrap().unwrap();
    threads::authorship(db, MessageId::new(1).unwrap()).await.unwrap();
    unread::totals(db, ben).await.unwrap();
    unread::by_counterpart(db, ben).await.unwrap();
    unread::recount(db, ben).await.unwrap();
    let around = people::counterparts(db, ben, 5).await.unwrap();
    people::mutual_recent_contacts(db, &around, 5).await.unwrap();
    people::acquainted(db, ben, &[ann]).await.unwrap();
    people::last_seen(db, &[ann]).await.unwrap();
    people::sharing_a_thread(db, &[ann], 5).await.unwrap();
    assert_eq!(profiles::of(db, &[ann]).await.unwrap(), [profile(ann)]);
    assert_eq!(profiles::page(db, &[ann]).await.unwrap(), (vec![profile(ann)], false));
    let named = [card().reference()];
    assert_eq!(cards::of(db, &named).await.unwrap(), [card()]);
    assert_eq!(cards::page(db, &named).await.unwrap(), (vec![card()], false));
    assert_eq!(cards::recent_readers(db, &named, Timestamp::from_millis(0), 5).await.unwrap().len(), 1);
    changes::of_user(db, ben, CommitNo(0), 1_000).await.unwrap().unwrap();
    changes::of_user(db, ben, CommitNo(1), 1_000).await.unwrap().unwrap();
    let mut backlog = changes::backlog(db, ben, CommitNo(1), 1_000).await.unwrap().unwrap();
    changes::next(db, &mut backlog, 1_000).await.unwrap();
    changes::page(db, ben, CommitNo(1), 1_000, 10).await.unwrap().unwrap();
    changes::log(db, CommitNo(0), CommitNo(9)).await.unwrap();
    changes::of_thread(db, thread, CommitNo(1)).await.unwrap().unwrap();
    changes::notifications_of(db, &[ann, ben], CommitNo(0)).await.unwrap();
    read_events(db).await;
    read_for_consumers(db).await;
    read_for_operators(db, ann).await;
    let head = history::head_beside(db, CommitNo(1)).await.unwrap();
    assert!(history::holds(db, &head.commit_ref).await.unwrap());
    history::check(db).await.unwrap();
}

/// Reads all events from the beginning.
async fn read_events(db: &Database) {
    let found = events::after(db, FeedPosition::behind(CommitNo(0)), 10_000, |_| true).await.unwrap();
    let Found::Window(window) = found else { panic!("the log is whole") };
    let event_refs: Vec<_> = window.events.iter().map(|event| event.event_ref).collect();
    assert!(event_refs.len() > 400);
    events::objects(db, &event_refs).await.unwrap();
    assert_eq!(events::oldest(db).await.unwrap().commit, CommitNo(0));
}

/// Writes all that consumers and webhooks have.
async fn write_for_consumers(writer: &mut Writer, at: Timestamp) {
    let (id, holder) = (WebhookId::new(5).unwrap(), || "node#1".to_owned());
    let webhook = NewWebhook {
        id,
        url: String::new(),
        types: vec!["*".to_owned()],
        description: String::new(),
        enabled: true,
        at,
    };
    let delivery =
        NewDelivery { webhook: id, event_id: "evt_1".to_owned(), kind: "thread.seen".to_owned(), thread: None, at };
    let made = ConsumerChange::AddWebhook(Box::new(webhook));
    let made = writer.commit(&[Change::Consume(Box::new(made))]).await.unwrap();
    let from = EventPosition::end_of(made.commit_ref.commit);
    let to = EventPosition::end_of(CommitNo(made.commit_ref.commit.0 + 1));
    let result = DeliveryResult {
        id: DeliveryId::new(made.commit_ref.commit.0 << 12).unwrap(),
        status: Status::Ok,
        attempts: 1,
        next_at: None,
        code: Some(200),
        ms: 1,
        reply: String::new(),
    };
    let changes = [
        ConsumerChange::Follow { name: "feed:1".to_owned(), position: from },
        ConsumerChange::Lease { name: WEBHOOKS, holder: holder() },
        ConsumerChange::Advance(Advance {
            name: WEBHOOKS,
            holder: holder(),
            from,
            to,
            deliveries: vec![delivery.clone()],
        }),
        ConsumerChange::Results(vec![result]),
        ConsumerChange::Health(id, Some(at), None),
        ConsumerChange::RotateSecret(id, at),
        ConsumerChange::EditWebhook(id, Box::new(WebhookEdit { enabled: Some(true), ..WebhookEdit::default() })),
        ConsumerChange::Requeue(id, vec![DeliveryId::new(1).unwrap()], at),
        ConsumerChange::Disable(id, String::new(), vec![delivery]),
        ConsumerChange::Release { name: WEBHOOKS, holder: holder() },
        ConsumerChange::RemoveWebhook(id),
    ];
    writer.commit(&changes.map(|change| Change::Consume(Box::new(change)))).await.unwrap();
}

/// Writes all that operators do.
async fn write_for_operators(writer: &mut Writer, user: UserId, at: Timestamp) {
    let entry = || NewEntry::new("admin:2", Act::UserShow);
    let changes = [
        AdminChange::Note(vec![entry()]),
        AdminChange::Suspend(user, Some((at, "spam".to_owned())), entry()),
        AdminChange::EndSessions(user, entry()),
        AdminChange::SweepAudit(std::time::Duration::ZERO, entry()),
    ];
    for change in changes {
        writer.commit(&[Change::Administer(Box::new(change))]).await.unwrap();
    }
}

/// Reads all that operators do.
async fn read_for_operators(db: &Database, user: UserId) {
    assert!(!audit::page(db, None, 10).await.unwrap().is_empty());
    audit::after(db, 0, 10).await.unwrap();
    audit::chain(db).await.unwrap();
    let ended = restrictions::ended_sessions(db).await.unwrap();
    assert_eq!(ended.users.len(), 1);
    assert!(restrictions::ended_sessions_since(db, ended.as_of).await.unwrap().users.is_empty());
    restrictions::of(db, user).await.unwrap().unwrap();
}

/// Reads all that consumers and webhooks have.
async fn read_for_consumers(db: &Database) {
    let id = WebhookId::new(5).unwrap();
    assert!(consumers::one(db, WEBHOOKS).await.unwrap().is_some());
    consumers::all(db).await.unwrap();
    assert!(webhooks::all(db).await.unwrap().is_empty());
    assert!(webhooks::one(db, id).await.unwrap().is_none());
    let deliveries = webhooks::deliveries(db, id, None, None, 10).await.unwrap();
    assert_eq!(deliveries.len(), 2);
    webhooks::delivery_of(db, id, deliveries[0].id).await.unwrap().unwrap();
    let ever = (Timestamp::from_millis(0), Timestamp::from_millis(i64::MAX));
    webhooks::oldest_first(db, (id, Status::Pending), 0, ever, 10).await.unwrap();
}
