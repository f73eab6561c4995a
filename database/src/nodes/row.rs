//! The row of a name in `hub_nodes`, on a connection.

use sea_orm::sea_query::{Condition, Expr, ExprTrait as _, Query, SimpleExpr};
use sea_orm::{ColumnTrait as _, Value};
use tokio::time::Instant;

use super::id::NodeId;
use super::other_process::{Observation, OtherProcess, Verdict};
use crate::backend::dialect::Dialect;
use crate::backend::writer::WriterConnection;
use crate::driver_error::DriverError;
use crate::entities::hub_node::{self, Column};
use crate::rows::{Reads as _, row};

/// How long the row of a process is kept that has ended without giving it back, in milliseconds.
const KEPT: i64 = 24 * 3_600_000;

/// The version of this release.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Which process has the row of the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowOwner {
    /// This process has it.
    Ours,
    /// Another process has it, which lives.
    Taken {
        /// Whether that process says that it is about to end.
        draining: bool,
    },
    /// Another process has it, and whether that one lives is not known yet.
    Unclear {
        /// Whether that process said that it was about to end.
        draining: bool,
    },
}

row! {
    /// What the row of our name says.
    struct OwnRow {
        incarnation: i64,
        beat_at: i64,
        age: i64,
        draining: i64,
    }
}

/// The row of our name, on a connection.
pub(super) struct Row<'a> {
    connection: &'a mut WriterConnection,
    id: &'a NodeId,
    key_check: Option<i64>,
    other_process: &'a mut OtherProcess,
}

impl<'a> Row<'a> {
    pub(super) fn of(
        id: &'a NodeId,
        key_check: Option<i64>,
        other_process: &'a mut OtherProcess,
        connection: &'a mut WriterConnection,
    ) -> Self {
        Self { connection, id, key_check, other_process }
    }

    /// Writes a heartbeat into the row; takes the row if no living process has it.
    pub(super) async fn beat(&mut self, draining: bool) -> Result<RowOwner, DriverError> {
        let beat = Query::update()
            .table(hub_node::Entity)
            .value(Column::BeatAt, Expr::cust(self.now()))
            .value(Column::Draining, i64::from(draining))
            .cond_where(self.is_ours())
            .take();
        if self.connection.execute(&beat).await? == 1 {
            self.other_process.forget();
            return Ok(RowOwner::Ours);
        }
        let age = Expr::cust(format!("{} - beat_at", self.now()));
        let query = Query::select()
            .columns([Column::Incarnation, Column::BeatAt])
            .expr(age)
            .column(Column::Draining)
            .from(hub_node::Entity)
            .and_where(Column::Name.eq(self.name()))
            .take();
        let Some(row) = self.connection.select_one::<OwnRow>(&query).await? else {
            return self.insert(draining).await;
        };
        let OwnRow { incarnation, beat_at, age, draining: leaves } = row;
        let leaves = leaves != 0;
        match self.other_process.judge(Observation { incarnation, beat_at, age }, Instant::now()) {
            Verdict::Lives => Ok(RowOwner::Taken { draining: leaves }),
            Verdict::Unclear => Ok(RowOwner::Unclear { draining: leaves }),
            Verdict::Dead => self.take_over(draining, incarnation, beat_at).await,
        }
    }

    /// Deletes the row, if it is ours.
    pub(super) async fn delete(&mut self) -> Result<(), DriverError> {
        let own = Query::delete().from_table(hub_node::Entity).cond_where(self.is_ours()).take();
        self.connection.execute(&own).await.map(drop)
    }

    /// Deletes all rows in which there was no beat for a day.
    pub(super) async fn delete_old(&mut self) -> Result<(), DriverError> {
        let long_ago = Expr::cust(format!("{} - {KEPT}", self.now()));
        let old = Query::delete().from_table(hub_node::Entity).and_where(Expr::col(Column::BeatAt).lt(long_ago)).take();
        self.connection.execute(&old).await.map(drop)
    }

    /// Makes the row, unless another process is faster.
    async fn insert(&mut self, draining: bool) -> Result<RowOwner, DriverError> {
        let (columns, values): (Vec<_>, Vec<_>) =
            [(Column::Name, Expr::val(self.name()))].into_iter().chain(self.state(draining)).unzip();
        let insert = Query::insert().into_table(hub_node::Entity).columns(columns).values_panic(values).take();
        match self.connection.execute(&insert).await {
            Ok(_) => Ok(RowOwner::Ours),
            Err(DriverError::Unique(_)) => Ok(RowOwner::Unclear { draining: false }),
            Err(failure) => Err(failure),
        }
    }

    /// Takes the row of a process that beats no more, unless it or another one is faster.
    async fn take_over(&mut self, draining: bool, incarnation: i64, beat_at: i64) -> Result<RowOwner, DriverError> {
        let take = Query::update()
            .table(hub_node::Entity)
            .values(self.state(draining))
            .and_where(Column::Name.eq(self.name()))
            .and_where(Column::Incarnation.eq(incarnation))
            .and_where(Column::BeatAt.eq(beat_at))
            .take();
        if self.connection.execute(&take).await? == 0 {
            return Ok(RowOwner::Unclear { draining: false });
        }
        self.other_process.forget();
        tracing::info!(node = %self.id, before = format!("{incarnation:016x}"), "a process of this node's name has ended without a word");
        Ok(RowOwner::Ours)
    }

    /// Returns the values of a row that a process has just taken.
    fn state(&self, draining: bool) -> [(Column, SimpleExpr); 6] {
        let now = || Expr::cust(self.now());
        [
            (Column::Incarnation, Expr::val(self.incarnation())),
            (Column::StartedAt, now()),
            (Column::BeatAt, now()),
            (Column::Draining, Expr::val(i64::from(draining))),
            (Column::Version, Expr::val(self.dialect().binary_text(VERSION))),
            (Column::KeyCheck, Expr::val(self.key_check)),
        ]
    }

    fn is_ours(&self) -> Condition {
        Condition::all().add(Column::Name.eq(self.name())).add(Column::Incarnation.eq(self.incarnation()))
    }

    fn name(&self) -> Value {
        self.dialect().binary_text(self.id.name())
    }

    fn incarnation(&self) -> i64 {
        self.id.incarnation().cast_signed()
    }

    fn now(&self) -> &'static str {
        self.dialect().now_millis()
    }

    fn dialect(&self) -> &'static dyn Dialect {
        self.connection.backend().dialect()
    }
}
