//! Jobs that can only wait for a turn at a host: given back for a time, with what was found out about the work so far.

use std::sync::Arc;

use serde_json::Value;

use crate::clock::Due;
use crate::error::LedgerError;
use crate::event::{Event, EventKind};
use crate::key::JobKey;
use crate::sql::{Param, Sql};

use super::execute::JobTx;
use super::request::millis;
use super::rows::{JobRow, ResultColumns, abandon_ops, corrupt, long, read_json, why};

/// No job is parked for longer: whoever says so has a clock that is wrong, or a host that is never asked again.
const LONGEST: i64 = 24 * 60 * 60 * 1000;

/// A parked job may be had so long before its time: the jobs of one work are parked one after the other, and are to
/// be leased together.
const EARLY: i64 = 5_000;

impl<S: Sql> JobTx<'_, '_, S> {
    /// Returns the job as it is, to be leased again after `wait`. The attempt does not count. Replies with the time.
    pub(super) async fn park(
        &mut self,
        wait: std::time::Duration,
        so_far: &Value,
    ) -> Result<Option<Due>, LedgerError> {
        self.check_claim()?;
        let (id, now) = (self.row.id, self.now);
        let until = now.saturating_add(millis(wait).clamp(0, LONGEST));
        abandon_ops(self.sql, id, now).await?;
        self.row.attempts = self.row.attempts.saturating_sub(1);
        self.row.end_lease(Some(until));
        self.row.save(self.sql, self.row.fence, now, ResultColumns::default()).await?;
        self.sql
            .run(
                "INSERT INTO parked_jobs (job, until, so_far) VALUES ($1, $2, $3) ON CONFLICT (job) DO UPDATE SET \
                 until = excluded.until, so_far = excluded.so_far",
                &[Param::Int(id), Param::Int(until), Param::Text(&so_far.to_string())],
            )
            .await?;
        let released = Event::of_claim(now, EventKind::LeaseReleased, self.claim);
        self.tx.record(released.with("state", self.row.state.label()).with("parked_until", until));
        Ok(Some(Due::new(until, now)))
    }
}

/// Until when a job that nobody holds is parked; `None`: it is not.
pub(super) async fn parked_until<S: Sql>(
    sql: &mut S,
    row: &JobRow,
    now: i64,
) -> Result<Option<Due>, LedgerError> {
    let Some(at) = row.ready_at.filter(|at| (EARLY..=LONGEST).contains(&at.saturating_sub(now))) else {
        return Ok(None);
    };
    // Somebody may have given it another time since.
    let statement = "SELECT until FROM parked_jobs WHERE job = $1 AND until = $2";
    let rows = sql.rows(statement, &[Param::Int(row.id), Param::Int(at)]).await?;
    Ok(rows.first().map(|_| Due::new(at, now)))
}

/// That a job of the subquery `soon` waits for a time which nobody meant: nothing is parked until then.
macro_rules! is_not_parked {
    ($longest:literal) => {
        concat!(
            "NOT EXISTS (SELECT 1 FROM parked_jobs p WHERE p.job = soon.id AND p.until = soon.ready_at AND \
             p.until <= ",
            $longest,
            ")"
        )
    };
}
pub(super) use is_not_parked;

/// The latest time until which a job can be parked.
pub(super) fn latest(now: i64) -> i64 {
    now.saturating_add(LONGEST)
}

/// What was found out before the job was parked. What cannot be read is not known: the work begins anew.
pub(super) async fn so_far<S: Sql>(
    sql: &mut S,
    id: i64,
    job: &JobKey,
) -> Result<Option<Arc<Value>>, LedgerError> {
    let statement = concat!("SELECT ", long!("so_far"), " FROM parked_jobs WHERE job = $1");
    let rows = sql.rows(statement, &[Param::Int(id)]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let read = || read_json(row.maybe_text(0)?.ok_or_else(|| corrupt("what was found so far", "so long"))?);
    Ok(read()
        .inspect_err(|problem| {
            tracing::warn!(job_id = job.as_str(), "a parked work begins anew: {}", why(problem));
        })
        .ok()
        .map(Arc::new))
}

/// The attempt is over: the next one begins anew.
pub(super) async fn forget_so_far<S: Sql>(sql: &mut S, row: &JobRow) -> Result<(), LedgerError> {
    // One that is leased for the first time was never parked.
    if row.fence > 1 {
        sql.run("DELETE FROM parked_jobs WHERE job = $1", &[Param::Int(row.id)]).await?;
    }
    Ok(())
}
