//! The rows that several requests read and write, and the statements for it.

use std::str::FromStr;
use std::sync::Arc;

use serde_json::Value;

use crate::error::LedgerError;
use crate::event::{Event, EventKind};
use crate::job::Claim;
use crate::key::JobKey;
use crate::sql::{Dialect, Param, Row, Sql};
use crate::state::{self, State, Step};

use super::request::TxContext;

/// The columns that decide who may do what with a job.
#[derive(Clone, Debug)]
pub(super) struct JobRow {
    pub(super) id: i64,
    pub(super) state: State,
    pub(super) ready_at: Option<i64>,
    pub(super) owner: Option<String>,
    pub(super) fence: i64,
    pub(super) attempts: u32,
}

/// The columns that are written when an op or an attempt ends. `None` leaves what is there.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ResultColumns<'a> {
    pub(super) reason: Option<&'a str>,
    pub(super) artifact: Option<&'a str>,
    pub(super) result: Option<&'a str>,
}

/// The longest text that is read of a row, in bytes: none that this program writes comes near it.
macro_rules! short {
    ($column:literal) => {
        concat!("CASE WHEN octet_length(", $column, ") <= 65536 THEN ", $column, " END")
    };
}
pub(super) use short;

/// The same for a JSON text: the trail of a work is the longest.
macro_rules! long {
    ($column:literal) => {
        concat!("CASE WHEN octet_length(", $column, ") <= 4194304 THEN ", $column, " END")
    };
}
pub(super) use long;

/// The states in which a job can be waited for, for a condition beside `ready_at`: a row in a state that nobody
/// knows is passed over.
macro_rules! known_states {
    () => {
        "state IN ('PLANNED', 'LEASED', 'HEAD_DONE', 'RESUME_OK', 'STREAMING', 'FINALIZED', 'FAILED', 'EXHAUSTED')"
    };
}
pub(super) use known_states;

#[cfg(test)]
pub(crate) const KNOWN_STATES: &str = known_states!();

