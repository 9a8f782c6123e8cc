//! Forgetting jobs that have long been finished.

use std::time::Duration;

use crate::error::LedgerError;
use crate::job::Pruned;
use crate::sql::{Dialect, Param, Sql};

use super::request::{TxContext, TxRequest, millis};

/// Jobs that ended longer ago than this, and for which nothing more is to be done, with all that the ledger holds on them. Looks
/// at one page of jobs, from after an id on.
#[derive(Debug)]
pub(crate) struct PruneJobs {
    pub(crate) keep: Duration,
    pub(crate) after: i64,
}

/// Jobs looked at in one transaction: others wait for it.
const PAGE: i64 = 500;

impl TxRequest for PruneJobs {
    type Reply = Pruned;

    async fn apply<S: Sql>(&self, sql: &mut S, _tx: &mut TxContext<'_>) -> Result<Pruned, LedgerError> {
        // Not by the clock of whoever asks: one that is ahead would have forgotten for everybody what all others keep.
        let before = sql.now().await?.saturating_sub(millis(self.keep));
        // Jobs are in the order of planning, and none ends before it was planned: behind the first that was planned later,
        // no other is looked at. So it costs the same however many jobs there are.
        let found = sql
            .rows(
                "SELECT id, planned_at FROM jobs WHERE id > $1 ORDER BY id LIMIT $2",
                &[Param::Int(self.after), Param::Int(PAGE)],
            )
            .await?;
        let mut looked_at = Vec::with_capacity(found.len());
        for row in &found {
            if row.int(1)? >= before {
                break;
            }
            looked_at.push(row.int(0)?);
        }
        let Some(&last) = looked_at.last() else { return Ok(Pruned::default()) };
        let lock = match S::DIALECT {
            Dialect::Sqlite => "",
            Dialect::Postgres => " FOR UPDATE SKIP LOCKED",
        };
        // A failed job that will be tried again has a time; one that was set aside waits for somebody to mend it.
        let statement = format!(
            "SELECT id FROM jobs WHERE id > $1 AND id <= $2 AND changed_at < $3 AND owner IS NULL AND ready_at IS NULL \
             AND state IN ('INDEXED', 'DEDUPED', 'SKIPPED_DUPLICATE', 'EXHAUSTED', 'FAILED') \
             AND (reason IS NULL OR reason NOT LIKE 'set aside:%'){lock}"
        );
        let range = [Param::Int(self.after), Param::Int(last), Param::Int(before)];
        let mut finished = Vec::new();
        for row in sql.rows(&statement, &range).await? {
            finished.push(vec![Param::Int(row.int(0)?)]);
        }
        for table in ["ops", "candidates", "events", "parked_jobs"] {
            sql.run_each(&format!("DELETE FROM {table} WHERE job = $1"), &finished).await?;
        }
        let jobs = sql.run_each("DELETE FROM jobs WHERE id = $1", &finished).await?.iter().sum();
        let whole = looked_at.len() == found.len() && found.len() as i64 == PAGE;
        Ok(Pruned { jobs, next: whole.then_some(last) })
    }
}
