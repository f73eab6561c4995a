//! No statement of ours walks a table: PostgreSQL is asked for its plan of each text that a busy life has made, right after the
//! tables were made, with old statistics, and with new ones.

use chat_testkit::postgres::{Postgres, wanted};
use sea_orm::{ConnectionTrait, DatabaseBackend, Statement};

use crate::backend::busy_life::run_every_statement;
use crate::connect::Options;
use crate::{Database, sql};

/// How many messages there are at last.
const MANY: u32 = 200_000;

#[tokio::test]
async fn no_statement_walks_a_table() {
    if !wanted("no_statement_walks_a_table") {
        return;
    }
    let server = Postgres::start_with(&["autovacuum=off"]);
    let db = Database::connect(&Options { url: server.database("plans"), readers: 2 }).await.unwrap();
    chat_migrations::up(db.for_migrations()).await.unwrap();
    run_every_statement(&db).await;
    look_at_all(&db, "right after the tables were made").await;
    fill(&db).await;
    look_at_all(&db, "with old statistics").await;
    db.for_migrations().execute_unprepared("ANALYZE").await.unwrap();
    look_at_all(&db, "with new statistics").await;
}

/// Makes one long thread, and a user with many threads and notifications.
async fn fill(db: &Database) {
    let threads = MANY / 10;
    for text in [
        "SET statement_timeout = 0".to_owned(),
        format!(
            "INSERT INTO chat_messages (id, thread_id, seq, rev, created_rev, sender_id, temp_id, payload_hash, content, \
             created_at, commit_no, created_commit) SELECT 10000 + i, 1, 10000 + i, 10000 + i, 10000 + i, 1 + i % 2, \
             convert_to('k' || i, 'UTF8'), decode(repeat('00', 32), 'hex'), 'text', i, i, i FROM generate_series(1, {MANY}) i"
        ),
        format!(
            "INSERT INTO chat_threads (id, user1_id, user2_id, created_at, updated_at, commit_no, updated_step, commit_step) \
             SELECT 10 + i, 2, 10 + i, i, i * 1000, i, i * 1000 >> 14, i >> 12 FROM generate_series(1, {threads}) i"
        ),
        format!(
            "INSERT INTO chat_message_status (thread_id, user_id, commit_no) \
             SELECT 10 + i, 2, i FROM generate_series(1, {threads}) i"
        ),
        format!(
            "INSERT INTO chat_message_batches (message_id, position, media_id) \
             SELECT 10000 + i, 0, convert_to('m' || i, 'UTF8') FROM generate_series(1, {threads}) i"
        ),
        format!(
            "INSERT INTO chat_amendments (thread_id, rev, message_id, last_seq, commit_no) \
             SELECT 1, 10000 + i, 10000 + i, i, i FROM generate_series(1, {threads}) i"
        ),
        format!("INSERT INTO chat_users (id) SELECT 10 + i FROM generate_series(1, {threads}) i"),
        format!(
            "INSERT INTO profiles (user_id, name, contactable) SELECT 10 + i, 'n', '[]' FROM generate_series(1, {threads}) i"
        ),
        format!(
            "INSERT INTO cards (kind, id, version, body) \
             SELECT convert_to('shop', 'UTF8'), convert_to('s' || i, 'UTF8'), 1, '{{}}' FROM generate_series(1, {threads}) i"
        ),
        format!(
            "INSERT INTO card_threads (kind, card_id, thread_id, user1_id, user2_id, sent_at) \
             SELECT convert_to('shop', 'UTF8'), convert_to('s' || i, 'UTF8'), 10 + i, 2, 10 + i, i FROM generate_series(1, {threads}) i"
        ),
        format!(
            "INSERT INTO notifications (id, user_id, type, title, body, dedupe_key, created_at, updated_at, commit_no, \
             created_commit) SELECT 10000 + i, 2, 'order', '', '', convert_to('k' || i, 'UTF8'), i, i, i, i \
             FROM generate_series(1, {threads}) i"
        ),
        format!(
            "INSERT INTO hub_commits (commit_no, node, at, threads, users) \
             SELECT 10000 + i, 'n', i, '[]', '[]' FROM generate_series(1, {threads}) i"
        ),
        format!(
            "INSERT INTO webhook_deliveries (id, webhook_id, event_id, type, at, status) \
             SELECT 10000 + i, 1 + i % 3, convert_to('e' || i, 'UTF8'), convert_to('t', 'UTF8'), i, i % 3 \
             FROM generate_series(1, {threads}) i"
        ),
        format!(
            "INSERT INTO audit_log (id, at, who, what, previous, hash) \
             SELECT 10000 + i, i, 'admin:2', 'user.show', convert_to('h', 'UTF8'), convert_to('h', 'UTF8') \
             FROM generate_series(1, {threads}) i"
        ),
        format!(
            "INSERT INTO used_tickets (id, expires_at) \
             SELECT convert_to('t' || i, 'UTF8'), i FROM generate_series(1, {threads}) i"
        ),
        format!(
            "INSERT INTO media (id, owner_id, object_key, mime, width, height, bytes, blurhash, created_at, expires_at) \
             SELECT convert_to('m' || i, 'UTF8'), 2, '', '', 1, 1, 1, '', i, i FROM generate_series(1, {threads}) i"
        ),
    ] {
        db.for_migrations().execute_unprepared(&text).await.unwrap_or_else(|error| panic!("{error}\n{text}"));
    }
}

