//! Leasing a job, and renewing the lease.

use std::sync::Arc;

use serde_json::Value;

use crate::clock::Due;
use crate::error::LedgerError;
use crate::event::{Event, EventKind};
use crate::job::{Claim, DoneOp, Enqueued, LOST_WORKER, Lease};
use crate::key::JobKey;
use crate::op::Op;
use crate::sql::{Dialect, Param, Row, Sql};
use crate::state::{State, Step};

use super::park::{parked_until, so_far};
use super::plan::PlanJobs;
use super::request::{TxContext, TxRequest, millis};
use super::rows::{
    IDENTITY_END, JOB_ROW_COLUMNS, JobRow, ResultColumns, claim, clear_expired, corrupt, identity,
    job_result, known_states, long, read_identity, read_json, read_label, read_work, select_jobs, set_aside,
    short, why,
};

/// Leases the job that has been ready for the longest.
#[derive(Debug)]
pub(crate) struct LeaseNext {
    pub(crate) owner: Arc<str>,
}

/// Leases this job, if it is available.
#[derive(Debug)]
pub(crate) struct LeaseJob {
    pub(crate) job: JobKey,
    pub(crate) owner: Arc<str>,
}

/// Replies with the lease's new end, in milliseconds since the epoch.
#[derive(Debug)]
pub(crate) struct RenewLease {
    pub(crate) claim: Claim,
}

/// Plans the job, and leases it if it is available.
#[derive(Debug)]
pub(crate) struct EnqueueJob {
    pub(crate) plan: PlanJobs,
    pub(crate) lease: LeaseJob,
}

/// Jobs whose workers died too often are ended on the way to one that can be leased: at most this many in one
/// transaction, because others wait for it.
const END_BATCH: usize = 64;

/// Everything in a job's row that a worker is given, read and checked before anything is written.
struct Readable {
    row: JobRow,
    job: JobKey,
    work_id: Arc<str>,
    work: Arc<Value>,
}

/// The columns of [`Readable`] behind those of [`JobRow`].
macro_rules! readable {
    () => {
        concat!(identity!(), ", ", long!("work"))
    };
}

impl Readable {
    fn read(row: &Row) -> Result<Self, LedgerError> {
        let (job, work_id) = read_identity(row, JOB_ROW_COLUMNS)?;
        Ok(Self {
            row: JobRow::read(row)?,
            job,
            work_id: Arc::from(work_id),
            work: Arc::new(read_work(row, IDENTITY_END)?),
        })
    }
}

impl TxRequest for LeaseNext {
    type Reply = Option<Lease>;

    async fn apply<S: Sql>(&self, sql: &mut S, tx: &mut TxContext<'_>) -> Result<Option<Lease>, LedgerError> {
        let statement = select_jobs!(
            S::DIALECT,
            readable!(),
            concat!("WHERE ready_at <= $1 AND ", known_states!(), " ORDER BY ready_at, id LIMIT 1"),
            " FOR UPDATE SKIP LOCKED"
        );
        for _ in 0..END_BATCH {
            let now = sql.now().await?;
            let rows = sql.rows(statement, &[Param::Int(now)]).await?;
            let Some(row) = rows.first() else { return Ok(None) };
            match Readable::read(row) {
                Err(problem) => set_aside(sql, row, now, &problem).await?,
                Ok(found) => {
                    if let Some(lease) = take(sql, tx, found, &self.owner, now).await? {
                        return Ok(Some(lease));
                    }
                }
            }
        }
        Ok(None)
    }
}

impl TxRequest for LeaseJob {
    type Reply = Enqueued;

