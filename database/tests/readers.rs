//! What reading SQLite costs those who write.

#![cfg(target_os = "linux")]
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use chat_database::Database;
use chat_database::commit::Writer;
use chat_database::connect::Options;
use chat_database::nodes::NodeId;
use chat_testkit::waiting::passes_on_thread;
use rusqlite::Connection;
use sea_orm::ConnectionTrait;
use tempfile::TempDir;

#[tokio::test]
async fn workers_that_read_sqlite_or_move_its_log_have_a_low_priority_from_the_beginning() {
    let (db, _file, _folder) = open().await;
    // Readers start with their first query.
    let (one, other) = tokio::join!(db.ping(), db.ping());
    one.and(other).unwrap();
    let own = nice("thread-self").unwrap();
    // A thread may end between its listing and its reading.
    let threads: Vec<(String, i32)> = std::fs::read_dir("/proc/self/task")
        .unwrap()
        .map(|task| task.unwrap().file_name().into_string().unwrap())
        .filter_map(|id| Some((name(&id)?, nice(&format!("self/task/{id}"))?)))
        .collect();
    let readers: Vec<i32> = threads.iter().filter(|(name, _)| name.starts_with("sqlite-read")).map(|t| t.1).collect();
    let low = (own + 10).min(19);
    assert!(!readers.is_empty() && readers.iter().all(|nice| *nice == low), "{threads:?}");
    for (name, nice) in [("sqlite-wal", low), ("sqlite-migrate", own)] {
        assert!(threads.contains(&(name.to_owned(), nice)), "{name}: {threads:?}");
    }
    db.close().await;
}

/// Where people read history all the time, the log grew to the 128 MiB at which every commit has to move it.
#[tokio::test]
async fn the_write_ahead_log_is_restarted_though_a_connection_is_always_reading() {
    let (db, file, _folder) = open().await;
    let writer = db.for_migrations();
    writer.execute_unprepared("CREATE TABLE ballast (bytes BLOB)").await.unwrap();
    let mut storage = Writer::new(db.clone(), NodeId::draw("node").unwrap());
    let over = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..3)
        .map(|_| {
            thread::spawn({
                let (over, file) = (Arc::clone(&over), file.clone());
                move || read_until(&over, &file)
            })
        })
        .collect();
    let two_megabytes = "INSERT INTO ballast WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n LIMIT 500) \
                         SELECT randomblob(4000) FROM n";
    for _ in 0..40 {
        writer.execute_unprepared(two_megabytes).await.unwrap();
        if db.checkpoint().await.unwrap().unwrap().wal_is_long {
            storage.restart_wal().unwrap();
        }
    }
    over.store(true, Ordering::Relaxed);
    readers.into_iter().for_each(|reader| reader.join().unwrap());
    // The file of the log keeps the length that it once had.
    let longest = std::fs::metadata(file.with_extension("db-wal")).unwrap().len();
    assert!(longest < 48 << 20, "{longest} bytes of 80 MB");
    db.close().await;
}

#[tokio::test]
async fn a_reader_that_goes_on_is_waited_for_only_briefly() {
    let (db, file, _folder) = open().await;
    let writer = db.for_migrations();
    writer.execute_unprepared("CREATE TABLE ballast (bytes BLOB)").await.unwrap();
    let reader = Connection::open(&file).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM ballast").unwrap();
    writer.execute_unprepared("INSERT INTO ballast VALUES (randomblob(4000))").await.unwrap();
    let mut storage = Writer::new(db.clone(), NodeId::draw("node").unwrap());
    assert!(!storage.restart_wal().unwrap(), "it was given up");
    reader.execute_batch("COMMIT").unwrap();
    assert!(storage.restart_wal().unwrap());
    db.close().await;
}

