//! Tests of the encoding.

use super::*;

#[test]
fn every_body_is_read_as_it_was_written() {
    let entry_version = EntryVersion { count: u64::MAX, seq: 7 };
    let users = [3, 1, 1 << 52].map(|id| UserId::new(id).expect("an id"));
    let snapshot = Snapshot::parts(entry_version, users.to_vec()).remove(0);
    let left = Transition::left(users[0], Timestamp::from_millis(-5), true);
    let bodies = [
        Body::Transitions(Transitions { entry_version, changes: vec![Transition::came(users[0], false), left] }),
        Body::Announcement(Announced { number: 1, user: 42, online: false, seen: Some(5), recipients: vec![7, 8] }),
        Body::SnapshotRequest,
        Body::Snapshot(snapshot),
        Body::Heartbeat(Heartbeat {
            entry_version,
            users: 3,
            sum: 9,
            announced: vec![("two".into(), 4)],
            released: 12,
            draining: true,
            version: "0.1.0".into(),
        }),
        Body::Typing(Typing { from: 42, to: 7, thread: 77, on: true }),
    ];
    for body in bodies {
        assert_eq!(Body::decode(&body.encode()), Some(body));
    }
}

#[test]
fn what_is_no_body_is_none() {
    for bytes in [&b""[..], b"\xff", b"{}", b"\x03\x01", b"\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"] {
        assert_eq!(Body::decode(bytes), None, "{bytes:?}");
    }
}

#[test]
fn a_snapshot_of_many_users_comes_in_parts_that_are_small() {
    let entry_version = EntryVersion { count: 1, seq: 1 };
    let users: Vec<UserId> = (1..=100_000).map(|id| UserId::new(id * 1_000).expect("an id")).collect();
    let parts = Snapshot::parts(entry_version, users.iter().rev().copied().collect());
    assert_eq!(parts.len(), 4);
    assert!(parts.iter().all(|part| Body::Snapshot(part.clone()).encode().len() <= 256 * 1_024));
    let read: Vec<UserId> = parts.iter().flat_map(Snapshot::users).collect();
    assert_eq!(read, users);
    assert_eq!(Snapshot::parts(entry_version, Vec::new()).len(), 1, "a node without users says so");
}
