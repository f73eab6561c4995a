//! Tests of the outbox.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::FutureExt;

use chat_database::ids::{Rev, ThreadId};
use chat_testkit::waiting::passes;

use super::queue::CHUNK;
use super::*;

const SMALL: Capacity = Capacity { bytes: 10, frames: 3 };

fn frames(texts: &[&'static str]) -> Drained {
    Drained::Frames(texts.iter().map(|text| Bytes::from_static(text.as_bytes())).collect())
}

fn push(outbox: &Outbox, text: &'static str) -> Result<(), Slow> {
    outbox.push(Bytes::from_static(text.as_bytes()))
}

#[tokio::test]
async fn frames_come_out_in_the_order_in_which_they_went_in() {
    let outbox = Outbox::new(SMALL);
    push(&outbox, "a").expect("room");
    push(&outbox, "b").expect("room");
    assert_eq!(outbox.drain().await, frames(&["a", "b"]));
}

#[tokio::test]
async fn a_full_outbox_closes_its_connection_and_drops_what_waits() {
    for texts in [["a", "b", "c", "d"], ["aaaaa", "bbbbb", "c", "d"]] {
        let outbox = Outbox::new(SMALL);
        let pushed: Vec<_> = texts.into_iter().map(|text| push(&outbox, text)).collect();
        assert!(pushed.contains(&Err(Slow)), "{texts:?}");
        assert_eq!(outbox.drain().await, Drained::Closed(Close::new(CloseCode::TooSlow)));
    }
}

#[tokio::test]
async fn a_drained_outbox_has_room_again() {
    let outbox = Outbox::new(SMALL);
    for _ in 0..100 {
        push(&outbox, "aaaaa").expect("room");
        push(&outbox, "bbbbb").expect("room");
        assert_eq!(outbox.drain().await, frames(&["aaaaa", "bbbbb"]));
    }
}

fn bytes(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

fn event(outbox: &Outbox, text: &'static str, released: u64) {
    outbox.push_durable(bytes(text), None, || CommitNo(released)).expect("open");
}

/// Counts how often more of a replay is asked for.
fn counted(outbox: &Outbox) -> Arc<AtomicUsize> {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    outbox.on_drained(move || {
        counter.fetch_add(1, Ordering::Relaxed);
    });
    count
}

#[tokio::test]
async fn what_is_live_waits_for_the_replay() {
    let outbox = Outbox::new(SMALL);
    outbox.hold();
    push(&outbox, "live").expect("room");
    outbox.replay(vec![bytes("old")]).expect("open");
    assert_eq!(outbox.drain().await, frames(&["old"]));
    assert_eq!(outbox.release(vec![bytes("end")]), Ok(true));
    push(&outbox, "new").expect("room");
    assert_eq!(outbox.drain().await, frames(&["end", "live", "new"]));
}

#[tokio::test]
async fn more_of_a_replay_is_asked_for_once_what_there_was_has_been_written() {
    let outbox = Outbox::new(SMALL);
    let asked = counted(&outbox);
    let asks = async |times| {
        assert_eq!(outbox.drain().now_or_never(), None, "there is nothing");
        assert_eq!(outbox.drain().now_or_never(), None, "there is nothing");
        assert_eq!(asked.load(Ordering::Relaxed), times);
    };
    asks(0).await;
    outbox.hold();
    asks(0).await;
    for times in 1..4 {
        outbox.replay(vec![bytes("aaaaaaaaaaaaaaaa")]).expect("open");
        assert_eq!(outbox.drain().await, frames(&["aaaaaaaaaaaaaaaa"]));
        asks(times).await;
    }
    outbox.release(Vec::new()).expect("open");
    asks(3).await;
}

/// Fifty strangers closed a connection that was read all the time.
#[tokio::test]
async fn a_connection_that_is_told_too_much_falls_behind_and_catches_up() {
    let outbox = Outbox::new(Capacity { bytes: 40, frames: 8 });
    let asked = counted(&outbox);
    for number in 0..6 {
        event(&outbox, "event", number);
    }
    assert_eq!(outbox.behind(), None);
    event(&outbox, "lost", 6);
    event(&outbox, "lost", 7);
    outbox.push_ephemeral(bytes("passing")).expect("open");
    push(&outbox, "ack").expect("what is no event has room of its own");
    assert_eq!(outbox.drain().await, frames(&["event"; 6]));
    assert_eq!(outbox.drain().now_or_never(), None, "the answer waits for what came before it");
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    assert_eq!(outbox.behind().map(|missed| missed.since), Some(CommitNo(6)), "what was not kept is of later commits");
    outbox.catch_up();
    outbox.replay(vec![bytes("read"), bytes("read")]).expect("open");
    event(&outbox, "live", 9);
    assert_eq!(outbox.release(Vec::new()), Ok(true));
    assert_eq!(outbox.drain().await, frames(&["read", "read", "ack", "live"]));
}

#[tokio::test]
async fn what_does_not_fit_beside_a_replay_is_read_in_another_round() {
    let outbox = Outbox::new(Capacity { bytes: 40, frames: 8 });
    outbox.hold();
    outbox.replay(vec![bytes("old")]).expect("open");
    for _ in 0..20 {
        event(&outbox, "live", 3);
    }
    assert_eq!(outbox.release(vec![bytes("end")]), Ok(false), "some of it was not kept");
    assert_eq!(outbox.behind().map(|missed| missed.since), Some(CommitNo(3)));
    outbox.catch_up();
    assert_eq!(outbox.release(vec![bytes("end")]), Ok(true));
    assert_eq!(outbox.drain().await, frames(&["old", "end"]));
}

#[tokio::test]
async fn what_a_replay_tells_is_not_told_again_and_what_was_told_is_known() {
    let outbox = Outbox::new(Capacity { bytes: 40, frames: 8 });
    let thread = |id| ThreadId::new(id).expect("an id");
    let tell = |id, rev, commit, released| {
        let mark = ThreadMark { thread: thread(id), rev: Rev(rev), commit: Some(CommitNo(commit)) };
        outbox.push_durable(bytes("event"), Some(mark), || CommitNo(released)).expect("open");
    };
    (1..=6).for_each(|rev| tell(1, rev, 10, 9));
    tell(1, 7, 11, 9);
    let missed = outbox.behind().expect("there was no room");
    assert_eq!((missed.since, missed.sent), (CommitNo(9), ThreadMarks::from([(thread(1), Rev(6))])));
    outbox.catch_up();
    assert_eq!(outbox.drain().await, frames(&["event"; 6]));
    // It comes after the look-up began, and is found by it; or it comes later, or is not found.
    tell(1, 7, 11, 9);
    outbox.replays(CommitNo(11), ThreadMarks::from([(thread(1), Rev(7))]));
    tell(1, 7, 11, 9);
    tell(1, 8, 12, 9);
    tell(2, 1, 11, 9);
    assert_eq!(outbox.release(Vec::new()), Ok(true));
    tell(1, 7, 11, 9);
    assert_eq!(outbox.drain().await, frames(&["event"; 2]));
    tell(1, 7, 13, 11);
    assert_eq!(outbox.drain().await, frames(&["event"]), "nothing of it is told any more");
}

/// A message was edited while a connection began, and came as a new one twice: from the replay, and with the commit that made it.
#[tokio::test]
async fn a_message_that_has_changed_again_is_not_told_after_a_replay_of_the_change() {
    let outbox = Outbox::new(Capacity::default());
    outbox.hold();
    let thread = ThreadId::new(1).expect("an id");
    let tell = |rev| {
        let mark = ThreadMark { thread, rev: Rev(rev), commit: None };
        outbox.push_durable(bytes("event"), Some(mark), || CommitNo(9)).expect("open");
    };
    tell(7);
    outbox.replays(CommitNo(11), ThreadMarks::from([(thread, Rev(7))]));
    tell(7);
    tell(8);
    assert_eq!(outbox.release(Vec::new()), Ok(true));
    assert_eq!(outbox.drain().await, frames(&["event"]), "the later change alone");
}

/// It was edited between the look-up of a replay and the read, and came twice: from the replay, and with the commit that made it.
#[tokio::test]
async fn a_message_that_a_replay_sends_in_a_later_state_is_not_told_again_and_those_between_are() {
    let outbox = Outbox::new(Capacity::default());
    outbox.hold();
    let thread = ThreadId::new(1).expect("an id");
    let tell = |text, rev| {
        let mark = ThreadMark { thread, rev: Rev(rev), commit: None };
        outbox.push_durable(bytes(text), Some(mark), || CommitNo(9)).expect("open");
    };
    outbox.replays(CommitNo(11), ThreadMarks::from([(thread, Rev(7))]));
    tell("it", 9);
    outbox.replays_later(CommitNo(13), HashSet::from([(thread, Rev(9))]));
    assert_eq!(outbox.release(Vec::new()), Ok(true));
    tell("another one", 8);
    tell("it", 9);
    assert_eq!(outbox.drain().await, frames(&["another one"]));
}

#[tokio::test]
async fn a_message_that_has_changed_again_says_nothing_of_the_changes_before_it() {
    let outbox = Outbox::new(Capacity { bytes: 40, frames: 8 });
    let mark = |rev, commit| ThreadMark { thread: ThreadId::new(1).expect("an id"), rev: Rev(rev), commit };
    let tell = |mark| outbox.push_durable(bytes("event"), Some(mark), || CommitNo(9)).expect("open");
    tell(mark(3, Some(CommitNo(10))));
    (0..6).for_each(|_| tell(mark(9, None)));
    let missed = outbox.behind().expect("there was no room");
    assert_eq!(missed.sent, ThreadMarks::from([(ThreadId::new(1).expect("an id"), Rev(3))]));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_nothing_while_too_much_waits_is_closed() {
    let outbox = Outbox::new(Capacity { bytes: 40, frames: 8 });
    event(&outbox, "event", 0);
    assert_eq!(outbox.drain().await, frames(&["event"]));
    let waited = tokio::time::timeout(PATIENCE * 2, outbox.next(true)).await;
    waited.expect_err("there is room: a line may be dead for a while");
    event(&outbox, "event", 1);
    for _ in 0..6 {
        let _ = outbox.push_durable(bytes("event"), None, || CommitNo(1));
    }
    assert_eq!(outbox.closing(), Some(Close::new(CloseCode::TooSlow)));
    assert_eq!(outbox.drain().await, Drained::Closed(Close::new(CloseCode::TooSlow)), "and what waited is dropped");
}

/// No other user sends anything, and the client does not read what it has missed.
#[tokio::test(start_paused = true)]
async fn a_client_that_takes_nothing_of_a_replay_is_closed_in_time() {
    let outbox = Outbox::new(Capacity { bytes: 40, frames: 8 });
    outbox.hold();
    outbox.replay(vec![bytes("old")]).expect("open");
    assert_eq!(outbox.drain().await, frames(&["old"]));
    let began = Instant::now();
    assert_eq!(outbox.next(true).await, Drained::Closed(Close::new(CloseCode::TooSlow)));
    assert!((PATIENCE..PATIENCE * 2).contains(&began.elapsed()));

    // The same of one that falls behind while it is being written to.
    let outbox = Outbox::new(Capacity { bytes: 40, frames: 8 });
    event(&outbox, "event", 0);
    assert_eq!(outbox.drain().await, frames(&["event"]));
    let mut ends = std::pin::pin!(outbox.next(true));
    tokio::select! {
        biased;
        _ = &mut ends => panic!("there is room"),
        () = passes(PATIENCE / 2) => {}
    }
    for number in 0..8 {
        event(&outbox, "event", number);
    }
    assert_eq!(ends.await, Drained::Closed(Close::new(CloseCode::TooSlow)));
}

#[tokio::test]
async fn so_much_is_taken_at_a_time_as_shows_that_the_client_reads() {
    let outbox = Outbox::new(Capacity::default());
    for _ in 0..10 {
        outbox.push(Bytes::from(vec![b'x'; CHUNK / 4])).expect("room");
    }
    for expected in [4, 4, 2] {
        let Drained::Frames(frames) = outbox.drain().await else { panic!("closed") };
        assert_eq!(frames.len(), expected);
    }
    assert!(outbox.has_room_to_spare(0) && !outbox.has_room_to_spare(Capacity::default().bytes));
}

#[tokio::test]
async fn a_node_that_is_ending_still_answers_what_was_begun() {
    let outbox = Outbox::new(SMALL);
    outbox.close(CloseCode::ShuttingDown);
    push(&outbox, "ack").expect("room");
    assert_eq!(outbox.drain().await, frames(&["ack"]));
}

#[tokio::test]
async fn while_something_is_written_only_the_end_is_waited_for() {
    let outbox = Outbox::new(SMALL);
    push(&outbox, "a").expect("room");
    assert_eq!(outbox.next(true).now_or_never(), None, "it would be taken, and have no place to go");
    assert_eq!(outbox.next(false).await, frames(&["a"]));
    outbox.close(CloseCode::TokenExpired);
    assert_eq!(outbox.next(true).await, Drained::Closed(Close::new(CloseCode::TokenExpired)));
}

#[tokio::test]
async fn what_waits_is_written_before_a_close_and_nothing_after() {
    let outbox = Outbox::new(SMALL);
    push(&outbox, "a").expect("room");
    outbox.close(CloseCode::TokenExpired);
    outbox.close(CloseCode::Internal);
    assert_eq!(push(&outbox, "b"), Err(Slow));
    assert_eq!(outbox.drain().await, frames(&["a"]));
    assert_eq!(outbox.drain().await, Drained::Closed(Close::new(CloseCode::TokenExpired)));
    assert_eq!(outbox.closed().await.code, CloseCode::TokenExpired);
}
