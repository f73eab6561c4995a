//! Opens MySQL and MariaDB: asks the server first whether it takes us, and gives each connection its settings.

use std::time::Duration;

use sea_orm::sqlx::mysql::{MySqlConnectOptions, MySqlDatabaseError};
use sea_orm::sqlx::{self, ConnectOptions as _, Connection, Executor, MySqlConnection};
use sea_orm::{ConnectOptions, DatabaseConnection};
use tokio::time::timeout;

use super::Server;
use crate::Error;
use crate::backend::ACQUIRE;
use crate::backend::pool::{self, Role};
use crate::driver_error::DriverError;

/// How long a server may take to close a connection.
const CLOSE: Duration = Duration::from_secs(1);

/// A connection that was idle for this long is tested before it is used.
const TRUSTED: Duration = Duration::from_secs(1);

/// Statements that each connection keeps prepared.
const PREPARED: usize = 256;

/// What every server understands. A lock is waited for longer than a node that has stopped may hold it: see below.
const WRITER: &str = "SET SESSION transaction_isolation = 'READ-COMMITTED', SESSION innodb_lock_wait_timeout = 3";
const READER: &str = "SET SESSION transaction_isolation = 'REPEATABLE-READ'";

/// What some servers understand: a node that stops within a transaction holds the counter's lock, for which all nodes wait, and
/// must not do so until its TCP connection is given up; and no statement may run for ever.
const OPTIONAL: [&str; 2] = ["SET SESSION idle_transaction_timeout = 2", "SET SESSION max_statement_time = 10"];

/// Asks a server whether it takes us. A pool would wait for a server that is not there, and not say why.
pub(super) async fn check(server: &Server) -> Result<(), Error> {
    match timeout(ACQUIRE, connect_once(server)).await {
        Ok(answered) => answered.map_err(|error| of_driver(server, error)),
        Err(_) => Err(away(server, "no answer in time")),
    }
}

/// Opens a pool.
pub(super) async fn pool(server: &Server, role: Role, connections: u32) -> Result<DatabaseConnection, DriverError> {
    let mut connect = pool::options(server.url(), connections);
    settings(&mut connect, role);
    pool::open(connect).await?.ok_or_else(|| DriverError::Unable("no answer in time".to_owned()))
}

/// Says of which server a failure is.
pub(super) fn refused(server: &Server, failure: DriverError) -> Error {
    match failure {
        DriverError::Refused(why) | DriverError::Unique(why) => {
            Error::Refused(format!("{} for the user {:?}: {why}", server.address(), server.user))
        }
        failure @ (DriverError::Lost(_) | DriverError::Contended(_) | DriverError::Unable(_)) => {
            away(server, &failure.to_string())
        }
    }
}

fn settings(connect: &mut ConnectOptions, role: Role) {
    connect.test_before_acquire_if_idle_for(TRUSTED);
    connect.map_sqlx_mysql_opts(|options| options.statement_cache_capacity(PREPARED));
    connect.map_sqlx_mysql_pool_opts(move |pool| {
        pool.after_connect(move |connection, _| {
            Box::pin(async move {
                isolate(connection, role).await?;
                for setting in OPTIONAL {
                    // MySQL does not know them; it is right without.
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

/// Writers read what stands now, under the counter's lock; readers read one snapshot.
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

async fn connect_once(server: &Server) -> Result<(), sqlx::Error> {
    let options: MySqlConnectOptions = server.url().parse()?;
    let connection = options.connect().await?;
    // The server has answered: whether it closes the connection in time does not matter.
    let _ = timeout(CLOSE, connection.close()).await;
    Ok(())
}

fn away(server: &Server, why: &str) -> Error {
    Error::Unavailable(format!("{} does not answer: {why}", server.address()))
}

fn of_driver(server: &Server, error: sqlx::Error) -> Error {
    let Server { user, database, .. } = server;
    let address = server.address();
    let number = match &error {
        sqlx::Error::Database(error) => error.try_downcast_ref::<MySqlDatabaseError>().map(MySqlDatabaseError::number),
        _ => None,
    };
    let refusal = match number {
        Some(1045 | 1698) => {
            format!("{address} refuses the user {user:?}: the password is wrong, or there is no such user (1045)")
        }
        Some(1044) => format!("the user {user:?} may not use the database {database:?} at {address}: GRANT it (1044)"),
        Some(1049) => {
            format!("{address} has no database {database:?} for the user {user:?}: CREATE DATABASE makes it (1049)")
        }
        Some(1130) => format!("{address} takes no connection from this machine as the user {user:?} (1130)"),
        _ => return refused(server, DriverError::of_driver(&error)),
    };
    Error::Refused(refusal)
}
