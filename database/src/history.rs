//! Which history a commit belongs to. A database can go back (a backup is restored, a server falls back to a copy that
//! lags), and then its commit numbers come again.
//!
//! ```text
//!  nonce   a random number in each commit's entry of the log: a reader that knows a commit's number and nonce sees
//!          whether it still stands, for as long as the log remembers it
//!  epoch   the history's name, a new one with each process that writes. Names from before are good up to the last commit
//!          under them: a process that begins on a restored copy ends the old name where the copy ended, for ever
//! ```
//!
//! A process that lives through it notices (it is given a number that it has seen, or the commit that it knows is another
//! one), and [begins anew](crate::commit::Writer::begin_anew): no former name is valid any more, for commits may have been
//! made under one of them since.

use std::sync::Arc;
use std::time::Duration;

use sea_orm::sea_query::{Expr, JoinType, Order, Query};
use uuid::Uuid;

use crate::driver_error::error;
use crate::entities::{hub_commit, hub_epoch, hub_state};
use crate::ids::CommitNo;
use crate::rows::{BinaryText, Reads, row};
use crate::time::Timestamp;
use crate::{Database, Error};

/// How long a name is good after it has ended: longer than anything that carries one.
pub(crate) const KEPT: Duration = Duration::from_secs(8 * 24 * 3_600);

/// A random number that tells a commit from another one of the same number. Zero: the commit is older than nonces.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Nonce(pub u32);

impl Nonce {
    /// Draws one.
    pub(crate) fn draw() -> Self {
        // The last bytes: all of them are random (RFC 9562, 5.4).
        let [.., one, two, three, four] = Uuid::new_v4().into_bytes();
        Self(u32::from_le_bytes([one, two, three, four]).max(1))
    }

    pub(crate) fn from_column(value: i64) -> Self {
        Self(u32::try_from(value).unwrap_or_default())
    }

    pub(crate) const fn column(self) -> i64 {
        self.0 as i64
    }
}

/// A commit of a certain history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitRef {
    /// A name of the history.
    pub epoch: Arc<str>,
    /// The commit.
    pub commit: CommitNo,
    /// The commit's nonce.
    pub nonce: Nonce,
}

/// Draws a name for a history.
pub(crate) fn draw_epoch() -> String {
    let (_, low) = Uuid::new_v4().as_u64_pair();
    format!("{low:016x}")
}

/// The newest commit that stands, and what the log knows of another commit.
#[derive(Debug, Clone)]
pub struct Head {
    /// The commit.
    pub commit_ref: CommitRef,
    /// The newest time that any commit has written.
    pub newest: Timestamp,
    /// The nonce of the other commit, if the log remembers it.
    pub known: Option<Nonce>,
    /// The commit that changed a restriction of a user last; zero: none ever did.
    pub restrictions: CommitNo,
}

/// Reads the newest commit that stands.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn head(db: &Database) -> Result<CommitRef, Error> {
    head_beside(db, CommitNo(0)).await.map(|head| head.commit_ref)
}

row! {
    /// The newest commit, and the nonce of another one.
    struct HeadRow {
        epoch: BinaryText,
        commit_no: i64,
        nonce: Option<i64>,
        known_nonce: Option<i64>,
        newest_at: i64,
        restrictions_no: Option<i64>,
    }
}

/// Reads the newest commit that stands, and looks what the log says of another one.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn head_beside(db: &Database, known: CommitNo) -> Result<Head, Error> {
    use sea_orm::sea_query::ExprTrait as _;

    let newest = Expr::col(("h", hub_commit::Column::CommitNo)).eq(Expr::col(("s", hub_state::Column::CommitNo)));
    let query = Query::select()
        .columns([("s", hub_state::Column::Epoch), ("s", hub_state::Column::CommitNo)])
        .columns([("h", hub_commit::Column::Nonce), ("k", hub_commit::Column::Nonce)])
        .columns([("s", hub_state::Column::NewestAt), ("s", hub_state::Column::RestrictionsNo)])
        .from_as(hub_state::Entity, "s")
        .join_as(JoinType::LeftJoin, hub_commit::Entity, "h", newest)
        .join_as(
            JoinType::LeftJoin,
            hub_commit::Entity,
            "k",
            Expr::col(("k", hub_commit::Column::CommitNo)).eq(known.column()),
        )
        .and_where(Expr::col(("s", hub_state::Column::Id)).eq(1_i64))
        .take();
    let row = (&db.readers).select_one::<HeadRow>(&query).await.map_err(error)?;
    let row = row.ok_or_else(|| Error::Refused("hub_state is empty".to_owned()))?;
    let commit_ref = CommitRef {
        epoch: row.epoch.into_text().into(),
        commit: CommitNo::from_column(row.commit_no),
        nonce: row.nonce.map(Nonce::from_column).unwrap_or_default(),
    };
    let newest = Timestamp::from_millis(row.newest_at);
    let restrictions = CommitNo::from_column(row.restrictions_no.unwrap_or_default());
    Ok(Head { commit_ref, newest, known: row.known_nonce.map(Nonce::from_column), restrictions })
}

