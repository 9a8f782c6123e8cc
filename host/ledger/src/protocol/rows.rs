//! The rows that requests read and write, and the statements that do it.

use std::sync::Arc;

use serde_json::Value;

use crate::error::LedgerError;
use crate::job::Claim;
use crate::key::JobKey;
use crate::op::OpStatus;
use crate::sql::{Dialect, Param, Row, Sql};
use crate::state::{self, State, Step};

/// The columns that decide who may do what with a job.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) id: i64,
    pub(super) state: State,
    pub(super) ready_at: Option<i64>,
    pub(super) owner: Option<String>,
    pub(super) fence: i64,
    pub(super) attempts: u32,
}

/// What is written down when an attempt ends, beside the head. `None` leaves what is there.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Notes<'a> {
    pub(super) reason: Option<&'a str>,
    pub(super) artifact: Option<&'a str>,
    pub(super) result: Option<&'a str>,
}

/// `$columns` of jobs, then the given end of the statement; the second form locks the rows where that is needed.
macro_rules! select_jobs {
    ($columns:expr, $tail:expr) => {
        concat!("SELECT id, state, ready_at, owner, fence, attempts", $columns, " FROM jobs ", $tail)
    };
    ($dialect:expr, $columns:expr, $tail:expr, $lock:expr) => {
        match $dialect {
            Dialect::Sqlite => $crate::protocol::rows::select_jobs!($columns, $tail),
            Dialect::Postgres => {
                $crate::protocol::rows::select_jobs!($columns, concat!($tail, $lock))
            }
        }
    };
}
pub(super) use select_jobs;

/// What the job came to: what its ending said, or else what its last op did.
macro_rules! job_result {
    () => {
        "COALESCE(result, (SELECT o.result FROM ops o WHERE o.job = jobs.id AND o.status = 'DONE' \
         AND o.kind IN ('INDEX', 'DEDUPE') LIMIT 1))"
    };
}
pub(super) use job_result;

/// How many columns a head takes in a statement of `select_jobs!`.
pub(super) const HEAD_COLUMNS: usize = 6;

impl Head {
    pub(super) fn read(row: &Row) -> Result<Self, LedgerError> {
        Ok(Self {
            id: row.int(0)?,
            state: read_state(row.text(1)?)?,
            ready_at: row.maybe_int(2)?,
            owner: row.maybe_text(3)?.map(str::to_owned),
            fence: row.int(4)?,
            attempts: u32::try_from(row.int(5)?).map_err(|_| corrupt("attempts", row.int(5)))?,
        })
    }

    /// The head of the job that the claim is on, if the claim still holds: it is the owner's, by its last fence,
    /// and has not run out.
    pub(super) async fn claimed<S: Sql>(sql: &mut S, claim: &Claim) -> Result<(Self, i64), LedgerError> {
        let (head, now) = Self::of(sql, claim).await?;
        if head.is_held_by(claim, now) { Ok((head, now)) } else { Err(stale(claim)) }
    }

    /// The head of the job that the claim is on, whoever has it, and the time.
    pub(super) async fn of<S: Sql>(sql: &mut S, claim: &Claim) -> Result<(Self, i64), LedgerError> {
        let statement = select_jobs!(S::DIALECT, "", "WHERE id = $1", " FOR UPDATE");
        let rows = sql.rows(statement, &[Param::Int(claim.job_id)]).await?;
        let head = Self::read(rows.first().ok_or_else(|| stale(claim))?)?;
        Ok((head, sql.now().await?))
    }

    pub(super) fn is_held_by(&self, claim: &Claim, now: i64) -> bool {
        self.fence == claim.fence
            && self.owner.as_deref() == Some(&claim.owner)
            && self.ready_at.is_some_and(|until| until > now)
    }

    /// The claim's own lease ended this job: what its holder asks again has already happened.
    pub(super) fn was_ended_by(&self, claim: &Claim) -> bool {
        self.fence == claim.fence && self.owner.is_none() && self.state.is_ending()
    }

    pub(super) fn step(&mut self, step: Step, claim: &Claim) -> Result<(), LedgerError> {
        self.state = state::next(self.state, step)
            .map_err(|illegal| LedgerError::Illegal { job: claim.job.to_string(), illegal })?;
        Ok(())
    }

