//! Ways to break the hub on purpose, so that tests show that they would notice (the cargo feature `sabotage`).
//!
//! With the feature, `CHAT_TEST_SABOTAGE` names the one that is on. Without it, [`Sabotage::is_on`] is `false` when the hub is
//! compiled, and no environment variable is read. The feature is never on in a build that is run.

/// A way to break the hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    /// A commit is delivered on its header alone, and what its content would have told is not read.
    ReleaseWithoutContent,
    /// A commit is delivered although one before it is missing.
    SkipGaps,
    /// A commit in doubt is looked for without waiting for the lock that its transaction may still hold.
    SettleWithoutLock,
    /// The history keeps its name after the database has gone back.
    KeepEpoch,
    /// Nodes are told apart by their names alone.
    PresenceWithoutIncarnation,
    /// Outcomes are handed out without waiting for COMMIT's answer.
    AnnounceBeforeCommit,
    /// A node is dead when it is silent, whatever its row in the database says.
    NoDatabaseWitness,
    /// The database is not polled for the commits of other nodes.
    PollOff,
}

impl Sabotage {
    /// Tells whether the hub is broken in this way.
    #[cfg(feature = "sabotage")]
    #[must_use]
    pub fn is_on(self) -> bool {
        static CHOSEN: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
        let chosen = CHOSEN.get_or_init(|| std::env::var("CHAT_TEST_SABOTAGE").ok());
        chosen.as_ref().is_some_and(|chosen| *chosen == format!("{self:?}"))
    }

    /// Tells whether the hub is broken in this way: never.
    #[cfg(not(feature = "sabotage"))]
    #[must_use]
    pub const fn is_on(self) -> bool {
        false
    }
}
