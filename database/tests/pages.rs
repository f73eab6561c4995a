//! Pages of a thread: by place, by what was changed, for its members alone, on every backend.

use chat_database::Error;
use chat_database::change::{Change, Outcome};
use chat_database::ids::{MessageId, Rev, Seq};
use chat_database::queries::messages::{self, Page};
use chat_database::queries::{changes, threads};

use crate::support::world::{World, pair, sent, user};

on_each_backend!(
    pages_of_a_thread_meet,
    a_page_from_any_place_is_what_a_list_would_give,
    after_rev_returns_each_changed_message_once,
    a_gap_is_closed_from_any_rev_through_edits_and_deletions,
    a_user_never_reads_a_thread_that_is_not_theirs,
    a_damaged_thread_is_refused_and_shows_no_other_threads_messages,
);

async fn pages_of_a_thread_meet(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    let changes: Vec<Change> = (0..25).map(|n| w.text(ann, ben, &n.to_string())).collect();
    let thread = sent(w.commit(&changes).await.outcomes.remove(0)).message.thread_id;
    let seqs = |history: &messages::History| history.messages.iter().map(|m| m.seq.0).collect::<Vec<_>>();
    let page = async |page| messages::page(&w.db, ben, thread, page, 10).await.unwrap().unwrap();

    let newest = page(Page::Newest).await;
    assert_eq!((seqs(&newest), newest.has_more), ((16..=25).collect(), true));
    let before = page(Page::BeforeSeq(Seq(11))).await;
    assert_eq!((seqs(&before), before.has_more), ((1..=10).collect(), false));
    let after = page(Page::AfterSeq(Seq(5))).await;
    assert_eq!((seqs(&after), after.has_more), ((6..=15).collect(), true));
    assert!(page(Page::AfterSeq(Seq(25))).await.messages.is_empty());
}

/// SQLite finds a place by way of the nearest 16th message above it.
async fn a_page_from_any_place_is_what_a_list_would_give(mut w: World) {
    let (ann, ben, cid) = (user(1), user(2), user(3));
    let mut list = Vec::new();
    let mut thread = None;
    // Each length is read before the next message comes; another thread goes on in between.
    for length in 1..=50_u64 {
        let changes = [w.text(ann, ben, "one"), w.text(cid, ann, "another")];
        let message = sent(w.commit(&changes).await.outcomes.remove(0)).message;
        thread = Some(message.thread_id);
        list.push((length, message.id));
        let wholly = [1, 15, 16, 17, 31, 32, 33, 50].contains(&length);
        let places = if wholly { 0..=length + 2 } else { length..=length };
        for place in places {
            for limit in [1, 7, 16, 17, 60] {
                let up_to = |seq: u64| {
                    let below: Vec<_> = list.iter().filter(|(at, _)| *at <= seq).copied().collect();
                    let more = below.len() > limit;
                    (below[below.len().saturating_sub(limit)..].to_vec(), more)
                };
                let above: Vec<_> = list.iter().filter(|(at, _)| *at > place).copied().collect();
                let after = (above[..above.len().min(limit)].to_vec(), above.len() > limit);
                let expected = [
                    (Page::Newest, up_to(u64::MAX)),
                    (Page::BeforeSeq(Seq(place)), up_to(place.saturating_sub(1))),
                    (Page::AfterSeq(Seq(place)), after),
                ];
                for (page, expected) in expected {
                    let limit = u32::try_from(limit).unwrap();
                    let read = messages::page(&w.db, ben, thread.unwrap(), page, limit).await.unwrap().unwrap();
                    let got: Vec<_> = read.messages.iter().map(|message| (message.seq.0, message.id)).collect();
                    assert_eq!((got, read.has_more), expected, "{page:?}, {limit} of {length}");
                }
            }
        }
    }
    for far in [Page::BeforeSeq(Seq(u64::MAX)), Page::AfterSeq(Seq(u64::MAX)), Page::BeforeSeq(Seq(0))] {
        let read = messages::page(&w.db, ben, thread.unwrap(), far, 60).await.unwrap().unwrap();
        let expected = if far == Page::BeforeSeq(Seq(u64::MAX)) { 50 } else { 0 };
        assert_eq!(read.messages.len(), expected, "{far:?}");
    }
}

async fn after_rev_returns_each_changed_message_once(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    let changes: Vec<Change> = (0..5).map(|n| w.text(ann, ben, &n.to_string())).collect();
    let sent: Vec<_> = w.commit(&changes).await.outcomes.into_iter().map(|o| sent(o).message).collect();
    let edit = w.edit(sent[1].id, pair(ann, ben), "edited");
    w.one(edit).await;
    let thread = sent[0].thread_id;
    let part = messages::page(&w.db, ben, thread, Page::AfterRev(Rev(1)), 3).await.unwrap().unwrap();
    assert_eq!(part.messages.iter().map(|m| m.rev.0).collect::<Vec<_>>(), [3, 4, 5]);
    assert_eq!((part.rev, part.has_more), (Rev(5), true));
    let rest = messages::page(&w.db, ben, thread, Page::AfterRev(part.rev), 3).await.unwrap().unwrap();
    assert_eq!(rest.messages.iter().map(|m| (m.seq.0, m.rev.0)).collect::<Vec<_>>(), [(2, 6)]);
    assert_eq!((rest.rev, rest.has_more), (Rev(6), false));
}

