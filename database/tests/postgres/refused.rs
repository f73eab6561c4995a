//! Servers that would lose or garble messages, or fail with an error that says nothing, are refused with what to do.

use std::time::{Duration, Instant};

use chat_database::{Database, Error, connect::Options};
use chat_testkit::postgres::{Postgres, wanted};

#[tokio::test]
async fn a_server_that_cannot_be_used_is_refused_with_what_to_do() {
    if !wanted("a_server_that_cannot_be_used_is_refused_with_what_to_do") {
        return;
    }
    let server = Postgres::start();
    server.database("chat");
    server.sql("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0");
    server.sql("CREATE USER ann PASSWORD 'right'; CREATE USER ben PASSWORD 'right'");
    server.sql("REVOKE CONNECT ON DATABASE chat FROM PUBLIC; GRANT CONNECT ON DATABASE chat TO ann");
    let standby = server.standby();
    server.require_passwords();
    let careless = Postgres::start_with(&["fsync=off"]);
    let poolers = ["transaction", "statement"].map(|mode| server.pooler(mode));
    let host = format!("127.0.0.1:{}", server.port());
    let at = |user: &str, database: &str| format!("postgres://{user}@{host}/{database}");
    let through = |port: u16| format!("postgres://postgres:right@127.0.0.1:{port}/chat?sslmode=disable");
    for (url, names) in [
        (at("ann:hunter2", "chat"), &["ann", "password", "28P01"][..]),
        (at("eve:hunter2", "chat"), &["eve", "password"]),
        (at("postgres:right", "none"), &["none", "CREATE DATABASE"]),
        (at("ben:right", "chat"), &["ben", "chat", "GRANT CONNECT"]),
        (at("ann:right", "chat"), &["ann", "chat", "GRANT CREATE"]),
        (at("postgres:right", "latin"), &["latin", "LATIN1", "UTF8"]),
        (standby.url("chat"), &["standby", "primary"]),
        (careless.url("postgres"), &["fsync"]),
        (through(poolers[0].port()), &["pooler", "session mode"]),
        (through(poolers[1].port()), &["pooler", "session mode"]),
    ] {
        let said = refusal(&url).await;
        for name in names {
            assert!(said.contains(name), "{url}: nothing of {name}: {said}");
        }
    }
    // What is away is waited for.
    let away = connect("postgresql://ann:right@127.0.0.1:1/chat").await;
    assert!(matches!(&away, Err(Error::Unavailable(why)) if why.contains("127.0.0.1:1")), "{away:?}");
}

async fn connect(url: &str) -> Result<Database, Error> {
    Database::connect(&Options { url: url.to_owned(), readers: 1 }).await
}

/// Connects in vain; returns the one line that says why.
async fn refusal(url: &str) -> String {
    let began = Instant::now();
    let said = match connect(url).await {
        Err(Error::Refused(why)) => why,
        other => panic!("{url}: {other:?}"),
    };
    assert!(began.elapsed() < Duration::from_secs(5), "{url}: {:?}", began.elapsed());
    assert!(!said.contains("hunter2") && !said.contains("right") && !said.contains('\n'), "{said}");
    said
}
