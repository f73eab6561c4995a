//! Opens MySQL and MariaDB: what each connection says first, and why the server does not take us.

use sea_orm::ConnectOptions;
use sea_orm::sqlx::mysql::{MySqlConnectOptions, MySqlDatabaseError};
use sea_orm::sqlx::{self, ConnectOptions as _, Connection, Executor, MySqlConnection};
use tokio::time::timeout;

use crate::backend::pool::{CLOSE, PREPARED, Role};
use crate::backend::server::location::Server;

/// Settings that every server knows. A lock is waited for longer than a node that has stopped may hold it: see below.
const WRITER: &str = "SET SESSION transaction_isolation = 'READ-COMMITTED', SESSION innodb_lock_wait_timeout = 3";
const READER: &str = "SET SESSION transaction_isolation = 'REPEATABLE-READ'";

/// Settings that some servers know. A node that stops within a transaction holds the counter's lock, for which all nodes
/// wait; it must lose the lock before its TCP connection is given up. And no statement may run for ever.
const OPTIONAL: [&str; 2] = ["SET SESSION idle_transaction_timeout = 2", "SET SESSION max_statement_time = 10"];

/// Sets what a pool's connections do when they open.
pub(in crate::backend) fn settings(connect: &mut ConnectOptions, role: Role) {
    connect.map_sqlx_mysql_opts(|options| options.statement_cache_capacity(PREPARED));
    connect.map_sqlx_mysql_pool_opts(move |pool| {
        pool.after_connect(move |connection, _| {
            Box::pin(async move {
                isolate(connection, role).await?;
                for setting in OPTIONAL {
                    // MySQL does not know these settings, and works without them.
                    let known = connection.execute(setting).await;
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

/// Sets the isolation: writers read what stands now, under the counter's lock; readers read one snapshot.
async fn isolate(connection: &mut MySqlConnection, role: Role) -> Result<(), sqlx::Error> {
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

/// Connects once, to see whether the server can be used.
pub(in crate::backend) async fn connect_once(server: &Server) -> Result<(), sqlx::Error> {
    let options: MySqlConnectOptions = server.url.parse()?;
    let connection = options.connect().await?;
    let _ = timeout(CLOSE, connection.close()).await;
    Ok(())
}

/// Says what an error of the server means for the operator who starts the hub.
pub(in crate::backend) fn refusal(server: &Server, error: &sqlx::Error) -> Option<String> {
    let Server { user, database, .. } = server;
    let address = server.address();
    let number = match error {
        sqlx::Error::Database(error) => error.try_downcast_ref::<MySqlDatabaseError>().map(MySqlDatabaseError::number),
        _ => None,
    };
    Some(match number? {
        1045 | 1698 => {
            format!("{address} refuses the user {user:?}: the password is wrong, or there is no such user (1045)")
        }
        1044 => format!("the user {user:?} may not use the database {database:?} at {address}: GRANT it (1044)"),
        1049 => {
            format!("{address} has no database {database:?} for the user {user:?}: CREATE DATABASE makes it (1049)")
        }
        1130 => format!("{address} takes no connection from this machine as the user {user:?} (1130)"),
        _ => return None,
    })
}
