//! What a list of changes needs to know before it can be applied. Each kind of change adds its own rows (see [`super::changes`]).

use std::collections::{BTreeSet, HashSet};

use crate::ids::Pair;
use crate::objects::CardRef;

/// How a transaction looks at keys that may have been used before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Looks no key up: the unique index refuses one that was used before.
    Optimistic,
    /// Looks every key up.
    Checked,
}

/// Which rows must be read.
#[derive(Debug, Default)]
pub(super) struct ReadSet<'a> {
    /// Pairs that are written to or asked about.
    pub(super) pairs: HashSet<Pair>,
    /// People whose totals may change.
    pub(super) users: HashSet<i64>,
    /// Messages that are edited or deleted.
    pub(super) messages: BTreeSet<i64>,
    /// Messages that are answered.
    pub(super) answered: BTreeSet<i64>,
    /// Keys of messages that must be looked up: pair, author (0: the marketplace), key.
    pub(super) keys: Vec<(Pair, i64, &'a str)>,
    /// Images that are sent or given up.
    pub(super) media: BTreeSet<&'a str>,
    /// Notifications that are read or deleted.
    pub(super) notifications: BTreeSet<i64>,
    /// Notifications' keys: person, key as stored.
    pub(super) dedupe: BTreeSet<(i64, String)>,
    /// Tickets that are used.
    pub(super) tickets: BTreeSet<&'a str>,
    /// Users whose profiles are put, or to whom the marketplace writes.
    pub(super) profiles: BTreeSet<i64>,
    /// Cards that are put, or that messages show.
    pub(super) cards: BTreeSet<CardRef>,
    /// Receipts that do not reach to the newest message: pair, reader, up to.
    pub(super) partly_read: Vec<(Pair, i64, i64)>,
}
