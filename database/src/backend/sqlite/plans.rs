//! No statement of ours walks a table: SQLite is asked for its plan of each text that a busy life has made.

use rusqlite::StatementStatus;
use sea_orm::{ConnectionTrait, DatabaseBackend, Statement};

use crate::backend::busy_life::run_every_statement;
use crate::connect::Options;
use crate::{Database, sql};

#[tokio::test]
async fn no_statement_walks_a_table() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/plans.db?mode=rwc", folder.path().display());
    let db = Database::connect(&Options { url, readers: 2 }).await.unwrap();
    chat_migrations::up(db.for_migrations()).await.unwrap();
    run_every_statement(&db).await;

    let tables = strings(&db, "SELECT name FROM sqlite_master WHERE type = 'table'", "name").await;
    assert!(tables.len() > 10, "{tables:?}");
    let texts = sql::texts(DatabaseBackend::Sqlite);
    assert!(texts.len() > 60, "only {} statements", texts.len());
    for text in &texts {
        for step in strings(&db, &format!("EXPLAIN QUERY PLAN {text}"), "detail").await {
            assert!(!walks(&step, text, &tables), "{step}\n{text}");
        }
    }
}

/// A query that the busy life does not ask has a plan that is not looked at.
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
            if !include_str!("../busy_life.rs").contains(&query) {
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
/// result of a subquery, is no such thing; nor is taking the oldest entries of the log or the oldest deliveries from their end,
/// nor walking the names of the history (one for each start of a hub in a week), the consumers or the webhooks, nor the restrictions of
/// users, which a node reads whole when it starts.
fn walks(step: &str, text: &str, tables: &[String]) -> bool {
    let Some(walked) = step.strip_prefix("SCAN ") else {
        return false;
    };
    let walked = walked.split(' ').next().unwrap_or_default();
    let text = text.replace('"', "").replace(" AS ", " ");
    let words: Vec<&str> = text.split(|letter: char| !letter.is_alphanumeric() && letter != '_').collect();
    let is = |table: &String| table == walked || words.windows(2).any(|pair| pair == [table.as_str(), walked]);
    const SHORT: [&str; 3] = ["hub_consumers", "hub_epochs", "webhooks"];
    let at_a_start = text.ends_with("FROM user_restrictions WHERE tokens_from IS NOT NULL");
    let from_the_end = ["hub_commits ORDER BY commit_no", "webhook_deliveries ORDER BY id"];
    let from_the_end = from_the_end.iter().any(|end| text.contains(&format!("FROM {end} ASC LIMIT")));
    !from_the_end && !at_a_start && tables.iter().any(|table| !SHORT.contains(&table.as_str()) && is(table))
}

async fn strings(db: &Database, text: &str, column: &str) -> Vec<String> {
    let asked = Statement::from_string(DatabaseBackend::Sqlite, text);
    let rows = db.for_migrations().query_all_raw(asked).await.unwrap();
    rows.iter().map(|row| row.try_get("", column).unwrap()).collect()
}
