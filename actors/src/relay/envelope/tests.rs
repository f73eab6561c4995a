//! Messages are read as they were sent; what is not exactly that is refused, for the reason that applies.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn codec() -> Codec {
    Codec { database: [7; DATABASE_BYTES], key: Key::derive(b"a secret that the nodes share") }
}

fn envelope(body: Vec<u8>) -> Envelope {
    let from = NodeId::of("one".into(), 77);
    Envelope { kind: Kind::Content, from, sequence: 5, epoch: "0123456789abcdef".into(), body: body.into() }
}

fn refused(codec: &Codec, to: &Destination, bytes: impl Into<Bytes>) -> Reason {
    codec.open(to, &bytes.into()).expect_err("refused").reason
}

/// Where each field of a message begins.
const VERSION_AT: usize = 4;
const KIND_AT: usize = 5;
const DATABASE_AT: usize = 6;

#[test]
fn what_is_wrong_is_said() {
    let (codec, to) = (codec(), Destination::Node("two".into()));
    let sealed = codec.seal(&to, &envelope(vec![1, 2, 3])).expect("small enough");
    let changed = |at: usize| {
        let mut bytes = sealed.to_vec();
        bytes[at] ^= 0x40;
        refused(&codec, &to, bytes)
    };
    assert_eq!(changed(0), Reason::Format);
    assert_eq!(changed(VERSION_AT), Reason::Version);
    assert_eq!(changed(KIND_AT), Reason::Signature);
    assert_eq!(changed(DATABASE_AT), Reason::Database);
    assert_eq!(changed(sealed.len() - 1), Reason::Signature);
    assert_eq!(changed(sealed.len() - SIGNATURE_BYTES - 1), Reason::Signature);
    assert_eq!(refused(&codec, &to, vec![0; MAX_BYTES + 1]), Reason::Size);
    assert_eq!(refused(&codec, &to, Bytes::new()), Reason::Format);
    for other in [Destination::AllCommits, Destination::AllPresence, Destination::Node("three".into())] {
        assert_eq!(refused(&codec, &other, sealed.clone()), Reason::Signature, "{other:?}");
    }
}

#[test]
fn another_secret_is_told_with_the_name_of_the_node() {
    let to = Destination::AllHeartbeats;
    let stranger = Codec { key: Key::derive(b"another secret"), ..codec() };
    let sealed = stranger.seal(&to, &envelope(Vec::new())).expect("small enough");
    let refused = codec().open(&to, &sealed).expect_err("refused");
    assert_eq!(refused, Ignored { reason: Reason::Signature, node: Some("one".into()) });
}

#[test]
fn a_kind_of_a_later_version_is_refused_as_such() {
    let (codec, to) = (codec(), Destination::AllCommits);
    let mut bytes = codec.seal(&to, &envelope(vec![9])).expect("small enough").to_vec();
    bytes.truncate(bytes.len() - SIGNATURE_BYTES);
    bytes[KIND_AT] = 200;
    let signature = codec.key.signature(&to, &bytes).finalize().into_bytes();
    bytes.extend_from_slice(&signature[..SIGNATURE_BYTES]);
    assert_eq!(refused(&codec, &to, bytes), Reason::Kind);
}

#[test]
fn what_is_too_large_is_not_sent() {
    let (codec, to) = (codec(), Destination::AllCommits);
    let room = MAX_BYTES - codec.seal(&to, &envelope(Vec::new())).expect("small enough").len();
    let largest = codec.seal(&to, &envelope(vec![0; room])).expect("just small enough");
    assert_eq!(largest.len(), MAX_BYTES);
    assert!(codec.open(&to, &largest).is_ok());
    assert!(codec.seal(&to, &envelope(vec![0; room + 1])).is_none());
}

#[test]
fn kinds_have_numbers_of_their_own_and_keys_are_not_shown() {
    for kind in Kind::ALL {
        assert_eq!(kind_of(number_of(kind)), Some(kind));
    }
    assert_eq!(format!("{:?}", Key::derive(b"hunter2")), "Key");
}

fn destinations() -> impl Strategy<Value = Destination> {
    prop_oneof![
        Just(Destination::AllCommits),
        Just(Destination::AllPresence),
        Just(Destination::AllHeartbeats),
        "[a-z0-9-]{1,64}".prop_map(|name| Destination::Node(name.into())),
    ]
}

fn envelopes() -> impl Strategy<Value = Envelope> {
    let kinds = prop::sample::select(Kind::ALL.to_vec());
    (kinds, "[A-Za-z0-9_-]{1,64}", any::<u64>(), any::<u64>(), "[0-9a-f]{1,32}", vec(any::<u8>(), 0..300)).prop_map(
        |(kind, name, incarnation, sequence, epoch, body)| Envelope {
            kind,
            from: NodeId::of(name.into(), incarnation),
            sequence,
            epoch: epoch.into(),
            body: body.into(),
        },
    )
}

proptest! {
    #[test]
    fn a_message_is_read_as_it_was_sent(to in destinations(), envelope in envelopes()) {
        let sealed = codec().seal(&to, &envelope).expect("small enough");
        prop_assert_eq!(codec().open(&to, &sealed), Ok(envelope));
    }

    #[test]
    fn a_flipped_bit_is_noticed(to in destinations(), envelope in envelopes(), at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let mut bytes = codec().seal(&to, &envelope).expect("small enough").to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert!(codec().open(&to, &bytes.into()).is_err());
    }

    #[test]
    fn a_cut_or_lengthened_message_is_noticed(to in destinations(), envelope in envelopes(), at in any::<prop::sample::Index>(), more in vec(any::<u8>(), 1..40)) {
        let sealed = codec().seal(&to, &envelope).expect("small enough");
        prop_assert!(codec().open(&to, &sealed.slice(..at.index(sealed.len()))).is_err());
        prop_assert!(codec().open(&to, &[&sealed[..], &more].concat().into()).is_err());
    }

    #[test]
    fn bytes_by_chance_are_refused(to in destinations(), bytes in vec(any::<u8>(), 0..300)) {
        prop_assert!(codec().open(&to, &bytes.into()).is_err());
    }
}
