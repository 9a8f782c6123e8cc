//! Forgetting jobs that have long been finished. A clock that is ahead makes all of them look old, so none is believed alone.

use std::time::Duration;

use crate::error::LedgerError;
use crate::job::Pruned;
use crate::sql::{Dialect, Param, Sql};

use super::request::{TxContext, TxRequest, millis};

/// Jobs that ended longer ago than this, and for which nothing more is to be done, with all that the ledger holds on them.
/// Looks at one page of jobs, from after an id on.
#[derive(Debug)]
pub(crate) struct PruneJobs {
    pub(crate) keep: Duration,
    pub(crate) after: i64,
}

/// Jobs looked at in one transaction: others wait for it.
const PAGE: i64 = 500;

/// A machine's clock is taken at its word once the ledger is as far as it for so long.
const BELIEVED: i64 = 24 * 60 * 60 * 1000;

impl TxRequest for PruneJobs {
    type Reply = Pruned;

    async fn apply<S: Sql>(&self, sql: &mut S, _tx: &mut TxContext<'_>) -> Result<Pruned, LedgerError> {
        let now = sql.now().await?;
        let Some(before) = forgotten_before(sql, now, millis(self.keep)).await? else {
            return Ok(Pruned::default());
        };
        // Jobs are in the order of planning, and none ends before it was planned: behind the first that was planned later,
        // no other is looked at. So it costs the same however many jobs there are. One that was planned under a clock that
        // was ahead keeps no other.
        let found = sql
            .rows(
                "SELECT id, planned_at FROM jobs WHERE id > $1 ORDER BY id LIMIT $2",
                &[Param::Int(self.after), Param::Int(PAGE)],
            )
            .await?;
        let mut looked_at = Vec::with_capacity(found.len());
        for row in &found {
            if (before..=now).contains(&row.int(1)?) {
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

/// The time by which jobs that are forgotten had ended. With PostgreSQL the server's clock is that of all. With SQLite it is the
/// machine's, which may have jumped ahead: it has to be borne out by an event, as long after the jobs' end, that has stood in
/// the ledger for a time. `None`: there is none.
async fn forgotten_before<S: Sql>(sql: &mut S, now: i64, keep: i64) -> Result<Option<i64>, LedgerError> {
    let seen = match S::DIALECT {
        Dialect::Postgres => Some(now),
        Dialect::Sqlite => event_by(sql, now.saturating_sub(keep.min(BELIEVED))).await?,
    };
    Ok(seen.map(|seen| seen.saturating_sub(keep)))
}

/// The time of an event that came no later than `by`: of the last one, or of one not more than twice as far back. Those that
/// another clock wrote are passed over.
async fn event_by<S: Sql>(sql: &mut S, by: i64) -> Result<Option<i64>, LedgerError> {
    let rows = sql.rows("SELECT MIN(id), MAX(id) FROM events", &[]).await?;
    let Some(ids) = rows.first() else { return Ok(None) };
    let (Some(first), Some(last)) = (ids.maybe_int(0)?, ids.maybe_int(1)?) else { return Ok(None) };
    let mut back: i64 = 0;
    loop {
        let id = last.saturating_sub(back).max(first);
        let statement = "SELECT at FROM events WHERE id <= $1 ORDER BY id DESC LIMIT 1";
        let rows = sql.rows(statement, &[Param::Int(id)]).await?;
        let at = rows.first().map(|row| row.int(0)).transpose()?;
        if id == first || at.is_some_and(|at| at <= by) {
            return Ok(at.filter(|at| *at <= by));
        }
        back = back.saturating_mul(2).saturating_add(1);
    }
}
