//! Profiles: what the marketplace says of users, on every backend.

use chat_database::change::{Change, Outcome, ProfilesPut};
use chat_database::ids::UserId;
use chat_database::objects::{ContactChannel, MarketRole, Profile, PublicProfile};
use chat_database::queries::{inbox, people, profiles};

use crate::support::world::{World, user};

on_each_backend!(
    a_profile_replaces_the_one_before,
    a_profile_that_says_the_same_is_not_written,
    what_other_users_do_not_see_is_no_news_to_them,
    of_two_profiles_of_a_user_the_last_one_counts,
    an_inbox_names_the_other_member,
    those_who_share_a_thread_are_found,
);

/// Makes a profile with everything in it, in several scripts.
fn profile(user_id: UserId, name: &str) -> Profile {
    let public = PublicProfile {
        name: name.to_owned(),
        avatar_url: Some("https://shop.example/é/7.webp".to_owned()),
        verified: true,
        role: Some(MarketRole::Seller),
    };
    Profile {
        user_id,
        public,
        locale: Some("fr-CD".to_owned()),
        timezone: Some("Africa/Lubumbashi".to_owned()),
        email: Some("amani@shop.example".to_owned()),
        contactable: vec![ContactChannel::Whatsapp, ContactChannel::Email],
    }
}

/// Makes a profile with nothing but a name.
fn bare(user_id: UserId, name: &str) -> Profile {
    let public = PublicProfile { name: name.to_owned(), avatar_url: None, verified: false, role: None };
    Profile { user_id, public, locale: None, timezone: None, email: None, contactable: Vec::new() }
}

fn put(outcome: Outcome) -> ProfilesPut {
    match outcome {
        Outcome::ProfilesPut(put) => put,
        other => panic!("no profiles put, but {other:?}"),
    }
}

async fn a_profile_replaces_the_one_before(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    let first = vec![profile(ann, "Amani 🙂 أماني"), bare(ben, "Ben")];
    let both = put(w.one(Change::PutProfiles(first.clone())).await);
    assert_eq!((both.changed, both.seen), (vec![ann, ben], vec![ann, ben]));
    assert_eq!(profiles::of(&w.db, &[ben, ann, user(3)]).await.unwrap(), first);
    let second = bare(ann, "Amani");
    // Also by a writer that knows nothing.
    w.writer = w.another_writer("beta").await;
    let one = put(w.one(Change::PutProfiles(vec![second.clone()])).await);
    assert_eq!((one.changed, one.seen), (vec![ann], vec![ann]));
    assert_eq!(profiles::of(&w.db, &[ann]).await.unwrap(), [second]);
}

async fn a_profile_that_says_the_same_is_not_written(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    let first = vec![profile(ann, "Ann"), profile(ben, "Ben")];
    w.one(Change::PutProfiles(first.clone())).await;
    // A row that was written would have its name back.
    w.sql("UPDATE profiles SET email = 'touched' WHERE user_id = 2").await;
    let again = put(w.one(Change::PutProfiles(vec![first[0].clone()])).await);
    assert_eq!(again, ProfilesPut::default());
    let touched = Profile { email: Some("touched".to_owned()), ..profile(ben, "Ben") };
    assert_eq!(put(w.one(Change::PutProfiles(vec![touched])).await), ProfilesPut::default());
}

async fn what_other_users_do_not_see_is_no_news_to_them(mut w: World) {
    let ann = user(1);
    w.one(Change::PutProfiles(vec![profile(ann, "Ann")])).await;
    let moved = Profile { email: None, locale: Some("sw".to_owned()), ..profile(ann, "Ann") };
    let moved = put(w.one(Change::PutProfiles(vec![moved])).await);
    assert_eq!((moved.changed, moved.seen), (vec![ann], vec![]));
}

async fn of_two_profiles_of_a_user_the_last_one_counts(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    let first = Change::PutProfiles(vec![bare(ann, "one"), bare(ben, "Ben"), bare(ann, "two")]);
    let outcomes = w.commit(&[first, Change::PutProfiles(vec![bare(ann, "three")])]).await.outcomes;
    let changed: Vec<_> = outcomes.into_iter().map(|outcome| put(outcome).changed).collect();
    assert_eq!(changed, [vec![ann, ben], vec![ann]]);
    assert_eq!(profiles::of(&w.db, &[ann]).await.unwrap(), [bare(ann, "three")]);
}

async fn an_inbox_names_the_other_member(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    let thread = w.says(ann, ben, "hi").await.thread_id;
    let other = |page: inbox::Inbox| page.threads[0].other.clone();
    assert_eq!(other(inbox::page(&w.db, ben, None, false, 5).await.unwrap()), None);
    w.one(Change::PutProfiles(vec![profile(ann, "Ann")])).await;
    let named = Some(profile(ann, "Ann").public);
    for unread_only in [false, true] {
        assert_eq!(other(inbox::page(&w.db, ben, None, unread_only, 5).await.unwrap()), named);
    }
    assert_eq!(inbox::one(&w.db, ben, thread).await.unwrap().unwrap().other, named);
    assert_eq!(inbox::one(&w.db, ann, thread).await.unwrap().unwrap().other, None);
}

async fn those_who_share_a_thread_are_found(mut w: World) {
    let (ann, ben, cid, dan) = (user(1), user(2), user(3), user(4));
    w.says(ben, ann, "hi").await;
    w.says(ben, cid, "hi").await;
    w.says(dan, cid, "hi").await;
    let mut pairs = people::sharing_a_thread(&w.db, &[ben, dan], 10).await.unwrap();
    pairs.sort_unstable();
    assert_eq!(pairs, [(ben, ann), (ben, cid), (dan, cid)]);
    assert_eq!(people::sharing_a_thread(&w.db, &[ben], 1).await.unwrap().len(), 1);
    assert!(people::sharing_a_thread(&w.db, &[user(9)], 10).await.unwrap().is_empty());
}
