//! No statement of ours walks a table: SQLite is asked for its plan of each text that a busy life has made.

use rusqlite::StatementStatus;
use sea_orm::{ConnectionTrait, DatabaseBackend, Statement};

use crate::change::{Change, Delete, Edit, NewMessage, Notify, OwnNotification, Receipt, ReceiptKind, Ticket, Upload};
use crate::commit::Writer;
use crate::connect::Options;
use crate::ids::{CommitNo, MediaId, MessageId, NotificationId, Pair, Rev, Seq, ThreadId, UserId};
use crate::objects::Image;
use crate::queries::messages::Page;
use crate::queries::{changes, inbox, media, messages, notifications, people, threads, unread};
use crate::time::Timestamp;
use crate::{Database, sql};

#[tokio::test]
async fn no_statement_walks_a_table() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/plans.db?mode=rwc", folder.path().display());
    let db = Database::connect(&Options { url, readers: 2 }).await.unwrap();
    chat_migrations::up(db.for_migrations()).await.unwrap();
    write_everything(&db).await;
    read_everything(&db).await;

    let texts = sql::texts().clone();
    assert!(texts.len() > 30, "only {} statements", texts.len());
    for text in &texts {
        let asked = Statement::from_string(DatabaseBackend::Sqlite, format!("EXPLAIN QUERY PLAN {text}"));
        for step in db.for_migrations().query_all_raw(asked).await.unwrap() {
            let step: String = step.try_get("", "detail").unwrap();
            assert!(!walks(&step, text), "{step}\n{text}");
        }
    }
}

/// SQLite planned every page of history anew, which was a seventh of its cost: it looks at the value of a `LIMIT`, and
/// forgets the plan with the value. `.cargo/config.toml` has it built so that it does not.
#[test]
fn a_statement_is_planned_once_whatever_its_limit() {
    let db = rusqlite::Connection::open_in_memory().unwrap();
    db.execute_batch("CREATE TABLE x (id INTEGER PRIMARY KEY); INSERT INTO x VALUES (1), (2), (3)").unwrap();
    let mut page = db.prepare("SELECT id FROM x WHERE id > ? ORDER BY id LIMIT ?").unwrap();
    for (above, limit) in [(0, 2), (1, 1), (0, 3)] {
        let found = page.query_map((above, limit), |row| row.get::<_, i64>(0)).unwrap().count();
        assert_eq!(found, usize::try_from(limit).unwrap());
    }
    assert_eq!(page.get_status(StatementStatus::RePrepare), 0);
}

/// Tells whether a plan's step walks a table. Walking the rows that we gave, or the result of a subquery (all of which have
/// names of one letter), is no such thing; nor is taking the oldest entries of the log from its end, nor walking the names of
/// the history: one for each start of a hub in a week.
fn walks(step: &str, text: &str) -> bool {
    let Some(walked) = step.strip_prefix("SCAN ") else {
        return false;
    };
    let walked = walked.split(' ').next().unwrap_or_default();
    let given =
        ["json_each", "CONSTANT", "a", "b", "c", "j", "p", "r", "w", "x"].contains(&walked) || walked.starts_with('(');
    let from_the_end = text.contains(r#"FROM "hub_commits" ORDER BY "commit_no" ASC LIMIT"#);
    !given && !from_the_end && walked != "hub_epochs"
}

async fn write_everything(db: &Database) {
    let mut writer = Writer::new(db.clone(), "node".to_owned());
    let (ann, ben) = (UserId::new(1).unwrap(), UserId::new(2).unwrap());
    let pair = Pair::new(ann, ben).unwrap();
    let at = Timestamp::now();
    let message = MessageId::new(1).unwrap();
    let send = |key: usize| NewMessage {
        pair,
        may_open: true,
        sender: ann,
        temp_id: Some(key.to_string()),
        payload_hash: [0; 32],
        content: Some("text".to_owned()),
        media: Vec::new(),
        product_id: None,
        reply_to: None,
        at,
    };
    writer.commit(&[Change::Upload(vec![upload("a", ann, at), upload("b", ann, at)])]).await.unwrap();
    let ids = || vec![MediaId("b".to_owned())];
    writer.commit(&[Change::GiveUp(ids(), at), Change::Forget(ids())]).await.unwrap();
    writer.commit(&(0..400).map(|key| Change::Send(send(key))).collect::<Vec<_>>()).await.unwrap();
    // A writer that knows nothing has to read.
    let mut writer = Writer::new(db.clone(), "node".to_owned());
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
        Change::UseTicket(Ticket { id: "t".to_owned(), expires_at: at }),
    ];
    writer.commit(&changes).await.unwrap();
    let newest = MessageId::new(802).unwrap();
    for message in [message, newest] {
        writer.commit(&[Change::Delete(Delete { message, pair, at })]).await.unwrap();
    }
    writer.sweep().await.unwrap();
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

async fn read_everything(db: &Database) {
    let (ann, ben) = (UserId::new(1).unwrap(), UserId::new(2).unwrap());
    let thread = ThreadId::new(1).unwrap();
    for unread_only in [false, true] {
        let page = inbox::page(db, ben, None, unread_only, 5).await.unwrap();
        assert_eq!(page.threads.len(), 1);
        notifications::page(db, ben, None, unread_only, 5).await.unwrap();
    }
    notifications::of_thread(db, ben, thread).await.unwrap();
    for page in [Page::Newest, Page::BeforeSeq(Seq(9)), Page::AfterSeq(Seq(9)), Page::AfterRev(Rev(9))] {
        messages::page(db, ben, thread, page, 5).await.unwrap();
    }
    messages::was_sent(db, Pair::new(ann, ben).unwrap(), ann, "k").await.unwrap();
    media::find(db, ann, &MediaId("a".to_owned())).await.unwrap();
    media::over(db, Timestamp::now(), 0, 10).await.unwrap();
    media::unsent(db, ann, Timestamp::now()).await.unwrap();
    threads::authorship(db, MessageId::new(1).unwrap()).await.unwrap();
    unread::totals(db, ben).await.unwrap();
    unread::by_counterpart(db, ben).await.unwrap();
    unread::recount(db, ben).await.unwrap();
    let around = people::counterparts(db, ben, 5).await.unwrap();
    people::mutual_recent_contacts(db, &around, 5).await.unwrap();
    people::acquainted(db, ben, &[ann]).await.unwrap();
    people::last_seen(db, &[ann]).await.unwrap();
    changes::of_user(db, ben, CommitNo(0), 1_000).await.unwrap().unwrap();
    changes::of_user(db, ben, CommitNo(1), 1_000).await.unwrap().unwrap();
    changes::of_thread(db, thread, CommitNo(1)).await.unwrap().unwrap();
    changes::notifications_of(db, &[ann, ben], CommitNo(0)).await.unwrap();
}
