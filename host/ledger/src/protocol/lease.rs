//! Taking a job, keeping it, and saying how far it has come.

use std::sync::Arc;

use serde_json::Value;

use crate::error::LedgerError;
use crate::history::EventKind;
use crate::job::{Claim, DoneOp, Enqueued, Lease};
use crate::key::JobKey;
use crate::op::{Op, OpKind};
use crate::sql::{Dialect, Param, Row, Sql};
use crate::state::{State, Step};

use super::plan::PlanJobs;
use super::rows::{
    HEAD_COLUMNS, Head, Notes, abandon_ops, claim, corrupt, job_result, read_json, read_key, select_jobs,
};
use super::{Command, TxContext, millis, told};

/// The job that has been ready for the longest.
#[derive(Debug)]
pub(crate) struct LeaseNext {
    pub(crate) owner: Arc<str>,
}

/// This job, if it can be had.
#[derive(Debug)]
pub(crate) struct LeaseJob {
    pub(crate) job: JobKey,
    pub(crate) owner: Arc<str>,
}

/// Answers with the lease's new end.
#[derive(Debug)]
pub(crate) struct Renew {
    pub(crate) claim: Claim,
}

/// Plans the job, and takes it if it can be had.
#[derive(Debug)]
pub(crate) struct Enqueue {
    pub(crate) plan: PlanJobs,
    pub(crate) lease: LeaseJob,
}

/// Jobs whose workers died too often are ended on the way to one that can be had: at most so many in one
/// transaction, which others wait for.
const ENDED_AT_ONCE: usize = 64;

impl Command for LeaseNext {
    type Reply = Option<Lease>;

    async fn apply<S: Sql>(
        &self,
        sql: &mut S,
        book: &mut TxContext<'_>,
    ) -> Result<Option<Lease>, LedgerError> {
        let statement = select_jobs!(
            S::DIALECT,
            ", key, work_id, work",
            "WHERE ready_at <= $1 ORDER BY ready_at, id LIMIT 1",
            " FOR UPDATE SKIP LOCKED"
        );
        for _ in 0..ENDED_AT_ONCE {
            let now = sql.now().await?;
            let rows = sql.rows(statement, &[Param::Int(now)]).await?;
            let Some(row) = rows.first() else { return Ok(None) };
            if let Some(lease) = take(sql, book, row, &self.owner, now).await? {
                return Ok(Some(lease));
            }
        }
        Ok(None)
    }
}

impl Command for LeaseJob {
    type Reply = Enqueued;

    async fn apply<S: Sql>(&self, sql: &mut S, book: &mut TxContext<'_>) -> Result<Enqueued, LedgerError> {
        let statement = select_jobs!(S::DIALECT, ", key, work_id, work", "WHERE key = $1", " FOR UPDATE");
        let rows = sql.rows(statement, &[Param::Text(self.job.as_str())]).await?;
        let row = rows.first().ok_or_else(|| LedgerError::UnknownJob(self.job.to_string()))?;
        let head = Head::read(row)?;
        let now = sql.now().await?;
        if let Some(at) = head.ready_at {
            match head.owner {
                Some(owner) if at > now => return Ok(Enqueued::Held { owner, until: at }),
                None if at > now => {
                    let (reason, _) = ending_of(sql, head.id).await?;
                    return Ok(Enqueued::Later {
                        at,
                        attempts: head.attempts,
                        reason: reason.unwrap_or_default(),
                    });
                }
                _ => {}
            }
            if let Some(lease) = take(sql, book, row, &self.owner, now).await? {
                return Ok(Enqueued::Leased(lease));
            }
        }
        let (reason, result) = ending_of(sql, head.id).await?;
        let state = if head.ready_at.is_some() { State::Failed } else { head.state };
        if state.is_done() {
            let replay = Claim {
                job_id: head.id,
                job: self.job.clone(),
                owner: Arc::clone(&self.owner),
                fence: head.fence,
            };
            book.tell(
                told(now, EventKind::IdempotencyReplay, &replay)
                    .with("what", "job")
                    .with("state", state.label()),
            );
        }
        Ok(Enqueued::Over { state, result, reason })
    }
}

impl Command for Renew {
    type Reply = i64;

    async fn apply<S: Sql>(&self, sql: &mut S, book: &mut TxContext<'_>) -> Result<i64, LedgerError> {
        let (head, now) = Head::claimed(sql, &self.claim).await?;
        let until = now.saturating_add(millis(book.rules.lease));
        sql.run(
            "UPDATE jobs SET ready_at = $1 WHERE id = $2 AND fence = $3",
            &[Param::Int(until), Param::Int(head.id), Param::Int(head.fence)],
        )
        .await?;
        book.tell(told(now, EventKind::LeaseRenewed, &self.claim).with("until", until));
        Ok(until)
    }
}

