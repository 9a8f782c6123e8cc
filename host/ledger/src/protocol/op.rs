//! Side effects: begun once, replayed if they succeeded, done again if they did not.

use serde_json::Value;

use crate::error::LedgerError;
use crate::event::{Event, EventKind};
use crate::op::{Begun, Op, OpOutcome, OpStatus};
use crate::sql::{Param, Row, Sql};

use super::execute::JobTx;
use super::park::forget_so_far;
use super::request::millis;
use super::rows::{ResultColumns, abandon_ops, corrupt, long, read_json, read_label};

/// The columns of an op that decide what is done about it.
struct OpRow {
    status: OpStatus,
    fence: i64,
    tries: i64,
    started_at: i64,
}

impl<S: Sql> JobTx<'_, '_, S> {
    /// Replies whether to perform a side effect; takes the step that its beginning is.
    pub(super) async fn begin(&mut self, op: &Op) -> Result<Begun, LedgerError> {
        self.check_claim()?;
        let from = self.row.state;
        let tries = match self.find_op(op).await? {
            Some(row) if row.status == OpStatus::Done => match self.recorded(op).await {
                Ok(result) => return self.replay(op, result).await.map(Begun::Replay),
                Err(LedgerError::Corrupt(why)) => {
                    tracing::warn!(job_id = self.claim.job.as_str(), "a side effect is done again: {why}");
                    row.tries.saturating_add(1)
                }
                Err(error) => return Err(error),
            },
            Some(row) if self.is_running(&row) => return Ok(Begun::Running { since: row.started_at }),
            Some(row) => row.tries.saturating_add(1),
            None => 1,
        };
        let mut job_row = self.row.clone();
        if let Some(step) = op.kind.beginning() {
            job_row.step(step, self.claim)?;
        }
        // Refused now rather than after the side effect has happened.
        if let Some(step) = op.kind.success() {
            job_row.clone().step(step, self.claim)?;
        }
        self.row = job_row;
        self.sql
            .run(
                "INSERT INTO ops (job, key, kind, status, fence, tries, started_at, context) \
                 VALUES ($1, $2, $3, 'RUNNING', $4, $5, $6, $7) ON CONFLICT (job, key) DO UPDATE SET \
                 status = 'RUNNING', fence = excluded.fence, tries = excluded.tries, \
                 started_at = excluded.started_at, ended_at = NULL, result = NULL, error = NULL",
                &[
                    Param::Int(self.row.id),
                    Param::Text(op.key.as_str()),
                    Param::Text(op.kind.label()),
                    Param::Int(self.claim.fence),
                    Param::Int(tries),
                    Param::Int(self.now),
                    Param::Text(&op.context.to_string()),
                ],
            )
            .await?;
        self.tx.record(
            Event::of_claim(self.now, EventKind::OperationStarted, self.claim)
                .with("op", op.key.as_str())
                .with("kind", op.kind.label())
                .with("try", tries),
        );
        self.save_transition(from, ResultColumns::default()).await?;
        Ok(Begun::Run)
    }

    /// Records how the side effect ended; takes the step that its success is.
    pub(super) async fn complete(&mut self, op: &Op, outcome: &OpOutcome) -> Result<(), LedgerError> {
        let row = self.find_op(op).await?;
        let is_done = row.as_ref().is_some_and(|row| row.status == OpStatus::Done);
        let is_ours = row.is_some_and(|row| row.fence == self.claim.fence);
        // Sent again because the first reply was lost: the first one stands.
        if is_done && is_ours && self.row.fence == self.claim.fence {
            return Ok(());
        }
        self.check_claim()?;
        if is_done {
            return Ok(());
        }
        if !is_ours {
            self.begin(op).await?;
        }
        let from = self.row.state;
        let mut columns = ResultColumns::default();
        let (status, result, error) = match outcome {
            OpOutcome::Done { result, artifact } => {
                if let Some(step) = op.kind.success() {
                    self.row.step(step, self.claim)?;
                }
                columns.artifact = artifact.as_deref();
                (OpStatus::Done, Some(result.as_str()), None)
            }
            OpOutcome::Failed { error } => (OpStatus::Failed, None, Some(error.as_str())),
        };
        let (id, now) = (self.row.id, self.now);
        self.sql
            .run(
                "UPDATE ops SET status = $1, ended_at = $2, result = $3, error = $4 WHERE job = $5 AND key = $6",
                &[
                    Param::Text(status.label()),
                    Param::Int(now),
                    Param::MaybeText(result),
                    Param::MaybeText(error),
                    Param::Int(id),
                    Param::Text(op.key.as_str()),
                ],
            )
            .await?;
        let ending = self.row.state.is_ending();
        if ending {
            self.row.end_lease(None);
            // Nobody will report the end of the rivals that were cancelled when this one won.
            abandon_ops(self.sql, id, now).await?;
            forget_so_far(self.sql, &self.row).await?;
        }
        self.tx.record(
            Event::of_claim(now, EventKind::OperationCompleted, self.claim)
                .with("op", op.key.as_str())
                .with("kind", op.kind.label())
                .with("status", status.label()),
        );
        self.save_transition(from, columns).await?;
        if ending {
            self.tx.record(Event::of_claim(now, EventKind::LeaseReleased, self.claim));
        }
        Ok(())
    }

    async fn find_op(&mut self, op: &Op) -> Result<Option<OpRow>, LedgerError> {
        let statement = "SELECT status, fence, tries, started_at FROM ops WHERE job = $1 AND key = $2";
        let rows = self.sql.rows(statement, &[Param::Int(self.row.id), Param::Text(op.key.as_str())]).await?;
        // One that cannot be read counts as not begun, and is written anew.
        Ok(rows.first().and_then(|row| OpRow::read(row).ok()))
    }

    /// Somebody may still report its end: under an earlier fence nobody can, and after `abandoned` nobody will.
    fn is_running(&self, row: &OpRow) -> bool {
        row.status == OpStatus::Running
            && row.fence == self.claim.fence
            && self.now.saturating_sub(row.started_at) < millis(self.tx.rules.abandoned)
    }

    /// The result of an op that succeeded.
    async fn recorded(&mut self, op: &Op) -> Result<Value, LedgerError> {
        let place = [Param::Int(self.row.id), Param::Text(op.key.as_str())];
        let statement = concat!("SELECT ", long!("result"), " FROM ops WHERE job = $1 AND key = $2");
        let rows = self.sql.rows(statement, &place).await?;
        read_json(rows.first().ok_or_else(|| corrupt("a finished op", "missing"))?.text(0)?)
    }

    /// The job moves to the state that the op had led to.
    async fn replay(&mut self, op: &Op, result: Value) -> Result<Value, LedgerError> {
        for step in op.kind.implied() {
            let from = self.row.state;
            self.row.catch_up(*step);
            self.save_transition(from, ResultColumns::default()).await?;
        }
        self.tx.record(
            Event::of_claim(self.now, EventKind::IdempotencyReplay, self.claim)
                .with("what", "op")
                .with("op", op.key.as_str())
                .with("kind", op.kind.label()),
        );
        Ok(result)
    }
}

impl OpRow {
    fn read(row: &Row) -> Result<Self, LedgerError> {
        Ok(Self {
            status: read_label("an op's status", row.text(0)?)?,
            fence: row.int(1)?,
            tries: row.int(2)?,
            started_at: row.int(3)?,
        })
    }
}