    async fn apply<S: Sql>(&self, sql: &mut S, tx: &mut TxContext<'_>) -> Result<Enqueued, LedgerError> {
        let statement = select_jobs!(S::DIALECT, readable!(), "WHERE key = $1", " FOR UPDATE");
        let rows = sql.rows(statement, &[Param::Text(self.job.as_str())]).await?;
        let row = rows.first().ok_or_else(|| LedgerError::UnknownJob(self.job.to_string()))?;
        let now = sql.now().await?;
        let found = match Readable::read(row) {
            Ok(found) => found,
            Err(problem) => {
                // Whoever holds it finds out by itself.
                if row.maybe_int(2).is_ok_and(|at| at.is_some_and(|at| at <= now)) {
                    set_aside(sql, row, now, &problem).await?;
                }
                return Ok(Enqueued::SetAside { why: why(&problem) });
            }
        };
        let mut job_row = found.row.clone();
        // What was set aside, and is readable again, is as good as ready.
        let mended = (!job_row.state.is_ending()).then_some(now);
        if let Some(at) = job_row.ready_at.or(mended) {
            let rules = tx.rules;
            match job_row.owner.take() {
                Some(owner) if at > now && at <= rules.latest_lease(now) => {
                    return Ok(Enqueued::Held { owner, until: Due::new(at, now) });
                }
                // Nothing but a failure has to be waited for: whoever planned it had a clock that is ahead.
                None if at > now && job_row.state == State::Failed && at <= rules.latest_attempt(now) => {
                    let (reason, _) = ending_of(sql, job_row.id).await?;
                    return Ok(Enqueued::Later {
                        at: Due::new(at, now),
                        attempts: job_row.attempts,
                        reason: reason.unwrap_or_default(),
                    });
                }
                None if at > now => {
                    if let Some(until) = parked_until(sql, &job_row, now).await? {
                        return Ok(Enqueued::Parked { until });
                    }
                }
                _ => {}
            }
            if let Some(lease) = take(sql, tx, found, &self.owner, now).await? {
                return Ok(Enqueued::Leased(lease));
            }
        }
        let (reason, result) = ending_of(sql, job_row.id).await?;
        let state = if job_row.ready_at.is_some() { State::Failed } else { job_row.state };
        if state.is_done() {
            let replay = claim(&job_row, &self.job, &self.owner);
            tx.record(
                Event::of_claim(now, EventKind::IdempotencyReplay, &replay)
                    .with("what", "job")
                    .with("state", state.label()),
            );
        }
        Ok(Enqueued::Over { state, result, reason })
    }
}

impl TxRequest for RenewLease {
    type Reply = i64;

    async fn apply<S: Sql>(&self, sql: &mut S, tx: &mut TxContext<'_>) -> Result<i64, LedgerError> {
        let (job_row, now) = JobRow::claimed(sql, &self.claim).await?;
        let until = now.saturating_add(millis(tx.rules.lease));
        sql.run(
            "UPDATE jobs SET ready_at = $1 WHERE id = $2 AND fence = $3",
            &[Param::Int(until), Param::Int(job_row.id), Param::Int(job_row.fence)],
        )
        .await?;
        tx.record(Event::of_claim(now, EventKind::LeaseRenewed, &self.claim).with("until", until));
        Ok(until)
    }
}

impl TxRequest for EnqueueJob {
    type Reply = Enqueued;

    async fn apply<S: Sql>(&self, sql: &mut S, tx: &mut TxContext<'_>) -> Result<Enqueued, LedgerError> {
        self.plan.apply(sql, tx).await?;
        self.lease.apply(sql, tx).await
    }
}

/// Leases a job, or ends it if it has no attempts left: a job that kills its worker is not leased for
/// ever.
async fn take<S: Sql>(
    sql: &mut S,
    tx: &mut TxContext<'_>,
    found: Readable,
    owner: &Arc<str>,
    now: i64,
) -> Result<Option<Lease>, LedgerError> {
    let Readable { row: mut job_row, job, work_id, work } = found;
    let (from, fence) = (job_row.state, job_row.fence);
    if job_row.owner.is_some() {
        clear_expired(sql, tx, &mut job_row, &job, now).await?;
    }
    // One that is to begin has attempts left, whatever its row says: there is no way from there to a failure.
    let begins = matches!(from, State::Planned | State::Exhausted);
    if job_row.attempts >= tx.rules.schedule.max_attempts.max(1) && !begins {
        give_up(sql, tx, &mut job_row, &job, now).await?;
        return Ok(None);
    }
    let resumed = !matches!(from, State::Planned | State::Failed | State::Exhausted);
    job_row.fence += 1;
    job_row.attempts += 1;
    let claim = claim(&job_row, &job, owner);
    job_row.step(Step::Lease, &claim)?;
    let expires_at = now.saturating_add(millis(tx.rules.lease));
    job_row.owner = Some(owner.to_string());
    job_row.ready_at = Some(expires_at);
    job_row.save(sql, fence, now, ResultColumns::default()).await?;
    tx.record(
        Event::of_claim(now, EventKind::JobLeased, &claim)
            .with("until", expires_at)
            .with("attempt", job_row.attempts),
    );
    tx.record_transition(now, &claim, from, job_row.state);
    Ok(Some(Lease {
        claim,
        expires_at,
        state: job_row.state,
        attempts: job_row.attempts,
        resumed,
        done: if fence > 0 { done(sql, job_row.id, &job).await? } else { Arc::default() },
        so_far: if fence > 0 { so_far(sql, job_row.id, &job).await? } else { None },
        work_id,
        work,
    }))
}