row! {
    /// A commit of the log that is not counted yet, and the newest one that is.
    struct UncountedRow {
        commit_no: i64,
        counted: i64,
    }
}

/// Checks that the tables are of one moment: the log holds no commit that the counter does not know. With such an entry no hub
/// can write, because the number is given out once more.
///
/// # Errors
/// [`Error::Refused`] if it holds one, [`Error::Unavailable`].
pub async fn check(db: &Database) -> Result<(), Error> {
    use sea_orm::sea_query::ExprTrait as _;

    let logged = ("h", hub_commit::Column::CommitNo);
    let counted = ("s", hub_state::Column::CommitNo);
    let query = Query::select()
        .columns([logged])
        .columns([counted])
        .from_as(hub_state::Entity, "s")
        .join_as(JoinType::InnerJoin, hub_commit::Entity, "h", Expr::col(logged).gt(Expr::col(counted)))
        .and_where(Expr::col(("s", hub_state::Column::Id)).eq(1_i64))
        .order_by(logged, Order::Desc)
        .limit(1)
        .take();
    match (&db.readers).select_one::<UncountedRow>(&query).await.map_err(error)? {
        None => Ok(()),
        Some(UncountedRow { commit_no, counted }) => Err(Error::Refused(format!(
            "the tables of {} are of different moments: commit {commit_no} is in the log (hub_commits), but the counter (hub_state) \
             is at {counted}; restore all tables from one backup",
            db.location()
        ))),
    }
}

row! {
    /// The present history, and what is known of a commit and of its history.
    struct HistoryRow {
        epoch: BinaryText,
        commit_no: i64,
        last_commit: Option<i64>,
        nonce: Option<i64>,
    }
}

/// Tells whether a commit is one of the history that the database holds: its name is known, it is not beyond the last
/// commit under that name, and no other commit has its number, as far as the log remembers.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn holds(db: &Database, commit_ref: &CommitRef) -> Result<bool, Error> {
    use sea_orm::sea_query::ExprTrait as _;

    let epoch = db.backend.dialect().binary_text(&commit_ref.epoch);
    let query = Query::select()
        .columns([("s", hub_state::Column::Epoch), ("s", hub_state::Column::CommitNo)])
        .column(("e", hub_epoch::Column::LastCommit))
        .column(("c", hub_commit::Column::Nonce))
        .from_as(hub_state::Entity, "s")
        .join_as(JoinType::LeftJoin, hub_epoch::Entity, "e", Expr::col(("e", hub_epoch::Column::Epoch)).eq(epoch))
        .join_as(
            JoinType::LeftJoin,
            hub_commit::Entity,
            "c",
            Expr::col(("c", hub_commit::Column::CommitNo)).eq(commit_ref.commit.column()),
        )
        .and_where(Expr::col(("s", hub_state::Column::Id)).eq(1_i64))
        .take();
    let Some(row) = (&db.readers).select_one::<HistoryRow>(&query).await.map_err(error)? else {
        return Ok(false);
    };
    let newest = if row.epoch.into_text() == *commit_ref.epoch { Some(row.commit_no) } else { row.last_commit };
    let same = row.nonce.is_none_or(|nonce| Nonce::from_column(nonce) == commit_ref.nonce);
    Ok(same && newest.is_some_and(|newest| commit_ref.commit.column() <= newest))
}
