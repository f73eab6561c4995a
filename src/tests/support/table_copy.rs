//! A copy of a server's tables, in the server itself, which is put back under hubs that run.

use chat_testkit::server::Server;

/// Copies the hubs' tables into a schema of its own, which is a database on MariaDB. All are of one moment.
pub fn make(server: &Server, name: &str) {
    let tables = tables(server);
    server.sql_in("chat", &format!("CREATE SCHEMA {name}"));
    for table in &tables {
        server.sql_in("chat", &format!("CREATE TABLE {name}.{table} AS SELECT * FROM {table} WHERE 1 = 0"));
    }
    without_commits(server, &tables, |table| format!("INSERT INTO {name}.{table} SELECT * FROM {table};"));
}

/// Puts a copy back, as a restored dump does it, in one transaction.
pub fn put_back(server: &Server, name: &str) {
    let of = |table: &str| format!("DELETE FROM {table}; INSERT INTO {table} SELECT * FROM {name}.{table};");
    without_commits(server, &tables(server), of);
}

fn tables(server: &Server) -> Vec<String> {
    let schema = if server.is_postgres() { "public" } else { "chat" };
    let all = format!("SELECT table_name FROM information_schema.tables WHERE table_schema = '{schema}'");
    server.sql_in("chat", &all).lines().map(str::to_owned).collect()
}

/// Runs statements for each table in one transaction. It has the counter's row, which every commit takes first, so no hub commits
/// meanwhile.
fn without_commits(server: &Server, tables: &[String], of: impl Fn(&str) -> String) {
    let all: String = tables.iter().map(|table| of(table)).collect();
    let lock = "SELECT commit_no FROM hub_state FOR UPDATE";
    server.sql_in("chat", &format!("START TRANSACTION; {lock}; {all} COMMIT"));
}