/// Ends a job that has no attempts left. Why it last failed is not forgotten: one that failed, and for which fewer attempts
/// are allowed than before, keeps its reason; of one that its worker never returned, what it had failed by before is told
/// as well.
pub(super) async fn give_up<S: Sql>(
    sql: &mut S,
    tx: &mut TxContext<'_>,
    job_row: &mut JobRow,
    job: &JobKey,
    now: i64,
) -> Result<(), LedgerError> {
    let claim = claim(job_row, job, &Arc::from(""));
    let from = job_row.state;
    let mut reason = None;
    if !matches!(from, State::Failed) {
        job_row.step(Step::Fail, &claim)?;
        let lost =
            format!("{LOST_WORKER} in the state {from}, at the last of its attempts ({})", job_row.attempts);
        let (before, _) = ending_of(sql, job_row.id).await?;
        reason = Some(match before.filter(|before| !before.starts_with(LOST_WORKER)) {
            Some(before) => format!("{lost}; before that: {before}"),
            None => lost,
        });
    }
    job_row.end_lease(None);
    let columns = ResultColumns { reason: reason.as_deref(), ..ResultColumns::default() };
    job_row.save(sql, job_row.fence, now, columns).await?;
    tx.record_transition(now, &claim, from, job_row.state);
    Ok(())
}

/// The ops of earlier attempts that succeeded, in the order in which they ended. One that cannot be read, or is not
/// this job's by its key, is not among them: it is done again.
async fn done<S: Sql>(sql: &mut S, job_id: i64, job: &JobKey) -> Result<Arc<[DoneOp]>, LedgerError> {
    let statement = concat!(
        "SELECT kind, ",
        long!("context"),
        ", ",
        long!("result"),
        ", key FROM ops WHERE job = $1 AND status = 'DONE' ORDER BY ended_at, key"
    );
    let rows = sql.rows(statement, &[Param::Int(job_id)]).await?;
    let read = |row: &Row| {
        let kind = read_label("an op's kind", row.text(0)?)?;
        let op = Op::new(job, kind, read_json(row.text(1)?)?);
        match row.text(3)? {
            key if key == op.key.as_str() => Ok(DoneOp { op, result: read_json(row.text(2)?)? }),
            key => Err(corrupt("the key of this op", key)),
        }
    };
    let readable = rows.iter().map(read).filter_map(|op| {
        op.inspect_err(|problem| {
            tracing::warn!(job_id = job.as_str(), "a side effect is done again: {}", why(problem));
        })
        .ok()
    });
    Ok(readable.collect())
}

/// Why the job failed last, and its result.
async fn ending_of<S: Sql>(sql: &mut S, job_id: i64) -> Result<(Option<String>, Option<Value>), LedgerError> {
    let statement = concat!("SELECT ", short!("reason"), ", ", job_result!(), " FROM jobs WHERE id = $1");
    let rows = sql.rows(statement, &[Param::Int(job_id)]).await?;
    let Some(row) = rows.first() else { return Ok((None, None)) };
    // What cannot be read of them is not known: the job is over all the same.
    let reason = row.maybe_text(0).ok().flatten().map(str::to_owned);
    Ok((reason, row.maybe_text(1).ok().flatten().and_then(|text| read_json(text).ok())))
}
