//! Pages as the hub reads them: of history, 50 messages from somewhere in one of 100 threads; of the inbox of a seller who has
//! all these threads, 30 of them; of the seller's notifications, 30 of them.
//!
//! SQLite, in a file of a temporary folder. Run with `cargo bench -p chat-database --bench page`.

use std::hint::black_box;

use chat_database::Database;
use chat_database::change::{Change, NewMessage};
use chat_database::commit::Writer;
use chat_database::connect::Options;
use chat_database::ids::{Pair, Seq, UserId};
use chat_database::nodes::NodeId;
use chat_database::queries::messages::{Page, ThreadRef};
use chat_database::queries::{inbox, messages, notifications};
use chat_database::time::Timestamp;
use criterion::{Criterion, criterion_group, criterion_main};
use tokio::runtime::Builder;

const THREADS: u64 = 100;

/// How many messages each has.
const MESSAGES: u64 = 500;

fn pages(criterion: &mut Criterion) {
    let Ok(runtime) = Builder::new_current_thread().enable_all().build() else {
        panic!("no runtime");
    };
    let Ok(folder) = tempfile::tempdir() else {
        panic!("no temporary folder");
    };
    let url = format!("sqlite://{}/bench.db?mode=rwc", folder.path().display());
    let database = match runtime.block_on(filled(&url)) {
        Ok(database) => database,
        Err(error) => panic!("no database: {error}"),
    };
    let database = &database;
    let mut turn = 0;
    criterion.bench_function("history", |bench| {
        bench.to_async(&runtime).iter(|| {
            turn += 1;
            let (pair, reader) = pair(turn % THREADS);
            let before = Page::BeforeSeq(Seq(51 + turn * 7 % (MESSAGES - 50)));
            async move {
                let read = messages::page(database, reader, ThreadRef::Pair(pair), before, 50).await;
                assert_eq!(read.ok().flatten().map(|history| black_box(history).messages.len()), Some(50));
            }
        });
    });
    let Ok(seller) = UserId::new(1) else {
        panic!("no user");
    };
    criterion.bench_function("inbox", |bench| {
        bench.to_async(&runtime).iter(|| async {
            let read = inbox::page(database, seller, None, false, 30).await;
            assert_eq!(read.ok().map(|inbox| black_box(inbox).threads.len()), Some(30));
        });
    });
    criterion.bench_function("notifications", |bench| {
        bench.to_async(&runtime).iter(|| async {
            let read = notifications::page(database, seller, None, false, 30).await;
            assert_eq!(read.ok().map(|stream| black_box(stream).notifications.len()), Some(30));
        });
    });
}

async fn filled(url: &str) -> Result<Database, String> {
    let options = Options { url: url.to_owned(), readers: 4 };
    let database = Database::connect(&options).await.map_err(|error| error.to_string())?;
    chat_migrations::up(database.for_migrations()).await.map_err(|error| error.to_string())?;
    let mut writer = Writer::new(database.clone(), NodeId::of("bench".into(), 1));
    for message in 0..MESSAGES {
        let changes: Vec<Change> = (0..THREADS).map(|thread| send(thread, message)).collect();
        writer.commit(&changes).await.map_err(|error| error.to_string())?;
    }
    Ok(database)
}

/// Returns the seller and a buyer, and the buyer.
fn pair(thread: u64) -> (Pair, UserId) {
    let (Ok(seller), Ok(buyer)) = (UserId::new(1), UserId::new(2 + thread)) else {
        panic!("no user");
    };
    match Pair::new(seller, buyer) {
        Some(pair) => (pair, buyer),
        None => panic!("no pair"),
    }
}

fn send(thread: u64, message: u64) -> Change {
    let (pair, sender) = pair(thread);
    Change::Send(NewMessage {
        pair,
        sender,
        temp_id: Some(format!("{thread}-{message}")),
        payload_hash: [0xab; 32],
        content: Some("Is it still available? I could come by on Saturday and pick it up.".to_owned()),
        media: Vec::new(),
        product_id: None,
        card: None,
        reply_to: None,
        at: Timestamp::now(),
    })
}

criterion_group!(benches, pages);
criterion_main!(benches);
