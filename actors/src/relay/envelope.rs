//! The form of a message on its way between nodes.
//!
//! ```text
//!  magic 4 │ version 1 │ kind 1 │ database 16 │ incarnation 8 │ sequence 8 │ epoch 1+n │ node 1+n │ body 4+n │ signature 16
//! ```
//!
//! Numbers are big-endian. The signature is HMAC-SHA256, cut to 16 bytes, over the destination and all that stands before it:
//! a message is good for the destination that it was sent to alone.

use std::fmt;
use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use chat_database::nodes::NodeId;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::message::{Destination, Kind};

/// The size of a message, at most: what a NATS server takes unless it is told otherwise.
pub(super) const MAX_BYTES: usize = 1_024 * 1_024;

const MAGIC: [u8; 4] = *b"CHRL";
const VERSION: u8 = 1;
const DATABASE_BYTES: usize = 16;
const SIGNATURE_BYTES: usize = 16;
/// The bytes up to and with the sequence number.
const FIXED_BYTES: usize = MAGIC.len() + 2 + DATABASE_BYTES + 8 + 8;
/// The longest name of a node, or of a history, in bytes.
const MAX_NAME: usize = 64;

/// The purpose that the signing key is derived for.
const PURPOSE: &[u8] = b"softadastra-chat relay between nodes, version 1";

/// The text that a key's check number is made of; no signed message begins like it.
const CHECK: &[u8] = b"which key is this";

/// The identity of the database that the nodes share.
pub(super) type DatabaseId = [u8; DATABASE_BYTES];

/// The key that signs messages between nodes: all nodes have the same.
#[derive(Clone)]
pub struct Key(Hmac<Sha256>);

impl Key {
    /// Derives the key from the secret that the nodes share.
    #[must_use]
    pub fn derive(secret: &[u8]) -> Self {
        let derived = hmac(secret).chain_update(PURPOSE).finalize().into_bytes();
        Self(hmac(&derived))
    }

    /// Returns a number by which nodes see whether they have the same key. It reveals nothing else of the key.
    #[must_use]
    pub fn check(&self) -> i64 {
        let bytes = self.0.clone().chain_update(CHECK).finalize().into_bytes();
        bytes.iter().take(size_of::<i64>()).fold(0, |number, byte| (number << 8) | i64::from(*byte))
    }

    fn signature(&self, to: &Destination, message: &[u8]) -> Hmac<Sha256> {
        let (lane, node) = to.lane_and_name();
        let mac = self.0.clone().chain_update([lane]).chain_update((node.len() as u64).to_be_bytes());
        mac.chain_update(node).chain_update(message)
    }
}

impl fmt::Debug for Key {
    /// Leaves out the key.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Key")
    }
}

fn hmac(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"))
}

/// A message with its sender, sequence number and history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Envelope {
    pub(super) kind: Kind,
    pub(super) from: NodeId,
    /// Its place among the messages of that process to the same destination, counted from 1.
    pub(super) sequence: u64,
    /// The name of the history, as the sender knew it.
    pub(super) epoch: Arc<str>,
    pub(super) body: Bytes,
}

/// Why a message is ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Reason {
    /// It is no message of a hub, or was cut.
    Format,
    /// It is larger than any message may be.
    Size,
    /// It is of another version of the protocol between nodes.
    Version,
    /// It is of nodes on another database.
    Database,
    /// It was signed with another key, or changed on its way.
    Signature,
    /// It is of a kind that this version does not know.
    Kind,
    /// It names a history of the database that this node does not know.
    Epoch,
    /// It came before, or a later one did.
    Replayed,
    /// It is this process's own.
    Own,
    /// Too many messages of other nodes wait here.
    Overloaded,
}

impl Reason {
    /// All reasons.
    pub(crate) const ALL: [Self; 10] = [
        Self::Format,
        Self::Size,
        Self::Version,
        Self::Database,
        Self::Signature,
        Self::Kind,
        Self::Epoch,
        Self::Replayed,
        Self::Own,
        Self::Overloaded,
    ];

    /// Returns the reason as metrics and logs name it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Format => "format",
            Self::Size => "size",
            Self::Version => "version",
            Self::Database => "database",
            Self::Signature => "signature",
            Self::Kind => "kind",
            Self::Epoch => "epoch",
            Self::Replayed => "replayed",
            Self::Own => "own",
            Self::Overloaded => "overloaded",
        }
    }
}

/// A message that is ignored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ignored {
    pub(super) reason: Reason,
    /// The name of the node that it claims to come from, which may be false.
    pub(super) node: Option<Arc<str>>,
}

