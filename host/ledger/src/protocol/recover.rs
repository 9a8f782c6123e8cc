//! Clearing up after workers that are gone, and making ended jobs ready again.

use std::sync::Arc;

use crate::error::LedgerError;
use crate::event::{Event, EventKind};
use crate::job::{Recovered, Retry};
use crate::key::JobKey;
use crate::sql::{Dialect, Param, Sql};
use crate::state::{State, Step};

use super::lease::give_up;
use super::park::{is_not_parked, latest};
use super::request::{TxContext, TxRequest, millis};
use super::rows::{
    JOB_ROW_COLUMNS, JobRow, ResultColumns, claim, clear_expired, forget_effects, identity, known_states,
    read_identity, select_jobs, set_aside,
};

/// Clears expired leases, and ops that nobody will end. Leasing does not depend on it: it makes what the ledger
/// shows true.
#[derive(Debug)]
pub(crate) struct Recover;

/// Replies with how many jobs this made ready.
#[derive(Debug)]
pub(crate) struct RetryJobs(pub(crate) Retry);

/// Makes a done job ready again because its file is gone from the disk. Replies whether it was done.
#[derive(Debug)]
pub(crate) struct ReopenJob {
    pub(crate) job: JobKey,
    pub(crate) reason: String,
}

/// Leases cleared in one transaction: few, because others wait for it.
const PAGE: i64 = 256;

/// Jobs that are ready later and are looked at in one transaction: some tens of milliseconds.
const LOOKED_AT: i64 = 20_000;

impl TxRequest for Recover {
    type Reply = Recovered;

    async fn apply<S: Sql>(&self, sql: &mut S, tx: &mut TxContext<'_>) -> Result<Recovered, LedgerError> {
        let now = sql.now().await?;
        let ahead = hasten(sql, tx, now).await?;
        let statement = select_jobs!(
            S::DIALECT,
            identity!(),
            concat!(
                "WHERE owner IS NOT NULL AND (ready_at <= $1 OR ready_at > $2) AND ",
                known_states!(),
                " ORDER BY id LIMIT $3"
            ),
            " FOR UPDATE SKIP LOCKED"
        );
        let mut recovered = Recovered { ahead, ..Recovered::default() };
        let far = Param::Int(tx.rules.latest_lease(now));
        for row in sql.rows(statement, &[Param::Int(now), far, Param::Int(PAGE)]).await? {
            let read =
                JobRow::read(&row).and_then(|job_row| Ok((job_row, read_identity(&row, JOB_ROW_COLUMNS)?.0)));
            let (mut job_row, job) = match read {
                Ok(read) => read,
                Err(problem) => {
                    set_aside(sql, &row, now, &problem).await?;
                    continue;
                }
            };
            recovered.ops += clear_expired(sql, tx, &mut job_row, &job, now).await?;
            job_row.ready_at = job_row.ready_at.map(|at| at.min(now));
            if job_row.attempts >= tx.rules.schedule.max_attempts.max(1) {
                give_up(sql, tx, &mut job_row, &job, now).await?;
                recovered.given_up.push(job.clone());
            } else {
                job_row.save(sql, job_row.fence, now, ResultColumns::default()).await?;
            }
            recovered.leases.push(job);
        }
        recovered.ops += sql
            .run(
                "UPDATE ops SET status = 'ABANDONED', ended_at = $1 WHERE status = 'RUNNING' AND started_at <= $2 \
                 AND job IN (SELECT id FROM jobs WHERE owner IS NOT NULL)",
                &[Param::Int(now), Param::Int(now.saturating_sub(millis(tx.rules.abandoned)))],
            )
            .await?;
        Ok(recovered)
    }
}

/// Makes ready what waits for a time that nobody meant: it was planned, handed back or to be tried again by a clock that
/// was ahead. Of what is to come only so much is looked at in one transaction, because others wait for it.
async fn hasten<S: Sql>(sql: &mut S, tx: &TxContext<'_>, now: i64) -> Result<u64, LedgerError> {
    let ahead = sql
        .run(
            concat!(
                "UPDATE jobs SET ready_at = $1 WHERE id IN (SELECT id FROM (SELECT id, state, owner, ready_at FROM jobs \
                 WHERE ready_at > $1 ORDER BY ready_at LIMIT $2) AS soon WHERE owner IS NULL AND (state <> 'FAILED' \
                 OR ready_at > $3) AND ",
                is_not_parked!("$4"),
                ")"
            ),
            &[
                Param::Int(now),
                Param::Int(LOOKED_AT),
                Param::Int(tx.rules.latest_attempt(now)),
                Param::Int(latest(now)),
            ],
        )
        .await?;
    if ahead > 0 {
        tracing::warn!(
            "{ahead} jobs were planned by a clock that is ahead of the ledger's; they are ready now"
        );
    }
    Ok(ahead)
}

impl TxRequest for RetryJobs {
    type Reply = u64;

    async fn apply<S: Sql>(&self, sql: &mut S, tx: &mut TxContext<'_>) -> Result<u64, LedgerError> {
        let now = sql.now().await?;
        match &self.0 {
            // A failed job for which an attempt is scheduled keeps its time.
            Retry::All(state @ (State::Failed | State::Exhausted)) => {
                sql.run(
                    "UPDATE jobs SET ready_at = $1, attempts = 0 WHERE state = $2 AND (ready_at IS NULL OR ready_at > $3)",
                    &[Param::Int(now), Param::Text(state.label()), Param::Int(tx.rules.latest_attempt(now))],
                )
                .await
            }
            Retry::All(_) => Ok(0),
            Retry::Job(job) => {
                sql.run(
                    "UPDATE jobs SET ready_at = $1, attempts = 0 WHERE key = $2 AND (state IN ('FAILED', 'EXHAUSTED') \
                     OR (owner IS NULL AND (ready_at IS NULL OR ready_at > $1) AND state IN ('PLANNED', 'LEASED', \
                     'HEAD_DONE', 'RESUME_OK', 'STREAMING', 'FINALIZED')))",
                    &[Param::Int(now), Param::Text(job.as_str())],
                )
                .await
            }
        }
    }
}

impl TxRequest for ReopenJob {
    type Reply = bool;

    async fn apply<S: Sql>(&self, sql: &mut S, tx: &mut TxContext<'_>) -> Result<bool, LedgerError> {
        let statement = select_jobs!(S::DIALECT, "", "WHERE key = $1", " FOR UPDATE");
        let rows = sql.rows(statement, &[Param::Text(self.job.as_str())]).await?;
        let Some(row) = rows.first() else { return Ok(false) };
        let mut job_row = JobRow::read(row)?;
        let from = job_row.state;
        if !matches!(from, State::Indexed | State::Deduped) {
            return Ok(false);
        }
        let now = sql.now().await?;
        job_row.step(Step::Lose, &claim(&job_row, &self.job, &Arc::from("")))?;
        job_row.end_lease(Some(now));
        job_row.attempts = 0;
        job_row
            .save(
                sql,
                job_row.fence,
                now,
                ResultColumns { reason: Some(&self.reason), ..ResultColumns::default() },
            )
            .await?;
        forget_effects(sql, job_row.id).await?;
        tx.record(
            Event {
                fence: job_row.fence,
                from: Some(from),
                to: Some(job_row.state),
                ..Event::of_job(now, EventKind::JobStateChanged, job_row.id, &self.job)
            }
            .with("reason", self.reason.as_str()),
        );
        Ok(true)
    }
}
