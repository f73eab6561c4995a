//! How urgent the threads are that read SQLite.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may stop")]

use chat_database::Database;
use chat_database::connect::Options;

#[tokio::test]
async fn threads_that_read_sqlite_give_way_from_the_beginning() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/chat.db?mode=rwc", folder.path().display());
    let db = Database::connect(&Options { url, readers: 3 }).await.unwrap();
    let own = nice("self");
    let threads: Vec<(String, i32)> = std::fs::read_dir("/proc/self/task")
        .unwrap()
        .map(|task| task.unwrap().file_name().into_string().unwrap())
        .map(|id| (name(&id), nice(&id)))
        .collect();
    let readers: Vec<i32> = threads.iter().filter(|(name, _)| name.starts_with("sqlite-read")).map(|t| t.1).collect();
    assert_eq!(readers, [(own + 10).min(19); 3], "{threads:?}");
    for name in ["sqlite-load", "sqlite-move"] {
        assert!(threads.contains(&(name.to_owned(), own)), "{name}: {threads:?}");
    }
    db.close().await;
}

fn name(task: &str) -> String {
    std::fs::read_to_string(format!("/proc/self/task/{task}/comm")).unwrap().trim().to_owned()
}

/// Reads a thread's nice value: the nineteenth field, the seventeenth behind the name.
fn nice(task: &str) -> i32 {
    let path =
        if task == "self" { "/proc/thread-self/stat".to_owned() } else { format!("/proc/self/task/{task}/stat") };
    let stat = std::fs::read_to_string(path).unwrap();
    stat.rsplit_once(") ").unwrap().1.split(' ').nth(16).unwrap().parse().unwrap()
}