/// The writer tells by this whether it would restart the log in vain.
#[tokio::test]
async fn no_checkpoint_moves_what_was_written_after_a_snapshot_that_is_still_read() {
    let (db, file, _folder) = open().await;
    let writer = db.for_migrations();
    writer.execute_unprepared("CREATE TABLE ballast (bytes BLOB)").await.unwrap();
    let reader = Connection::open(&file).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM ballast").unwrap();
    let mut moved = Vec::new();
    for _ in 0..3 {
        writer.execute_unprepared("INSERT INTO ballast VALUES (randomblob(4000))").await.unwrap();
        moved.push(db.checkpoint().await.unwrap().unwrap().moved);
    }
    assert_eq!(moved, [moved[0]; 3]);
    reader.execute_batch("COMMIT").unwrap();
    assert!(db.checkpoint().await.unwrap().unwrap().moved > moved[0]);
    db.close().await;
}

#[tokio::test]
async fn a_closed_database_is_one_file() {
    let (db, file, _folder) = open().await;
    db.for_migrations().execute_unprepared("CREATE TABLE ballast (bytes BLOB)").await.unwrap();
    db.checkpoint().await.unwrap();
    db.close().await;
    assert!(!file.with_extension("db-wal").exists());
    assert!(db.checkpoint().await.unwrap().is_none(), "its worker has ended");
}

/// A process loses its locks on a file when it closes one of the file's descriptors, whichever. Without them another process
/// that ends takes the log away.
#[tokio::test]
async fn closing_one_database_takes_no_lock_from_another_on_the_same_file() {
    let (db, file, _folder) = open().await;
    db.checkpoint().await.unwrap();
    let url = format!("sqlite://{}?mode=rwc", file.display());
    let other = Database::connect(&Options { url, readers: 1 }).await.unwrap();
    other.checkpoint().await.unwrap();
    assert!(is_locked(&file));
    other.close().await;
    drop(other);
    assert!(is_locked(&file));
    db.close().await;
    assert!(!is_locked(&file), "the test can tell");
    let descriptors = std::fs::read_dir("/proc/self/fd").unwrap();
    let of_file =
        descriptors.filter(|entry| std::fs::read_link(entry.as_ref().unwrap().path()).is_ok_and(|of| of == file));
    assert_eq!(of_file.count(), 1, "both checkpointers keep the file open, through one descriptor");
}

/// Whether this process holds a lock on a file.
fn is_locked(file: &Path) -> bool {
    let inode = std::fs::metadata(file).unwrap().ino();
    let (pid, inode) = (std::process::id().to_string(), format!(":{inode}"));
    let locks = std::fs::read_to_string("/proc/locks").unwrap();
    locks.lines().any(|lock| {
        let fields: Vec<&str> = lock.split_whitespace().collect();
        fields.contains(&pid.as_str()) && fields.iter().any(|field| field.ends_with(&inode))
    })
}

async fn open() -> (Database, PathBuf, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("chat.db");
    let url = format!("sqlite://{}?mode=rwc", file.display());
    (Database::connect(&Options { url, readers: 3 }).await.unwrap(), file, folder)
}

fn read_until(over: &AtomicBool, file: &Path) {
    let connection = Connection::open(file).unwrap();
    while !over.load(Ordering::Relaxed) {
        connection.execute_batch("BEGIN; SELECT count(*) FROM ballast").unwrap();
        passes_on_thread(Duration::from_millis(7));
        connection.execute_batch("COMMIT").unwrap();
    }
}

fn name(task: &str) -> Option<String> {
    Some(std::fs::read_to_string(format!("/proc/self/task/{task}/comm")).ok()?.trim().to_owned())
}

/// Reads a thread's nice value: the nineteenth field, the seventeenth behind the name. `None` if it has gone.
fn nice(task: &str) -> Option<i32> {
    let stat = std::fs::read_to_string(format!("/proc/{task}/stat")).ok()?;
    Some(stat.rsplit_once(") ").unwrap().1.split(' ').nth(16).unwrap().parse().unwrap())
}
