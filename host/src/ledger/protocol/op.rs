//! Side effects: begun once, replayed when they succeeded, done again when they did not.

use serde_json::Value;

use crate::ledger::error::LedgerError;
use crate::ledger::history::EventKind;
use crate::ledger::job::Claim;
use crate::ledger::op::{Begun, Op, OpStatus, Outcome, Ticket};
use crate::ledger::sql::{Param, Row, Sql};
use crate::ledger::state::State;

use super::rows::{Head, Notes, abandon_ops, corrupt, read_json, read_status, stale};
use super::{Book, Request, millis, told};

/// Asks whether to have a side effect, and takes the step that its beginning is.
#[derive(Debug)]
pub(in crate::ledger) struct Begin {
    pub(in crate::ledger) claim: Claim,
    pub(in crate::ledger) op: Op,
}

/// Says how it ended, and takes the step that its success is, in the same transaction.
#[derive(Debug)]
pub(in crate::ledger) struct Complete {
    pub(in crate::ledger) claim: Claim,
    pub(in crate::ledger) ticket: Ticket,
    pub(in crate::ledger) outcome: Outcome,
}

/// An op's row, as far as deciding needs it.
struct Kept {
    status: OpStatus,
    fence: i64,
    tries: i64,
    started_at: i64,
}

const KEPT: &str = "SELECT status, fence, tries, started_at FROM ops WHERE job = $1 AND key = $2";

impl Request for Begin {
    type Reply = Begun;

    async fn apply<S: Sql>(&self, sql: &mut S, book: &mut Book<'_>) -> Result<Begun, LedgerError> {
        let (mut head, now) = Head::claimed(sql, &self.claim).await?;
        let from = head.state;
        let place = [Param::Int(head.id), Param::Text(self.op.key.as_str())];
        let kept = sql.rows(KEPT, &place).await?.first().map(Kept::read).transpose()?;
        let tries = match &kept {
            Some(kept) if kept.status == OpStatus::Done => {
                return Ok(Begun::Replay(self.replay(sql, book, &mut head, now).await?));
            }
            Some(kept) if kept.is_running_under(&self.claim, now, millis(book.rules.abandoned)) => {
                return Ok(Begun::Running { since: kept.started_at, ticket: self.ticket(kept.tries) });
            }
            Some(kept) => kept.tries + 1,
            None => 1,
        };
        if let Some(step) = self.op.kind.beginning() {
            head.step(step, &self.claim)?;
        }
        // Refused now rather than after the effect is there.
        if let Some(step) = self.op.kind.success() {
            head.clone().step(step, &self.claim)?;
        }
        sql.run(
            "INSERT INTO ops (job, key, kind, status, fence, tries, started_at, context) \
             VALUES ($1, $2, $3, 'RUNNING', $4, $5, $6, $7) ON CONFLICT (job, key) DO UPDATE SET \
             status = 'RUNNING', fence = excluded.fence, tries = excluded.tries, started_at = excluded.started_at, \
             ended_at = NULL, error = NULL",
            &[
                place[0],
                place[1],
                Param::Text(self.op.kind.label()),
                Param::Int(self.claim.fence),
                Param::Int(tries),
                Param::Int(now),
                Param::Text(&self.op.context.to_string()),
            ],
        )
        .await?;
        if head.state != from {
            head.save(sql, head.fence, now, Notes::default()).await?;
        }
        book.tell(
            told(now, EventKind::OperationStarted, &self.claim)
                .with("op", self.op.key.as_str())
                .with("kind", self.op.kind.label())
                .with("try", tries),
        );
        book.tell_move(now, &self.claim, from, head.state);
        Ok(Begun::Run(self.ticket(tries)))
    }
}

impl Begin {
    fn ticket(&self, tries: i64) -> Ticket {
        Ticket { key: self.op.key.clone(), kind: self.op.kind, tries }
    }

