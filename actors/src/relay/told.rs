//! The numbers before each heartbeat's body: how many messages its sender has sent to each destination. So the receivers
//! notice the loss of the last messages, though no later one comes.

use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::envelope::Reason;
use super::message::Destination;
use super::sequences::Lane;

/// How many destinations one heartbeat names, at most.
const MAX_DESTINATIONS: usize = 1_024;

/// Puts the counts before a body.
pub(super) fn encode(counts: &[(Destination, u64)], body: &[u8]) -> Bytes {
    let counts = &counts[..counts.len().min(MAX_DESTINATIONS)];
    let mut bytes = BytesMut::with_capacity(2 + counts.len() * 24 + body.len());
    bytes.put_u16(u16::try_from(counts.len()).unwrap_or(u16::MAX));
    for (to, count) in counts {
        let (lane, name) = to.lane_and_name();
        bytes.put_u8(lane);
        bytes.put_u8(u8::try_from(name.len()).unwrap_or(u8::MAX));
        bytes.put_slice(&name.as_bytes()[..name.len().min(usize::from(u8::MAX))]);
        bytes.put_u64(*count);
    }
    bytes.put_slice(body);
    bytes.freeze()
}

/// Takes the numbers off a heartbeat; returns those of the lanes that a node receives, and the body.
pub(super) fn decode(me: &str, heartbeat: &Bytes) -> Result<(Vec<(Lane, u64)>, Bytes), Reason> {
    let mut rest = &heartbeat[..];
    let counts = rest.try_get_u16().map_err(|_| Reason::Format)?;
    let mut told = Vec::with_capacity(Lane::ALL.len());
    for _ in 0..counts {
        let lane = rest.try_get_u8().map_err(|_| Reason::Format)?;
        let length = usize::from(rest.try_get_u8().map_err(|_| Reason::Format)?);
        let name = rest.split_off(..length).ok_or(Reason::Format)?;
        let count = rest.try_get_u64().map_err(|_| Reason::Format)?;
        let to = match lane {
            b'c' => Destination::AllCommits,
            b'p' => Destination::AllPresence,
            b'h' => Destination::AllHeartbeats,
            b'n' if name == me.as_bytes() => Destination::Node(Arc::from(me)),
            _ => continue,
        };
        told.extend(Lane::of(&to, me).map(|lane| (lane, count)));
    }
    Ok((told, heartbeat.slice(heartbeat.len() - rest.len()..)))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_node_reads_what_is_said_of_its_lanes() {
        let counts = [
            (Destination::AllCommits, 5),
            (Destination::Node("two".into()), 8),
            (Destination::Node("three".into()), 9),
            (Destination::AllHeartbeats, 1),
        ];
        let heartbeat = encode(&counts, b"alive");
        let (told, body) = decode("two", &heartbeat).expect("a heartbeat");
        assert_eq!(told, [(Lane::Commits, 5), (Lane::Own, 8), (Lane::Heartbeats, 1)]);
        assert_eq!(body, "alive");
        let (told, body) = decode("four", &encode(&[], b"")).expect("a heartbeat");
        assert!(told.is_empty() && body.is_empty());
    }

    proptest! {
        #[test]
        fn bytes_by_chance_end_in_an_error_or_a_body(bytes in vec(any::<u8>(), 0..100)) {
            let bytes = Bytes::from(bytes);
            if let Ok((_, body)) = decode("two", &bytes) {
                prop_assert!(bytes.ends_with(&body));
            }
        }
    }
}
