//! The tables of the Node.js service, as three installations have them: the same conversations under other names and types.

/// An installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Variant {
    /// Snake case, `seen`, JSON, `DATETIME`.
    Usual,
    /// Camel case, `seenAt`, one image as a text, milliseconds, no `image_urls`; unsigned ids.
    OtherNames,
    /// As usual, but `user_notifications` gives the rows of `notifications` to users; `is_read`, `TIMESTAMP`.
    GivenNotifications,
}

/// A message: id, thread, author, time, text, images, seen, deleted, product.
type Row = (u32, u32, u32, &'static str, Option<&'static str>, &'static [&'static str], bool, bool, Option<u32>);

/// Threads: Alice (1) and Bob (2) have two, with the members in either order; Alice and Carol (3) one; three that cannot be brought
/// over, and one without messages.
const THREADS: [(u32, u32, u32); 7] =
    [(11, 2, 1), (10, 1, 2), (12, 4, 4), (13, 3, 1), (14, 5, 6), (15, 0, 7), (16, 8, 9)];

const MESSAGES: [Row; 12] = [
    (101, 10, 1, "2024-03-01 10:00:00", Some("hello"), &[], true, false, None),
    (102, 10, 2, "2024-03-01 10:00:00", Some("hello yourself"), &[], true, false, Some(55)),
    (103, 11, 1, "2024-02-29 08:00:00", Some("first of all"), &[], true, false, None),
    (104, 11, 2, "2024-03-01 10:05:00", Some("oh"), &[], false, true, None),
    (
        105,
        10,
        1,
        "2024-03-01 10:06:00",
        Some("a desk"),
        &["/uploads/chat/desk.jpg", "/gone.jpg", "../x.jpg"],
        true,
        false,
        None,
    ),
    (106, 11, 1, "2024-03-01 10:07:00", Some("not seen"), &[], false, false, None),
    (107, 10, 1, "2024-03-01 10:08:00", Some("seen out of order"), &[], true, false, None),
    (108, 10, 3, "2024-03-01 10:09:00", Some("a stranger's"), &[], false, false, None),
    (109, 99, 1, "2024-03-01 10:10:00", Some("nowhere"), &[], false, false, None),
    (110, 13, 1, "2024-03-01 10:11:00", Some("and you?"), &[], false, false, None),
    (111, 15, 7, "2024-03-01 10:12:00", Some("to no user"), &[], false, false, None),
    (112, 16, 8, "2024-03-01 10:13:00", None, &["/uploads/chat/nonsense.jpg"], false, false, None),
];

