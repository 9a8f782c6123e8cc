//! Side effects: begun once, replayed when they succeeded, done again when they did not.

use serde_json::Value;

use crate::error::LedgerError;
use crate::history::EventKind;
use crate::op::{Begun, Op, OpStatus, Outcome};
use crate::sql::{Param, Row, Sql};

use super::command::JobTx;
use super::rows::{Notes, abandon_ops, corrupt, read_json, read_status};
use super::{millis, told};

/// An op's row, as far as deciding needs it.
struct Kept {
    status: OpStatus,
    fence: i64,
    tries: i64,
    started_at: i64,
}

impl<S: Sql> JobTx<'_, '_, S> {
    /// Whether to have a side effect; takes the step that its beginning is.
    pub(super) async fn begin(&mut self, op: &Op) -> Result<Begun, LedgerError> {
        self.held()?;
        let from = self.head.state;
        let tries = match self.kept(op).await? {
            Some(kept) if kept.status == OpStatus::Done => return self.replay(op).await.map(Begun::Replay),
            Some(kept) if self.is_running(&kept) => return Ok(Begun::Running { since: kept.started_at }),
            Some(kept) => kept.tries + 1,
            None => 1,
        };
        let mut head = self.head.clone();
        if let Some(step) = op.kind.beginning() {
            head.step(step, self.claim)?;
        }
        // Refused now rather than after the effect is there.
        if let Some(step) = op.kind.success() {
            head.clone().step(step, self.claim)?;
        }
        self.head = head;
        self.sql
            .run(
                "INSERT INTO ops (job, key, kind, status, fence, tries, started_at, context) \
                 VALUES ($1, $2, $3, 'RUNNING', $4, $5, $6, $7) ON CONFLICT (job, key) DO UPDATE SET \
                 status = 'RUNNING', fence = excluded.fence, tries = excluded.tries, \
                 started_at = excluded.started_at, ended_at = NULL, error = NULL",
                &[
                    Param::Int(self.head.id),
                    Param::Text(op.key.as_str()),
                    Param::Text(op.kind.label()),
                    Param::Int(self.claim.fence),
                    Param::Int(tries),
                    Param::Int(self.now),
                    Param::Text(&op.context.to_string()),
                ],
            )
            .await?;
        self.book.tell(
            told(self.now, EventKind::OperationStarted, self.claim)
                .with("op", op.key.as_str())
                .with("kind", op.kind.label())
                .with("try", tries),
        );
        self.moved(from, Notes::default()).await?;
        Ok(Begun::Run)
    }

    /// How it ended; takes the step that its success is.
    pub(super) async fn complete(&mut self, op: &Op, outcome: &Outcome) -> Result<(), LedgerError> {
        let kept = self.kept(op).await?;
        let is_done = kept.as_ref().is_some_and(|kept| kept.status == OpStatus::Done);
        let mine = kept.is_some_and(|kept| kept.fence == self.claim.fence);
        // Said twice, because the first answer was lost on its way: it stands.
        if is_done && mine && self.head.fence == self.claim.fence {
            return Ok(());
        }
        self.held()?;
        if is_done {
            return Ok(());
        }
        if !mine {
            self.begin(op).await?;
        }
        let from = self.head.state;
        let mut notes = Notes::default();
        let (status, result, error) = match outcome {
            Outcome::Done { result, artifact } => {
                if let Some(step) = op.kind.success() {
                    self.head.step(step, self.claim)?;
                }
                notes.artifact = artifact.as_deref();
                (OpStatus::Done, Some(result.to_string()), None)
            }
            Outcome::Failed { error } => (OpStatus::Failed, None, Some(error.as_str())),
        };
        let (id, now) = (self.head.id, self.now);
        self.sql
            .run(
                "UPDATE ops SET status = $1, ended_at = $2, result = $3, error = $4 WHERE job = $5 AND key = $6",
                &[
                    Param::Text(status.label()),
                    Param::Int(now),
                    Param::MaybeText(result.as_deref()),
                    Param::MaybeText(error),
                    Param::Int(id),
                    Param::Text(op.key.as_str()),
                ],
            )
            .await?;
        let ending = self.head.state.is_ending();
        if ending {
            self.head.let_go(None);
            // Of the rivals that were dropped when this one won nobody will say how they ended.
            abandon_ops(self.sql, id, now).await?;
        }
        self.book.tell(
            told(now, EventKind::OperationCompleted, self.claim)
                .with("op", op.key.as_str())
                .with("kind", op.kind.label())
                .with("status", status.label()),
        );
        self.moved(from, notes).await?;
        if ending {
            self.book.tell(told(now, EventKind::LeaseReleased, self.claim));
        }
        Ok(())
    }

    async fn kept(&mut self, op: &Op) -> Result<Option<Kept>, LedgerError> {
        let statement = "SELECT status, fence, tries, started_at FROM ops WHERE job = $1 AND key = $2";
        let rows =
            self.sql.rows(statement, &[Param::Int(self.head.id), Param::Text(op.key.as_str())]).await?;
        rows.first().map(Kept::read).transpose()
    }

    /// Under an earlier fence nobody can end it any more, and after `abandoned` nobody will.
    fn is_running(&self, kept: &Kept) -> bool {
        kept.status == OpStatus::Running
            && kept.fence == self.claim.fence
            && self.now.saturating_sub(kept.started_at) < millis(self.book.rules.abandoned)
    }

    /// The result of the op as it was kept; the job is moved on to where the op had brought it.
    async fn replay(&mut self, op: &Op) -> Result<Value, LedgerError> {
        let place = [Param::Int(self.head.id), Param::Text(op.key.as_str())];
        let rows = self.sql.rows("SELECT result FROM ops WHERE job = $1 AND key = $2", &place).await?;
        let row = rows.first().ok_or_else(|| corrupt("a finished op", "missing"))?;
        let result = read_json(row.text(0)?)?;
        for step in op.kind.implied() {
            let from = self.head.state;
            self.head.catch_up(*step);
            self.moved(from, Notes::default()).await?;
        }
        self.book.tell(
            told(self.now, EventKind::IdempotencyReplay, self.claim)
                .with("what", "op")
                .with("op", op.key.as_str())
                .with("kind", op.kind.label()),
        );
        Ok(result)
    }
}

impl Kept {
    fn read(row: &Row) -> Result<Self, LedgerError> {
        Ok(Self {
            status: read_status(row.text(0)?)?,
            fence: row.int(1)?,
            tries: row.int(2)?,
            started_at: row.int(3)?,
        })
    }
}