impl From<Reason> for Ignored {
    fn from(reason: Reason) -> Self {
        Self { reason, node: None }
    }
}

/// Signs and verifies messages of the nodes of one database.
#[derive(Debug, Clone)]
pub(super) struct Codec {
    pub(super) database: DatabaseId,
    pub(super) key: Key,
}

impl Codec {
    /// Encodes and signs a message; `None` if it is too large.
    pub(super) fn seal(&self, to: &Destination, envelope: &Envelope) -> Option<Bytes> {
        let Envelope { kind, from, sequence, epoch, body } = envelope;
        let size = FIXED_BYTES + 1 + epoch.len() + 1 + from.name().len() + 4 + body.len() + SIGNATURE_BYTES;
        if size > MAX_BYTES || [epoch.len(), from.name().len()].into_iter().any(|length| length > MAX_NAME) {
            return None;
        }
        let mut bytes = BytesMut::with_capacity(size);
        bytes.put_slice(&MAGIC);
        bytes.put_u8(VERSION);
        bytes.put_u8(number_of(*kind));
        bytes.put_slice(&self.database);
        bytes.put_u64(from.incarnation());
        bytes.put_u64(*sequence);
        for name in [epoch, from.name()] {
            bytes.put_u8(u8::try_from(name.len()).ok()?);
            bytes.put_slice(name.as_bytes());
        }
        bytes.put_u32(u32::try_from(body.len()).ok()?);
        bytes.put_slice(body);
        let signature = self.key.signature(to, &bytes).finalize().into_bytes();
        bytes.put_slice(&signature[..SIGNATURE_BYTES]);
        Some(bytes.freeze())
    }

    /// Verifies and decodes a message that came to a destination.
    pub(super) fn open(&self, to: &Destination, bytes: &Bytes) -> Result<Envelope, Ignored> {
        if bytes.len() > MAX_BYTES {
            return Err(Reason::Size.into());
        }
        let (message, signature) =
            bytes.len().checked_sub(SIGNATURE_BYTES).map(|at| bytes.split_at(at)).ok_or(Reason::Format)?;
        let mut rest = message;
        if rest.len() < FIXED_BYTES || rest.copy_to_bytes(MAGIC.len()) != MAGIC[..] {
            return Err(Reason::Format.into());
        }
        if rest.get_u8() != VERSION {
            return Err(Reason::Version.into());
        }
        let kind = rest.get_u8();
        if rest.copy_to_bytes(DATABASE_BYTES) != self.database[..] {
            return Err(Reason::Database.into());
        }
        let (incarnation, sequence) = (rest.get_u64(), rest.get_u64());
        let (epoch, name) = (take_name(&mut rest)?, take_name(&mut rest)?);
        let length = rest.try_get_u32().map_err(|_| Reason::Format)?;
        if usize::try_from(length).ok() != Some(rest.len()) {
            return Err(Reason::Format.into());
        }
        let name: Arc<str> = name.into();
        if self.key.signature(to, message).verify_truncated_left(signature).is_err() {
            return Err(Ignored { reason: Reason::Signature, node: Some(name) });
        }
        let kind = kind_of(kind).ok_or_else(|| Ignored { reason: Reason::Kind, node: Some(Arc::clone(&name)) })?;
        let body = bytes.slice(message.len() - rest.len()..message.len());
        Ok(Envelope { kind, from: NodeId::of(name, incarnation), sequence, epoch: epoch.into(), body })
    }
}

fn take_name<'a>(rest: &mut &'a [u8]) -> Result<&'a str, Reason> {
    let length = usize::from(rest.try_get_u8().map_err(|_| Reason::Format)?);
    let name = rest.split_off(..length).filter(|_| (1..=MAX_NAME).contains(&length)).ok_or(Reason::Format)?;
    let printable = |name: &&str| !name.contains(char::is_control);
    std::str::from_utf8(name).ok().filter(printable).ok_or(Reason::Format)
}

/// Returns a kind's number, which never changes: nodes of several versions talk to each other.
fn number_of(kind: Kind) -> u8 {
    match kind {
        Kind::Header => 1,
        Kind::Content => 2,
        Kind::Presence => 3,
        Kind::Announcement => 4,
        Kind::Typing => 5,
        Kind::SnapshotRequest => 6,
        Kind::Snapshot => 7,
        Kind::Heartbeat => 8,
        Kind::Update => 9,
    }
}

fn kind_of(number: u8) -> Option<Kind> {
    Kind::ALL.into_iter().find(|kind| number_of(*kind) == number)
}

#[cfg(test)]
mod tests;
