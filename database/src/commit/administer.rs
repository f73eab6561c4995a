//! What a commit writes for operators: the audit log's chain, and restrictions of users.

use sea_orm::Value;
use sea_orm::sea_query::{Expr, ExprTrait as _, OnConflict, Query};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait};

use super::statements::Statements;
use super::write_set::AuditRow;
use crate::audit::{Covered, NewEntry, SWEPT_AT_ONCE};
use crate::backend::writer::Transaction;
use crate::change::Outcome;
use crate::driver_error::DriverError;
use crate::entities::{audit_chain, audit_log, hub_state, user_restriction};
use crate::ids::UserId;
use crate::restrictions::AdminChange;
use crate::rows::Reads as _;

/// The part of a commit that writes the changes of operators.
pub(super) struct Administer<'a, 't> {
    pub(super) transaction: &'a mut Transaction<'t>,
    pub(super) texts: &'a Statements,
    /// The commit's number.
    pub(super) no: i64,
    /// The database's clock.
    pub(super) clock: i64,
}

impl Administer<'_, '_> {
    /// Writes a change, and returns how many rows it was about.
    pub(super) async fn write(&mut self, change: &AdminChange) -> Result<Outcome, DriverError> {
        let rows = match change {
            AdminChange::Note(entries) => {
                self.note(entries).await?;
                entries.len()
            }
            AdminChange::Suspend(user, suspended, entry) => {
                use user_restriction::Column::{Reason, SuspendedUntil};

                let (until, reason) = suspended.as_ref().map(|(until, why)| (until.millis(), why.as_str())).unzip();
                self.restrict(*user, [(SuspendedUntil, until.into()), (Reason, reason.into())]).await?;
                self.note(std::slice::from_ref(entry)).await?;
                1
            }
            AdminChange::EndSessions(user, entry) => {
                self.restrict(*user, [(user_restriction::Column::TokensFrom, self.clock.into())]).await?;
                self.note(std::slice::from_ref(entry)).await?;
                1
            }
            AdminChange::SweepAudit(kept, entry) => {
                let kept = i64::try_from(kept.as_millis()).unwrap_or(i64::MAX);
                self.sweep(self.clock.saturating_sub(kept), entry).await?
            }
        };
        Ok(Outcome::Administered(rows))
    }

    /// Adds entries to the end of the chain.
    async fn note(&mut self, entries: &[NewEntry]) -> Result<(), DriverError> {
        let chain = self.chain().await?;
        let (mut id, mut previous) = (chain.last_id, chain.last_hash.into_text());
        let mut rows = Vec::with_capacity(entries.len());
        for entry in entries {
            id += 1;
            let hash = Covered::new(self.clock, entry, &previous).hash();
            rows.push(AuditRow {
                id,
                at: self.clock,
                who: &entry.who,
                what: entry.what.as_str(),
                whom: entry.whom.as_deref(),
                source: entry.from.as_deref(),
                why: entry.why.as_deref(),
                detail: entry.detail.as_deref(),
                previous: std::mem::replace(&mut previous, hash.clone()),
                hash,
            });
        }
        self.transaction.write(&self.texts.audit, rows).await?;
        let last = [(audit_chain::Column::LastId, id.into()), (audit_chain::Column::LastHash, self.text(&previous))];
        self.move_chain(last).await
    }

    /// Removes the oldest rows that are from before a time, and keeps the hash that the next row follows. Returns how many
    /// were removed.
    async fn sweep(&mut self, before: i64, entry: &NewEntry) -> Result<usize, DriverError> {
        let chain = self.chain().await?;
        let oldest = audit_log::Entity::find()
            .filter(audit_log::Column::Id.gt(chain.removed_id))
            .order_by_asc(audit_log::Column::Id)
            .limit(u64::from(SWEPT_AT_ONCE))
            .into_query();
        let rows: Vec<audit_log::Model> = self.transaction.select(&oldest).await?;
        let old = rows.iter().take_while(|row| row.at < before).count();
        let Some(last) = rows.get(..old).and_then(<[_]>::last) else { return Ok(0) };
        let remove = Query::delete().from_table(audit_log::Entity).and_where(audit_log::Column::Id.lte(last.id)).take();
        self.transaction.execute(&remove).await?;
        let removed = [
            (audit_chain::Column::RemovedId, last.id.into()),
            (audit_chain::Column::RemovedHash, self.text(&last.hash.clone().into_text())),
        ];
        self.move_chain(removed).await?;
        let detail = Some(format!(r#"{{"up_to":{}}}"#, last.id));
        self.note(&[NewEntry { detail, ..entry.clone() }]).await?;
        Ok(old)
    }

    async fn chain(&mut self) -> Result<audit_chain::Model, DriverError> {
        let query = audit_chain::Entity::find_by_id(1_i64).into_query();
        let row = self.transaction.select_one(&query).await?;
        row.ok_or_else(|| DriverError::Refused("audit_chain is empty".to_owned()))
    }

    async fn move_chain(&mut self, values: [(audit_chain::Column, Value); 2]) -> Result<(), DriverError> {
        let update = Query::update()
            .table(audit_chain::Entity)
            .values(values.map(|(column, value)| (column, Expr::val(value))))
            .and_where(Expr::col(audit_chain::Column::Id).eq(1_i64))
            .take();
        self.transaction.execute(&update).await.map(drop)
    }

    /// Makes or changes a user's restrictions, and has every node read them again.
    async fn restrict<const N: usize>(
        &mut self,
        user: UserId,
        values: [(user_restriction::Column, Value); N],
    ) -> Result<(), DriverError> {
        use user_restriction::Column::{CommitNo, UserId as Key};

        let changed: Vec<_> = values.iter().map(|(column, _)| *column).chain([CommitNo]).collect();
        let row = [(Key, user.column().into())].into_iter().chain(values).chain([(CommitNo, self.no.into())]);
        let (columns, values): (Vec<_>, Vec<_>) = row.map(|(column, value)| (column, Expr::val(value))).unzip();
        let put = Query::insert()
            .into_table(user_restriction::Entity)
            .columns(columns)
            .values_panic(values)
            .on_conflict(OnConflict::column(Key).update_columns(changed).to_owned())
            .take();
        self.transaction.execute(&put).await?;
        let told = Query::update()
            .table(hub_state::Entity)
            .value(hub_state::Column::RestrictionsNo, self.no)
            .and_where(Expr::col(hub_state::Column::Id).eq(1_i64))
            .take();
        self.transaction.execute(&told).await.map(drop)
    }

    fn text(&self, text: &str) -> Value {
        self.transaction.backend().dialect().binary_text(text)
    }
}