/// A notification: id, user, type, title, read, time.
type Notification = (u32, u32, &'static str, &'static str, bool, &'static str);

const NOTIFICATIONS: [Notification; 3] = [
    (31, 2, "order", "Shipped", true, "2024-03-01 09:00:00"),
    (32, 2, "order", "Paid", false, "2024-03-02 09:00:00"),
    (33, 2, "chat_message", "New message", false, "2024-03-02 09:00:01"),
];

impl Variant {
    /// Returns the statements that make the tables and fill them.
    pub(super) fn tables(self) -> String {
        let (threads, messages) = match self {
            Self::Usual | Self::GivenNotifications => {
                let time = if self == Self::Usual { "DATETIME" } else { "TIMESTAMP NULL" };
                let seen = if self == Self::Usual { "seen" } else { "is_read" };
                (
                    "CREATE TABLE chat_threads (id INT AUTO_INCREMENT PRIMARY KEY, user1_id INT, user2_id INT)".to_owned(),
                    format!(
                        "CREATE TABLE chat_messages (id INT AUTO_INCREMENT PRIMARY KEY, thread_id INT, sender_id INT, \
                         created_at {time}, content TEXT NULL, image_urls JSON NULL, {seen} TINYINT(1) DEFAULT 0, \
                         deleted TINYINT(1) DEFAULT 0, product_id INT NULL)"
                    ),
                )
            }
            Self::OtherNames => (
                "CREATE TABLE chat_threads (id BIGINT UNSIGNED PRIMARY KEY, user1Id BIGINT UNSIGNED, user2Id BIGINT UNSIGNED, \
                 createdAt DATETIME DEFAULT NOW()) DEFAULT CHARSET latin1"
                    .to_owned(),
                "CREATE TABLE chat_messages (id BIGINT UNSIGNED PRIMARY KEY, threadId BIGINT UNSIGNED, senderId BIGINT UNSIGNED, \
                 createdAt BIGINT, message LONGTEXT, images VARCHAR(500), seenAt DATETIME NULL, deletedAt DATETIME NULL, \
                 extra_data JSON NULL) DEFAULT CHARSET latin1"
                    .to_owned(),
            ),
        };
        let pairs = THREADS.map(|(id, one, other)| format!("({id}, {one}, {other})")).join(", ");
        let names = if self == Self::OtherNames { "id, user1Id, user2Id" } else { "id, user1_id, user2_id" };
        let rows = MESSAGES.map(|row| self.message(row)).join(", ");
        format!(
            "SET time_zone = '+00:00'; {threads}; INSERT INTO chat_threads ({names}) VALUES {pairs}; \
             {messages}; INSERT INTO chat_messages VALUES {rows}; {}",
            self.notifications()
        )
    }

    /// Returns the statement that adds a message of Bob's after everything else.
    pub(super) fn one_more_message(self) -> String {
        let row = self.message((113, 10, 2, "2024-03-02 12:00:00", Some("late"), &[], false, false, None));
        format!("SET time_zone = '+00:00'; INSERT INTO chat_messages VALUES {row}")
    }

    fn message(self, (id, thread, sender, at, text, images, seen, deleted, product): Row) -> String {
        let text = text.map_or("NULL".to_owned(), quoted);
        let number = |number: Option<u32>| number.map_or("NULL".to_owned(), |number| number.to_string());
        let list = serde_json::to_string(images).expect("JSON");
        match self {
            Self::Usual | Self::GivenNotifications => {
                let images = if images.is_empty() { "NULL".to_owned() } else { quoted(&list) };
                let (seen, deleted) = (u8::from(seen), u8::from(deleted));
                format!("({id}, {thread}, {sender}, '{at}', {text}, {images}, {seen}, {deleted}, {})", number(product))
            }
            Self::OtherNames => {
                // One image is a plain text.
                let images = if images.len() == 1 { images[0].to_owned() } else { list };
                let moment = |is_set: bool| if is_set { format!("'{at}'") } else { "NULL".to_owned() };
                let extra = product.map_or("NULL".to_owned(), |id| format!("'{{\"product_id\": {id}}}'"));
                format!(
                    "({id}, {thread}, {sender}, UNIX_TIMESTAMP('{at}') * 1000, {text}, {}, {}, {}, {extra})",
                    quoted(&images),
                    moment(seen),
                    moment(deleted)
                )
            }
        }
    }

    fn notifications(self) -> String {
        let rows = |row: &dyn Fn(&Notification) -> String| NOTIFICATIONS.iter().map(row).collect::<Vec<_>>().join(", ");
        match self {
            Self::Usual => format!(
                "CREATE TABLE notifications (id INT PRIMARY KEY, user_id INT, type VARCHAR(50), title VARCHAR(200), body TEXT, \
                 is_read TINYINT(1), created_at DATETIME); INSERT INTO notifications VALUES {}",
                rows(&|(id, user, kind, title, read, at)| format!(
                    "({id}, {user}, '{kind}', '{title}', 'a body', {}, '{at}')",
                    u8::from(*read)
                ))
            ),
            Self::OtherNames => format!(
                "CREATE TABLE user_notifications (id INT PRIMARY KEY, userId INT, type VARCHAR(50), title VARCHAR(200), \
                 message TEXT, seen BIT(1), createdAt DATETIME); INSERT INTO user_notifications VALUES {}",
                rows(&|(id, user, kind, title, read, at)| format!(
                    "({id}, {user}, '{kind}', '{title}', 'a body', b'{}', '{at}')",
                    u8::from(*read)
                ))
            ),
            Self::GivenNotifications => format!(
                "CREATE TABLE notifications (id INT PRIMARY KEY, type VARCHAR(50), title VARCHAR(200), message TEXT, \
                 created_at TIMESTAMP NULL); INSERT INTO notifications VALUES {}; \
                 CREATE TABLE user_notifications (id INT PRIMARY KEY, notification_id INT, user_id INT, seen TINYINT(1)); \
                 INSERT INTO user_notifications VALUES {}",
                rows(&|(id, _, kind, title, _, at)| format!("({}, '{kind}', '{title}', 'a body', '{at}')", id + 500)),
                rows(&|(id, user, _, _, read, _)| format!("({id}, {}, {user}, {})", id + 500, u8::from(*read)))
            ),
        }
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// Returns statements that make tables of many messages: pairs of users, a message each ten seconds, nine of ten seen. `threads` is
/// odd and no multiple of five, so that in each thread both write, and some of their messages were not seen.
pub(super) fn many(messages: u32, threads: u32) -> String {
    format!(
        "CREATE TABLE chat_threads (id INT PRIMARY KEY, user1_id INT, user2_id INT); \
         INSERT INTO chat_threads SELECT seq, seq * 2, seq * 2 + 1 FROM seq_1_to_{threads}; \
         CREATE TABLE chat_messages (id INT PRIMARY KEY, thread_id INT, sender_id INT, content TEXT, image_urls JSON, \
         seen TINYINT(1), deleted TINYINT(1), product_id INT, created_at DATETIME, KEY (thread_id)); \
         INSERT INTO chat_messages SELECT seq, 1 + seq * 7919 % {threads}, 2 * (1 + seq * 7919 % {threads}) + seq % 2, \
         CONCAT('message number ', seq, ', about a lamp that is still available in Kampala'), NULL, seq % 10 > 0, \
         seq % 100 = 7, IF(seq % 5 = 0, seq, NULL), '2020-01-01' + INTERVAL seq * 10 SECOND FROM seq_1_to_{messages}"
    )
}

/// Returns statements that make two tables of notifications, the ids of which overlap: in each a hundred of every user, half of them
/// read.
pub(super) fn many_notifications(first: u32, second: u32) -> String {
    let table = |name: &str, from: u32, rows: u32| {
        format!(
            "CREATE TABLE {name} (id INT PRIMARY KEY, user_id INT, type VARCHAR(50), title VARCHAR(200), body TEXT, is_read TINYINT(1), \
             created_at DATETIME); INSERT INTO {name} SELECT seq, 1 + seq DIV 2 % {}, 'order', CONCAT('number ', seq), \
             REPEAT('a body ', 40), seq % 2, '2020-01-01' + INTERVAL seq SECOND FROM seq_{from}_to_{}",
            rows / 100,
            from + rows - 1
        )
    };
    format!("{}; {}", table("notifications", 1, first), table("user_notifications", 1 + first / 2, second))
}