async fn look_at_all(db: &Database, when: &str) {
    let texts = sql::texts(DatabaseBackend::Postgres);
    assert!(texts.len() > 60, "only {} statements", texts.len());
    let mut walking = Vec::new();
    for text in &texts {
        let plan = plan(db, text).await;
        if let Some(node) = walk(&plan, text) {
            walking.push(format!("{node}\n{text}\n{}", plan.join("\n")));
        }
    }
    assert!(walking.is_empty(), "{when}:\n{}", walking.join("\n\n"));
}

/// Returns the plan for all values, with the settings of our sessions.
async fn plan(db: &Database, text: &str) -> Vec<String> {
    let db = db.for_migrations();
    let parameters = (1..).take_while(|number| text.contains(&format!("${number}"))).count();
    let values = if parameters == 0 { String::new() } else { format!("({})", vec!["NULL"; parameters].join(", ")) };
    db.execute_unprepared(&format!("PREPARE asked AS {text}")).await.unwrap_or_else(|error| panic!("{error}\n{text}"));
    let asked = Statement::from_string(DatabaseBackend::Postgres, format!("EXPLAIN EXECUTE asked{values}"));
    let rows = db.query_all_raw(asked).await.unwrap();
    db.execute_unprepared("DEALLOCATE asked").await.unwrap();
    rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}

/// Returns the node of a plan that walks a table, or all of an index. Taking the oldest entries of the log from its end is no such
/// thing, nor is walking the counter's one row, the names of the history, one for each start of a hub in a week, the nodes, the
/// consumers, the webhooks, the restrictions of users or the one row of the audit log's chain.
fn walk<'p>(plan: &'p [String], text: &str) -> Option<&'p str> {
    let ends = [
        r#"FROM "hub_commits" ORDER BY "commit_no" ASC LIMIT"#,
        r#"FROM "webhook_deliveries" ORDER BY "id" ASC LIMIT"#,
    ];
    let from_the_end = ends.iter().any(|end| text.contains(end));
    plan.iter().enumerate().find_map(|(at, node)| {
        let by_index = node.contains("Index Scan") || node.contains("Index Only Scan");
        let by_condition = plan.get(at + 1).is_some_and(|line| line.contains("Index Cond:"));
        let walks = node.contains("Seq Scan on") || (by_index && !by_condition && !from_the_end);
        let short =
            ["audit_chain", "hub_consumers", "hub_epochs", "hub_nodes", "hub_state", "user_restrictions", "webhooks"];
        let short = short.iter().any(|table| node.contains(table));
        (walks && !short).then_some(node.as_str())
    })
}
