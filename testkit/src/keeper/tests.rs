//! Tests of how servers are started and ended.

use super::listens;
use crate::mariadb::MariaDb;
use crate::postgres::{Postgres, wanted};
use crate::{mariadb, server::Server};

#[test]
fn a_shared_server_is_one_for_all_and_outlives_each_of_them() {
    if !(wanted("a_shared_server_is_one_for_all_and_outlives_each_of_them") && mariadb::wanted("the same on MariaDB")) {
        return;
    }
    let [one, another] = [Postgres::shared(), Postgres::shared()];
    assert_eq!(one.port(), another.port());
    drop(one);
    assert_eq!(another.sql("SELECT 1").trim(), "1");
    let [one, another] = [MariaDb::shared(), MariaDb::shared()];
    assert_eq!(one.port(), another.port());
    drop(one);
    assert_eq!(another.sql("SELECT 1").trim(), "1");
}

#[test]
fn a_server_of_a_tests_own_keeps_its_data_when_it_is_killed_and_ends_with_its_value() {
    let test = "a_server_of_a_tests_own_keeps_its_data_when_it_is_killed_and_ends_with_its_value";
    for mut server in [Server::mariadb(test), Server::postgres(test)].into_iter().flatten() {
        let port = server.port();
        server.database("chat");
        server.sql_in("chat", "CREATE TABLE kept (id INT)");
        server.sql_in("chat", "INSERT INTO kept VALUES (7)");
        server.kill();
        assert!(!listens(port), "it was killed");
        server.restart();
        assert_eq!(server.sql_in("chat", "SELECT id FROM kept").trim(), "7");
        drop(server);
        assert!(!listens(port), "it has ended");
    }
}