    /// The result of the op as it was kept; the job is moved on to where the op had brought it.
    async fn replay<S: Sql>(
        &self,
        sql: &mut S,
        book: &mut Book<'_>,
        head: &mut Head,
        now: i64,
    ) -> Result<Value, LedgerError> {
        let place = [Param::Int(head.id), Param::Text(self.op.key.as_str())];
        let rows = sql.rows("SELECT result FROM ops WHERE job = $1 AND key = $2", &place).await?;
        let row = rows.first().ok_or_else(|| corrupt("a finished op", "missing"))?;
        let result = read_json(row.text(0)?)?;
        for step in self.op.kind.implied() {
            let from = head.state;
            head.catch_up(*step);
            if head.state != from {
                head.save(sql, head.fence, now, Notes::default()).await?;
                book.tell_move(now, &self.claim, from, head.state);
            }
        }
        book.tell(
            told(now, EventKind::IdempotencyReplay, &self.claim)
                .with("what", "op")
                .with("op", self.op.key.as_str())
                .with("kind", self.op.kind.label()),
        );
        Ok(result)
    }
}

impl Request for Complete {
    type Reply = State;

    async fn apply<S: Sql>(&self, sql: &mut S, book: &mut Book<'_>) -> Result<State, LedgerError> {
        let (mut head, now) = Head::of(sql, &self.claim).await?;
        let place = [Param::Int(head.id), Param::Text(self.ticket.key.as_str())];
        let kept = sql.rows(KEPT, &place).await?.first().map(Kept::read).transpose()?;
        let mine = kept.filter(|kept| kept.fence == self.claim.fence && kept.tries == self.ticket.tries);
        // Said twice, because the first answer was lost on its way: it stands.
        if mine.as_ref().is_some_and(|kept| kept.status == OpStatus::Done) && head.fence == self.claim.fence {
            return Ok(head.state);
        }
        if !head.is_held_by(&self.claim, now) {
            return Err(stale(&self.claim));
        }
        if mine.is_none() {
            let op = self.ticket.key.to_string();
            return Err(LedgerError::Superseded { kind: self.ticket.kind.label(), op });
        }
        let from = head.state;
        let mut notes = Notes::default();
        let (status, result, error) = match &self.outcome {
            Outcome::Done { result, artifact } => {
                if let Some(step) = self.ticket.kind.success() {
                    head.step(step, &self.claim)?;
                }
                notes.artifact = artifact.as_deref();
                (OpStatus::Done, Some(result.to_string()), None)
            }
            Outcome::Failed { error } => (OpStatus::Failed, None, Some(error.as_str())),
        };
        sql.run(
            "UPDATE ops SET status = $1, ended_at = $2, result = $3, error = $4 WHERE job = $5 AND key = $6",
            &[
                Param::Text(status.label()),
                Param::Int(now),
                Param::MaybeText(result.as_deref()),
                Param::MaybeText(error),
                place[0],
                place[1],
            ],
        )
        .await?;
        if head.state.is_ending() {
            head.let_go(None);
            // Of the rivals that were dropped when this one won nobody will say how they ended.
            abandon_ops(sql, head.id, now).await?;
        }
        if head.state != from || notes.artifact.is_some() {
            head.save(sql, head.fence, now, notes).await?;
        }
        book.tell(
            told(now, EventKind::OperationCompleted, &self.claim)
                .with("op", self.ticket.key.as_str())
                .with("kind", self.ticket.kind.label())
                .with("status", status.label()),
        );
        book.tell_move(now, &self.claim, from, head.state);
        if head.state.is_ending() {
            book.tell(told(now, EventKind::LeaseReleased, &self.claim));
        }
        Ok(head.state)
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

    /// Under an earlier fence nobody can end it any more, and after `abandoned` nobody will.
    fn is_running_under(&self, claim: &Claim, now: i64, abandoned: i64) -> bool {
        self.status == OpStatus::Running
            && self.fence == claim.fence
            && now.saturating_sub(self.started_at) < abandoned
    }
}