async fn a_gap_is_closed_from_any_rev_through_edits_and_deletions(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    let mut stands: Vec<(MessageId, u64)> = Vec::new();
    let mut revs_by_commit = Vec::new();
    let mut thread = None;
    for step in 0..60_usize {
        let amended = step * 7 % 5;
        // Some messages are edited again and again, some deleted, some twice in one commit.
        let changes = match step % 4 {
            2 => vec![w.edit(stands[amended].0, pair(ann, ben), "a"), w.edit(stands[amended].0, pair(ann, ben), "b")],
            3 if step % 12 == 3 && stands.len() > 9 => vec![w.delete(stands[step / 4].0, pair(ann, ben))],
            _ => (0..4).map(|n| w.text(ann, ben, &n.to_string())).collect(),
        };
        let committed = w.commit(&changes).await;
        for outcome in committed.outcomes {
            let (id, rev) = match outcome {
                Outcome::Sent(sent) => {
                    thread = Some(sent.message.thread_id);
                    (sent.message.id, sent.message.rev)
                }
                Outcome::Edited(edited) => (edited.message.id, edited.message.rev),
                Outcome::Deleted(deleted) => (deleted.id, deleted.rev),
                Outcome::Gone => continue,
                other => panic!("{other:?}"),
            };
            stands.retain(|(other, _)| *other != id);
            stands.push((id, rev.0));
        }
        // Kept by place, so that the same ones are amended again.
        stands.sort_unstable();
        revs_by_commit.push((committed.commit_ref.commit, stands.iter().map(|(_, rev)| *rev).max().unwrap()));
    }
    let thread = thread.unwrap();
    let newest = revs_by_commit.last().unwrap().1;
    let changed_after = |rev: u64| {
        let mut changed: Vec<(u64, MessageId)> = stands.iter().map(|(id, rev)| (*rev, *id)).collect();
        changed.retain(|(changed, _)| *changed > rev);
        changed.sort_unstable();
        changed
    };
    for from in 0..=newest {
        let mut rev = Rev(from);
        let mut got = Vec::new();
        loop {
            let page = messages::page(&w.db, ben, thread, Page::AfterRev(rev), 7).await.unwrap().unwrap();
            got.extend(page.messages.iter().map(|message| (message.rev.0, message.id)));
            rev = page.rev;
            if !page.has_more {
                break;
            }
        }
        assert_eq!(got, changed_after(from), "after {from}");
        assert_eq!(rev.0, newest);
    }
    for (no, rev) in revs_by_commit {
        let changes = changes::of_thread(&w.db, thread, no).await.unwrap().unwrap();
        let got: Vec<_> = changes.messages.iter().map(|changed| (changed.message.rev.0, changed.message.id)).collect();
        assert_eq!(got, changed_after(rev), "since commit {no:?}");
        let changes = changes::of_user(&w.db, ben, no, 1_000).await.unwrap().unwrap();
        let got: Vec<_> = changes.messages.iter().map(|changed| (changed.message.rev.0, changed.message.id)).collect();
        assert_eq!(got, changed_after(rev), "since commit {no:?}");
    }
}

async fn a_user_never_reads_a_thread_that_is_not_theirs(mut w: World) {
    let (ann, ben, eve) = (user(1), user(2), user(3));
    let message = w.says(ann, ben, "secret").await;
    assert!(messages::page(&w.db, eve, message.thread_id, Page::Newest, 10).await.unwrap().is_none());
    assert!(messages::one(&w.db, eve, message.id).await.unwrap().is_none());
    assert_eq!(threads::of_pair(&w.db, pair(ann, eve)).await.unwrap(), None);
}

/// SQLite's messages name the one before: a wrong name led into another thread, or round and round.
async fn a_damaged_thread_is_refused_and_shows_no_other_threads_messages(mut w: World) {
    if !w.is_sqlite() {
        return;
    }
    let (ann, ben, eve) = (user(1), user(2), user(3));
    let elsewhere = w.says(ann, eve, "secret").await;
    let first = w.says(ann, ben, "one").await;
    let second = w.says(ben, ann, "two").await;
    for (before, wrong) in [(elsewhere.id, "another's"), (second.id, "itself"), (MessageId::new(99).unwrap(), "none")] {
        w.sql(&format!("UPDATE chat_messages SET prev_id = {before} WHERE id = {}", second.id)).await;
        let read = messages::page(&w.db, ben, first.thread_id, Page::Newest, 10).await;
        assert!(matches!(read, Err(Error::Refused(_))), "{wrong}: {read:?}");
    }
    w.sql(&format!("UPDATE chat_messages SET prev_id = {} WHERE id = {}", first.id, second.id)).await;
    let read = messages::page(&w.db, ben, first.thread_id, Page::Newest, 10).await.unwrap().unwrap();
    assert_eq!(read.messages.len(), 2);
}
