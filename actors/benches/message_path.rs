//! The small parts of a message's path: reading a frame, deciding what is told, encoding it, the outbox.

use std::hint::black_box;

use chat_actors::outbox::{Capacity, Outbox};
use chat_actors::protocol::client::{Socket, parse};
use chat_actors::protocol::server::NewMessage;
use chat_actors::protocol::{Cursor, ServerFrame};
use chat_actors::thread::fanout::decide;
use chat_database::change::{Outcome, Sent};
use chat_database::history::{CommitRef, Nonce};
use chat_database::ids::{CommitNo, MessageId, Pair, Rev, Seq, ThreadId, UserId};
use chat_database::objects::{Message, MessageKind};
use chat_database::time::Timestamp;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};

const FRAME: &str = r#"{"type":"message_send","temp_id":"c-00000001","receiver_id":7,"sender_id":42,"content":"Is it still available? I could come by tomorrow.","extra_data":{"product_id":5}}"#;

fn user(id: u64) -> UserId {
    UserId::new(id).expect("an id")
}

fn message() -> Message {
    Message {
        id: MessageId::new(901).expect("an id"),
        thread_id: ThreadId::new(77).expect("an id"),
        seq: Seq(12),
        rev: Rev(12),
        kind: MessageKind::Text,
        sender_id: Some(user(42)),
        temp_id: Some("c-00000001".into()),
        content: Some("Is it still available? I could come by tomorrow.".into()),
        image_urls: Vec::new(),
        images: Vec::new(),
        extra_data: None,
        card: None,
        reply_to: None,
        created_at: Timestamp::now(),
        edited_at: None,
        deleted: false,
        texts: Vec::new(),
    }
}

fn cursor() -> Cursor {
    let commit = CommitNo(1_000_000);
    let heard = CommitRef { epoch: "9b2c7a5261fb4c39".into(), commit, nonce: Nonce(0x2f1a_4a3c) };
    Cursor { commit, heard, reader: Some(user(7)), minted: 1_795_341_600 }
}

fn benches(bench: &mut Criterion) {
    bench.bench_function("frame: parse a message_send", |bench| {
        bench.iter(|| parse(black_box(FRAME), Socket::Chat, Some(user(42))).expect("a frame"));
    });
    bench.bench_function("frame: encode a new_message", |bench| {
        let frame = ServerFrame::NewMessage(NewMessage { message: message(), cursor: Some(cursor()) });
        bench.iter(|| black_box(&frame).encode());
    });
    bench.bench_function("thread: decide what is told of a message", |bench| {
        let pair = Pair::new(user(42), user(7)).expect("two people");
        let cursor = cursor();
        let outcome = || Outcome::Sent(Box::new(Sent { message: message(), opened: false }));
        bench.iter_batched(outcome, |outcome| decide(pair, outcome, &cursor, false), BatchSize::SmallInput);
    });
    bench.bench_function("outbox: push and drain 16 frames", |bench| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let outbox = Outbox::new(Capacity::default());
        let frame = ServerFrame::NewMessage(NewMessage { message: message(), cursor: Some(cursor()) }).encode();
        bench.to_async(runtime).iter(|| async {
            for _ in 0..16 {
                outbox.push(frame.clone()).expect("room");
            }
            outbox.drain().await
        });
    });
}

criterion_group!(message_path, benches);
criterion_main!(message_path);
