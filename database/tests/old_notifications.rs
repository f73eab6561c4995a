//! Notifications of the Node.js service are read a page at a time, whatever its tables are called and whether their rows have ids.

use std::collections::BTreeSet;

use chat_database::import::Source;
use chat_testkit::mariadb::{MariaDb, wanted};

/// The most rows of a page.
const PAGE: usize = 2_000;

/// What a row says: the table, the id, the other table's notification, the user, and whether it shares its id.
type Row = (String, Option<i64>, Option<i64>, Option<i64>, bool);

/// Reads all notifications of some tables; returns the size of each page, the rows, and the highest id.
async fn reads(server: &MariaDb, name: &str, tables: &str) -> (Vec<usize>, Vec<Row>, i64) {
    let url = server.database(name);
    let messages = "CREATE TABLE messages (id INT PRIMARY KEY, sender_id INT, receiver_id INT, created_at DATETIME)";
    server.sql(&format!("USE {name}; {messages}; {tables}"));
    let source = Source::connect(&url, 0).await.unwrap();
    let (mut pages, mut found) = (Vec::new(), Vec::new());
    let mut notifications = source.notifications();
    while let Some(page) = notifications.next().await.unwrap() {
        pages.push(page.len());
        found.extend(page.into_iter().map(|old| (old.table, old.id, old.of, old.user, old.shares_id)));
    }
    let highest = source.highest_notification(1 << 52).await.unwrap();
    source.close().await;
    (pages, found, highest)
}

/// All of them were read at once, and kept until the last one was written.
#[tokio::test]
async fn pages_have_a_bound_and_leave_nothing_out() {
    if !wanted("pages_have_a_bound_and_leave_nothing_out") {
        return;
    }
    let server = MariaDb::start();

    let own = "CREATE TABLE notifications (id INT PRIMARY KEY, user_id INT NULL, title TEXT); \
               INSERT INTO notifications SELECT seq * 3, IF(seq = 17, NULL, seq % 40), 'x' FROM seq_1_to_4500";
    let (pages, found, highest) = reads(&server, "own", own).await;
    assert_eq!((pages, highest), (vec![PAGE, PAGE, 500], 13_500));
    assert!(found.iter().map(|row| row.1).eq((1..=4_500).map(|seq| Some(seq * 3))), "each once, by id");
    assert_eq!(found.iter().filter(|row| row.3.is_none()).count(), 1);

    let exact = "CREATE TABLE notifications (id INT PRIMARY KEY, user_id INT, title TEXT); \
                 INSERT INTO notifications SELECT seq, 1, 'x' FROM seq_1_to_2000";
    assert_eq!(reads(&server, "exact", exact).await.0, [PAGE]);
    let empty = "CREATE TABLE notifications (id INT PRIMARY KEY, user_id INT, title TEXT)";
    assert_eq!(reads(&server, "no_rows", empty).await, (Vec::new(), Vec::new(), 0));
    assert_eq!(reads(&server, "no_table", "SELECT 1").await, (Vec::new(), Vec::new(), 0));

    // Rows that give a notification to a user, without an id of their own; some of them twice, and some to no user.
    let given = "CREATE TABLE notifications (id INT PRIMARY KEY, title TEXT); \
                 INSERT INTO notifications SELECT seq, 'x' FROM seq_1_to_60; \
                 CREATE TABLE user_notifications (notification_id INT, user_id INT NULL, seen TINYINT); \
                 INSERT INTO user_notifications SELECT 1 + seq % 60, IF(seq = 9, NULL, seq DIV 60), seq % 2 FROM seq_1_to_5000; \
                 INSERT INTO user_notifications SELECT 1 + seq % 60, seq DIV 60, seq % 2 FROM seq_100_to_199";
    let (pages, found, highest) = reads(&server, "given", given).await;
    assert_eq!((pages, highest), (vec![PAGE, PAGE, 1_100], 0));
    let named: BTreeSet<_> = found.iter().map(|row| (row.2, row.3)).collect();
    assert_eq!((named.len(), found.iter().filter(|row| row.3.is_none()).count()), (5_000, 1));

    let both = "CREATE TABLE notifications (id INT PRIMARY KEY, user_id INT, title TEXT); \
                INSERT INTO notifications SELECT seq, 1, 'x' FROM seq_1_to_10; \
                CREATE TABLE user_notifications (id INT PRIMARY KEY, user_id INT, title TEXT); \
                INSERT INTO user_notifications SELECT seq, 1, 'x' FROM seq_8_to_2100";
    let (pages, found, highest) = reads(&server, "both_tables", both).await;
    assert_eq!((pages, highest), (vec![10, PAGE, 93], 2_100));
    let shared: Vec<_> = found.iter().filter(|row| row.4).map(|row| (row.0.as_str(), row.1)).collect();
    assert_eq!(shared, [8, 9, 10].map(|id| ("user_notifications", Some(id))));
}