impl Command for Enqueue {
    type Reply = Enqueued;

    async fn apply<S: Sql>(&self, sql: &mut S, book: &mut TxContext<'_>) -> Result<Enqueued, LedgerError> {
        self.plan.apply(sql, book).await?;
        self.lease.apply(sql, book).await
    }
}

/// Takes the job of `row`, or ends it if it has been taken as often as it may be: a job that kills its worker
/// is not handed out for ever.
async fn take<S: Sql>(
    sql: &mut S,
    book: &mut TxContext<'_>,
    row: &Row,
    owner: &Arc<str>,
    now: i64,
) -> Result<Option<Lease>, LedgerError> {
    let mut head = Head::read(row)?;
    let job = read_key(row.text(HEAD_COLUMNS)?)?;
    let (from, fence) = (head.state, head.fence);
    if let Some(lost) = head.owner.take() {
        let left = abandon_ops(sql, head.id, now).await?;
        let last = Claim { job_id: head.id, job: job.clone(), owner: Arc::from(lost), fence };
        book.tell(
            told(now, EventKind::CrashRecovery, &last)
                .with("state", from.label())
                .with("ops_abandoned", left),
        );
    }
    if head.attempts >= book.rules.schedule.max_attempts.max(1) {
        give_up(sql, book, &mut head, &job, now).await?;
        return Ok(None);
    }
    let resumed = !matches!(from, State::Planned | State::Failed | State::Exhausted);
    head.fence += 1;
    head.attempts += 1;
    let claim = claim(&head, &job, owner);
    head.step(Step::Lease, &claim)?;
    let expires_at = now.saturating_add(millis(book.rules.lease));
    head.owner = Some(owner.to_string());
    head.ready_at = Some(expires_at);
    head.save(sql, fence, now, Notes::default()).await?;
    book.tell(
        told(now, EventKind::JobLeased, &claim).with("until", expires_at).with("attempt", head.attempts),
    );
    book.tell_move(now, &claim, from, head.state);
    Ok(Some(Lease {
        claim,
        expires_at,
        state: head.state,
        attempts: head.attempts,
        resumed,
        done: if fence > 0 { done(sql, head.id, &job).await? } else { Arc::default() },
        work_id: Arc::from(row.text(HEAD_COLUMNS + 1)?),
        work: Arc::new(read_json(row.text(HEAD_COLUMNS + 2)?)?),
    }))
}

/// Ends a job that was taken `max_attempts` times and never given back.
pub(super) async fn give_up<S: Sql>(
    sql: &mut S,
    book: &mut TxContext<'_>,
    head: &mut Head,
    job: &JobKey,
    now: i64,
) -> Result<(), LedgerError> {
    let claim = claim(head, job, &Arc::from(""));
    let from = head.state;
    if !matches!(from, State::Failed) {
        head.step(Step::Fail, &claim)?;
    }
    head.let_go(None);
    let reason = format!("its worker was lost {} times, at last in the state {from}", head.attempts);
    head.save(sql, head.fence, now, Notes { reason: Some(&reason), ..Notes::default() }).await?;
    book.tell_move(now, &claim, from, head.state);
    Ok(())
}

/// The ops that earlier attempts brought to a good end, in that order.
async fn done<S: Sql>(sql: &mut S, job_id: i64, job: &JobKey) -> Result<Arc<[DoneOp]>, LedgerError> {
    let statement = "SELECT kind, context, result FROM ops WHERE job = $1 AND status = 'DONE' \
                     ORDER BY ended_at, key";
    let rows = sql.rows(statement, &[Param::Int(job_id)]).await?;
    let read = |row: &Row| {
        let kind = row.text(0)?;
        let kind = OpKind::from_label(kind).ok_or_else(|| corrupt("an op's kind", kind))?;
        let op = Op::new(job, kind, read_json(row.text(1)?)?);
        Ok(DoneOp { op, result: read_json(row.text(2)?)? })
    };
    rows.iter().map(read).collect()
}

/// Why the job failed, and what it came to.
async fn ending_of<S: Sql>(sql: &mut S, job_id: i64) -> Result<(Option<String>, Option<Value>), LedgerError> {
    let statement = concat!("SELECT reason, ", job_result!(), " FROM jobs WHERE id = $1");
    let rows = sql.rows(statement, &[Param::Int(job_id)]).await?;
    let Some(row) = rows.first() else { return Ok((None, None)) };
    Ok((row.maybe_text(0)?.map(str::to_owned), row.maybe_text(1)?.map(read_json).transpose()?))
}
