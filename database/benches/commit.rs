//! The group commit: sends of 1, 10, 100 and 1,000 at a time, over 100 threads, as the hub makes them.
//!
//! SQLite by default, in a file of a temporary folder; with `CHAT_BENCH_URL=mysql://…` that database.
//! Run with `cargo bench -p chat-database`.

use std::hint::black_box;
use std::sync::Arc;

use chat_database::Database;
use chat_database::change::{Change, NewMessage, Receipt, ReceiptKind};
use chat_database::commit::Writer;
use chat_database::connect::Options;
use chat_database::ids::{Pair, UserId};
use chat_database::nodes::NodeId;
use chat_database::time::Timestamp;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Mutex;

/// How many threads the messages are spread over.
const THREADS: u64 = 100;

fn commits(criterion: &mut Criterion) {
    let runtime = runtime();
    let folder = temp_folder();
    let url = std::env::var("CHAT_BENCH_URL")
        .unwrap_or_else(|_| format!("sqlite://{}/bench.db?mode=rwc", folder.path().display()));
    let writer = runtime.block_on(writer(&url));
    let mut number = 0;
    for kind in ["sends", "sends-and-receipts"] {
        let mut group = criterion.benchmark_group(kind);
        group.sample_size(20);
        for size in [1, 10, 100, 1_000] {
            group.throughput(Throughput::Elements(size));
            group.bench_function(BenchmarkId::from_parameter(size), |bench| {
                bench.to_async(&runtime).iter_batched(
                    || changes(&mut number, size, kind == "sends-and-receipts"),
                    |changes| {
                        let writer = &writer;
                        async move {
                            let committed = writer.lock().await.commit(&changes).await;
                            black_box(committed.map(|committed| committed.commit_ref.commit).ok())
                        }
                    },
                    BatchSize::PerIteration,
                );
            });
        }
        group.finish();
    }
}

fn runtime() -> Runtime {
    match Builder::new_multi_thread().worker_threads(1).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => panic!("no runtime: {error}"),
    }
}

fn temp_folder() -> tempfile::TempDir {
    match tempfile::tempdir() {
        Ok(folder) => folder,
        Err(error) => panic!("no temporary folder: {error}"),
    }
}

async fn writer(url: &str) -> Arc<Mutex<Writer>> {
    let made = async {
        let options = Options { url: url.to_owned(), readers: 2 };
        let database = Database::connect(&options).await.map_err(|error| error.to_string())?;
        chat_migrations::up(database.for_migrations()).await.map_err(|error| error.to_string())?;
        let writer = Arc::new(Mutex::new(Writer::new(database.clone(), NodeId::of("bench".into(), 1))));
        tokio::spawn(checkpoints(database, Arc::clone(&writer)));
        Ok::<_, String>(writer)
    };
    match made.await {
        Ok(writer) => writer,
        Err(error) => panic!("no database: {error}"),
    }
}

/// Moves the log into the file beside the writer, as the hub does.
async fn checkpoints(database: Database, writer: Arc<Mutex<Writer>>) {
    loop {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        if database.checkpoint().await.is_ok_and(|done| done.is_some_and(|checkpoint| checkpoint.wal_is_long)) {
            let _ = writer.lock().await.restart_wal();
        }
    }
}

/// Makes a commit's changes; with receipts, every other one is one.
fn changes(number: &mut u64, size: u64, receipts: bool) -> Vec<Change> {
    (0..size).map(|_| change(number, receipts)).collect()
}

fn change(number: &mut u64, receipts: bool) -> Change {
    *number += 1;
    let turn = if receipts { *number / 2 } else { *number };
    let low = 1 + 2 * (turn % THREADS);
    let (Ok(low), Ok(high)) = (UserId::new(low), UserId::new(low + 1)) else {
        panic!("no user");
    };
    let Some(pair) = Pair::new(low, high) else {
        panic!("no pair");
    };
    let at = Timestamp::now();
    if receipts && number.is_multiple_of(2) {
        return Change::Receipt(Receipt { pair, user: high, kind: ReceiptKind::Seen, up_to: None, at });
    }
    Change::Send(NewMessage {
        pair,
        sender: low,
        temp_id: Some(format!("{}-{number}", at.millis())),
        payload_hash: [0xab; 32],
        content: Some("Is it still available? I could come by on Saturday and pick it up.".to_owned()),
        media: Vec::new(),
        product_id: None,
        card: None,
        reply_to: None,
        at,
    })
}

criterion_group!(benches, commits);
criterion_main!(benches);
