//! Opens PostgreSQL: whether the server is one to write to, and what each connection says first.

use sea_orm::ConnectOptions;
use sea_orm::sqlx::postgres::{PgConnectOptions, PgConnection, PgDatabaseError};
use sea_orm::sqlx::{self, ConnectOptions as _, Connection as _, Executor as _, Row as _};
use tokio::time::timeout;

use super::session::{self, CHECK_CLIENT};
use crate::backend::pool::{CLOSE, PREPARED, Role};
use crate::backend::server::location::Server;

/// The oldest version, as the server counts: the indexes over a user's threads need its incremental sort.
const OLDEST: i64 = 130_000;

/// From this version on the server knows [`CHECK_CLIENT`].
const CHECKS_CLIENT: u32 = 140_000;

/// Sets what a pool's connections do when they open.
pub(in crate::backend) fn settings(connect: &mut ConnectOptions, role: Role) {
    connect.map_sqlx_postgres_opts(with_name);
    connect.map_sqlx_postgres_pool_opts(move |pool| {
        pool.after_connect(move |connection, _| {
            Box::pin(async move {
                let mut said = session::settings(role);
                if connection.server_version_num().is_some_and(|version| version >= CHECKS_CLIENT) {
                    said = format!("{said}; {CHECK_CLIENT}");
                }
                // One text without parameters: one round trip.
                connection.execute(sqlx::AssertSqlSafe(said)).await.map(drop)
            })
        })
    });
}

/// Names the client: `pg_stat_activity` shows it. Poolers take no `extra_float_digits`, and no column of ours is a float.
fn with_name(options: PgConnectOptions) -> PgConnectOptions {
    let options = options.statement_cache_capacity(PREPARED).extra_float_digits(None);
    if options.get_application_name().is_some() { options } else { options.application_name("softadastra-chat") }
}

/// Connects twice, and returns why the server cannot be used, if so.
pub(in crate::backend) async fn connect_once(server: &Server) -> Result<Option<String>, sqlx::Error> {
    let options: PgConnectOptions = server.url.parse()?;
    let mut connection = with_name(options.clone()).connect().await?;
    let why_not = match unfit(server, &mut connection).await? {
        None => pooled(&options, &mut connection).await?,
        why_not => why_not,
    };
    let _ = timeout(CLOSE, connection.close()).await;
    Ok(why_not)
}

/// Returns why the hub cannot write to a server, if so.
async fn unfit(server: &Server, connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    const ASKED: &str = "SELECT current_setting('server_version_num')::bigint, current_setting('server_encoding'), \
         pg_is_in_recovery(), current_setting('fsync'), \
         current_schema() IS NOT NULL AND (has_schema_privilege(current_schema(), 'CREATE') \
         OR to_regclass('seaql_migrations') IS NOT NULL)";
    let row = connection.fetch_one(ASKED).await?;
    let (version, encoding): (i64, String) = (row.try_get(0)?, row.try_get(1)?);
    let (standby, fsync, may_create): (bool, String, bool) = (row.try_get(2)?, row.try_get(3)?, row.try_get(4)?);
    let Server { user, database, .. } = server;
    Ok(if version < OLDEST {
        let (major, minor) = (version / 10_000, version % 10_000);
        Some(format!("PostgreSQL {major}.{minor} is too old: the hub needs version 13 or newer"))
    } else if encoding != "UTF8" {
        Some(format!(
            "the database {database:?} has the encoding {encoding}: create one with CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"
        ))
    } else if standby {
        Some("this server is a standby, which cannot be written to: name the primary".to_owned())
    } else if fsync != "on" {
        Some(
            "this server has fsync = off, and would lose what it has confirmed in a power cut: set fsync = on"
                .to_owned(),
        )
    } else if !may_create {
        Some(format!(
            "the user {user:?} may not make tables in the database {database:?}: GRANT CREATE ON SCHEMA public, or ALTER DATABASE … OWNER TO"
        ))
    } else {
        None
    })
}

/// Returns why a server cannot be used, if a pooler spreads a connection's statements over several sessions: settings,
/// snapshots and prepared statements belong to one session. A transaction on another connection holds a session meanwhile,
/// so that such a pooler has to take another one.
async fn pooled(options: &PgConnectOptions, connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    let before = session_of(connection).await?;
    let mut other = with_name(options.clone()).connect().await?;
    let mixed = match other.execute("BEGIN").await {
        Ok(_) => {
            let held = session_of(&mut other).await?;
            before == held || before != session_of(connection).await?
        }
        // Statement mode refuses it.
        Err(error) if error.as_database_error().is_some() => true,
        Err(error) => return Err(error),
    };
    let _ = timeout(CLOSE, other.close()).await;
    Ok(mixed.then(|| {
        "a pooler in transaction or statement mode stands before this server: name the server itself, or use session mode"
            .to_owned()
    }))
}

/// Returns which of the server's sessions answers.
async fn session_of(connection: &mut PgConnection) -> Result<i32, sqlx::Error> {
    // Not prepared: a pooler might not know the statement any more.
    sqlx::raw_sql("SELECT pg_backend_pid()").fetch_one(connection).await?.try_get(0)
}

/// Says what an error of the server means for the operator who starts the hub.
pub(in crate::backend) fn refusal(server: &Server, error: &sqlx::Error) -> Option<String> {
    let Server { user, database, .. } = server;
    let address = server.address();
    let code = match error {
        sqlx::Error::Database(error) => error.try_downcast_ref::<PgDatabaseError>().map(PgDatabaseError::code),
        _ => None,
    };
    Some(match code? {
        "28P01" => {
            format!("{address} refuses the user {user:?}: the password is wrong, or there is no such user (28P01)")
        }
        "28000" => format!(
            "{address} takes no connection from this machine as the user {user:?}: see pg_hba.conf, and whether there is such a user (28000)"
        ),
        "3D000" => format!("{address} has no database {database:?}: CREATE DATABASE makes it (3D000)"),
        "42501" => {
            format!("the user {user:?} may not use the database {database:?} at {address}: GRANT CONNECT (42501)")
        }
        _ => return None,
    })
}