    /// Takes a step that a replayed op stands for, unless the job is past it.
    pub(super) fn catch_up(&mut self, step: Step) {
        self.state = state::next(self.state, step).unwrap_or(self.state);
    }

    /// Nobody holds it any more, and it may be taken from `ready_at` on.
    pub(super) fn let_go(&mut self, ready_at: Option<i64>) {
        self.owner = None;
        self.ready_at = ready_at;
    }

    /// Writes the head back. `fence` is what the row must still carry.
    pub(super) async fn save<S: Sql>(
        &self,
        sql: &mut S,
        fence: i64,
        now: i64,
        notes: Notes<'_>,
    ) -> Result<(), LedgerError> {
        let head = [
            Param::Text(self.state.label()),
            Param::MaybeInt(self.ready_at),
            Param::MaybeText(self.owner.as_deref()),
            Param::Int(self.fence),
            Param::Int(i64::from(self.attempts)),
            Param::Int(now),
        ];
        let place = [Param::Int(self.id), Param::Int(fence)];
        let changed = if matches!(notes, Notes { reason: None, artifact: None, result: None }) {
            let statement = "UPDATE jobs SET state = $1, ready_at = $2, owner = $3, fence = $4, attempts = $5, \
                             changed_at = $6 WHERE id = $7 AND fence = $8";
            sql.run(statement, &[&head[..], &place[..]].concat()).await?
        } else {
            let statement = "UPDATE jobs SET state = $1, ready_at = $2, owner = $3, fence = $4, attempts = $5, \
                             changed_at = $6, reason = COALESCE($7, reason), artifact = COALESCE($8, artifact), \
                             result = COALESCE($9, result) WHERE id = $10 AND fence = $11";
            let noted = [
                Param::MaybeText(notes.reason),
                Param::MaybeText(notes.artifact),
                Param::MaybeText(notes.result),
            ];
            sql.run(statement, &[&head[..], &noted[..], &place[..]].concat()).await?
        };
        match changed {
            1 => Ok(()),
            _ => Err(LedgerError::Corrupt(format!("job {} changed under its own lock", self.id))),
        }
    }
}

/// Ops that a worker left running when it let go of the job will not be ended by it.
pub(super) async fn abandon_ops<S: Sql>(sql: &mut S, job_id: i64, now: i64) -> Result<u64, LedgerError> {
    let statement =
        "UPDATE ops SET status = 'ABANDONED', ended_at = $1 WHERE job = $2 AND status = 'RUNNING'";
    sql.run(statement, &[Param::Int(now), Param::Int(job_id)]).await
}

/// What the job's ops did is no longer true on disk: all but the asking is to be done again.
pub(super) async fn forget_effects<S: Sql>(sql: &mut S, job_id: i64) -> Result<(), LedgerError> {
    sql.run("DELETE FROM ops WHERE job = $1 AND kind <> 'HEAD'", &[Param::Int(job_id)]).await?;
    sql.run("UPDATE jobs SET artifact = NULL, result = NULL WHERE id = $1", &[Param::Int(job_id)]).await?;
    Ok(())
}

pub(super) fn claim(head: &Head, job: &JobKey, owner: &Arc<str>) -> Claim {
    Claim { job_id: head.id, job: job.clone(), owner: Arc::clone(owner), fence: head.fence }
}

pub(super) fn stale(claim: &Claim) -> LedgerError {
    LedgerError::Stale { job: claim.job.to_string(), fence: claim.fence }
}

pub(super) fn read_state(label: &str) -> Result<State, LedgerError> {
    label.parse().map_err(|error: state::UnknownState| LedgerError::Corrupt(error.to_string()))
}

pub(super) fn read_status(label: &str) -> Result<OpStatus, LedgerError> {
    OpStatus::from_label(label).ok_or_else(|| corrupt("an op's status", label))
}

pub(super) fn read_key(text: &str) -> Result<JobKey, LedgerError> {
    JobKey::from_hex(text).ok_or_else(|| corrupt("a job's key", text))
}

pub(super) fn read_json(text: &str) -> Result<Value, LedgerError> {
    serde_json::from_str(text).map_err(|error| corrupt("a JSON text", error))
}

pub(super) fn corrupt(what: &str, found: impl std::fmt::Debug) -> LedgerError {
    LedgerError::Corrupt(format!("{what} cannot be {found:?}"))
}
