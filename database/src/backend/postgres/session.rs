//! The settings of each connection: how it reads, and how long it waits.

use std::time::Duration;

use crate::backend::pool::Role;

/// How long a session waits for a lock, if it is not told to wait for less: [`WRITER`] says so.
const LOCK: Duration = Duration::from_secs(3);

/// Runs before COMMIT, and takes its time-out away: a COMMIT that is cancelled while it waits for a standby reports
/// success, though it is not on the standby.
pub(in crate::backend) const BEFORE_COMMIT: &str = "SELECT set_config('statement_timeout', '0', true)";

/// Statements are planned once, whatever their values, and through indexes. Each statement finds its rows by an index,
/// however many rows there are; the server might guess otherwise from old statistics, or from none right after a table was
/// made. `jit` would compile what these settings make look expensive.
///
/// The keep-alives end a connection whose client's machine is gone: its transaction may hold the counter's lock.
const SHARED: &str = "SET plan_cache_mode = force_generic_plan; SET jit = off; SET max_parallel_workers_per_gather = 0; \
     SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_material = off; \
     SET client_min_messages = error; \
     SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3; ";

/// A writer reads what stands now, under the counter's lock. A node that stops within a transaction holds that lock for two
/// seconds at the most; another one waits longer than that for it.
const WRITER: &str = "SET default_transaction_isolation = 'read committed'; SET default_transaction_read_only = off; \
     SET statement_timeout = '10s'; SET lock_timeout = '3s'; SET idle_in_transaction_session_timeout = '2s'";

/// A reader reads one snapshot.
const READER: &str = "SET default_transaction_isolation = 'repeatable read'; SET default_transaction_read_only = on; \
     SET statement_timeout = '10s'; SET lock_timeout = '3s'; SET idle_in_transaction_session_timeout = '10s'";

/// Ends a statement soon after its client has gone, where the server knows the setting: since version 14.
pub(super) const CHECK_CLIENT: &str = "SET client_connection_check_interval = '2s'";

/// Returns the statements, in one text.
pub(super) fn settings(role: Role) -> String {
    let own = match role {
        Role::Writer => WRITER,
        Role::Readers => READER,
    };
    format!("{SHARED}{own}")
}

/// Returns the statement by which a transaction waits for a lock for a shorter time than its session does.
pub(in crate::backend) fn wait_for_lock(patience: Duration) -> Option<String> {
    (patience < LOCK).then(|| format!("SET LOCAL lock_timeout = {}", patience.as_millis().max(1)))
}
