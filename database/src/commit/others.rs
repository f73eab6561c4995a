//! Forgets what other nodes have changed since this writer's last commit: the commit log names what they touched.
//!
//! With several nodes at work hardly any commit follows one of the same writer. To forget everything each time would have every
//! commit read all that it needs, while it holds the lock that all nodes wait for.

use std::collections::HashSet;

use sea_orm::sea_query::{Expr, ExprTrait as _, Query};

use super::cache::Cache;
use super::history::Taken;
use crate::backend::writer::Transaction;
use crate::driver_error::DriverError;
use crate::entities::hub_commit;
use crate::ids::{Pair, UserId};
use crate::rows::{Reads as _, row};

/// Of how many commits the log is read. After more of them there is not much left that is worth keeping.
const MAX_OTHER_COMMITS: i64 = 256;

row! {
    /// What a commit of another node touched.
    struct EntryRow of hub_commit {
        threads: String = Threads,
        users: String = Users,
    }
}

/// The threads and users that commits touched.
#[derive(Debug, Default)]
struct Touched {
    pairs: Vec<Pair>,
    /// Users whose notifications they touched other than through a thread.
    users: HashSet<i64>,
}

/// Forgets what is not as this writer's last commit left it.
pub(super) async fn forget(
    transaction: &mut Transaction<'_>,
    cache: &mut Cache,
    taken: &Taken,
) -> Result<(), DriverError> {
    if taken.counters.commit == cache.commit + 1 && taken.nonce_before == cache.nonce.column() {
        return Ok(());
    }
    match touched(transaction, cache, taken).await? {
        Some(Touched { pairs, users }) => cache.forget(pairs, &users),
        // This writer's last commit may not stand any more, or the log does not reach back to it.
        None => cache.clear(),
    }
    Ok(())
}

/// Reads what was touched in between, if the log tells all of it and this writer's last commit still stands.
async fn touched(
    transaction: &mut Transaction<'_>,
    cache: &Cache,
    taken: &Taken,
) -> Result<Option<Touched>, DriverError> {
    use hub_commit::Column::{CommitNo, Nonce};

    let (last, next) = (cache.commit, taken.counters.commit);
    let others = next - last - 1;
    if cache.is_empty() || !(1..=MAX_OTHER_COMMITS).contains(&others) {
        return Ok(None);
    }
    let own = Query::select()
        .expr(Expr::cust("1"))
        .from(hub_commit::Entity)
        .and_where(Expr::col(CommitNo).eq(last))
        .and_where(Expr::col(Nonce).eq(cache.nonce.column()))
        .take();
    let log = Query::select()
        .columns(EntryRow::COLUMNS.iter().copied())
        .from(hub_commit::Entity)
        .and_where(Expr::col(CommitNo).gt(last))
        .and_where(Expr::col(CommitNo).lt(next))
        .and_where(Expr::exists(own))
        .take();
    let entries: Vec<EntryRow> = transaction.select(&log).await?;
    if i64::try_from(entries.len()) != Ok(others) {
        return Ok(None);
    }
    let mut touched = Touched::default();
    Ok(entries.iter().try_for_each(|entry| touched.add(entry)).map(|()| touched))
}

impl Touched {
    /// Adds what an entry says; `None` if it cannot be understood.
    fn add(&mut self, entry: &EntryRow) -> Option<()> {
        let threads: Vec<(i64, i64, i64)> = serde_json::from_str(&entry.threads).ok()?;
        let users: Vec<i64> = serde_json::from_str(&entry.users).ok()?;
        for (_, low, high) in threads {
            self.pairs.push(Pair::new(UserId::from_column(low), UserId::from_column(high))?);
        }
        self.users.extend(users);
        Some(())
    }
}