/// Selects what [`JobRow::read`] reads, and `$columns` after it, from jobs; `$tail` ends the statement. The second
/// form locks the rows, in the dialect that needs it.
macro_rules! select_jobs {
    ($columns:expr, $tail:expr) => {
        concat!(
            "SELECT id, state, ready_at, ",
            $crate::protocol::rows::short!("owner"),
            ", fence, attempts",
            $columns,
            " FROM jobs ",
            $tail
        )
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

/// The result of the job: that of its ending, or else that of its last op.
macro_rules! job_result {
    () => {
        concat!(
            "COALESCE(",
            $crate::protocol::rows::long!("result"),
            ", (SELECT ",
            $crate::protocol::rows::long!("o.result"),
            " FROM ops o WHERE o.job = jobs.id AND o.status = 'DONE' AND o.kind IN ('INDEX', 'DEDUPE') LIMIT 1))"
        )
    };
}
pub(super) use job_result;

/// The columns of [`JobRow`] in a statement of `select_jobs!`: the first one after them.
pub(super) const JOB_ROW_COLUMNS: usize = 6;

impl JobRow {
    pub(super) fn read(row: &Row) -> Result<Self, LedgerError> {
        Ok(Self {
            id: row.int(0)?,
            state: read_state(row.text(1)?)?,
            ready_at: row.maybe_int(2)?,
            owner: row.maybe_text(3)?.map(str::to_owned),
            fence: read_fence(row.int(4)?)?,
            attempts: read_attempts(row.int(5)?)?,
        })
    }

    /// The row of the claim's job and the time, if the claim still holds: its owner has the job, by the last fence,
    /// and the lease has not expired.
    pub(super) async fn claimed<S: Sql>(sql: &mut S, claim: &Claim) -> Result<(Self, i64), LedgerError> {
        let (job_row, now) = Self::of(sql, claim).await?;
        if job_row.is_held_by(claim, now) { Ok((job_row, now)) } else { Err(stale(claim)) }
    }

    /// The row of the claim's job, whoever has it, and the time. Its number alone says nothing: where a row was removed,
    /// the next one may have it.
    pub(super) async fn of<S: Sql>(sql: &mut S, claim: &Claim) -> Result<(Self, i64), LedgerError> {
        let statement = select_jobs!(S::DIALECT, "", "WHERE id = $1 AND key = $2", " FOR UPDATE");
        let rows = sql.rows(statement, &[Param::Int(claim.job_id), Param::Text(claim.job.as_str())]).await?;
        let job_row = Self::read(rows.first().ok_or_else(|| stale(claim))?)?;
        Ok((job_row, sql.now().await?))
    }

    pub(super) fn is_held_by(&self, claim: &Claim, now: i64) -> bool {
        self.fence == claim.fence
            && self.owner.as_deref() == Some(&claim.owner)
            && self.ready_at.is_some_and(|until| until > now)
    }

    /// The claim's own lease ended this job: a request that its holder repeats has already been done.
    pub(super) fn was_ended_by(&self, claim: &Claim) -> bool {
        self.fence == claim.fence && self.owner.is_none() && self.state.is_ending()
    }

    pub(super) fn step(&mut self, step: Step, claim: &Claim) -> Result<(), LedgerError> {
        self.state = state::next(self.state, step)
            .map_err(|illegal| LedgerError::Illegal { job: claim.job.to_string(), illegal })?;
        Ok(())
    }

    /// Takes a step that a replayed op implies, unless the job is past it.
    pub(super) fn catch_up(&mut self, step: Step) {
        self.state = state::next(self.state, step).unwrap_or(self.state);
    }

    /// Nobody holds it any more, and it may be leased from `ready_at` on.
    pub(super) fn end_lease(&mut self, ready_at: Option<i64>) {
        self.owner = None;
        self.ready_at = ready_at;
    }

    /// Writes the row back. `fence` is the one that it must still have.
    pub(super) async fn save<S: Sql>(
        &self,
        sql: &mut S,
        fence: i64,
        now: i64,
        columns: ResultColumns<'_>,
    ) -> Result<(), LedgerError> {
        let state = [
            Param::Text(self.state.label()),
            Param::MaybeInt(self.ready_at),
            Param::MaybeText(self.owner.as_deref()),
            Param::Int(self.fence),
            Param::Int(i64::from(self.attempts)),
            Param::Int(now),
        ];
        let place = [Param::Int(self.id), Param::Int(fence)];
        let changed = if matches!(columns, ResultColumns { reason: None, artifact: None, result: None }) {
            let statement = "UPDATE jobs SET state = $1, ready_at = $2, owner = $3, fence = $4, attempts = $5, \
                             changed_at = $6 WHERE id = $7 AND fence = $8";
            sql.run(statement, &[&state[..], &place[..]].concat()).await?
        } else {
            let statement = "UPDATE jobs SET state = $1, ready_at = $2, owner = $3, fence = $4, attempts = $5, \
                             changed_at = $6, reason = COALESCE($7, reason), artifact = COALESCE($8, artifact), \
                             result = COALESCE($9, result) WHERE id = $10 AND fence = $11";
            let results = [
                Param::MaybeText(columns.reason),
                Param::MaybeText(columns.artifact),
                Param::MaybeText(columns.result),
            ];
            sql.run(statement, &[&state[..], &results[..], &place[..]].concat()).await?
        };
        match changed {
            1 => Ok(()),
            _ => Err(LedgerError::Corrupt(format!("job {} changed under its own lock", self.id))),
        }
    }
}

/// Ends the lease of a worker that is gone, in `job_row` alone: whoever calls this saves it. Replies with how many ops
/// it had left running.
pub(super) async fn clear_expired<S: Sql>(
    sql: &mut S,
    tx: &mut TxContext<'_>,
    job_row: &mut JobRow,
    job: &JobKey,
    now: i64,
) -> Result<u64, LedgerError> {
    let owner = job_row.owner.take().unwrap_or_default();
    let last = claim(job_row, job, &Arc::from(owner));
    let left = abandon_ops(sql, job_row.id, now).await?;
    tx.record(
        Event::of_claim(now, EventKind::CrashRecovery, &last)
            .with("state", job_row.state.label())
            .with("ops_abandoned", left),
    );
    Ok(left)
}

/// Marks the running ops of a job as abandoned: whoever began them will not report their end.
pub(super) async fn abandon_ops<S: Sql>(sql: &mut S, job_id: i64, now: i64) -> Result<u64, LedgerError> {
    let statement =
        "UPDATE ops SET status = 'ABANDONED', ended_at = $1 WHERE job = $2 AND status = 'RUNNING'";
    sql.run(statement, &[Param::Int(now), Param::Int(job_id)]).await
}

/// Forgets what the job's ops did, because it is no longer on disk: everything except the probe is to be done again.
pub(super) async fn forget_effects<S: Sql>(sql: &mut S, job_id: i64) -> Result<(), LedgerError> {
    sql.run("DELETE FROM ops WHERE job = $1 AND kind <> 'HEAD'", &[Param::Int(job_id)]).await?;
    sql.run("UPDATE jobs SET artifact = NULL, result = NULL WHERE id = $1", &[Param::Int(job_id)]).await?;
    Ok(())
}

/// The columns behind those of [`JobRow`] that say which job it is, for `select_jobs!`.
macro_rules! identity {
    () => {
        concat!(
            ", key, ",
            $crate::protocol::rows::short!("work_id"),
            ", ",
            $crate::protocol::rows::short!("artifact_id"),
            ", ",
            $crate::protocol::rows::short!("role")
        )
    };
}
pub(super) use identity;

/// The first column behind those of `identity!`.
pub(super) const IDENTITY_END: usize = JOB_ROW_COLUMNS + 4;

/// The key of a row that begins with the four columns of `identity!` at `at`, and the identity of its work. A row whose
/// key is not that of its work is refused: one of them was changed by somebody else.
pub(super) fn read_identity(row: &Row, at: usize) -> Result<(JobKey, &str), LedgerError> {
    let key = read_key(row.text(at)?)?;
    let work_id = row.text(at + 1)?;
    if JobKey::new(work_id, row.text(at + 2)?, row.text(at + 3)?) != key {
        return Err(LedgerError::Corrupt(format!("the key {key} is not that of its work")));
    }
    Ok((key, work_id))
}

/// Takes a row that cannot be read out of the queue, so that it is met once, and says so. Whoever mends it has it
/// back by `retry`.
pub(super) async fn set_aside<S: Sql>(
    sql: &mut S,
    row: &Row,
    now: i64,
    problem: &LedgerError,
) -> Result<(), LedgerError> {
    let id = row.int(0)?;
    let why = why(problem);
    tracing::warn!(
        row = id,
        "a job is set aside, and the others go on: {why}; `tierfall ledger list` shows it"
    );
    let reason = format!("set aside: {why}");
    let statement =
        "UPDATE jobs SET ready_at = NULL, owner = NULL, changed_at = $1, reason = $2 WHERE id = $3";
    sql.run(statement, &[Param::Int(now), Param::Text(&reason), Param::Int(id)]).await?;
    Ok(())
}

pub(super) fn claim(job_row: &JobRow, job: &JobKey, owner: &Arc<str>) -> Claim {
    Claim { job_id: job_row.id, job: job.clone(), owner: Arc::clone(owner), fence: job_row.fence }
}

pub(super) fn stale(claim: &Claim) -> LedgerError {
    LedgerError::Stale { job: claim.job.to_string(), fence: claim.fence }
}

pub(super) fn read_state(label: &str) -> Result<State, LedgerError> {
    label.parse().map_err(|error: state::UnknownState| LedgerError::Corrupt(error.to_string()))
}

/// Leases count up from 0; one that could not be counted any further was never given.
pub(super) fn read_fence(fence: i64) -> Result<i64, LedgerError> {
    if (0..i64::MAX / 2).contains(&fence) { Ok(fence) } else { Err(corrupt("a fence", fence)) }
}

pub(super) fn read_attempts(attempts: i64) -> Result<u32, LedgerError> {
    u32::try_from(attempts)
        .ok()
        .filter(|attempts| *attempts < u32::MAX)
        .ok_or_else(|| corrupt("the number of attempts", attempts))
}

pub(super) fn read_label<T: FromStr>(what: &str, label: &str) -> Result<T, LedgerError> {
    label.parse().map_err(|_| corrupt(what, label))
}

pub(super) fn read_key(text: &str) -> Result<JobKey, LedgerError> {
    JobKey::from_hex(text).ok_or_else(|| corrupt("a job's key", text))
}

/// What was planned, from a column of `long!`.
pub(super) fn read_work(row: &Row, at: usize) -> Result<Value, LedgerError> {
    let too_long = || LedgerError::Corrupt("what was planned is longer than any work".to_owned());
    read_json(row.maybe_text(at)?.ok_or_else(too_long)?)
}

pub(super) fn read_json(text: &str) -> Result<Value, LedgerError> {
    serde_json::from_str(text).map_err(|error| LedgerError::Corrupt(format!("a JSON text is none: {error}")))
}

/// What is wrong with a row, without the words around it.
pub(super) fn why(problem: &LedgerError) -> String {
    match problem {
        LedgerError::Corrupt(why) => why.clone(),
        other => other.to_string(),
    }
}

/// What was found is shown as far as it fits into a line.
pub(super) fn corrupt(what: &str, found: impl std::fmt::Debug) -> LedgerError {
    const SHOWN: usize = 100;
    let found = format!("{found:?}");
    let shown: String = found.chars().take(SHOWN).collect();
    let more = if shown.len() < found.len() { "…" } else { "" };
    LedgerError::Corrupt(format!("{what} cannot be {shown}{more}"))
}
