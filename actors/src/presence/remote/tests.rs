//! Tests of the table.

use super::*;

fn node(name: &str, incarnation: u64) -> NodeId {
    NodeId::of(name.into(), incarnation)
}

fn user(id: u64) -> UserId {
    UserId::new(id).expect("an id")
}

#[test]
fn a_user_is_online_while_any_node_has_them() {
    let (mut table, alice) = (RemoteTable::default(), user(42));
    let one = table.open(&node("one", 1)).expect("a slot");
    let two = table.open(&node("two", 2)).expect("a slot");
    assert_eq!(table.open(&node("one", 1)), Some(one));
    assert!(table.insert(one, alice), "she was offline");
    assert!(!table.insert(one, alice) && !table.insert(two, alice));
    assert!(!table.remove(one, alice), "she is online on the other");
    assert!(!table.remove(one, alice), "she was not there any more");
    assert!(table.is_online(alice));
    assert!(table.remove(two, alice));
    assert!(!table.is_online(alice) && table.len() == 0);
}

#[test]
fn nodes_that_cannot_be_told_anything_are_not_named() {
    let (mut table, alice) = (RemoteTable::default(), user(42));
    let [one, two] = [node("one", 1), node("two", 2)].map(|id| table.open(&id).expect("a slot"));
    for slot in [one, two] {
        table.insert(slot, alice);
        table.set_live(slot, true);
    }
    assert_eq!(table.nodes_of(alice), [Arc::from("one"), Arc::from("two")]);
    table.set_live(one, false);
    assert_eq!(table.nodes_of(alice), [Arc::from("two")]);
    assert!(table.nodes_of(user(7)).is_empty());
}

/// Of two processes of one name, each has its own entries.
#[test]
fn entries_die_with_their_process_alone() {
    let (mut table, alice, bob) = (RemoteTable::default(), user(42), user(7));
    let [old, new] = [node("one", 1), node("one", 2)].map(|id| table.open(&id).expect("a slot"));
    table.insert(old, alice);
    table.insert(old, bob);
    table.insert(new, alice);
    for user in table.users_of(old) {
        table.remove(old, user);
    }
    table.close(old);
    assert!(table.is_online(alice) && !table.is_online(bob));
    assert_eq!(table.slot(&node("one", 1)), None);
    let third = table.open(&node("three", 3)).expect("a slot");
    assert!(table.users_of(third).is_empty(), "a slot that is used again is empty");
}

#[test]
fn a_digest_is_that_of_the_users_whatever_their_order() {
    let mut table = RemoteTable::default();
    let [one, two] = [node("one", 1), node("two", 2)].map(|id| table.open(&id).expect("a slot"));
    for id in 1..100 {
        table.insert(one, user(id));
        table.insert(one, user(id));
        table.insert(two, user(100 - id));
    }
    assert_eq!(table.digest(one), table.digest(two));
    table.remove(two, user(1));
    assert_ne!(table.digest(one), table.digest(two));
    table.insert(two, user(1_000));
    assert_ne!(table.digest(one), table.digest(two), "as many, but others");
}

#[test]
fn there_is_a_slot_for_each_of_sixty_four_processes() {
    let mut table = RemoteTable::default();
    for incarnation in 0..64 {
        let slot = table.open(&node("one", incarnation)).expect("a slot");
        table.set_live(slot, true);
        table.insert(slot, user(1));
    }
    assert_eq!(table.open(&node("one", 64)), None);
    assert_eq!(table.nodes_of(user(1)).len(), 64);
    let first = table.slot(&node("one", 0)).expect("a slot");
    table.remove(first, user(1));
    table.close(first);
    assert_eq!(table.open(&node("one", 64)), Some(first));
}

/// At most 48 bytes for each. A hash table of the standard library has a byte beside each place, grows by powers of
/// two, and fills seven eighths of its places: it is emptiest just after it has grown.
#[test]
fn a_remote_user_takes_at_most_48_bytes() {
    let mut table = RemoteTable::default();
    let slot = table.open(&node("one", 1)).expect("a slot");
    let (mut last, mut worst) = (0, 0.0_f64);
    for id in 1..=1_000_000_u64 {
        table.insert(slot, user(id));
        if table.users.capacity() != last && id > 1_000 {
            let places = (table.users.capacity() * 8 / 7).next_power_of_two();
            let bytes = places * (size_of::<(UserId, u64)>() + 1);
            worst = worst.max(bytes as f64 / id as f64);
        }
        last = table.users.capacity();
    }
    assert!((17.0..=48.0).contains(&worst), "{worst:.1} bytes a user");
}
