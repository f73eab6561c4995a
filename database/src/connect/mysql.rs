//! MySQL and MariaDB: what each connection says first.

use std::time::Duration;

use sea_orm::ConnectOptions;
use sea_orm::sqlx::{self, Executor};

use super::Role;

/// A connection that was not used for this long is asked for a sign of life before it is used.
const TRUSTED: Duration = Duration::from_secs(1);

/// What every server understands.
const WRITER: &str = "SET SESSION transaction_isolation = 'READ-COMMITTED', SESSION innodb_lock_wait_timeout = 2";
const READER: &str = "SET SESSION transaction_isolation = 'REPEATABLE-READ'";

/// What some servers understand: a node that dies within a transaction must not hold the counter's
/// lock until its TCP connection is given up, and no statement may run for ever.
const NICETIES: [&str; 2] = ["SET SESSION idle_transaction_timeout = 10", "SET SESSION max_statement_time = 10"];

pub(super) fn tune(connect: &mut ConnectOptions, role: Role) {
    connect.test_before_acquire_if_idle_for(TRUSTED);
    connect.map_sqlx_mysql_opts(|options| options.statement_cache_capacity(256));
    connect.map_sqlx_mysql_pool_opts(move |pool| {
        pool.after_connect(move |connection, _| {
            Box::pin(async move {
                isolate(connection, role).await?;
                for nicety in NICETIES {
                    // MySQL does not know them; it is right without.
                    let known = connection.execute(nicety).await;
                    if let Err(error) = known
                        && error.as_database_error().is_none()
                    {
                        return Err(error);
                    }
                }
                Ok(())
            })
        })
    });
}

/// Writers read what stands now, under the counter's lock; readers read one snapshot.
async fn isolate(connection: &mut sqlx::MySqlConnection, role: Role) -> Result<(), sqlx::Error> {
    let sql = match role {
        Role::Writer => WRITER,
        Role::Readers => READER,
    };
    match connection.execute(sql).await {
        // MariaDB before 11.1 has the variable under its old name.
        Err(error) if error.as_database_error().is_some() => {
            let old = sql.replace("transaction_isolation", "tx_isolation");
            connection.execute(sqlx::AssertSqlSafe(old)).await.map(drop)
        }
        answered => answered.map(drop),
    }
}
