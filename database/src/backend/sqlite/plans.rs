//! No statement of ours walks a table: SQLite is asked for its plan of each text that a busy life has made.

use rusqlite::StatementStatus;
use sea_orm::{ConnectionTrait, DatabaseBackend, Statement};

use crate::change::{Change, Delete, Edit, NewMessage, Notify, OwnNotification, Receipt, ReceiptKind, Ticket, Upload};
use crate::commit::Writer;
use crate::connect::Options;
use crate::history;
use crate::ids::{CommitNo, MediaId, MessageId, NotificationId, Pair, Rev, Seq, ThreadId, UserId};
use crate::nodes::NodeId;
use crate::objects::Image;
use crate::queries::messages::{Page, ThreadRef};
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

    let tables = strings(&db, "SELECT name FROM sqlite_master WHERE type = 'table'", "name").await;
    assert!(tables.len() > 10, "{tables:?}");
    let texts = sql::texts().clone();
    assert!(texts.len() > 60, "only {} statements", texts.len());
    for text in &texts {
        for step in strings(&db, &format!("EXPLAIN QUERY PLAN {text}"), "detail").await {
            assert!(!walks(&step, text, &tables), "{step}\n{text}");
        }
    }
}

/// A query that is not asked above has a plan that is not looked at.
#[test]
fn every_query_is_asked_for_its_plan() {
    let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let queries = std::fs::read_dir(source.join("queries")).unwrap().map(|entry| entry.unwrap().path());
    let files = queries.filter(|path| path.is_file()).chain([source.join("history.rs")]);
    let (mut asked, mut missing) = (0, Vec::new());
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let module = file.file_stem().unwrap().to_string_lossy().into_owned();
        for line in text.split("\npub async fn ").skip(1) {
            let query = format!("{module}::{}(", line.split('(').next().unwrap());
            asked += 1;
            if !include_str!("plans.rs").contains(&query) {
                missing.push(query);
            }
        }
    }
    assert!(asked > 25, "only {asked} queries");
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn a_walk_is_told_from_what_is_none() {
    let tables = ["chat_threads", "hub_commits", "hub_epochs"].map(str::to_owned);
    let walks = |step, text| walks(step, text, &tables);
    assert!(walks("SCAN chat_threads", "SELECT * FROM chat_threads"));
    assert!(walks("SCAN a USING INDEX x", r#"SELECT * FROM "chat_threads" AS "a" WHERE 1"#));
    assert!(walks("SCAN b", "SELECT * FROM (SELECT 1) AS a JOIN chat_threads b"));
    assert!(!walks("SCAN a", "SELECT * FROM (SELECT 1) AS a JOIN chat_threads b ON b.id = a.id"));
    assert!(!walks("SCAN b", "SELECT * FROM chat_threads before JOIN json_each(?) b"));
    assert!(!walks("SEARCH chat_threads USING INDEX x", "SELECT * FROM chat_threads WHERE id = 1"));
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

/// Tells whether a plan's step walks a table, which the text may call by another name. Walking the rows that we gave, or the
/// result of a subquery, is no such thing; nor is taking the oldest entries of the log from its end, nor walking the names of
/// the history: one for each start of a hub in a week.
fn walks(step: &str, text: &str, tables: &[String]) -> bool {
    let Some(walked) = step.strip_prefix("SCAN ") else {
        return false;
    };
    let walked = walked.split(' ').next().unwrap_or_default();
    let text = text.replace('"', "").replace(" AS ", " ");
    let words: Vec<&str> = text.split(|letter: char| !letter.is_alphanumeric() && letter != '_').collect();
    let is = |table: &String| table == walked || words.windows(2).any(|pair| pair == [table.as_str(), walked]);
    let from_the_end = text.contains("FROM hub_commits ORDER BY commit_no ASC LIMIT");
    !from_the_end && tables.iter().any(|table| table != "hub_epochs" && is(table))
}

async fn strings(db: &Database, text: &str, column: &str) -> Vec<String> {
    let asked = Statement::from_string(DatabaseBackend::Sqlite, text);
    let rows = db.for_migrations().query_all_raw(asked).await.unwrap();
    rows.iter().map(|row| row.try_get("", column).unwrap()).collect()
}

async fn write_everything(db: &Database) {
    let mut writer = Writer::new(db.clone(), NodeId::draw("node").unwrap());
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
        Change::UseTicket(Ticket { id: "t".to_owned(), expires_at: at }),
    ];
    writer.commit(&changes).await.unwrap();
    let newest = MessageId::new(802).unwrap();
    for message in [message, newest] {
        writer.commit(&[Change::Delete(Delete { message, pair, at })]).await.unwrap();
    }
    writer.sweep().await.unwrap();
    writer.probe().await.unwrap();
    let stands = history::head(db).await.unwrap();
    writer.resolve_in_doubt(&stands, None).await.unwrap();
    writer.begin_anew().await.unwrap();
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
    changes::of_user(db, ben, CommitNo(0), 1_000).await.unwrap().unwrap();
    changes::of_user(db, ben, CommitNo(1), 1_000).await.unwrap().unwrap();
    let mut backlog = changes::backlog(db, ben, CommitNo(1), 1_000).await.unwrap().unwrap();
    changes::next(db, &mut backlog, 1_000).await.unwrap();
    changes::page(db, ben, CommitNo(1), 1_000, 10).await.unwrap().unwrap();
    changes::log(db, CommitNo(0), CommitNo(9)).await.unwrap();
    changes::of_thread(db, thread, CommitNo(1)).await.unwrap().unwrap();
    changes::notifications_of(db, &[ann, ben], CommitNo(0)).await.unwrap();
    let head = history::head_beside(db, CommitNo(1)).await.unwrap();
    assert!(history::holds(db, &head.mark).await.unwrap());
}
