//! Clearing up after workers that are gone, and opening again what an operator wants tried again.

use std::sync::Arc;

use serde_json::Map;

use crate::error::LedgerError;
use crate::history::{Event, EventKind};
use crate::job::{Claim, Recovered, Retry};
use crate::key::JobKey;
use crate::sql::{Dialect, Param, Sql};
use crate::state::{State, Step};

use super::lease::give_up;
use super::rows::{HEAD_COLUMNS, Head, Notes, abandon_ops, claim, forget_effects, read_key, select_jobs};
use super::{Command, TxContext, millis, told};

/// Clears leases that ran out and ops that nobody will end. Taking a job does not wait for this: it is what
/// makes the ledger say how things are.
#[derive(Debug)]
pub(crate) struct Recover;

/// Answers with how many jobs can be taken again by this.
#[derive(Debug)]
pub(crate) struct RetryJobs(pub(crate) Retry);

/// Opens a done job whose file is gone from the disk. Answers whether it did.
#[derive(Debug)]
pub(crate) struct Lose {
    pub(crate) job: JobKey,
    pub(crate) reason: String,
}

/// Leases cleared in one transaction, which others wait for.
const AT_ONCE: i64 = 256;

impl Command for Recover {
    type Reply = Recovered;

    async fn apply<S: Sql>(&self, sql: &mut S, book: &mut TxContext<'_>) -> Result<Recovered, LedgerError> {
        let now = sql.now().await?;
        let statement = select_jobs!(
            S::DIALECT,
            ", key",
            "WHERE owner IS NOT NULL AND ready_at <= $1 ORDER BY id LIMIT $2",
            " FOR UPDATE SKIP LOCKED"
        );
        let mut recovered = Recovered::default();
        for row in sql.rows(statement, &[Param::Int(now), Param::Int(AT_ONCE)]).await? {
            let mut head = Head::read(&row)?;
            let job = read_key(row.text(HEAD_COLUMNS)?)?;
            let last = Claim {
                job_id: head.id,
                job: job.clone(),
                owner: Arc::from(head.owner.take().unwrap_or_default()),
                fence: head.fence,
            };
            let left = abandon_ops(sql, head.id, now).await?;
            recovered.ops += left;
            book.tell(
                told(now, EventKind::CrashRecovery, &last)
                    .with("state", head.state.label())
                    .with("ops_abandoned", left),
            );
            if head.attempts >= book.rules.schedule.max_attempts.max(1) {
                give_up(sql, book, &mut head, &job, now).await?;
                recovered.given_up.push(job.clone());
            } else {
                head.save(sql, head.fence, now, Notes::default()).await?;
            }
            recovered.leases.push(job);
        }
        recovered.ops += sql
            .run(
                "UPDATE ops SET status = 'ABANDONED', ended_at = $1 WHERE status = 'RUNNING' AND started_at <= $2 \
                 AND job IN (SELECT id FROM jobs WHERE owner IS NOT NULL)",
                &[Param::Int(now), Param::Int(now.saturating_sub(millis(book.rules.abandoned)))],
            )
            .await?;
        Ok(recovered)
    }
}

impl Command for RetryJobs {
    type Reply = u64;

    async fn apply<S: Sql>(&self, sql: &mut S, _book: &mut TxContext<'_>) -> Result<u64, LedgerError> {
        let now = sql.now().await?;
        match &self.0 {
            // A failed job that still has a time of its own keeps it.
            Retry::All(state @ (State::Failed | State::Exhausted)) => {
                sql.run(
                    "UPDATE jobs SET ready_at = $1, attempts = 0 WHERE state = $2 AND ready_at IS NULL",
                    &[Param::Int(now), Param::Text(state.label())],
                )
                .await
            }
            Retry::All(_) => Ok(0),
            Retry::Job(job) => {
                sql.run(
                    "UPDATE jobs SET ready_at = $1, attempts = 0 WHERE key = $2 AND state IN ('FAILED', 'EXHAUSTED')",
                    &[Param::Int(now), Param::Text(job.as_str())],
                )
                .await
            }
        }
    }
}

impl Command for Lose {
    type Reply = bool;

    async fn apply<S: Sql>(&self, sql: &mut S, book: &mut TxContext<'_>) -> Result<bool, LedgerError> {
        let statement = select_jobs!(S::DIALECT, "", "WHERE key = $1", " FOR UPDATE");
        let rows = sql.rows(statement, &[Param::Text(self.job.as_str())]).await?;
        let Some(row) = rows.first() else { return Ok(false) };
        let mut head = Head::read(row)?;
        let from = head.state;
        if !matches!(from, State::Indexed | State::Deduped) {
            return Ok(false);
        }
        let now = sql.now().await?;
        head.step(Step::Lose, &claim(&head, &self.job, &Arc::from("")))?;
        head.let_go(Some(now));
        head.attempts = 0;
        head.save(sql, head.fence, now, Notes { reason: Some(&self.reason), ..Notes::default() }).await?;
        forget_effects(sql, head.id).await?;
        book.tell(
            Event {
                at: now,
                kind: EventKind::JobStateChanged,
                job_id: head.id,
                job: self.job.clone(),
                owner: None,
                fence: head.fence,
                from: Some(from),
                to: Some(head.state),
                detail: Map::new(),
            }
            .with("reason", self.reason.as_str()),
        );
        Ok(true)
    }
}
